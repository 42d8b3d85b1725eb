"""What the tests of the supervisor share: the case, the report, and the start of such a file."""

import os
import sys
import unittest

from supervisor_rig import Rig, ask

programs = []
is_ordinary = os.geteuid() != 0 or "--ordinary" in sys.argv
only_as_root = unittest.skipIf(is_ordinary, "for root")


class Case(unittest.TestCase):
    def setUp(self):
        self.rig = Rig(programs, is_ordinary)
        self.addCleanup(self.rig.close)

    def assert_served(self, **fields):
        """By every gate: a connection for each, whichever takes it."""
        said = ask(self.rig.port)
        for key, value in fields.items():
            self.assertEqual(said[key], value, said)
        return said

    def assert_one_line(self, said, *words):
        self.assertEqual(said.count("\n"), 1, said)
        self.assertTrue(said.startswith("postern: "), said)
        for word in words:
            self.assertIn(word, said)


class Report(unittest.TextTestResult):
    """A line a test, as cmocka writes them."""

    def say(self, word, test):
        self.stream.write(f"[{word:>9} ] {type(test).__name__}_{test._testMethodName}\n")
        self.stream.flush()

    def addSuccess(self, test):
        self.say("OK", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self.say("FAILED", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        if isinstance(test, unittest.TestCase):
            self.say("FAILED", test)

    def addSkip(self, test, reason):
        self.say("SKIPPED", test)


def enter_own_network():
    """Once, as root: a loopback to ourselves, on which any IPv6 address of the example's is ours."""
    if os.geteuid() != 0 or os.environ.get("SUPERVISOR_TEST_NETWORK") == "own":
        return
    os.environ["SUPERVISOR_TEST_NETWORK"] = "own"
    os.execvp("unshare", ["unshare", "--net", "--", "sh", "-c",
                          "ip link set lo up && ip -6 route add local 2001:db8::/32 dev lo && exec \"$@\"",
                          "sh", sys.executable, *sys.argv])


def main():
    """FILE SUPERVISOR FAKE_ROLE [--ordinary] [unittest arguments]"""
    enter_own_network()
    programs.extend(sys.argv[1:3])
    rest = [argument for argument in sys.argv[3:] if argument != "--ordinary"]
    runner = unittest.TextTestRunner(verbosity=0, resultclass=Report, stream=sys.stdout)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest], testRunner=runner)
