#!/usr/bin/env python3
"""The supervisor with played roles: start, reload, what it does when a role misbehaves, stop.

    test_supervisor.py SUPERVISOR FAKE_ROLE [--ordinary] [unittest arguments]

As root in a network namespace of its own, where IPv6 addresses can be had; with --ordinary the
supervisor runs as an ordinary user.
"""

import os
import signal
import socket
import stat
import subprocess
import sys
import unittest

from supervisor_case import Case, is_ordinary, main, only_as_root
from supervisor_rig import ORDINARY, Running, ask, free_port, is_gone, wait_until


class Start(Case):
    def test_ready_is_said_once_and_listeners_accept(self):
        running = self.rig.start()
        self.assert_served(host="mail.example.org", certificate="FIRST_", generation="1")
        self.assertEqual(running.stop(), 0)
        self.assertEqual(running.child.stdout.read(), "")
        self.assertEqual(running.others, [])

    def test_every_kind_of_address_on_one_port(self):
        port = self.rig.port
        self.rig.listeners["imaps"] = [f"[::]:{port}", f"0.0.0.0:{port}", f"127.0.0.1:{port}"]
        self.rig.start()
        self.assert_served(generation="1")
        self.assertEqual(ask(port, host="::1")["generation"], "1")

    def test_every_gate_has_a_channel_to_the_keeper(self):
        running = self.rig.start()
        for gate in (0, 1):
            running.wait("heard", gate=gate)

    def test_a_role_has_nothing_that_it_was_not_given(self):
        running = self.rig.start()
        for name in ("gate/0", "gate/1", "keeper", "broker"):
            pid = running.role(name)
            with open(f"/proc/{pid}/environ", "rb") as environment:
                self.assertEqual(environment.read(), b"")
            for number in os.listdir(f"/proc/{pid}/fd"):
                self.assertFalse(os.path.isdir(f"/proc/{pid}/fd/{number}"), (name, number))
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/0"), "/dev/null")
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/1"), "/dev/null")
            self.assertTrue(stat.S_ISFIFO(os.stat(f"/proc/{pid}/fd/2").st_mode))

    @only_as_root
    def test_users_and_roots(self):
        running = self.rig.start()
        keeper, gate = running.role("keeper"), running.role("gate/0")
        self.assertEqual(os.stat(f"/proc/{keeper}/root").st_ino, os.stat(self.rig.path("state")).st_ino)
        for pid in (gate, running.role("broker")):
            self.assertEqual(os.stat(f"/proc/{pid}/root").st_ino, os.stat(self.rig.path("empty")).st_ino)
        state = os.stat(self.rig.path("state"))
        self.assertEqual((stat.S_IMODE(state.st_mode), state.st_uid), (0o700, 1))
        running.wait("ready")
        self.assertEqual(running.find("privileges_kept"), [])
        for record in running.find("role_started"):
            self.assertNotIn("missing", record)

    @unittest.skipUnless("--ordinary" in sys.argv or os.geteuid() != 0, "for an ordinary user")
    def test_an_ordinary_user_is_told(self):
        running = self.rig.start()
        running.wait("privileges_kept")
        self.assertIn("user", running.wait("role_started")["missing"])

    def test_the_service_manager_is_told(self):
        path = self.rig.path("notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            os.chmod(path, 0o777)
            manager.settimeout(60)
            running = self.rig.start({"NOTIFY_SOCKET": path})
            self.assertEqual(manager.recv(4096), b"READY=1")
            running.reload("reload_done")
            self.assertRegex(manager.recv(4096), rb"^RELOADING=1\nMONOTONIC_USEC=\d+$")
            self.assertEqual(manager.recv(4096), b"READY=1")
            running.child.terminate()
            self.assertEqual(manager.recv(4096), b"STOPPING=1")
            self.assertEqual(running.wait_end(), 0)

    def test_a_dead_supervisor_takes_its_roles_along_and_can_be_started_again(self):
        running = self.rig.start()
        roles = [running.role(name) for name in ("gate/0", "gate/1", "keeper", "broker")]
        running.child.kill()
        running.wait_end()
        for pid in roles:
            wait_until(lambda pid=pid: is_gone(pid), "the role ends")
        self.assertTrue(os.path.exists(self.rig.conf["control"]))
        running.close()
        self.rig.start()
        self.assert_served(generation="1")


class FailedStart(Case):
    def tearDown(self):
        """Nothing is left behind."""
        self.assertFalse(os.path.exists(self.rig.conf["control"]))
        with self.assertRaises(ConnectionRefusedError):
            ask(self.rig.port)

    def test_broken_configuration(self):
        self.rig.tail = "nonsense = 1\n"
        self.assert_one_line(self.rig.start_fails(), self.rig.path("postern.conf") + ":", "nonsense")

    def test_every_mistake_is_a_line(self):
        self.rig.tail = "nonsense = 1\nfolly = 2\n"
        self.assertEqual(self.rig.start_fails().count("\n"), 2)

    def test_port_in_use(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.rig.listeners["second"] = [f"127.0.0.1:{port}"]
            self.assert_one_line(self.rig.start_fails(), "listener second", f"127.0.0.1:{port}", "in use")

    def test_port_that_another_shares(self):
        """Sockets with SO_REUSEPORT would let us in beside them."""
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.rig.listeners["imaps"].append(f"127.0.0.1:{other.getsockname()[1]}")
            self.assert_one_line(self.rig.start_fails(), "in use")

    def test_address_of_another_machine(self):
        self.rig.listeners["second"] = [f"192.0.2.1:{free_port()}"]
        self.assert_one_line(self.rig.start_fails(), "192.0.2.1", "no address of this machine")

    @unittest.skipUnless("--ordinary" in sys.argv, "root may bind any port")
    def test_port_that_needs_privilege(self):
        self.rig.listeners["second"] = ["127.0.0.1:993"]
        self.assert_one_line(self.rig.start_fails(), "127.0.0.1:993", "1024")

    @only_as_root
    def test_missing_user(self):
        for setting in ("gate_user", "keeper_user", "broker_user"):
            with self.subTest(setting):
                former, self.rig.conf[setting] = self.rig.conf[setting], "no-such-user"
                self.assert_one_line(self.rig.start_fails(), setting, "no-such-user")
                self.rig.conf[setting] = former

    @only_as_root
    def test_user_with_roots_rights(self):
        self.rig.conf["gate_user"] = "root"
        self.assert_one_line(self.rig.start_fails(), "gate_user")

    @only_as_root
    def test_one_user_for_both(self):
        self.rig.conf["gate_user"] = self.rig.conf["keeper_user"]
        self.assert_one_line(self.rig.start_fails(), "gate_user", "keeper_user")

    @only_as_root
    def test_root_that_is_not_empty(self):
        os.mkdir(self.rig.path("empty"))
        self.rig.write("empty/something", "")
        self.assert_one_line(self.rig.start_fails(), "empty_root", self.rig.path("empty"))

    def test_state_directory_of_others(self):
        os.mkdir(self.rig.path("state"), 0o755)
        self.rig.own()
        self.assert_one_line(self.rig.start_fails(), "state", self.rig.path("state"), "chmod 700")

    def test_key_that_can_not_be_read(self):
        """Root reads everything but what is not there."""
        if is_ordinary:
            os.chmod(self.rig.path("key.pem"), 0)
        else:
            os.unlink(self.rig.path("key.pem"))
        self.assert_one_line(self.rig.start_fails(), self.rig.path("key.pem"))

    def test_a_role_refuses(self):
        for host in ("keeper-refuse", "broker-refuse", "gate1-refuse"):
            with self.subTest(host):
                self.rig.conf["hostname"] = f"{host}.example.org"
                self.assert_one_line(self.rig.start_fails(), "it was told to refuse")

    def test_a_role_dies(self):
        for host, words in (("keeper-crash", "keeper was killed by SIGABRT"),
                            ("gate0-forbidden", "gate/0 was killed by SIGSYS (a forbidden system call)"),
                            ("keeper-babble", "keeper ")):
            with self.subTest(host):
                self.rig.conf["hostname"] = f"{host}.example.org"
                said = self.rig.start_fails()
                self.assertIn(words, said.splitlines()[-1])
                self.assertIn(" role_started", said)  # what it wrote before is not kept back

    def test_a_role_is_missing(self):
        os.unlink(self.rig.path("bin", "gate"))
        self.assert_one_line(self.rig.start_fails(), self.rig.path("bin", "gate"))


class Second(Case):
    def test_started_twice(self):
        self.rig.start()
        self.assert_one_line(self.rig.start_fails(), "in use")
        self.rig.listeners["imaps"] = [f"127.0.0.1:{free_port()}"]
        self.assert_one_line(self.rig.start_fails(), "control", "another postern")
        self.assert_served(generation="1")
        self.assertTrue(os.path.exists(self.rig.conf["control"]))


class Reload(Case):
    def setUp(self):
        super().setUp()
        self.running = self.rig.start()

    def change(self, event, **top):
        self.rig.conf.update(top)
        self.rig.write_conf()
        return self.running.reload(event)

    def test_a_new_value(self):
        self.change("reload_done", hostname="new.example.org")
        self.assert_served(host="new.example.org", generation="2")

    def test_a_broken_file_changes_nothing(self):
        self.rig.tail = "nonsense = 1\nfolly = 2\n"
        self.change("reload_refused", hostname="new.example.org")
        self.assert_served(host="mail.example.org", generation="1")
        self.running.wait("reload_refused", count=2)  # a record for each

    def test_a_file_that_is_gone_changes_nothing(self):
        self.rig.tls["key"] = [self.rig.path("absent.pem")]
        self.change("reload_refused")
        self.assert_served(generation="1")

    def test_listeners_come_and_go(self):
        first, second = self.rig.port, free_port()
        self.rig.listeners["more"] = [f"127.0.0.1:{second}"]
        self.change("reload_done")
        self.assertEqual(ask(second)["generation"], "2")
        self.assertEqual(ask(first)["generation"], "2")
        del self.rig.listeners["imaps"]
        self.change("reload_done")
        self.assertEqual(ask(second)["generation"], "3")
        with self.assertRaises(ConnectionRefusedError):
            ask(first)

    def test_a_port_in_use_changes_nothing(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.rig.listeners["more"] = [f"127.0.0.1:{other.getsockname()[1]}"]
            self.assertIn("in use", self.change("reload_refused")["text"])
        self.assert_served(generation="1")

    def test_a_wider_address_on_the_same_port(self):
        self.rig.listeners["imaps"] = [f"0.0.0.0:{self.rig.port}"]
        self.change("reload_done")
        self.assert_served(generation="2")

    def test_every_kind_of_address_on_one_port(self):
        port = self.rig.port
        self.rig.listeners["imaps"] = [f"0.0.0.0:{port}", f"[::]:{port}"]
        self.change("reload_done")
        self.rig.listeners["imaps"] = [f"127.0.0.1:{port}", f"[::]:{port}", f"[::1]:{port}"]
        self.change("reload_done")
        self.assert_served(generation="3")
        self.assertEqual(ask(port, host="::1")["generation"], "3")

    def test_what_needs_a_restart(self):
        before = dict(self.rig.conf)
        for change in ({"gates": 3}, {"control": self.rig.path("other")}, {"gate_user": "bin"},
                       {"state": f'"sqlite:{self.rig.path("other", "state.db")}"'}):
            with self.subTest(change):
                record = self.change("reload_refused", **change)
                self.assertIn(next(iter(change)), record["text"])
                self.assertIn("restart", record["text"])
                self.rig.conf.update(before)
        self.assert_served(generation="1")

    def assert_back_to_the_running_one(self):
        """Both gates took it again, as a generation of its own."""
        wait_until(lambda: {ask(self.rig.port, f"127.0.{n}.1")["generation"] for n in range(32)} == {"3"},
                   "both gates serve the restored configuration")
        self.assert_served(host="mail.example.org")

    def test_one_gate_refuses(self):
        record = self.change("reload_refused", hostname="gate1-refuse.example.org")
        self.assertIn("gate/1", record["text"])
        self.assertIn("it was told to refuse", record["text"])
        self.assert_back_to_the_running_one()
        self.change("reload_done", hostname="new.example.org")
        self.assert_served(host="new.example.org", generation="4")

    def test_the_keeper_refuses(self):
        self.assertIn("keeper", self.change("reload_refused", hostname="keeper-refuse.example.org")["text"])
        self.assert_back_to_the_running_one()

    def test_a_gate_dies_of_it(self):
        record = self.change("reload_refused", hostname="gate0-forbidden.example.org")
        self.assertIn("SIGSYS", record["text"])
        self.running.wait("role_started", writer="gate/0", count=2)
        self.assert_back_to_the_running_one()

    def test_a_gate_does_not_answer(self):
        """It is given half a minute."""
        record = self.change("reload_refused", hostname="gate0-mute.example.org")
        self.assertIn("gate/0", record["text"])
        self.running.wait("role_killed", role="gate/0", reason="did not answer in time")
        self.assert_back_to_the_running_one()

    def test_many_at_once(self):
        for _ in range(20):
            self.running.child.send_signal(signal.SIGHUP)
        self.rig.conf["hostname"] = "last.example.org"
        self.rig.write_conf()
        self.running.child.send_signal(signal.SIGHUP)
        wait_until(lambda: ask(self.rig.port)["host"] == "last.example.org", "the last one is in force")

    def test_after_the_keeper_died(self):
        self.running.kill("keeper")
        self.change("reload_done", hostname="new.example.org")
        self.assert_served(host="new.example.org")


class Files(Case):
    def test_a_certificate_that_is_replaced(self):
        running = self.rig.start()
        self.rig.write("cert.pem", "SECOND\n")
        running.wait("reload_done")
        self.assert_served(certificate="SECOND_", generation="2")

    def test_a_link_that_points_elsewhere(self):
        """As certbot renews: a new file in an archive, and a link in the directory that is named."""
        os.mkdir(self.rig.path("live"))
        self.rig.write("archive1", "FIRST\n")
        self.rig.write("archive2", "SECOND\n")
        os.symlink("../archive1", self.rig.path("live", "cert.pem"))
        self.rig.tls["certificate"] = [self.rig.path("live", "cert.pem")]
        running = self.rig.start()
        os.symlink("../archive2", self.rig.path("live", "new"))
        os.rename(self.rig.path("live", "new"), self.rig.path("live", "cert.pem"))
        running.wait("reload_done")
        self.assert_served(certificate="SECOND_")

    def test_a_file_behind_a_link_that_is_replaced(self):
        """Nothing stirs in the directory that is named: the look every ten seconds finds it."""
        os.mkdir(self.rig.path("live"))
        self.rig.write("archive", "FIRST\n")
        os.symlink("../archive", self.rig.path("live", "cert.pem"))
        for name in ("key.pem", "ca.pem"):  # nothing else may stir either
            os.rename(self.rig.path(name), self.rig.path("live", name))
        self.rig.tls["key"] = [self.rig.path("live", "key.pem")]
        self.rig.client_ca = self.rig.path("live", "ca.pem")
        self.rig.tls["certificate"] = [self.rig.path("live", "cert.pem")]
        running = self.rig.start()
        self.rig.write("archive", "SECOND\n")
        running.wait("reload_done")
        self.assert_served(certificate="SECOND_")

    def test_the_edited_configuration_waits_for_a_signal(self):
        running = self.rig.start()
        self.rig.conf["hostname"] = "new.example.org"
        self.rig.write_conf()
        self.rig.write("cert.pem", "SECOND\n")
        running.wait("reload_done")
        self.assert_served(host="mail.example.org", certificate="SECOND_")

    def test_a_restarted_gate_has_what_the_others_have(self):
        """The file that lies on the disk was never taken."""
        running = self.rig.start()
        os.unlink(self.rig.path("cert.pem"))
        self.assertIn("cert.pem", running.wait("file_refused")["file"])
        running.wait("reload_done")
        running.kill("gate/0")
        running.kill("gate/1")
        self.assert_served(certificate="FIRST_")
        self.rig.write("cert.pem", "SECOND\n")
        running.wait("reload_done", count=2)
        self.assert_served(certificate="SECOND_")


class Guard(Case):
    """Files that can't be meant: the copy in force stays, an event says so, and all else takes effect."""

    def start(self, authority="FIRST CA\n"):
        self.rig.write("ca.pem", authority)
        self.running = self.rig.start()

    def write(self, **files):
        """At once, and until that was looked at: how often that took is up to the supervisor."""
        mark = self.running.mark()
        for name, text in files.items():
            self.rig.write(f"{name}.pem", text, 0o600)
        return mark

    def refused(self, name, mark=0, count=1):
        return self.running.wait("file_refused", mark, count, file=self.rig.path(f"{name}.pem"))

    def test_an_empty_file_is_never_taken(self):
        self.start()
        mark = self.write(cert="", ca="SECOND CA\n")
        record = self.refused("cert")
        self.assertEqual((record["size"], record["former_size"]), (0, len("FIRST\n")))
        self.running.wait("reload_done", mark)
        self.assert_served(certificate="FIRST_", authority="SECOND_CA_")
        mark = self.running.mark()
        self.running.reload("reload_done")
        self.refused("cert", mark)
        self.assert_served(certificate="FIRST_", authority="SECOND_CA_")
        self.write(cert="SECOND\n")
        self.running.wait("reload_done", mark, 2)
        self.assert_served(certificate="SECOND_")

    def test_a_certificate_waits_for_its_key(self):
        self.start()
        mark = self.write(cert="SECOND\n", key="", ca="SECOND CA\n")
        self.refused("key")
        self.running.wait("reload_done", mark)
        self.assert_served(certificate="FIRST_", authority="SECOND_CA_")
        mark = self.write(key="NEW KEY\n")
        self.running.wait("reload_done", mark)
        self.assert_served(certificate="SECOND_")

    def test_a_list_that_shrinks_waits_for_a_signal(self):
        self.start("LONG\n" * 100)
        self.write(ca="SHORT\n" * 41)
        record = self.refused("ca")
        self.assertEqual((record["size"], record["former_size"]), (246, 500))
        self.assertIn("SIGHUP", record["text"])
        self.running.wait("reload_done")
        mark = self.write(cert="SECOND\n")  # another change is no consent
        self.running.wait("reload_done", mark)
        self.assert_served(certificate="SECOND_", authority="LONG_LONG_LONG_L")
        mark = self.running.mark()
        self.running.reload("reload_done")
        self.assert_served(authority="SHORT_SHORT_SHOR")
        mark = self.write(ca="SHORT\n" * 21)  # a little more than half
        self.running.wait("reload_done", mark)
        self.assertEqual(len(self.running.find("file_refused")), 1)

    def test_a_certificate_may_shrink(self):
        self.rig.write("cert.pem", "LONG\n" * 100)
        self.start()
        mark = self.write(cert="SHORT\n")
        self.running.wait("reload_done", mark)
        self.assert_served(certificate="SHORT_")

    def test_a_file_that_is_gone_comes_back(self):
        self.start()
        mark = self.running.mark()
        os.unlink(self.rig.path("ca.pem"))
        self.refused("ca")
        self.running.wait("reload_done", mark)
        mark = self.write(ca="SECOND CA\n")
        self.running.wait("reload_done", mark)
        self.assert_served(authority="SECOND_CA_")

    def try_bad_certificate(self, text, *words):
        """The others that changed with it take effect, and those that change later."""
        self.start()
        self.write(cert=text, key="NEW KEY\n", ca="SECOND CA\n")
        record = self.refused("cert")
        for word in words:
            self.assertIn(word, record["text"])
        wait_until(lambda: ask(self.rig.port)["authority"] == "SECOND_CA_", "the authority is in force")
        self.assert_served(certificate="FIRST_")
        self.write(ca="THIRD CA\n")
        wait_until(lambda: ask(self.rig.port)["authority"] == "THIRD_CA_", "the next authority is in force")
        self.assert_served(certificate="FIRST_")
        self.assertEqual(len(self.running.find("file_refused", file=self.rig.path("cert.pem"))), 1)
        mark = self.write(cert="SECOND\n")
        wait_until(lambda: ask(self.rig.port)["certificate"] == "SECOND_", "the good one is in force")
        self.assertEqual(self.running.find("file_refused", mark), [])

    def test_a_file_that_a_role_refuses(self):
        self.try_bad_certificate("REFUSED\n", "refuses the configuration", "it was told to refuse")

    def test_a_file_that_a_role_dies_of(self):
        self.try_bad_certificate("CRASH\n", "SIGABRT")


class Restart(Case):
    def test_a_client_waits_for_its_gate(self):
        """The socket outlives the gate, and with it the connections that nobody has taken yet."""
        running = self.rig.start()
        gate = self.assert_served()["gate"]
        pid = running.role(f"gate/{gate}")
        os.kill(pid, signal.SIGSTOP)
        with socket.create_connection(("127.0.0.1", self.rig.port)) as wire:
            wire.settimeout(60)
            os.kill(pid, signal.SIGKILL)
            self.assertTrue(wire.makefile().readline().startswith(f"gate {gate} "))

    def test_each_role_comes_back(self):
        running = self.rig.start()
        for name in ("gate/0", "gate/1", "keeper", "broker"):
            with self.subTest(name):
                self.assertIn("SIGKILL", running.kill(name)["how"])
        self.assert_served(generation="1")

    def test_after_a_reload(self):
        """Where a role lives and as whom outlasts the configuration that said so."""
        running = self.rig.start()
        for _ in range(3):
            running.reload("reload_done")
        for name in ("gate/1", "broker", "keeper"):
            running.kill(name)
        self.assert_served(generation="4")

    def test_gates_are_joined_to_the_new_keeper(self):
        running = self.rig.start()
        for gate in (0, 1):
            running.wait("heard", gate=gate)
        running.kill("keeper")
        for gate in (0, 1):
            running.wait("heard", gate=gate, count=2)
        running.kill("gate/1")
        running.wait("heard", gate=1, count=3)

    def test_everybody_is_joined_to_the_new_broker(self):
        running = self.rig.start()
        for count in (1, 2):
            for gate in (0, 1):
                running.wait("joined", gate=gate, signing=1, count=count)
            running.wait("joined_keeper", count=count)
            if count == 1:
                running.kill("broker")
        running.kill("gate/1")
        running.wait("joined", gate=1, signing=1, count=3)
        running.kill("keeper")
        running.wait("joined_keeper", count=3)

    def test_delays_grow(self):
        running = self.rig.start()
        for _ in range(4):
            running.kill("gate/0")
        delays = [int(record["in_ms"]) for record in running.find("role_restarts", role="gate/0")]
        self.assertEqual(delays, [50, 100, 200, 400])
        running.kill("keeper")
        self.assertEqual(running.find("role_restarts", role="keeper")[0]["in_ms"], "50")

    def test_a_role_that_talks_nonsense_is_replaced(self):
        running = self.rig.start()
        self.rig.conf["hostname"] = "gate0-babble.example.org"
        self.rig.write_conf()
        running.reload("reload_refused")
        running.wait("channel_closed", role="gate/0", reason="bad message")
        running.wait("role_started", writer="gate/0", count=2)
        wait_until(lambda: ask(self.rig.port)["host"] == "mail.example.org", "it serves as before")


class Stop(Case):
    def test_sigterm_and_sigint(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                running = self.rig.start()
                self.addCleanup(running.close)
                roles = [running.role(name) for name in ("gate/0", "gate/1", "keeper", "broker")]
                running.child.send_signal(number)
                self.assertEqual(running.wait_end(), 0)
                self.assertEqual([pid for pid in roles if not is_gone(pid)], [])
                self.assertEqual({record["how"] for record in running.find("role_ended")},
                                 {"ended with status 0"})
                self.assertFalse(os.path.exists(self.rig.conf["control"]))
                with self.assertRaises(ConnectionRefusedError):
                    ask(self.rig.port)

    def test_the_whole_process_group(self):
        """As a terminal does it: roles leave it to the supervisor."""
        self.rig.write_conf()
        running = Running(["setsid", *self.rig.command("--log", "json")])
        self.addCleanup(running.close)
        self.assertEqual(running.child.stdout.readline(), "ready\n")
        os.killpg(running.child.pid, signal.SIGINT)
        self.assertEqual(running.wait_end(), 0)
        self.assertEqual({record["how"] for record in running.find("role_ended")}, {"ended with status 0"})

    def test_a_gate_has_time_to_finish_and_a_second_signal_takes_it(self):
        self.rig.conf["hostname"] = "gate0-linger.example.org"
        running = self.rig.start()
        running.child.terminate()
        running.wait("role_ended", role="gate/1")
        self.assertEqual(running.find("role_ended", role="keeper"), [])  # until the gates have ended
        self.assertFalse(is_gone(running.role("gate/0")))

        def ends():
            running.child.terminate()
            return running.child.poll() is not None
        wait_until(ends, "a later signal hastens it")
        self.assertEqual(running.wait_end(), 0)
        self.assertIn("SIGKILL", running.find("role_ended", role="gate/0")[0]["how"])


class Steering(Case):
    """Whose connections meet in one gate."""

    def setUp(self):
        super().setUp()
        self.second = free_port()
        self.rig.conf["gates"] = 3
        self.rig.listeners["second"] = [f"[::]:{self.second}"]

    def gates(self, sources, port, host="127.0.0.1"):
        return [ask(port, source, host)["gate"] for source in sources]

    def test_a_network_has_one_gate(self):
        self.rig.start()
        for network in range(8):
            sources = [f"127.7.{network}.{n}" for n in (1, 2, 77, 254)]
            self.assertEqual(len(set(self.gates(sources, self.rig.port))), 1)
        networks = [f"127.{n}.9.1" for n in range(60)]
        found = self.gates(networks, self.rig.port)
        self.assertEqual(set(found), {"0", "1", "2"})
        # the same ones on another listener, which takes IPv4 on an IPv6 socket
        self.assertEqual(self.gates(networks, self.second), found)

    def test_the_network_is_as_wide_as_the_limits_say(self):
        self.rig.limits["prefix_v4_bits"] = 32
        running = self.rig.start()
        neighbours = [f"127.7.7.{n}" for n in range(1, 61)]
        self.assertEqual(set(self.gates(neighbours, self.rig.port)), {"0", "1", "2"})
        self.rig.limits["prefix_v4_bits"] = 16
        self.rig.write_conf()
        running.reload("reload_done")
        self.assertEqual(len(set(self.gates(neighbours + ["127.7.200.1"], self.rig.port))), 1)

    def test_it_stays_when_gates_are_restarted(self):
        running = self.rig.start()
        networks = [f"127.{n}.9.1" for n in range(12)]
        before = self.gates(networks, self.rig.port)
        for gate in ("gate/1", "gate/0", "gate/2"):
            running.kill(gate)
        self.assertEqual(self.gates(networks, self.rig.port), before)

    def test_behind_a_proxy_connections_are_spread(self):
        self.rig.proxied.add("imaps")
        running = self.rig.start()
        self.assertEqual(set(self.gates(["127.0.0.1"] * 60, self.rig.port)), {"0", "1", "2"})
        self.rig.proxied.clear()
        self.rig.write_conf()
        running.reload("reload_done")
        self.assertEqual(len(set(self.gates(["127.0.0.1"] * 20, self.rig.port))), 1)

    def change_width(self, running, bits):
        self.rig.limits["prefix_v6_bits"] = bits
        self.rig.write_conf()
        running.reload("reload_done")

    @only_as_root
    def test_ipv6(self):
        running = self.rig.start()
        for network in range(4):
            sources = [f"2001:db8:0:{network}::{n:x}:1" for n in (1, 2, 0xffff)]
            self.assertEqual(len(set(self.gates(sources, self.second, "::1"))), 1)
        networks = [f"2001:db8:{n:x}:7::1" for n in range(60)]
        self.assertEqual(set(self.gates(networks, self.second, "::1")), {"0", "1", "2"})
        # widths that end inside a word of 32 bits, and after the last
        for bits, inside, outside in (
                (56, "2001:db8:1:aa{:02x}::1", "2001:db8:1:{:02x}aa::1"),
                (44, "2001:db8:aab{:x}:1::1", "2001:db8:{:02x}a0:1::1"),
                (128, None, "2001:db8:1:1:2:3:4:{:x}")):
            self.change_width(running, bits)
            if inside:
                neighbours = {inside.format(n % 16) for n in range(16)}
                self.assertEqual(len(set(self.gates(neighbours, self.second, "::1"))), 1, bits)
            others = [outside.format(n) for n in range(1, 61)]
            self.assertEqual(set(self.gates(others, self.second, "::1")), {"0", "1", "2"}, bits)


if __name__ == "__main__":
    main()
