"""`sluice serve --tftp`, packet by packet: RFC 1350 with 2347, 2348, 2349 and 7440, and what must
not disturb it."""

import os
import socket
import struct
import subprocess
import unittest

from harness import in_parallel, pattern, wait_until
from tftp_support import (ACCESS, DATA, ERROR, EXISTS, FULL, NOT_FOUND, OACK, RRQ, UNKNOWN_ID, WRQ,
                          Raw, Refused, TftpTest, ack, data, error, number_of,
                          options_of, request)

CONTENT = pattern(100_000)
A_MOMENT = 0.3  # in which nothing is to come: a failure is seen, a busy machine does no harm


class Reading(TftpTest):

    def setUp(self):
        super().setUp()
        self.start()

    def test_files_of_every_size(self):
        for size in (0, 1, 511, 512, 513, 1024, 100_000):
            self.make("file", CONTENT[:size])
            self.assertEqual(self.raw().fetch(b"file"), CONTENT[:size])

    def test_blocks_come_one_by_one_from_a_port_of_their_own(self):
        self.make("file", CONTENT[:1024])
        raw = self.raw()
        raw.ask(RRQ, b"file")
        first = raw.receive()
        self.assertEqual(first, data(1, CONTENT[:512]))
        self.assertNotEqual(raw.peer, raw.server)
        raw.send(ack(1))
        second = raw.receive_behind(first)
        self.assertEqual(second, data(2, CONTENT[512:1024]))
        raw.send(ack(2))
        self.assertEqual(raw.receive_behind(second), data(3, b""))
        raw.send(ack(3))
        self.assertTrue(raw.is_silent(A_MOMENT))

    def test_mode_in_any_case_and_text(self):
        self.make("text", b"one\ntwo\rthree")
        self.assertEqual(self.raw().fetch(b"text", mode=b"OcTeT"), b"one\ntwo\rthree")
        self.assertEqual(self.raw().fetch(b"text", mode=b"NETASCII"), b"one\r\ntwo\r\0three")

    def test_text_whose_line_ends_lie_on_the_borders_of_blocks(self):
        for size in range(505, 518):
            text = b"x" * size + b"\n\r\n" * 200
            self.make("text", text)
            got = self.raw().fetch(b"text", mode=b"netascii")
            self.assertEqual(got, text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n"))

    def test_what_is_not_acknowledged_comes_again(self):
        self.make("file", CONTENT[:600])
        raw = self.raw()
        raw.ask(RRQ, b"file")
        first = raw.receive()
        self.assertEqual(raw.receive(), first)
        raw.send(ack(1))
        packet = raw.receive_behind(first)
        self.assertEqual(packet, data(2, CONTENT[512:600]))
        self.assertEqual(raw.receive(), packet)
        raw.send(ack(2))

    def test_repeated_acknowledgement_is_not_answered(self):
        """The Sorcerer's Apprentice: else each block would come twice from there on."""
        self.make("file", CONTENT)
        raw = self.raw()
        raw.ask(RRQ, b"file")
        seen = []
        for number in range(1, 60):
            while number_of(raw.receive())[1] != number:
                pass
            seen.append(number)
            raw.send(ack(number))
            raw.send(ack(number))
        waiting = 0
        while not raw.is_silent(0.001):
            waiting += 1
        self.assertLess(waiting, 10)  # a moment's, perhaps sent again for a slow machine; not 60

    def test_server_waits_for_a_slow_reader_and_the_reader_may_go(self):
        self.make("file", CONTENT)
        raw = self.raw()
        raw.ask(RRQ, b"file")
        raw.receive()
        raw.send(error(0, b"enough"))
        while not raw.is_silent(A_MOMENT):
            pass
        self.assert_serves()


class Options(TftpTest):

    def setUp(self):
        super().setUp()
        self.start()
        self.make("file", CONTENT)

    def granted(self, *options, name=b"file", opcode=RRQ):
        """What is agreed on; None when the server goes on without."""
        with Raw(("127.0.0.1", self.port)) as raw:
            raw.ask(opcode, name, *options)
            packet = raw.receive()
            raw.send(error(0, b"that is all"))
            return options_of(packet) if packet[:2] == b"\0\6" else None

    def test_size_of_a_block(self):
        for asked, given in ((8, "8"), (512, "512"), (1428, "1428"), (65464, "65464")):
            self.assertEqual(self.granted(b"blksize", asked), {"blksize": given})

    def test_size_of_the_file(self):
        self.assertEqual(self.granted(b"tsize", 0), {"tsize": "100000"})
        self.make("empty", b"")
        self.assertEqual(self.granted(b"tsize", 0, name=b"empty"), {"tsize": "0"})

    def test_window(self):
        self.assertEqual(self.granted(b"windowsize", 16), {"windowsize": "16"})
        self.assertEqual(int(self.granted(b"windowsize", 65535)["windowsize"]), 64)

    def test_several_in_any_case_and_order(self):
        self.assertEqual(self.granted(b"TSIZE", 0, b"BlkSize", 1024, b"windowSize", 4),
                         {"tsize": "100000", "blksize": "1024", "windowsize": "4"})

    def test_unknown_ones_are_left_out(self):
        self.assertEqual(self.granted(b"multicast", b"", b"blksize", 1024, b"x", b"y"),
                         {"blksize": "1024"})
        self.assertIsNone(self.granted(b"x", b"y"))

    def test_malformed_values_are_as_if_not_there(self):
        for value in (b"", b"abc", b"-1", b"+512", b" 512", b"512 ", b"0x200", b"7", b"0", b"65465",
                      b"99999999999999999999999", b"512.0", b"\xff\xfe", b"5 1 2"):
            with self.subTest(value=value):
                self.assertIsNone(self.granted(b"blksize", value))
        for value in (b"", b"0", b"65536", b"-4", b"x"):
            with self.subTest(value=value):
                self.assertIsNone(self.granted(b"windowsize", value))
        self.assertIsNone(self.granted(b"tsize", b"x"))

    def test_cut_short_is_no_request_or_has_no_such_option(self):
        whole = request(RRQ, b"file", b"blksize", 1024)
        for size in range(len(whole)):
            with Raw(("127.0.0.1", self.port)) as raw:
                raw.socket.sendto(whole[:size], raw.server)
        self.assert_serves()

    def test_first_of_two_counts(self):
        self.assertEqual(self.granted(b"blksize", 600, b"blksize", 700), {"blksize": "600"})

    def test_acknowledgement_of_options_comes_again(self):
        raw = self.raw()
        raw.ask(RRQ, b"file", b"blksize", 1024)
        first = raw.receive()
        self.assertEqual(raw.receive(), first)
        raw.send(ack(0))
        self.assertEqual(raw.receive_behind(first), data(1, CONTENT[:1024]))

    def test_window_of_blocks_goes_on_behind_what_was_acknowledged(self):
        raw = self.raw()
        raw.ask(RRQ, b"file", b"windowsize", 4)
        agreed = raw.receive()
        raw.send(ack(0))
        self.assertEqual(number_of(raw.receive_behind(agreed)), (DATA, 1))
        self.assertEqual([number_of(raw.receive()) for _ in range(3)],
                         [(DATA, number) for number in (2, 3, 4)])
        raw.send(ack(2))  # 3 was lost
        numbers = []
        while not numbers or numbers[-1] != 6:
            numbers.append(number_of(raw.receive())[1])
        self.assertEqual(numbers[-4:], [3, 4, 5, 6])

    def test_more_than_65535_blocks(self):
        content = pattern(66_000 * 8)
        self.make("file", content)
        self.assertEqual(self.raw().fetch(b"file", b"blksize", 8, b"windowsize", 64), content)


class Writing(TftpTest):

    def setUp(self):
        super().setUp()
        self.start("--writable")

    def begin(self, name=b"new", *options):
        raw = self.raw()
        raw.ask(WRQ, name, *options)
        return raw, raw.receive()

    def content(self, name="new"):
        """Once it is there: it has its name before the last acknowledgement."""
        return (self.root / name).read_bytes()

    def test_files_of_every_size(self):
        for size in (0, 1, 511, 512, 513, 1024, 100_000):
            self.raw().store(b"new%d" % size, CONTENT[:size])
            self.assertEqual(self.content(f"new{size}"), CONTENT[:size])

    def test_options_are_agreed_on(self):
        _, packet = self.begin(b"new", b"blksize", 1024, b"tsize", 5000, b"windowsize", 8)
        self.assertEqual(options_of(packet),
                         {"blksize": "1024", "tsize": "5000", "windowsize": "8"})
        self.raw().store(b"other", CONTENT, b"blksize", 1428)
        self.assertEqual(self.content("other"), CONTENT)

    def test_text(self):
        self.raw().store(b"new", b"one\r\ntwo\r\0three\rfour", mode=b"netascii")
        self.assertEqual(self.content(), b"one\ntwo\rthree\rfour")

    def test_file_that_exists_is_kept(self):
        self.make("new", b"before")
        self.refused(EXISTS, self.raw().store, b"new", CONTENT)
        self.assertEqual(self.content(), b"before")

    def test_file_appears_whole_or_not_at_all(self):
        raw, packet = self.begin()
        self.assertEqual(packet, ack(0))
        raw.send(data(1, CONTENT[:512]))
        self.assertEqual(raw.receive_behind(packet), ack(1))
        self.assertNotIn("new", self.names())
        raw.send(error(0, b"no more"))
        wait_until(lambda: self.names() == [], "nothing to be left")

    def test_last_block_is_acknowledged_again_for_who_missed_it(self):
        raw, _ = self.begin()
        for _ in range(3):
            raw.send(data(1, b"all"))
            while raw.receive() != ack(1):
                pass
        self.assertEqual(self.content(), b"all")

    def test_blocks_that_come_twice_or_from_the_past_change_nothing(self):
        raw, _ = self.begin()
        for number in (1, 1, 2, 1, 2, 3):
            raw.send(data(number, b"%d" % number * 512))
        raw.send(data(4, b"end"))
        while raw.receive() != ack(4):
            pass
        self.assertEqual(self.content(), b"1" * 512 + b"2" * 512 + b"3" * 512 + b"end")

    def test_block_of_the_future_is_not_taken(self):
        raw, _ = self.begin()
        raw.send(data(2, b"x" * 512))
        raw.send(data(1, b"end"))
        while raw.receive() != ack(1):
            pass
        self.assertEqual(self.content(), b"end")

    def test_block_that_is_too_long_ends_it(self):
        raw, _ = self.begin()
        raw.send(data(1, b"x" * 513))
        with self.assertRaises(Refused):
            raw.receive_file()
        wait_until(lambda: self.names() == [], "nothing to be left")

    def test_repeated_request_of_one_client_is_one_transfer(self):
        raw = self.raw()
        raw.ask(WRQ, b"new")
        raw.ask(WRQ, b"new")
        self.assertEqual(raw.receive(), ack(0))
        raw.send(data(1, b"all"))
        while raw.receive() != ack(1):
            pass
        self.assertEqual(self.content(), b"all")

    def test_more_than_65535_blocks(self):
        content = pattern(65_600 * 8)
        raw, _ = self.begin(b"new", b"blksize", 8, b"windowsize", 64)
        for first in range(1, 65_602, 64):
            last = min(first + 63, 65_601)
            for number in range(first, last + 1):
                raw.send(data(number, content[(number - 1) * 8:number * 8]))
            while raw.receive() != ack(last):
                pass
        self.assertEqual(self.content(), content)

    def test_replacing_is_asked_for_and_whole(self):
        self.start("--writable", "--replace")
        self.make("new", b"before")
        raw, _ = self.begin()
        raw.send(data(1, b"x" * 512))
        raw.receive()
        self.assertEqual(self.content(), b"before")
        raw.send(data(2, b"end"))
        while raw.receive() != ack(2):
            pass
        self.assertEqual(self.content(), b"x" * 512 + b"end")


class Limits(TftpTest):

    def test_read_only_unless_told(self):
        self.start()
        self.make("file", b"before")
        for name in (b"file", b"new"):
            self.refused(ACCESS, self.raw().store, name, CONTENT)
        self.assertEqual(self.names(), ["file"])
        self.assertEqual((self.root / "file").read_bytes(), b"before")

    def test_replacing_without_writing_makes_no_sense(self):
        done = self.run_here("serve", "--tftp", "127.0.0.1:0", "--tftp-root", self.root,
                             "--tftp-replace", status=(1, 2))
        self.assertIn("--tftp-writable", done.stderr)

    def test_file_over_the_size_is_refused_early_or_when_it_is_seen(self):
        self.start("--writable", "--max-size", 1000)
        self.raw().store(b"just", CONTENT[:1000])
        self.refused(FULL, self.raw().store, b"new", CONTENT[:1001], b"tsize", 1001)
        self.refused(FULL, self.raw().store, b"new", CONTENT[:5000])
        wait_until(lambda: self.names() == ["just"], "nothing to be left")

    def test_transfers_at_once(self):
        self.start("--max-transfers", 2)
        self.make("file", CONTENT)
        running = [self.raw() for _ in range(2)]
        for raw in running:
            raw.ask(RRQ, b"file")
            raw.receive()
        with self.assertRaises(Refused):
            self.raw().fetch(b"file")
        running[0].send(error(0, b"enough"))

        def fetched():
            try:
                return self.raw().fetch(b"file") == CONTENT
            except Refused:
                return False

        wait_until(fetched, "room for another")

    def test_transfers_of_one_address(self):
        self.start("--max-per-address", 1)
        self.make("file", CONTENT)
        raw = self.raw()
        raw.ask(RRQ, b"file")
        raw.receive()
        with self.assertRaises(Refused):
            self.raw().fetch(b"file")
        self.assertEqual(self.raw(host="127.0.0.2").fetch(b"file"), CONTENT)

    def test_client_that_says_nothing_is_forgotten(self):
        self.start("--writable", "--patience", 1)
        self.make("file", CONTENT)
        descriptors = self.server.descriptors()
        silent = [self.raw() for _ in range(5)]
        for number, raw in enumerate(silent):
            raw.ask(RRQ, b"file") if number else raw.ask(WRQ, b"new")
            raw.receive()
        self.assertGreater(self.server.descriptors(), descriptors)
        wait_until(lambda: self.server.descriptors() == descriptors, "the transfers to end")
        self.assertEqual(self.names(), ["file"])

    def test_crowd(self):
        self.start()
        self.make("file", CONTENT[:700])
        raws = [self.raw() for _ in range(300)]
        for raw in raws:
            raw.ask(RRQ, b"file")
        # All at once, as who waits for the others is given up by the server.
        contents = in_parallel([raw.receive_file for raw in raws])
        self.assertEqual(contents, [CONTENT[:700]] * 300)


class FullDisk(TftpTest):

    def test_sender_is_told_and_nothing_is_left(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", self.root],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small disk here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.root], check=True)
        self.start("--writable")
        content = pattern(1_000_000)
        self.refused(FULL, self.raw().store, b"new", content, b"blksize", 8192)
        self.refused(FULL, self.raw().store, b"new", content, b"blksize", 8192, b"tsize", 1_000_000)
        wait_until(lambda: self.names() == [], "nothing to be left")
        (self.here / "new").write_bytes(content)
        done = self.put("new", self.url("new"), status=6)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertEqual(self.names(), [])
        self.raw().store(b"small", b"fits")
        self.assertEqual(self.names(), ["small"])


class Strangers(TftpTest):
    """Packets from where nobody was asked."""

    def setUp(self):
        super().setUp()
        self.start("--writable")
        self.make("file", CONTENT[:1300])

    def stranger(self, raw):
        stranger = self.raw()
        stranger.peer = raw.peer
        return stranger

    def test_reader_is_not_disturbed(self):
        raw = self.raw()
        raw.ask(RRQ, b"file")
        first = raw.receive()
        stranger = self.stranger(raw)
        for packet in (ack(1), error(0, b"stop"), data(1, b"x"), struct.pack("!H", OACK), b""):
            stranger.send(packet)
        self.assertEqual(number_of(stranger.receive()), (ERROR, UNKNOWN_ID))
        raw.send(ack(1))
        second = raw.receive_behind(first)
        self.assertEqual(second, data(2, CONTENT[512:1024]))
        raw.send(ack(2))
        self.assertEqual(raw.receive_behind(second), data(3, CONTENT[1024:1300]))
        raw.send(ack(3))

    def test_writer_is_not_disturbed(self):
        raw = self.raw()
        raw.ask(WRQ, b"new")
        raw.receive()
        stranger = self.stranger(raw)
        stranger.send(data(1, b"evil"))
        self.assertEqual(number_of(stranger.receive()), (ERROR, UNKNOWN_ID))
        stranger.send(error(0, b"stop"))
        raw.send(data(1, b"good"))
        while raw.receive() != ack(1):
            pass
        self.assertEqual((self.root / "new").read_bytes(), b"good")

    def test_errors_of_strangers_are_not_answered(self):
        raw = self.raw()
        raw.ask(RRQ, b"file")
        raw.receive()
        stranger = self.stranger(raw)
        stranger.send(error(5, b"you too"))
        self.assertTrue(stranger.is_silent(A_MOMENT))
        raw.send(error(0, b"enough"))

    def test_answer_comes_from_the_address_that_was_asked(self):
        done = self.serve(options=["--tftp", "0.0.0.0:0", "--tftp-root", self.root])
        self.port = done.ports["tftp"]
        for host in ("127.0.0.1", "127.0.0.2", "127.3.2.1"):
            raw = self.raw(to=host)
            self.assertEqual(raw.fetch(b"file"), CONTENT[:1300])
            self.assertEqual(raw.peer[0], host)

    def test_broadcast_is_not_answered(self):
        done = self.serve(options=["--tftp", "0.0.0.0:0", "--tftp-root", self.root])
        self.port = done.ports["tftp"]
        raw = self.raw(to="127.255.255.255")
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        raw.ask(RRQ, b"file")
        self.assertTrue(raw.is_silent(A_MOMENT))
        self.assert_serves()

    def test_ipv6(self):
        done = self.serve(options=["--tftp", "[::1]:0", "--tftp-root", self.root])
        with Raw(("::1", done.ports["tftp"]), "::1") as raw:
            self.assertEqual(raw.fetch(b"file"), CONTENT[:1300])


class BadRequests(TftpTest):

    def setUp(self):
        super().setUp()
        self.start("--writable")
        self.make("file", b"content")

    def test_ways_out_of_the_root(self):
        (self.here / "secret").write_bytes(b"secret")
        (self.root / "link").symlink_to(self.here / "secret")
        (self.root / "out").symlink_to(self.here)
        up = "../" * 20
        for name in (f"../{self.here.name}/secret", f"{up}etc/passwd",
                     f"a/../../{self.here.name}/secret",
                     str(self.here / "secret"), "/etc/passwd", "link", "out/secret",
                     f"./.././{self.here.name}/secret", f"..\\{self.here.name}\\secret"):
            with self.subTest(name=name):
                with self.assertRaises(Refused) as caught:
                    self.raw().fetch(name.encode())
                self.assertIn(caught.exception.code, (NOT_FOUND, ACCESS))
        for name in (f"../{self.here.name}/new", str(self.here / "new"), "out/new", f"{up}tmp/new"):
            with self.subTest(name=name):
                with self.assertRaises(Refused):
                    self.raw().store(name.encode(), b"x")
        self.assertEqual(self.names(self.here), ["secret"])

    def test_slash_leads_to_the_root_that_is_served(self):
        self.make("dir/deep", b"deep")
        for name in (b"/file", b"//file", b"./file", b"dir/../file"):
            self.assertEqual(self.raw().fetch(name), b"content")
        self.assertEqual(self.raw().fetch(b"/dir/deep"), b"deep")

    def test_what_is_no_file(self):
        (self.root / "dir").mkdir()
        os.mkfifo(self.root / "pipe")
        self.refused(NOT_FOUND, self.raw().fetch, b"missing")
        for name in (b"dir", b"pipe", b".", b"/", b"", b"dir/", b"file/x", b"x" * 300):
            with self.subTest(name=name):
                with self.assertRaises(Refused):
                    self.raw().fetch(name)
        for name in (b"dir", b"pipe", b".", b"", b"missing/new", b"file/new"):
            with self.subTest(name=name):
                with self.assertRaises(Refused):
                    self.raw().store(name, b"x")
        self.assertEqual(self.names(), ["dir", "file", "pipe"])

    def test_unreadable_file_is_refused(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        self.make("file").chmod(0)
        self.refused(ACCESS, self.raw().fetch, b"file")

    def test_mode_that_is_none(self):
        for mode in (b"mail", b"", b"octets", b"oct\xe9t"):
            with self.assertRaises(Refused):
                self.raw().fetch(b"file", mode=mode)

    def test_any_bytes_do_no_harm(self):
        raw = self.raw()
        for packet in (b"", b"\0", b"\0\1", b"\0\1\0", b"\0\1\0\0", b"\0\1file", b"\0\1file\0",
                       b"\0\1file\0octet", b"\0\7x\0octet\0", b"\xff" * 100, ack(1), data(1, b"x"),
                       error(4, b"error"), struct.pack("!H", OACK) + b"blksize\0512\0",
                       b"\0\1" + b"x" * 65000, b"\0" * 65507, b"\0\2" + b"\0" * 3000):
            raw.socket.sendto(packet, raw.server)
        chance = pattern(200_000, 7)
        for at in range(0, 200_000, 997):
            packet = struct.pack("!H", at % 8) + chance[at:at + chance[at]]
            raw.socket.sendto(packet, raw.server)
        self.assert_serves()
        self.assertEqual([name for name in self.names() if name not in ("file", "proof")], [])

    def test_errors_and_acknowledgements_for_nobody_are_not_answered(self):
        raw = self.raw()
        raw.socket.sendto(error(0, b"x"), raw.server)
        self.assertTrue(raw.is_silent(A_MOMENT))

    def test_names_do_not_write_to_the_log_or_the_answer_as_they_like(self):
        text = self.refused(NOT_FOUND, self.raw().fetch, b"\x1b[2J\nevil")
        self.assertNotIn("\x1b", self.server.log())
        self.assertNotIn("\nevil", self.server.log())
        self.assertLess(len(text), 512)

    def test_longest_name_is_answered_in_a_packet(self):
        self.refused(NOT_FOUND, self.raw().fetch, b"x" * 200)
        with self.assertRaises(Refused):
            self.raw().fetch(b"y/" * 200)


class Ends(TftpTest):

    def test_sigterm_waits_for_what_is_under_way(self):
        self.start("--writable")
        raw = self.raw()
        raw.ask(WRQ, b"new")
        raw.receive()
        raw.send(data(1, b"x" * 512))
        self.assertEqual(raw.receive_behind(ack(0)), ack(1))
        self.server.signal(15)
        self.server.wait_for_log("drain")
        raw.send(data(2, b"end"))
        while raw.receive() != ack(2):
            pass
        self.assertEqual(self.server.wait(), 0)
        self.assertEqual((self.root / "new").read_bytes(), b"x" * 512 + b"end")

    def test_second_sigterm_ends_at_once_and_leaves_nothing(self):
        self.start("--writable")
        raw = self.raw()
        raw.ask(WRQ, b"new")
        raw.receive()
        self.server.signal(15)
        self.server.wait_for_log("drain")
        self.server.signal(15)
        self.server.wait()
        self.server.status = self.server.process.returncode
        self.assertEqual(self.names(), [])

    def test_missing_directory_is_said_at_the_start(self):
        done = self.run_here("serve", "--tftp", "127.0.0.1:0", "--tftp-root", self.here / "none",
                             status=(1, 2))
        self.assertIn("none", done.stderr)


if __name__ == "__main__":
    unittest.main()
