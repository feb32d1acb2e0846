"""Every command of README.md works as written, in a network namespace where the default ports are free."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(ROOT, "build"))
DEADLINE = 900  # seconds for one command; `make static` compiles everything


def readme():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return file.read()


def commands(text):
    """The lines of the sh blocks, and the cells of tables that hold a command."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        yield from block.strip().splitlines()
    for line in text.splitlines():
        if line.startswith("|"):
            yield from (cell for cell in re.findall(r"`([^`]+)`", line)
                        if re.match(r"build/\w|cat |curl |make \w", cell))
    yield from re.findall(r"`(make (?:install|examples|help)[^`]*)`", text)


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, 0x8913, request))[1]  # SIOCGIFFLAGS
        fcntl.ioctl(control, 0x8914, struct.pack("16sh", b"lo", flags | 1))  # SIOCSIFFLAGS, IFF_UP


class Running:
    """A command in the copy of the checkout; its output as it comes."""

    def __init__(self, command, folder):
        self.command = command
        self.output = tempfile.TemporaryFile()
        # As a user types it: a make that runs this test must not lend it its one job.
        alone = {name: value for name, value in os.environ.items()
                 if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        self.process = subprocess.Popen(
            ["bash", "-c", command], cwd=folder, env=alone, stdin=subprocess.PIPE, stdout=self.output,
            stderr=subprocess.STDOUT, start_new_session=True)
        asks_for_files = re.search(r"sluice drop [0-9]", command)
        with contextlib.suppress(BrokenPipeError):  # most commands do not read, and some end at once
            self.process.stdin.write(b"exit\n" if asks_for_files else b"q\n")
            self.process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def text(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def wait_until_done_or_listening(self):
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None and "listening on" not in self.text():
            if time.monotonic() > end:
                raise AssertionError(f"{self.command}: neither done nor listening:\n{self.text()}")
            time.sleep(0.02)
        return "listening on" if self.process.poll() is None else self.process.returncode

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=30)
        self.output.close()


def run_all():
    """Runs inside the namespace; the services of `make run` stay up for the other commands."""
    bring_loopback_up()
    text = readme()
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(ROOT):
            if name != "sluice-data" and not name.startswith(".git"):
                os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
        with open(os.path.join(folder, "embed.cpp"), "w", encoding="utf-8") as file:
            file.write(re.search(r"```cpp\n(.*?)```", text, re.S).group(1))
        server = Running("make run", folder)
        try:
            if server.wait_until_done_or_listening() != "listening on":
                raise AssertionError(f"make run ended:\n{server.text()}")
            for command in dict.fromkeys(commands(text)):
                if command in ("make run", "make test"):
                    continue  # the one runs, the other runs this
                began = time.monotonic()
                running = Running(command.replace("/tmp/image", folder + "/image"), folder)
                try:
                    status = running.wait_until_done_or_listening()
                    if status not in (0, "listening on"):
                        raise AssertionError(f"{command}: status {status}:\n{running.text()}")
                    print(f"ok  {command}  ({time.monotonic() - began:.1f} s)", flush=True)
                finally:
                    running.stop()
            embedded = Running("build/embed", folder)
            if embedded.wait_until_done_or_listening() != "listening on":
                raise AssertionError(f"the embedding example ended:\n{embedded.text()}")
            embedded.stop()
            print(f"DONE {len(os.listdir(os.path.join(folder, 'sluice-data/drop')))}", flush=True)
        finally:
            server.stop()


class Readme(unittest.TestCase):
    def test_every_command_works_as_written(self):
        if os.path.realpath(BUILD) != os.path.realpath(os.path.join(ROOT, "build")):
            self.skipTest("the README speaks of the plain build")
        root = os.geteuid() == 0
        alone = ["unshare", "--net"] + ([] if root else ["--user", "--map-root-user"])
        if not shutil.which("unshare") or subprocess.run(alone + ["true"], capture_output=True).returncode:
            self.skipTest("network namespaces are not allowed here")
        done = subprocess.run(alone + [sys.executable, os.path.abspath(__file__), "--inside"],
                              capture_output=True, text=True, timeout=2 * DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("DONE 2", done.stdout, "README.md and output_0.txt were to be dropped")

    def test_the_table_and_the_blocks_are_found(self):
        found = list(commands(readme()))
        self.assertIn("make run", found)
        self.assertIn("build/sluice words 127.0.0.1:5001 7", found)
        self.assertGreater(len(found), 20)

    def test_every_file_that_it_names_is_there(self):
        for name in re.findall(r"\b((?:reactor|protocols|tools|tests|bench)/[\w/.]+\.(?:cpp|h|md|py))", readme()):
            self.assertTrue(os.path.exists(os.path.join(ROOT, name)), name)


if __name__ == "__main__":
    run_all() if "--inside" in sys.argv else unittest.main()
