"""Who gets in: the login rules of listeners, the mechanisms, the names."""

import gatecase
from rig import ALICE, BOB, USERS
from wire import connect, encode, plain

PASSWORD = USERS[ALICE]


class Rules(gatecase.GateCase):
    """A listener for each rule."""

    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        cls.certificate = rig.add_listener("certificate", login=["certificate"])
        cls.password = rig.add_listener("password", login=["password"])
        cls.both = rig.add_listener("both", login=["certificate+password"])
        cls.either = rig.add_listener("either", login=["certificate", "password"])
        cls.preauth = rig.add_listener("preauth", login=["certificate", "password"], preauth=True)

    def connect(self, port, with_certificate=False):
        wire = connect(self.rig, port, self.rig.alice if with_certificate else None)
        self.addCleanup(wire.close)
        return wire

    def test_certificate_alone(self):
        self.assert_ok(self.connect(self.certificate, True).external())

    def test_certificate_rule_refuses_a_password(self):
        self.assert_refused(self.connect(self.certificate).login(ALICE, PASSWORD))

    def test_certificate_rule_refuses_external_without_certificate(self):
        self.assert_refused(self.connect(self.certificate).external())
        self.assert_refused(self.connect(self.certificate).external(encode(ALICE)))

    def test_password_alone(self):
        self.assert_ok(self.connect(self.password).login(ALICE, PASSWORD))

    def test_password_rule_refuses_a_certificate_alone(self):
        self.assert_refused(self.connect(self.password, True).external())

    def test_both_together(self):
        self.assert_ok(self.connect(self.both, True).login(ALICE, PASSWORD))
        wire = self.connect(self.both, True)
        self.assert_ok(wire.command(b"AUTHENTICATE PLAIN " + plain(ALICE, PASSWORD)))
        self.assert_reads_mail(wire)

    def test_both_rule_refuses_either_alone(self):
        self.assert_refused(self.connect(self.both).login(ALICE, PASSWORD))
        self.assert_refused(self.connect(self.both, True).external())

    def test_both_rule_refuses_a_wrong_password(self):
        self.assert_refused(self.connect(self.both, True).login(ALICE, "wrong"))

    def test_password_of_another_beside_a_certificate(self):
        for port in (self.both, self.either, self.password):
            self.assert_refused(self.connect(port, True).login(BOB, USERS[BOB]))

    def test_either(self):
        self.assert_ok(self.connect(self.either, True).external())
        self.assert_ok(self.connect(self.either).login(ALICE, PASSWORD))
        self.assert_ok(self.connect(self.either, True).login(ALICE, PASSWORD))

    def test_mechanisms_that_are_offered(self):
        for port, with_certificate, offered in (
                # A certificate that is enough by itself is taken with any password beside it.
                (self.certificate, True, {"AUTH=EXTERNAL", "AUTH=PLAIN"}),
                (self.certificate, False, set()),
                (self.password, False, {"AUTH=PLAIN"}), (self.both, False, set()),
                (self.either, True, {"AUTH=EXTERNAL", "AUTH=PLAIN"})):
            with self.subTest(port=port, with_certificate=with_certificate):
                found = set(self.connect(port, with_certificate).capabilities())
                mechanisms = {word for word in found if word.startswith("AUTH=")} - {"AUTH=LOGIN"}
                self.assertEqual(mechanisms, offered)
                self.assertEqual("LOGINDISABLED" not in found, "AUTH=PLAIN" in offered)

    def test_preauth(self):
        wire = self.connect(self.preauth, True)
        self.assertTrue(wire.greeting.startswith(b"* PREAUTH"), wire.greeting)
        self.assert_reads_mail(wire)

    def test_preauth_listener_without_certificate(self):
        wire = self.connect(self.preauth)
        self.assertTrue(wire.greeting.startswith(b"* OK"), wire.greeting)
        self.assert_ok(wire.login(ALICE, PASSWORD))


