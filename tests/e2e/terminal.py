"""A program in a pseudo-terminal: what is typed there, and what a terminal shows of it."""

import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import tempfile
import termios
import time

import harness
from screen import Screen

PROMPT = "ftp>"

# Starts a job of its own in the terminal as a plain shell does, which leaves the modes alone, and
# tells whether the terminal echoes while it is stopped.
JOB_CONTROL = r"""
import os, signal, sys, termios
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.tcsetpgrp(0, os.getpgrp())
    modes = termios.tcgetattr(0)[3]
    good = modes & termios.ECHO and modes & termios.ICANON
    os.write(1, b"stopped %s\n" % (b"well" if good else b"badly"))
    if sys.stdin.readline() == "":
        sys.exit(9)
    os.tcsetpgrp(0, job)
    os.kill(-job, signal.SIGCONT)
"""


def read_until(master, wanted, before=b""):
    """What a terminal shows, behind `before`, until it holds `wanted`."""
    shown = before
    while wanted not in shown:
        if not select.select([master], [], [], harness.PATIENCE)[0]:
            raise AssertionError(f"the terminal shows only {shown}, no {wanted}")
        shown += os.read(master, 65536)
    return shown


def read_to_end(master):
    """All that a terminal shows until every program has closed it.

    One read is not enough: what was written before the end may come in pieces after it.
    """
    shown = b""
    while True:
        if not select.select([master], [], [], harness.PATIENCE)[0]:
            raise AssertionError(f"somebody keeps the terminal open, which shows {shown}")
        try:
            shown += os.read(master, 65536)
        except OSError as error:  # EIO is its end, see pty(7)
            if error.errno != errno.EIO:
                raise
            return shown


def read_written(master, slave):
    """What a terminal that stays open shows of all that was written to it until now."""
    os.write(slave, b"\0")
    return read_until(master, b"\0").replace(b"\0", b"")


class Terminal:
    """A program in a terminal of its own. As a context manager it ends with the test."""

    def __init__(self, command, columns=40, rows=12, **environment):
        self.home = tempfile.TemporaryDirectory(prefix="sluice-test-")
        self.screen = Screen(columns, rows)
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows, tell=False)
        self.before = termios.tcgetattr(self.slave)
        variables = {**os.environ, "HOME": self.home.name, "TERM": "xterm", **environment}
        variables.pop("XDG_STATE_HOME", None)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, cwd=self.home.name,
            env=variables, preexec_fn=self.take_terminal)

    @staticmethod
    def take_terminal():
        harness.end_with_parent()
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(harness.PATIENCE)
        os.close(self.master)
        os.close(self.slave)
        self.home.cleanup()

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.screen.feed(os.read(self.master, 65536))
        return True

    def wait(self, predicate):
        """Until the screen is so; shows it otherwise."""
        deadline = time.monotonic() + harness.PATIENCE
        while not predicate():
            if not self.read(max(0, deadline - time.monotonic())):
                raise AssertionError(f"waited in vain; the screen:\n{self.screen}")

    def shows(self, *lines):
        """Waits until these are the last lines on the screen."""
        self.wait(lambda: self.screen.all_lines()[-len(lines):] == list(lines))

    def type(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def resize(self, columns, rows, tell=True):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.screen.resize(columns, rows)
            # Drawn anew in any case: what comes for this size must not meet the next one.
            if not self.read(harness.PATIENCE):
                raise AssertionError("nothing is drawn after a resize")

    def end(self):
        """Its status, with all that it wrote on the screen."""
        self.process.wait(harness.PATIENCE)
        self.screen.feed(read_written(self.master, self.slave))
        return self.process.returncode

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before


class FtpTerminal(Terminal):
    """`sluice ftp` in one, which waits for commands."""

    def ready(self):
        """Waits for the prompt and raw mode."""
        self.wait(lambda: self.screen.pasting and
                  self.screen.lines()[self.screen.cursor()[0]] == PROMPT)

    def enter(self, line):
        """Types a line and waits for the next prompt."""
        prompts = self.prompts()
        self.type(line + "\r")
        self.wait(lambda: self.prompts() > prompts)
        self.ready()

    def prompts(self):
        return sum(row.startswith(PROMPT) for row in self.screen.all_lines())
