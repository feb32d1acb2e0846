"""`sluice chat`: in a pseudo-terminal, what a terminal shows of it, and in a pipe."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import harness
from line_editor_test import Terminal
from screen import Screen

PROMPT = "> "
NAME_PROMPT = "Enter your nickname: "
CONTROL_C, CONTROL_D, CONTROL_U, CONTROL_Z, TAB = "\x03", "\x04", "\x15", "\x1a", "\t"
STYLE = re.compile(rb"\x1b\[[\d;]*m")
CUT_SEQUENCE = re.compile(rb"\x1b(\[[\d;]*)?$")
KOREAN = "안녕하세요 여러분, 오늘은 긴 문장을 써서 줄바꿈이 어떻게 되는지 봅니다"

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


class StyledScreen(Screen):
    """A screen that passes over colours, but keeps all that it was sent."""

    def __init__(self, columns, rows):
        super().__init__(columns, rows)
        self.raw = b""
        self.cut = b""

    def feed(self, data):
        self.raw += data
        data = self.cut + data
        found = CUT_SEQUENCE.search(data)
        self.cut = found[0] if found else b""
        super().feed(STYLE.sub(b"", data[:len(data) - len(self.cut)]))


class ChatTerminal(Terminal):
    def __init__(self, command, columns=40, rows=12, **environment):
        environment.setdefault("NO_COLOR", "")
        super().__init__(command, columns, rows, **environment)
        self.screen = StyledScreen(columns, rows)

    def lines(self):
        """All rows; times of day are written 00:00."""
        return [re.sub(r"^\d\d:\d\d( |$)", r"00:00\1", row) for row in self.screen.all_lines()]

    def shows(self, *lines):
        """Waits until these are the last rows."""
        try:
            self.wait(lambda: self.lines()[-len(lines):] == list(lines))
        except AssertionError as error:
            raise AssertionError(f"{error}\ninstead of:\n" + "\n".join(lines)) from None

    def has(self, text):
        """Waits until it stands somewhere, over whatever rows."""
        bare = lambda words: re.sub(r"\s", "", words)
        self.wait(lambda: bare(text) in bare("".join(self.lines())))

    def asks(self, prompt=PROMPT):
        """Waits for an empty line to be typed."""
        self.wait(lambda: self.lines()[-1:] == [prompt.rstrip()]
                  and self.screen.cursor()[1] == len(prompt))


class Guest:
    """Another client: lines over a socket."""

    def __init__(self, server, nick=None, room=None):
        self.socket = server.connect("chat")
        self.file = self.socket.makefile("rb")
        if room:
            self.say(f"/join {room}")
            self.hears(f"* you are in {room}, with ", whole=False)
        if nick:
            self.say(f"/nick {nick}")
            self.hears(f"* you are now {nick}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()
        self.socket.close()

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def line(self):
        line = self.file.readline().decode()
        if not line:
            raise AssertionError("the server has ended")
        return line.removesuffix("\n")

    def hears(self, wanted, whole=True):
        """Reads lines up to this one; returns those before it."""
        before = []
        while True:
            line = self.line()
            if line == wanted or (not whole and line.startswith(wanted)):
                return before
            before.append(line)


class Script:
    """A server that does what the test says: one client, bytes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(harness.PATIENCE)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.client = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()
        if self.client:
            self.client.close()

    def accept(self):
        self.client = self.listener.accept()[0]
        self.client.settimeout(harness.PATIENCE)
        return self.client

    def expect(self, text):
        got = harness.receive(self.client, len(text.encode()))
        if got != text.encode():
            raise AssertionError(f"{got!r} instead of {text!r}")


class ChatTest(harness.ServerTest):
    def serve_chat(self, *options, **how):
        return self.serve("chat", options=options, **how)

    def serve_again(self):
        """A server that is on the same port after every restart."""
        first = harness.Server("chat")
        with first:
            address = first.addresses["chat"]
        return self.enterContext(harness.Server(options=["--chat", address]))

    def guest(self, server, *who):
        return self.enterContext(Guest(server, *who))

    def open(self, server, *options, columns=40, rows=12, **environment):
        address = server if isinstance(server, str) else server.addresses["chat"]
        return self.enterContext(ChatTerminal(
            [harness.PROGRAM, "chat", address, *options], columns, rows, **environment))

    def open_as(self, server, nick, *options, **how):
        terminal = self.open(server, "--nick", nick, *options, **how)
        terminal.has(f"you are now {nick}")
        terminal.has("* in ")
        terminal.asks()
        return terminal

    def end(self, terminal, status=0):
        self.assertEqual(terminal.end(), status, str(terminal.screen))
        self.assertTrue(terminal.is_as_before())


