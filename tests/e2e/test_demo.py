"""make demo, as a reader of the README tries it: each row must be as it should be."""

import os
import subprocess
import unittest

import rig


class Demo(unittest.TestCase):
    def test_every_row_is_as_it_should_be(self):
        script = os.path.join(rig.ROOT, "scripts", "demo")
        done = subprocess.run([script], text=True, capture_output=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for row in ("alice has enrolled", "the right password alone", "webmail", "revoked certificate", "smart card",
                    "names a user of another authority"):
            self.assertIn(row, done.stdout)
