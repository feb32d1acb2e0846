"""`sluice udp-file`: both ends, the lecture's program at either, and every way it can go wrong."""

import hashlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

from harness import PATIENCE, PROGRAM, end_with_parent, is_silent, pattern, run, wait_until
from lossy_relay import Relay
from udp_support import Listening, lecture_program, udp_socket

DATA = pattern(100_000)
NETWORK, DISK_FULL = 5, 6


def digest(data):
    return hashlib.sha256(data).hexdigest()


class UdpFileTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-")))
        self.inbox = self.folder / "inbox"
        self.inbox.mkdir()

    def receiver(self, *options, where="127.0.0.1:0", **how):
        how.setdefault("cwd", self.inbox)
        return Listening(self, "udp-file", "receive", *options, where, **how)

    def source(self, data=DATA, name="a file.bin"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def send(self, port, path, *options):
        return run("udp-file", "send", *options, path, f"127.0.0.1:{port}")

    def start_sending(self, port, path, *options):
        process = subprocess.Popen(
            [PROGRAM, "udp-file", "send", *map(str, options), path, f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=end_with_parent)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def by_hand(self, receiver):
        """A sender that does what the test says."""
        return udp_socket(self, peer=("127.0.0.1", receiver.port))

    def begin(self, receiver, name=b"f"):
        sender = self.by_hand(receiver)
        sender.send(name)
        self.assertEqual(sender.recv(100), b"OK")
        return sender

    def stored(self):
        return sorted(os.listdir(self.inbox))

    def assert_stored(self, name, data):
        self.assertEqual((self.inbox / name).read_bytes(), data)
        self.assertEqual(self.stored(), [name])

    def whole(self, receiver, name, data):
        """The receiver ends well and says so."""
        status, output, errors = receiver.finish()
        self.assertEqual((status, errors), (0, f"listening on 127.0.0.1:{receiver.port}\n"))
        self.assertRegex(output, rf"\A{re.escape(name)}: {len(data)} bytes in \d+ datagrams, "
                                 rf"SHA-256 {digest(data)}\n\Z")
        self.assert_stored(name, data)


class BothEnds(UdpFileTest):
    def test_files_of_every_size_arrive(self):
        for size in (0, 1, 1023, 1024, 1025, 2048, 100_000):
            with self.subTest(size=size):
                data = pattern(size, seed=size)
                receiver = self.receiver("--force")
                done = self.send(receiver.port, self.source(data))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(digest(data), done.stdout)
                self.whole(receiver, "a file.bin", data)

    def test_datagrams_of_other_sizes(self):
        for size in (16, 1472, 65507):
            receiver = self.receiver("--force")
            data = pattern(200_000 if size > 16 else 2000)
            self.assertEqual(self.send(receiver.port, self.source(data), "--size", size).returncode, 0)
            self.whole(receiver, "a file.bin", data)

    def test_contents_that_read_like_the_name(self):
        for data, size in ((b"like me.txt", 1024), (b"0123456789abcdef" * 5, 16)):
            receiver = self.receiver()
            name = data[:16].decode()
            done = self.send(receiver.port, self.source(data, name), "--size", size)
            self.assertEqual(done.returncode, 0)
            self.whole(receiver, name, data)
            (self.inbox / name).unlink()

    def test_a_rate_is_kept(self):
        receiver = self.receiver()
        began = time.monotonic()
        done = self.send(receiver.port, self.source(), "--rate", "100000")
        self.assertEqual(done.returncode, 0)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.whole(receiver, "a file.bin", DATA)

    def test_a_slow_rate_is_no_silence(self):
        receiver = self.receiver()
        data = pattern(400)
        self.assertEqual(self.send(receiver.port, self.source(data), "--rate", "100").returncode, 0)
        self.whole(receiver, "a file.bin", data)

    def test_one_file_after_the_other_until_interrupted(self):
        receiver = self.receiver("--forever")
        for number in range(3):
            path = self.source(pattern(5000, number), f"file-{number}")
            self.assertEqual(self.send(receiver.port, path).returncode, 0)
            receiver.wait_for_output(f"file-{number}: 5000 bytes")
        status, _, errors = receiver.interrupt()
        self.assertEqual((status, errors.count("\n")), (0, 1))
        self.assertEqual(self.stored(), ["file-0", "file-1", "file-2"])

    def test_by_name_and_over_ipv6(self):
        for where, host in (("127.0.0.1:0", "localhost"), ("[::1]:0", "[::1]")):
            receiver = self.receiver("--force", where=where)
            done = run("udp-file", "send", self.source(), f"{host}:{receiver.port}")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(receiver.finish()[0], 0)
            self.assert_stored("a file.bin", DATA)

    def test_bound_to_all_it_answers_from_the_address_that_was_asked(self):
        receiver = self.receiver(where=":0")
        done = run("udp-file", "send", self.source(), f"127.0.0.7:{receiver.port}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(receiver.finish()[0], 0)

    def test_expected_bytes_came(self):
        receiver = self.receiver("--expect", len(DATA))
        self.assertEqual(self.send(receiver.port, self.source()).returncode, 0)
        self.whole(receiver, "a file.bin", DATA)

    def test_other_than_the_expected_bytes_are_not_saved(self):
        for expected in (len(DATA) - 1, len(DATA) + 1, 0):
            receiver = self.receiver("--expect", expected)
            self.send(receiver.port, self.source())
            status, output, errors = receiver.finish()
            self.assertEqual((status, output), (1, ""))
            self.assertRegex(errors, rf"\d+ bytes came and not {expected}; nothing was saved")
            self.assertEqual(self.stored(), [])


class Sender(UdpFileTest):
    def test_nobody_there_is_named(self):
        free = udp_socket(self)
        port = free.getsockname()[1]
        free.close()
        done = self.send(port, self.source())
        self.assertEqual((done.returncode, done.stdout), (NETWORK, ""))
        self.assertIn(f"127.0.0.1:{port}: connection refused", done.stderr)

    def test_the_name_is_repeated_and_given_up(self):
        silent = udp_socket(self)
        process = self.start_sending(silent.getsockname()[1], self.source())
        self.assertEqual([silent.recv(2000) for _ in range(5)], [b"a file.bin"] * 5)
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, NETWORK)
        self.assertIn("no OK came for the name", errors)

    def test_what_is_no_ok_is_told(self):
        odd = udp_socket(self)
        process = self.start_sending(odd.getsockname()[1], self.source())
        for _ in range(5):
            _, peer = odd.recvfrom(2000)
            odd.sendto(b"go \x1b[2J away", peer)
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, NETWORK)
        self.assertIn(r"no OK came for the name, but: go \x1b[2J away", errors)

    def test_only_the_receiver_is_heard(self):
        receiver, stranger = udp_socket(self), udp_socket(self)
        process = self.start_sending(receiver.getsockname()[1], self.source())
        _, peer = receiver.recvfrom(2000)
        stranger.sendto(b"OK", peer)
        self.assertEqual(receiver.recv(2000), b"a file.bin")  # again: it has heard no OK
        receiver.sendto(b"OK", peer)
        got = b""
        while part := receiver.recv(2000):
            got += part
        self.assertEqual(got, DATA)
        self.assertEqual([receiver.recv(10), receiver.recv(10)], [b"", b""])
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_a_receiver_that_goes_is_noticed(self):
        receiver = udp_socket(self)
        process = self.start_sending(receiver.getsockname()[1], self.source(), "--rate", "50000")
        _, peer = receiver.recvfrom(2000)
        receiver.sendto(b"OK", peer)
        receiver.recv(2000)
        receiver.close()
        output, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, output), (NETWORK, ""))
        self.assertRegex(errors, r"the receiver went away after \d+ bytes")

    def test_a_killed_receiver_leaves_no_name(self):
        receiver = self.receiver()
        process = self.start_sending(receiver.port, self.source(), "--rate", "50000")
        wait_until(lambda: any((self.inbox / name).stat().st_size for name in self.stored()))
        receiver.process.kill()
        self.assertEqual(process.wait(PATIENCE), NETWORK)
        self.assertTrue(all(name.startswith(".sluice-") for name in self.stored()))
        receiver = self.receiver()  # which clears up
        self.assertEqual(self.stored(), [])
        self.assertEqual(self.send(receiver.port, self.source()).returncode, 0)
        self.whole(receiver, "a file.bin", DATA)

    def test_what_cannot_be_sent(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        self.assertEqual(self.send(9, self.folder / "none").returncode, 4)
        for path in (self.folder, fifo, "/dev/null"):
            done = self.send(9, path)
            self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_wrong_usage(self):
        path = self.source()
        for arguments in ([], ["both"], ["send"], ["send", path], ["send", path, "127.0.0.1"],
                          ["send", path, "127.0.0.1:1", "x"], ["send", "--size", "0", path, "127.0.0.1:1"],
                          ["send", "--size", "65508", path, "127.0.0.1:1"],
                          ["send", "--rate", "1", path, "127.0.0.1:1"],
                          ["send", "--force", path, "127.0.0.1:1"], ["receive", "--rate", "5", ":0"],
                          ["receive", "nowhere"], ["receive", ":0", "x"], ["receive", "--expect", "-1", ":0"]):
            done = run("udp-file", *arguments, cwd=self.inbox)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)


