"""Another release is installed under running sessions: the files are replaced, SIGHUP, and nobody is
refused or cut. Real processes, real backend."""

import os
import shutil
import signal
import threading
import time

import gatecase
import rig as rig_module
from backends.process import wait_until
from rig import ALICE, BOB, CAROL, STAGE, USERS
from wire import connect

PROGRAMS = ("supervisor", "gate", "keeper", "broker")


class Upgrade(gatecase.GateCase):
    """Over a stage of its own, whose files can be replaced."""

    @classmethod
    def configure(cls, rig):
        stage = rig.path("stage")
        shutil.copytree(STAGE, stage, symlinks=True)
        original = rig_module.POSTERN
        rig_module.POSTERN = os.path.join(stage, "usr/local/bin/postern")
        cls.addClassCleanup(setattr, rig_module, "POSTERN", original)
        cls.libexec = os.path.join(stage, "usr/local/libexec/postern")
        rig.postern.config.top["gates"] = 2
        rig.make_postern_ca()
        rig.ca_copy = rig.postern.config.sections["client_ca", "own"]["certificate"]

    def install(self):
        for name in PROGRAMS:
            path = os.path.join(self.libexec, name)
            shutil.copy(path, path + ".new")
            os.rename(path + ".new", path)

    def upgrade(self):
        """Until the new roles serve and the former gates drain."""
        postern = self.rig.postern
        mark = postern.mark()
        self.install()
        postern.reload()
        postern.wait_event("ready", mark, 30)
        postern.wait_event("draining", mark)
        return mark

    def live(self, login=CAROL, **options):
        wire = connect(self.rig, **options)
        self.addCleanup(wire.close)
        self.assert_ok(wire.external() if options.get("certificate") else wire.login(login, USERS[login]))
        return wire

    def former(self, pids):
        return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]

    def test_sessions_go_on_and_new_ones_come(self):
        before = {name: self.rig.postern.roles(name) for name in PROGRAMS[1:]}
        old = self.live()
        slow = connect(self.rig)  # in the middle of its login
        self.addCleanup(slow.close)
        self.upgrade()
        self.assert_reads_mail(old, CAROL)
        self.assert_ok(slow.login(BOB, USERS[BOB]))
        self.assert_reads_mail(slow, BOB)
        new = self.live(BOB)
        self.assert_reads_mail(new, BOB)
        for wire in (old, slow):
            wire.close()
        wait_until(lambda: not any(self.former(pids) for pids in before.values()), 30,
                   "the former roles end with their last session")
        self.assert_reads_mail(new, BOB)
        new.close()

    def test_former_sessions_are_listed_kicked_and_counted(self):
        self.live()
        self.live()
        self.upgrade()
        third = self.live()
        rows = self.rig.postern.rows("session", "list", CAROL)
        self.assertEqual(len(rows), 3)
        done = self.rig.postern.ask("session", "kick", CAROL)
        self.assertIn("3", done.stdout)
        third.until_closed()
        wait_until(lambda: not self.rig.postern.rows("session", "list", CAROL), 10, "all are closed")

    def test_one_former_session_is_kicked_by_its_number(self):
        wire, other = self.live(), self.live(BOB)
        self.upgrade()
        (row,) = self.rig.postern.rows("session", "list", CAROL)
        self.rig.postern.ask("session", "kick", row["session"])
        wire.until_closed()
        self.assertTrue(other.is_open())
        other.close()

    def test_a_login_that_ends_at_a_former_gate_is_known_to_the_new_keeper(self):
        slow = connect(self.rig)
        self.addCleanup(slow.close)
        self.upgrade()
        self.assertFalse(self.rig.postern.rows("session", "list", BOB))
        self.assert_ok(slow.login(BOB, USERS[BOB]))
        wait_until(lambda: self.rig.postern.rows("session", "list", BOB), 10, "it is listed")
        self.rig.postern.ask("session", "kick", BOB)
        slow.until_closed()

    def test_a_revoked_device_loses_its_former_session_also_after_the_keepers_death(self):
        device, other = self.rig.add_device(ALICE, "phone"), self.rig.add_device(ALICE, "tablet")
        wires = [self.live(certificate=one) for one in (device, other)]
        self.upgrade()
        self.upgrade()
        self.rig.postern.ask("device", "revoke", ALICE, "--name", "phone")
        wires[0].until_closed()
        self.assertTrue(wires[1].is_open())
        mark = self.rig.postern.mark()
        keepers = self.rig.postern.roles("keeper")
        os.kill(keepers[-1], signal.SIGKILL)
        self.rig.postern.wait_event("role_started", mark, writer="keeper")
        wait_until(lambda: self.rig.postern.rows("session", "list", ALICE), 10, "it is announced again")
        self.rig.postern.ask("device", "revoke", ALICE, "--name", "tablet")
        wires[1].until_closed()
        self.wait_event("session_ended", login=ALICE, reason="revoked")

    def test_a_device_revoked_before_a_slow_login_ends(self):
        """The former keeper answers from memory and allows it; the new one knows better."""
        device = self.rig.add_device(ALICE, "laptop")
        slow = connect(self.rig, certificate=device)
        self.addCleanup(slow.close)
        self.upgrade()
        self.rig.postern.ask("device", "revoke", ALICE, "--name", "laptop")
        slow.send(b"a AUTHENTICATE EXTERNAL =\r\n")
        slow.until_closed()

    def test_a_changed_authority_ends_former_sessions_by_certificate(self):
        device = self.rig.add_device(ALICE, "watch")
        certified, plain = self.live(certificate=device), self.live(BOB)
        self.upgrade()
        with open(self.rig.ca_copy) as source:
            text = source.read()
        with open(self.rig.ca_copy + ".new", "w") as out:
            out.write("# again\n" + text)
        os.rename(self.rig.ca_copy + ".new", self.rig.ca_copy)
        certified.until_closed()
        self.wait_event("session_ended", login=ALICE, reason="drained")
        self.assertTrue(plain.is_open())
        plain.close()

    def test_the_time_is_up(self):
        self.rig.postern.config.top["drain"] = "4s"
        self.rig.postern.write_config()
        wires = [self.live() for _ in range(12)]
        begun = time.monotonic()
        mark = self.upgrade()
        for wire in wires:
            wire.until_closed()
        self.assertGreater(time.monotonic() - begun, 3)  # nobody before the last quarter
        self.rig.postern.wait_event("drained", mark)
        ended = self.rig.postern.events("session_ended", mark, reason="drained")
        self.assertEqual(len(ended), 12)
        self.assertGreater(len({record["time"] for record in ended}), 2)  # not all at once
        del self.rig.postern.config.top["drain"]
        self.rig.postern.write_config()

    def test_logins_without_a_pause(self):
        """Four clients log in again and again over three upgrades; each attempt succeeds."""
        failures, counts, stop = [], [0] * 4, threading.Event()

        def log_in(number):
            while not stop.is_set():
                try:
                    with connect(self.rig) as wire:
                        answer = wire.login(CAROL, USERS[CAROL])
                        if not answer.startswith(b"OK"):
                            failures.append(answer)
                except Exception as error:  # whatever it is, it is a failure
                    failures.append(repr(error))
                counts[number] += 1
        idle = [self.live(BOB) for _ in range(20)]
        threads = [threading.Thread(target=log_in, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                self.upgrade()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), 5)
        for wire in idle:
            self.assertTrue(wire.is_open())
            wire.close()
