"""Something breaks: a process is killed, the disk is full, descriptors run out. The service goes on."""

import os
import signal
import subprocess
import time

import gatecase
from backends.process import wait_until
from fake_backend import FakeBackend, serve
from rig import ALICE, BOB, IS_ROOT, POSTERN, USERS
from wire import TIMEOUT, Wire, connect, connect_clear, many

PASSWORD = USERS[ALICE]
PATIENCE = 60  # seconds; back-off grows with each death


class FaultCase(gatecase.GateCase):
    def kill(self, role, how=signal.SIGKILL):
        """Kills every process of a role and waits for as many new ones."""
        before = self.rig.postern.roles(role)
        for pid in before:
            os.kill(pid, how)

        def has_new():
            after = self.rig.postern.roles(role)
            return len(after) == len(before) and not set(after) & set(before)
        wait_until(has_new, PATIENCE, f"a new {role}")

    def wait_for_service(self, **options):
        """Until a login works; meanwhile nothing but an orderly refusal is heard."""
        def works():
            try:
                with connect(self.rig, **options) as wire:
                    answer = wire.login(ALICE, PASSWORD)
            except OSError:
                return False
            if not answer.startswith(b"OK"):
                self.assertIn(b"[UNAVAILABLE]", answer)
                return False
            return True
        wait_until(works, PATIENCE, "a login works")


class Gate(FaultCase):
    def phases(self):
        """Connections in each phase of their life."""
        yield "new", Wire(self.rig.imaps_port)
        begun = Wire(self.rig.imaps_port)
        begun.send(b"\x16\x03\x01\x02\x00\x01\x00")
        yield "handshake", begun
        yield "clear", connect_clear(self.rig)
        yield "greeted", connect(self.rig)
        command = connect(self.rig)
        command.send(b"a LOGIN {10}\r\n")
        yield "literal", command
        failed = connect(self.rig)
        failed.send(b"a LOGIN alice wrong\r\n")
        yield "delay", failed
        live = connect(self.rig)
        self.assert_ok(live.login(ALICE, PASSWORD))
        yield "live", live

    def test_killed_at_each_phase(self):
        for phase, wire in self.phases():
            with self.subTest(phase), wire:
                self.kill("gate")
                wire.until_closed()
                self.wait_for_service()
        rows = self.rig.postern.rows("session", "list", ALICE)
        self.assertFalse(rows, "sessions of a dead gate")

    def test_the_supervisor_says_so(self):
        self.kill("gate")
        self.wait_event("role_ended")
        self.wait_event("role_started")


