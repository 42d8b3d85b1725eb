"""Towards the backend: who the client is, which address is healthy, TLS, another family of server, and
a backend that lies."""

import unittest

import gatecase
from backends import ports
from backends.cyrus import Cyrus
from backends.process import wait_until
from fake_backend import CAPABILITIES, FakeBackend, serve
from rig import ALICE, USERS, Dovecot
from wire import connect, proxy_v1, proxy_v2

PASSWORD = USERS[ALICE]


class Identification(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        config = rig.postern.config
        rig.alice = rig.clients.client("alice", ALICE)
        config.copy_section("backend", "imap", "by-proxy", identify="proxy",
                            address=[f"127.0.0.1:{rig.dovecot.proxy_port}"])
        config.copy_section("backend", "imap", "by-none", identify="none")
        trusted = dict(proxy_protocol=["127.0.0.0/8"])
        cls.ports = {"id": rig.add_listener("by-id", **trusted),
                     "proxy": rig.add_listener("by-proxy", backend="by-proxy", **trusted),
                     "none": rig.add_listener("by-none", backend="by-none", **trusted)}

    def logins_seen(self, address):
        return [line for line in self.rig.dovecot.log_text().splitlines()
                if "Login: user=<alice@example.org>" in line and f"rip={address}," in line]

    def log_in(self, how, proxy):
        with connect(self.rig, self.ports[how], proxy=proxy) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
            self.assert_reads_mail(wire)
        with connect(self.rig, self.ports[how], self.rig.alice, proxy=proxy) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)

    def test_id(self):
        self.log_in("id", proxy_v2("192.0.2.10"))
        self.log_in("id", proxy_v1("2001:db8::10"))
        self.assertEqual(len(self.logins_seen("192.0.2.10")), 2)
        self.assertEqual(len(self.logins_seen("2001:db8::10")), 2)

    def test_proxy_protocol(self):
        self.log_in("proxy", proxy_v1("192.0.2.11"))
        self.log_in("proxy", proxy_v2("2001:db8::11"))
        self.assertEqual(len(self.logins_seen("192.0.2.11")), 2)
        self.assertEqual(len(self.logins_seen("2001:db8::11")), 2)

    def test_none(self):
        self.log_in("none", proxy_v2("192.0.2.12"))
        self.assertFalse(self.logins_seen("192.0.2.12"))

    def test_proxy_header_from_a_stranger(self):
        """On a listener that believes nobody it is not TLS, and on one that does it must be there."""
        with self.assertRaises(OSError):
            connect(self.rig, proxy=proxy_v2("192.0.2.13"))
        with self.assertRaises(OSError):
            connect(self.rig, self.ports["id"], timeout=60)

    def test_malformed_proxy_headers(self):
        for header in (b"PROXY TCP4 999.0.0.1 127.0.0.1 1 2\r\n", b"PROXY TCP4 192.0.2.1\r\n",
                       b"PROXY " + b"x" * 200 + b"\r\n", proxy_v2("192.0.2.1")[:12] + b"\xff" * 40,
                       b"GET / HTTP/1.0\r\n\r\n"):
            with self.subTest(header), self.assertRaises(OSError):
                connect(self.rig, self.ports["id"], proxy=header)
        self.log_in("id", proxy_v2("192.0.2.14"))


