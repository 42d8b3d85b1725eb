"""The command postern as people and scripts use it: what it prints, where it stops, what it leaves."""

import fcntl
import json
import os
import pty
import re
import resource
import signal
import stat
import struct
import subprocess
import termios
import unittest

import gatecase
from rig import ALICE, BOB, IS_ROOT, POSTERN, wait_until

PASSPHRASE = "correct horse battery staple"
TIOCGPTN = 0x80045430  # the termios module does not name it


class Terminal:
    """A command with a terminal of its own, as a person sees it."""

    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run behind a shell's &
            os.execv(POSTERN, [POSTERN, *arguments])
        self.seen = b""

    def until(self, text):
        while text not in self.seen:
            self.seen += os.read(self.fd, 4096)

    def type(self, text):
        os.write(self.fd, text)

    def number(self):
        """Its number in /dev/pts."""
        return struct.unpack("I", fcntl.ioctl(self.fd, TIOCGPTN, b"\0" * 4))[0]

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def wait_silent(self):
        """The prompt comes before or after the echo goes: typing starts when both are done."""
        wait_until(lambda: not self.echoes(), 10, "a terminal without echo")

    def end(self):
        try:
            while part := os.read(self.fd, 4096):
                self.seen += part
        except OSError:  # the terminal's other side is closed
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class Commands(gatecase.GateCase):
    rig_options = {"dovecot": False}

    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("backend", "imap", address=["127.0.0.1:1"])
        rig.make_postern_ca()

    def ask(self, *arguments, **options):
        return self.rig.postern.ask(*arguments, **options)

    def add(self, login, name, *more, **options):
        return self.ask("device", "add", login, "--certificate", "--name", name, "--ca",
                        self.rig.postern_ca, "--passphrase-file", self.rig.passphrase_file, *more,
                        **options)

    def device(self, login, name):
        (row,) = [row for row in self.rig.postern.rows("device", "list", login) if row["name"] == name]
        return row

    def assert_fails(self, done, text, status=1):
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("postern: "), done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")

    def assert_usage(self, text, *arguments):
        self.assert_fails(self.rig.postern.command(*arguments, check=False), text, 64)

    # --- words --------------------------------------------------------------------------------------

    def test_wrong_words(self):
        self.assert_usage("no command nonsense", "nonsense")
        self.assert_usage("no command device nonsense", "device", "nonsense")
        self.assert_usage("unknown option --jso", "device", "list", "--jso")
        self.assert_usage("unknown option -j", "device", "list", "-j")
        self.assert_usage("takes no value: --json", "device", "list", "--json=yes")
        self.assert_usage("needs a value: --socket", "device", "list", "--socket")
        self.assert_usage("needs a value: --socket", "device", "list", "--socket=")
        self.assert_usage("given twice: --json", "device", "list", "--json", "--json")
        self.assert_usage("one argument too many: b", "device", "list", "a", "b")
        self.assert_usage("missing: USER", "device", "revoke", "--name", "x")
        self.assert_usage("by --name or by --serial", "device", "revoke", ALICE, "--socket",
                          self.rig.postern.config.top["control"])
        self.assert_usage("missing: --certificate", "device", "add", ALICE)
        self.assert_usage("--out FILE.p12, --pem DIR or --mobileconfig FILE", "device", "add", ALICE,
                          "--certificate", "--name", "x", "--ca", "y")
        self.assert_usage("from 1 to 3650", "device", "add", ALICE, "--certificate", "--name", "x",
                          "--ca", "y", "--pem", "z", "--days", "0")
        self.assert_usage("missing: --dir", "ca", "init")
        self.assert_usage("\\x1b[2J", "\x1b[2J")

    def test_help_names_every_command(self):
        text = self.rig.postern.command("--help").stdout
        commands = [re.split(r" (?=[A-Z[]|  )", line.strip())[0] for line in text.splitlines()
                    if line.startswith("  ")]
        self.assertIn("device add", commands)
        for words in commands:
            with self.subTest(words):
                one = self.rig.postern.command(*words.split(), "--help")
                self.assertIn(f"usage: postern {words}", one.stdout)
                self.assertIn("--help", one.stdout)
                self.assertEqual(one.stderr, "")
        group = self.rig.postern.command("device", "--help").stdout
        self.assertIn("device revoke", group)
        self.assertNotIn("session kick", group)

    def test_output_that_can_not_be_written(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([POSTERN, "device", "list", "--socket",
                                   self.rig.postern.config.top["control"]], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output: No space left", done.stderr)

    # --- devices ------------------------------------------------------------------------------------

    def test_names_are_canonical(self):
        for number, typed in enumerate(("carol", "CAROL@Example.ORG", "Carol@example.org")):
            self.add(typed, f"device {number}", "--pem", self.rig.path(f"carol-{number}"))
        rows = self.rig.postern.rows("device", "list", "cArOl")
        self.assertEqual({row["login"] for row in rows}, {"carol@example.org"})
        self.assertEqual([row["name"] for row in rows], ["device 0", "device 1", "device 2"])
        self.assert_fails(self.ask("device", "list", "a b", check=False), "a b is no user's name")
        self.ask("device", "revoke", "CAROL", "--name", "device 1")
        self.assertEqual(self.device("carol", "device 1")["state"], "revoked")

    def test_json_of_device_add(self):
        file = self.rig.path("json.p12")
        row = json.loads(self.add(BOB, "t\u00e9l\u00e9phone", "--out", file, "--json").stdout)
        self.assertEqual((row["login"], row["name"], row["file"]), (BOB, "t\u00e9l\u00e9phone", file))
        self.assertRegex(row["password"], r"^[a-z0-9]{4}(-[a-z0-9]{4}){3}$")
        self.assertRegex(row["fingerprint"], r"^[0-9a-f]{64}$")
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        listed = self.device(BOB, "t\u00e9l\u00e9phone")
        for key in ("serial", "fingerprint", "not_after"):
            self.assertEqual(listed[key], row[key])
        self.assertEqual((listed["state"], listed["last_used"]), ("valid", None))

    def test_revoking_by_serial(self):
        self.add(BOB, "by-serial", "--pem", self.rig.path("by-serial"))
        serial = self.device(BOB, "by-serial")["serial"].upper()
        typed = ":".join(serial[at:at + 2] for at in range(0, len(serial), 2))
        self.assert_fails(self.ask("device", "revoke", ALICE, "--serial", typed, check=False),
                          "no device of serial")
        self.ask("device", "revoke", BOB, "--serial", typed)
        self.assertIsNotNone(self.device(BOB, "by-serial")["revoked"])
        self.assert_fails(self.ask("device", "revoke", BOB, "--serial", typed, check=False),
                          "revoked already")

    def test_a_table_is_aligned(self):
        self.add("dave", "a", "--pem", self.rig.path("dave-1"))
        self.add("dave", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", "--pem", self.rig.path("dave-2"))
        title, *rows = self.ask("device", "list", "dave").stdout.splitlines()
        column = title.index("STATE")
        self.assertEqual([row[column:column + 5] for row in rows], ["valid", "valid"])
        self.assertEqual(self.ask("device", "list", "nobody").stdout, "no devices\n")
        self.assertEqual(self.ask("session", "list").stdout, "no sessions\n")
        self.assertEqual(self.ask("session", "list", "--json").stdout, "")

    def test_what_can_not_be_written_is_revoked_again(self):
        """The directory takes an empty file, and then no octet more."""
        def no_octet():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        folder = self.rig.path("unwritten")
        done = self.add(BOB, "unwritten", "--pem", folder, check=False, preexec_fn=no_octet)
        self.assert_fails(done, "the device is revoked again")
        self.assertEqual(self.device(BOB, "unwritten")["state"], "revoked")
        self.assertFalse(os.path.exists(os.path.join(folder, "key.pem")))
        self.add(BOB, "unwritten", "--pem", folder)

    def test_what_is_in_the_way_is_said_before_anything_is_registered(self):
        file = self.rig.write("in-the-way.p12", "precious")
        self.assert_fails(self.add(BOB, "in-the-way", "--out", file, check=False), file)
        with open(file) as kept:
            self.assertEqual(kept.read(), "precious")
        self.assertNotIn("in-the-way", [row["name"] for row in self.rig.postern.rows("device", "list", BOB)])

    def test_a_wrong_passphrase(self):
        wrong = self.rig.write("wrong", "not the right one\n", 0o600)
        done = self.ask("device", "add", BOB, "--certificate", "--name", "wrong", "--ca",
                        self.rig.postern_ca, "--passphrase-file", wrong, "--pem",
                        self.rig.path("wrong-device"), check=False)
        self.assert_fails(done, "passphrase")
        self.assertNotIn("not the right one", done.stderr)

    # --- who may ------------------------------------------------------------------------------------

    @unittest.skipUnless(IS_ROOT, "needs another user")
    def test_a_user_who_may_not(self):
        done = self.ask("device", "list", check=False, user=65534)
        self.assert_fails(done, "may not command Postern")

    def test_nobody_answers(self):
        for path in (self.rig.path("nothing"), self.rig.path("master")):
            done = self.rig.postern.command("session", "list", "--socket", path, check=False)
            self.assert_fails(done, f"no Postern answers at {path}: is it running? (--socket PATH)")
        done = self.rig.postern.command("session", "list", "--socket", "/" + 200 * "x", check=False)
        self.assert_fails(done, "longer than the name of a socket")

    # --- passphrases at the terminal ------------------------------------------------------------------

    def test_a_passphrase_is_asked_twice_and_not_shown(self):
        folder = self.rig.path("asked")
        terminal = Terminal("ca", "init", "--dir", folder)
        for prompt in (b"New passphrase for the authority: ", b"The same passphrase again: "):
            terminal.until(prompt)
            terminal.wait_silent()
            terminal.type(PASSPHRASE.encode() + b"\n")
        self.assertEqual(terminal.end(), 0, terminal.seen)
        self.assertNotIn(b"horse", terminal.seen)
        with open(os.path.join(folder, "ca.key")) as key:
            self.assertIn("ENCRYPTED", key.read())
        terminal = Terminal("device", "add", BOB, "--certificate", "--name", "asked", "--pem",
                            self.rig.path("asked-device"), "--ca", folder, "--socket",
                            self.rig.postern.config.top["control"])
        terminal.until(b"Passphrase of the authority: ")
        terminal.wait_silent()
        terminal.type(PASSPHRASE.encode() + b"\n")
        self.assertEqual(terminal.end(), 0, terminal.seen)
        self.assertNotIn(b"horse", terminal.seen)

    def test_two_passphrases_that_differ(self):
        folder = self.rig.path("differ")
        terminal = Terminal("ca", "init", "--dir", folder)
        for prompt, text in ((b"New passphrase", PASSPHRASE), (b"again: ", PASSPHRASE + "!")):
            terminal.until(prompt)
            terminal.wait_silent()
            terminal.type(text.encode() + b"\n")
        self.assertEqual(terminal.end(), 1)
        self.assertIn(b"the two passphrases differ", terminal.seen)
        self.assertFalse(os.path.exists(os.path.join(folder, "ca.key")))

    def test_control_c_gives_the_echo_back(self):
        terminal = Terminal("ca", "init", "--dir", self.rig.path("broken-off"))
        kept = os.open(f"/dev/pts/{terminal.number()}", os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, kept)  # the terminal outlives the command
        terminal.until(b"New passphrase")
        terminal.wait_silent()
        terminal.type(b"half a pass\x03")
        _, status = os.waitpid(terminal.pid, 0)
        self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status)
        self.assertTrue(terminal.echoes())
        os.close(terminal.fd)

    def test_no_terminal(self):
        done = self.rig.postern.command("ca", "init", "--dir", self.rig.path("none"), check=False,
                                        start_new_session=True)
        self.assert_fails(done, "use --passphrase-file")
