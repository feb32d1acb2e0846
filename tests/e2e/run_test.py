"""The test runner itself: what must make it fail does."""

import os
import subprocess
import sys
import tempfile
import unittest

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run.py")
GOOD = "[====] Synthesis: Tested: 1 | Passing: 1 | Failing: 0 | Crashing: 0"


class Runner(unittest.TestCase):
    def run_with(self, script):
        """Runs run.py on a build folder whose only test is `script`; no other has such a name."""
        with tempfile.TemporaryDirectory() as build:
            os.makedirs(os.path.join(build, "tests", "fake"))
            test = os.path.join(build, "tests", "fake", "only_of_the_runner_test")
            with open(test, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\ncd {build}\n{script}\n")
            os.chmod(test, 0o755)
            return subprocess.run([sys.executable, RUN, build, "only_of_the_runner"],
                                  capture_output=True, text=True, timeout=60)

    def test_passes_a_test_that_passes(self):
        done = self.run_with(f"echo '{GOOD}'")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.rstrip().endswith("1 passed, 0 failed, 0 skipped"), done.stdout)

    def test_fails_when_a_sanitizer_has_reported_although_the_status_is_0(self):
        done = self.run_with(f"echo leaked > sanitizer-report.1; echo '{GOOD}'")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("leaked", done.stdout)

    def test_fails_when_a_program_holds_no_test_at_all(self):
        self.assertEqual(self.run_with(f"echo '{GOOD.replace('1', '0')}'").returncode, 1)

    def test_fails_when_a_program_ends_without_a_word(self):
        self.assertEqual(self.run_with("exit 0").returncode, 1)

    def test_fails_when_the_status_says_so(self):
        self.assertEqual(self.run_with(f"echo '{GOOD}'; exit 3").returncode, 1)


if __name__ == "__main__":
    unittest.main()