class TalkTest(ChatTest):
    def test_shows_what_is_said_by_others_and_by_oneself(self):
        server = self.serve_chat()
        terminal = self.open_as(server, "ann")
        bob = self.guest(server, "bob")
        terminal.shows("00:00 * bob joined", PROMPT.rstrip())
        terminal.type("hello bob\r")
        self.assertEqual(bob.line(), "ann: hello bob")
        bob.say("hello ann")
        terminal.shows("00:00 ann: hello bob", "00:00 bob: hello ann", ">")
        terminal.type("/me waves\r/msg bob psst\r//slash\r")
        bob.hears("* ann waves")
        bob.hears("ann (private): psst")
        bob.hears("ann: /slash")
        terminal.shows("00:00 * ann waves", "00:00 ann (private to bob): psst",
                       "00:00 ann: /slash", ">")
        terminal.type("exit\r")
        self.end(terminal)

    def test_asks_for_a_nick_until_there_is_one(self):
        server = self.serve_chat()
        self.guest(server, "bob")
        terminal = self.open(server)
        terminal.asks(NAME_PROMPT)
        terminal.type("\r")
        terminal.shows("Enter your nickname:", "Enter your nickname:")
        terminal.type("a b\r")
        terminal.shows("Enter your nickname: a b", "00:00 * a nick has no blanks",
                       "Enter your nickname:")
        terminal.type("Bob\r")
        terminal.shows("00:00 * bob is taken; Bob_2 is free", "Enter your nickname [Bob_2]:")
        terminal.type("\r")
        terminal.has("* you are now Bob_2")
        terminal.has("* in lobby: bob, Bob_2")
        terminal.asks()

    def test_offers_another_nick_when_the_one_given_is_taken(self):
        server = self.serve_chat()
        self.guest(server, "ann")
        terminal = self.open(server, "--nick", "ann")
        terminal.shows("00:00 * ann is taken; ann_2 is free", "Enter your nickname [ann_2]:")
        terminal.type("cyd\r")
        terminal.has("* you are now cyd")

    def test_goes_into_a_room_and_shows_its_history(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob", "tea")
        bob.say("before you came")
        server.settle("chat")
        terminal = self.open_as(server, "ann", "--room", "tea")
        terminal.has("bob: before you came")
        self.assertNotIn("ann", " ".join(bob.hears("* ann joined")))
        terminal.type("for tea\r")
        bob.hears("ann: for tea")

    def test_keeps_a_half_typed_line_while_messages_come(self):
        server = self.serve_chat()
        for columns in 40, 200:
            with self.subTest(columns=columns):
                terminal = self.open_as(server, f"ann{columns}", columns=columns)
                bob = self.guest(server, f"bob{columns}")
                terminal.type("반쯤 친 줄")
                terminal.shows("> 반쯤 친 줄")
                for number in range(30):
                    bob.say(f"line {number}")
                terminal.shows(f"00:00 bob{columns}: line 28", f"00:00 bob{columns}: line 29",
                               "> 반쯤 친 줄")
                self.assertEqual(terminal.screen.cursor()[1], 2 + 10)
                terminal.type("을 보낸다\r")
                bob.hears(f"ann{columns}: 반쯤 친 줄을 보낸다")
                terminal.type("exit\r")
                self.end(terminal)
                bob.__exit__()

    def test_wraps_korean_with_a_hanging_indent(self):
        server = self.serve_chat()
        terminal = self.open_as(server, "ann")
        bob = self.guest(server, "bob")
        terminal.shows("00:00 * bob joined", ">")
        bob.say(KOREAN)
        terminal.shows("00:00 bob: 안녕하세요 여러분, 오늘은 긴",
                       "      문장을 써서 줄바꿈이 어떻게 되는지",
                       "      봅니다", ">")
        wide = self.open_as(server, "cyd", columns=200)
        wide.has(f"bob: {KOREAN}")
        self.assertIn(f"00:00 bob: {KOREAN}", wide.lines())

    def test_takes_a_long_line_off_the_screen_to_show_it_as_said(self):
        server = self.serve_chat()
        terminal = self.open_as(server, "ann")
        before = len(terminal.lines())
        # Of every length around the edges, where the cursor stands on a row of its own.
        for number, size in enumerate((37, 38, 39, 75, 77, 78, 79)):
            text = f"{number}" + "x" * (size - 1)
            terminal.type(text + "\r")
            terminal.has(f"ann: {text}")
            terminal.asks()
        terminal.type(KOREAN + "\r")
        terminal.has(f"ann: {KOREAN}")
        terminal.asks()
        lines = terminal.lines()
        self.assertEqual([row for row in lines[before:] if row.startswith(">")], [">"])
        self.assertEqual(sum(row.startswith("00:00 ann: ") for row in lines), 8)

    def test_follows_a_resize_while_korean_is_typed(self):
        server = self.serve_chat()
        terminal = self.open_as(server, "ann", columns=80)
        bob = self.guest(server, "bob")
        terminal.shows("00:00 * bob joined", ">")
        terminal.type(KOREAN)
        terminal.shows(f"> {KOREAN}")
        terminal.resize(40, 12)
        rows = ["> 안녕하세요 여러분, 오늘은 긴 문장을 써", "서 줄바꿈이 어떻게 되는지 봅니다"]
        terminal.shows(*rows)
        bob.say(KOREAN)
        terminal.shows("00:00 bob: 안녕하세요 여러분, 오늘은 긴",
                       "      문장을 써서 줄바꿈이 어떻게 되는지",
                       "      봅니다", *rows)
        terminal.resize(200, 12)
        terminal.shows("      봅니다", f"> {KOREAN}")
        bob.say(KOREAN)
        terminal.shows(f"00:00 bob: {KOREAN}", f"> {KOREAN}")
        terminal.type("\r")
        bob.hears(f"ann: {KOREAN}")

    def test_says_each_line_of_a_paste_in_order(self):
        server = self.serve_chat("--chat-rate", "0")
        terminal = self.open_as(server, "ann")
        bob = self.guest(server, "bob")
        terminal.shows("00:00 * bob joined", ">")
        count = 1500  # more than a terminal takes at once
        paste = b"".join(b"line %d of what was pasted\r" % number for number in range(count))
        pasting = threading.Thread(target=lambda: self.paste(terminal, paste), daemon=True)
        pasting.start()
        bob.socket.settimeout(0.01)
        received = b""
        deadline = time.monotonic() + harness.PATIENCE
        while received.count(b"\n") < count and time.monotonic() < deadline:
            terminal.read(0)
            with contextlib.suppress(TimeoutError):
                received += bob.socket.recv(1 << 16)
        pasting.join(harness.PATIENCE)
        wanted = [f"ann: line {number} of what was pasted" for number in range(count)]
        self.assertEqual(received.decode().splitlines(), wanted)
        terminal.shows(*[f"00:00 ann: line {number} of what was pasted"
                         for number in range(count - 5, count)], ">")
        # Nothing of it was shown where it does not belong.
        shown = [row for row in terminal.lines() if "pasted" in row]
        self.assertEqual(len(shown), count)

    @staticmethod
    def paste(terminal, data):
        while data:
            data = data[os.write(terminal.master, data[:512]):]

    def test_shows_a_burst_with_few_redraws(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann")
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall(b"* you are now ann\n")
            terminal.asks()
            terminal.type("half typed")
            terminal.shows("> half typed")
            begin = len(terminal.screen.raw)
            sending = threading.Thread(daemon=True, target=lambda: client.sendall(
                b"".join(b"bob: %d\n" % number for number in range(10000))))
            sending.start()
            terminal.shows("00:00 bob: 9998", "00:00 bob: 9999", "> half typed")
            sending.join(harness.PATIENCE)
            redraws = terminal.screen.raw[begin:].count(b"> half typed")
            self.assertLess(redraws, 1000)
            said = [row for row in terminal.lines() if "bob" in row]
            self.assertEqual(said, [f"00:00 bob: {number}" for number in range(10000)])


class KeysTest(ChatTest):
    def test_ends_by_words_and_keys(self):
        server = self.serve_chat()
        for typed in "exit\r", " exit \r", "/quit\r", "/q\r", CONTROL_D, CONTROL_C * 2:
            with self.subTest(typed=typed):
                terminal = self.open_as(server, "ann")
                terminal.type(typed)
                self.end(terminal)
                with Guest(server) as guest:  # the server has seen it leave
                    guest.say("/who")
                    guest.hears("* in lobby: 1 without a name")

    def test_ends_at_the_question_for_a_nick(self):
        server = self.serve_chat()
        for typed in "exit\r", CONTROL_D, CONTROL_C * 2:
            with self.subTest(typed=typed):
                terminal = self.open(server)
                terminal.asks(NAME_PROMPT)
                terminal.type(typed)
                self.end(terminal)

    def test_control_c_gives_up_the_line(self):
        server = self.serve_chat()
        terminal = self.open_as(server, "ann")
        terminal.type("not this" + CONTROL_C)
        terminal.shows("> not this^C", "00:00 * ^C once more ends, as /quit does", ">")
        terminal.type("but this\r" + CONTROL_C)
        terminal.shows("00:00 ann: but this", "> ^C",
                       "00:00 * ^C once more ends, as /quit does", ">")
        terminal.type("exit\r")
        self.end(terminal)

    def test_leaves_the_terminal_as_it_was_when_it_is_told_to_end(self):
        server = self.serve_chat()
        for number in signal.SIGTERM, signal.SIGHUP:
            terminal = self.open_as(server, "ann")
            terminal.type("half")
            terminal.shows("> half")
            terminal.process.send_signal(number)
            self.end(terminal, 1)

    def test_stops_and_goes_on_as_a_job(self):
        server = self.serve_chat()
        command = ["python3", "-c", JOB_CONTROL, harness.PROGRAM, "chat",
                   server.addresses["chat"], "--nick", "ann"]
        terminal = self.enterContext(ChatTerminal(command))
        terminal.has("* in lobby: ann")
        terminal.asks()
        bob = self.guest(server, "bob")
        terminal.shows("00:00 * bob joined", ">")
        for round in range(2):
            terminal.type(f"half {round}" + CONTROL_Z)
            terminal.shows(f"> half {round}", "stopped well")
            terminal.type("\n")
            terminal.shows(f"> half {round}")
            terminal.type("\r")
            bob.hears(f"ann: half {round}")
            terminal.shows(f"00:00 ann: half {round}", ">")
        terminal.type("exit\r")
        self.assertEqual(terminal.end(), 0)

    def test_completes_nicks_commands_and_rooms(self):
        server = self.serve_chat()
        guests = [self.guest(server, nick) for nick in ("bob", "민수")]
        self.guest(server, "zoe", "teahouse")
        terminal = self.open_as(server, "ann")
        for typed, completed in (
                ("b" + TAB, "> bob:"), ("민" + TAB, "> 민수:"), ("hello B" + TAB, "> hello bob"),
                ("/jo" + TAB, "> /join"), ("/join te" + TAB, "> /join teahouse"),
                ("/msg bo" + TAB + "hi", "> /msg bob hi")):
            with self.subTest(typed=typed):
                terminal.type(typed)
                terminal.shows(completed)
                terminal.type(CONTROL_U)
                terminal.asks()
        guests[0].say("/nick robert")
        terminal.has("* bob is now robert")
        terminal.type("ro" + TAB)
        terminal.shows("> robert:")

    def test_remembers_what_was_typed(self):
        server = self.serve_chat()
        terminal = self.open_as(server, "ann")
        terminal.type("once\r")
        terminal.shows("00:00 ann: once", ">")
        terminal.type("\x1b[A")
        terminal.shows("00:00 ann: once", "> once")


class LookTest(ChatTest):
    def colours(self, **environment):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        terminal = self.open_as(server, "ann", **environment)
        bob.say("one")
        bob.say("/msg ann two")
        terminal.has("bob (private): two")
        return terminal.screen.raw

    def test_shows_nicks_in_colours(self):
        raw = self.colours(TERM="xterm-256color")
        self.assertRegex(raw, rb"\x1b\[2m\d\d:\d\d \x1b\[0m\x1b\[38;5;\d+mbob\x1b\[0m: one")
        raw = self.colours(TERM="xterm", COLORTERM="")
        self.assertRegex(raw, rb"\x1b\[2m\d\d:\d\d \x1b\[0m\x1b\[3\dmbob\x1b\[0m: one")
        self.assertRegex(raw, rb"bob\x1b\[0m\x1b\[3m \(private\): ")

    def test_shows_none_where_they_are_not_wanted(self):
        self.assertNotRegex(self.colours(NO_COLOR="1"), STYLE)

    def test_a_dumb_terminal_gets_plain_lines(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        terminal = self.open(server, TERM="dumb")
        terminal.shows("Enter your nickname:")
        terminal.type("ann\n")
        terminal.has("* in lobby: bob, ann")
        terminal.type("hello\n")
        bob.hears("ann: hello")
        bob.say("plain")
        terminal.shows("hello", "00:00 bob: plain")
        self.assertNotIn(b"\x1b", terminal.screen.raw)
        terminal.type("exit\n")
        self.end(terminal)

    def test_nothing_of_a_hostile_server_reaches_the_terminal(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann")
            client = script.accept()
            script.expect("/nick ann\n")
            # The screen fails at any control character and at sequences that it does not know.
            client.sendall(b"* you are now ann\nbob\x1b]0;title\x07: a\x1b[2J\x9b2J\xc2\x9b2Jb\rc"
                           b"\x00\x07\x08\x0e\x7f\xff\xfd\x01\xe2\x80\xae\n\x1b]52;c;aGk=\n")
            client.sendall(b"x" * (8 << 20) + b"\nbob: end\n")
            terminal.shows("00:00 bob: end", ">")
            self.assertIn("00:00 bob: a\N{REPLACEMENT CHARACTER}2Jbc", terminal.lines())
            self.assertIn("x…", terminal.lines()[-3])
            self.assertLess(len(terminal.screen.raw), 1 << 20)
            self.assertNotIn(b"\x1b]", terminal.screen.raw)


class ReconnectTest(ChatTest):
    def test_comes_back_with_nick_and_room_and_what_was_typed_meanwhile(self):
        server = self.serve_again()
        terminal = self.open_as(server, "ann", "--room", "tea", columns=80)
        terminal.type("half typed")
        terminal.shows("> half typed")
        server.stop()
        terminal.shows("00:00 * connection lost: closed by peer; trying again in 1 s",
                       "> half typed")
        terminal.type("\rsecond\r")
        terminal.shows(
            "00:00 ann: half typed",
            "00:00 * not connected: what you say is sent when the connection is back",
            "00:00 ann: second", ">")
        server.process.stdout.close()
        server.start()
        bob = self.guest(server, "bob", "tea")
        bob.hears("ann: half typed")
        bob.hears("ann: second")
        terminal.has("* connected again")
        terminal.has("* you are now ann")
        bob.say("welcome back")
        terminal.has("bob: welcome back")
        lines = terminal.lines()
        self.assertEqual(sum("connection lost" in row for row in lines), 1)
        self.assertEqual(sum("connected again" in row for row in lines), 1)
        terminal.type("/rooms\r")
        terminal.has("tea (2)")

    def test_comes_back_under_another_nick_when_its_own_is_taken(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann", columns=80)
            for free in "ann_2", "ann_3":  # it tries its own first each time
                client = script.accept()
                script.expect("/nick ann\n")
                client.sendall(f"* ann is taken; {free} is free\n".encode())
                if free == "ann_2":
                    terminal.asks(f"{NAME_PROMPT[:-2]} [ann_2]: ")
                    terminal.type("ann\r")
                    script.expect("/nick ann\n")
                    client.sendall(b"* you are now ann\n")
                    terminal.has("* you are now ann")
                    terminal.asks()
                    terminal.type("half typed")
                    terminal.shows("> half typed")
                else:
                    script.expect(f"/nick {free}\n")
                    client.sendall(f"* you are now {free}\n".encode())
                    terminal.has(f"* you are now {free}")
                    terminal.shows("> half typed")
                    terminal.type("\r")
                    terminal.shows(f"00:00 {free}: half typed", ">")
                    script.expect("/who\nhalf typed\n")
                client.close()

    def test_shows_the_loss_by_a_reset(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann", columns=80)
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall(b"* you are now ann\n")
            terminal.asks()
            harness.reset(client)
            terminal.has("* connection lost: reset by peer; trying again in 1 s")
            script.accept()
            script.expect("/nick ann\n")

    def test_ends_while_it_is_not_connected(self):
        server = self.serve_again()
        terminal = self.open_as(server, "ann", columns=80)
        server.stop()
        terminal.has("* connection lost")
        terminal.type("to nobody\r")
        terminal.has("ann: to nobody")
        terminal.type("exit\r")
        self.end(terminal)
        self.assertEqual(terminal.lines()[-1],
                         "00:00 * what you said while not connected was not sent")

    def test_refuses_what_is_too_much_to_keep(self):
        server = self.serve_again()
        terminal = self.open_as(server, "ann", columns=200)
        server.stop()
        terminal.has("* connection lost")
        refused = "* not said, since too much waits to be sent already"
        for number in range(100):
            terminal.type(f"{number:03}" + "x" * 3000 + "\r")
            terminal.wait(lambda: any(
                row.startswith(f"00:00 ann: {number:03}") or refused in row
                for row in terminal.lines()[-24:]))
            terminal.asks()
            if refused in terminal.lines()[-2]:
                break
        self.assertGreater(number, 50)
        self.assertLess(number, 90)

    def test_the_first_connection_that_fails_ends_it(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = "127.0.0.1:%d" % closed.getsockname()[1]
        terminal = self.open(address, "--nick", "ann", columns=80)
        self.assertEqual(terminal.end(), 1)
        self.assertEqual(terminal.lines(),
                         [f"sluice chat: cannot connect to {address}: Connection refused"])
        done = harness.run("chat", address)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (
            1, "", f"sluice chat: cannot connect to {address}: Connection refused\n"))

    def test_asks_whether_a_silent_server_still_lives(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann")
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall(b"* you are now ann\n")
            terminal.asks()
            local = "0100007F:%04X" % client.getpeername()[1]
            table = harness.pathlib.Path("/proc/net/tcp")
            harness.wait_until(lambda: any(
                row.split()[1] == local and row.split()[5].startswith("02:")
                for row in table.read_text().splitlines()[1:]), "a keep-alive timer")


class LectureServerTest(ChatTest):
    def test_talks_to_a_server_that_only_passes_on_what_it_gets(self):
        with Script() as script:
            terminal = self.open(script.address, "--nick", "ann")
            client = script.accept()
            script.expect("/nick ann\n")
            client.sendall("철수: 안녕".encode())
            terminal.has("철수: 안녕")
            terminal.asks()  # since no answer has come
            terminal.type("hello\r")
            script.expect("ann: hello\n")
            terminal.shows("00:00 철수: 안녕", "00:00 ann: hello", ">")


class PipeTest(ChatTest):
    def pipe(self, server, *options, **how):
        address = server if isinstance(server, str) else server.addresses["chat"]
        return harness.run("chat", address, *options, **how)

    def background(self, server, *options, **how):
        process = subprocess.Popen(
            [harness.PROGRAM, "chat", server if isinstance(server, str) else
             server.addresses["chat"], *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=harness.end_with_parent, **how)
        self.addCleanup(self.finish, process)
        return process

    @staticmethod
    def finish(process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=harness.PATIENCE)

    def test_delivers_its_input_and_ends(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        done = self.pipe(server, "--nick", "ann", input="hi\nto all")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        bob.hears("ann: hi")
        self.assertEqual(bob.line(), "ann: to all")

    def test_without_a_nick_is_passed_on_as_it_is(self):
        server = self.serve_chat()
        with Guest(server) as plain:
            done = self.pipe(server, input="hi\n안녕: 하세요\n")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            self.assertEqual([plain.line(), plain.line()], ["hi", "안녕: 하세요"])

    def test_prints_lines_as_they_come_without_any_decoration(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        reader = self.background(server, "--nick", "ann")
        self.assertEqual(reader.stdout.readline(), b"* you are now ann\n")
        bob.hears("* ann joined")
        bob.say("one\ttwo")
        self.assertEqual(reader.stdout.readline(), b"bob: one\ttwo\n")
        bob.say("/msg ann 셋")
        self.assertEqual(reader.stdout.readline(), "bob (private): 셋\n".encode())
        out, error = reader.communicate(b"", timeout=harness.PATIENCE)
        self.assertEqual((reader.returncode, out, error), (0, b"", b""))

    def test_takes_another_nick_when_its_own_is_taken(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        done = self.pipe(server, "--nick", "BOB", input="hi\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "sluice chat: bob is taken: you are BOB_2\n")
        bob.hears("BOB_2: hi")

    def test_goes_into_a_room(self):
        server = self.serve_chat()
        lobby, tea = self.guest(server, "bob"), self.guest(server, "cyd", "tea")
        self.assertEqual(self.pipe(server, "--room", "#tea", input="no name\n").returncode, 0)
        tea.hears("no name")
        self.assertEqual(self.pipe(server, "--nick", "ann", "--room", "tea",
                                   input="hi\n").returncode, 0)
        tea.hears("ann: hi")
        lobby.say("/who")
        self.assertEqual(lobby.hears("* in lobby: bob"), ["* cyd joined"][:0])

    def test_ends_by_exit_and_quit(self):
        server = self.serve_chat()
        bob = self.guest(server, "bob")
        for word in "exit", "/quit":
            running = self.background(server, "--nick", "ann")
            running.stdin.write(b"said\n%s\nnot said\n" % word.encode())
            running.stdin.flush()
            self.assertEqual(running.wait(harness.PATIENCE), 0)
            bob.hears("ann: said")
            self.assertNotIn("ann: not said", bob.hears("* ann left"))

    def test_says_many_lines_in_order_and_no_faster_than_they_are_read(self):
        with Script() as script:
            running = self.background(script.address)
            client = script.accept()
            text = b"".join(b"line %d of many\n" % number for number in range(200_000))
            feeding = threading.Thread(
                target=lambda: running.communicate(text, timeout=harness.PATIENCE), daemon=True)
            feeding.start()
            received = harness.receive_all(client)
            client.close()
            feeding.join(harness.PATIENCE)
            self.assertEqual(received, text)
            self.assertEqual(running.returncode, 0)

    def test_loss_is_a_failure(self):
        for lose, word in (socket.socket.close, "closed"), (harness.reset, "reset"):
            with Script() as script:
                running = self.background(script.address)
                client = script.accept()
                client.sendall(b"hi\n")
                self.assertEqual(running.stdout.readline(), b"hi\n")
                lose(client)
                self.assertEqual(running.stderr.read().decode(),
                                 f"sluice chat: connection lost: {word} by peer\n")
                self.assertEqual(running.wait(harness.PATIENCE), 1)

    def test_waits_a_moment_only_for_a_server_that_does_not_close(self):
        with Script() as script:
            running = self.background(script.address)
            client = script.accept()
            running.stdin.write(b"hi\n")
            running.stdin.close()
            self.assertEqual(harness.receive_all(client), b"hi\n")
            client.sendall(b"still there\n")
            self.assertEqual(running.stdout.readline(), b"still there\n")
            self.assertEqual(running.wait(harness.PATIENCE), 0)
            running.stdin = None

    def test_cleans_what_a_hostile_server_sends(self):
        with Script() as script:
            running = self.background(script.address)
            client = script.accept()
            client.sendall(b"a\x1b[31mb\x07\xc2\x85c\n" + b"y" * (4 << 20) + b"\nend\n")
            self.assertEqual(running.stdout.readline(), b"abc\n")
            cut = running.stdout.readline()
            self.assertEqual(cut, b"y" * (256 << 10) + "…\n".encode())
            self.assertEqual(running.stdout.readline(), b"end\n")

    def test_a_reader_that_goes_away_ends_it(self):
        server = self.serve_chat()
        running = self.background(server, "--nick", "ann")
        self.assertEqual(running.stdout.readline(), b"* you are now ann\n")
        running.stdout.close()
        self.guest(server, "bob").say("hi")
        self.assertEqual(running.stderr.read(), b"sluice chat: standard output: Broken pipe\n")
        self.assertEqual(running.wait(harness.PATIENCE), 1)
        running.stdout = None

    def test_refuses_names_that_no_server_takes(self):
        for options, why in ((("--nick", "a b"), "--nick: a nick has no blanks"),
                             (("--nick", ""), "--nick: a nick must not be empty"),
                             (("--room", "a:b"), "--room: a room's name")):
            done = self.pipe("127.0.0.1:1", *options)
            self.assertEqual(done.returncode, 2)
            self.assertTrue(done.stderr.startswith(f"sluice chat: {why}"), done.stderr)
        self.assertEqual(harness.run("chat").returncode, 2)
        self.assertEqual(harness.run("chat", "a:1", "b:2").returncode, 2)
        self.assertEqual(harness.run("chat", "nonsense").returncode, 2)


if __name__ == "__main__":
    unittest.main()
