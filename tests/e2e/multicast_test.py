"""`sluice multicast` on the loopback interface, with Python and with itself at the other end."""

import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from harness import PATIENCE, PROGRAM, end_with_parent, pattern, run, wait_until
from multicast_support import GROUP, OTHER, MulticastTest, listener, numbered, sender
from terminal import read_to_end

LECTURE = pathlib.Path(__file__).resolve().parent / "lecture"
ANY = f"{GROUP}:0"
LARGEST = 65_507


class Usage(unittest.TestCase):
    def refused(self, status, text, *arguments):
        done = run("multicast", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_addresses_that_are_no_groups_are_refused_by_name(self):
        for verb in ("send", "receive"):
            for host in ("10.0.0.1", "223.255.255.255", "240.0.0.1", "255.255.255.255", "0.0.0.0"):
                self.refused(2, f"{host} is no multicast group", verb, f"{host}:5007")
            self.refused(2, "fe80::1 is no multicast group", verb, "[fe80::1]:5007")
            self.refused(2, "multicast", verb, "239.1.1.1")
            self.refused(2, "multicast", verb, "a name:5007")

    def test_an_interface_that_does_not_exist(self):
        for verb in ("send", "receive"):
            word = "there is no network interface nosuch"
            self.refused(1, word, verb, f"{GROUP}:5007", "--interface", "nosuch")
            self.refused(1, word, verb, f"{GROUP}:5007%nosuch")
            self.refused(1, "there is no network", verb, f"{GROUP}:5007", "--interface", "99999")

    def test_options_of_the_other_half_and_values_out_of_range(self):
        self.refused(2, "send or receive", "listen", ANY)
        self.refused(2, "send or receive?")
        self.refused(2, "--stats goes with receive", "send", f"{GROUP}:5007", "x", "--stats")
        self.refused(2, "--ttl goes with send", "receive", ANY, "--ttl", "3")
        self.refused(2, "--ttl takes", "send", f"{GROUP}:5007", "x", "--ttl", "256")
        self.refused(2, "--size takes", "send", f"{GROUP}:5007", "x", "--size", "65508")
        self.refused(2, "--count takes", "receive", ANY, "--count", "0")
        self.refused(2, "the port is missing", "send", f"{GROUP}:0", "x")
        self.refused(2, "is no source", "receive", ANY, "--source", "239.0.0.1")
        self.refused(2, "one is IPv4, one IPv6", "receive", ANY, "--source", "::1")
        self.refused(1, "is named twice", "receive", f"{GROUP}:5007", f"{GROUP}:5007")

    def test_a_word_when_ttl_and_group_contradict_each_other(self):
        def said(*arguments):
            done = run("multicast", "send", *arguments, "--interface", "lo")
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr

        self.assertIn("224.0.0.255 is link-local", said("224.0.0.255:5007", "x", "--ttl", "3"))
        self.assertIn("224.0.0.99 is link-local", said("224.0.0.99:5007", "x"))
        self.assertEqual(said("224.0.0.255:5007", "x"), "")
        self.assertEqual(said("224.0.0.99:5007", "x", "--ttl", "1"), "")
        self.assertEqual(said(f"{GROUP}:5007", "x", "--ttl", "9"), "")


class Receive(MulticastTest):
    def test_a_line_each_with_a_newline_where_there_is_none(self):
        receiving = self.receive(ANY, "--count", 5)
        self.say(receiving, b"one", b"two\n", b"", b"\xff\x1b[2J", b"a\nb")
        self.assertEqual(receiving.output(), b"one\ntwo\n\n\xff\x1b[2J\na\nb\n")
        self.assertEqual(receiving.status, 0)

    def test_a_line_is_there_as_soon_as_it_has_come(self):
        receiving = self.receive(ANY)
        for number in range(3):
            self.say(receiving, b"line %d" % number)
            self.assertEqual(receiving.line(), b"line %d\n" % number)

    def test_datagrams_of_0_and_65507_bytes(self):
        largest = pattern(LARGEST)
        receiving = self.receive(ANY, "--count", 3, "--write", "-")
        self.say(receiving, b"", largest, b"end")
        self.assertEqual(receiving.output(), largest + b"end")
        receiving = self.receive(ANY, "--count", 3, "--stats")
        self.say(receiving, b"", largest, b"")
        group, sources = self.last(receiving.output())
        self.assertEqual((group["datagrams"], group["bytes"]), (3, LARGEST))
        self.assertEqual(len(sources), 1)
        self.assertIsNone(sources[0]["numbered"])

    def test_a_terminal_gets_only_what_is_printable(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        receiving = self.receive(ANY, "--count", 2, stdout=slave)
        os.close(slave)
        self.say(receiving, b"\x1b[2Jred\n", "grün".encode())
        self.assertEqual(receiving.status, 0)
        self.assertEqual(read_to_end(master).decode(), "\\x1b[2Jred\r\ngrün\r\n")

    def test_sigint_and_sigterm_end_it_with_a_summary(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            receiving = self.receive(ANY)
            self.say(receiving, b"12345")
            self.assertEqual(receiving.line(), b"12345\n")
            self.assertEqual(receiving.end(number), b"")
            self.assertEqual(receiving.status, 0)
            self.assertIn("1 datagrams, 5 bytes from 1 sources", receiving.said())

    def test_so_many_seconds_and_so_many_datagrams(self):
        receiving = self.receive(ANY, "--seconds", 1)
        self.assertEqual((receiving.output(), receiving.status), (b"", 0))
        receiving = self.receive(ANY, "--seconds", 1, "--count", 2)
        self.say(receiving, b"only one")
        self.assertEqual((receiving.output(), receiving.status), (b"only one\n", 1))

    def test_stops_at_the_count_in_the_middle_of_a_batch(self):
        receiving = self.receive(ANY, "--count", 10)
        receiving.process.send_signal(signal.SIGSTOP)
        self.say(receiving, *(b"%d" % number for number in range(50)))
        receiving.process.send_signal(signal.SIGCONT)
        self.assertEqual(receiving.output(), b"".join(b"%d\n" % number for number in range(10)))

    def test_nothing_of_a_group_that_was_not_joined(self):
        receiving = self.receive(ANY, "--count", 1)
        # Somebody on this machine joins it on the same port, and the kernel takes it in.
        other = self.enterContext(listener(OTHER, receiving.port))
        self.say(receiving, b"of the other group", group=OTHER)
        self.assertEqual(other.recv(100), b"of the other group")
        self.out.sendto(b"to the host alone", ("127.0.0.1", receiving.port))
        self.say(receiving, b"for us")
        self.assertEqual(receiving.output(), b"for us\n")

    def test_two_receivers_of_one_port_both_hear_it(self):
        first = self.receive(ANY, "--count", 1)
        second = self.receive(f"{GROUP}:{first.port}", "--count", 1)
        self.say(first, b"for both")
        self.assertEqual(first.output(), b"for both\n")
        self.assertEqual(second.output(), b"for both\n")

    def test_many_groups_in_one_process(self):
        groups = [f"239.77.1.{number}" for number in range(1, 61)]
        receiving = self.receive(*(f"{group}:0" for group in groups), "--count", 60)
        for group, port in zip(groups, receiving.ports):
            self.out.sendto(group.encode(), (group, port))
        self.assertEqual(sorted(receiving.output().decode().split()), sorted(groups))

    def test_many_groups_on_one_port(self):
        receiving = self.receive(ANY, "--count", 1)
        groups = [f"239.77.2.{number}" for number in range(1, 41)]
        receiving = self.receive(*(f"{group}:{receiving.port}" for group in groups), "--count", 40)
        for group in groups:
            self.say(receiving, group.encode(), group=group)
        self.assertEqual(sorted(receiving.output().decode().split()), sorted(groups))

    def test_only_what_the_source_named_has_sent(self):
        one = self.enterContext(sender(source="127.0.0.1"))
        two = self.enterContext(sender(source="127.0.0.2"))
        for how in ((ANY, "--source", "127.0.0.2"), (f"udp://127.0.0.2@{GROUP}:0%lo",),
                    ("udp://127.0.0.2@232.7.7.7:0",)):
            group = "232.7.7.7" if "232" in how[0] else GROUP
            receiving = self.receive(*how, "--count", 1)
            self.say(receiving, b"from one", out=one, group=group)
            self.say(receiving, b"from two", out=two, group=group)
            self.assertEqual(receiving.output(), b"from two\n", how)

    def test_a_word_when_a_group_is_for_use_with_a_source(self):
        receiving = self.receive("232.7.7.7:0")
        self.assertIn("232.7.7.7 is for use with a source", receiving.said())

    def test_joins_on_all_interfaces_when_none_is_named(self):
        receiving = self.receive(ANY, "--count", 1, "--interface", "all", "--verbose")
        self.assertRegex(receiving.said(), rf"joined {GROUP}:\d+ on lo")
        self.say(receiving, b"by lo")
        self.assertEqual(receiving.output(), b"by lo\n")
        self.assertRegex(receiving.said(), rf"left {GROUP}:\d+ on lo")

    def test_leaves_and_joins_again_when_it_is_told_to_and_nothing_comes(self):
        receiving = self.receive(ANY, "--renew", 1, "--verbose", "--count", 1)
        receiving.wait_for("nothing comes .*: left and joined again\n")
        self.say(receiving, b"still here")
        self.assertEqual(receiving.output(), b"still here\n")


class Statistics(MulticastTest):
    def test_what_our_sender_numbers_is_all_there(self):
        receiving = self.receive(ANY, "--stats", "--count", 500)
        self.send(f"{GROUP}:{receiving.port}", "--numbered", "--size", 100, "--count", 500, "--rate", 2000)
        group, (source,) = self.last(receiving.output())
        self.assertEqual((group["datagrams"], group["bytes"], group["dropped"]), (500, 50_000, 0))
        numbers = source["numbered"]
        self.assertEqual({name: numbers[name] for name in
                          ("received", "lost", "reordered", "duplicates", "restarts")},
                         {"received": 500, "lost": 0, "reordered": 0, "duplicates": 0, "restarts": 0})
        delay = numbers["delay_ms"]
        self.assertGreater(delay["min"], 0)
        self.assertLessEqual(delay["min"], delay["mean"])
        self.assertLessEqual(delay["mean"], delay["max"])

    def test_loss_reordering_duplicates_and_a_new_start(self):
        receiving = self.receive(ANY, "--stats", "--count", 12)
        other = self.enterContext(sender())
        self.say(receiving, *(numbered(1, number) for number in (4294967294, 4294967295, 2, 1, 1, 5)))
        self.say(receiving, *(numbered(2, number) for number in (70, 72)))
        self.say(receiving, *(numbered(9, number) for number in (0, 1, 2)), b"no header", out=other)
        group, sources = self.last(receiving.output())
        self.assertEqual(group["sources"], 2)
        by_port = {int(source["source"].rpartition(":")[2]): source["numbered"] for source in sources}
        one = by_port[self.out.getsockname()[1]]
        self.assertEqual((one["received"], one["lost"], one["reordered"], one["duplicates"],
                          one["restarts"]), (8, 4, 1, 1, 1))
        two = by_port[other.getsockname()[1]]
        self.assertEqual((two["received"], two["lost"]), (3, 0))
        self.assertEqual(group["lost_on_the_way"], 4)

    def test_a_line_each_second_and_a_last_one(self):
        receiving = self.receive(ANY, "--stats")
        self.say(receiving, b"x" * 10)
        lines = [receiving.line() for _ in range(4)]
        lines += receiving.end().splitlines()
        self.assertEqual(receiving.status, 0)
        records = self.records(b"\n".join(line.strip() for line in lines))
        self.assertEqual([record["final"] for record in records].count(True), 2)
        self.assertTrue(all(record["final"] for record in records[-2:]))
        self.assertEqual({record["group"] for record in records}, {f"{GROUP}:{receiving.port}"})
        times = sorted({record["time"] for record in records if not record["final"]})
        self.assertGreater(times[1] - times[0], 0.5)

    def test_a_terminal_gets_a_table_drawn_over_itself(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        receiving = self.receive(ANY, "--stats", "--seconds", 3, stdout=slave)
        os.close(slave)
        self.say(receiving, numbered(1, 0), numbered(1, 5))
        self.assertEqual(receiving.status, 0)
        shown = read_to_end(master).decode()
        self.assertRegex(shown, r"\AGROUP, SOURCE +DATAGRAMS")
        self.assertRegex(shown, rf"{GROUP}:\d+ +2 +48 B")
        self.assertRegex(shown, "\x1b\\[3A\x1b\\[J")
        self.assertNotIn("{", shown)

    def test_counts_what_the_kernel_drops_while_it_does_not_run(self):
        receiving = self.receive(ANY, "--stats")
        receiving.process.send_signal(signal.SIGSTOP)
        sent = 30_000
        for number in range(sent):
            self.out.sendto(numbered(3, number, payload=b"x" * 1200), (GROUP, receiving.port))
        receiving.process.send_signal(signal.SIGCONT)
        group, (source,) = self.last(receiving.end())
        self.assertGreater(group["dropped"], 0)
        self.assertEqual(group["datagrams"] + group["dropped"], sent)
        # The first that came is number 0; those behind the last that came are not missed.
        self.assertLessEqual(source["numbered"]["lost"], group["dropped"])
        self.assertEqual(group["lost_on_the_way"], 0)

    def test_sources_that_are_made_up_are_forgotten(self):
        receiving = self.receive(ANY, "--stats")
        for _ in range(300):
            self.say(receiving, b"spoofed", out=self.enterContext(sender()))
        wait_until(lambda: self.records(receiving.line())[0]["datagrams"] >= 300, "300 datagrams")
        group, sources = self.last(receiving.end())
        self.assertLessEqual(len(sources), 256)
        self.assertEqual(group["sources"] + group["forgotten"], 300)


class Destinations(MulticastTest):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-")))

    def test_a_file_gets_every_byte_behind_what_it_has(self):
        file = self.folder / "got"
        file.write_bytes(b"before ")
        parts = [pattern(size, seed=size) for size in (1, 0, 1200, LARGEST, 3)]
        receiving = self.receive(ANY, "--write", file, "--count", len(parts))
        self.say(receiving, *parts)
        self.assertEqual((receiving.output(), receiving.status), (b"", 0))
        self.assertEqual(file.read_bytes(), b"before " + b"".join(parts))

    def test_a_file_that_cannot_be_written(self):
        done = run("multicast", "receive", ANY, "--interface", "lo", "--write", self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Is a directory", done.stderr)
        receiving = self.receive(ANY, "--write", "/dev/full")
        self.say(receiving, b"x")
        self.assertEqual((receiving.output(), receiving.status), (b"", 1))
        self.assertIn("No space left on device", receiving.said())

    def test_a_command_reads_lines_or_with_raw_what_was_sent(self):
        for options, expected in (((), b"one\ntwo\n"), (("--raw",), b"onetwo\n")):
            file = self.folder / "got"
            receiving = self.receive(ANY, "--count", 2, "--exec", f"cat > '{file}'", *options)
            self.say(receiving, b"one", b"two\n")
            self.assertEqual((receiving.output(), receiving.status), (b"", 0))
            self.assertEqual(file.read_bytes(), expected)

    def test_a_command_prints_where_we_would(self):
        receiving = self.receive(ANY, "--count", 2, "--exec", "sort -r")
        self.say(receiving, b"a", b"b")
        self.assertEqual(receiving.output(), b"b\na\n")

    def test_the_end_of_the_command_is_the_end(self):
        receiving = self.receive(ANY, "--exec", "head -n 1")
        self.say(receiving, b"one", b"two")
        self.assertEqual((receiving.output(), receiving.status), (b"one\n", 0))
        receiving = self.receive(ANY, "--exec", "read line; exit 3")
        self.say(receiving, b"one")
        self.assertEqual(receiving.status, 1)
        self.assertIn("ended with status 3", receiving.said())
        receiving = self.receive(ANY, "--exec", "read line; kill -9 $$")
        self.say(receiving, b"one")
        self.assertEqual(receiving.status, 1)
        self.assertIn("was ended by signal 9", receiving.said())

    def test_a_command_finds_its_signals_as_they_should_be(self):
        receiving = self.receive(ANY, "--exec", "grep -E '^Sig(Blk|Ign)' /proc/self/status")
        lines = receiving.output().decode().split()
        masks = dict(zip(lines[::2], (int(mask, 16) for mask in lines[1::2])))
        self.assertEqual(masks["SigBlk:"], 0)
        self.assertEqual(masks["SigIgn:"] & 1 << signal.SIGPIPE - 1, 0)

    def test_a_command_that_does_not_read_stops_nobody(self):
        file = self.folder / "got"
        receiving = self.receive(ANY, "--exec", "sleep 1000", "--write", file)
        size = 60_000
        for number in range(200):  # 12 MB, where the pipe and what is held have room for some four
            self.say(receiving, b"x" * size)
            wait_until(lambda: file.stat().st_size == (number + 1) * size, "the file to grow")
        child = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(receiving.process.pid)],
                                   capture_output=True, text=True, check=True).stdout.split()[0])
        self.addCleanup(os.kill, child, signal.SIGKILL)
        receiving.process.send_signal(signal.SIGINT)
        receiving.process.send_signal(signal.SIGTERM)
        self.assertEqual(receiving.status, 0)
        self.assertRegex(receiving.said(), r"\d+ datagrams were dropped, as their reader")

    def test_a_reader_of_the_pipe_that_has_gone(self):
        receiving = self.receive(ANY)
        receiving.process.stdout.close()
        self.say(receiving, b"x")
        self.assertEqual(receiving.status, 1)
        self.assertIn("standard output: Broken pipe", receiving.said())
        receiving.process.stdout = None

    def test_a_reader_of_the_pipe_that_is_slow_gets_all_that_there_is_room_for(self):
        receiving = self.receive(ANY, "--count", 1000)
        messages = [b"%04d" % number + b"x" * 1000 for number in range(1000)]
        for start in range(0, 1000, 100):
            self.say(receiving, *messages[start:start + 100])
            time.sleep(0.01)  # no need of the kernel's buffer: that may be small
        self.assertEqual(receiving.output().split(), messages)


class Send(MulticastTest):
    def heard(self, *arguments, count=1, **how):
        with listener() as own:
            self.send(f"{GROUP}:{own.getsockname()[1]}", *arguments, **how)
            return [own.recv(65536) for _ in range(count)]

    def test_a_text(self):
        self.assertEqual(self.heard("hello there"), [b"hello there"])
        self.assertEqual(self.heard(""), [b""])

    def test_lines_of_standard_input(self):
        self.assertEqual(self.heard(input="one\n\ntwo words", count=3), [b"one", b"", b"two words"])
        self.assertEqual(self.heard("-", input="q\n"), [b"q"])

    def test_the_largest_and_one_that_is_larger(self):
        self.assertEqual(self.heard("x", "--size", LARGEST), [b"x".ljust(LARGEST, b".")])
        line = "x" * (LARGEST + 1)
        done = run("multicast", "send", f"{GROUP}:5007", "--interface", "lo", input=line)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a datagram has room for 65507 bytes", done.stderr)

    def test_numbered_datagrams_count_up_and_tell_the_time(self):
        before = time.time_ns()
        heard = self.heard("payload", "--numbered", "--count", 200, "--rate", 0, count=200)
        self.assertEqual({len(datagram) for datagram in heard}, {24 + 7})
        self.assertTrue(all(datagram.endswith(b"payload") for datagram in heard))
        self.assertEqual({datagram[:8] for datagram in heard}, {b"\x8bSLM\x01\0\0\0"})
        self.assertEqual(len({datagram[8:12] for datagram in heard}), 1)
        numbers = [int.from_bytes(datagram[12:16], "big") for datagram in heard]
        self.assertEqual(numbers, list(range(200)))
        times = [int.from_bytes(datagram[16:24], "big") for datagram in heard]
        self.assertEqual(times, sorted(times))
        self.assertTrue(before <= times[0] and times[-1] <= time.time_ns())

    def test_keeps_to_its_rate(self):
        began = time.monotonic()
        self.heard("x", "--count", 6, "--rate", 20, count=6)
        self.assertGreaterEqual(time.monotonic() - began, 5 / 20)

    def test_without_end_until_sigint(self):
        with listener() as own:
            process = subprocess.Popen(
                [PROGRAM, "multicast", "send", f"{GROUP}:{own.getsockname()[1]}", "again",
                 "--count", "0", "--rate", "100", "--interface", "lo"], preexec_fn=end_with_parent,
                stderr=subprocess.PIPE)
            for _ in range(5):
                self.assertEqual(own.recv(100), b"again")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.communicate(timeout=PATIENCE)[1], b"")
            self.assertEqual(process.returncode, 0)


class Lecture(MulticastTest):
    """Its programs name no interface: that is the routing table's choice, so ours listens on all."""

    def python(self, name, *arguments):
        process = subprocess.Popen([sys.executable, LECTURE / name, *map(str, arguments)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def skip_without_a_route(self, process):
        if process.wait(PATIENCE) and b"unreachable" in (word := process.stderr.read()).lower():
            self.skipTest("no route to any group here: " + word.decode().splitlines()[-1])
        self.assertEqual(process.returncode, 0)

    def test_sender(self):
        receiving = self.receive("224.0.0.255:0", "--interface", "all", "--count", 1)
        process = self.python("multicast_sender.py", "224.0.0.255", receiving.port)
        self.skip_without_a_route(process)
        self.assertEqual(receiving.output(), b"Hello, multicast\n")

    def test_receiver(self):
        process = self.python("multicast_receiver.py", "224.0.0.255")
        said = process.stdout.readline()
        if not said:
            self.skipTest("the lecture's receiver finds no interface to join on here")
        done = run("multicast", "send", f"224.0.0.255:{int(said)}", "Hello there")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(process.stdout.readline(), b"Received b'Hello there'\n")
        self.assertEqual(process.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
