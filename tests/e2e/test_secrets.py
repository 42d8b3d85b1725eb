"""No password, token or message text gets into a log, a file of ours, or a core file."""

import base64
import glob
import os
import signal
import urllib.parse

import gatecase
from backends import tokens
from backends.dovecot import MASTER_PASSWORD
from backends.process import wait_until
from rig import ALICE, BOB, PASSPHRASE, USERS
from test_oauth import oauthbearer, xoauth2
from wire import Closed, connect, connect_clear, encode, plain

CANARY = "canary-Zq83"  # begins every wrong password and every name that is none


def spellings(secret):
    """How a secret might show."""
    octets = secret.encode()
    return {secret, secret.upper(), secret.lower(), urllib.parse.quote(secret), octets.hex(),
            *(base64.b64encode(b"\0" * pad + octets)[4 * (pad > 0):-4].decode() for pad in range(3))}


class Secrets(gatecase.GateCase):
    rig_options = {"users": {**USERS, "dave@example.org": "dave-opens-sesame"}}

    @classmethod
    def configure(cls, rig):
        rig.make_postern_ca()
        rig.alice = rig.clients.client("alice", ALICE)
        rig.postern.config.section("limits", failure_delay="1ms")

    def ours(self):
        """All that Postern has written: log, output, state, and what it shows of itself."""
        names = [self.rig.postern.log, self.rig.postern.out]
        names += glob.glob(self.rig.path("state", "*"))
        pids = [self.rig.postern.process.pid, *self.rig.postern.roles("gate"),
                *self.rig.postern.roles("keeper")]
        names += [f"/proc/{pid}/{name}" for pid in pids for name in ("cmdline", "environ")]
        for name in names:
            with open(name, "rb") as source:
                yield name, source.read().decode("latin-1")

    def assert_nowhere(self, *secrets):
        for name, text in self.ours():
            for secret in secrets:
                for spelling in spellings(secret):
                    self.assertNotIn(spelling, text, f"{secret!r} in {name}")

    def try_all(self, name, password):
        """One login attempt in each form that carries a name and a password."""
        user, secret = name.encode(), password.encode()
        forms = [b'LOGIN "%s" "%s"' % (user, secret),
                 b"LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (len(user), user, len(secret), secret),
                 b"AUTHENTICATE PLAIN " + plain(name, password),
                 b"AUTHENTICATE PLAIN " + plain(name, password, name),
                 b"AUTHENTICATE PLAIN " + encode(f"{name}\0{password}"),
                 b"AUTHENTICATE PLAIN " + user + secret,
                 b"LOGIN %s" % secret, b"LOGIN %s %s extra" % (user, secret), b"%s %s" % (user, secret),
                 b'ID ("password" "%s")' % secret]
        for form in forms:
            for make in (connect, connect_clear):
                with make(self.rig) as wire:
                    try:
                        wire.command(form)
                    except Closed:
                        pass
        with connect(self.rig) as wire:
            wire.send(b"a AUTHENTICATE LOGIN\r\n")
            wire.answer(b"a")
            wire.send(encode(name) + b"\r\n")
            wire.answer(b"a")
            wire.send(encode(password) + b"\r\n")
            wire.answer(b"a")

    def test_passwords_right_and_wrong(self):
        for number, name in enumerate((ALICE, "nobody@example.org")):
            self.try_all(name, f"{CANARY}-wrong-{number}")
            self.assert_nowhere(f"{CANARY}-wrong-{number}")
        self.try_all(ALICE, USERS[ALICE])
        self.assert_nowhere(USERS[ALICE])

    def test_password_typed_as_user_name(self):
        """A failed login is known by a keyed hash of the typed name, never by the name."""
        typed = (f"{CANARY}-typed", f"{CANARY}-typed@example.org", f"{CANARY} with space")
        for name in typed:
            self.try_all(name, "x")
            self.try_all(name, "")
        self.assert_nowhere(*typed, f"{CANARY}-typed")
        self.assertTrue(self.events("login_refused", outcome="refused"))

    def test_lines_that_are_no_command(self):
        for octets in (f"{CANARY}-line\r\n", f"a {CANARY}-line\r\n", f"{CANARY}-line a LOGIN\r\n",
                       f"a LOGIN {{{len(CANARY)}}}\r\n{CANARY}-line\r\n", f"a NOOP {CANARY}-line\r\n",
                       f"a STARTTLS {CANARY}-line\r\n"):
            for make in (connect, connect_clear):
                with make(self.rig) as wire:
                    wire.send(octets.encode())
                    wire.send(b"b LOGOUT\r\n")
                    wire.until_closed()
        self.assert_nowhere(f"{CANARY}-line")

    def test_tokens(self):
        good, bad = tokens.token(ALICE), tokens.token(BOB, key=b"other")
        for token in (good, bad):
            for name, make in ((b"OAUTHBEARER", oauthbearer), (b"XOAUTH2", xoauth2)):
                with connect(self.rig) as wire:
                    wire.send(b"a AUTHENTICATE %s %s\r\n" % (name, make(ALICE, token)))
                    if wire.answer(b"a").startswith(b"+"):
                        wire.send(b"AQ==\r\n")
                        wire.answer(b"a")
            self.assert_nowhere(token, token.split(".")[2])

    def test_message_text(self):
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))
            text = f"Subject: {CANARY}-subject\r\n\r\n{CANARY}-body\r\n"
            wire.send(b"x APPEND INBOX {%d+}\r\n%s\r\n" % (len(text), text.encode()))
            self.assert_ok(wire.answer(b"x"))
            self.assert_ok(wire.command(b"SELECT INBOX"))
            self.assert_ok(wire.command(b'SEARCH SUBJECT "' + CANARY.encode() + b'-subject"'))
            wire.command(b"FETCH 1:* BODY.PEEK[]")
        self.assert_nowhere(f"{CANARY}-subject", f"{CANARY}-body", "This is message")

    def test_passwords_of_ours(self):
        device = self.rig.add_device(ALICE, "laptop")
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
            self.assert_reads_mail(wire)
        self.assert_nowhere(MASTER_PASSWORD, PASSPHRASE)
        with open(device.key) as key:
            line = key.read().splitlines()[1]
        for name, text in self.ours():
            self.assertNotIn(line, text, name)

    def test_no_core_file(self):
        """A role that crashes leaves no memory behind."""
        for role in ("gate", "keeper"):
            for pid in self.rig.postern.roles(role):
                with open(f"/proc/{pid}/limits") as limits:
                    line = next(line for line in limits if line.startswith("Max core file size"))
                self.assertEqual(line.split()[4:6], ["0", "0"])
                directory = os.readlink(f"/proc/{pid}/cwd")
                os.kill(pid, signal.SIGABRT)
                wait_until(lambda pid=pid: pid not in self.rig.postern.roles(role), 10, "it is gone")
                if os.path.isdir(directory):
                    self.assertFalse([name for name in os.listdir(directory) if name.startswith("core")])

        def is_back():
            try:
                with connect(self.rig) as wire:
                    return wire.login(ALICE, USERS[ALICE]).startswith(b"OK")
            except OSError:
                return False
        wait_until(is_back, 60, "a login works again")
