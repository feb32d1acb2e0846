"""`sluice chat` on a terminal: talking, keys, colours."""

import contextlib
import os
import signal
import threading
import time
import unittest

import harness
from chat_client_support import (CONTROL_C, CONTROL_D, CONTROL_U, CONTROL_Z, KOREAN, NAME_PROMPT,
                                 PROMPT, STYLE, TAB, ChatTerminal, ClientTest, Script)
from chat_support import Guest
from terminal import JOB_CONTROL


class TalkTest(ClientTest):
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


class KeysTest(ClientTest):
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


class LookTest(ClientTest):
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
            self.assertIn("00:00 bob: a\N{REPLACEMENT CHARACTER}2J2Jbc", terminal.lines())
            self.assertIn("x…", terminal.lines()[-3])
            self.assertLess(len(terminal.screen.raw), 1 << 20)
            self.assertNotIn(b"\x1b]", terminal.screen.raw)


if __name__ == "__main__":
    unittest.main()
