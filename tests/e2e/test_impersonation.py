"""A login by certificate alone is the broker's: its password is in no gate, every one is an event, and the
broker's death or silence at any step costs the logins under way and nothing else."""

import os
import signal
import threading
import unittest

import gatecase
from backends.dovecot import MASTER_PASSWORD, Dovecot
from backends.process import wait_until
from fake_backend import FakeBackend, serve
from rig import ALICE, BOB, IS_ROOT, USERS
from test_broker import memory_has
from test_faults import FaultCase
from wire import connect

LOGIN_SECONDS = 4


class Logins(FaultCase):
    @classmethod
    def configure(cls, rig):
        rig.make_postern_ca()
        rig.alice = rig.clients.client("alice", ALICE)

    def test_every_one_is_an_event(self):
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)
        record = self.wait_event("master_login", login=ALICE, outcome="accepted", listener="imaps",
                                 backend="imap", address="127.0.0.1")
        self.assertEqual(record["writer"], "broker")
        self.assertEqual(self.wait_event("login_accepted", login=ALICE)["session"], record["session"])

    def test_a_password_is_no_business_of_the_broker(self):
        self.assert_good_client_works()
        self.assertFalse(self.events("master_login"))

    @unittest.skipUnless(IS_ROOT, "only root reads the memory of others")
    def test_the_master_password_is_in_the_broker_and_in_no_gate(self):
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assert_ok(wire.external())
            secret = MASTER_PASSWORD.encode()
            self.assertTrue(memory_has(self.rig.postern.roles("broker")[0], secret))
            for role in ("gate", "keeper"):
                for pid in self.rig.postern.roles(role):
                    self.assertFalse(memory_has(pid, secret), role)

    def test_what_the_client_says_of_itself_arrives(self):
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assert_ok(wire.command(b'ID ("name" "a \\"b\\" c" "x-originating-ip" "192.0.2.1" "os" NIL)'))
            self.assert_ok(wire.external())
        wait_until(lambda: 'a \\"b\\" c' in self.rig.dovecot.log_text()
                   or 'a "b" c' in self.rig.dovecot.log_text(), 10, "Dovecot logs the name")
        self.assertNotIn("192.0.2.1", self.rig.dovecot.log_text())

    def test_a_killed_broker(self):
        with connect(self.rig, certificate=self.rig.alice) as live, \
                connect(self.rig, certificate=self.rig.alice) as waiting:
            self.assert_ok(live.external())
            mark = self.rig.postern.mark()
            os.kill(self.rig.postern.roles("broker")[0], signal.SIGKILL)
            gates = len(self.rig.postern.roles("gate"))
            wait_until(lambda: len(self.rig.postern.events("broker_away", mark)) == gates, 10, "gates know")
            answer = waiting.external()
            self.assertTrue(answer.startswith(b"OK") or b"[UNAVAILABLE]" in answer, answer)
            self.assert_reads_mail(live)
        self.wait_for_certificate()

    def wait_for_certificate(self):
        def works():
            try:
                with connect(self.rig, certificate=self.rig.alice) as wire:
                    return wire.external().startswith(b"OK")
            except OSError:
                return False
        wait_until(works, 60, "a login by certificate works")

    def test_revoked_between_two_logins(self):
        device = self.rig.add_device(BOB, "phone")
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
        self.rig.postern.ask("device", "revoke", BOB, "--name", "phone")
        mark = self.rig.postern.mark()
        with connect(self.rig, certificate=device) as wire:
            self.assertIn(b"revoked", wire.external())
        self.assertFalse(self.rig.postern.events("master_login", mark, outcome="accepted"))


