"""The test case that all end-to-end tests share: one rig a class, its logs shown when a test fails."""

import os
import sys
import unittest

from rig import ALICE, USERS, Rig
from wire import connect


class GateCase(unittest.TestCase):
    """Set rig_options, or override configure(rig), to have it otherwise."""

    rig_options = {}
    maxDiff = 4000

    @classmethod
    def configure(cls, rig):
        """Changes rig.postern.config before the start."""

    @classmethod
    def setUpClass(cls):
        cls.rig = Rig(cls.configure, **cls.rig_options)
        cls.addClassCleanup(cls.rig.close)

    def run(self, result=None):
        postern = self.rig.postern
        self.since = postern.mark() if postern.process else 0
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            self._show_logs()
        return result

    def _show_logs(self):
        if os.path.exists(self.rig.postern.log):
            print(f"--- Postern's log during {self.id()}\n{self.rig.postern.log_since(self.since)}",
                  file=sys.stderr)
        if self.rig.dovecot:
            print(f"--- Dovecot's log\n{self.rig.dovecot.log_text()[-3000:]}", file=sys.stderr)

    # --- what tests ask again and again --------------------------------------------------------------

    def assert_ok(self, answer):
        self.assertTrue(answer.startswith(b"OK"), answer)

    def assert_refused(self, answer):
        self.assertRegex(answer, b"^(NO|BAD) ")

    def assert_reads_mail(self, wire, login=ALICE):
        self.assertIn(f"This is message 1 for {login}.".encode(), wire.first_message())

    def assert_good_client_works(self, port=None, **options):
        """A client that does nothing wrong logs in and reads."""
        with connect(self.rig, port, **options) as wire:
            self.assert_ok(wire.login(ALICE, USERS[ALICE]))
            self.assert_reads_mail(wire)

    def events(self, name, **fields):
        return self.rig.postern.events(name, self.since, **fields)

    def wait_event(self, name, seconds=10, **fields):
        return self.rig.postern.wait_event(name, self.since, seconds, **fields)
