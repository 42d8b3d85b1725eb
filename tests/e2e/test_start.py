"""postern run, check-config, and how each start that can't work says so: one line, exit status 1."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import unittest

import gatecase
from backends.process import accepts, wait_until
from rig import ALICE, IS_ROOT, POSTERN, STAGE, USERS, Rig
from wire import connect


class Running(gatecase.GateCase):
    def status(self, pid):
        with open(f"/proc/{pid}/status") as status:
            return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)

    def test_ready_is_said_once(self):
        with open(self.rig.postern.out) as out:
            self.assertEqual(out.read(), "ready\n")

    @unittest.skipUnless(IS_ROOT, "only root has privileges to drop")
    def test_roles_have_no_privileges(self):
        for role in ("gate", "keeper"):
            for pid in self.rig.postern.roles(role):
                with self.subTest(role):
                    status = self.status(pid)
                    self.assertNotIn("0", status["Uid"].split())
                    self.assertNotIn("0", status["Gid"].split())
                    self.assertEqual(status["Groups"].split(), [])
                    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                        self.assertEqual(int(status[name], 16), 0, name)
                    self.assertEqual(status["NoNewPrivs"], "1")
                    self.assertEqual(status["Seccomp"], "2")
                    self.assertNotEqual(os.readlink(f"/proc/{pid}/root"), "/")

    def test_gates_and_keeper_are_different_users(self):
        if not IS_ROOT:
            self.skipTest("only root has users to choose from")
        users = {role: {self.status(pid)["Uid"] for pid in self.rig.postern.roles(role)}
                 for role in ("gate", "keeper")}
        self.assertFalse(users["gate"] & users["keeper"])

    def test_no_role_keeps_a_file_of_the_configuration_open(self):
        for role in ("gate", "keeper"):
            for pid in self.rig.postern.roles(role):
                for link in glob.glob(f"/proc/{pid}/fd/*"):
                    try:
                        target = os.readlink(link)
                    except OSError:
                        continue
                    if role == "gate":
                        self.assertFalse(target.startswith(self.rig.folder)
                                         and not target.endswith("postern.log"), target)
                    self.assertFalse(os.path.isdir(target), target)

    def test_check_config_is_silent(self):
        done = self.rig.postern.command("check-config", "--config", self.rig.postern.conf)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_usage(self):
        for arguments in ((), ("nonsense",), ("run", "--nonsense"), ("run", "--config"),
                          ("device",), ("device", "nonsense"), ("session", "kick")):
            with self.subTest(arguments):
                done = self.rig.postern.command(*arguments, check=False)
                self.assertEqual(done.returncode, 64)
                self.assertTrue(done.stderr)
        for arguments in (("--help",), ("--version",)):
            with self.subTest(arguments):
                self.assertTrue(self.rig.postern.command(*arguments).stdout)

    def test_commands_without_a_running_keeper(self):
        done = self.rig.postern.command("session", "list", "--socket", self.rig.path("nobody"),
                                        check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


class StartCase(gatecase.GateCase):
    rig_options = {"start": False}

    def start(self, *options):
        """Runs it to its end; what it said on standard error."""
        postern = self.rig.postern
        postern.write_config()
        done = subprocess.run([POSTERN, "run", "--config", postern.conf, *options], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertNotIn("ready", done.stdout)
        return done.stderr

    def assert_one_line(self, said, *words):
        self.assertEqual(len(said.splitlines()), 1, said)
        for word in words:
            self.assertIn(word, said)

    def with_change(self, kind, name="", **values):
        """Changes a section for one test."""
        config = self.rig.postern.config
        section = config.top if kind == "top" else config.sections[kind, name]
        kept = dict(section)
        section.update(values)
        self.addCleanup(lambda: (section.clear(), section.update(kept)))


class BadStart(StartCase):
    def test_port_in_use(self):
        port = self.rig.dovecot.plain_port
        self.with_change("listener", "imaps", bind=[f"127.0.0.1:{port}"])
        self.assert_one_line(self.start(), str(port), "in use")

    def test_key_that_others_may_read(self):
        key = self.rig.path("open.key")
        shutil.copy(self.rig.server.key, key)
        os.chmod(key, 0o644)
        self.with_change("tls", key=[key])
        self.assert_one_line(self.start(), key, self.rig.postern.conf + ":")

    def test_master_password_that_others_may_read(self):
        path = self.rig.write("open-master", "x\n", 0o644)
        self.with_change("backend", "imap", master_password_file=path)
        self.assert_one_line(self.start(), path)

    def test_missing_file(self):
        self.with_change("tls", certificate=["/nonexistent/cert.pem"])
        self.assert_one_line(self.start(), "/nonexistent/cert.pem")

    def test_key_of_another_certificate(self):
        other = self.rig.servers.server("other", "localhost")
        self.with_change("tls", key=[other.key])
        self.assert_one_line(self.start(), other.key)

    def test_rubbish_certificate(self):
        self.with_change("tls", certificate=[self.rig.write("rubbish.pem", "rubbish\n")])
        self.assert_one_line(self.start(), "rubbish.pem")

    def test_missing_user(self):
        if not IS_ROOT:
            self.skipTest("users matter only to root")
        self.with_change("top", gate_user="no-such-user")
        self.assert_one_line(self.start(), "no-such-user")

    def test_missing_configuration(self):
        done = self.rig.postern.command("run", "--config", "/nonexistent/postern.conf", check=False)
        self.assertEqual(done.returncode, 1)
        self.assert_one_line(done.stderr, "/nonexistent/postern.conf")

    def test_state_directory_is_none(self):
        self.with_change("top", state=f"sqlite:{self.rig.server.cert}/state.db")
        self.assert_one_line(self.start(), self.rig.server.cert)

    def test_all_mistakes_are_said_with_their_lines(self):
        bad = self.rig.write("bad.conf", "hostname = mail.example.org\nnonsense = 1\n"
                             "tls { certificate = {/nonexistent} key = {/nonexistent} }\n"
                             "limits { idle = soon }\n")
        done = self.rig.postern.command("check-config", "--config", bad, check=False)
        self.assertEqual(done.returncode, 1)
        for line in (2, 3, 4):
            self.assertRegex(done.stdout + done.stderr, f"(?m)^{bad}:{line}: .*; ")

    def test_certificate_alone_needs_a_master_user(self):
        self.with_change("backend", "imap", master_user=None, master_password_file=None)
        said = self.start()
        self.assertIn("master_user", said)
        self.assertIn("certificate+password", said)

    def test_clear_text_to_another_machine(self):
        self.with_change("backend", "imap", address=["192.0.2.1:143"])
        self.assertIn("allow_clear_text", self.start())


class Stopping(StartCase):
    def setUp(self):
        self.addCleanup(self.rig.postern.stop)

    def test_sigterm(self):
        self.rig.postern.start()
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))
            roles = self.rig.postern.roles("gate") + self.rig.postern.roles("keeper")
            self.assertEqual(self.rig.postern.stop(), 0)
            wire.until_closed()
        self.assertFalse([pid for pid in roles if os.path.exists(f"/proc/{pid}")])
        self.assertFalse(accepts(self.rig.imaps_port))
        self.assertFalse(os.path.exists(self.rig.postern.config.top["control"]))

    def test_started_twice(self):
        """The second says so and leaves the first alone."""
        self.rig.postern.start()
        self.assert_one_line(self.start())
        self.assert_good_client_works()
        self.rig.postern.ask("session", "list")

    def test_systemd_is_told(self):
        path = self.rig.path("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(path)
            listener.settimeout(30)
            self.rig.postern.prefix = ["env", f"NOTIFY_SOCKET={path}"]
            self.rig.postern.start()
            self.rig.postern.prefix = []
            self.assertIn(b"READY=1", listener.recv(4096))
            self.rig.postern.process.child.send_signal(signal.SIGTERM)
            self.assertIn(b"STOPPING=1", listener.recv(4096))

    def test_text_log(self):
        self.rig.postern.write_config()
        with open(self.rig.path("text.log"), "w+") as log:
            child = subprocess.Popen([POSTERN, "run", "--config", self.rig.postern.conf], stderr=log,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            self.assertEqual(child.stdout.readline(), "ready\n")
            child.terminate()
            self.assertEqual(child.wait(40), 0)
            child.stdout.close()
            log.seek(0)
            self.assertRegex(log.read(), r"gate/0\[\d+\] info role_started")


@unittest.skipUnless(IS_ROOT, "already an ordinary user")
class OrdinaryUser(unittest.TestCase):
    """The whole thing again, as nobody in particular."""

    def test_it_works_and_says_what_is_missing(self):
        rig = Rig(start=False)
        self.addCleanup(rig.close)
        # An ordinary user must reach the programs and own its files.
        stage = rig.path("stage")
        shutil.copytree(STAGE, stage)
        for place, folders, files in os.walk(rig.folder):
            if place.startswith(rig.path("dovecot")):
                continue
            for name in [place, *(os.path.join(place, name) for name in files)]:
                os.chown(name, 65534, 65534, follow_symlinks=False)
        rig.postern.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        import rig as module
        original, module.POSTERN = module.POSTERN, os.path.join(stage, "usr/local/bin/postern")
        self.addCleanup(setattr, module, "POSTERN", original)
        rig.postern.start()
        with connect(rig) as wire:
            self.assertTrue(wire.login(ALICE, USERS[ALICE]).startswith(b"OK"))
            self.assertIn(b"This is message 1", wire.first_message())
        wait_until(lambda: rig.postern.events("role_started"), 10, "the roles have said so")
        for record in rig.postern.events("role_started"):
            self.assertIn("user", record.get("missing", ""))
        self.assertEqual(rig.postern.stop(), 0)
