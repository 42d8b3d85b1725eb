"""Peers that mean harm. Each gets an answer that is bounded, and a good client beside it logs in."""

import concurrent.futures
import socket
import ssl
import subprocess
import time

import gatecase
from backends.process import wait_until
from rig import ALICE, USERS
from wire import Closed, Wire, connect, connect_clear, many, plain, proxy_v2, tls_context

PASSWORD = USERS[ALICE]
LOGINS = {
    "quoted": f'a LOGIN "{ALICE}" "{PASSWORD}"\r\n'.encode(),
    "literals": (f"a LOGIN {{{len(ALICE)}+}}\r\n{ALICE} {{{len(PASSWORD)}+}}\r\n"
                 f"{PASSWORD}\r\n").encode(),
    "initial response": b"a AUTHENTICATE PLAIN " + plain(ALICE, PASSWORD) + b"\r\n",
    "challenge": b"a AUTHENTICATE PLAIN\r\n" + plain(ALICE, PASSWORD) + b"\r\n",
}
HTTP = (b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a LOGIN x y\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\na LOGIN alice x\r\nb NOOP\r\n",
        b"PUT / HTTP/1.0\r\n\r\n", b"HEAD / HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"CONNECT localhost:25 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


class Split(gatecase.GateCase):
    """However a login is cut, it is the same login."""

    def log_in(self, pieces):
        with connect(self.rig) as wire:
            for piece in pieces:
                wire.send(piece)  # each is a TLS record of its own
            while True:
                answer = wire.answer(b"a")
                if not answer.startswith(b"+"):
                    return answer

    def test_at_every_position(self):
        for name, octets in LOGINS.items():
            for cut in range(1, len(octets)):
                with self.subTest(name, cut=cut):
                    self.assert_ok(self.log_in([octets[:cut], octets[cut:]]))

    def test_octet_by_octet(self):
        for name, octets in LOGINS.items():
            with self.subTest(name):
                self.assert_ok(self.log_in([bytes([octet]) for octet in octets]))

    def test_in_clear_at_every_position(self):
        octets = b"a CAPABILITY\r\nb NOOP\r\nc STARTTLS\r\n"
        for cut in range(1, len(octets)):
            with self.subTest(cut=cut), connect_clear(self.rig) as wire:
                wire.send(octets[:cut])
                wire.send(octets[cut:])
                self.assert_ok(wire.answer(b"c"))
                wire.start_tls(tls_context(self.rig))
                self.assert_ok(wire.command(b"NOOP"))


class Floods(gatecase.GateCase):
    """Too much of something, before login."""

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", failure_delay="1ms")

    def flood(self, octets, times):
        """Sends the same octets again and again until the gate closes; what it said."""
        with connect(self.rig) as wire:
            try:
                for _ in range(times):
                    wire.send(octets)
                return wire.until_closed()
            except OSError:
                return wire.until_closed()

    def test_endless_lines(self):
        block = b"x" * 65536
        for begin in (b"", b"a LOGIN ", b'a LOGIN "', b"a ID (", b"a AUTHENTICATE PLAIN ", b"a NOOP "):
            with self.subTest(begin), connect(self.rig) as wire:
                wire.send(begin)
                try:
                    for _ in range(160):
                        wire.send(block)
                except OSError:
                    pass
                self.assertLess(len(wire.until_closed()), 1000)
        self.assert_good_client_works()

    def test_endless_line_in_clear(self):
        with connect_clear(self.rig) as wire:
            try:
                for _ in range(160):
                    wire.send(b"y" * 65536)
            except OSError:
                pass
            self.assertLess(len(wire.until_closed()), 1000)

    def test_endless_answer_to_a_challenge(self):
        with connect(self.rig) as wire:
            wire.send(b"a AUTHENTICATE PLAIN\r\n")
            wire.answer(b"a")
            try:
                for _ in range(160):
                    wire.send(b"QUFB" * 16384)
            except OSError:
                pass
            self.assertLess(len(wire.until_closed()), 1000)

    def test_literals_of_any_size(self):
        for size in (b"4294967296", b"4294967295", b"2147483648", b"9223372036854775808",
                     b"18446744073709551615", b"18446744073709551616", b"9" * 60, b"-1", b"+5", b" 5",
                     b"5++", b"0x10", b"", b"4294967296-"):
            for plus in (b"", b"+"):
                with self.subTest(size + plus), connect(self.rig) as wire:
                    wire.send(b"a LOGIN {" + size + plus + b"}\r\n")
                    try:
                        self.assertFalse(wire.answer(b"a").startswith(b"OK"))
                    except Closed as said:
                        self.assertIn(b"BYE", b"".join(wire.untagged) + said.args[0])
        self.assert_good_client_works()

    def test_many_literals_in_one_command(self):
        said = self.flood(b"a ID (" + b"{1+}\r\nx " * 5000, 1)
        self.assertLess(len(said), 4000)
        self.assert_good_client_works()

    def test_deep_nesting(self):
        with connect(self.rig) as wire:
            wire.send(b"a ID " + b"(" * 4000 + b"\r\n")
            self.assertTrue(wire.answer(b"a").startswith(b"BAD"))

    def test_commands_without_end(self):
        self.assertLess(len(self.flood(b"a NOOP\r\n" * 1000, 100)), 100000)
        self.assertLess(len(self.flood(b"\r\n" * 1000, 100)), 100000)
        self.assertLess(len(self.flood(b"a AUTHENTICATE PLAIN\r\n*\r\n" * 500, 20)), 100000)
        self.assert_good_client_works()

    def test_one_that_reads_nothing(self):
        with connect(self.rig) as wire:
            wire.socket.setblocking(False)
            try:
                for _ in range(100):
                    wire.send(b"a CAPABILITY\r\n" * 1000)
            except OSError:
                pass
            self.assert_good_client_works()

    def test_nonsense(self):
        for octets in (b"\0" * 100 + b"\r\n", b"\xff\xfe\r\n", b"a\r\n", b"a \r\n", b" a NOOP\r\n",
                       b"* OK\r\n", b"+ NOOP\r\n", b"a NO\0OP\r\n", b"a NOOP\rb NOOP\r\n",
                       b"%s NOOP\r\n" % (b"t" * 500), b"a {3+}\r\nfoo\r\n", b"\r\n"):
            with self.subTest(octets[:20]), connect(self.rig) as wire:
                wire.send(octets + b"z LOGOUT\r\n")
                self.assertLess(len(wire.until_closed()), 2000)
        self.assert_good_client_works()

    def test_line_feed_alone(self):
        with connect(self.rig) as wire:
            wire.send(b"a NOOP\n")
            self.assertTrue(wire.answer(b"a").startswith(b"BAD"))


class Slow(gatecase.GateCase):
    """What takes too long is closed, by deadlines that are short here."""

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", handshake="1s", login="3s", failure_delay="1ms")

    def assert_closes(self, wire, drip=b""):
        """Sends one octet after another, as long as the gate takes them."""
        wire.socket.settimeout(0.05)
        deadline = time.monotonic() + 30
        octets = iter(drip)
        while time.monotonic() < deadline:
            try:
                if not wire.socket.recv(4096):
                    return
            except (socket.timeout, ssl.SSLWantReadError):
                try:
                    wire.socket.sendall(bytes([next(octets)]))
                except StopIteration:
                    pass
                except OSError:
                    return
            except OSError:
                return
        self.fail("still open")

    def test_silent(self):
        with Wire(self.rig.imaps_port) as one, Wire(self.rig.imap_port) as two:
            self.assert_good_client_works()
            self.assert_closes(one)
            self.assert_closes(two)

    def test_slow_handshake(self):
        with Wire(self.rig.imaps_port) as wire:
            self.assert_good_client_works()
            self.assert_closes(wire, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 1000)

    def test_slow_handshake_after_starttls(self):
        with connect_clear(self.rig) as wire:
            self.assert_ok(wire.command(b"STARTTLS"))
            self.assert_closes(wire, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 1000)

    def test_slow_login(self):
        with connect(self.rig) as wire:
            self.assert_good_client_works()
            self.assert_closes(wire, b"a LOGIN " + b"x" * 1000)

    def test_slow_commands(self):
        with connect(self.rig) as wire:
            self.assert_closes(wire, b"a NOOP\r\n" * 1000)

    def test_waiting_in_an_exchange(self):
        with connect(self.rig) as wire:
            wire.send(b"a AUTHENTICATE PLAIN\r\n")
            self.assert_closes(wire)

    def test_literal_that_never_comes(self):
        with connect(self.rig) as wire:
            wire.send(b"a LOGIN {10}\r\n")
            self.assert_closes(wire)


class HalfClosed(gatecase.GateCase):
    """A client that ends its direction, at each phase: the gate ends the connection too."""

    def assert_ends(self, wire):
        with wire:
            wire.half_close()
            wire.until_closed()
        self.assert_good_client_works()

    def test_before_the_handshake(self):
        self.assert_ends(Wire(self.rig.imaps_port))

    def test_within_the_handshake(self):
        wire = Wire(self.rig.imaps_port)
        wire.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
        self.assert_ends(wire)

    def test_after_the_handshake(self):
        self.assert_ends(connect(self.rig))

    def test_in_clear(self):
        self.assert_ends(connect_clear(self.rig))

    def test_after_starttls(self):
        wire = connect_clear(self.rig)
        self.assert_ok(wire.command(b"STARTTLS"))
        self.assert_ends(wire)

    def test_within_a_command(self):
        for octets in (b"a LOG", b"a LOGIN {10}\r\n", b"a LOGIN {10+}\r\nabc",
                       b"a AUTHENTICATE PLAIN\r\n"):
            with self.subTest(octets):
                wire = connect(self.rig)
                wire.send(octets)
                self.assert_ends(wire)

    def test_behind_a_login(self):
        for octets in LOGINS.values():
            wire = connect(self.rig)
            wire.send(octets)
            self.assert_ends(wire)

    def test_in_a_live_session(self):
        wire = connect(self.rig)
        self.assert_ok(wire.login(ALICE, PASSWORD))
        self.assert_ends(wire)
        self.wait_event("session_ended", login=ALICE)

    def test_reset_in_a_live_session(self):
        wire = connect(self.rig)
        self.assert_ok(wire.login(ALICE, PASSWORD))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()
        self.wait_event("session_ended", login=ALICE)


class Tls(gatecase.GateCase):
    def s_client(self, *options, said="", port=None):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port or self.rig.imaps_port}",
                               "-CAfile", self.rig.servers.cert, *options], input=said, text=True,
                              capture_output=True, timeout=60, check=False)

    def test_renegotiation(self):
        """A client that asks for it is refused or dropped; it never happens."""
        path = self.rig.path("renegotiation")

        def said():
            with open(path) as source:
                return source.read()
        with open(path, "w") as out:
            client = subprocess.Popen([
                "openssl", "s_client", "-connect", f"127.0.0.1:{self.rig.imaps_port}", "-tls1_2",
                "-legacy_renegotiation", "-CAfile", self.rig.servers.cert], stdin=subprocess.PIPE,
                stdout=out, stderr=out)
        self.addCleanup(client.wait)
        self.addCleanup(client.stdin.close)
        wait_until(lambda: "* OK" in said(), 20, "the greeting")
        client.stdin.write(b"R\n")
        client.stdin.flush()
        self.assertNotEqual(client.wait(30), 0)  # it ends although its input is still open
        self.assertRegex(said(), "RENEGOTIATING\n.*(no renegotiation|alert)")
        self.assert_good_client_works()

    def test_old_versions(self):
        for version in ("-tls1", "-tls1_1"):
            done = self.s_client(version, "-cipher", "DEFAULT@SECLEVEL=0")
            self.assertNotIn("* OK", done.stdout)
            self.assertIn("alert", done.stderr)

    def test_weak_ciphers(self):
        for cipher in ("NULL", "AES128-SHA", "AES256-GCM-SHA384", "DES-CBC3-SHA", "aNULL"):
            done = self.s_client("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
            self.assertNotIn("* OK", done.stdout, cipher)

    def test_protocol_names(self):
        for names in (["imap"], ["h2", "imap"], None):
            with self.subTest(names):
                with connect(self.rig, context=tls_context(self.rig, alpn=names)) as wire:
                    self.assertEqual(wire.socket.selected_alpn_protocol(), names and "imap")
                    self.assert_ok(wire.login(ALICE, PASSWORD))
        for names in (["h2"], ["http/1.1"], ["h2", "http/1.1"], ["ftp"], ["smtp"], ["IMAP"], ["imaps"]):
            with self.subTest(names), self.assertRaises(OSError):
                connect(self.rig, context=tls_context(self.rig, alpn=names))

    def test_protocol_names_after_starttls(self):
        with connect_clear(self.rig) as wire:
            self.assert_ok(wire.command(b"STARTTLS"))
            with self.assertRaises(OSError):
                wire.start_tls(tls_context(self.rig, alpn=["http/1.1"]))

    def test_http(self):
        for request in HTTP:
            with self.subTest(request[:20]):
                with connect(self.rig) as wire:
                    wire.send(request)
                    said = wire.until_closed()
                    self.assertLessEqual(len(said.splitlines()), 1, said)
                with connect_clear(self.rig) as wire:
                    wire.send(request)
                    self.assertLessEqual(len(wire.until_closed().splitlines()), 1)
                with connect_clear(self.rig) as wire:
                    self.assert_ok(wire.command(b"STARTTLS"))
                    wire.start_tls(tls_context(self.rig))
                    wire.send(request)
                    self.assertLessEqual(len(wire.until_closed().splitlines()), 1)
        self.assert_good_client_works()

    def test_no_tls_at_all(self):
        for octets in (HTTP[0], b"\0" * 1000, b"\x16\x03\x01\xff\xff" + b"\x01" * 70000,
                       b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", b"\x15\x03\x03\x00\x02\x02\x28",
                       b"\x17\x03\x03\x00\x10" + b"x" * 16, b"SSH-2.0-x\r\n"):
            with self.subTest(octets[:20]), Wire(self.rig.imaps_port) as wire:
                try:
                    wire.send(octets)
                    wire.half_close()
                except OSError:
                    pass
                self.assertLess(len(wire.until_closed()), 100)
        self.assert_good_client_works()


class Silence(gatecase.GateCase):
    """1,000 connections that say nothing, with the limits as they are by default."""

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", connections_per_address=50, connections_per_prefix=200)

    def test_the_oldest_silent_connection_goes_first(self):
        with many(1000, lambda number: Wire(self.rig.imaps_port)) as silent:
            self.assert_good_client_works()
            for wire in silent[:900]:
                self.assertEqual(wire.until_closed(), b"")
            # The youngest have room; the good client has taken one place at most.
            for wire in silent[-40:]:
                wire.socket.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    wire.socket.recv(1)

    def test_another_address_is_not_touched(self):
        with Wire(self.rig.imap_port, source="127.0.1.1") as other:
            other.line()
            with many(300, lambda number: Wire(self.rig.imaps_port)):
                self.assert_good_client_works(source="127.0.1.2")
                self.assertTrue(other.is_open())

    def test_many_addresses_of_one_prefix(self):
        with many(600, lambda number: Wire(self.rig.imaps_port, source=f"127.7.7.{1 + number % 200}")):
            self.assert_good_client_works()
            self.assert_good_client_works(source="127.7.7.250")


class SilenceInAll(gatecase.GateCase):
    """At the cap on all connections, from many networks."""

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", connections=100, connections_per_address=100,
                                   connections_per_prefix=100, sessions_per_user=100,
                                   sessions_per_user_and_address=100)

    def test_a_good_client_finds_room(self):
        with connect(self.rig) as live:
            self.assert_ok(live.login(ALICE, PASSWORD))
            with many(300, lambda number: Wire(self.rig.imaps_port, source=f"127.8.{number % 250}.1")):
                self.assert_good_client_works(source="127.9.0.1")
                self.assertTrue(live.is_open())


