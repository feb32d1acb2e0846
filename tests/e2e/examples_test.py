#!/usr/bin/env python3
"""The example servers of tests/examples, driven from outside: bytes, half-close, company, resets.

Runs the programs in build/examples (or $SLUICE_BUILD/examples), which must have been built.
"""

import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")) / "examples"
PATIENCE = 30  # seconds until a test that hangs is a test that failed
MEGABYTE = bytes(range(251)) * (1024 * 1024 // 251 + 1)


class Example:
    """Starts the example that a subclass names, and what its clients need."""

    program = ""

    def setUp(self):
        self.server = subprocess.Popen(
            [PROGRAMS / self.program, "0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self.addCleanup(self.stop)
        text, deadline = b"", time.monotonic() + PATIENCE
        while not text.endswith(b"\n"):
            left = max(0, deadline - time.monotonic())
            self.assertTrue(select.select([self.server.stdout], [], [], left)[0], "says nothing")
            part = os.read(self.server.stdout.fileno(), 1024)
            self.assertTrue(part, "ended at once")
            text += part
        port = re.fullmatch(rb"listening on 127\.0\.0\.1:(\d+)\n", text)
        self.assertTrue(port, text)
        self.address = ("127.0.0.1", int(port[1]))

    def stop(self):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()

    def connect(self):
        client = socket.create_connection(self.address, PATIENCE)
        self.addCleanup(client.close)
        return client

    def echo(self, client, message):
        client.sendall(message)
        self.assertEqual(self.receive(client, len(message)), message)

    def receive(self, client, size):
        """Exactly `size` bytes, or what came before the end."""
        parts, left = [], size
        while left and (part := client.recv(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def exchange(self, client, data):
        """Sends `data` and FIN while reading; returns all that came until the server's FIN."""

        def send():
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        received = self.receive(client, len(data) + 1)
        sender.join(PATIENCE)
        return received


class Echo(Example):
    """The tests every echo server passes."""

    def test_echoes_messages_as_they_come(self):
        client = self.connect()
        for message in (b"a", b"two words", b"\0\xff\r\n", b"x" * 5000):
            self.echo(client, message)

    def test_echoes_a_megabyte_and_closes_after_the_half_close(self):
        self.assertEqual(self.exchange(self.connect(), MEGABYTE), MEGABYTE)

    def test_owes_nothing_to_a_client_that_says_nothing(self):
        self.assertEqual(self.exchange(self.connect(), b""), b"")

    def test_sends_the_rest_to_a_reader_who_began_late(self):
        client = self.connect()
        client.setblocking(False)
        sent = 0
        while select.select([], [client], [], 0.2)[1]:  # until the server takes no more
            sent += client.send(MEGABYTE[sent % 251 : sent % 251 + 65536])
            self.assertLess(sent, 64 * len(MEGABYTE), "the server takes bytes without end")
        client.settimeout(PATIENCE)
        client.shutdown(socket.SHUT_WR)
        received = self.receive(client, sent + 1)
        self.assertEqual(len(received), sent)
        self.assertEqual(received[:65536], MEGABYTE[:65536])
        self.assertEqual(received[-251:], (MEGABYTE * 2)[(sent - 251) % 251 :][:251])

    def test_serves_one_client_after_the_other(self):
        for number in range(20):
            with socket.create_connection(self.address, PATIENCE) as client:
                self.echo(client, b"client %d" % number)

    def test_goes_on_after_a_reset(self):
        for _ in range(5):
            rude = self.connect()
            self.echo(rude, b"hello")
            rude.sendall(MEGABYTE[:100_000])
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.close()
        self.echo(self.connect(), b"still there?")
        self.assertIsNone(self.server.poll())


class EchoToMany(Echo):
    """And those of a server that serves many at once."""

    def test_serves_many_at_once_beside_a_silent_one_and_one_that_never_reads(self):
        self.connect()  # says nothing
        stuck = self.connect()  # says much and never listens
        stuck.setblocking(False)
        try:
            while True:
                stuck.send(MEGABYTE)
        except BlockingIOError:
            pass
        clients = [self.connect() for _ in range(50)]
        for number, client in enumerate(clients):
            client.sendall(b"I am %d" % number)
        for number, client in reversed(list(enumerate(clients))):
            message = b"I am %d" % number
            self.assertEqual(self.receive(client, len(message)), message)
        results = {}

        def transfer(number):
            data = bytes([number]) + MEGABYTE
            results[number] = self.exchange(clients[number], data) == data

        threads = [threading.Thread(target=transfer, args=(n,), daemon=True) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(results, {number: True for number in range(4)})


class Blocking(Echo, unittest.TestCase):
    program = "echo_blocking"

    def test_lets_the_second_client_wait_for_the_first(self):
        first, second = self.connect(), self.connect()
        self.echo(first, b"first")
        second.sendall(b"second")
        self.echo(first, b"first again")
        self.assertEqual(select.select([second], [], [], 0)[0], [])
        first.close()
        self.assertEqual(self.receive(second, 6), b"second")


class Select(EchoToMany, unittest.TestCase):
    program = "echo_select"


class Poll(EchoToMany, unittest.TestCase):
    program = "echo_poll"


class Epoll(EchoToMany, unittest.TestCase):
    program = "echo_epoll"


class Sluice(EchoToMany, unittest.TestCase):
    program = "echo_sluice"


class TcpServerClass(Example, unittest.TestCase):
    program = "tcp_server_class"

    def test_answers_each_message_and_the_next_client_and_ends_when_told(self):
        for size in (1, 300):
            with socket.create_connection(self.address, PATIENCE) as client:
                for _ in range(3):
                    client.sendall(b"x" * size)
                    answer = b"received %d bytes\n" % size
                    self.assertEqual(self.receive(client, len(answer)), answer)
        last = self.connect()
        last.sendall(b"shutdown")
        self.assertEqual(self.receive(last, 100), b"received 8 bytes\n")
        self.assertEqual(self.server.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
