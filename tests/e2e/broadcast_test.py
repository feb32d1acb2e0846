"""`sluice broadcast`: on the loopback network, and in a network of its own to 255.255.255.255."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness import PATIENCE, PROGRAM, run
from udp_support import Listening, lecture_program, udp_socket

LOOPBACK = "127.255.255.255"
NETWORK = 5

# One end of a pair of interfaces is in this network, which has an address for all; a broadcast is
# heard by this machine too.
LINK = """
ip link set lo up && ip link add one type veth peer name other && ip link set other up &&
ip address add 10.20.30.1/24 dev one && ip link set one up || exit 99
"""


class Broadcast(unittest.TestCase):
    def receiver(self, *arguments, **how):
        return Listening(self, "broadcast", "receive", *arguments, **how)

    def send(self, text, port, *options):
        return run("broadcast", "send", text, "--to", f"{LOOPBACK}:{port}", *options)

    def sender(self):
        made = udp_socket(self)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return made

    def test_two_receivers_both_hear(self):
        first = self.receiver(":0", "--count", "2")
        second = self.receiver(f"{LOOPBACK}:{first.port}", "--count", "2")
        done = self.send("hello, everybody", first.port, "--count", "2", "--every", "1")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        for receiver in (first, second):
            status, output, _ = receiver.finish()
            self.assertEqual(status, 0)
            self.assertRegex(output, r"\A(127\.0\.0\.1:\d+: hello, everybody\n){2}\Z")

    def test_no_more_than_counted_are_printed(self):
        receiver, sender = self.receiver(":0", "--count", "3"), self.sender()
        for number in range(50):
            sender.sendto(b"%d" % number, (LOOPBACK, receiver.port))
        status, output, _ = receiver.finish()
        self.assertEqual((status, [line[-1] for line in output.splitlines()]), (0, ["0", "1", "2"]))

    def test_nothing_reaches_the_terminal_but_text(self):
        receiver, sender = self.receiver(":0", "--count", "6"), self.sender()
        peer = "127.0.0.1:%d: " % sender.getsockname()[1]
        for text in (b"\x1b]0;title\x07\x9b2J", "grüße".encode(), b"two\nlines\n", b"", b"\xff",
                     b"x" * 65507):
            sender.sendto(text, (LOOPBACK, receiver.port))
        status, output, _ = receiver.finish()
        self.assertEqual(status, 0)
        self.assertEqual(output.splitlines(), [
            peer + r"\x1b]0;title\x07\x9b2J", peer + "grüße", peer + r"two\x0alines", peer,
            peer + r"\xff", peer + "x" * 65507])

    def test_signals_end_it_well(self):
        for number in (2, 15):
            status, output, errors = self.receiver(":0").finish(number)
            self.assertEqual((status, output), (0, ""))
            self.assertEqual(errors.count("\n"), 1)

    def test_seconds_bound_it(self):
        self.assertEqual(self.receiver(":0", "--seconds", "1").finish()[0], 0)
        receiver = self.receiver(":0", "--seconds", "1", "--count", "2")
        self.send("one", receiver.port)
        self.assertEqual(receiver.finish()[0], 1)

    def test_an_output_that_is_gone_ends_it(self):
        receiver = self.receiver(":0")
        receiver.process.stdout.close()
        receiver.process.stdout = open(os.devnull, "rb")
        self.send("x", receiver.port)
        self.assertEqual(receiver.finish()[0], 1)

    def test_too_long_a_text_is_said(self):
        done = self.send("x" * 65508, 9)
        self.assertEqual(done.returncode, NETWORK)
        self.assertIn("a datagram has room for 65507 bytes", done.stderr)

    def test_wrong_usage(self):
        for arguments in ([], ["shout"], ["send"], ["send", "a", "b"], ["send", "a", "--to", "nowhere"],
                          ["send", "a", "--to", "255.255.255.255"], ["send", "a", "--to", ":0"],
                          ["send", "a", "--to", "224.0.0.1:5008"], ["send", "a", "--to", "[::1]:5008"],
                          ["send", "a", "--count", "0"], ["send", "a", "--seconds", "5"],
                          ["send", "a", "--to", f"{LOOPBACK}:5008", "--interface", "lo"],
                          ["receive", "--every", "5"], ["receive", ":0", "x"], ["receive", "--count", "x"],
                          ["receive", "224.0.0.1:0"], ["receive", "[::]:0"], ["receive", "unix:/x"]):
            done = run("broadcast", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)

    def test_an_interface_that_is_not_there(self):
        done = run("broadcast", "send", "x", "--interface", "none-such")
        self.assertEqual(done.returncode, NETWORK)
        self.assertIn("none-such: No such device", done.stderr)

    def test_a_port_that_is_taken_alone(self):
        taken = udp_socket(self, ("0.0.0.0", 0))
        done = run("broadcast", "receive", ":%d" % taken.getsockname()[1])
        self.assertEqual(done.returncode, 1)
        self.assertIn("Address already in use", done.stderr)


class OwnNetwork(unittest.TestCase):
    def in_network(self, script):
        """Runs a script of the shell in a network namespace, where $SLUICE is the program."""
        root = os.geteuid() == 0
        alone = ["unshare", "--net"] + ([] if root else ["--user", "--map-root-user"])
        if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
            self.skipTest("network namespaces are not allowed here")
        if not shutil.which("ip"):
            self.skipTest("there is no ip(8) to make interfaces with")
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-"))
        done = subprocess.run([*alone, "sh", "-c", script], capture_output=True, text=True, cwd=folder,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL,
                              env={**os.environ, "SLUICE": str(PROGRAM)})
        if done.returncode == 99:
            self.skipTest(f"no interfaces can be made here: {done.stderr.strip()}")
        return done

    def test_everybody_is_each_network(self):
        done = self.in_network(LINK + """
            : > said
            $SLUICE broadcast receive :5008 --count 2 > heard 2> said & receiver=$!
            until grep -q listening said; do :; done
            $SLUICE broadcast send everywhere && $SLUICE broadcast send one --interface one &&
            wait $receiver && cat heard""")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\A10\.20\.30\.1:\d+: everywhere\n10\.20\.30\.1:\d+: one\n\Z")

    def test_an_interface_without_a_network(self):
        done = self.in_network(LINK + "$SLUICE broadcast send x --interface other")
        self.assertEqual(done.returncode, NETWORK)
        self.assertIn("other is not up, or has no network to broadcast to", done.stderr)

    def test_a_machine_without_a_network(self):
        done = self.in_network("$SLUICE broadcast send x")
        self.assertEqual(done.returncode, NETWORK)
        self.assertIn("no interface is up and can broadcast", done.stderr)


class Lecture(unittest.TestCase):
    def test_its_sender(self):
        receiver = Listening(self, "broadcast", "receive", ":0", "--count", "3")
        lecture_program(self, "broadcast_sender.py", LOOPBACK, receiver.port)
        status, output, _ = receiver.finish()
        self.assertEqual(status, 0)
        self.assertEqual([line.partition(": ")[2] for line in output.splitlines()],
                         ["announcement 0", "announcement 1", "announcement 2"])

    def test_its_receiver(self):
        receiver = lecture_program(self, "broadcast_receiver.py")
        port = int(receiver.stdout.readline())
        done = run("broadcast", "send", "hello", "--to", f"{LOOPBACK}:{port}", "--count", "3",
                   "--every", "1")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(receiver.communicate(timeout=PATIENCE)[0], b"127.0.0.1 hello\n" * 3)


if __name__ == "__main__":
    unittest.main()
