"""OAUTHBEARER and XOAUTH2 go to the backend, which checks the token; Dovecot does so with a key."""

import gatecase
from backends import tokens
from rig import ALICE, BOB, USERS
from wire import connect, encode


def oauthbearer(login, token, authorization=None):
    head = f"n,a={authorization or login},"
    return encode(f"{head}\1host=localhost\1port=993\1auth=Bearer {token}\1\1")


def xoauth2(login, token):
    return encode(f"user={login}\1auth=Bearer {token}\1\1")


class OAuth(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        cls.without = rig.add_listener("without", login=["certificate", "password"])
        cls.only = rig.add_listener("only", login=["oauth"])

    def connect(self, port=None, certificate=None):
        wire = connect(self.rig, port, certificate)
        self.addCleanup(wire.close)
        return wire

    def test_both_mechanisms(self):
        for name, make in ((b"OAUTHBEARER", oauthbearer), (b"XOAUTH2", xoauth2)):
            with self.subTest(name):
                wire = self.connect(self.only)
                self.assertIn("AUTH=" + name.decode(), wire.capabilities())
                self.assert_ok(wire.command(b"AUTHENTICATE %s %s" % (
                    name, make(ALICE, tokens.token(ALICE)))))
                self.assert_reads_mail(wire)

    def test_without_initial_response(self):
        wire = self.connect()
        wire.send(b"a AUTHENTICATE XOAUTH2\r\n")
        self.assertEqual(wire.answer(b"a").rstrip(), b"+")
        wire.send(xoauth2(ALICE, tokens.token(ALICE)) + b"\r\n")
        self.assert_ok(wire.answer(b"a"))

    def test_a_long_token(self):
        token = tokens.token(ALICE, padding=3500)
        wire = self.connect()
        self.assert_ok(wire.command(b"AUTHENTICATE XOAUTH2 " + xoauth2(ALICE, token)))

    def test_bad_tokens(self):
        """Refused, with the mechanism's own error answered where the backend sends one, and the
        connection goes on."""
        for name, make in ((b"OAUTHBEARER", oauthbearer), (b"XOAUTH2", xoauth2)):
            for token in (tokens.token(ALICE, lifetime=-60), tokens.token(BOB),
                          tokens.token(ALICE, key=b"another key"), "nonsense"):
                with self.subTest(name=name, token=token):
                    wire = self.connect()
                    wire.send(b"a AUTHENTICATE %s %s\r\n" % (name, make(ALICE, token)))
                    answer = wire.answer(b"a")
                    if answer.startswith(b"+"):
                        wire.send(b"AQ==\r\n" if name == b"OAUTHBEARER" else b"\r\n")
                        answer = wire.answer(b"a")
                    self.assertTrue(answer.startswith(b"NO"), answer)
                    self.assert_ok(wire.login(ALICE, USERS[ALICE]))

    def test_identity_of_another(self):
        wire = self.connect()
        wire.send(b"a AUTHENTICATE OAUTHBEARER %s\r\n" % oauthbearer(BOB, tokens.token(ALICE)))
        answer = wire.answer(b"a")
        if answer.startswith(b"+"):
            wire.send(b"AQ==\r\n")
            answer = wire.answer(b"a")
        self.assertTrue(answer.startswith(b"NO"), answer)

    def test_not_where_the_rule_lacks_it(self):
        wire = self.connect(self.without)
        self.assertNotIn("AUTH=XOAUTH2", wire.capabilities())
        self.assert_refused(wire.command(b"AUTHENTICATE XOAUTH2 " + xoauth2(
            ALICE, tokens.token(ALICE))))

    def test_beside_the_certificate_of_another(self):
        wire = self.connect(certificate=self.rig.alice)
        wire.send(b"a AUTHENTICATE XOAUTH2 %s\r\n" % xoauth2(BOB, tokens.token(BOB)))
        self.assert_refused(wire.answer(b"a"))