class OneGateOfTwo(FaultCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.top["gates"] = 2

    def test_the_other_goes_on(self):
        """Sessions of many networks spread over the gates; those of the other gate live on."""
        live = []
        for number in range(1, 17):
            wire = connect(self.rig, source=f"127.0.{number}.1")
            self.addCleanup(wire.close)
            self.assert_ok(wire.login(ALICE, PASSWORD))
            live.append(wire)
        os.kill(self.rig.postern.roles("gate")[0], signal.SIGKILL)
        alive = [wire.is_open() for wire in live]
        self.assertIn(True, alive)
        self.assertIn(False, alive)
        for number in range(1, 17):
            self.wait_for_service(source=f"127.0.{number}.1")


class Keeper(FaultCase):
    @classmethod
    def configure(cls, rig):
        rig.make_postern_ca()
        rig.postern.config.section("limits", failure_delay="1ms")

    def test_live_sessions_go_on_and_are_known_again(self):
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
            self.kill("keeper")
            self.assertTrue(wire.is_open())
            self.wait_for_service()
            wait_until(lambda: self.rig.postern.rows("session", "list", ALICE), 10,
                       "the session is announced to the new keeper")
            self.rig.postern.ask("session", "kick", ALICE)
            wire.until_closed()

    def test_revocation_outlives_it(self):
        device = self.rig.add_device(BOB, "lost")
        self.rig.postern.ask("device", "revoke", BOB, "--name", "lost")
        self.kill("keeper")
        self.wait_for_service()
        with connect(self.rig, certificate=device) as wire:
            self.assertIn(b"revoked", wire.external())

    def test_revocation_of_a_session_that_it_did_not_see_begin(self):
        device = self.rig.add_device(BOB, "phone")
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
            self.kill("keeper")
            self.wait_for_service()
            wait_until(lambda: self.rig.postern.rows("session", "list", BOB), 10, "announced")
            self.rig.postern.ask("device", "revoke", BOB, "--name", "phone")
            wire.until_closed()

    def test_killed_in_the_middle_of_changes(self):
        """Whatever `device add` said to have done is there afterwards."""
        done = set()
        for number in range(6):
            name = f"crash-{number}"
            adding = subprocess.Popen([
                POSTERN, "device", "add", ALICE, "--certificate", "--name", name, "--pem",
                self.rig.path(name), "--ca", self.rig.postern_ca, "--passphrase-file",
                self.rig.passphrase_file, "--socket", self.rig.postern.config.top["control"]],
                stderr=subprocess.DEVNULL)
            self.kill("keeper")
            if adding.wait(60) == 0:
                done.add(name)
            self.wait_for_service()
        listed = {row["name"] for row in self.rig.postern.rows("device", "list", ALICE)}
        self.assertLessEqual(done, listed)

    def test_stopped_is_not_killed(self):
        """A keeper that hangs: logins are answered all the same."""
        (keeper,) = self.rig.postern.roles("keeper")
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
            os.kill(keeper, signal.SIGSTOP)
            try:
                self.assertTrue(wire.is_open())
                with connect(self.rig) as other:
                    self.assertIn(b"[UNAVAILABLE]", other.login(ALICE, PASSWORD))
            finally:
                os.kill(keeper, signal.SIGCONT)
        self.wait_for_service()


class Backend(FaultCase):
    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        rig.postern.config.section("backend", "imap", health_interval="200ms", reply_timeout="2s")

    def test_killed_with_live_sessions(self):
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, PASSWORD))
            self.rig.dovecot.kill()
            wire.until_closed()
        with connect(self.rig) as wire:
            for _ in range(5):
                self.assertIn(b"[UNAVAILABLE]", wire.login(ALICE, PASSWORD))
        with connect(self.rig, certificate=self.rig.alice) as wire:
            self.assertIn(b"[UNAVAILABLE]", wire.external())
        self.assertFalse(self.events("login_refused", outcome="refused"))
        self.rig.dovecot.start()
        self.wait_for_service()

    def test_stopped_in_the_middle_of_a_login(self):
        """A backend that accepts and says no word."""
        master = self.rig.dovecot.process.pid
        group = os.getpgid(master)
        os.killpg(group, signal.SIGSTOP)
        try:
            with connect(self.rig) as wire:
                self.assertIn(b"[UNAVAILABLE]", wire.login(ALICE, PASSWORD))
        finally:
            os.killpg(group, signal.SIGCONT)
        self.wait_for_service()


class SilentBackend(FaultCase):
    rig_options = {"dovecot": False}

    @classmethod
    def configure(cls, rig):
        cls.backend = FakeBackend(lambda peer: serve(peer, {
            name: lambda peer, tag, rest: peer.line() for name in (b"LOGIN", b"PLAIN")}))
        cls.addClassCleanup(cls.backend.close)
        rig.postern.config.section("backend", "imap", address=[f"127.0.0.1:{cls.backend.port}"],
                                   reply_timeout="1min")

    def waiting(self):
        """A connection whose login the backend has heard and does not answer."""
        def is_heard():
            return any(b"LOGIN" in line or b"PLAIN" in line for line in self.backend.heard[heard:])
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            heard = len(self.backend.heard)
            wire = connect(self.rig)
            self.addCleanup(wire.close)
            wire.send(b"a LOGIN alice secret\r\n")
            wire.socket.settimeout(0.05)
            try:
                # A keeper that has just been started is not known to every gate at once.
                while not is_heard():
                    try:
                        self.assertIn(b"[UNAVAILABLE]", wire.answer(b"a"))
                        break
                    except TimeoutError:
                        self.assertLess(time.monotonic(), deadline)
                else:
                    return wire
            finally:
                wire.socket.settimeout(TIMEOUT)
        raise TimeoutError("the backend hears no login")

    def test_gate_and_keeper_killed_while_it_is_waited_for(self):
        for role in ("keeper", "gate"):
            with self.subTest(role), self.waiting() as wire:
                self.kill(role)
                if role == "gate":
                    wire.until_closed()

    def test_client_goes_while_it_is_waited_for(self):
        with many(20, lambda number: connect(self.rig)) as wires:
            for wire in wires:
                wire.send(b"a LOGIN alice secret\r\n")
        before = self.rig.postern.roles("gate")
        with connect(self.rig) as wire:
            self.assert_ok(wire.command(b"NOOP"))
        self.assertEqual(self.rig.postern.roles("gate"), before)


