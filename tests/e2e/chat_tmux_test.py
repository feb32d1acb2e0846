"""`sluice chat` in tmux, a terminal that people use: what it shows of wrapped Korean, and after a
resize. Skipped where tmux is missing."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
import tempfile
import termios
import unittest

import harness
from chat_client_support import KOREAN
from chat_support import Guest

ENGLISH = "a message in plain words that is long enough to take several rows of forty columns"


def bare(text):
    return re.sub(r"\s", "", text)


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class TmuxTest(harness.ServerTest):
    def setUp(self):
        self.server = self.serve("chat")
        self.directory = self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-"))
        self.start()
        self.addCleanup(self.tmux, "kill-server", check=False)

    def tmux(self, *words, check=True):
        """Talks to a tmux of the test's own, which reads no configuration."""
        return subprocess.run(
            ["tmux", "-u", "-S", os.path.join(self.directory, "socket"), "-f", "/dev/null", *words],
            capture_output=True, text=True, check=check, timeout=harness.PATIENCE,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}).stdout

    def start(self):
        self.tmux("new-session", "-d", "-x", "40", "-y", "20",
                  f"exec '{harness.PROGRAM}' chat {self.server.addresses['chat']} --nick 민수")
        self.tmux("set-option", "-g", "window-size", "manual")

    def rows(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def waits(self, predicate):
        """Until the rows are so; returns them."""
        rows = []

        def good():
            rows[:] = self.rows()
            return predicate(rows)

        try:
            harness.wait_until(good, "the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n" + "\n".join(rows)) from None
        return rows

    def shows(self, *messages, typed=""):
        """Waits until the messages stand there whole, and at the bottom the line that is typed."""
        def good(rows):
            text, line = bare("".join(rows)), bare(f">{typed}")
            if not text.endswith(line):
                return False
            end = len(text) - len(line)
            for message in reversed(messages):
                end = text.rfind(bare(message), 0, end)
                if end < 0:
                    return False
            return True

        return self.waits(good)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns):
        """Waits until the program can know of it: tmux changes what it shows at once, but tells the
        terminal later."""
        self.tmux("resize-window", "-x", str(columns), "-y", "20")
        terminal = os.open(self.tmux("display-message", "-p", "#{pane_tty}").strip(),
                           os.O_RDONLY | os.O_NOCTTY)
        try:
            size = lambda: struct.unpack("HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8))
            harness.wait_until(lambda: size()[1] == columns, "the new size")
        finally:
            os.close(terminal)

    def test_shows_messages_whole_and_the_line_at_the_bottom(self):
        self.waits(lambda rows: rows[-1] == ">")
        with Guest(self.server, "bob") as bob:
            self.waits(lambda rows: "bob joined" in rows[-2])
            for text in KOREAN, ENGLISH, KOREAN:
                bob.say(text)
            messages = [f"bob: {text}" for text in (KOREAN, ENGLISH, KOREAN)]
            rows = self.shows(*messages)
            for row in rows[3:-1]:
                self.assertRegex(row, r"^(\d\d:\d\d \S|      \S)")
            self.type(KOREAN)
            self.shows(*messages, typed=KOREAN)

            for columns in 80, 40, 200, 40:
                self.resize(columns)
                self.shows(*messages[-1:], typed=KOREAN)
                bob.say(f"{columns} {KOREAN}")
                messages.append(f"bob: {columns} {KOREAN}")
                self.shows(*messages[-2:], typed=KOREAN)

            self.tmux("send-keys", "Enter")
            bob.hears(f"민수: {KOREAN}")
            rows = self.shows(messages[-1], f"민수: {KOREAN}")
            self.assertEqual(rows[-1], ">")
            self.tmux("send-keys", "C-d")
            bob.hears("* 민수 left")


if __name__ == "__main__":
    unittest.main()
