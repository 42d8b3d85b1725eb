#!/usr/bin/env python3
"""The supervisor with listening sockets from a service manager, and played roles.

    test_sockets.py SUPERVISOR FAKE_ROLE [--ordinary] [unittest arguments]
"""

import os
import signal
import socket

from supervisor_case import Case, main
from supervisor_rig import ask, free_port, managed_socket, wait_until


class Passed(Case):
    def passed(self, address="127.0.0.1", port=None, **options):
        one = managed_socket(address, port or self.rig.port, **options)
        self.addCleanup(one.close)
        return one

    def gates(self, count=40):
        return {ask(self.rig.port)["gate"] for _ in range(count)}

    def test_an_address_uses_it(self):
        running = self.rig.start(sockets=[self.passed()])
        self.assert_served(generation="1")
        self.assertEqual(running.find("socket_unused"), [])

    def test_every_gate_accepts_from_it(self):
        """Whichever is free: stopped ones leave it to the other."""
        running = self.rig.start(sockets=[self.passed()])
        for stopped, other in (("gate/0", "1"), ("gate/1", "0")):
            os.kill(running.role(stopped), signal.SIGSTOP)
            self.assertEqual(self.gates(8), {other})
            os.kill(running.role(stopped), signal.SIGCONT)

    def test_the_kinds_of_address(self):
        port = self.rig.port
        other = free_port()
        self.rig.listeners["imaps"] = [f"[::]:{port}", f"127.0.0.1:{other}"]
        self.rig.start(sockets=[self.passed("127.0.0.1", other), self.passed("::", port)])
        self.assert_served(generation="1")
        self.assertEqual(ask(port, host="::1")["generation"], "1")
        self.assertEqual(ask(other)["generation"], "1")

    def test_other_addresses_are_bound_as_ever(self):
        own = free_port()
        self.rig.listeners["more"] = [f"127.0.0.1:{own}"]
        self.rig.start(sockets=[self.passed()])
        self.assertEqual(ask(own)["generation"], "1")
        self.assert_served(generation="1")

    def test_who_comes_while_it_is_restarted_waits(self):
        one = self.passed()
        running = self.rig.start(sockets=[one])
        self.assertEqual(running.stop(), 0)
        with socket.create_connection(("127.0.0.1", self.rig.port), 60) as waiting:
            running.close()
            self.rig.start(sockets=[one])
            self.assertIn("gate", waiting.makefile().readline())

    def test_it_stays_over_reloads_and_when_gates_die(self):
        running = self.rig.start(sockets=[self.passed()])
        running.reload("reload_done")
        running.kill("gate/0")
        running.kill("gate/1")
        self.assert_served(generation="2")

    def test_a_listener_that_goes_and_comes_again(self):
        spare = free_port()
        running = self.rig.start(sockets=[self.passed()])
        self.rig.listeners = {"imaps": [f"127.0.0.1:{spare}"]}
        self.rig.write_conf()
        running.reload("reload_done")
        self.assertEqual(running.wait("socket_unused")["address"], f"127.0.0.1:{self.rig.port}")
        self.rig.listeners["again"] = [f"127.0.0.1:{self.rig.port}"]
        self.rig.write_conf()
        mark = running.mark()
        running.reload("reload_done")
        self.assert_served(generation="3")
        self.assertEqual(running.find("socket_unused", mark), [])

    def test_one_that_no_listener_uses(self):
        port = free_port()
        said = self.rig.start_fails([self.passed(), self.passed(port=port)])
        self.assert_one_line(said, f"127.0.0.1:{port}", "no listener is bound", "socket unit")

    def test_the_same_port_of_another_address(self):
        said = self.rig.start_fails([self.passed("0.0.0.0", free_port())])
        self.assert_one_line(said, "0.0.0.0", "no listener is bound")

    def test_what_can_not_be_a_listeners(self):
        unconnected = socket.socket()
        unconnected.bind(("127.0.0.1", 0))
        datagram = socket.socket(type=socket.SOCK_DGRAM)
        local = socket.socket(socket.AF_UNIX)
        local.bind(self.rig.path("unix"))
        local.listen()
        for one, word in ((unconnected, "listen"), (datagram, "TCP"), (local, "internet address"),
                          (self.passed("::", free_port(), is_v6_only=True), "BindIPv6Only=both")):
            with self.subTest(word), one:
                self.assert_one_line(self.rig.start_fails([one]), "socket 3", word)

    def test_sockets_of_another_process_are_left_alone(self):
        one = self.passed(port=free_port())
        environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
        self.rig.start(environment)
        self.assert_served(generation="1")
        one.close()

    def test_roles_know_nothing_of_it(self):
        running = self.rig.start(sockets=[self.passed()])
        wait_until(lambda: running.find("role_started", writer="gate/1"), "the gate runs")
        for role in ("gate/0", "keeper"):
            with open(f"/proc/{running.role(role)}/environ") as environment:
                self.assertNotIn("LISTEN", environment.read())


if __name__ == "__main__":
    main()