class Mechanisms(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)

    def connect(self, with_certificate=False):
        wire = connect(self.rig, certificate=self.rig.alice if with_certificate else None)
        self.addCleanup(wire.close)
        return wire

    def assert_lets_in(self, wire, answer):
        self.assert_ok(answer)
        self.assert_reads_mail(wire)

    def continue_with(self, wire, *lines):
        """Sends each line after a continuation request; returns the last answer."""
        answer = None
        for line in lines:
            wire.send(line + b"\r\n")
            answer = wire.answer(b"a")
        return answer

    def test_login_spelled_as_atoms_quotes_and_literals(self):
        user, password = ALICE.encode(), PASSWORD.encode()
        for arguments in (b"%s %s" % (user, password), b'"%s" "%s"' % (user, password),
                          b"{%d+}\r\n%s {%d+}\r\n%s" % (len(user), user, len(password), password),
                          b'"%s" {%d+}\r\n%s' % (user, len(password), password)):
            with self.subTest(arguments):
                wire = self.connect()
                self.assert_lets_in(wire, wire.command(b"LOGIN " + arguments))

    def test_login_with_synchronising_literals(self):
        wire = self.connect()
        wire.send(b"a LOGIN {%d}\r\n" % len(ALICE))
        self.assertTrue(wire.answer(b"a").startswith(b"+"))
        answer = self.continue_with(wire, b"%s {%d}" % (ALICE.encode(), len(PASSWORD)))
        self.assertTrue(answer.startswith(b"+"))
        self.assert_lets_in(wire, self.continue_with(wire, PASSWORD.encode()))

    def test_new_outlook(self):
        """ID and LOGIN with non-synchronising literals, as it sends them before login."""
        wire = self.connect()
        self.assert_ok(wire.command(b"ID ({4+}\r\nname {30+}\r\nMicrosoft.Exchange.Imap.Client "
                                    b"{7+}\r\nversion {2+}\r\n15)"))
        self.assert_lets_in(wire, wire.command(b"LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (
            len(ALICE), ALICE.encode(), len(PASSWORD), PASSWORD.encode())))

    def test_plain(self):
        wire = self.connect()
        self.assert_lets_in(wire, wire.command(b"AUTHENTICATE PLAIN " + plain(ALICE, PASSWORD)))
        wire = self.connect()
        self.assert_lets_in(wire, wire.command(b"authenticate plain "
                                               + plain(ALICE, PASSWORD, ALICE)))
        wire = self.connect()
        wire.send(b"a AUTHENTICATE PLAIN\r\n")
        self.assertEqual(wire.answer(b"a").rstrip(), b"+")
        self.assert_lets_in(wire, self.continue_with(wire, plain(ALICE, PASSWORD)))

    def test_login_mechanism(self):
        wire = self.connect()
        wire.send(b"a AUTHENTICATE LOGIN\r\n")
        self.assertTrue(wire.answer(b"a").startswith(b"+"))
        self.assert_lets_in(wire, self.continue_with(wire, encode(ALICE), encode(PASSWORD)))

    def test_external(self):
        for initial in (b"=", encode(ALICE), encode("Alice@EXAMPLE.org")):
            with self.subTest(initial):
                wire = self.connect(True)
                self.assert_lets_in(wire, wire.external(initial))

    def test_external_without_initial_response(self):
        for line in (b"", encode(ALICE)):
            with self.subTest(line):
                wire = self.connect(True)
                wire.send(b"a AUTHENTICATE EXTERNAL\r\n")
                self.assertEqual(wire.answer(b"a").rstrip(), b"+")
                self.assert_lets_in(wire, self.continue_with(wire, line))

    def test_external_for_another(self):
        for initial in (encode(BOB), encode("*"), encode("alice\0"), encode(ALICE + "*postern"), b"%%%"):
            with self.subTest(initial):
                self.assert_refused(self.connect(True).external(initial))

    def test_authorization_identity_of_another(self):
        for identity in (BOB, "postern", "bob*postern"):
            self.assert_refused(self.connect().command(
                b"AUTHENTICATE PLAIN " + plain(ALICE, PASSWORD, identity)))

    def test_cancelled(self):
        wire = self.connect()
        wire.send(b"a AUTHENTICATE PLAIN\r\n")
        wire.answer(b"a")
        self.assertTrue(self.continue_with(wire, b"*").startswith(b"BAD"))
        self.assert_lets_in(wire, wire.login(ALICE, PASSWORD))

    def test_nonsense(self):
        for command in (b"AUTHENTICATE", b"AUTHENTICATE PLAIN !!!", b"AUTHENTICATE PLAIN =",
                        b"AUTHENTICATE CRAM-MD5", b"LOGIN", b"LOGIN a", b"LOGIN a b c", b"LOGIN (a) b",
                        b"SELECT INBOX", b"AUTHENTICATE PLAIN " + encode(b"\0\0"),
                        b"AUTHENTICATE PLAIN " + encode(b"a\0b\0c\0d")):
            with self.subTest(command), connect(self.rig) as wire:
                self.assert_refused(wire.command(command))
        self.assert_good_client_works()

    def test_pipelined_behind_a_login(self):
        wire = self.connect()
        wire.send(b"a LOGIN %s %s\r\nb EXAMINE INBOX\r\nc FETCH 1 BODY.PEEK[TEXT]\r\n"
                  % (ALICE.encode(), PASSWORD.encode()))
        for tag in (b"a", b"b", b"c"):
            self.assert_ok(wire.answer(tag))
        self.assertIn(b"This is message 1", b"".join(wire.untagged))

    def test_pipelined_behind_a_failed_login(self):
        wire = self.connect()
        wire.send(b"a LOGIN %s wrong\r\nb EXAMINE INBOX\r\nc NOOP\r\n" % ALICE.encode())
        self.assert_refused(wire.answer(b"a"))
        self.assert_refused(wire.answer(b"b"))
        self.assert_ok(wire.answer(b"c"))

    def test_nothing_tells_whether_a_user_exists(self):
        answers = {self.connect().login(name, "wrong") for name in (ALICE, "nobody@example.org")}
        self.assertEqual(len(answers), 1, answers)
        self.assertIn(b"[AUTHENTICATIONFAILED]", answers.pop())


