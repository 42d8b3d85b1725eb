"""postern report: an operator's first day. Rules observe, the report says by rule and user what they would
have refused, and what they did refuse; a flood costs few records and few lines."""

import os
import signal
import sqlite3
import time

import gatecase
from backends.process import wait_until
from rig import ALICE, BOB, CAROL, USERS
from wire import Wire, connect


def fail_handshakes(port, count, source=None):
    """So many clients that speak no TLS; each is closed."""
    for begin in range(0, count, 200):
        wires = [Wire(port, source=source) for _ in range(min(200, count - begin))]
        for wire in wires:
            wire.send(b"GET / HTTP/1.0\r\n\r\n")
        for wire in wires:
            wire.until_closed()
            wire.close()


class ReportCase(gatecase.GateCase):
    def connect(self, port, certificate=None):
        wire = connect(self.rig, port, certificate)
        self.addCleanup(wire.close)
        return wire

    def report(self, *arguments):
        """The lines of a report, and its last object."""
        *lines, sums = self.rig.postern.rows("report", *arguments)
        return lines, sums

    def text(self, *arguments):
        return self.rig.postern.ask("report", *arguments).stdout

    def counts(self, *arguments):
        lines, _ = self.report(*arguments)
        return {(line.get("rule"), line.get("login")): line["count"] for line in lines}

    def wait_count(self, key, count, *arguments):
        wait_until(lambda: self.counts(*arguments).get(key) == count, 10, f"{count} of {key}")

    def wait_logins(self, count, *arguments):
        """Logins are told within some seconds."""
        wait_until(lambda: self.report(*arguments)[1]["logins"] == count, 20, f"{count} logins")


class FirstDay(ReportCase):
    @classmethod
    def configure(cls, rig):
        rig.alice = rig.clients.client("alice", ALICE)
        rig.postern.config.section("limits", commands_before_login=4)
        cls.observed = rig.add_listener("observed", login=["certificate"], mode="observe")
        cls.enforced = rig.add_listener("enforced", login=["certificate"])

    def test_0_nothing_yet(self):
        text = self.text("--would-refuse")
        self.assertRegex(text, r"^no rule would have refused anybody since \d{4}-\d\d-\d\dT[^:]+:.*: 0 logins "
                               r"were seen where rules observe\n")
        self.assertIn("nobody has used it", text)
        self.assertEqual(self.report("--would-refuse")[0], [])

    def test_1_nobody_would_have_been_refused(self):
        wire = self.connect(self.observed, self.rig.alice)
        self.assert_ok(wire.external())
        self.wait_logins(1, "--would-refuse")
        self.assertRegex(self.text("--would-refuse"), "^no rule would have .*: 1 logins were seen")
        self.assertNotIn("nobody has used it", self.text("--would-refuse"))

    def test_2_by_rule_and_user(self):
        for login, times in ((ALICE, 3), (BOB, 1)):
            for _ in range(times):
                self.assert_ok(self.connect(self.observed).login(login, USERS[login]))
        self.assert_refused(self.connect(self.observed).login(CAROL, "wrong"))
        wire = self.connect(self.observed)
        for _ in range(6):
            self.assert_ok(wire.command(b"NOOP"))
        # The first of a minute is told at once, the rest when it is over: the end of a gate says all.
        self.restart()
        lines, sums = self.report("--would-refuse", "--since", "1h")
        found = {(line["rule"], line["login"]): line for line in lines}
        self.assertEqual({key: line["count"] for key, line in found.items()},
                         {("certificate_needed", ALICE): 3, ("certificate_needed", BOB): 1,
                          ("certificate_needed", None): 1, ("commands_before_login", None): 1})
        alice = found["certificate_needed", ALICE]
        self.assertEqual(alice["network"], "127.0.0.0/24")
        self.assertLessEqual(alice["first"], alice["last"])
        self.assertEqual(lines[0], alice, "the most frequent comes first")
        self.assertEqual((sums["logins"], sums["dropped"]), (5, 0))

    def restart(self):
        self.rig.postern.stop()
        self.rig.postern.start()

    def test_3_folded(self):
        by_rule, _ = self.report("--would-refuse", "--by", "rule")
        self.assertEqual([(line["rule"], line["users"], line["count"]) for line in by_rule],
                         [("certificate_needed", 2, 5), ("commands_before_login", 0, 1)])
        by_user, _ = self.report("--would-refuse", "--by", "user")
        self.assertEqual([(line["login"], line["rules"], line["count"]) for line in by_user],
                         [(ALICE, 1, 3), (None, 2, 2), (BOB, 1, 1)])
        self.assertRegex(self.text("--would-refuse", "--by", "rule"),
                         r"RULE +USERS +COUNT +FIRST +LAST +NETWORK\ncertificate_needed +2 +5 .*127.0.0.0/24\n")

    def test_4_times(self):
        self.assertTrue(self.report("--would-refuse", "--since", "1h", "--until", "0s"))
        self.assertEqual(self.report("--would-refuse", "--since", "2h", "--until", "1h")[0], [])
        for wrong in (["--since", "7days"], ["--since", "1h", "--until", "2h"], ["--by", "colour"],
                      ["--refused"], ["--since", "367d"], ["--since", "99999999999999999999d"]):
            with self.subTest(wrong):
                done = self.rig.postern.ask("report", "--would-refuse", *wrong, check=False)
                self.assertEqual(done.returncode, 64)
                self.assertIn("report: ", done.stderr)
        self.assertEqual(self.rig.postern.ask("report", check=False).returncode, 64)

    def test_5_refused(self):
        wire = self.connect(self.enforced)
        self.assert_refused(wire.login("secret-typed-as-name", "wrong"))
        self.assert_refused(self.connect(self.enforced, self.rig.alice).login(BOB, USERS[BOB]))
        self.wait_count(("certificate_needed", None), 1, "--refused")
        self.wait_count(("name_differs", ALICE), 1, "--refused")
        # The backend refused carol above, whatever the mode.
        self.assertEqual(self.counts("--refused")["backend", None], 1)
        self.assertIn("succeeded where rules are enforced", self.text("--refused"))
        with open(self.rig.path("state", "state.db"), "rb") as state:
            self.assertNotIn(b"secret-typed-as-name", state.read())

    def test_6_the_keeper_dies(self):
        """What it did not hear while it hung comes later; what a report has shown outlives it."""
        self.assert_ok(self.connect(self.observed).login(CAROL, USERS[CAROL]))
        self.wait_count(("certificate_needed", CAROL), 1, "--would-refuse")
        (keeper,) = self.rig.postern.roles("keeper")
        os.kill(keeper, signal.SIGSTOP)
        self.assert_ok(self.connect(self.observed).login(BOB, USERS[BOB]))
        os.kill(keeper, signal.SIGCONT)
        self.wait_count(("keeper_away", BOB), 1, "--would-refuse")
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: self.rig.postern.roles("keeper") not in ([], [keeper]), 10, "a new keeper")
        counts = self.counts("--would-refuse")
        self.assertEqual(counts["certificate_needed", CAROL], 1)
        self.assertEqual(counts["keeper_away", BOB], 1)


