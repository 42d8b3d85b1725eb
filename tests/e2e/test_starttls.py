"""What a client says in clear is forgotten: the server side of "NO STARTTLS" (USENIX Security 2021)."""

import ssl

import gatecase
from rig import ALICE, USERS
from wire import Wire, connect_clear, encode, plain, tls_context

PASSWORD = USERS[ALICE]


def client_hello(context):
    """The octets with which a TLS client begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class StartTls(gatecase.GateCase):
    def clear(self):
        wire = connect_clear(self.rig)
        self.addCleanup(wire.close)
        return wire

    def secured(self):
        wire = self.clear()
        self.assert_ok(wire.command(b"STARTTLS"))
        return wire.start_tls(tls_context(self.rig))

    def test_login_after_starttls(self):
        wire = self.secured()
        self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assert_reads_mail(wire)

    def test_capabilities_in_clear(self):
        found = self.clear().capabilities()
        self.assertIn("STARTTLS", found)
        self.assertIn("LOGINDISABLED", found)
        self.assertFalse([word for word in found if word.startswith("AUTH=")], found)

    def test_capabilities_under_tls(self):
        found = self.secured().capabilities()
        self.assertNotIn("STARTTLS", found)
        self.assertNotIn("LOGINDISABLED", found)

    def test_no_login_in_clear(self):
        said = len(self.rig.dovecot.log_text())
        for command in (b"LOGIN %s %s" % (ALICE.encode(), PASSWORD.encode()),
                        b"AUTHENTICATE PLAIN " + plain(ALICE, PASSWORD), b"AUTHENTICATE PLAIN",
                        b"AUTHENTICATE EXTERNAL =", b"AUTHENTICATE XOAUTH2 " + encode("x")):
            with self.subTest(command):
                self.assert_refused(self.clear().command(command))
        self.assertNotIn("passwd-file", self.rig.dovecot.log_text()[said:])

    def test_starttls_twice(self):
        self.assert_refused(self.secured().command(b"STARTTLS"))

    def inject(self, octets):
        """Sends STARTTLS and octets in one segment; what is then said in clear, and the wire."""
        wire = self.clear()
        wire.send(b"s STARTTLS\r\n" + octets)
        return wire

    def assert_closed_unread(self, wire):
        """No more than the answer to STARTTLS came, no handshake succeeds, and an event says why."""
        said = wire.until_closed()
        self.assertNotIn(b"injected", said)
        self.assertLessEqual(len(said.splitlines()), 2, said)
        self.wait_event("starttls_injection")

    def test_commands_injected_behind_starttls(self):
        filler = b"injected NOOP " + b"x" * 65536
        for octets in (b"injected NOOP\r\n", b"injected NO", b"\n", b"\r\n", b" ", filler,
                       b"injected LOGIN %s %s\r\n" % (ALICE.encode(), PASSWORD.encode()),
                       b"injected LOGIN {5+}\r\nalice {3+}\r\nfoo\r\n",
                       b"injected ID NIL\r\n" * 100):
            with self.subTest(octets[:40]):
                self.assert_closed_unread(self.inject(octets))

    def test_tls_record_glued_to_starttls(self):
        """The client has not seen our answer, so it can't have begun."""
        self.assert_closed_unread(self.inject(client_hello(tls_context(self.rig))))

    def test_starttls_with_an_argument_or_a_lone_lf(self):
        self.assert_refused(self.clear().command(b"STARTTLS now"))
        wire = self.clear()
        wire.send(b"a STARTTLS\n")
        self.assertTrue(wire.line().startswith(b"a BAD"))

    def test_half_a_command_before_and_half_after(self):
        wire = self.clear()
        wire.send(b"s STARTTLS\r\n")
        self.assert_ok(wire.answer(b"s"))
        wire.start_tls(tls_context(self.rig))
        wire.send(b"OOP\r\n")
        self.assertTrue(wire.line().split(b" ", 1)[1].startswith(b"BAD"))
        self.assert_ok(wire.command(b"NOOP"))

    def test_what_was_said_in_clear_is_forgotten(self):
        wire = self.clear()
        self.assert_ok(wire.command(b'ID ("name" "told in clear")'))
        self.assert_ok(wire.command(b"STARTTLS"))
        wire.start_tls(tls_context(self.rig))
        self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assertNotIn("told in clear", self.rig.dovecot.log_text())

    def test_no_answer_of_the_clear_part_comes_under_tls(self):
        wire = self.clear()
        self.assert_refused(wire.command(b"NONSENSE"))
        self.assert_ok(wire.command(b"STARTTLS"))
        wire.start_tls(tls_context(self.rig))
        wire.send(b"first NOOP\r\n")
        self.assertTrue(wire.line().startswith(b"first OK"))

    def test_octets_in_clear_where_the_handshake_is_due(self):
        wire = self.clear()
        self.assert_ok(wire.command(b"STARTTLS"))
        wire.send(b"injected LOGIN %s %s\r\n" % (ALICE.encode(), PASSWORD.encode()))
        self.assertNotIn(b"injected", wire.until_closed())

    def test_clear_text_on_the_implicit_port(self):
        with Wire(self.rig.imaps_port) as wire:
            wire.send(b"a LOGIN %s %s\r\n" % (ALICE.encode(), PASSWORD.encode()))
            self.assertNotIn(b"a ", wire.until_closed())
