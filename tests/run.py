#!/usr/bin/env python3
"""Runs every test of a build folder: the unit tests, then the end-to-end suite against its programs.

usage: run.py [BUILD] [NAME …]     only tests whose file or name contains one of the NAMEs

The last line is "N passed, N failed, N skipped". A report of a sanitizer in any process, also in a
child of Criterion, which would not say so in its status, makes it fail.
"""

import glob
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SYNTHESIS = re.compile(r"Tested: .*?(\d+).*? Passing: .*?(\d+).*? Failing: .*?(\d+).*? Crashing: .*?(\d+)")


def sanitizer_reports(build):
    return sorted(glob.glob(os.path.join(build, "sanitizer-report*")))


def watch_sanitizers(build):
    for report in sanitizer_reports(build):
        os.remove(report)
    log_path = os.path.abspath(os.path.join(build, "sanitizer-report"))
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        given = os.environ.get(name)
        os.environ[name] = (given + ":" if given else "") + f"log_path={log_path}"
    os.environ["UBSAN_OPTIONS"] += ":print_stacktrace=1"


def run_bounded(command, seconds):
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace") + (late.stderr or b"").decode(errors="replace")
        return subprocess.CompletedProcess(command, 1, text, f"not done after {seconds} s\n")


def run_unit_tests(build, names):
    passed = failed = 0
    for test in sorted(glob.glob(os.path.join(build, "tests", "*", "*_test"))):
        if names and not any(name in test for name in names):
            continue
        done = run_bounded([test, "--ascii", "--timeout", "120"], 600)
        found = SYNTHESIS.search(re.sub(r"\x1b\[[0-9;]*m", "", done.stderr + done.stdout))
        good = int(found.group(2)) if found else 0
        bad = int(found.group(3)) + int(found.group(4)) if found else 1
        if done.returncode != 0 or good + bad == 0:  # no test at all is a failure too
            bad = max(bad, 1)
        passed += good
        failed += bad
        print(f"{'ok  ' if bad == 0 else 'FAIL'} {os.path.relpath(test, build)} ({good})", flush=True)
        if bad:
            print(done.stdout + done.stderr, flush=True)
    return passed, failed


def run_end_to_end(build, names):
    os.environ["SLUICE_BUILD"] = os.path.abspath(build)
    sys.path.insert(0, os.path.join(HERE, "e2e"))
    suite = unittest.TestSuite()

    def pick(tests):
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                pick(test)
            elif not names or any(name in test.id() for name in names):
                suite.addTest(test)

    pick(unittest.defaultTestLoader.discover(os.path.join(HERE, "e2e"), pattern="*_test.py"))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    return max(result.testsRun - failed - skipped, 0), failed, skipped


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    names = sys.argv[2:]
    watch_sanitizers(build)
    unit_passed, unit_failed = run_unit_tests(build, names)
    passed, failed, skipped = run_end_to_end(build, names)
    reports = sanitizer_reports(build)
    for report in reports:
        print(f"\n{report}:\n{open(report, errors='replace').read()}")
    failed += unit_failed + len(reports)
    passed += unit_passed
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
