"""Login rules of users and groups: who is left which ways in, and that a refusal tells nothing."""

import gatecase
from fake_backend import FakeBackend, serve
from rig import ALICE, BOB, USERS
from wire import connect, encode, plain

PASSWORD = USERS[ALICE]


class UserRules(gatecase.GateCase):
    """Alice is of the staff, by a file; bob is a scanner that knows no certificates."""

    @classmethod
    def configure(cls, rig):
        def talk(peer):
            serve(peer, {name: b"TAG OK in\r\n" for name in (b"LOGIN", b"PLAIN", b"XOAUTH2")})
        cls.backend = FakeBackend(talk)
        cls.addClassCleanup(cls.backend.close)
        cls.alice = rig.clients.client("alice", ALICE)
        cls.bob = rig.clients.client("bob", BOB)
        rig.make_postern_ca()
        config = rig.postern.config
        config.section("limits", failure_delay="1ms", failures_per_connection=100)
        config.copy_section("backend", "imap", "listening", address=[f"127.0.0.1:{cls.backend.port}"],
                            health_interval="1h", username="local")
        cls.door = rig.add_listener("door", after_enrolment="certificate")
        cls.local = rig.add_listener("local", backend="listening")
        cls.strict = rig.add_listener("strict")
        cls.closed = rig.add_listener("closed")
        cls.observed = rig.add_listener("observed", mode="observe")
        cls.file = rig.write("staff", f"# of the clinic\n\n  {ALICE.upper()}\r\n")
        config.section("group", "staff", file=cls.file)
        config.section("login_rule", "scanner", users=["bob"], listeners=["door"], login=["password"],
                       after_enrolment="unchanged")
        config.section("login_rule", "staff", groups=["staff"], login=["certificate"],
                       listeners=["door", "local", "observed"])
        config.section("login_rule", "both", listeners=["strict"], login=["certificate+password"])
        config.section("login_rule", "nobody", users=[ALICE], listeners=["closed"], refuse=True)

    def said_to(self, port, octets):
        with connect(self.rig, port) as wire:
            wire.send(b"a " + octets + b"\r\nz NOOP\r\n")
            said = b""
            while not said.splitlines()[-1:] or not said.splitlines()[-1].startswith(b"z "):
                line = wire.line()
                if line.startswith(b"+ "):
                    wire.send(b"\r\n")
                said += line + b"\r\n"
            return said

    def test_the_right_password_is_answered_as_a_wrong_one(self):
        for octets in (b'LOGIN "%s" "%s"', b"AUTHENTICATE PLAIN %s%s"):
            with self.subTest(octets):
                said = {}
                for name, password in ((ALICE, PASSWORD), (ALICE, "wrong"), ("nobody@example.org", "wrong")):
                    words = ((name.encode(), password.encode()) if octets.startswith(b"LOGIN")
                             else (plain(name, password), b""))
                    said[name, password] = self.said_to(self.door, octets % words)
                self.assertEqual(len(set(said.values())), 1, said)
                self.assertIn(b"a NO [AUTHENTICATIONFAILED]", said[ALICE, PASSWORD])
        self.assertTrue(self.events("login_refused", login_rule="staff", detail="login rule", outcome="refused"))

    def test_the_backend_hears_nothing_of_it(self):
        self.backend.heard.clear()
        for name in (ALICE, "alice", "Alice@EXAMPLE.org", "alice@elsewhere.example"):
            for octets in (b'LOGIN "%s" "%s"' % (name.encode(), PASSWORD.encode()),
                           b"AUTHENTICATE XOAUTH2 " + encode(f"user={name}\1auth=Bearer x\1\1")):
                self.assertIn(b"a NO [AUTHENTICATIONFAILED]", self.said_to(self.local, octets))
        self.assertEqual(self.backend.heard, [])

    def test_the_way_that_is_left(self):
        with connect(self.rig, self.door, certificate=self.alice) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)
        with connect(self.rig, self.door, certificate=self.alice) as wire:
            self.assert_ok(wire.login(ALICE, "whatever: the certificate is enough"))
        with connect(self.rig) as wire:  # no rule speaks of that listener
            self.assert_ok(wire.login(ALICE, PASSWORD))

    def test_the_first_rule_counts_and_its_after_enrolment(self):
        self.rig.add_device(BOB, "laptop")
        self.addCleanup(self.rig.postern.ask, "device", "revoke", BOB, "--name", "laptop")
        with connect(self.rig, self.door) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))
        with connect(self.rig, self.door, certificate=self.bob) as wire:
            self.assert_refused(wire.external())
        self.assertIn(b"a OK", self.said_to(self.local, b'LOGIN "bob" "any"'))

    def test_both_factors(self):
        with connect(self.rig, self.strict, certificate=self.alice) as wire:
            self.assert_refused(wire.external())
            self.assert_refused(wire.login(ALICE, "wrong"))
            self.assert_ok(wire.login(ALICE, PASSWORD))
        with connect(self.rig, self.strict) as wire:
            self.assert_refused(wire.login(ALICE, PASSWORD))
            self.assert_refused(wire.login(BOB, USERS[BOB]))

    def test_no_way_in(self):
        with connect(self.rig, self.closed, certificate=self.alice) as wire:
            self.assert_refused(wire.external())
            self.assert_refused(wire.login(ALICE, PASSWORD))
        with connect(self.rig, self.closed) as wire:
            self.assert_ok(wire.login(BOB, USERS[BOB]))

    def test_an_observed_listener_only_says_so(self):
        with connect(self.rig, self.observed) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
        self.wait_event("would_refuse", rule="login_rule", detail="staff", login=ALICE, listener="observed")

    def reload(self, event):
        mark = self.rig.postern.mark()
        self.rig.postern.reload()
        return self.rig.postern.wait_event(event, since=mark)

    def restore(self):
        self.rig.write("staff", f"{ALICE}\n")
        self.reload("reload_done")

    def is_in(self, name):
        said = self.said_to(self.local, b'LOGIN "%s" "any"' % name.encode())
        return b"a OK" in said

    def test_a_group_s_file_is_read_again_and_a_broken_one_is_not(self):
        self.addCleanup(self.restore)
        self.rig.write("staff", "carol\n")
        self.reload("reload_done")
        self.assertTrue(self.is_in(ALICE))
        self.assertFalse(self.is_in("carol"))
        for bad in (f"{ALICE}\nnot a user\n", "# nobody\n"):
            self.rig.write("staff", bad)
            self.assertIn("group staff", str(self.reload("reload_refused")))
            self.assertTrue(self.is_in(ALICE))
            self.assertFalse(self.is_in("carol"))

    def check(self, *more):
        path = self.rig.path("postern.conf")
        return self.rig.postern.command("check-config", "--config", path, *more, check=False)

    def test_check_config_says_which_rule_counts(self):
        done = self.check("--user", "Alice")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], ALICE)
        self.assertIn("listener door: certificate; after_enrolment = certificate; login_rule staff", lines)
        self.assertIn("listener strict: certificate+password; after_enrolment = unchanged; login_rule both",
                      lines)
        self.assertIn("listener closed: no way in; after_enrolment = unchanged; login_rule nobody", lines)
        self.assertIn("listener imaps: certificate, password, oauth; after_enrolment = unchanged; no login_rule",
                      lines)
        done = self.check("--user", BOB)
        self.assertIn("listener door: password; after_enrolment = unchanged; login_rule scanner",
                      done.stdout.splitlines())
        done = self.check("--user", "a b")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("a b is no user's name", done.stderr)

    def test_check_config_reads_the_group_s_file(self):
        self.addCleanup(self.rig.write, "staff", f"{ALICE}\n")
        self.rig.write("staff", f"{ALICE}\n\nnot a user\n")
        done = self.check()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, rf"postern\.conf:\d+: group staff: {self.file}:3: not a user: [^\n]*\n\Z")
        self.rig.write("staff", "")
        self.assertIn("group staff names nobody", self.check().stderr)
