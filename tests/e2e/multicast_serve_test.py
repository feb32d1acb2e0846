"""`sluice serve --multicast`: to the log, a file, a program, and the rooms of the chat."""

import pathlib
import re
import signal
import subprocess
import unittest

from chat_support import Guest
from harness import PROGRAM, Server, ServerTest, is_sanitized, run, wait_until
from multicast_support import GROUP, OTHER, listener, sender


class MulticastServer(Server):
    """Joined on a group at a free port; `say` sends to it."""

    def __init__(self, *services, options=(), groups=(f"{GROUP}:0",), **how):
        named = [word for group in groups for word in ("--multicast", group)]
        super().__init__(*services, options=[*named, *options], **how)
        self.out = sender()

    def start(self):
        super().start()
        wait_until(lambda: self.output.endswith(b"\n") and b"multicast listening" in self.output
                   or self.read_output(float("inf")), "the group")
        said = re.search(r"multicast listening on (\S+)\n", self.output.decode())[1]
        self.groups = [group.split(":") for group in said.split(",")]
        return self

    def say(self, *messages, at=0):
        host, port = self.groups[at]
        for message in messages:
            self.out.sendto(message, (host, int(port)))

    def clean(self):
        self.out.close()
        super().clean()


class MulticastServeTest(ServerTest):
    def serve_multicast(self, *services, **how):
        return self.enterContext(MulticastServer(*services, **how))

    def refused(self, status, text, *arguments):
        done = run("serve", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(text, done.stderr)


class Serve(MulticastServeTest):
    def test_tells_the_log_what_comes_made_printable(self):
        server = self.serve_multicast()
        server.say(b"hello there\n", b"\x1b[2J")
        server.wait_for_log(r"info multicast: 127\.0\.0\.1:\d+: hello there\n")
        server.wait_for_log(r"info multicast: 127\.0\.0\.1:\d+: \\x1b\[2J\n")

    def test_a_flood_does_not_fill_the_log(self):
        server = self.serve_multicast("echo")
        for _ in range(40):
            server.say(*[b"flood"] * 50)
            server.settle("echo")
        server.stop()
        self.assertLess(server.log().count(": flood\n"), 1000)
        self.assertRegex(server.log(), r"\d+ more are not shown")
        self.assertIn(": 2000 datagrams, 10000 bytes, 0 dropped here", server.log())

    def test_joins_on_the_loopback_interface_unless_told(self):
        server = self.serve_multicast()
        self.assertEqual(re.findall(r"joined \S+ on (\w+)", server.log()), ["lo"])
        server = self.serve_multicast(options=["--multicast-interface", "all"])
        self.assertIn("lo", re.findall(r"joined \S+ on (\w+)", server.log()))

    def test_several_groups(self):
        server = self.serve_multicast(groups=(f"{GROUP}:0", f"udp://@{OTHER}:0%lo"))
        self.assertEqual([host for host, _ in server.groups], [GROUP, OTHER])
        server.say(b"to one")
        server.say(b"to the other", at=1)
        server.wait_for_log(": to one\n")
        server.wait_for_log(": to the other\n")

    def test_what_cannot_be_is_refused(self):
        self.refused(2, "10.0.0.1 is no multicast group", "--multicast", "10.0.0.1:5007")
        self.refused(2, "needs --chat", "--multicast", f"{GROUP}:0", "--multicast-to-room", "lobby")
        self.refused(2, "--multicast-write without --multicast", "--echo", "127.0.0.1:0",
                     "--multicast-write", "x")
        self.refused(2, "x is no address", "--multicast", f"{GROUP}:0", "--multicast-source", "x")
        self.refused(1, "there is no network interface nosuch", "--multicast", f"{GROUP}:0",
                     "--multicast-interface", "nosuch")
        self.refused(1, "No such file or directory", "--multicast", f"{GROUP}:0",
                     "--multicast-write", "/nowhere/at/all")
        self.refused(2, "--multicast-to-room a b", "--chat", "127.0.0.1:0", "--multicast",
                     f"{GROUP}:0", "--multicast-to-room", "a b")

    def test_only_from_the_source(self):
        two = self.enterContext(sender(source="127.0.0.2"))
        server = self.serve_multicast(options=["--multicast-source", "127.0.0.2"])
        server.say(b"from one")
        two.sendto(b"from two", (server.groups[0][0], int(server.groups[0][1])))
        server.wait_for_log(": from two\n")
        self.assertNotIn(": from one\n", server.log())

    def test_leaves_when_it_ends(self):
        server = self.serve_multicast()
        self.assertEqual(server.stop(), 0)
        self.assertRegex(server.log(), rf"left {GROUP}:\d+ on lo")

    def test_a_config_file_may_name_several(self):
        config = self.enterContext(listener())  # only a free port is wanted
        port = config.getsockname()[1]
        folder = self.serve("echo").directory
        (folder / "config").write_text(f"multicast = {GROUP}:{port}\nmulticast = {OTHER}:{port}\n")
        server = self.serve_multicast(groups=(), options=["--config", folder / "config"])
        self.assertEqual(server.groups, [[GROUP, str(port)], [OTHER, str(port)]])


class Destinations(MulticastServeTest):
    def test_a_file(self):
        server = self.serve_multicast(options=["--multicast-write", "got"])
        server.say(b"one", b"\0\xff", b"")
        wait_until(lambda: (server.directory / "got").read_bytes() == b"one\0\xff", "its bytes")

    def test_a_program_gets_all_before_the_server_ends(self):
        server = self.serve_multicast(options=["--multicast-exec", "sleep 0.5; cat > got"])
        server.say(b"one", b"two\n")
        self.assertEqual(server.stop(), 0)
        self.assertEqual((server.directory / "got").read_bytes(), b"one\ntwo\n")

    def test_a_program_that_has_ended_is_started_again(self):
        server = self.serve_multicast(options=["--multicast-exec", "head -n 1 >> got; exit 5"])
        server.say(b"one", b"lost")
        server.wait_for_log("ended with status 5; the next datagram starts it again")

        def grows():
            server.say(b"two")
            return (server.directory / "got").read_bytes() == b"one\ntwo\n"

        wait_until(grows, "the program's second life")

    def test_a_program_that_does_not_read_stops_nobody(self):
        server = self.serve_multicast("echo", options=["--multicast-exec", "exec sleep 1000",
                                                       "--drain", "0"], status=0)
        for _ in range(100):
            server.say(b"x" * 60_000)
            server.settle("echo")
        self.assert_serves(server)
        if not is_sanitized():
            self.assertLess(server.resident_kib(), 64 * 1024)
        sleepers = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.process.pid)],
                                  capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(len(sleepers), 1)
        server.stop()
        # It was asked to end, and is somebody else's child now.
        wait_until(lambda: not pathlib.Path(f"/proc/{sleepers[0]}/exe").exists(), "its end")