class Receiver(UdpFileTest):
    def test_bad_names_are_refused_and_it_goes_on(self):
        receiver = self.receiver()
        (self.inbox / "folder").mkdir()
        bad = [b"/etc/passwd", b"../x", b"..", b".", b"a/b", b".hidden", b"n" * 256, b"x" * 65507,
               b"nul\0", b"line\n", b"\x1b[2J", b".sluice-0123456789abcdef.part", b"folder"]
        for name in bad:
            sender = self.by_hand(receiver)
            sender.send(name)
            sender.send(name)
            receiver.wait_for_errors(rf"from 127.0.0.1:{sender.getsockname()[1]}: ")
            self.assertTrue(is_silent(sender), name)
        self.assertEqual(self.stored(), ["folder"])
        self.assertEqual(self.send(receiver.port, self.source()).returncode, 0)
        status, _, errors = receiver.finish()
        self.assertEqual(status, 0)
        self.assertEqual(errors.count("refused"), len(bad), errors)  # once for each
        self.assertNotIn("\x1b", errors)
        self.assertEqual(self.stored(), ["a file.bin", "folder"])

    def test_odd_names_that_are_fine(self):
        for name in (b"n" * 255, "grüße.txt".encode(), b"\xff\xfe", b"with blank", b"-rf"):
            receiver = self.receiver()
            sender = self.begin(receiver, name)
            sender.send(b"data")
            sender.send(b"")
            self.assertEqual(receiver.finish()[0], 0)
            self.assertEqual((self.inbox / os.fsdecode(name)).read_bytes(), b"data")

    def test_hidden_names_where_they_are_wanted(self):
        receiver = self.receiver("--hidden")
        self.assertEqual(self.send(receiver.port, self.source(name=".profile")).returncode, 0)
        self.assertEqual(receiver.finish()[0], 0)
        self.assert_stored(".profile", DATA)

    def test_a_file_that_is_there_stays_unless_forced(self):
        (self.inbox / "f").write_bytes(b"old")
        receiver = self.receiver()
        sender = self.by_hand(receiver)
        sender.send(b"f")
        receiver.wait_for_errors("there is a file of that name already")
        sender.send(b"g")
        self.assertEqual(sender.recv(10), b"OK")
        sender.send(b"")
        self.assertEqual(receiver.finish()[0], 0)
        self.assertEqual((self.inbox / "f").read_bytes(), b"old")
        receiver = self.receiver("--force")
        sender = self.begin(receiver, b"f")
        sender.send(b"new")
        sender.send(b"")
        self.assertEqual(receiver.finish()[0], 0)
        self.assertEqual((self.inbox / "f").read_bytes(), b"new")

    def test_nothing_has_the_name_before_the_end(self):
        receiver = self.receiver()
        sender = self.begin(receiver)
        sender.send(b"half")
        wait_until(lambda: any((self.inbox / name).stat().st_size for name in self.stored()))
        self.assertNotIn("f", self.stored())
        sender.send(b"")
        self.whole(receiver, "f", b"half")

    def test_contents_and_names_from_elsewhere_are_not_mixed_in(self):
        receiver = self.receiver()
        sender, stranger = self.begin(receiver), self.by_hand(receiver)
        sender.send(b"one ")
        stranger.send(b"spoofed")
        stranger.send(b"f")
        stranger.send(b"another-name")
        stranger.send(b"")
        sender.send(b"two")
        sender.send(b"")
        self.whole(receiver, "f", b"one two")
        self.assertTrue(is_silent(stranger))

    def test_a_name_that_is_repeated_is_answered_again(self):
        receiver = self.receiver()
        sender = self.begin(receiver, b"name")
        for _ in range(2):
            sender.send(b"name")
            self.assertEqual(sender.recv(10), b"OK")
        sender.send(b"data")
        sender.send(b"")
        status, output, errors = receiver.finish()
        self.assertEqual(status, 0)
        self.assertIn("2 datagrams read like the name", errors)
        self.assert_stored("name", b"data")

    def test_silence_is_said_to_be_no_end(self):
        receiver = self.receiver()
        self.begin(receiver).send(DATA[:50_000])
        status, output, errors = receiver.finish()
        self.assertEqual(status, 1)
        self.assertIn(digest(DATA[:50_000]), output)
        self.assertIn("its end was not seen", errors)
        self.assertIn("nobody can know that it is whole", errors)
        self.assert_stored("f", DATA[:50_000])

    def test_silence_after_as_many_bytes_as_expected_is_one(self):
        receiver = self.receiver("--expect", "9")
        self.begin(receiver).send(b"nine byte")
        self.whole(receiver, "f", b"nine byte")

    def test_a_killed_sender_is_a_silent_one(self):
        receiver = self.receiver()
        process = self.start_sending(receiver.port, self.source(), "--rate", "50000")
        wait_until(lambda: any((self.inbox / name).stat().st_size for name in self.stored()))
        process.kill()
        status, _, errors = receiver.finish()
        self.assertEqual(status, 1)
        self.assertIn("its end was not seen", errors)
        self.assertTrue(DATA.startswith((self.inbox / "a file.bin").read_bytes()))

    def test_late_contents_are_no_name(self):
        receiver = self.receiver("--forever")
        sender = self.begin(receiver)
        sender.send(b"data")
        sender.send(b"")
        sender.send(b"late")
        sender.send(b"")
        receiver.wait_for_output("f: 4 bytes")
        other = self.begin(receiver, b"g")
        other.send(b"")
        receiver.wait_for_output("g: 0 bytes")
        self.assertTrue(is_silent(sender))
        self.assertEqual(receiver.interrupt()[0], 0)
        self.assertEqual(self.stored(), ["f", "g"])

    def test_an_interrupt_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            receiver = self.receiver()
            self.begin(receiver).send(b"half")
            wait_until(lambda: any((self.inbox / name).stat().st_size for name in self.stored()))
            status, output, errors = receiver.finish(number)
            self.assertEqual((status, output), (1, ""))
            self.assertIn("nothing of it was saved", errors)
            self.assertEqual(self.stored(), [])

    def test_it_waits_as_long_as_told(self):
        status, output, errors = self.receiver("--wait", "1").finish()
        self.assertEqual((status, output), (NETWORK, ""))
        self.assertIn("no file came within 1 s", errors)

    def small_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.inbox],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small disk here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.inbox], check=True)

    def test_a_full_disk(self):
        self.small_disk()
        receiver = self.receiver()
        done = self.send(receiver.port, self.source(), "--rate", "200000")
        self.assertEqual(done.returncode, NETWORK)
        self.assertIn("the receiver went away", done.stderr)
        status, output, errors = receiver.finish()
        self.assertEqual((status, output), (DISK_FULL, ""))
        self.assertIn("No space left on device", errors)
        self.assertEqual(self.stored(), [])

    def test_after_a_full_disk_the_rest_is_no_name_and_the_next_file_comes(self):
        self.small_disk()
        receiver = self.receiver("--forever")
        self.assertEqual(self.send(receiver.port, self.source()).returncode, 0)
        small = self.source(b"small", "small")
        self.assertEqual(self.send(receiver.port, small).returncode, 0)
        receiver.wait_for_output("small: 5 bytes")
        status, _, errors = receiver.interrupt()
        self.assertEqual((status, errors.count("\n")), (0, 2), errors)
        self.assert_stored("small", b"small")


