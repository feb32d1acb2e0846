"""The chat before clients that are slow, broken or hostile, and a disk that is full."""

import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from chat_support import ChatTest, Guest
from harness import arrived, is_sanitized, reset, send_until_stuck, wait_until

MOST_KIB = 32 * 1024  # of memory, whatever the clients do


def narrow(server):
    """A client whose kernel takes little for it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.ports["chat"]))
    return client


class Hostile(ChatTest):
    def assert_small(self, server):
        if not is_sanitized():
            self.assertLess(server.resident_kib(), MOST_KIB)

    def assert_alive(self, server):
        a, b = self.guest(server), self.guest(server)
        b.say("/who")
        b.lines(1)
        a.say("still there?")
        self.assertIn("still there?", b.lines_until("still there?"))

    def test_a_client_that_never_reads_costs_the_others_nothing(self):
        server = self.chat("--chat-rate", 0, "--chat-lag", 131072)
        deaf = [narrow(server) for _ in range(10)]
        for client in deaf:
            self.addCleanup(client.close)
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 12)
        total = 20_000
        for first in range(0, total, 200):
            lines = [f"{i} {'x' * 500}" for i in range(first, first + 200)]
            talker.say(*lines)
            self.assertEqual(listener.lines(200), lines)
        self.assert_small(server)
        # What the deaf ones get in the end is whole lines, and the truth about the rest.
        for client in deaf:
            guest = Guest(server, client=client)
            due = lost = 0
            while due < total:
                line = guest.line()
                if said := re.fullmatch(r"\* (\d+) lines lost", line):
                    due += int(said[1])
                    lost += int(said[1])
                else:
                    self.assertEqual(line, f"{due} {'x' * 500}")
                    due += 1
            self.assertEqual(due, total)
            self.assertGreater(lost, total // 2)

    def test_a_client_that_never_reads_may_be_disconnected(self):
        server = self.chat("--chat-rate", 0, "--chat-lag", 131072, "--chat-slow", "disconnect")
        deaf = narrow(server)
        self.addCleanup(deaf.close)
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 3)
        for first in range(0, 20_000, 200):
            lines = [f"{i} {'x' * 500}" for i in range(first, first + 200)]
            talker.say(*lines)
            self.assertEqual(listener.lines(200), lines)
        lines = Guest(server, client=deaf).everything().decode().splitlines()
        self.assertEqual(lines.pop(), "* you are too slow: disconnected")
        self.assertEqual(lines, [f"{i} {'x' * 500}" for i in range(len(lines))])
        deaf.close()
        self.wait_for_crowd(server, 2)

    def test_a_client_that_asks_and_never_reads_is_not_heard_for_ever(self):
        server = self.chat("--chat-rate", 0)
        deaf = self.guest(server)
        took = send_until_stuck(deaf.socket, b"/help\n" * 100_000, 600_000_000)
        self.assertLess(took, 600_000_000)
        self.assert_small(server)
        self.assert_alive(server)

    def test_a_gibibyte_without_a_newline(self):
        server = self.chat("--chat-rate", 0)
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        size = (1 << 30) if not is_sanitized() else (1 << 26)
        chunk, sent, heard = b"x" * (1 << 20), 0, 0
        talker.socket.setblocking(False)
        listener.socket.setblocking(False)
        while sent < size:
            try:
                sent += talker.socket.send(chunk[:min(len(chunk), size - sent)])
            except BlockingIOError:
                pass
            try:
                heard += len(listener.socket.recv(1 << 20))
            except BlockingIOError:
                pass
        self.assert_small(server)
        self.assertGreater(heard, 0)
        talker.end()
        listener.end()
        self.assert_alive(server)

    def test_a_gibibyte_that_is_paid_for_by_the_line(self):
        """Within its rate it is not even read."""
        server = self.chat()
        talker = self.guest(server)
        took = send_until_stuck(talker.socket, b"x" * (1 << 20), 1 << 30)
        self.assertLess(took, 1 << 25)
        self.assert_small(server)
        self.assert_alive(server)

    def test_a_line_longer_than_the_bound_is_cut_between_characters(self):
        server = self.chat("--chat-line", 64)
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        talker.say("홍" * 50)
        listener.expect("홍" * 21, "홍" * 21, "홍" * 8)

    def test_what_is_not_utf8_is_replaced_and_what_packets_cut_is_not(self):
        server = self.chat()
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        talker.send(b"a\xffb \xc0\x80 \xed\xa0\x80 \xf5 \xe2\x82\n")
        line = listener.line()
        self.assertIn("\ufffd", line)
        self.assertTrue(line.startswith("a\ufffdb "))
        for byte in "홍길동".encode():
            talker.send(bytes([byte]))
            arrived(talker.socket)
        talker.send(b"\n")
        listener.expect("홍길동")

    def test_no_sequence_for_terminals_passes(self):
        server = self.chat()
        ann, liar = self.guest(server, "ann"), self.guest(server)
        sequences = ["\x1b[2J", "\x1b[31m", "\x1b]0;title\x07", "\x1b]52;c;eA==\x1b\\",
                     "\x1bP1$r\x1b\\", "\x1b_apc\x1b\\", "\x1bc", "\x1b(0", "\x9b5m",
                     "\x9d0;t\x9c", "\x07", "\x08", "\x0b", "\x0c", "\r", "\x00", "\x7f", "\x85", "\u202e", "\u2066", "\u200f", "\u2028",
                     "\x1b[", "\x1b", "\x05"]
        bad = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
        for sequence in sequences:
            liar.say(f"x{sequence}y")
            line = ann.line()
            self.assertIsNone(bad.search(line), repr((sequence, line)))
            self.assertTrue(line.startswith("x"), repr((sequence, line)))
        for command in ("nick", "join", "msg", "nosuch", "who"):
            for sequence in sequences:
                liar.say(f"/{command} a{sequence}b")
        liar.say("/help")
        heard = liar.lines_until("* //TEXT: says a line that begins with a slash")
        for line in heard:
            self.assertIsNone(bad.search(line), repr(line))

    def test_names_that_collide_or_deceive_are_refused(self):
        server = self.chat()
        self.guest(server, "Ann")
        other = self.guest(server)
        other.say("/nick ann")
        other.expect("* Ann is taken; ann_2 is free")
        for name in ("", " ", "a b", "ann\u200b", "\u0430nn", "\uff41nn", "an:n", "*", "7", "x" * 21,
                     "a\u0301\u0301\u0301"):
            other.say(f"/nick {name}")
            self.assertRegex(other.line(), r"^\* (no: a nick |which name)")
        third = self.guest(server, "third")
        other.say("ann: I am ann", "* bob joined")
        third.expect("? ann: I am ann", "? * bob joined")

    def test_a_reset_in_the_middle_of_a_message(self):
        server = self.chat()
        listener = self.guest(server)
        for _ in range(50):
            client = server.connect("chat")
            client.sendall(b"half a mess")
            arrived(client)
            reset(client)
        self.wait_for_crowd(server, 1)
        self.assert_alive(server)
        # Halves may have been heard, or not; what follows is whole.
        lines = listener.lines_until("still there?")
        self.assertLessEqual(set(lines), {"half a mess", "still there?"})

    def test_a_thousand_come_and_go_each_second(self):
        server = self.chat("--chat-rate", 0)
        watcher = self.guest(server, "watcher")
        began, count = time.monotonic(), 2000
        for i in range(count):
            client = server.connect("chat")
            client.sendall(b"/nick g%d\n" % i)
            client.recv(100)
            client.close()
        seconds = time.monotonic() - began
        self.wait_for_crowd(server, 1)
        joined = left = notices = 0
        while left < count:
            line = watcher.line()
            notices += 1
            said = re.fullmatch(r"\* (\S+) (joined|left)", line)
            self.assertTrue(said, line)
            number = int(said[1]) if said[1].isdigit() else 1
            joined += number * (said[2] == "joined")
            left += number * (said[2] == "left")
        self.assertEqual((joined, left), (count, count))
        self.assertLess(notices, 10 + 2 * 2 * (seconds + 2))
        self.assert_small(server)

    def test_five_thousand_that_vanish_at_once(self):
        count = 5000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < count + 200:
            self.skipTest(f"only {hard} descriptors may be had")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = self.chat("--log-level", "warning")
        crowd = []
        self.addCleanup(lambda: [client.close() for client in crowd])
        crowd += (server.connect("chat") for _ in range(count))
        talker = self.guest(server)
        self.wait_for_crowd(server, count + 1)
        talker.say("to all of them")
        for client in crowd:
            self.assertEqual(client.recv(100), b"to all of them\n")
        for client in crowd:
            reset(client)
        talker.say("to nobody")
        self.wait_for_crowd(server, 1)
        self.assert_small(server)
        self.assert_alive(server)

    def test_one_too_many_is_told_so(self):
        server = self.chat("--chat-max-clients", 2)
        self.guest(server), self.guest(server)
        third = self.guest(server)
        self.assertEqual(third.everything(), b"* the server is full: come again later\n")
        server = self.chat("--chat-max-per-address", 1)
        self.guest(server)
        second = self.guest(server)
        self.assertEqual(second.everything(), b"* too many from your address\n")


class FullDisk(ChatTest):
    def test_a_transcript_that_cannot_grow_does_not_trouble_the_room(self):
        logs = pathlib.Path(tempfile.mkdtemp(prefix="sluice-chat-"))
        self.addCleanup(shutil.rmtree, logs)
        limit = 10_000
        server = self.chat("--chat-transcript", logs, "--chat-rate", 0, preexec=lambda: (
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        lines = [f"line {i} {'x' * 50}" for i in range(1000)]
        talker.say(*lines)
        self.assertEqual(listener.lines(1000), lines)
        server.wait_for_log(r"transcript: .*lobby\.log.*lines of it are lost")
        kept = (logs / "lobby.log").read_text()
        self.assertLessEqual(len(kept), limit)
        for number, line in enumerate(kept.splitlines()[:-1]):
            self.assertEqual(line[20:], lines[number])
        self.assertEqual(server.log().count("lines of it are lost"), 1)

    def test_a_disk_that_is_full_for_a_while_costs_its_lines_and_one_warning(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        small = pathlib.Path(tempfile.mkdtemp(prefix="sluice-chat-"))
        self.addCleanup(small.rmdir)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small],
                              capture_output=True, text=True)
        if done.returncode:
            self.skipTest(f"cannot mount a small disk here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", small], check=True)
        server = self.chat("--chat-transcript", small, "--chat-rate", 0)
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        log = small / "lobby.log"

        def say(begin, end):
            lines = [f"line {number} {'x' * 100}" for number in range(begin, end)]
            talker.say(*lines)
            self.assertEqual(listener.lines(end - begin), lines)

        say(0, 10)
        wait_until(lambda: log.exists() and log.read_text().count("\n") == 10, "ten lines")
        (small / "filler").write_bytes(bytes(128 << 10))
        say(10, 2000)
        server.wait_for_log(r"lobby\.log: No space left on device; lines of it are lost")
        say(2000, 2100)
        (small / "filler").unlink()
        say(2100, 2110)
        wait_until(lambda: "line 2109 " in log.read_text(), "what is said now")
        written = [int(number) for number in re.findall(r"^\S+ \S+ line (\d+) x{100}$", log.read_text(),
                                                        re.MULTILINE)]
        self.assertEqual(written[:10] + written[-10:], [*range(10), *range(2100, 2110)])
        self.assertEqual(written, sorted(set(written)))
        self.assertLess(len(written), 2110)
        self.assertEqual(server.log().count("lines of it are lost"), 1)
        self.assertEqual(server.log().count("is written again"), 1)

    def test_a_room_without_its_transcript_is_a_room(self):
        server = self.chat("--chat-transcript", "/nonexistent/directory")
        talker, listener = self.guest(server), self.guest(server)
        self.wait_for_crowd(server, 2)
        talker.say("hello")
        listener.expect("hello")
        self.assertRegex(server.log(), "no transcripts: .*/nonexistent/directory")


if __name__ == "__main__":
    unittest.main()
