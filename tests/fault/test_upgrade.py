#!/usr/bin/env python3
"""The supervisor becomes another release of itself, with played roles.

    test_upgrade.py SUPERVISOR FAKE_ROLE [--ordinary] [unittest arguments]
"""

import os
import shutil
import signal
import socket
import threading

from supervisor_case import Case, main
from supervisor_rig import ask, free_port, is_gone, managed_socket, wait_until

ROLES = ("gate/0", "gate/1", "keeper", "broker")


class UpgradeCase(Case):
    def setUp(self):
        super().setUp()
        self.running = None

    def start(self, **options):
        self.running = self.rig.start(**options)
        self.running.wait("ready")
        return self.running

    def install(self, *names):
        """Other files under the same names, as a package manager leaves them."""
        for name in names or ("supervisor", "gate", "keeper", "broker"):
            path = self.rig.path("bin", name)
            shutil.copy(path, path + ".new")
            os.rename(path + ".new", path)

    def roles(self):
        return {name: self.running.role(name) for name in ROLES}

    def upgrade(self, *names, event="ready"):
        """Until that record, and with "ready" until every new role's first one has come too."""
        self.install(*names)
        self.rig.write_conf()
        mark = self.running.mark()
        record = self.running.reload(event)
        for name in ROLES if event == "ready" else ():
            self.running.wait("role_started", mark, writer=name)
        return record

    def assert_replaced(self, before):
        after = self.roles()
        for name, pid in before.items():
            self.assertNotEqual(after[name], pid, name)
            wait_until(lambda pid=pid: is_gone(pid), f"{name} of the former release ends")
        return after


