"""Multicast between two network namespaces joined by a veth pair, whose ends go down, up, and away.

Each test runs in a process of its own inside `unshare --net`; the other namespace is that of a
process it starts. `here0` is the end on the tests' side, `there0`
the one over there.
"""

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unittest

from harness import PATIENCE, PROGRAM, end_with_parent, run, wait_until
from multicast_support import GROUP, MulticastTest, Receiving, sender

INSIDE = "--inside" in sys.argv
DEADLINE = 180  # seconds for one test
HERE, THERE = "10.77.0.1", "10.77.0.2"


def ip(*words, peer=None):
    enter = ["nsenter", "--net", "--target", str(peer)] if peer else []
    done = subprocess.run([*enter, "ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"ip {' '.join(words)}: {done.stderr}")
    return done.stdout


class Network(MulticastTest):
    @classmethod
    def setUpClass(cls):
        if not INSIDE:
            raise unittest.SkipTest("runs in a network of its own only")

    def setUp(self):
        ip("link", "set", "lo", "up")
        # It says something once it is where it should be.
        other = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 1000"],
                                 stdout=subprocess.PIPE, preexec_fn=end_with_parent)
        other.stdout.readline()
        other.stdout.close()
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.peer = other.pid
        ip("link", "set", "lo", "up", peer=self.peer)
        self.make_pair()

    def make_pair(self):
        """Without duplicate address detection, so that IPv6 addresses can be used at once."""
        ip("link", "add", "here0", "type", "veth", "peer", "name", "there0", "netns", str(self.peer))
        for name, peer, host in (("here0", None, HERE), ("there0", self.peer, THERE)):
            ip("address", "add", host + "/24", "dev", name, peer=peer)
            ip("link", "set", name, "up", peer=peer)
        wait_until(lambda: "LOWER_UP" in ip("link", "show", "here0"), "a carrier")
        self.out = self.enterContext(sender(HERE))

    def receive_there(self, *arguments, **how):
        receiving = Receiving(*arguments, preexec=["nsenter", "--net", "--target", str(self.peer)],
                              **how)
        self.addCleanup(receiving.clean)
        return receiving

    def say_until_heard(self, receiving, message):
        """What is sent before the switch in between, or the address, is ready may be lost."""
        heard = []

        def hears():
            with contextlib.suppress(OSError):  # no route, as long as the interface is not back
                self.say(receiving, message)
            if select.select([receiving.process.stdout], [], [], 0.1)[0]:
                heard.append(receiving.process.stdout.readline())
            return heard

        wait_until(hears, f"{message!r}: {receiving.said()}")
        self.assertEqual(heard[0], message + b"\n")

    def forget(self, receiving):
        """What was heard more than once."""
        while select.select([receiving.process.stdout], [], [], 0.3)[0]:
            receiving.process.stdout.readline()

    def test_crosses_from_one_to_the_other(self):
        for how in ((), ("--interface", "there0"), ("--interface", THERE), ("--source", HERE)):
            receiving = self.receive_there(f"{GROUP}:0", "--count", 2, *how)
            self.say(receiving, b"from here")
            done = run("multicast", "send", f"{GROUP}:{receiving.port}", "ours", "--interface", "here0")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(receiving.output(), b"from here\nours\n", how)

    def test_what_comes_from_another_source_or_interface_does_not_arrive(self):
        receiving = self.receive_there(f"{GROUP}:0", "--source", "10.77.0.9", "--seconds", 1)
        self.say(receiving, b"from the wrong one")
        self.assertEqual(receiving.output(), b"")
        receiving = self.receive_there(f"{GROUP}:0", "--interface", "lo", "--seconds", 1)
        self.say(receiving, b"by the wrong one")
        self.assertEqual(receiving.output(), b"")

    def test_goes_on_when_the_interface_was_down(self):
        receiving = self.receive_there(f"{GROUP}:0", "--interface", "there0")
        self.say_until_heard(receiving, b"before")
        ip("link", "set", "there0", "down", peer=self.peer)
        receiving.wait_for("there0 is down")
        self.forget(receiving)
        ip("link", "set", "there0", "up", peer=self.peer)
        receiving.wait_for("there0 is up again")
        self.say_until_heard(receiving, b"after")

    def test_joins_again_when_the_interface_was_deleted_and_made_anew(self):
        for interface in ("there0", "all"):
            with self.subTest(interface):
                receiving = self.receive_there(f"{GROUP}:0", "--interface", interface, "--verbose")
                self.say_until_heard(receiving, b"before")
                for times in (2, 3):
                    before = socket.if_nametoindex("here0")
                    ip("link", "del", "here0")
                    receiving.wait_for("there0 is gone", times - 1)
                    self.forget(receiving)
                    self.make_pair()
                    self.assertNotEqual(socket.if_nametoindex("here0"), before)
                    receiving.wait_for(rf"joined {GROUP}:\d+ on there0", times)
                    self.say_until_heard(receiving, b"after")
                    self.forget(receiving)
                receiving.end()
                self.assertEqual(receiving.status, 0)

    def test_joins_on_an_interface_that_comes_later(self):
        ip("link", "del", "here0")
        receiving = self.receive_there(f"{GROUP}:0", "--verbose")
        self.assertNotIn("on b", receiving.said())
        self.make_pair()
        receiving.wait_for(rf"joined {GROUP}:\d+ on there0")
        self.say_until_heard(receiving, b"there")

    def test_waits_when_no_interface_is_up(self):
        ip("link", "set", "lo", "down", peer=self.peer)
        ip("link", "set", "there0", "down", peer=self.peer)
        receiving = self.receive_there(f"{GROUP}:4747", "--verbose")
        self.assertIn("waits for an interface", receiving.said())
        ip("link", "set", "there0", "up", peer=self.peer)
        receiving.wait_for(rf"joined {GROUP}:4747 on there0")
        self.say_until_heard(receiving, b"up")

    def test_more_interfaces_than_a_socket_may_have_memberships(self):
        for number in range(12):
            ip("link", "add", f"x{number}", "type", "veth", "peer", "name", f"y{number}", peer=self.peer)
            for end in "xy":
                ip("link", "set", f"{end}{number}", "up", peer=self.peer)
        receiving = self.receive_there(f"{GROUP}:0", "--verbose")
        self.assertEqual(len(re.findall("joined .* on (x|y|there)", receiving.said())), 25)
        for number in range(12):
            ip("link", "del", f"x{number}", peer=self.peer)
        receiving.wait_for("is gone", 24)
        self.say_until_heard(receiving, b"still")

    def test_ipv6_groups_of_every_scope(self):
        for name, peer, host in (("here0", None, "fd77::1"), ("there0", self.peer, "fd77::2")):
            ip("address", "add", host + "/64", "dev", name, "nodad", peer=peer)
        for group in ("ff15::7777", "ff02::7777", "ff3e::7777"):
            how = ("--source", "fd77::1") if group == "ff3e::7777" else ()
            receiving = self.receive_there(f"[{group}]:0", *how)
            # With a source, it has to be the one that is named.
            out = self.enterContext(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
            out.bind(("fd77::1", 0))
            index = socket.if_nametoindex("here0")
            out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)

            def hears():
                out.sendto(b"six", (group, receiving.port, 0, index))
                return select.select([receiving.process.stdout], [], [], 0.2)[0]

            wait_until(hears, group)
            self.assertEqual(receiving.process.stdout.readline(), b"six\n")
            receiving.end()

    def test_our_sender_goes_on_when_its_interface_was_made_anew(self):
        receiving = self.receive_there(f"{GROUP}:0", "--interface", "there0", "--verbose")
        process = subprocess.Popen(
            [PROGRAM, "multicast", "send", f"{GROUP}:{receiving.port}", "again", "--count", "0",
             "--rate", "20", "--interface", "here0"], stderr=subprocess.PIPE, preexec_fn=end_with_parent)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(receiving.line(), b"again\n")
        ip("link", "del", "here0")
        receiving.wait_for("there0 is gone")
        self.forget(receiving)
        self.make_pair()
        self.assertEqual(receiving.line(), b"again\n")
        process.send_signal(signal.SIGINT)
        self.assertIn(b"could not be sent", process.communicate(timeout=PATIENCE)[1])

    def test_no_loop_keeps_it_from_this_machine_but_not_from_others(self):
        receiving = self.receive_there(f"{GROUP}:0", "--count", 1)
        here = self.receive(f"{GROUP}:{receiving.port}", "--interface", "here0", "--count", 1)
        for how, text in ((("--no-loop",), "there"), ((), "here")):
            done = run("multicast", "send", f"{GROUP}:{receiving.port}", text, "--interface", "here0", *how)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(receiving.output(), b"there\n")
        self.assertEqual(here.output(), b"here\n")

    def test_the_ttl_is_what_was_asked_for(self):
        own = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        own.bind((GROUP, 0))
        own.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
        member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(HERE))
        own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        own.settimeout(PATIENCE)
        for how, expected in (((), 2), (("--ttl", "1"), 1), (("--ttl", "0"), 0), (("--ttl", "255"), 255)):
            run("multicast", "send", f"{GROUP}:{own.getsockname()[1]}", "x", "--interface", "here0", *how)
            _, told, _, _ = own.recvmsg(100, 100)
            self.assertEqual(struct.unpack("i", told[0][2])[0], expected)


class Outside(unittest.TestCase):
    """One test of this file, run where it is alone."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def id(self):
        return f"multicast_network_test.{self.name}"

    __str__ = id

    def runTest(self):
        root = os.geteuid() == 0
        alone = ["unshare", "--net"] + ([] if root else ["--user", "--map-root-user"])
        for needed in ("unshare", "nsenter", "ip"):
            if not shutil.which(needed):
                self.skipTest(f"there is no program {needed} here")
        if subprocess.run(alone + ["ip", "link", "add", "here0", "type", "veth", "peer", "name", "there0"],
                          capture_output=True).returncode:
            self.skipTest("network namespaces, or veth pairs in them, are not allowed here")
        here = os.path.abspath(__file__)
        done = subprocess.run([*alone, sys.executable, here, "--inside", self.name],
                              capture_output=True, text=True, errors="replace", timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Ran 1 test", done.stderr)


def load_tests(loader, tests, _):
    """What unittest asks for the tests: outside, each of them is the call of the one inside."""
    if INSIDE:
        return tests
    names = [".".join(test.id().split(".")[-2:])
             for suite in tests for test in suite if isinstance(test, Network)]
    return loader.suiteClass(Outside(name) for name in names)


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--inside"])
