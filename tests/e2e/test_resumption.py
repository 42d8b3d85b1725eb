"""A session ticket opens where it was made, as long as what it rests on holds; all else is a full handshake."""

import base64
import os
import re
import signal
import ssl
import subprocess
import time
from contextlib import suppress

import gatecase
from backends.authority import Authority
from backends.process import wait_until
from rig import ALICE, USERS
from test_certificates import in_seconds
from wire import Wire, connect, tls_context

PASSWORD = USERS[ALICE]
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def s_client(rig, version, *options):
    """What `openssl s_client` says of a connection without a certificate that does nothing."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{rig.imaps_port}", "-servername", "localhost", "-ign_eof",
         "-tls1_2" if version == ssl.TLSVersion.TLSv1_2 else "-tls1_3", *options],
        input=b"a NOOP\r\nb LOGOUT\r\n", capture_output=True, timeout=30, check=False).stdout.decode()


def parse(octets):
    """The elements of DER, as tag and content; tags of one octet."""
    elements, at = [], 0
    while at < len(octets):
        tag, size, at = octets[at], octets[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7f
            size, at = int.from_bytes(octets[at:at + count], "big"), at + count
        elements.append((tag, octets[at:at + size]))
        at += size
    return elements


def element(tag, content):
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


class Tickets(gatecase.GateCase):
    """What the cases share."""

    @classmethod
    def configure(cls, rig):
        cls.valid = rig.clients.client("valid", ALICE)
        cls.twin = rig.add_listener("twin")
        cls.certificate_port = rig.add_listener("certificates", login=["certificate"])
        rig.postern.config.section("limits", failure_delay="1ms")

    def each_version(self):
        for version in VERSIONS:
            with self.subTest(version.name):
                yield version

    def first(self, context, port=None):
        """A full handshake, and the session that it left."""
        with connect(self.rig, port, context=context) as wire:
            self.assertFalse(wire.socket.session_reused)
            session = wire.tls_session()
            self.assertTrue(session.has_ticket)
            return session

    def again(self, context, session, port=None, is_resumed=True):
        """A second connection with that session, read up to the greeting."""
        wire = connect(self.rig, port, context=context, session=session)
        self.addCleanup(wire.close)
        self.assertEqual(wire.socket.session_reused, is_resumed)
        return wire

    def reload(self):
        postern = self.rig.postern
        mark = postern.mark()
        postern.write_config()
        postern.reload()
        postern.wait_event("reload_done", mark)

    def change(self, kind, name="", **values):
        """Reloads with these values, and with the former ones at the end of the test."""
        section = self.rig.postern.config.sections[kind, name]
        former = {key: section.get(key) for key in values}

        def restore():
            section.update(former)
            self.reload()
        self.addCleanup(restore)
        section.update(values)
        self.reload()


class Resumed(Tickets):
    def test_a_password_login(self):
        for version in self.each_version():
            context = tls_context(self.rig, version=version)
            with self.again(context, self.first(context)) as wire:
                self.assert_ok(wire.login(ALICE, PASSWORD))
                self.assert_reads_mail(wire)

    def test_the_certificate_travels_along(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            with self.again(context, self.first(context)) as wire:
                self.assert_ok(wire.external())
                self.assert_reads_mail(wire)

    def test_again_and_again(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.first(context)
            for _ in range(5):
                with self.again(context, session) as wire:
                    session = wire.tls_session()
                    self.assert_ok(wire.external())

    def test_many_from_one_ticket(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.first(context)
            for _ in range(8):
                with self.again(context, session) as wire:
                    self.assert_ok(wire.external())

    def test_after_starttls(self):
        for version in self.each_version():
            context = tls_context(self.rig, version=version)
            session = None
            for _ in range(2):
                with Wire(self.rig.imap_port) as wire:
                    wire.line()
                    self.assert_ok(wire.command(b"STARTTLS"))
                    wire.start_tls(context, session)
                    self.assertEqual(wire.socket.session_reused, session is not None)
                    session = wire.tls_session()
                    self.assert_ok(wire.login(ALICE, PASSWORD))


    def test_openssl_s_client(self):
        for version in self.each_version():
            path = self.rig.path(f"{version.name}.session")
            self.assertRegex(s_client(self.rig, version, "-sess_out", path), r"(?m)^New, TLS")
            self.assertRegex(s_client(self.rig, version, "-sess_in", path), r"(?m)^Reused, TLS")

    def test_it_offers_no_early_data_and_lives_half_a_day(self):
        path = self.rig.path("early.session")
        said = s_client(self.rig, ssl.TLSVersion.TLSv1_3, "-sess_out", path)
        self.assertRegex(said, r"Max Early Data: 0\b")
        hint = int(re.search(r"lifetime hint: (\d+)", said)[1])
        self.assertLessEqual(hint, 12 * 3600)
        early = self.rig.write("early", "x LOGIN alice wrong\r\n")
        said = s_client(self.rig, ssl.TLSVersion.TLSv1_3, "-sess_in", path, "-early_data", early)
        self.assertRegex(said, r"(?m)^Reused, TLS")
        self.assertIn("Early data was not sent", said)
        self.assertEqual(self.events("login_refused"), [])



class Elsewhere(Tickets):
    def test_on_another_listener(self):
        for version in self.each_version():
            context = tls_context(self.rig, version=version)
            session = self.first(context)
            for port in (self.twin, self.certificate_port):
                with self.again(context, session, port, is_resumed=False) as wire:
                    self.assertTrue(wire.is_open())
            self.again(context, session).close()

    def test_from_a_password_listener_on_a_certificate_listener(self):
        for version in self.each_version():
            context = tls_context(self.rig, version=version)
            with self.again(context, self.first(context), self.certificate_port, is_resumed=False) as wire:
                self.assert_refused(wire.login(ALICE, PASSWORD))
                self.assert_refused(wire.external())

    def test_under_another_name(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            context.check_hostname = False
            session = self.first(context)
            for name, is_resumed in (("mail.example.org", False), (None, False), ("LOCALHOST", True)):
                with Wire(self.rig.imaps_port) as wire:
                    wire.socket = context.wrap_socket(wire.socket, server_hostname=name, session=session)
                    wire.line()
                    # OpenSSL's client side keeps a TLS 1.2 session to its name; ours decides in TLS 1.3.
                    self.assertEqual(wire.socket.session_reused, is_resumed, name)
                    self.assert_ok(wire.external())

    def test_after_a_rule_change(self):
        for version in self.each_version():
            context = tls_context(self.rig, version=version)
            session = self.first(context)
            self.change("listener", "imaps", login=["certificate", "certificate+password"])
            with self.again(context, session, is_resumed=False) as wire:
                self.assert_refused(wire.login(ALICE, PASSWORD))
            self.doCleanups()

    def test_after_a_reload_that_changes_nothing(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.first(context)
            self.reload()
            with self.again(context, session) as wire:
                self.assert_ok(wire.external())

    def test_after_the_authority_went(self):
        others = Authority(self.rig.path("others"), "Other CA")
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.first(context)
            self.change("client_ca", "clients", certificate=others.cert)
            with self.again(context, session, is_resumed=False) as wire:
                self.assert_refused(wire.external())
            self.doCleanups()
            with connect(self.rig, certificate=self.valid) as wire:
                self.assert_ok(wire.external())


class Hostile(Tickets):
    """Tickets that nobody sealed, as a session file of OpenSSL (an ASN.1 SSL_SESSION) presents them."""

    def session_file(self, version):
        path = self.rig.path(f"{version.name}.hostile")
        s_client(self.rig, version, "-sess_out", path)
        return path

    def ticket_of(self, path):
        """The session as DER, and where its ticket (context tag 10) stands in it."""
        with open(path) as source:
            der = base64.b64decode("".join(source.read().split("-----")[2].split()))
        fields = parse(parse(der)[0][1])
        at = next(number for number, (tag, _) in enumerate(fields) if tag == 0xaa)
        return fields, at, parse(fields[at][1])[0][1]

    def write_ticket(self, path, fields, at, ticket):
        changed = fields[:at] + [(0xaa, element(0x04, ticket))] + fields[at + 1:]
        der = element(0x30, b"".join(element(*field) for field in changed))
        with open(path + ".changed", "w") as out:
            out.write("-----BEGIN SSL SESSION PARAMETERS-----\n" + base64.encodebytes(der).decode()
                      + "-----END SSL SESSION PARAMETERS-----\n")
        return path + ".changed"

    def assert_full(self, version, path):
        self.assertRegex(s_client(self.rig, version, "-sess_in", path), r"(?m)^New, TLS")

    def test_changed_ones(self):
        for version in self.each_version():
            path = self.session_file(version)
            fields, at, ticket = self.ticket_of(path)
            same = self.write_ticket(path, fields, at, ticket)
            self.assertRegex(s_client(self.rig, version, "-sess_in", same), r"(?m)^Reused, TLS")
            for place in (0, 15, 16, 31, 32, len(ticket) // 2, len(ticket) - 33, len(ticket) - 1):
                changed = bytearray(ticket)
                changed[place] ^= 1
                self.assert_full(version, self.write_ticket(path, fields, at, bytes(changed)))
            for size in (1, 16, 32, 48, 64, len(ticket) - 1):
                self.assert_full(version, self.write_ticket(path, fields, at, ticket[:size]))

    def test_large_ones(self):
        for version in self.each_version():
            path = self.session_file(version)
            fields, at, ticket = self.ticket_of(path)
            for size in (16000, 60000):
                grown = ticket + bytes(size - len(ticket))
                self.assert_full(version, self.write_ticket(path, fields, at, grown))
        self.assert_good_client_works()


class Revoked(Tickets):
    @classmethod
    def configure(cls, rig):
        super().configure(rig)
        cls.listed = {version: rig.clients.client(f"listed-{version.name}", ALICE) for version in VERSIONS}
        rig.clients.write_crl()
        rig.postern.config.section("client_ca", "clients", crl=[rig.clients.crl])

    def test_by_a_list(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.listed[version], version=version)
            session = self.first(context)
            self.again(context, session).close()
            mark = self.rig.postern.mark()
            self.rig.clients.revoke(self.listed[version])
            self.rig.postern.wait_event("crl_in_force", mark, 30)
            with self.again(context, session, is_resumed=False) as wire:
                self.assertIn(b"revoked", wire.external())
                self.assert_refused(wire.login(ALICE, PASSWORD))


class RevokedDevice(Tickets):
    @classmethod
    def configure(cls, rig):
        super().configure(rig)
        rig.make_postern_ca()

    def test_by_the_command(self):
        for version in self.each_version():
            device = self.rig.add_device(ALICE, f"laptop-{version.name}")
            context = tls_context(self.rig, device, version=version)
            session = self.first(context)
            with self.again(context, session) as wire:
                self.assert_ok(wire.external())
            self.rig.postern.ask("device", "revoke", ALICE, "--name", f"laptop-{version.name}")
            with self.again(context, session) as wire:  # what the keeper knows is asked at the login
                self.assertIn(b"revoked", wire.external())
                self.assert_refused(wire.login(ALICE, PASSWORD))


class Expired(Tickets):
    LIVES_S = 15

    def test_a_ticket_ends_with_its_certificate(self):
        contexts = {version: tls_context(self.rig, self.rig.clients.client(
            f"short-{version.name}", ALICE, ends=in_seconds(self.LIVES_S)), version=version) for version in VERSIONS}
        ends = time.time() + self.LIVES_S
        sessions = {version: self.first(context) for version, context in contexts.items()}
        for version, session in sessions.items():
            self.assertLessEqual(session.timeout, 12 * 3600)
            if version == ssl.TLSVersion.TLSv1_3:
                self.assertLessEqual(session.ticket_lifetime_hint, self.LIVES_S + 1)
        wait_until(lambda: time.time() > ends + 1, self.LIVES_S + 30, "the certificates have ended")
        for version in self.each_version():
            with self.again(contexts[version], sessions[version], is_resumed=False) as wire:
                self.assertIn(b"expired", wire.external())


class Gates(Tickets):
    """Two gates, and what dies."""

    @classmethod
    def configure(cls, rig):
        super().configure(rig)
        rig.postern.config.top["gates"] = 2
        # Which gate takes a connection is decided by the network that a PROXY header does not change;
        # behind proxy_protocol the kernel spreads connections over both.
        cls.spread = rig.add_listener("spread", proxy_protocol=["127.0.0.1"])

    def wire_by(self, context, session=None):
        """A connection, and the gate that has it, by the session number it logs."""
        wire = connect(self.rig, self.spread, context=context, session=session,
                       proxy=b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 993\r\n")
        self.addCleanup(wire.close)
        return wire

    def gate_of(self, wire):
        self.assert_ok(wire.external())
        mine = wire.socket.getsockname()[1]
        for number, pid in enumerate(self.rig.postern.roles("gate")):
            with open(f"/proc/{pid}/net/tcp") as table:
                inodes = {line.split()[9] for line in table if f":{mine:04X} " in line.split()[2] + " "}
            for name in os.listdir(f"/proc/{pid}/fd"):
                try:
                    if any(f"socket:[{inode}]" == os.readlink(f"/proc/{pid}/fd/{name}") for inode in inodes):
                        return number
                except OSError:
                    pass
        raise AssertionError("no gate has it")

    def until_both(self, context, session):
        """Resumes until each gate has taken the ticket."""
        seen = set()
        for _ in range(100):
            wire = self.wire_by(context, session)
            self.assertTrue(wire.socket.session_reused)
            seen.add(self.gate_of(wire))
            wire.close()
            if seen == {0, 1}:
                return
        self.fail(f"only gates {seen}")

    def test_a_ticket_of_one_is_taken_by_the_other(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.wire_by(context).tls_session()
            self.until_both(context, session)

    def test_a_new_gate_has_the_keys(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.wire_by(context).tls_session()
            mark = self.rig.postern.mark()
            os.kill(self.rig.postern.roles("gate")[0], signal.SIGKILL)
            self.rig.postern.wait_event("role_ended", mark)
            wait_until(lambda: len(self.rig.postern.roles("gate")) == 2, 10, "both gates are there")
            self.until_both(context, session)



class NewBroker(Tickets):
    def test_it_makes_new_keys(self):
        for version in self.each_version():
            context = tls_context(self.rig, self.valid, version=version)
            session = self.first(context)
            [broker] = self.rig.postern.roles("broker")
            os.kill(broker, signal.SIGKILL)
            wait_until(lambda: self.rig.postern.roles("broker") not in ([], [broker]), 10, "a new broker")

            # Until the broker has joined again, handshakes fail.
            def is_full():
                with suppress(OSError), connect(self.rig, context=context, session=session) as wire:
                    return not wire.socket.session_reused
            wait_until(is_full, 10, "the former keys are forgotten")

            def is_resumed():
                with suppress(OSError):
                    with connect(self.rig, context=context) as wire:
                        fresh = wire.tls_session()
                    with connect(self.rig, context=context, session=fresh) as wire:
                        return wire.socket.session_reused
            wait_until(is_resumed, 10, "the new keys have come")