class Upgrade(UpgradeCase):
    def test_new_roles_in_the_same_process(self):
        self.start()
        before = self.roles()
        self.upgrade()
        self.running.wait("drained")
        self.assert_replaced(before)
        self.assert_served(generation="2")
        self.assertEqual(self.running.stop(), 0)
        self.assertEqual(self.running.find("role_killed"), [])
        self.assertEqual(self.running.find("role_ended", level="error"), [])
        self.assertEqual(self.running.child.stdout.read(), "")  # "ready" was said at the start

    def test_one_file_is_enough(self):
        self.start()
        for name in ("gate", "supervisor", "keeper"):
            before = self.roles()
            mark = self.running.mark()
            self.upgrade(name)
            self.running.wait("drained", mark)
            self.assert_replaced(before)

    def test_a_reload_without_another_release_starts_nothing(self):
        self.start()
        before = self.roles()
        os.chmod(self.rig.path("bin", "gate"), 0o755)
        os.link(self.rig.path("bin", "gate"), self.rig.path("bin", "gate.other-name"))
        self.running.reload("reload_done")
        self.assertEqual(self.roles(), before)
        self.assertEqual(self.running.find("upgrade_started"), [])

    def test_a_role_that_dies_before_the_reload_comes_back_as_it_was(self):
        """The new file is nonsense, and is not touched before it is asked for."""
        self.start()
        os.unlink(self.rig.path("bin", "gate"))
        with open(self.rig.path("bin", "gate"), "w") as out:
            out.write("nonsense")
        self.running.kill("gate/1")
        self.assert_served(generation="1")

    def test_who_knocks_meanwhile_is_served(self):
        """By many threads without a pause, over several upgrades: not one is refused or cut."""
        self.start()
        failures, counts, stop = [], [0] * 4, threading.Event()

        def knock(number):
            while not stop.is_set():
                try:
                    if "gate" not in ask(self.rig.port, f"127.0.{number}.{counts[number] % 250 + 1}"):
                        failures.append("cut")
                except OSError as error:
                    failures.append(repr(error))
                counts[number] += 1
        threads = [threading.Thread(target=knock, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        for _ in range(3):
            mark = self.running.mark()
            self.upgrade()
            self.running.wait("drained", mark)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), 20)

    def test_who_waits_in_the_backlog_is_served_by_the_new_gate(self):
        self.start()
        before = self.roles()
        for name in ("gate/0", "gate/1"):
            os.kill(before[name], signal.SIGSTOP)
        with socket.create_connection(("127.0.0.1", self.rig.port), 60) as waiting:
            self.upgrade()
            self.assertIn("generation 2", waiting.makefile().readline())
            for name in ("gate/0", "gate/1"):
                os.kill(before[name], signal.SIGCONT)

    def test_the_former_keeper_is_joined_to_the_new_one_and_to_the_one_after(self):
        self.rig.conf.update(hostname="gate-linger.example.org")
        self.start()
        mark = self.running.mark()
        self.upgrade()
        keeper = self.running.role("keeper")
        self.running.wait("heard", mark, pid=keeper, gate=77)
        mark = self.running.mark()
        self.running.kill("keeper")
        self.running.wait("heard", mark, pid=self.running.role("keeper"), gate=77)

    def test_drain_is_as_long_as_set(self):
        self.rig.conf["drain"] = "3h"
        self.start()
        self.upgrade()
        self.assertEqual(self.running.wait("draining")["seconds"], 10800)

    def test_a_gate_that_does_not_end_is_killed_when_the_time_is_up(self):
        self.rig.conf.update(drain="1s", hostname="gate-linger.example.org")
        self.start()
        before = self.roles()
        self.rig.conf.update(hostname="mail.example.org")
        self.upgrade()
        self.running.wait("role_killed", reason="did not end in time")
        self.running.wait("drained")
        self.assert_replaced(before)

    def test_several_former_releases_at_a_time(self):
        self.rig.conf.update(hostname="gate-linger.example.org")
        self.start()
        every = [self.roles()]
        for _ in range(3):
            self.upgrade()
            every.append(self.roles())
        self.assertEqual(len({pid for roles in every for pid in roles.values()}), 16)
        for roles in every:
            for pid in roles.values():
                self.assertFalse(is_gone(pid))
        self.upgrade()
        record = self.upgrade(event="upgrade_refused")  # that would be one too many
        self.assertIn("reload again", record["text"])
        self.assertEqual(self.running.stop(), 0)
        for roles in every:
            for pid in roles.values():
                self.assertTrue(is_gone(pid))

    def test_a_changed_authority_reaches_former_gates(self):
        self.rig.conf.update(hostname="gate-linger.example.org")
        self.start()
        self.upgrade()
        mark = self.running.mark()
        self.rig.write("cert.pem", "SECOND\n")
        self.running.wait("reload_done", mark)
        self.assertEqual(self.running.find("end_certified"), [])
        self.rig.write("ca.pem", "OTHER CA\n")
        self.running.wait("end_certified", count=2)
        self.rig.client_ca = None
        self.rig.write_conf()
        self.running.reload("reload_done")
        self.running.wait("end_certified", count=4)

    def test_sockets_of_the_service_manager_are_passed_on(self):
        with managed_socket("127.0.0.1", self.rig.port) as one:
            own = free_port()
            self.rig.listeners["more"] = [f"127.0.0.1:{own}"]
            self.start(sockets=[one])
            for generation in ("2", "3"):
                mark = self.running.mark()
                self.upgrade()
                self.running.wait("drained", mark)
                self.assert_served(generation=generation)
                self.assertEqual(ask(own)["generation"], generation)

    def test_a_network_keeps_having_one_gate(self):
        self.start()
        self.upgrade()
        self.running.wait("drained")
        for network in range(8):
            self.assertEqual(len({ask(self.rig.port, f"127.7.{network}.{n}")["gate"] for n in range(1, 9)}), 1)

    def test_listeners_come_and_go(self):
        second = free_port()
        self.start()
        first = self.rig.port
        self.rig.listeners = {"more": [f"127.0.0.1:{second}"]}
        self.upgrade()
        self.running.wait("drained")
        self.assertEqual(ask(second)["generation"], "2")
        with self.assertRaises(ConnectionRefusedError):
            ask(first)


