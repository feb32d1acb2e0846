"""The line editor of `sluice ftp` in a pseudo-terminal: what a terminal shows of it.

No server is there: the shell takes its local commands without one.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest
from random import Random

import harness
from screen import Screen
from terminal import JOB_CONTROL, PROMPT, FtpTerminal

UP, DOWN, LEFT, HOME, CONTROL_C, CONTROL_R, CONTROL_Z = (
    "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[H", "\x03", "\x12", "\x1a")


class LineEditorTest(unittest.TestCase):
    def start(self, columns=40, rows=12, **environment):
        terminal = self.enterContext(
            FtpTerminal([harness.PROGRAM, "ftp"], columns, rows, **environment))
        terminal.ready()
        return terminal

    def test_runs_what_is_typed_and_ends_by_control_d(self):
        terminal = self.start(80)
        terminal.type("lpwd\r")
        terminal.shows(f"{PROMPT} lpwd", terminal.home.name, PROMPT)
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)
        self.assertTrue(terminal.is_as_before())
        self.assertFalse(terminal.screen.pasting)
        self.assertEqual(terminal.screen.cursor()[1], 0)

    def test_the_terminal_is_as_before_after_a_signal_that_ends_it(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            terminal = self.start()
            self.assertFalse(terminal.is_as_before())
            terminal.type("half a line")
            terminal.shows(f"{PROMPT} half a line")
            terminal.process.send_signal(number)
            terminal.end()
            self.assertTrue(terminal.is_as_before())
            self.assertFalse(terminal.screen.pasting)

    def test_korean_is_wrapped_at_the_edge_and_edited(self):
        terminal = self.start(columns=10)
        terminal.type("가나다라마바사")
        terminal.shows(f"{PROMPT} 가나", "다라마바사")
        terminal.wait(lambda: terminal.screen.cursor()[1] == 0)  # waits at no edge
        terminal.type(LEFT * 6 + "x")
        terminal.shows(f"{PROMPT} 가x나", "다라마바사")
        terminal.wait(lambda: terminal.screen.cursor() == (0, 8))
        terminal.type("y")
        terminal.shows(f"{PROMPT} 가xy", "나다라마바", "사")  # a column stays free
        terminal.type("\x7f\x7f\x7f\x7f")
        terminal.shows(f"{PROMPT} 나다", "라마바사")

    def test_a_character_with_marks_goes_as_one(self):
        terminal = self.start()
        terminal.type("e\u0301\u1112\u1161\u11ab")
        terminal.wait(lambda: terminal.screen.cursor() == (0, 8))
        terminal.type("\x7f")
        terminal.wait(lambda: terminal.screen.cursor() == (0, 6))
        terminal.type("\x7f")
        terminal.shows(PROMPT)

    def test_history_and_search(self):
        terminal = self.start(80)
        for line in ("lpwd", "!first", "lpwd"):
            terminal.enter(line)
        terminal.type("half" + UP + UP)
        terminal.shows(f"{PROMPT} !first")
        terminal.type(DOWN + DOWN)
        terminal.shows(f"{PROMPT} half")
        terminal.type(CONTROL_R + "fir")
        terminal.shows("(search) 'fir': !first")
        terminal.type("\x07")
        terminal.shows(f"{PROMPT} half")
        terminal.type(CONTROL_R + "pw")
        terminal.shows("(search) 'pw': lpwd")
        terminal.type("\r")
        terminal.shows(f"{PROMPT} lpwd", terminal.home.name, PROMPT)

    def test_escape_alone_gives_a_search_up(self):
        terminal = self.start()
        terminal.type("half" + CONTROL_R)
        terminal.shows("(search) '': half")
        terminal.type("\x1b")
        terminal.shows(f"{PROMPT} half")

    def test_history_is_kept_in_a_file_of_its_owner(self):
        terminal = self.start()
        terminal.enter("lpwd")
        terminal.type("\x04")
        terminal.end()
        file = pathlib.Path(terminal.home.name, ".local/state/sluice/ftp_history")
        self.assertEqual(file.read_text(), "lpwd\n")
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    def test_tab_completes_a_command(self):
        terminal = self.start()
        terminal.type("lpw\t")
        terminal.shows(f"{PROMPT} lpwd")
        terminal.type("\t\t\r")
        terminal.shows(PROMPT)

    def test_tab_shows_what_is_possible_above_the_line(self):
        terminal = self.start(80, 24)
        terminal.type("pw\x7f\t\t")
        terminal.wait(lambda: terminal.screen.lines()[0].startswith("p"))
        shown = terminal.screen.all_lines()
        self.assertLessEqual({"put", "pwd"}, set(" ".join(shown[:-1]).split()))
        self.assertEqual(shown[-1], f"{PROMPT} p")

    def test_a_paste_enters_nothing_by_itself(self):
        terminal = self.start(80)
        terminal.type("\x1b[200~lpwd\nsecond\tline\r\n\x1b[201~")
        terminal.shows(f"{PROMPT} lpwd second line")
        terminal.type("\x15")
        terminal.shows(PROMPT)

    def test_lines_typed_ahead_are_run_one_after_the_other(self):
        terminal = self.start(80, 24)
        terminal.type("lpwd\rlpwd\rhalf")
        terminal.shows(f"{PROMPT} lpwd", terminal.home.name, f"{PROMPT} lpwd", terminal.home.name,
                       f"{PROMPT} half")

    def test_the_line_is_wrapped_anew_when_the_terminal_is_resized(self):
        terminal = self.start(columns=80, rows=60)
        terminal.enter("lpwd")
        line = "가나다 abc e\u0301" * 9 + "end"
        terminal.type(line)
        terminal.wait(lambda: terminal.screen.all_lines()[-1].endswith("end"))
        random = Random(1)
        for columns in [200, 23, 10, 11, 40, 7, 4] + random.sample(range(5, 130), 40):
            terminal.resize(columns, 60)
            expected = Screen(columns, 60)
            expected.feed(f"{PROMPT} lpwd\r\n{terminal.home.name}\r\n{PROMPT} {line}".encode())
            if expected.waits:
                expected.feed(b" \r")
            terminal.shows(*expected.all_lines())
            cursor = expected.cursor()
            terminal.wait(lambda: terminal.screen.cursor() == cursor)
            self.assertEqual(len(terminal.screen.all_lines()), len(expected.all_lines()))

    def test_the_cursor_stays_in_its_place_when_the_terminal_is_resized(self):
        terminal = self.start(columns=80, rows=60)
        terminal.enter("lpwd")
        terminal.type("가나다" * 20 + "x" + "라마바" * 20 + LEFT * 60)
        terminal.wait(lambda: terminal.screen.cursor()[0] > 2)
        random = Random(2)
        for columns in random.sample(range(5, 130), 40):
            terminal.resize(columns, 60)
            before = Screen(columns, 60)
            before.feed(f"{PROMPT} lpwd\r\n{terminal.home.name}\r\n{PROMPT} ".encode())
            before.feed(("가나다" * 20 + "x").encode())
            row, column = before.cursor()
            expected = {(row, column), (row + 1, 0)} if column + 2 > columns else {(row, column)}
            terminal.wait(lambda: terminal.screen.cursor() in expected)
            self.assertEqual(terminal.prompts(), 2, terminal.screen)

    def test_a_line_taller_than_the_screen_is_shown_around_the_cursor(self):
        terminal = self.start(columns=20, rows=4)
        line = "".join(f"{number:04d}" for number in range(60))
        terminal.type(line)
        terminal.wait(lambda: "0059" in str(terminal.screen))
        self.assertEqual(terminal.screen.lines()[-1], (f"{PROMPT} " + line)[240:])
        terminal.type(HOME)
        terminal.wait(lambda: terminal.screen.cursor() == (0, 5))
        self.assertEqual(terminal.screen.lines()[0], f"{PROMPT} 000000010002000"[:20])
        self.assertEqual(terminal.screen.lines()[3], (f"{PROMPT} " + line)[60:80])

    def test_control_c_gives_the_line_up(self):
        terminal = self.start()
        terminal.type("half" + CONTROL_C)
        terminal.shows(f"{PROMPT} half^C", PROMPT)
        terminal.ready()
        self.assertIsNone(terminal.process.poll())

    def test_what_is_not_utf8_does_no_harm(self):
        terminal = self.start()
        terminal.type(b"a\xffb\xe2\x82c")
        terminal.shows(f"{PROMPT} a?b?c")

    def test_control_z_stops_it_in_a_sane_terminal_and_the_line_is_there_again(self):
        terminal = self.enterContext(
            FtpTerminal([sys.executable, "-c", JOB_CONTROL, harness.PROGRAM, "ftp"]))
        terminal.ready()
        terminal.type("half" + LEFT + CONTROL_Z)
        terminal.shows(f"{PROMPT} half", "stopped well")
        self.assertTrue(terminal.is_as_before())
        terminal.type("go on\n")
        terminal.wait(lambda: terminal.screen.pasting)
        terminal.shows("stopped well", "go on", f"{PROMPT} half")
        terminal.type("x")
        terminal.shows(f"{PROMPT} halxf")
        terminal.type("\x15\x0b\x04")
        self.assertEqual(terminal.end(), 0)
        self.assertTrue(terminal.is_as_before())

    def test_a_terminal_that_closes_ends_it(self):
        terminal = self.start()
        terminal.type("half")
        terminal.shows(f"{PROMPT} half")
        os.close(terminal.master)
        terminal.master = os.open(os.devnull, os.O_RDONLY)
        terminal.process.wait(harness.PATIENCE)

    def test_a_dumb_terminal_gets_no_prompt_and_no_sequence(self):
        for kind in ("dumb", ""):
            terminal = self.enterContext(FtpTerminal([harness.PROGRAM, "ftp"], 80, TERM=kind))
            terminal.type("lpwd\n")
            terminal.shows("lpwd", terminal.home.name)  # the first is the terminal's echo
            terminal.type("\x04")
            terminal.end()
            self.assertNotIn(PROMPT, str(terminal.screen))

    def test_it_reads_lines_where_there_is_no_terminal(self):
        with contextlib.ExitStack() as stack:
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            script = folder / "script"
            script.write_bytes(b"lpwd\r\nlpwd")
            for stdin in (open(script, "rb"), open(os.devnull, "rb")):
                with stdin:
                    done = subprocess.run([harness.PROGRAM, "ftp"], stdin=stdin, cwd=folder,
                                          capture_output=True, text=True, timeout=harness.PATIENCE)
                lines = 2 if stdin.name == str(script) else 0
                self.assertEqual(done.stdout, f"{folder}\n" * lines)
                self.assertEqual(done.returncode, 0, done.stderr)
            done = harness.run("ftp", input="lpwd\n", cwd=folder)
            self.assertEqual(done.stdout, f"{folder}\n")

    def test_a_plain_line_without_end_is_refused(self):
        done = harness.run("ftp", input="x" * 2_000_000)
        self.assertIn("longer than 1 MiB", done.stderr)


if __name__ == "__main__":
    unittest.main()
