"""The chat as people use it: the clients of a lecture, nc, telnet and ours in one room."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from chat_support import ChatTest
from harness import PATIENCE, in_parallel, is_silent, wait_until


class Talk(ChatTest):
    def test_what_one_says_reaches_all_others_and_not_itself(self):
        server = self.chat()
        guests = [self.guest(server) for _ in range(5)]
        self.wait_for_crowd(server, 5)
        guests[0].say("hello", "again")
        for guest in guests[1:]:
            guest.expect("hello", "again")
        guests[1].say("/who")
        guests[1].expect("* in lobby: 5 without a name")
        self.assertTrue(is_silent(guests[0].socket))

    def test_a_lecture_client_telnet_nc_and_ours_understand_one_another(self):
        server = self.chat()
        ours = self.guest(server, "ann")
        lecture, telnet = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 3)
        lecture.send("Kim: hello")  # one send, no newline
        ours.expect("Kim: hello")
        telnet.expect("Kim: hello")
        telnet.send(b"\xff\xfb\x1f\xff\xfd\x03\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0by telnet\r\n")
        ours.expect("by telnet")
        lecture.expect("by telnet")
        ours.say("안녕")
        lecture.expect("ann: 안녕")
        telnet.expect("ann: 안녕")

    def test_a_line_of_a_client_that_ends_at_once_is_delivered(self):
        server = self.chat()
        listener = self.guest(server)
        for data in (b"hi\n", b"no newline"):
            self.assertEqual(server.ask("chat", data), b"")
            listener.expect(data.decode().strip())

    @unittest.skipUnless(shutil.which("nc"), "nc is not installed")
    def test_a_line_by_nc_is_delivered(self):
        server = self.chat()
        listener = self.guest(server)
        subprocess.run(["nc", "-N", "127.0.0.1", str(server.ports["chat"])], input=b"hi\n",
                       timeout=PATIENCE, check=True)
        listener.expect("hi")

    def test_rooms_do_not_hear_each_other(self):
        server = self.chat()
        a, b, c = (self.guest(server) for _ in range(3))
        self.wait_for_crowd(server, 3)
        for guest in (a, b):
            guest.say("/join den")
            self.assertRegex(guest.line(), r"^\* you are in den, with \d others$")
        a.say("in the den")
        b.expect("in the den")
        c.say("in the lobby", "/rooms")
        c.expect("* rooms: den (2), lobby (1)")
        b.say("/leave")
        b.expect("* you are in lobby, with 1 others")
        c.say("come out")
        b.expect("come out")
        self.assertTrue(is_silent(a.socket))

    def test_a_name_brings_history_and_notices(self):
        server = self.chat("--chat-history", 2)
        ann = self.guest(server, "ann")
        ann.say("one", "two", "three", "/who")
        ann.expect("* in lobby: ann")
        bob = self.guest(server)
        bob.say("/nick bob")
        bob.expect("* you are now bob", "ann: two", "ann: three")
        ann.expect("* bob joined")
        bob.say("/nick rob", "/msg ann psst", "/me waves")
        ann.expect("* bob is now rob", "rob (private): psst", "* rob waves")
        bob.expect("* you are now rob")
        bob.say("/quit")
        bob.expect("* goodbye")
        self.assertEqual(bob.everything(), b"")
        ann.expect("* rob left")

    def test_commands_answer_to_who_asks_alone(self):
        server = self.chat()
        ann, other = self.guest(server, "ann"), self.guest(server)
        self.wait_for_crowd(server, 2)
        ann.say("/who", "/rooms", "/nosuch", "//slash")
        ann.expect("* in lobby: ann, 1 without a name", "* rooms: lobby (2)",
                   "* there is no /nosuch (see /help)")
        other.expect("ann: /slash")
        ann.say("/help")
        for _ in range(8):
            self.assertTrue(ann.line().startswith("* /"))

    def test_everybody_gets_everything_in_order(self):
        talkers, lines, readers = 50, 200, 50
        server = self.chat("--chat-rate", 0)
        listening = [self.guest(server) for _ in range(readers)]
        talking = [self.guest(server, f"t{i}") for i in range(talkers)]
        self.wait_for_crowd(server, readers + talkers)

        def hear(guest, others):
            heard = {name: [] for name in others}
            while sum(map(len, heard.values())) < lines * len(others):
                line = guest.line()
                if line.startswith("* "):  # who came and went
                    self.assertNotIn("lost", line)
                    continue
                name, text = line.split(": ", 1)
                heard[name].append(text)
            for texts in heard.values():
                self.assertEqual(texts, [f"line {i}" for i in range(lines)])
            return True

        def talk(guest):
            for i in range(lines):
                guest.say(f"line {i}")

        names = [f"t{i}" for i in range(talkers)]
        in_parallel([lambda g=guest: hear(g, names) for guest in listening]
                    + [lambda g=guest, n=name: hear(g, [m for m in names if m != n])
                       for guest, name in zip(talking, names)]
                    + [lambda g=guest: talk(g) for guest in talking])

    def test_a_paste_passes_and_a_flood_waits(self):
        server = self.chat("--chat-rate", 100, "--chat-burst", 50)
        flooder, listener, other = (self.guest(server) for _ in range(3))
        self.wait_for_crowd(server, 3)
        began = time.monotonic()
        flooder.say(*(f"line {i}" for i in range(150)))
        flooder.socket.shutdown(1)
        self.assertEqual(listener.lines(50), [f"line {i}" for i in range(50)])
        other.say("not delayed")
        rest = listener.lines(101)
        rest.remove("not delayed")
        self.assertEqual(rest, [f"line {i}" for i in range(50, 150)])
        self.assertGreater(time.monotonic() - began, 0.9)

    def test_sigterm_ends_it_when_all_is_said(self):
        server = self.chat("--chat-rate", 1, "--chat-burst", 1)
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        talker.say(*(f"line {i}" for i in range(100)))
        listener.expect("line 0")
        server.signal(signal.SIGTERM)
        self.assertEqual(listener.everything().decode(),
                         "".join(f"line {i}\n" for i in range(1, 100)))
        self.assertEqual(talker.everything(), b"")
        talker.end()
        listener.end()
        self.assertEqual(server.wait(), 0)


class Transcripts(ChatTest):
    def setUp(self):
        self.logs = pathlib.Path(tempfile.mkdtemp(prefix="sluice-chat-"))
        self.addCleanup(shutil.rmtree, self.logs)

    def texts(self, name):
        """Lines of a file without the time before each."""
        path = self.logs / name
        return [line[20:] for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_lines(self, name, lines):
        wait_until(lambda: self.texts(name) == lines, f"{lines} in {name}")

    def test_each_room_has_its_own(self):
        server = self.chat("--chat-transcript", self.logs)
        ann, other = self.guest(server, "ann"), self.guest(server)
        self.wait_for_crowd(server, 2)
        ann.say("hello", "/join den", "secret")
        self.wait_for_lines("lobby.log", ["* ann joined", "ann: hello"])
        self.wait_for_lines("den.log", ["* ann joined", "ann: secret"])
        self.assertEqual(os.stat(self.logs / "den.log").st_mode & 0o777, 0o600)
        other.expect("ann: hello")

    def test_a_room_in_which_nothing_is_said_has_none(self):
        server = self.chat("--chat-transcript", self.logs)
        ann = self.guest(server, "ann")
        ann.say("/join quiet", "/join den", "hello")
        self.wait_for_lines("den.log", ["* ann joined", "ann: hello"])
        self.assertEqual(os.listdir(self.logs), ["den.log"])

    def test_sighup_opens_them_anew(self):
        server = self.chat("--chat-transcript", self.logs)
        guest = self.guest(server)
        guest.say("before")
        self.wait_for_lines("lobby.log", ["before"])
        (self.logs / "lobby.log").rename(self.logs / "old.log")
        server.signal(signal.SIGHUP)
        wait_until((self.logs / "lobby.log").exists, "a new file")
        guest.say("behind")
        self.wait_for_lines("lobby.log", ["behind"])
        self.assertEqual(self.texts("old.log"), ["before"])


if __name__ == "__main__":
    unittest.main()