class SlowBackend(FaultCase):
    """The backend answers the master user when the test says so, and everybody else at once."""

    rig_options = {"dovecot": False}

    @classmethod
    def configure(cls, rig):
        cls.go_on = threading.Event()
        cls.asked = []   # connections on which the master user waits
        cls.closed = []  # and of these, those that were closed

        def answer_master(peer, tag, rest):
            cls.asked.append(peer)
            cls.go_on.wait(60)
            return b"TAG OK [CAPABILITY IMAP4rev1] in\r\n"

        def talk(peer):
            try:
                serve(peer, {b"AUTHENTICATE": answer_master,
                             b"LOGIN": b"TAG OK [CAPABILITY IMAP4rev1] in\r\n"},
                      greeting=b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
            except (OSError, EOFError):
                cls.closed.append(peer)
                raise
        cls.backend = FakeBackend(talk)
        cls.addClassCleanup(cls.backend.close)
        cls.addClassCleanup(cls.go_on.set)
        rig.alice = rig.clients.client("alice", ALICE)
        config = rig.postern.config
        config.top["gates"] = 1
        config.section("limits", login=f"{LOGIN_SECONDS}s", failure_delay="1ms")
        config.section("backend", "imap", address=[f"127.0.0.1:{cls.backend.port}"], health_interval="1h")
        config.section("listener", "imaps", login=["certificate", "oauth"])

    def setUp(self):
        self.go_on.clear()
        self.asked.clear()
        self.closed.clear()

    def begin(self):
        """A connection whose login waits for the backend."""
        before = len(self.asked)
        wire = connect(self.rig, certificate=self.rig.alice)
        self.addCleanup(wire.close)
        wire.send(b"a AUTHENTICATE EXTERNAL =\r\n")
        wait_until(lambda: len(self.asked) > before, 10, "the backend is asked")
        return wire

    def assert_logs_in(self):
        self.go_on.set()
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assert_ok(wire.external())

    def test_others_are_signed_for_meanwhile(self):
        waiting = [self.begin() for _ in range(8)]
        for _ in range(20):  # each handshake needs the broker
            with connect(self.rig) as wire:
                self.assert_ok(wire.command(b"NOOP"))
        self.go_on.set()
        for wire in waiting:
            self.assert_ok(wire.answer(b"a"))

    def test_a_client_that_leaves_leaves_nothing_behind(self):
        wire = self.begin()
        wire.close()
        self.go_on.set()
        wait_until(lambda: self.closed, LOGIN_SECONDS + 10, "the backend's connection is closed")
        self.assert_logs_in()

    def test_the_time_is_up(self):
        wire = self.begin()
        self.assertIn(b"[UNAVAILABLE]", wire.answer(b"a"))
        self.go_on.set()
        wait_until(lambda: self.closed, 10, "the backend's connection is closed")
        self.assertTrue(self.events("master_login", outcome="cancelled")
                        or self.events("master_login", outcome="unavailable"))
        self.assertFalse(self.events("login_accepted"))
        self.assert_logs_in()

    def test_killed_while_the_backend_thinks(self):
        wire = self.begin()
        os.kill(self.rig.postern.roles("broker")[0], signal.SIGKILL)
        self.assertIn(b"[UNAVAILABLE]", wire.answer(b"a"))
        self.go_on.set()
        wait_until(lambda: self.closed, 10, "the backend's connection is closed")
        wait_until(self._works, 60, "a login by certificate works")

    def _works(self):
        try:
            with connect(self.rig, certificate=self.rig.alice) as wire:
                return wire.external().startswith(b"OK")
        except OSError:
            return False

    def test_stopped_before_it_is_asked(self):
        self.stop_broker(lambda: connect(self.rig, certificate=self.rig.alice),
                         lambda wire: wire.send(b"a AUTHENTICATE EXTERNAL =\r\n"))

    def test_stopped_while_the_backend_thinks(self):
        self.stop_broker(self.begin, lambda wire: self.go_on.set())

    def stop_broker(self, begin, then):
        """The client hears the temporary failure; the answer that comes too late is closed, not relayed."""
        broker = self.rig.postern.roles("broker")[0]
        wire = begin()
        self.addCleanup(wire.close)
        os.kill(broker, signal.SIGSTOP)
        try:
            then(wire)
            self.assertIn(b"[UNAVAILABLE]", wire.answer(b"a"))
        finally:
            os.kill(broker, signal.SIGCONT)
        self.assert_logs_in()
        self.assertEqual(len(self.events("login_accepted")), 1)

    def test_the_keeper_stands_still(self):
        """Neither the gate nor the broker waits for it longer than they say."""
        keeper = self.rig.postern.roles("keeper")[0]
        with connect(self.rig, certificate=self.rig.alice) as wire:
            os.kill(keeper, signal.SIGSTOP)
            try:
                self.assertIn(b"[UNAVAILABLE]", wire.external())
            finally:
                os.kill(keeper, signal.SIGCONT)
        self.assert_logs_in()


class PasswordsGoOn(gatecase.GateCase):
    def test_on_a_connection_that_is_there(self):
        """A stopped broker costs who already has TLS nothing but the certificate."""
        broker = self.rig.postern.roles("broker")[0]
        with connect(self.rig) as wire:
            os.kill(broker, signal.SIGSTOP)
            try:
                self.assert_ok(wire.login(ALICE, USERS[ALICE]))
                self.assert_reads_mail(wire)
            finally:
                os.kill(broker, signal.SIGCONT)


class UnderTls(gatecase.GateCase):
    """A connection under TLS can't be handed over: the gate logs in, with the broker's half of SCRAM."""

    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        cls.dovecot = Dovecot(
            rig.path("scram"), USERS, rig.backend_certificate, master_result="return-ok",
            options="auth_mechanisms = plain login xoauth2 oauthbearer scram-sha-256").start()
        cls.addClassCleanup(cls.dovecot.stop)
        config = rig.postern.config
        good = dict(ca=rig.servers.cert, tls_name="backend.example.org")
        wrong = rig.write("wrong-master", "not the password\n", 0o600)
        cls.ports = {}
        for name, values in {
                "implicit": dict(tls="implicit", address=[f"127.0.0.1:{cls.dovecot.tls_port}"]),
                "starttls": dict(tls="starttls", address=[f"127.0.0.1:{cls.dovecot.plain_port}"]),
                "wrong": dict(tls="implicit", address=[f"127.0.0.1:{cls.dovecot.tls_port}"],
                              master_password_file=wrong),
                "plain-only": dict(tls="implicit", address=[f"127.0.0.1:{rig.dovecot.tls_port}"])}.items():
            config.copy_section("backend", "imap", name, **good, **values)
            cls.ports[name] = rig.add_listener(name, backend=name)

    def test_the_user_is_logged_in(self):
        for name in ("implicit", "starttls"):
            with self.subTest(name), connect(self.rig, self.ports[name], self.rig.alice) as wire:
                self.assert_ok(wire.external())
                self.assert_reads_mail(wire)
                self.wait_event("master_login", login=ALICE, outcome="proven", backend=name)
                self.wait_event("login_accepted", login=ALICE, backend=name)
        self.assertIn("method=SCRAM-SHA-256", self.dovecot.log_text())

    @unittest.skipUnless(IS_ROOT, "only root reads the memory of others")
    def test_the_password_is_in_no_gate(self):
        with connect(self.rig, self.ports["implicit"], self.rig.alice) as wire:
            self.assert_ok(wire.external())
            for gate in self.rig.postern.roles("gate"):
                self.assertFalse(memory_has(gate, MASTER_PASSWORD.encode()), gate)

    def test_the_wrong_password(self):
        with connect(self.rig, self.ports["wrong"], self.rig.alice) as wire:
            self.assert_refused(wire.external())
        self.assert_a_password_works("wrong")

    def test_a_backend_without_it(self):
        with connect(self.rig, self.ports["plain-only"], self.rig.alice) as wire:
            self.assertIn(b"[UNAVAILABLE]", wire.external())
        self.assertIn("SCRAM-SHA-256", self.wait_event("login_refused", outcome="unavailable")["detail"])
        self.assertNotIn("method=PLAIN, rip", self.rig.dovecot.log_text())
        self.assert_a_password_works("plain-only")

    def assert_a_password_works(self, name):
        """Of bob, who is not enrolled: alice was here with her certificate."""
        with connect(self.rig, self.ports[name]) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))
            self.assert_reads_mail(wire, BOB)
