"""Runs one class of end-to-end tests for tests/run: python3 run_class.py MODULE CLASS. Reports each test
as a line that begins with @@ and holds a JSON object."""

import importlib
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Reporter(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.texts = []
        self.reason = None

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()
        self.texts, self.reason = [], None

    def stopTest(self, test):
        super().stopTest(test)
        result = "failed" if self.texts else "skipped" if self.reason is not None else "ok"
        self.report(test.id(), result, time.monotonic() - self.begun)

    def report(self, name, result, seconds=0.0):
        record = {"test": name, "result": result, "seconds": seconds,
                  "text": "\n".join(self.texts) or self.reason or ""}
        print("@@" + json.dumps(record), flush=True)

    def _add(self, test, error):
        self.texts.append(f"{test.id()}\n{self._exc_info_to_string(error, test)}")
        if not isinstance(test, unittest.TestCase):  # setUpClass and the like: no start, no stop
            self.report("class", "failed")
            self.texts = []

    def addError(self, test, err):
        super().addError(test, err)
        self._add(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._add(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.texts.append(f"{subtest.id()}\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.reason = reason
        if not isinstance(test, unittest.TestCase):
            self.report("class", "skipped")


def main():
    module, name = sys.argv[1:3]
    case = getattr(importlib.import_module(module), name)
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(Reporter())


main()