class Retention(ReportCase):
    @classmethod
    def configure(cls, rig):
        rig.postern.config.section("journal", keep="1h", rows=1000)
        cls.observed = rig.add_listener("observed", login=["certificate"], mode="observe")

    def test_old_lines_go_and_rows_are_bounded(self):
        """The state of long ago, with too many lines in it, is trimmed when the keeper starts on it."""
        self.rig.postern.stop()
        now = int(time.time())
        with sqlite3.connect(self.rig.path("state", "state.db")) as state:
            state.executemany(
                "INSERT INTO journal (at_s, outcome, rule, listener, user, network, count)"
                " VALUES (?, 0, 'certificate_needed', 'observed', ?, '192.0.2.0/24', 1)",
                [(now - 7200, f"old{n}@example.org") for n in range(10)]
                + [(now - 60, f"new{n}@example.org") for n in range(900)]
                + [(now - 30, "") for n in range(900)])
        state.close()
        self.rig.postern.start()
        self.assert_ok(self.connect(self.observed).login(ALICE, USERS[ALICE]))
        wait_until(lambda: self.rig.postern.ask("report", "--would-refuse").returncode == 0, 10, "a report")
        self.wait_count(("certificate_needed", ALICE), 1, "--would-refuse")
        counts = self.counts("--would-refuse")
        self.assertEqual(sum(counts.values()), 1000)
        self.assertNotIn(("certificate_needed", "old1@example.org"), counts)
        self.assertEqual(counts["certificate_needed", None], 500)


class Flood(ReportCase):
    """Thousands of failed handshakes: from one network, and from ever new ones."""
    COUNT = 2000

    @classmethod
    def configure(cls, rig):
        rig.postern.config.top["gates"] = 1
        rig.postern.config.section("limits", handshakes_per_prefix_per_s=100000)

    def test_1_is_few_records_and_few_lines(self):
        fail_handshakes(self.rig.imaps_port, self.COUNT)
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))
        self.rig.postern.stop()
        ended = self.events("connection_ended", listener="imaps")
        self.assertLess(len(ended), 20)
        told = sum(event.get("count", 1) for event in ended if event["reason"] == "handshake failed")
        self.assertEqual(told, self.COUNT)
        self.assertTrue([event for event in ended if event.get("network") == "127.0.0.0/24"])
        self.rig.postern.start()
        self.assertEqual(self.counts("--refused"), {("tls_handshake", None): self.COUNT})

    def test_2_places_without_end_are_bounded(self):
        """From ever new networks: what is not counted apart is counted, and users keep their room."""
        for number in range(1, 255):
            for last in range(1, 4):
                fail_handshakes(self.rig.imaps_port, 1, source=f"127.{number}.{last}.1")
        with connect(self.rig) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))
        self.rig.postern.stop()
        told = sum(event.get("count", 1) for event in self.events("connection_ended", listener="imaps"))
        dropped = sum(event["count"] for event in self.events("journal_dropped"))
        self.assertEqual(told + dropped, 3 * 254)
        self.assertGreater(dropped, 0)
        self.rig.postern.start()
        lines, sums = self.report("--refused")
        told = sum(line["count"] for line in lines if line["rule"] == "tls_handshake")
        self.assertEqual(told + sums["dropped"], self.COUNT + 3 * 254)