class Room(MulticastServeTest):
    def room(self, *options, room="news"):
        return self.serve_multicast("chat", options=["--multicast-to-room", room, *options])

    def guest(self, server, nick=None, room="news"):
        guest = Guest(server, nick)
        self.addCleanup(guest.end)
        if room != "lobby":
            guest.say(f"/join {room}")
            while not guest.line().startswith(f"* you are in {room}"):
                pass
        return guest

    def lines(self, guest, count):
        """So many that are no notices."""
        lines = []
        while len(lines) < count:
            line = guest.line()
            if not line.startswith("* "):
                lines.append(line)
        return lines

    def test_one_datagram_is_one_message_to_every_client_of_the_room(self):
        server = self.room()
        guests = [self.guest(server, nick) for nick in (None, None, "ann", "bob")]
        outside = self.guest(server, room="lobby")
        server.say(b"first", b"second\n")
        for guest in guests:
            self.assertEqual(self.lines(guest, 2), ["first", "second"])
        guests[0].say("and a client")
        for guest in guests[1:]:
            self.assertEqual(self.lines(guest, 1), ["and a client"])
        outside.say("/rooms")
        self.assertEqual(outside.line(), "* rooms: lobby (1), news (4)")

    def test_the_lobby_can_be_the_room(self):
        server = self.room(room="lobby")
        guest = self.guest(server, room="lobby")
        guest.say("/who")
        guest.line()
        server.say(b"to all")
        self.assertEqual(guest.line(), "to all")

    def test_the_room_is_there_from_the_start_and_stays(self):
        server = self.room()
        guest = self.guest(server, room="lobby")
        guest.say("/rooms")
        self.assertEqual(guest.line(), "* rooms: lobby (1), news (0)")
        guest.say("/join news", "/leave", "/rooms")
        self.assertEqual(guest.lines(3)[-1], "* rooms: lobby (1), news (0)")

    def test_who_comes_later_gets_the_last_lines(self):
        server = self.room()
        first = self.guest(server)
        server.say(b"early")
        self.assertEqual(self.lines(first, 1), ["early"])
        late = self.guest(server, "late")
        self.assertEqual(self.lines(late, 1), ["early"])

    def test_several_lines_are_several_messages_and_empty_ones_none(self):
        server = self.room()
        guest = self.guest(server)
        server.say(b"one\r\ntwo\n\n\nthree", b"", b"\n", b"four")
        self.assertEqual(guest.lines(4), ["one", "two", "three", "four"])

    def test_what_a_terminal_would_obey_is_taken_out(self):
        server = self.room()
        guest = self.guest(server)
        server.say(b"\x1b[2J\x1b]0;title\x07clean", b"bad \xff\xfe byte", b"a\0b\x7fc",
                   "\u202eturned".encode())
        self.assertEqual(guest.lines(4)[0], "clean")

    def test_long_lines_are_cut_as_those_of_clients(self):
        server = self.room("--chat-line", "64")
        guest = self.guest(server)
        server.say(b"x" * 150)
        self.assertEqual([len(line) for line in guest.lines(3)], [64, 64, 22])

    def test_the_largest_datagram(self):
        server = self.room()
        guest = self.guest(server)
        server.say(b"x" * 65_507)
        lines = guest.lines(16)
        self.assertEqual(sum(map(len, lines)), 65_507)
        self.assertLessEqual(max(map(len, lines)), 4096)

    def test_nobody_is_impersonated_and_no_command_obeyed(self):
        server = self.room()
        ann = self.guest(server, "ann")
        server.say(b"ann: i am she", b"* bob joined", b"/nick carl", b"zoe: fine")
        self.assertEqual(self.lines(ann, 4),
                         ["? ann: i am she", "? * bob joined", "/nick carl", "zoe: fine"])

    def test_a_transcript_has_it_too(self):
        folder = self.serve("echo").directory / "transcripts"
        folder.mkdir()
        server = self.room("--chat-transcript", folder)
        server.say(b"for the record")
        file = folder / "news.log"
        wait_until(lambda: file.exists() and "for the record" in file.read_text(), "the transcript")

    def test_a_flood_costs_slow_readers_lines_and_nobody_else_anything(self):
        server = self.room()
        slow, quick = self.guest(server), self.guest(server)
        for number in range(100):
            server.say(*(b"%04d %02d " % (number, n) + b"x" * 1000 for n in range(10)))
            self.assertEqual(len(quick.lines(10)), 10)
        self.assertEqual(quick.line() if quick.held else "", "")
        self.assertTrue(slow.line())

    def test_ends_while_datagrams_come(self):
        server = self.room()
        guest = self.guest(server)
        server.say(b"x")
        self.assertEqual(guest.line(), "x")
        server.signal(signal.SIGTERM)
        for _ in range(100):
            server.say(b"late")
        self.assertEqual(server.wait(), 0)


class Default(unittest.TestCase):
    def test_the_help_names_it(self):
        said = subprocess.run([PROGRAM, "serve", "--help"], capture_output=True, text=True, check=True)
        self.assertIn("--multicast-to-room", said.stdout)


if __name__ == "__main__":
    unittest.main()