class Names(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("login", netbios_domains=["EXAMPLE=example.org"])
        rig.postern.config.section("limits", failure_delay="1ms")

    def login(self, name):
        with connect(self.rig) as wire:
            return wire.command(b"AUTHENTICATE PLAIN " + plain(name, PASSWORD))

    def test_spellings_of_one_user(self):
        for name in ("alice", "Alice@Example.ORG", "EXAMPLE\\alice", "example\\ALICE",
                     "\uff41lice@example.org"):
            with self.subTest(name):
                self.assert_ok(self.login(name))
                self.wait_event("login_accepted", login=ALICE)

    def test_names_that_would_be_a_master_login(self):
        """None of them reaches the backend, with the master's password or any other."""
        said = len(self.rig.dovecot.log_text())
        for name in ("alice*postern", "alice@example.org*postern", "postern", "POSTERN",
                     "postern@example.org", "\uff50ostern", "*postern", "alice*", "*"):
            for password in ("master-secret", PASSWORD):
                with self.subTest(name=name, password=password), connect(self.rig) as wire:
                    self.assert_refused(wire.command(b"AUTHENTICATE PLAIN " + plain(name, password)))
                with self.subTest(name=name, password=password), connect(self.rig) as wire:
                    self.assert_refused(wire.command(b"LOGIN {%d+}\r\n%s %s" % (
                        len(name.encode()), name.encode(), password.encode())))
        self.assertNotIn("aster user", self.rig.dovecot.log_text()[said:])
        self.assertNotIn("passwd-file(", self.rig.dovecot.log_text()[said:])

    def test_bad_names(self):
        for name in ("", " alice", "alice ", "alice@example.org@example.org", "OTHER\\alice",
                     "alice@", "@example.org", "a\x01lice", "alice\r\nx", "alice\x7f",
                     "a" * 400, b"\xff\xfe".decode("latin-1") + "\x80"):
            with self.subTest(name):
                self.assert_refused(self.login(name))

    def test_nul_in_a_name(self):
        with connect(self.rig) as wire:
            self.assert_refused(wire.command(b"AUTHENTICATE PLAIN " + encode(
                b"alice\0postern\0master-secret")))
        with connect(self.rig) as wire:
            self.assert_refused(wire.command(b"AUTHENTICATE PLAIN " + encode(
                b"alice@example.org\0postern\0master-secret")))


class BeforeLogin(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", failure_delay="1ms", commands_before_login=20,
                                   failures_per_connection=3)

    def test_no_software_is_named(self):
        with connect(self.rig) as wire:
            wire.command(b'ID ("name" "test")')
            said = b" ".join([wire.greeting, *wire.untagged])
        self.assertIn(b"* ID ", said)
        for word in (b"ostern", b"ovecot", b"penssl"):
            self.assertNotIn(word, said.lower().replace(b"mail.example.org", b""))

    def test_capabilities_change_with_the_login(self):
        with connect(self.rig) as wire:
            before = wire.capabilities()
            self.assertIn("IMAP4rev1", before)
            self.assertNotIn("STARTTLS", before)
            answer = wire.login(ALICE, PASSWORD)
            self.assertIn(b"[CAPABILITY ", answer)
            after = answer[answer.index(b"[") + 1:answer.index(b"]")].decode().split()[1:]
            self.assertIn("IDLE", after)
            for word in after:
                self.assertFalse(word.startswith("AUTH="), after)
            self.assertFalse({"STARTTLS", "LOGINDISABLED", "UNAUTHENTICATE"} & set(after), after)

    def test_unauthenticate_is_nothing_to_a_backend_without_it(self):
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
            self.assert_refused(wire.command(b"UNAUTHENTICATE"))
            self.assert_reads_mail(wire)

    def test_logout(self):
        with connect(self.rig) as wire:
            wire.send(b"a LOGOUT\r\n")
            said = wire.until_closed()
        self.assertIn(b"* BYE", said)
        self.assertIn(b"a OK", said)

    def test_too_many_commands(self):
        with connect(self.rig) as wire:
            wire.send(b"".join(b"n%d NOOP\r\n" % number for number in range(100)))
            said = wire.until_closed()
        self.assertIn(b"* BYE", said)
        self.assertLessEqual(said.count(b" OK "), 20)

    def test_too_many_failures(self):
        with connect(self.rig) as wire:
            for _ in range(2):
                self.assert_refused(wire.login(ALICE, "wrong"))
            wire.send(b"a LOGIN %s wrong\r\n" % ALICE.encode())
            self.assertIn(b"* BYE", wire.until_closed())

    def test_clients_id_goes_on_without_what_a_backend_trusts(self):
        with connect(self.rig) as wire:
            wire.command(b'ID ("name" "honest client" "x-originating-ip" "198.51.100.99" '
                         b'"x-proxy-ttl" "1" "x-forward-foo" "bar")')
            self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assertIn("honest client", self.rig.dovecot.log_text())
        for word in ("198.51.100.99", "x-proxy-ttl", "x-forward-foo"):
            self.assertNotIn(word, self.rig.dovecot.log_text())
