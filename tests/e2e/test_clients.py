"""Real mail programs read mail of a real Dovecot through Postern, by password and by a certificate that
`postern device add` made."""

import glob
import imaplib
import json
import os
import pty
import shutil
import ssl
import subprocess
import time
import unittest

import gatecase
from rig import ALICE, HERE, USERS

from mailclients import Account, write_private

MAIL = f"This is message 1 for {ALICE}."


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, **options)


def run_in_terminal(command, environment, seconds=60):
    """For programs that draw on a screen: gives them one, and returns what they drew."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, {**os.environ, "TERM": "vt100", **environment})
    drawn = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the program has closed its side
            more = b""
        if not more:
            break
        drawn += more
    os.close(terminal)
    return os.waitpid(pid, 0)[1], drawn.decode("utf-8", "replace")


class Clients:
    """Each client, both ways to TLS; the classes below say how the user proves who he is."""

    is_enrolled = True

    @classmethod
    def configure(cls, rig):
        rig.make_postern_ca()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.is_enrolled:
            cls.device = cls.rig.add_device(ALICE, "laptop")

    def account(self, starttls=False):
        raise NotImplementedError

    def both_ways(self, check):
        """check(account) with implicit TLS and with STARTTLS."""
        for starttls in (False, True):
            with self.subTest(starttls=starttls):
                check(self.account(starttls))

    def folder(self, name, account):
        """A directory for one run of a mail program, which is also its home."""
        path = self.rig.path(f"{type(self).__name__}-{name}-{account.port}")
        os.mkdir(path)
        return path

    def test_curl(self):
        def check(account):
            done = run(account.curl())
            self.assertIn(MAIL, done.stdout, done.stderr)

        self.both_ways(check)

    def test_openssl_s_client(self):
        def check(account):
            command = ["openssl", "s_client", "-quiet", "-connect", f"localhost:{account.port}",
                       "-CAfile", account.ca, "-verify_return_error", "-crlf"]
            if account.starttls:
                command += ["-starttls", "imap"]
            if account.cert:
                command += ["-cert", account.cert, "-key", account.key]
            done = subprocess.run(command, input=self.dialogue(account), text=True, timeout=60,
                                  capture_output=True, check=False)
            self.assertIn(MAIL, done.stdout, done.stderr)

        self.both_ways(check)

    def dialogue(self, account):
        login = ("a AUTHENTICATE EXTERNAL =" if account.password is None
                 else f"a LOGIN {account.login} {account.password}")
        return f"{login}\nb EXAMINE INBOX\nc FETCH 1 BODY.PEEK[TEXT]\nd LOGOUT\n"

    def test_mbsync(self):
        def check(account):
            home = self.folder("mbsync", account)
            rc = write_private(os.path.join(home, "rc"), account.mbsync_rc(home))
            done = run(["mbsync", "-c", rc, "-a"])
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(len(glob.glob(os.path.join(home, "INBOX", "*", "*"))), 3)

        self.both_ways(check)

    def test_mutt(self):
        def check(account):
            home = self.folder("mutt", account)
            bundle = self.device.bundle if account.cert else None
            rc = write_private(os.path.join(home, "rc"), account.mutt_rc(bundle) + f"set folder = {home}\n"
                               "set confirmcreate = no\nset confirmappend = no\n"
                               'push "<tag-pattern>~A<enter><tag-prefix><copy-message>=got<enter><exit>"\n')
            _, drawn = run_in_terminal(["mutt", "-F", rc], {"HOME": home})
            self.assertEqual(len(glob.glob(os.path.join(home, "got", "*", "*"))), 3, drawn)

        self.both_ways(check)

    def test_fetchmail(self):
        def check(account):
            home = self.folder("fetchmail", account)
            mailbox = os.path.join(home, "mailbox")
            rc = write_private(os.path.join(home, "rc"), account.fetchmail_rc(mailbox))
            done = run(["fetchmail", "-f", rc, "--pidfile", os.path.join(home, "pid"),
                        "-i", os.path.join(home, "ids")], env={**os.environ, "HOME": home})
            self.assertTrue(os.path.exists(mailbox), done.stdout + done.stderr)
            with open(mailbox) as got:
                self.assertEqual(got.read().count("This is message"), 3)

        self.both_ways(check)

    def test_imaplib(self):
        def check(account):
            context = ssl.create_default_context(cafile=account.ca)
            if account.cert:
                context.load_cert_chain(account.cert, account.key)
            if account.starttls:
                client = imaplib.IMAP4("localhost", account.port, timeout=30)
                client.starttls(context)
            else:
                client = imaplib.IMAP4_SSL("localhost", account.port, ssl_context=context, timeout=30)
            with client:
                if account.password is None:
                    client.authenticate("EXTERNAL", lambda challenge: b"")
                else:
                    client.login(account.login, account.password)
                client.select("INBOX", readonly=True)
                self.assertIn(MAIL.encode(), client.fetch("1", "BODY.PEEK[TEXT]")[1][0][1])

        self.both_ways(check)


class ByPassword(Clients, gatecase.GateCase):
    is_enrolled = False  # or the password would not do

    def account(self, starttls=False):
        port = self.rig.imap_port if starttls else self.rig.imaps_port
        return Account(ALICE, port, self.rig.servers.cert, USERS[ALICE], starttls=starttls)

    @unittest.skipUnless(os.path.isdir(os.path.join(HERE, "node_modules", "imapflow"))
                         and shutil.which("node"), "imapflow is not there: npm ci in tests/e2e")
    def test_imapflow(self):
        def check(account):
            read_by_imapflow(self, account)

        self.both_ways(check)


class ByCertificate(Clients, gatecase.GateCase):
    def account(self, starttls=False):
        port = self.rig.imap_port if starttls else self.rig.imaps_port
        return Account(ALICE, port, self.rig.servers.cert, cert=self.device.cert, key=self.device.key,
                       starttls=starttls)

    def test_the_device_is_named_in_the_list(self):
        run(self.account().curl())
        rows = self.rig.postern.rows("device", "list", ALICE)
        self.assertEqual([row["name"] for row in rows], ["laptop"])


class ByBoth(Clients, gatecase.GateCase):
    """Where the listener demands certificate and password together."""

    @classmethod
    def configure(cls, rig):
        super().configure(rig)
        for name in ("imaps", "imap"):
            rig.postern.config.section("listener", name, login=["certificate+password"])

    def account(self, starttls=False):
        port = self.rig.imap_port if starttls else self.rig.imaps_port
        return Account(ALICE, port, self.rig.servers.cert, USERS[ALICE], self.device.cert,
                       self.device.key, starttls=starttls)

    @unittest.skipUnless(os.path.isdir(os.path.join(HERE, "node_modules", "imapflow"))
                         and shutil.which("node"), "imapflow is not there: npm ci in tests/e2e")
    def test_imapflow(self):
        def check(account):
            read_by_imapflow(self, account)

        self.both_ways(check)


def read_by_imapflow(test, account):
    wanted = {"port": account.port, "user": account.login, "password": account.password,
              "ca": account.ca, "cert": account.cert, "key": account.key,
              "secure": not account.starttls}
    done = run(["node", os.path.join(HERE, "imapflow.js"), json.dumps(wanted)])
    test.assertIn(MAIL, done.stdout, done.stderr)
