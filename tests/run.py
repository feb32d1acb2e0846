#!/usr/bin/env python3
"""Runs every test of a build folder: the unit tests, then the end-to-end suite against its programs.

usage: run.py [BUILD] [NAME …]     only tests whose file or name contains one of the NAMEs

The last line is "N passed, N failed, N skipped". A report of a sanitizer in any process, also in a
child of Criterion, which would not say so in its status, makes it fail.
"""

import concurrent.futures
import functools
import glob
import itertools
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
END_TO_END = os.path.join(HERE, "e2e")
# These need the machine, its ports or its compiler for themselves.
ALONE = ("bad_input_test", "ftp_robustness_test", "chat_faults_test", "faults_test", "newcomer_test",
         "readme_test", "container_test")
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


def run_bounded(command, seconds, **how):
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace",
                              timeout=seconds, stdin=subprocess.DEVNULL, **how)
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace") + (late.stderr or b"").decode(errors="replace")
        return subprocess.CompletedProcess(command, 1, text, f"not done after {seconds} s\n")


class Done:
    """What a job has to say: the line that tells how it went, all of its words, its counts."""

    def __init__(self, name, words, passed, failed, skipped=0):
        self.name, self.words, self.counts = name, words, (passed, failed, skipped)

    def show(self):
        passed, failed, skipped = self.counts
        left_out = f", {skipped} skipped" if skipped else ""
        print(f"{'FAIL' if failed else 'ok  '} {self.name} ({passed}{left_out})", flush=True)
        if failed:
            print(self.words, flush=True)
        for line in self.words.splitlines():
            if " ... skipped " in line and not failed:
                print("     " + line, flush=True)


def run_unit_tests(build, test):
    done = run_bounded([test, "--ascii", "--timeout", "120"], 600)
    found = SYNTHESIS.search(re.sub(r"\x1b\[[0-9;]*m", "", done.stderr + done.stdout))
    good = int(found.group(2)) if found else 0
    bad = int(found.group(3)) + int(found.group(4)) if found else 1
    if done.returncode != 0 or good + bad == 0:  # no test at all is a failure too
        bad = max(bad, 1)
    return Done(os.path.relpath(test, build), done.stdout + done.stderr, good, bad)


def run_end_to_end(module, tests):
    """The `tests` of a module, in a process of their own."""
    done = run_bounded([sys.executable, "-m", "unittest", "-v", *tests], 1800, cwd=END_TO_END)
    words = done.stdout + done.stderr
    ran = re.search(r"^Ran (\d+) test", words, re.M)
    last = words.rstrip().rpartition("\n")[2]
    skipped, bad = (sum(int(count) for count in re.findall(rf"(?:{kinds})=(\d+)", last))
                    for kinds in ("skipped", "failures|errors|unexpected successes"))
    if done.returncode != 0 or not ran:
        bad = max(bad, 1)
    good = int(ran.group(1)) - skipped - bad if ran else 0
    return Done("e2e/" + module, words, max(good, 0), bad, skipped)


def end_to_end_tests(names):
    """Which tests of which modules; all of a module is just its name."""
    sys.path.insert(0, END_TO_END)
    found = {}

    def pick(tests):
        for test in tests:
            if isinstance(test, unittest.TestSuite):
                pick(test)
            elif not names:
                module = type(test).__module__
                # What cannot even be imported is a test called unittest.loader._FailedTest.MODULE.
                module = test.id().rpartition(".")[2] if module == "unittest.loader" else module
                found[module] = [module]
            elif any(name in test.id() for name in names):
                found.setdefault(type(test).__module__, []).append(test.id())

    pick(unittest.defaultTestLoader.discover(END_TO_END, pattern="*_test.py"))
    return found


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build"
    names = sys.argv[2:]
    watch_sanitizers(build)
    os.environ["SLUICE_BUILD"] = os.path.abspath(build)
    units = [test for test in sorted(glob.glob(os.path.join(build, "tests", "*", "*_test")))
             if not names or any(name in test for name in names)]
    modules = end_to_end_tests(names)
    jobs = [functools.partial(run_unit_tests, build, test) for test in units]
    jobs += [functools.partial(run_end_to_end, module, tests)
             for module, tests in modules.items() if module not in ALONE]
    alone = [functools.partial(run_end_to_end, module, modules[module])
             for module in ALONE if module in modules]
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() + 1) as pool:
        # Most tests wait more than they work, so several run at a time; then those that fill the
        # machine.
        together = [pool.submit(job) for job in jobs]
        dones = itertools.chain((task.result() for task in concurrent.futures.as_completed(together)),
                                (job() for job in alone))
        for done in dones:
            done.show()
            passed, failed, skipped = map(sum, zip((passed, failed, skipped), done.counts))
    reports = sanitizer_reports(build)
    for report in reports:
        print(f"\n{report}:\n{open(report, errors='replace').read()}")
    failed += len(reports)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
