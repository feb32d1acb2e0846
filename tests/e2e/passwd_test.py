"""The passwd command: a line for the file of FTP's users, and a password that nobody sees."""

import ctypes
import fcntl
import os
import pty
import signal
import subprocess
import termios
import unittest

from harness import PATIENCE, PROGRAM, end_with_parent, run
from terminal import read_until, read_written

SECRET = "s3cret w\u00f6rd"


def crypt(password, setting):
    """crypt(3), as the system has it."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


class Terminal:
    """The command on a terminal of its own: what it shows, and what is typed there."""

    def __init__(self, *arguments):
        self.ours, self.theirs = pty.openpty()
        self.shown = b""
        assert self.echoes()
        self.process = subprocess.Popen(
            [PROGRAM, "passwd", *arguments], stdin=self.theirs, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=self.own_terminal)

    def own_terminal(self):
        end_with_parent()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self.ours)
        os.close(self.theirs)

    def echoes(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def wait_for(self, text):
        self.shown = read_until(self.ours, text, self.shown)

    def type(self, text):
        os.write(self.ours, text)

    def end(self):
        """Its standard output, its errors, its status; takes what the terminal still shows."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        self.shown += read_written(self.ours, self.theirs)
        return output.decode(), errors.decode(), self.process.returncode


class Passwd(unittest.TestCase):
    def assert_line(self, line, name, root, permissions, password=SECRET):
        self.assertTrue(line.endswith("\n") and line.count("\n") == 1, line)
        said_name, hashed, said_root, said_permissions = line[:-1].split(":")
        self.assertEqual((said_name, said_root, said_permissions), (name, root, permissions))
        self.assertEqual(crypt(password, hashed), hashed)
        self.assertNotEqual(crypt(password + "x", hashed), hashed)

    def test_a_line_of_standard_input_is_the_password(self):
        done = run("passwd", "ann", input=SECRET + "\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assert_line(done.stdout, "ann", "", "elr")

    def test_the_last_line_needs_no_end_and_the_first_is_the_one(self):
        self.assert_line(run("passwd", "ann", input=SECRET).stdout, "ann", "", "elr")
        self.assert_line(run("passwd", "ann", input=f"{SECRET}\nx\n").stdout, "ann", "", "elr")

    def test_root_and_permissions_are_passed_on(self):
        done = run("passwd", "--root", "/srv/a b", "ann", "--permissions=elrw", input=SECRET)
        self.assert_line(done.stdout, "ann", "/srv/a b", "elrw")

    def test_the_same_password_gives_another_hash_each_time(self):
        lines = {run("passwd", "ann", input=SECRET).stdout for _ in range(3)}
        self.assertEqual(len(lines), 3)

    def test_passwords_as_long_as_crypt_takes(self):
        self.assert_line(run("passwd", "ann", input="x" * 511).stdout, "ann", "", "elr", "x" * 511)
        done = run("passwd", "ann", input="x" * 512)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("over 511 bytes", done.stderr)

    def test_passwords_that_are_none(self):
        for text, why in (("\n", "empty"), ("", "no password"), ("a\0b\n", "NUL")):
            done = run("passwd", "ann", input=text)
            self.assertEqual((done.returncode, done.stdout), (1, ""), text)
            self.assertIn(why, done.stderr)

    def test_a_wrong_command_line_is_said_before_anything_is_asked(self):
        for words, why in ((["a:b"], "colon"), ([""], "empty"), (["x" * 65], "64"),
                           (["anonymous"], "--ftp-anonymous"), (["#ann"], "#"), ([], "NAME"),
                           (["ann", "bob"], "too many"), (["ann", "--root=a:b"], "--root"),
                           (["ann", "--root=a\nb"], "--root"),
                           (["ann", "--permissions=xyz"], "--permissions")):
            done = run("passwd", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(why, done.stderr)

    def test_on_a_terminal_it_asks_twice_and_shows_nothing(self):
        with Terminal("ann") as terminal:
            terminal.wait_for(b"Password for ann: ")
            self.assertFalse(terminal.echoes())
            terminal.type(SECRET.encode() + b"\n")
            terminal.wait_for(b"Again: ")
            self.assertFalse(terminal.echoes())
            terminal.type(SECRET.encode() + b"\n")
            output, errors, status = terminal.end()
            self.assertEqual((errors, status), ("", 0))
            self.assert_line(output, "ann", "", "elr")
            self.assertEqual(terminal.shown, b"Password for ann: \r\nAgain: \r\n")
            self.assertTrue(terminal.echoes())

    def test_on_a_terminal_two_that_differ_are_refused(self):
        with Terminal("ann") as terminal:
            terminal.wait_for(b"Password for ann: ")
            terminal.type(b"one\n")
            terminal.wait_for(b"Again: ")
            terminal.type(b"two\n")
            output, errors, status = terminal.end()
            self.assertEqual((output, status), ("", 1))
            self.assertIn("not the same", errors)
            self.assertTrue(terminal.echoes())

    def test_on_a_terminal_an_empty_one_is_refused_at_once(self):
        with Terminal("ann") as terminal:
            terminal.wait_for(b"Password for ann: ")
            terminal.type(b"\n")
            output, errors, status = terminal.end()
            self.assertEqual((output, status), ("", 1))
            self.assertIn("empty", errors)
            self.assertNotIn(b"Again", terminal.shown)

    def test_after_an_interrupt_the_terminal_shows_again_what_is_typed(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with Terminal("ann") as terminal:
                terminal.wait_for(b"Password for ann: ")
                self.assertFalse(terminal.echoes())
                if number == signal.SIGINT:
                    terminal.type(b"sec\x03")
                else:
                    terminal.process.send_signal(number)
                output, _, status = terminal.end()
                self.assertEqual((output, status), ("", -number))
                self.assertTrue(terminal.echoes())

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "passwd", "ann"], input=b"x\n", stdout=full,
                                  stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)


if __name__ == "__main__":
    unittest.main()
