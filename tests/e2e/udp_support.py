"""What the tests of datagrams share: commands that say where they listen, and bare sockets."""

import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import time

from harness import PATIENCE, PROGRAM, end_with_parent

LECTURE = pathlib.Path(__file__).resolve().parent / "lecture"


class Listening:
    """A command of the program that runs until told; `port` once it says where it listens.

    Its standard error is collected in `errors`, its output in `output`; `finish` waits for the end.
    """

    def __init__(self, case, *arguments, cwd=None, **how):
        self.errors, self.output = "", ""
        self.process = subprocess.Popen(
            [PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd, preexec_fn=end_with_parent, **how)
        case.addCleanup(self.clean)
        self.wait_for_errors(r"listening on \S+:\d+\n")
        self.port = int(re.search(r"listening on \S+:(\d+)\n", self.errors)[1])

    def clean(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_for(self, regex, stream, attribute):
        deadline = time.monotonic() + PATIENCE
        while not re.search(regex, getattr(self, attribute)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                raise AssertionError(f"no {regex!r} in {getattr(self, attribute)!r}")
            part = stream.read1(65536)
            if not part:
                raise AssertionError(f"it ended without {regex!r}: {self.errors!r} {self.output!r}")
            setattr(self, attribute, getattr(self, attribute) + part.decode(errors="replace"))

    def wait_for_errors(self, regex):
        self.wait_for(regex, self.process.stderr, "errors")

    def wait_for_output(self, regex):
        self.wait_for(regex, self.process.stdout, "output")

    def finish(self, number=None):
        """Waits for its end, after a signal if one is given; its status, output and errors."""
        if number is not None:
            self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=PATIENCE)
        self.output += output.decode(errors="replace")
        self.errors += errors.decode(errors="replace")
        return self.process.returncode, self.output, self.errors

    def interrupt(self):
        return self.finish(signal.SIGINT)


def udp_socket(case, address=("127.0.0.1", 0), peer=None):
    """A socket that ends with the test."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    case.addCleanup(made.close)
    made.settimeout(PATIENCE)
    made.bind(address)
    if peer:
        made.connect(peer)
    return made


def lecture_program(case, name, *arguments, **how):
    """Starts a program of lecture/; its process."""
    process = subprocess.Popen(
        [sys.executable, LECTURE / name, *map(str, arguments)], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent, **how)
    case.addCleanup(process.communicate)
    case.addCleanup(process.kill)
    return process
