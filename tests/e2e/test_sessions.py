"""Live sessions: the list, kicking, and what the relay does with octets."""

import hashlib
import random
import threading

import gatecase
from backends.process import wait_until
from rig import ALICE, BOB, IS_SANITIZED, USERS
from wire import Closed, connect, many, proxy_v2

MEGABYTE = 1 << 20


class Sessions(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        cls.proxied = rig.add_listener("proxied", proxy_protocol=["127.0.0.0/8"])

    def live(self, login=ALICE, port=None, **options):
        wire = connect(self.rig, port, **options)
        self.addCleanup(wire.close)
        self.assert_ok(wire.login(login, USERS[login]))
        return wire

    def sessions(self, *arguments):
        return self.rig.postern.rows("session", "list", *arguments)

    def test_list(self):
        self.live(port=self.proxied, proxy=proxy_v2("2001:db8::7"))
        self.live(BOB)
        rows = self.sessions(ALICE)
        self.assertEqual({row["login"] for row in rows}, {ALICE})
        self.assertIn("2001:db8::7", {row["address"] for row in rows})
        self.assertIn(BOB, {row["login"] for row in self.sessions()})

    def test_list_forgets_what_is_over(self):
        wire = self.live(BOB)
        self.assertTrue(self.sessions(BOB))
        wire.send(b"x LOGOUT\r\n")
        wire.until_closed()
        self.wait_event("session_ended", login=BOB)
        self.assertFalse([row for row in self.sessions(BOB)])

    def test_kick_a_user(self):
        mine = [self.live() for _ in range(3)]
        other = self.live(BOB)
        self.rig.postern.ask("session", "kick", ALICE)
        for wire in mine:
            wire.until_closed()
        self.assertTrue(other.is_open())
        self.wait_event("session_ended", login=ALICE, reason="kicked")

    def test_kick_one_session(self):
        keep = self.live()
        before = {row["session"] for row in self.sessions(ALICE)}
        gone = self.live()
        (number,) = {row["session"] for row in self.sessions(ALICE)} - before
        self.rig.postern.ask("session", "kick", number)
        gone.until_closed()
        self.assertTrue(keep.is_open())

    def test_kick_nobody(self):
        done = self.rig.postern.ask("session", "kick", "nobody@example.org", check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_events_of_a_session(self):
        wire = connect(self.rig, certificate=self.rig.alice)
        self.assert_ok(wire.external())
        started = self.wait_event("login_accepted", login=ALICE, factor="certificate")
        wire.send(b"x LOGOUT\r\n")
        wire.until_closed()
        ended = self.wait_event("session_ended", session=started["session"])
        self.assertEqual(ended["login"], ALICE)


def mail_text(octets, seed):
    """Lines of text, different each time, ending with CRLF."""
    generator = random.Random(seed)
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789 "
    lines = ["".join(generator.choices(alphabet, k=70)) for _ in range(500)]
    head = f"Subject: big {seed}\r\n\r\n"
    body = []
    size = len(head)
    while size < octets:
        body.append(generator.choice(lines))
        size += len(body[-1]) + 2
    return (head + "\r\n".join(body) + "\r\n").encode()


class Relay(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.top["gates"] = 1

    def live(self, timeout=60):
        wire = connect(self.rig, timeout=timeout)
        self.addCleanup(wire.close)
        self.assert_ok(wire.login(ALICE, USERS[ALICE]))
        return wire

    def store(self, wire, text):
        """APPENDs to a new mailbox while reading what the server says."""
        self.assert_ok(wire.command(b"CREATE big"))
        self.addCleanup(lambda: wire.command(b"DELETE big"))
        wire.send(b"x APPEND big {%d}\r\n" % len(text))
        self.assertTrue(wire.answer(b"x").startswith(b"+"))
        wire.send(text + b"\r\n")
        self.assert_ok(wire.answer(b"x"))

    def gate_memory(self):
        """The most memory the gate has ever held, in octets."""
        (gate,) = self.rig.postern.roles("gate")
        with open(f"/proc/{gate}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def test_50_megabytes_both_ways(self):
        text = mail_text(50 * MEGABYTE, seed=1)
        wire = self.live()
        self.store(wire, text)
        self.assert_ok(wire.command(b"EXAMINE big"))
        wire.send(b"y FETCH 1 BODY.PEEK[]\r\n")
        line = wire.line()
        size = int(line[line.rindex(b"{") + 1:-1])
        self.assertEqual(size, len(text))
        got = hashlib.sha256()
        left = size
        while left:
            piece = wire.rest[:left] or wire.receive(min(left, 1 << 16))
            if not piece:
                raise Closed(left)
            wire.rest = wire.rest[len(piece):] if wire.rest else b""
            got.update(piece)
            left -= len(piece)
        self.assert_ok(wire.answer(b"y"))
        self.assertEqual(got.hexdigest(), hashlib.sha256(text).hexdigest())
        if not IS_SANITIZED:
            self.assertLess(self.gate_memory(), 64 * MEGABYTE)

    def test_a_client_that_does_not_read_holds_up_nobody(self):
        wire = self.live()
        self.store(wire, mail_text(8 * MEGABYTE, seed=2))
        self.assert_ok(wire.command(b"EXAMINE big"))
        with many(20, lambda number: self.live()) as lazy:
            for other in lazy:
                self.assert_ok(other.command(b"EXAMINE big"))
                other.send(b"y FETCH 1 BODY.PEEK[]\r\n")
            self.assert_good_client_works()
            if not IS_SANITIZED:
                self.assertLess(self.gate_memory(), 64 * MEGABYTE)
            for other in lazy:
                self.assertIn(b"FETCH", other.line())

    def test_downloads_do_not_starve_a_login(self):
        wire = self.live()
        self.store(wire, mail_text(20 * MEGABYTE, seed=3))
        stop = threading.Event()

        def download():
            with connect(self.rig, timeout=60) as other:
                other.login(ALICE, USERS[ALICE])
                other.command(b"EXAMINE big")
                while not stop.is_set():
                    other.command(b"FETCH 1 BODY.PEEK[]")
        readers = [threading.Thread(target=download) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for _ in range(3):
                self.assert_good_client_works()
        finally:
            stop.set()
            for reader in readers:
                reader.join()

    def test_octet_by_octet(self):
        wire = self.live()
        for octet in b"z EXAMINE INBOX\r\n":
            wire.send(bytes([octet]))
        self.assert_ok(wire.answer(b"z"))

    def test_new_mail_reaches_an_idling_client(self):
        wire = self.live()
        self.assert_ok(wire.command(b"SELECT INBOX"))
        wire.send(b"i IDLE\r\n")
        self.assertTrue(wire.answer(b"i").startswith(b"+"))
        with connect(self.rig) as other:
            self.assert_ok(other.login(ALICE, USERS[ALICE]))
            other.send(b"x APPEND INBOX {4+}\r\nx: y\r\n")
            self.assert_ok(other.answer(b"x"))
        while b"EXISTS" not in wire.line():
            pass
        wire.send(b"DONE\r\n")
        self.assert_ok(wire.answer(b"i"))

    def test_half_closed_client_gets_its_answer(self):
        wire = self.live()
        wire.send(b"a EXAMINE INBOX\r\nb LOGOUT\r\n")
        wire.half_close()
        self.assertIn(b"b OK", wire.until_closed())


class Idle(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", idle="2s")

    def test_a_silent_session_ends_and_a_busy_one_does_not(self):
        busy, silent = connect(self.rig), connect(self.rig)
        for wire in (busy, silent):
            self.addCleanup(wire.close)
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))

        def is_over():
            self.assertTrue(busy.is_open())
            return self.events("session_ended", reason="idle")
        wait_until(is_over, 20, "the silent session ends")
        silent.until_closed()
        self.assertTrue(busy.is_open())
        self.assertEqual(len(self.events("session_ended", reason="idle")), 1)


class Caps(gatecase.GateCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", sessions_per_user=4, sessions_per_user_and_address=3)
        cls.proxied = rig.add_listener("proxied", proxy_protocol=["127.0.0.0/8"])

    def connect(self, source):
        wire = connect(self.rig, self.proxied, proxy=proxy_v2(source))
        self.addCleanup(wire.close)
        return wire

    def is_let_in(self, wire, login=ALICE):
        """With a password the cap may only be found when the backend has agreed: then it closes."""
        return wire.login(login, USERS[login]).startswith(b"OK") and wire.is_open()

    def test_caps_of_a_user(self):
        live = [self.connect("192.0.2.1") for _ in range(3)]
        for wire in live:
            self.assertTrue(self.is_let_in(wire))
        self.assertFalse(self.is_let_in(self.connect("192.0.2.1")))
        self.assertTrue(self.is_let_in(self.connect("192.0.2.2")))
        self.assertFalse(self.is_let_in(self.connect("192.0.2.3")))
        self.assertTrue(self.is_let_in(self.connect("192.0.2.1"), BOB))
        for wire in live:
            self.assertTrue(wire.is_open())
