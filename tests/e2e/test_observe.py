"""mode = observe, and who stands in front: webmail servers that are believed, health checks that count
as nothing."""

import os
import signal
import time

import gatecase
from backends.process import wait_until
from rig import ALICE, BOB, USERS
from wire import Wire, connect, connect_clear, proxy_v1, tls_context

PASSWORD = USERS[ALICE]


class Observed(gatecase.GateCase):
    """Rules say what they would have done, and do nothing."""

    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        config = rig.postern.config
        config.section("limits", failures_per_connection=1, sessions_per_user=2,
                       sessions_per_user_and_address=2, commands_before_login=4, failure_delay="20s",
                       connections_per_address=2, connections_per_prefix=2)
        cls.observed = rig.add_listener("observed", login=["certificate"], mode="observe")
        cls.clear = rig.add_listener("clear", login=["certificate"], mode="observe", tls="starttls")

    def connect(self, with_certificate=False):
        wire = connect(self.rig, self.observed, self.rig.alice if with_certificate else None)
        self.addCleanup(wire.close)
        return wire

    def test_password_where_a_certificate_is_needed(self):
        wire = self.connect()
        self.assertIn("AUTH=PLAIN", wire.capabilities())
        self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assert_reads_mail(wire)
        event = self.wait_event("would_refuse", rule="certificate_needed", login=ALICE)
        self.assertEqual(event["listener"], "observed")

    def test_wrong_password_is_neither_delayed_nor_named_nor_the_last(self):
        wire = self.connect()
        begun = time.monotonic()
        for _ in range(3):
            self.assert_refused(wire.login("secret-typed-as-name", "wrong"))
        self.assertLess(time.monotonic() - begun, 20)
        self.assert_ok(wire.login(ALICE, PASSWORD))
        # One record a minute, which another test may have made.
        self.rig.postern.wait_event("would_refuse", rule="failures_per_connection")
        self.assertNotIn("secret-typed-as-name", self.rig.postern.log_since(self.since))

    def test_name_of_another(self):
        self.assert_ok(self.connect(True).login(BOB, USERS[BOB]))
        self.wait_event("would_refuse", rule="name_differs", login=BOB)

    def test_commands_and_sessions_and_connections_beyond_the_limit(self):
        wires = [self.connect() for _ in range(4)]
        for wire in wires:
            for _ in range(6):
                self.assert_ok(wire.command(b"NOOP"))
        for wire in wires:
            self.assert_ok(wire.login(ALICE, PASSWORD))
        self.wait_event("would_refuse", rule="sessions_per_user", login=ALICE)
        self.assertTrue(self.events("would_refuse", rule="connections_per_address"))
        # One record a minute; the rest are one more, with their number (test_report.py).
        self.assertEqual(len(self.events("would_refuse", rule="commands_before_login")), 1)
        for wire in wires:
            self.assert_reads_mail(wire)

    def test_keeper_hangs(self):
        (keeper,) = self.wait_roles("keeper")
        os.kill(keeper, signal.SIGSTOP)
        try:
            wire = self.connect()
            self.assert_ok(wire.login(ALICE, PASSWORD))
            self.assert_reads_mail(wire)
        finally:
            os.kill(keeper, signal.SIGCONT)
        self.wait_event("would_refuse", rule="keeper_away", login=ALICE)

    def test_keeper_killed(self):
        for _ in range(3):
            for pid in self.rig.postern.roles("keeper"):
                os.kill(pid, signal.SIGKILL)
            self.assert_ok(self.connect().login(BOB, USERS[BOB]))

    def wait_roles(self, role):
        """Their pids: another test may have killed them, and they come back later with each death."""
        return wait_until(lambda: self.rig.postern.roles(role), 60, f"a {role}")

    def signal_all(self, number):
        for role in ("keeper", "broker"):
            for pid in self.wait_roles(role):
                os.kill(pid, number)

    def test_keeper_and_broker_hang(self):
        """What has TLS logs in; TLS itself needs the broker, and has it again."""
        wires = [self.connect() for _ in range(2)]
        self.signal_all(signal.SIGSTOP)
        try:
            for wire, login in zip(wires, (ALICE, BOB)):
                self.assert_refused(wire.login(login, "wrong"))
                self.assert_ok(wire.login(login, USERS[login]))
                self.assert_reads_mail(wire, login)
        finally:
            self.signal_all(signal.SIGCONT)
        for login in (ALICE, BOB):
            self.wait_event("would_refuse", rule="keeper_away", login=login)
        self.assert_ok(self.connect().login(ALICE, PASSWORD))

    def test_keeper_and_broker_killed(self):
        wires = [self.connect() for _ in range(2)]
        for wire in wires:
            self.signal_all(signal.SIGKILL)
            self.assert_ok(wire.login(BOB, USERS[BOB]))
            self.assert_reads_mail(wire, BOB)

    def test_tls_and_the_protocol_stay_enforced(self):
        """Also while those who know rules hang."""
        (keeper,) = self.wait_roles("keeper")
        os.kill(keeper, signal.SIGSTOP)
        try:
            with self.assertRaises(OSError):
                connect(self.rig, self.observed, context=tls_context(self.rig, alpn=["http/1.1"]))
            with Wire(self.observed) as wire:
                wire.send(b"a LOGIN alice secret\r\n")
                self.assertNotIn(b"OK", wire.until_closed())
            with connect_clear(self.rig, self.clear) as wire:
                self.assertIn("LOGINDISABLED", wire.capabilities())
                self.assert_refused(wire.login(ALICE, PASSWORD))
            with connect_clear(self.rig, self.clear) as wire:
                wire.send(b"a STARTTLS\r\nb NOOP\r\n")
                self.assertNotIn(b"b OK", wire.until_closed())
            with connect(self.rig, self.observed) as wire:
                wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertLessEqual(len(wire.until_closed().splitlines()), 1)
        finally:
            os.kill(keeper, signal.SIGCONT)
        self.wait_event("starttls_injection")

    def test_what_stays_enforced(self):
        self.assert_refused(self.connect().external())
        # These wait for their time, here 20 s, so that the master user's name is no other name.
        wire = self.connect()
        wire.send(b'm LOGIN "postern*postern" x\r\n')
        self.wait_event("login_refused", listener="observed", outcome="refused")