class Refused(UpgradeCase):
    """What is wrong shows in the trial, and all goes on as it was."""

    def assert_refused(self, *words):
        before = self.roles()
        record = self.upgrade(event="upgrade_refused")
        text = " ".join(one["text"] for one in self.running.find("upgrade_refused"))
        for word in words:
            self.assertIn(word, text, record)
        self.assertEqual(self.roles(), before)
        self.assert_served(generation="1")

    def test_a_broken_configuration(self):
        self.start()
        self.rig.tail = "nonsense = 1\n"
        self.assert_refused("nonsense")

    def test_another_number_of_gates(self):
        self.start()
        self.rig.conf["gates"] = 3
        self.assert_refused("gates can't change")

    def test_another_control_socket(self):
        self.start()
        self.rig.conf["control"] = self.rig.path("other")
        self.assert_refused("control")

    def test_a_supervisor_that_is_no_program(self):
        self.start()
        self.install()
        path = self.rig.path("bin", "supervisor")
        os.unlink(path)
        with open(path, "w") as out:
            out.write("nonsense")
        os.chmod(path, 0o755)
        self.assertIn("ended with status 127", self.running.reload("upgrade_refused")["text"])
        self.assert_served(generation="1")
        self.assertEqual(self.running.stop(), 0)

    def test_a_role_is_missing(self):
        self.start()
        os.unlink(self.rig.path("bin", "gate"))
        self.running.reload("upgrade_refused")
        self.assertIn("gate", self.running.find("upgrade_refused")[0]["text"])
        self.assert_served(generation="1")

    def test_and_then_it_is_right(self):
        self.start()
        self.rig.tail = "nonsense = 1\n"
        self.upgrade(event="upgrade_refused")
        self.running.wait("upgrade_refused", count=2)
        self.rig.tail = ""
        self.rig.write_conf()
        self.running.reload("ready")
        self.running.wait("drained")
        self.assert_served(generation="2")

    def test_stopped_during_the_trial(self):
        self.start()
        self.install()
        self.running.child.send_signal(signal.SIGHUP)
        self.running.wait("upgrade_started")
        self.assertEqual(self.running.stop(), 0)


class Troubled(UpgradeCase):
    """The new roles don't come up: the former ones serve, for as long as it takes."""

    def trouble(self, host, event, **fields):
        self.start()
        self.before = self.roles()
        self.rig.conf["hostname"] = host
        self.upgrade(event="upgrade_done")
        self.running.wait(event, count=3, **fields)
        for network in range(8):  # which a new gate may take too, if it is up
            self.assertIn("gate", ask(self.rig.port, f"127.9.{network}.1"))
        for name in ("gate/0", "gate/1"):
            self.assertFalse(is_gone(self.before[name]))

    def mend(self):
        self.rig.conf["hostname"] = "mail.example.org"
        self.rig.write_conf()
        self.running.reload("ready")
        self.running.wait("drained")
        for name in ("gate/0", "gate/1"):
            wait_until(lambda name=name: is_gone(self.before[name]), "the former gate ends")
        self.assert_served(host="mail.example.org")
        self.assertEqual(self.running.stop(), 0)

    def test_a_gate_refuses(self):
        self.trouble("gate1-refuse.example.org", "role_refused", role="gate/1")
        self.mend()

    def test_a_gate_dies(self):
        self.trouble("gate0-crash.example.org", "role_ended", role="gate/0", level="error")
        self.mend()

    def test_the_keeper_refuses(self):
        self.trouble("keeper-refuse.example.org", "role_refused", role="keeper")
        self.mend()

    def test_the_broker_dies(self):
        self.trouble("broker-crash.example.org", "role_ended", role="broker", level="error")
        self.mend()

    def test_it_can_be_stopped(self):
        self.trouble("gate1-refuse.example.org", "role_refused", role="gate/1")
        self.assertEqual(self.running.stop(), 0)
        for pid in self.before.values():
            self.assertTrue(is_gone(pid))

    def test_the_former_keeper_dies_while_it_lets_go(self):
        self.rig.conf["hostname"] = "keeper-cling.example.org"
        self.start()
        self.before = self.roles()
        self.rig.conf["hostname"] = "mail.example.org"
        self.upgrade(event="state_handed_over")
        os.kill(self.before["keeper"], signal.SIGKILL)
        self.running.wait("ready", count=2)
        self.assertEqual(self.running.wait("draining")["seconds"], 30)
        self.running.wait("drained")
        self.assert_served(generation="2")

    def test_a_former_keeper_that_dies_later_takes_its_gates_along(self):
        self.rig.conf.update(hostname="gate-linger.example.org")
        self.start()
        self.before = self.roles()
        self.upgrade()
        self.running.wait("draining", count=2)
        os.kill(self.before["keeper"], signal.SIGKILL)
        self.assertEqual(self.running.wait("draining", count=3)["seconds"], 30)

    def test_a_dead_supervisor_takes_all_along(self):
        self.rig.conf.update(hostname="gate-linger.example.org")
        self.start()
        before = self.roles()
        self.upgrade()
        after = self.roles()
        self.running.child.kill()
        for pid in [*before.values(), *after.values()]:
            wait_until(lambda pid=pid: is_gone(pid), "the role ends")


if __name__ == "__main__":
    main()