class BadNetwork(UdpFileTest):
    """What no receiver of this protocol can know, it does not claim."""

    def through(self, receiver, path, *options, **what):
        with Relay(("127.0.0.1", receiver.port), **what) as relay:
            done = self.send(relay.address[1], path, *options)
            return done, relay

    def test_a_delay_changes_nothing(self):
        receiver = self.receiver()
        done, _ = self.through(receiver, self.source(), delay=80, seed=1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.whole(receiver, "a file.bin", DATA)

    def test_lost_and_doubled_bytes_are_not_claimed_whole(self):
        for seed, what in enumerate(({"loss": 10}, {"double": 10}, {"loss": 5, "double": 2, "reorder": 3})):
            with self.subTest(seed=seed, **what):
                receiver = self.receiver("--expect", len(DATA))
                done, _ = self.through(receiver, self.source(), seed=seed, **what)
                status, output, errors = receiver.finish()
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual((status, output), (1, ""))
                self.assertIn(f"bytes came and not {len(DATA)}; nothing was saved", errors)
                self.assertEqual(self.stored(), [])

    def test_the_digests_tell_what_order_hides(self):
        receiver = self.receiver("--expect", len(DATA))
        done, relay = self.through(receiver, self.source(), reorder=20, seed=4)
        status, output, _ = receiver.finish()
        if status == 0:  # unless the end has overtaken the rest
            self.assertNotEqual(re.search("SHA-256 (.*)", output)[1],
                                re.search("SHA-256 (.*)", done.stdout)[1])

    def test_a_name_that_is_lost_comes_again(self):
        receiver = self.receiver()
        relay = udp_socket(self)
        process = self.start_sending(relay.getsockname()[1], self.source(b"data"))
        relay.recvfrom(2000)  # lost
        data, sender = relay.recvfrom(2000)
        relay.sendto(data, ("127.0.0.1", receiver.port))
        self.assertEqual(relay.recv(10), b"OK")  # lost
        data, sender = relay.recvfrom(2000)
        relay.sendto(data, ("127.0.0.1", receiver.port))
        relay.sendto(relay.recv(10), sender)
        for _ in range(2):
            relay.sendto(relay.recv(2000), ("127.0.0.1", receiver.port))
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(receiver.finish()[0], 0)
        self.assert_stored("a file.bin", b"data")


class Lecture(UdpFileTest):
    def test_its_sender(self):
        receiver = self.receiver("--expect", len(DATA))
        sender = lecture_program(self, "udp_file.py", "s", "127.0.0.1", receiver.port, self.source())
        self.assertIn(b"sent", sender.communicate(timeout=PATIENCE)[0])
        self.whole(receiver, "a file.bin", DATA)

    def test_its_sender_sends_no_end(self):
        receiver = self.receiver()
        sender = lecture_program(self, "udp_file.py", "s", "127.0.0.1", receiver.port, self.source())
        sender.communicate(timeout=PATIENCE)
        status, output, errors = receiver.finish()
        self.assertEqual(status, 1)
        self.assertIn(digest(DATA), output)
        self.assertIn("its end was not seen", errors)
        self.assert_stored("a file.bin", DATA)

    def test_its_receiver(self):
        receiver = lecture_program(self, "udp_file.py", "r", cwd=self.inbox)
        port = int(receiver.stdout.readline())
        done = self.send(port, self.source())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(receiver.communicate(timeout=PATIENCE)[0], b"received a file.bin\n")
        self.assert_stored("a file.bin", DATA)


if __name__ == "__main__":
    unittest.main()
