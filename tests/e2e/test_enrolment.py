"""after_enrolment: who owns a valid certificate is let in with it, and a stolen password is worth nothing
and tells nothing."""

import json
import os
import signal

import gatecase
from backends.process import wait_until
from fake_backend import FakeBackend, serve
from rig import ALICE, BOB, USERS
from wire import connect, encode, plain

PASSWORD = USERS[ALICE]


def command(kind, name, password):
    if kind == "LOGIN":
        return f'LOGIN "{name}" "{password}"'.encode()
    if kind == "PLAIN":
        return b"AUTHENTICATE PLAIN " + plain(name, password)
    return b"AUTHENTICATE XOAUTH2 " + encode(f"user={name}\1auth=Bearer {password}\1\1")


class Enrolment(gatecase.GateCase):
    """Two gates before a real Dovecot, and before a backend that writes down what it hears."""

    @classmethod
    def configure(cls, rig):
        def talk(peer):
            serve(peer, {name: b"TAG OK in\r\n" for name in (b"LOGIN", b"PLAIN", b"XOAUTH2")})
        cls.backend = FakeBackend(talk)
        cls.addClassCleanup(cls.backend.close)
        rig.make_postern_ca()
        config = rig.postern.config
        config.top["gates"] = 2
        config.section("listener", "imaps", after_enrolment="certificate")
        config.section("limits", failure_delay="1ms", failures_per_connection=100)
        config.copy_section("backend", "imap", "listening", address=[f"127.0.0.1:{cls.backend.port}"],
                            health_interval="1h")
        config.copy_section("backend", "listening", "local", username="local")
        cls.listening = rig.add_listener("listening", backend="listening")
        cls.local = rig.add_listener("local", backend="local")
        cls.intranet = rig.add_listener("intranet", after_enrolment="unchanged")

    def enrol(self, login, kind="laptop"):
        name = f"{kind} of {self._testMethodName}"
        device = self.rig.add_device(login, name)
        self.addCleanup(self.rig.postern.ask, "device", "revoke", login, "--name", name, check=False)
        return device

    def said_to(self, port, octets):
        """All octets that answer a login that is refused."""
        with connect(self.rig, port) as wire:
            wire.send(b"a " + octets + b"\r\nz NOOP\r\n")
            said = b""
            while True:
                line = wire.line()
                if line.startswith(b"+ "):
                    wire.send(b"\r\n")
                said += line + b"\r\n"
                if line.startswith(b"z "):
                    return said

    def test_the_right_password_is_answered_as_a_wrong_one(self):
        self.enrol(ALICE)
        for kind in ("LOGIN", "PLAIN", "XOAUTH2"):
            with self.subTest(kind):
                right, wrong = (self.said_to(self.rig.imaps_port, command(kind, ALICE, password))
                                for password in (PASSWORD, "wrong"))
                self.assertEqual(right, wrong)
                self.assertIn(b"a NO [AUTHENTICATIONFAILED]", right)
                stranger = self.said_to(self.rig.imaps_port, command(kind, "nobody@example.org", "wrong"))
                self.assertEqual(right, stranger)
        refused = self.events("login_refused", detail="enrolled", outcome="refused")
        self.assertEqual(len(refused), 6)

    def test_the_backend_hears_nothing_of_it(self):
        """Right and wrong take one way, on which nobody knows which it is."""
        self.enrol(ALICE)
        self.backend.heard.clear()
        for kind in ("LOGIN", "PLAIN", "XOAUTH2"):
            for password in (PASSWORD, "wrong"):
                self.said_to(self.listening, command(kind, ALICE, password))
        self.assertEqual(self.backend.heard, [])
        with connect(self.rig, self.listening) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))
        self.assertTrue(self.backend.heard)

    def test_the_certificate_lets_in(self):
        device = self.enrol(ALICE)
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))

    def test_others_and_other_listeners_are_as_before(self):
        self.enrol(ALICE)
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))
        with connect(self.rig, self.intranet) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))

    def test_all_of_a_user_s_names_are_closed(self):
        self.enrol(ALICE)
        for port, name in ((self.rig.imaps_port, "alice"), (self.rig.imaps_port, "ALICE@Example.ORG"),
                           (self.local, "alice@elsewhere.example"), (self.local, "alice")):
            with self.subTest(name):
                self.assertIn(b"a NO [AUTHENTICATIONFAILED]",
                              self.said_to(port, command("LOGIN", name, PASSWORD)))
        self.assertEqual(len(self.events("login_refused", detail="enrolled")), 4)

    def test_after_the_last_device_the_password_lets_in_again(self):
        self.enrol(ALICE)
        self.enrol(ALICE, "phone")
        for name, expected in (("laptop", b"NO"), ("phone", b"OK")):
            self.rig.postern.ask("device", "revoke", ALICE, "--name",
                                 f"{name} of {self._testMethodName}")
            # Enough connections that both gates are met, wherever the filter sends them.
            for source in ("127.0.0.1", "127.0.1.1", "127.0.2.1", "127.0.3.1", "127.0.4.1"):
                with connect(self.rig, source=source) as wire:
                    self.assertTrue(wire.login(ALICE, PASSWORD).startswith(expected))

    def accounts(self, *more, stdin=""):
        done = self.rig.postern.ask("device", "list", *more, "--json", input=stdin)
        return {row["login"]: row for row in map(json.loads, done.stdout.splitlines())}

    def test_a_certificate_of_another_authority_enrols_until_it_is_forgotten(self):
        card = self.rig.clients.client("card", ALICE)
        self.addCleanup(self.rig.postern.ask, "device", "forget", ALICE, check=False)
        with connect(self.rig, certificate=card) as wire:
            self.assert_ok(wire.external())
        self.wait_event("account_enrolled", login=ALICE)
        right, wrong = (self.said_to(self.listening, command("LOGIN", ALICE, password))
                        for password in (PASSWORD, "wrong"))
        self.assertEqual(right, wrong)
        self.assertIn(b"a NO [AUTHENTICATIONFAILED]", right)
        row = self.accounts("--external")[ALICE]
        self.assertEqual(row["certificate"], "external")
        self.assertIsNotNone(row["not_after"])
        self.assertNotIn(ALICE, self.accounts("--without"))
        self.rig.postern.ask("device", "forget", ALICE.upper())
        self.wait_event("account_forgotten", login=ALICE)
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assertEqual(self.accounts("--external"), {})
        done = self.rig.postern.ask("device", "forget", ALICE, check=False)
        self.assertIn("no certificate of another authority", done.stderr)

    def test_who_is_not_enrolled_is_named(self):
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))
        self.wait_event("login_accepted", login=BOB)
        self.enrol(ALICE)
        rows = self.accounts("--without")
        self.assertNotIn(ALICE, rows)
        self.assertEqual(rows[BOB]["certificate"], "none")
        self.assertIsNotNone(rows[BOB]["last_login"])
        users = "# from doveadm user\n\nAlice@EXAMPLE.ORG\r\n  bob\nbob@example.org\ncarol\n"
        file = self.rig.write("users", users)
        for more, stdin in ((("--users", file), ""), (("--users", "-"), users)):
            rows = self.accounts("--without", *more, stdin=stdin)
            self.assertEqual(list(rows), [BOB, "carol@example.org"])
            self.assertIsNone(rows["carol@example.org"]["last_login"])
        self.rig.postern.ask("device", "revoke", ALICE, "--name", f"laptop of {self._testMethodName}")
        self.assertEqual(self.accounts("--without")[ALICE]["certificate"], "revoked")
        table = self.rig.postern.ask("device", "list", ALICE, "--without").stdout.splitlines()
        self.assertRegex(table[0], r"^USER +CERTIFICATE +EXPIRES +LAST LOGIN$")
        self.assertRegex(table[1], rf"^{ALICE} +revoked ")
        self.assertEqual(len(table), 2)

    def test_one_user_who_is_enrolled_or_unknown(self):
        self.enrol(ALICE)
        self.assertEqual(self.rig.postern.ask("device", "list", ALICE, "--without").stdout,
                         "the user has a valid certificate\n")
        for form in ((), ("--json",)):
            done = self.rig.postern.ask("device", "list", "never.seen", "--without", *form, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr, "postern: no such user is known: never.seen@example.org\n")

    def test_lists_that_are_wrong_say_so(self):
        """In one line, and nothing is listed: an enrolled user would stand there as one without a device."""
        self.enrol(ALICE)
        good = self.rig.write("good-users", "alice\nbob\n")
        bad = self.rig.write("bad-users", "alice\n not a user\n")
        nobody = self.rig.write("nobody", "# all gone\n\n")
        long = self.rig.write("long-users", "a" * 2000 + "\n")
        for words, status, text in ((("--without", "--external"), 64, "two lists"),
                                    (("--users", bad), 64, "--users is for"),
                                    ((BOB, "--without", "--users", good), 64, "USER and --users"),
                                    ((BOB, "--external", "--users", good), 64, "USER and --users"),
                                    (("--without", "--users", bad), 1, "bad-users:2: not a user: name with"),
                                    (("--without", "--users", long), 1, "long-users:1: aaa"),
                                    (("--without", "--users", nobody), 1, "nobody names nobody"),
                                    (("--external", "--users", nobody), 1, "nobody names nobody"),
                                    (("--without", "--users", bad + "x"), 1, "No such file")):
            for form in ((), ("--json",)):
                with self.subTest(words + form):
                    done = self.rig.postern.ask("device", "list", *words, *form, check=False)
                    self.assertEqual((done.returncode, done.stdout), (status, ""))
                    self.assertIn(text, done.stderr)
                    self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_it_outlives_the_keeper(self):
        self.enrol(ALICE)
        before = self.said_to(self.rig.imaps_port, command("LOGIN", ALICE, PASSWORD))
        os.kill(self.rig.postern.roles("keeper")[0], signal.SIGKILL)

        def is_refused_again():
            said = self.said_to(self.rig.imaps_port, command("LOGIN", ALICE, PASSWORD))
            self.assertNotIn(b"a OK", said)
            return said == before
        wait_until(is_refused_again, 20, "the new keeper knows who is enrolled")