class Failover(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        cls.first = rig.dovecot
        cls.second = Dovecot(rig.path("second"), USERS, rig.backend_certificate).start()
        cls.addClassCleanup(cls.second.stop)
        rig.postern.config.section("backend", "imap", health_interval="200ms", connect_timeout="500ms",
                                   address=[f"127.0.0.1:{cls.first.plain_port}",
                                            f"127.0.0.1:{cls.second.plain_port}"])

    def test_order_failure_and_return(self):
        self.assert_good_client_works()
        self.assertIn("Login:", self.first.log_text())
        self.assertNotIn("Login:", self.second.log_text())
        self.first.stop()
        self.assert_good_client_works()
        self.assertIn("Login:", self.second.log_text())
        self.second.stop()
        for _ in range(5):  # more than the failures that one connection may have
            with connect(self.rig) as wire:
                for _ in range(4):
                    self.assertIn(b"[UNAVAILABLE]", wire.login(ALICE, PASSWORD))
        self.assertFalse(self.events("login_refused", outcome="refused"))
        self.first.start()

        def is_back():
            with connect(self.rig) as wire:
                return wire.login(ALICE, PASSWORD).startswith(b"OK")
        wait_until(is_back, 10, "the first backend is used again")
        self.second.start()


class FirstAddressSilent(gatecase.GateCase):
    """The first address never was there."""

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("backend", "imap", address=[
            f"127.0.0.1:{ports.free_port()}", f"127.0.0.1:{rig.dovecot.plain_port}"])

    def test_the_first_login_already_works(self):
        self.assert_good_client_works()


class BackendTls(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        config = rig.postern.config
        good = dict(ca=rig.servers.cert, tls_name="backend.example.org", reply_timeout="2s")
        tls = [f"127.0.0.1:{rig.dovecot.tls_port}"]
        variants = {
            "implicit": dict(tls="implicit", address=tls, **good),
            "starttls": dict(tls="starttls", **good),
            "wrong-name": dict(tls="implicit", address=tls, **{**good, "tls_name": "other.example.org"}),
            "wrong-ca": dict(tls="implicit", address=tls, **{**good, "ca": rig.clients.cert}),
            "starttls-wrong-name": dict(tls="starttls", **{**good, "tls_name": "other.example.org"}),
            "starttls-wrong-ca": dict(tls="starttls", **{**good, "ca": rig.clients.cert}),
        }
        cls.ports = {}
        for name, values in variants.items():
            config.copy_section("backend", "imap", name, **values)
            cls.ports[name] = rig.add_listener(name, backend=name)

    def test_verified(self):
        for name in ("implicit", "starttls"):
            with self.subTest(name):
                self.assert_good_client_works(self.ports[name])

    def test_not_verified(self):
        said = len(self.rig.dovecot.log_text())
        for name in ("wrong-name", "wrong-ca", "starttls-wrong-name", "starttls-wrong-ca"):
            with self.subTest(name), connect(self.rig, self.ports[name]) as wire:
                self.assertIn(b"[UNAVAILABLE]", wire.login(ALICE, PASSWORD))
        self.assertNotIn("Login:", self.rig.dovecot.log_text()[said:])


@unittest.skipUnless(Cyrus.is_installed(), "Cyrus is not unpacked: scripts/install-packages test")
class CyrusBehind(gatecase.GateCase):
    rig_options = {"dovecot": False}

    @classmethod
    def configure(cls, rig):
        cls.cyrus = Cyrus(rig.path("cyrus"), {"alice": PASSWORD}).start()
        cls.addClassCleanup(cls.cyrus.stop)
        rig.alice = rig.clients.client("alice", ALICE)
        rig.postern.config.section("backend", "imap", address=[f"127.0.0.1:{cls.cyrus.plain_port}"],
                                   username="local")

    def test_password(self):
        self.assert_good_client_works()

    def test_wrong_password(self):
        with connect(self.rig) as wire:
            self.assert_refused(wire.login(ALICE, "wrong"))
            self.assert_ok(wire.login(ALICE, PASSWORD))

    def test_certificate(self):
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)

    def test_no_referrals_are_offered(self):
        with connect(self.rig) as wire:
            answer = wire.login(ALICE, PASSWORD)
            self.assertNotIn(b"REFERRALS", answer)
            self.assertNotIn(b"LOGINDISABLED", answer)


class LyingBackend(gatecase.GateCase):
    """Every test puts its own backend at the one address that Postern knows."""

    rig_options = {"dovecot": False}

    @classmethod
    def configure(cls, rig):
        def talk(peer):
            cls.talk(peer)
        cls.talk = staticmethod(serve)
        cls.backend = FakeBackend(talk)
        cls.addClassCleanup(cls.backend.close)
        rig.alice = rig.clients.client("alice", ALICE)
        address = [f"127.0.0.1:{cls.backend.port}"]
        config = rig.postern.config
        config.section("limits", failure_delay="1ms", failures_per_connection=100)
        config.section("backend", "imap", address=address, reply_timeout="1s", health_interval="1h")
        config.copy_section("backend", "imap", "starttls", tls="starttls", ca=rig.servers.cert,
                            tls_name="backend.example.org")
        cls.starttls = rig.add_listener("starttls", backend="starttls")

    def with_backend(self, talk):
        type(self).talk = staticmethod(talk)
        self.backend.heard.clear()

    def answer_with(self, answers=None, port=None, **options):
        """The gate's answer to a login while the backend answers so."""
        self.with_backend(lambda peer: serve(peer, answers, **options))
        with connect(self.rig, port) as wire:
            self.answer = wire.login(ALICE, PASSWORD)
            self.said = b"\n".join(wire.untagged + [self.answer])
        return self.answer

    def assert_no_password_was_sent(self):
        heard = b"\n".join(self.backend.heard)
        self.assertNotIn(b"LOGIN", heard)
        self.assertNotIn(b"AUTHENTICATE", heard)

    def test_an_honest_one(self):
        self.assert_ok(self.answer_with())

    def test_refusals_tell_nothing_of_the_backends_words(self):
        for answer in (b"TAG NO [ALERT] call +1 555 0100 now\r\n", b"TAG NO no such user\r\n",
                       b"TAG NO [AUTHENTICATIONFAILED] a\r\n",
                       b"TAG NO [REFERRAL imap://evil.example/] go there\r\n"):
            with self.subTest(answer):
                got = self.answer_with({b"LOGIN": answer, b"PLAIN": answer})
                self.assertTrue(got.startswith(b"NO [AUTHENTICATIONFAILED]"), got)
                for word in (b"ALERT", b"555", b"such", b"REFERRAL", b"evil"):
                    self.assertNotIn(word, self.said)

    def test_unavailable_is_no_failure(self):
        for answer in (b"TAG NO [UNAVAILABLE] later\r\n", b"* BYE going down\r\n", b"nonsense\r\n",
                       b"other NO wrong tag\r\n", b"TAG MAYBE\r\n", b"* " + b"x" * 100000, b"",
                       b"TAG OK half a line", b"\0\r\n"):
            with self.subTest(answer[:40]):
                got = self.answer_with({b"LOGIN": answer, b"PLAIN": answer})
                self.assertIn(b"[UNAVAILABLE]", got)
        self.assertFalse(self.events("login_refused", outcome="refused"))

    def test_bad_greetings(self):
        for greeting in (b"* BYE busy\r\n", b"* NO\r\n", b"HTTP/1.1 400 Bad\r\n\r\n",
                         b"* OK" + b"x" * 100000, b"\r\n", b"+ OK\r\n", b"* PREAUTH root\r\n"):
            with self.subTest(greeting[:40]):
                self.assertIn(b"[UNAVAILABLE]", self.answer_with(greeting=greeting))
                self.assert_no_password_was_sent()

    def test_untagged_lines_before_the_login_are_not_passed_on(self):
        got = self.answer_with({b"LOGIN": b"* 1 EXISTS\r\n* OK [ALERT] hello\r\n* LIST () NIL x\r\n"
                                          b"TAG OK in\r\n",
                                b"PLAIN": b"* 1 EXISTS\r\n* OK [ALERT] hello\r\n* LIST () NIL x\r\n"
                                          b"TAG OK in\r\n"})
        self.assert_ok(got)
        for word in (b"EXISTS", b"ALERT", b"LIST"):
            self.assertNotIn(word, self.said)

    def test_what_follows_the_login_in_one_segment_is_passed_on(self):
        answer = b"TAG OK [CAPABILITY IMAP4rev1 IDLE AUTH=X STARTTLS] in\r\n* OK still here\r\n"
        self.with_backend(lambda peer: serve(peer, {b"LOGIN": answer, b"PLAIN": answer}))
        with connect(self.rig) as wire:
            got = wire.login(ALICE, PASSWORD)
            self.assert_ok(got)
            self.assertIn(b"[CAPABILITY IMAP4rev1 IDLE]", got)
            self.assertEqual(wire.line(), b"* OK still here")

    def test_starttls_must_be_offered_and_accepted(self):
        bare = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
        offers = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"
        for greeting, answers in (
                (bare, {b"STARTTLS": b"TAG BAD what\r\n", b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n"
                                                                       b"TAG OK\r\n"}),
                (offers, {b"STARTTLS": b"TAG NO\r\n"}), (offers, {b"STARTTLS": b"TAG BAD\r\n"}),
                (offers, {b"STARTTLS": b"x OK go\r\n"}), (offers, {b"STARTTLS": b"rubbish\r\n"}),
                (offers, {b"STARTTLS": b""}), (b"* PREAUTH [CAPABILITY IMAP4rev1] root\r\n", {}),
                (offers, {b"STARTTLS": b"* BYE\r\n"})):
            with self.subTest(greeting=greeting, answers=answers):
                self.assertIn(b"[UNAVAILABLE]", self.answer_with(answers, self.starttls,
                                                                greeting=greeting))
                self.assert_no_password_was_sent()

    def test_response_injection(self):
        """More than the answer to STARTTLS in one segment: nothing of it may count under TLS."""
        offers = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n"
        for more in (b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", b"x OK logged in\r\n", b"\0",
                     b"* PREAUTH\r\n", b"a1 OK\r\na2 OK\r\na3 OK\r\n"):
            with self.subTest(more):
                self.assertIn(b"[UNAVAILABLE]", self.answer_with(
                    {b"STARTTLS": b"TAG OK go\r\n" + more}, self.starttls, greeting=offers))
                self.assert_no_password_was_sent()

    def test_master_login_that_the_backend_refuses(self):
        answer = b"TAG NO [AUTHORIZATIONFAILED] no\r\n"
        self.with_backend(lambda peer: serve(peer, {b"PLAIN": answer, b"LOGIN": answer}))
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assert_refused(wire.external())
            self.assertNotIn(b"AUTHORIZATIONFAILED", wire.external())

    def test_unauthenticate_is_not_passed_on(self):
        answer = b"TAG OK [CAPABILITY IMAP4rev1 UNAUTHENTICATE] in\r\n"
        self.with_backend(lambda peer: serve(peer, {b"LOGIN": answer, b"PLAIN": answer}))
        for octets in ([b"x UNAUTHENTICATE\r\n"], [b"x unauth", b"enticate\r\n"],
                       [b"w NOOP\r\nx UNAUTHENTICATE\r\ny LOGIN bob x\r\n"]):
            with self.subTest(octets), connect(self.rig) as wire:
                self.assertNotIn(b"UNAUTHENTICATE", wire.login(ALICE, PASSWORD))
                for piece in octets:
                    wire.send(piece)
                self.assertNotIn(b"x OK", wire.until_closed())
        self.assertFalse([line for line in self.backend.heard if b"UNAUTHENTICATE" in line.upper()])
        self.assertTrue(self.events("session_ended", reason="refused command"))

    def test_a_backend_that_closes_later_closes_the_client(self):
        def talk(peer):
            serve(peer, {b"SELECT": lambda peer, tag, rest: peer.socket.close() or b""})
        self.with_backend(talk)
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
            wire.send(b"x SELECT INBOX\r\n")
            wire.until_closed()
        self.wait_event("session_ended")


class CapabilitiesOfTheLiveBackend(gatecase.GateCase):
    rig_options = {"dovecot": False}

    @classmethod
    def configure(cls, rig):
        def talk(peer):
            serve(peer, {name: b"TAG OK in\r\n" for name in (b"LOGIN", b"PLAIN")})
        cls.backend = FakeBackend(talk)
        cls.addClassCleanup(cls.backend.close)
        rig.postern.config.section("backend", "imap", address=[f"127.0.0.1:{cls.backend.port}"])

    def test_they_are_asked_for_when_the_answer_lacks_them(self):
        with connect(self.rig) as wire:
            answer = wire.login(ALICE, PASSWORD)
        self.assertIn(b"IMAP4rev1", answer)
        for word in CAPABILITIES.split():
            if word.startswith(b"AUTH="):
                self.assertNotIn(word, answer)
