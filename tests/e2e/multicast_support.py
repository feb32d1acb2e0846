"""What the multicast tests share: senders and receivers in Python, `sluice multicast receive` running."""

import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from harness import PATIENCE, PROGRAM, end_with_parent, run, wait_until

GROUP, OTHER = "239.77.0.1", "239.77.0.2"
LOOPBACK = "127.0.0.1"


def sender(interface=LOOPBACK, source=None):
    """A UDP socket whose datagrams to groups go out of that interface, by its address."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
    out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
    if source:
        out.bind((source, 0))
    return out


def listener(group=GROUP, port=0, interface=LOOPBACK):
    """A UDP socket that has joined a group."""
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind((group, port))
    member = struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton(interface))
    own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    own.settimeout(PATIENCE)
    return own


def numbered(stream, sequence, sent=None, payload=b""):
    """A datagram with the header of `--numbered`."""
    sent = time.time_ns() if sent is None else sent
    return struct.pack("!4sBBHIIQ", b"\x8bSLM", 1, 0, 0, stream, sequence, sent) + payload


class Receiving:
    """`sluice multicast receive` with these groups, as it runs; ports that are 0 are chosen."""

    def __init__(self, *arguments, stdout=subprocess.PIPE, command=("receive",), preexec=(), **how):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*preexec, PROGRAM, "multicast", *command, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=self.errors, preexec_fn=end_with_parent, bufsize=0, **how)
        wait_until(lambda: "listening on" in self.said() or self.process.poll() is not None, "it")
        if "listening on" not in self.said():
            raise AssertionError(f"it ended with {self.process.returncode}: {self.said()}")
        listening = re.search(r"listening on (.*)\n", self.said())[1].split()
        self.ports = [int(group.rpartition(":")[2]) for group in listening]
        self.port = self.ports[0]

    def said(self):
        """All of standard error until now."""
        return os.pread(self.errors.fileno(), 1 << 24, 0).decode(errors="replace")

    def wait_for(self, regex, count=1):
        wait_until(lambda: len(re.findall(regex, self.said())) >= count, f"{regex!r} in {self.said()}")

    def line(self):
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing comes; {self.said()}")
        return self.process.stdout.readline()

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.output()

    def output(self):
        """All that it still prints, once it has ended."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        return out

    @property
    def status(self):
        return self.process.wait(PATIENCE)

    def clean(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.errors.close()


class MulticastTest(unittest.TestCase):
    def setUp(self):
        self.out = self.enterContext(sender())

    def receive(self, *arguments, **how):
        """On the loopback interface, unless told."""
        if "--interface" not in arguments:
            arguments = (*arguments, "--interface", "lo")
        receiving = Receiving(*arguments, **how)
        self.addCleanup(receiving.clean)
        return receiving

    def say(self, receiving, *messages, group=GROUP, out=None):
        for message in messages:
            (out or self.out).sendto(message, (group, receiving.port))

    def send(self, group, *arguments, **how):
        done = run("multicast", "send", group, *arguments, "--interface", "lo", **how)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def records(self, output):
        return [json.loads(line) for line in output.splitlines()]

    def last(self, output):
        """Of --stats: the final line of the group, and those of its sources."""
        final = [record for record in self.records(output) if record["final"]]
        groups = [record for record in final if record["source"] is None]
        self.assertEqual(len(groups), 1)
        return groups[0], [record for record in final if record["source"]]
