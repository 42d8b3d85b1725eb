"""A client certificate is absent, valid, or refused; what each means, and how it ends."""

import datetime
import ssl
import time

import gatecase
from backends.authority import Authority, openssl
from backends.process import wait_until
from rig import ALICE, BOB, USERS
from wire import connect, tls_context


def in_seconds(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y%m%d%H%M%SZ")


def san(*names):
    """A subjectAltName of rfc822Names given as octets, well-formed or not."""
    body = b"".join(bytes([0x81, len(name)]) + name for name in names)
    return "DER:" + (bytes([0x30, len(body)]) + body).hex(":")


class States(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        make = rig.clients.client
        cls.valid = make("valid", ALICE)
        strangers = Authority(rig.path("strangers"), "Client CA")  # of the same name, too
        cls.unknown = {"another authority": strangers.client("alice", ALICE)}
        cls.refused = {
            "expired": make("expired", ALICE, ends=in_seconds(-3600)),
            "not yet valid": make("early", ALICE, begins=in_seconds(3600)),
            "no name": make("nameless"),
            "two names": make("two", ALICE, BOB),
            "one name twice": make("twice", ALICE, ALICE),
            "empty name": make("empty", names=san(b"")),
            "NUL in the name": make("nul", names=san(b"alice@example.org\0.evil.example")),
            "control in the name": make("control", names=san(b"alice@example.org\r\n")),
            "not ASCII": make("utf8", names=san("élise@example.org".encode())),
            "master user": make("master", "postern"),
            "master login": make("separator", "alice*postern"),
            "another purpose": make("server", ALICE, usage="serverAuth"),
            "any purpose": make("any", ALICE, usage="anyExtendedKeyUsage"),
            "no purpose": make("purposeless", ALICE, usage=None),
            "only a name in the subject": make("subject", subject=ALICE),
            "only a DNS name": make("dns", names="DNS:alice.example.org"),
        }
        cls.preauth = rig.add_listener("preauth", login=["certificate", "password"], preauth=True)
        rig.postern.config.section("limits", failure_delay="1ms")

    def test_absent(self):
        self.assert_good_client_works()

    def test_valid(self):
        with connect(self.rig, certificate=self.valid) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)
        self.wait_event("login_accepted", login=ALICE, factor="certificate")

    def test_unknown_issuer_counts_as_absent(self):
        for what, certificate in self.unknown.items():
            with self.subTest(what):
                with connect(self.rig, certificate=certificate) as wire:
                    self.assert_refused(wire.external())
                with connect(self.rig, certificate=certificate) as wire:
                    self.assert_ok(wire.login(ALICE, USERS[ALICE]))

    def test_refused_for_every_login(self):
        for what, certificate in self.refused.items():
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(what, version=version):
                    context = tls_context(self.rig, certificate, version=version)
                    with connect(self.rig, context=context) as wire:
                        answer = wire.external()
                        self.assert_refused(answer)
                        self.assertIn(b"certificate", answer.lower())
                    with connect(self.rig, context=context) as wire:
                        answer = wire.login(ALICE, USERS[ALICE])
                        self.assert_refused(answer)
                        self.assertIn(b"certificate", answer.lower())

    def test_refused_gets_no_preauth(self):
        for what, certificate in self.refused.items():
            with self.subTest(what), connect(self.rig, self.preauth, certificate) as wire:
                self.assertFalse(wire.greeting.startswith(b"* PREAUTH"), wire.greeting)

    def test_the_answer_says_why(self):
        with connect(self.rig, certificate=self.refused["expired"]) as wire:
            self.assertIn(b"expired", wire.external())

    def test_a_resumed_session_is_judged_anew(self):
        """A session whose certificate is refused is not resumed: the full handshake says why."""
        for certificate, is_resumed, check in ((self.valid, True, self.assert_ok),
                                               (self.refused["two names"], False, self.assert_refused)):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(version=version, certificate=certificate.cert):
                    context = tls_context(self.rig, certificate, version=version)
                    with connect(self.rig, context=context) as wire:
                        session = wire.tls_session()
                    with connect(self.rig, context=context, session=session) as wire:
                        self.assertEqual(wire.socket.session_reused, is_resumed)
                        check(wire.login(ALICE, USERS[ALICE]))


class IntermediateAlone(gatecase.GateCase):
    """A section client_ca names the authority that issues, not the root above it."""

    @classmethod
    def configure(cls, rig):
        root = Authority(rig.path("root"), "Root CA")
        issuing = Authority(rig.path("issuing"), "Issuing CA")
        request = rig.path("issuing.csr")
        extensions = rig.path("issuing.ext")
        with open(extensions, "w") as out:
            out.write("basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n")
        openssl("req", "-new", "-key", issuing.key, "-out", request, "-subj", "/CN=Issuing CA")
        openssl("x509", "-req", "-in", request, "-CA", root.cert, "-CAkey", root.key,
                "-CAcreateserial", "-days", 365, "-extfile", extensions, "-out", issuing.cert)
        cls.issued = issuing.client("alice", ALICE)
        cls.root_issued = root.client("bob", BOB)
        rig.postern.config.section("client_ca", "clients", certificate=issuing.cert)

    def test_what_it_issued_is_valid(self):
        with connect(self.rig, certificate=self.issued) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)

    def test_what_the_root_issued_is_a_stranger_s(self):
        with connect(self.rig, certificate=self.root_issued) as wire:
            self.assert_refused(wire.external())
        with connect(self.rig, certificate=self.root_issued) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))