class Supervisor(FaultCase):
    def test_killed(self):
        """Without it the roles end by themselves, and a new one can start at once."""
        postern = self.rig.postern
        roles = postern.roles("gate") + postern.roles("keeper")
        self.assertTrue(roles)
        postern.process.child.kill()
        postern.process.child.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in roles), 20,
                   "the roles have ended")
        postern.start()
        self.assert_good_client_works()


class Descriptors(FaultCase):
    rig_options = {"start": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rig.postern.prefix = ["prlimit", "--nofile=96:96"]
        cls.rig.postern.start()

    def test_none_left(self):
        before = self.rig.postern.roles("gate")
        with connect(self.rig) as live:
            self.assert_ok(live.login(ALICE, PASSWORD))
            with many(400, lambda number: Wire(self.rig.imaps_port)):
                self.wait_for_service()
                self.assertTrue(live.is_open())
        self.assert_good_client_works()
        self.assertEqual(self.rig.postern.roles("gate"), before)


class FullDisk(gatecase.GateCase):
    rig_options = {"start": False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.disk = cls.rig.path("state")
        cls._mount()
        cls.rig.make_postern_ca()
        cls.rig.postern.start()

    @classmethod
    def _mount(cls):
        if not IS_ROOT:
            raise gatecase.unittest.SkipTest("a small file system can only be mounted as root")
        owner = os.stat(cls.disk)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=2m,mode=700,uid={owner.st_uid},"
                               f"gid={owner.st_gid}", "tmpfs", cls.disk], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise gatecase.unittest.SkipTest(f"mount: {done.stderr.strip()}")
        cls.addClassCleanup(subprocess.run, ["umount", "--lazy", cls.disk], check=True)
        # Cleanups run last first: Postern must end before its disk goes.
        cls.addClassCleanup(cls.rig.postern.stop)

    def fill(self):
        path = os.path.join(self.disk, "filler")
        with open(path, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"\0" * 4096)
            except OSError:
                pass
        return path

    def test_full(self):
        before = self.rig.postern.roles("keeper")
        device = self.rig.add_device(BOB, "before")
        filler = self.fill()
        refused = self.rig.postern.ask(
            "device", "add", BOB, "--certificate", "--name", "meanwhile", "--pem",
            self.rig.path("meanwhile"), "--ca", self.rig.postern_ca, "--passphrase-file",
            self.rig.passphrase_file, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(len(refused.stderr.splitlines()), 1, refused.stderr)
        self.assertFalse(os.path.exists(self.rig.path("meanwhile", "cert.pem")))
        self.assert_good_client_works()
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
        os.unlink(filler)
        self.rig.add_device(BOB, "after")
        self.assertEqual(self.rig.postern.roles("keeper"), before)
        names = {row["name"] for row in self.rig.postern.rows("device", "list", BOB)}
        self.assertEqual(names, {"before", "after"})


class Again(gatecase.GateCase):
    """A stop and a start lose nothing."""

    rig_options = {"start": False}

    def test_devices_are_kept(self):
        self.rig.make_postern_ca()
        self.rig.postern.start()
        device = self.rig.add_device(ALICE, "laptop")
        self.rig.add_device(ALICE, "lost")
        self.rig.postern.ask("device", "revoke", ALICE, "--name", "lost")
        self.assertEqual(self.rig.postern.stop(), 0)
        self.rig.postern.start()
        with connect(self.rig, certificate=device) as wire:
            self.assert_ok(wire.external())
        rows = {row["name"]: row for row in self.rig.postern.rows("device", "list", ALICE)}
        self.assertEqual(set(rows), {"laptop", "lost"})