class Webmail(gatecase.GateCase):
    """127.0.0.1 is a webmail server on one listener; behind a PROXY header 192.0.2.7 is one."""

    @classmethod
    def configure(cls, rig):
        config = rig.postern.config
        config.section("limits", connections_per_address=2, sessions_per_user_and_address=2,
                       connections_per_prefix=4)
        cls.webmail = rig.add_listener("webmail", login=["password"], trusted_clients=["127.0.0.1"])
        cls.stranger = rig.add_listener("stranger", login=["password"], trusted_clients=["192.0.2.9"])
        cls.proxied = rig.add_listener("proxied", login=["password"], trusted_clients=["192.0.2.7"],
                                       proxy_protocol=["127.0.0.0/8"])

    def connect(self, port, said=None, **options):
        wire = connect(self.rig, port, **options)
        self.addCleanup(wire.close)
        if said:
            self.assert_ok(wire.command(b'ID ("name" "Roundcube" "x-originating-ip" "%s")' % said))
        return wire

    def assert_told(self, address):
        event = self.wait_event("login_accepted", login=ALICE, address=address)
        self.assertTrue(event)
        self.assertIn(f"rip={address},", self.rig.dovecot.log_text())

    def test_webmail_is_believed(self):
        self.assert_ok(self.connect(self.webmail, b"203.0.113.5").login(ALICE, PASSWORD))
        self.assert_told("203.0.113.5")

    def test_others_are_not(self):
        self.assert_ok(self.connect(self.stranger, b"203.0.113.6").login(ALICE, PASSWORD))
        self.wait_event("login_accepted", address="127.0.0.1")
        self.assertNotIn("203.0.113.6", self.rig.dovecot.log_text())

    def test_the_address_in_the_proxy_header_is_what_counts(self):
        wire = self.connect(self.proxied, b"203.0.113.7", proxy=proxy_v1("192.0.2.7"))
        self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assert_told("203.0.113.7")
        wire = self.connect(self.proxied, b"203.0.113.8", proxy=proxy_v1("192.0.2.8"))
        self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assert_told("192.0.2.8")

    def test_nonsense_and_two_answers_are_refused(self):
        for said in (b'"x-originating-ip" "203.0.113.999"', b'"x-originating-ip" NIL',
                     b'"x-originating-ip" "203.0.113.1" "X-Originating-IP" "203.0.113.1"'):
            with self.subTest(said=said):
                wire = self.connect(self.webmail)
                self.assert_refused(wire.command(b"ID (" + said + b")"))
        wire = self.connect(self.webmail, b"203.0.113.11")
        self.assert_ok(wire.command(b'ID ("x-originating-ip" "203.0.113.11")'))
        self.assert_refused(wire.command(b'ID ("x-originating-ip" "203.0.113.12")'))
        self.wait_event("client_address_refused")

    def test_limits_are_the_clients_and_never_the_webmails(self):
        wires = [self.connect(self.webmail) for _ in range(8)]
        for wire in wires:
            self.assert_ok(wire.command(b"NOOP"))
        for wire in wires[:4]:  # above the limit of one address: without the field there is no place
            self.assert_ok(wire.login(ALICE, PASSWORD))
        for last in range(3):
            self.assert_ok(self.connect(self.webmail, b"203.0.113.2%d" % last).command(b"NOOP"))
        same = [self.connect(self.webmail, b"198.51.100.1") for _ in range(3)]
        self.assertEqual(sum(wire.is_open() for wire in same), 2)


class HealthChecks(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", connections_per_address=2, connections_per_prefix=2,
                                   handshakes_per_prefix_per_s=1)
        cls.checked = rig.add_listener("checked", login=["password"], health_checks=["127.0.0.1"])

    def test_count_as_nothing_and_leave_no_record(self):
        wires = [connect(self.rig, self.checked) for _ in range(8)]
        for wire in wires:
            self.assert_ok(wire.command(b"NOOP"))
            wire.close()
        with connect(self.rig, self.checked) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
        self.wait_event("login_accepted", listener="checked")
        self.assertFalse(self.events("connection_refused", listener="checked"))
        self.assertFalse(self.events("connection_ended", listener="checked"))