class Devices(gatecase.GateCase):
    """Certificates that `postern device add` made, and their end by `postern device revoke`."""

    @classmethod
    def configure(cls, rig):
        rig.make_postern_ca()
        rig.postern.config.section("limits", failure_delay="1ms")

    def live_session(self, device):
        wire = connect(self.rig, certificate=device)
        self.addCleanup(wire.close)
        self.assert_ok(wire.external())
        self.assert_reads_mail(wire)
        return wire

    def revoke(self, login, name):
        return self.rig.postern.ask("device", "revoke", login, "--name", name)

    def test_revocation_closes_live_sessions(self):
        lost, kept = (self.rig.add_device(ALICE, name) for name in ("lost", "kept"))
        sessions = [self.live_session(lost) for _ in range(3)]
        other = self.live_session(kept)
        self.revoke(ALICE, "lost")
        returned = time.monotonic()
        for wire in sessions:
            wire.until_closed()
        print(f"# revoked: 3 sessions closed {1000 * (time.monotonic() - returned):.1f} ms after the "
              "command returned")
        self.assertTrue(other.is_open())
        self.wait_event("session_ended", reason="revoked")

    def test_a_revoked_one_is_refused(self):
        device = self.rig.add_device(BOB, "stolen")
        self.live_session_of_bob(device)
        self.revoke(BOB, "stolen")
        with connect(self.rig, certificate=device) as wire:
            self.assertIn(b"revoked", wire.external())
        with connect(self.rig, certificate=device) as wire:
            self.assert_refused(wire.login(BOB, USERS[BOB]))
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))

    def live_session_of_bob(self, device):
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())

    def test_a_revoked_one_is_refused_on_resumption(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            name = f"resuming-{version.name}"
            device = self.rig.add_device(ALICE, name)
            context = tls_context(self.rig, device, version=version)
            with connect(self.rig, context=context) as wire:
                session = wire.tls_session()
                self.assert_ok(wire.external())
            self.revoke(ALICE, name)
            with connect(self.rig, context=context, session=session) as wire:
                self.assertIn(b"revoked", wire.external())

    def test_list(self):
        device = self.rig.add_device(ALICE, "listed")
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
        row = [row for row in self.rig.postern.rows("device", "list", ALICE) if row["name"] == "listed"]
        self.assertEqual(len(row), 1)
        self.assertEqual(row[0]["login"], ALICE)
        self.revoke(ALICE, "listed")

    def test_revoking_what_is_not_there(self):
        done = self.rig.postern.ask("device", "revoke", ALICE, "--name", "none", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_device_add_never_overwrites(self):
        self.rig.add_device(ALICE, "twice")
        with self.assertRaises(AssertionError):
            self.rig.add_device(ALICE, "twice")

    def test_pkcs12(self):
        path = self.rig.path("alice.p12")
        done = self.rig.postern.ask("device", "add", ALICE, "--certificate", "--name", "phone",
                                    "--out", path, "--ca", self.rig.postern_ca, "--passphrase-file",
                                    self.rig.passphrase_file)
        from backends.authority import openssl
        password = [word for word in done.stdout.split() if len(word) == 19 and word.count("-") == 3]
        self.assertEqual(len(password), 1, done.stdout)
        self.assertIn("BEGIN CERTIFICATE", openssl("pkcs12", "-in", path, "-nokeys", "-passin",
                                                   f"pass:{password[0]}"))


class Revocations(gatecase.GateCase):
    """By a list of the authority."""

    @classmethod
    def configure(cls, rig):
        cls.good = rig.clients.client("good", ALICE)
        cls.bad = rig.clients.client("bad", BOB)
        cls.later = rig.clients.client("later", BOB)
        rig.clients.revoke(cls.bad)
        rig.postern.config.section("client_ca", "clients", crl=[rig.clients.crl])
        rig.postern.config.section("limits", failure_delay="1ms")

    def test_listed_or_not(self):
        with connect(self.rig, certificate=self.good) as wire:
            self.assert_ok(wire.external())
        with connect(self.rig, certificate=self.bad) as wire:
            self.assertIn(b"revoked", wire.external())
        with connect(self.rig, certificate=self.bad) as wire:
            self.assert_refused(wire.login(BOB, USERS[BOB]))

    def test_a_replaced_list_closes_live_sessions(self):
        context = tls_context(self.rig, self.later)
        wire = connect(self.rig, context=context)
        self.addCleanup(wire.close)
        session = wire.tls_session()
        self.assert_ok(wire.external())
        self.assert_reads_mail(wire, BOB)
        self.rig.clients.revoke(self.later)
        replaced = time.monotonic()
        wire.until_closed()
        print(f"# CRL replaced: session closed after {time.monotonic() - replaced:.1f} s")
        with connect(self.rig, context=context, session=session) as wire:
            self.assertIn(b"revoked", wire.external())
        with connect(self.rig, certificate=self.good) as wire:
            self.assert_ok(wire.external())


class OverdueList(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        cls.good = rig.clients.client("good", ALICE)
        rig.clients.write_crl(seconds=1)
        rig.postern.config.section("client_ca", "clients", crl=[rig.clients.crl])

    def test_certificates_are_refused_and_passwords_work(self):
        def is_refused():
            with connect(self.rig, certificate=self.good) as wire:
                return not wire.external().startswith(b"OK")
        wait_until(is_refused, 10, "the list is overdue")
        self.assert_good_client_works()


class Expiry(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        cls.short = rig.clients.client("short", ALICE, ends=in_seconds(20))

    def test_a_session_ends_with_its_certificate(self):
        context = tls_context(self.rig, self.short)
        wire = connect(self.rig, context=context, timeout=90)
        self.addCleanup(wire.close)
        session = wire.tls_session()
        self.assert_ok(wire.external())
        wire.until_closed()
        self.wait_event("session_ended", reason="certificate expired")
        with connect(self.rig, context=context, session=session) as wire:
            self.assertIn(b"expired", wire.external())


class AuthorityTakenAway(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        cls.valid = rig.clients.client("valid", ALICE)
        cls.others = Authority(rig.path("others"), "Other CA")

    def test_a_resumed_session_of_it_is_worth_nothing(self):
        context = tls_context(self.rig, self.valid)
        with connect(self.rig, context=context) as wire:
            session = wire.tls_session()
            self.assert_ok(wire.external())
        postern = self.rig.postern
        postern.config.section("client_ca", "clients", certificate=self.others.cert)
        postern.write_config()
        postern.reload()
        self.wait_event("reload_done")

        def is_refused():
            with connect(self.rig, context=context, session=session) as wire:
                return not wire.external().startswith(b"OK")
        wait_until(is_refused, 10, "the certificate is worth nothing")