class HandshakeFlood(gatecase.GateCase):
    RATE = 2  # far below what any machine can do, a sanitized build on a busy one too

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("limits", handshakes_per_prefix_per_s=cls.RATE)
        cls.proxied = rig.add_listener("proxied", proxy_protocol=["127.0.0.0/8"])

    def succeeds(self, source):
        try:
            connect(self.rig, self.proxied, proxy=proxy_v2(source)).close()
            return True
        except (OSError, Closed):
            return False

    def test_one_prefix_has_its_rate_and_others_are_free(self):
        sources = [f"192.0.2.{1 + number % 250}" for number in range(200)]
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as crowd:
            flood = [crowd.submit(self.succeeds, source) for source in sources]
            self.assert_good_client_works(self.proxied, proxy=proxy_v2("198.51.100.1"))
            succeeded = sum(one.result() for one in flood)
        took = time.monotonic() - begin
        # A burst of one second's worth and then the rate, at each of the gates at most.
        gates = len(self.rig.postern.roles("gate"))
        self.assertLessEqual(succeeded, gates * self.RATE * (took + 2))
        self.assertLess(succeeded, len(sources))
        wait_until(lambda: self.succeeds("192.0.2.1"), 10, "the prefix gets in again")

    def test_ipv6_prefix(self):
        sources = [f"2001:db8:0:1::{number + 1:x}" for number in range(200)]
        begin = time.monotonic()
        succeeded = sum(self.succeeds(source) for source in sources)
        gates = len(self.rig.postern.roles("gate"))
        self.assertLessEqual(succeeded, gates * self.RATE * (time.monotonic() - begin + 2))
        self.assertTrue(self.succeeds("2001:db8:0:2::1"))
