"""offer: one file to whoever asks, plain as in the lecture or framed."""

import hashlib
import os
import signal
import socket
import struct
import time
import unittest

from harness import (PATIENCE, ServerTest, arrived, exchange, in_parallel, is_sanitized, is_silent,
                     pattern, receive, receive_all, reset)

NAME = b"offered file.bin"


def receive_plain(client, message=b"ready"):
    """As the lecture's client does: the name by one recv(1024), then the bytes."""
    client.sendall(message)
    name = client.recv(1024)
    return name, receive_all(client)


def receive_framed(client):
    client.sendall(b"SLUICE/1\n")
    fixed = receive(client, 10)
    if len(fixed) < 10:
        return None, None, fixed
    name_length, size = struct.unpack("!HQ", fixed)
    return receive(client, name_length), size, receive_all(client)


class Offer(ServerTest):
    def test_plain_gives_the_name_alone_and_then_the_bytes(self):
        data = pattern(300_000)
        server = self.serve("offer", offered=data, options=["--offer-pause", "500"])
        self.assertEqual(receive_plain(self.connect(server, "offer")), (NAME, data))

    def test_any_message_will_do(self):
        server = self.serve("offer", options=["--offer-pause", "300"])
        for message in (b"ready", b"\0", b"x" * 100_000, b"S", b"SLUICE/1", b"SLUICE/2\n",
                        b"GET / HTTP/1.1\r\n\r\n"):
            with self.subTest(message[:20]):
                self.assertEqual(receive_plain(self.connect(server, "offer"), message),
                                 (NAME, b"offered"))

    def test_waits_for_a_message(self):
        server = self.serve("offer")
        client = self.connect(server, "offer")
        self.assertTrue(is_silent(client, 0.3))
        self.assertEqual(exchange(client, b"ready"), NAME + b"offered")

    def test_gives_nothing_to_who_ends_without_a_message(self):
        self.assertEqual(self.serve("offer").ask("offer"), b"")

    def test_framed_gives_lengths_name_and_bytes(self):
        data = pattern(300_000)
        server = self.serve("offer", offered=data)
        self.assertEqual(receive_framed(self.connect(server, "offer")), (NAME, len(data), data))
        expected = struct.pack("!HQ", len(NAME), len(data)) + NAME + data
        self.assertEqual(server.ask("offer", b"SLUICE/1\n"), expected)
        self.assertEqual(server.ask("offer", b"SLUICE/1\nand more"), expected)

    def test_framed_although_packets_cut_the_request_apart(self):
        server = self.serve("offer")
        for _ in range(20):  # the pieces must come within the gap, which a busy machine may miss
            client = self.connect(server, "offer")
            client.sendall(b"SLUI")
            arrived(client)
            client.sendall(b"CE/1\n")
            if receive(client, 10) == struct.pack("!HQ", len(NAME), 7):
                return
        self.fail("never taken for the framed request")

    def test_framed_although_the_rest_of_the_request_takes_a_while(self):
        server = self.serve("offer")
        for _ in range(5):  # on a busy machine the pause may become too long
            client = self.connect(server, "offer")
            client.sendall(b"SLUICE")
            time.sleep(0.12)  # the pause is what is tested
            client.sendall(b"/1\n")
            if receive(client, 10) == struct.pack("!HQ", len(NAME), 7):
                return
        self.fail("never taken for the framed request")

    def test_half_a_request_at_the_end_of_the_server_is_no_transfer(self):
        server = self.serve("offer")
        client = self.connect(server, "offer")
        server.settle("offer")
        # Held up, it finds both at once, however busy the machine.
        server.signal(signal.SIGSTOP)
        client.sendall(b"SLUI")
        arrived(client)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        self.assertEqual(receive_all(client), b"")
        time.sleep(1.2)  # no rest of the request is waited for any more, but for our FIN it is
        client.close()
        self.assertEqual(server.wait(), 0)
        self.assertNotIn("is sent", server.log())

    def test_sixty_four_megabytes(self):
        data = pattern(64 << 20)
        server = self.serve("offer", offered=data)
        wanted = hashlib.sha256(data).digest()
        name, size, received = receive_framed(self.connect(server, "offer"))
        self.assertEqual((name, size, hashlib.sha256(received).digest()),
                         (NAME, len(data), wanted))
        name, received = receive_plain(self.connect(server, "offer"))
        self.assertEqual(hashlib.sha256(name + received).digest(),
                         hashlib.sha256(NAME + data).digest())

    def test_an_empty_file(self):
        server = self.serve("offer", offered=b"")
        self.assertEqual(receive_framed(self.connect(server, "offer")), (NAME, 0, b""))
        self.assertEqual(receive_plain(self.connect(server, "offer")), (NAME, b""))

    def test_only_the_base_name_leaves_the_machine(self):
        server = self.serve("offer")
        self.assertNotIn(b"/", receive_framed(self.connect(server, "offer"))[0])

    def test_many_at_once(self):
        data = pattern(2 << 20)
        server = self.serve("offer", offered=data)

        def one(number):
            with server.connect("offer") as client:
                return receive_plain(client) if number % 2 else receive_framed(client)

        for number, got in enumerate(in_parallel([lambda n=n: one(n) for n in range(16)])):
            whole = got[0] + got[-1]
            self.assertEqual(hashlib.sha256(whole).digest(),
                             hashlib.sha256(NAME + data).digest(), number)

    def test_a_file_replaced_between_two_is_the_new_one(self):
        server = self.serve("offer", offered=b"old")
        self.assertEqual(receive_framed(self.connect(server, "offer"))[2], b"old")
        new = server.directory / "new"
        new.write_bytes(b"the new one")
        os.replace(new, server.offer_file)
        self.assertEqual(receive_framed(self.connect(server, "offer"))[2], b"the new one")

    def test_a_file_replaced_meanwhile_is_still_the_old_one_and_whole(self):
        data = pattern(16 << 20)
        server = self.serve("offer", offered=data)
        client = self.connect(server, "offer")
        client.sendall(b"SLUICE/1\n")
        head = receive(client, 10 + len(NAME) + 1000)
        new = server.directory / "new"
        new.write_bytes(b"the new one")
        os.replace(new, server.offer_file)
        self.assertEqual(hashlib.sha256(head[10 + len(NAME):] + receive_all(client)).digest(),
                         hashlib.sha256(data).digest())

    def test_a_file_cut_short_meanwhile_ends_short_of_its_size(self):
        server = self.serve("offer", offered=pattern(32 << 20))
        client = self.connect(server, "offer")
        client.sendall(b"SLUICE/1\n")
        receive(client, 1000)
        os.truncate(server.offer_file, 100)
        try:
            self.assertLess(len(receive_all(client)), 32 << 20)
        except ConnectionResetError:
            pass
        self.assertEqual(receive_framed(self.connect(server, "offer"))[1], 100)

    def test_a_file_that_is_gone_ends_the_connection_and_is_logged(self):
        server = self.serve("offer")
        gone = server.directory / "gone"
        server.offer_file.rename(gone)
        self.assertEqual(server.ask("offer", b"SLUICE/1\n"), b"")
        self.assertEqual(server.ask("offer", b"ready"), b"")
        server.wait_for_log("error offer: .*offered file.bin: No such file or directory", 2)
        gone.rename(server.offer_file)
        self.assert_serves(server)

    def test_a_reset_at_any_point_harms_nobody(self):
        data = pattern(4 << 20)
        server = self.serve("offer", offered=data)
        for message in (b"", b"SLUI", b"SLUICE/1\n", b"ready"):
            for size in (0, 1, 10, len(NAME), 1000, 1_000_000):
                client = server.connect("offer")
                client.sendall(message)
                if message in (b"SLUICE/1\n", b"ready"):
                    receive(client, size)
                reset(client)
        self.assertEqual(receive_framed(self.connect(server, "offer")), (NAME, len(data), data))

    def test_clients_that_never_read_keep_nobody_waiting(self):
        data = pattern(16 << 20)
        server = self.serve("offer", offered=data)
        self.assert_serves(server)
        before = server.resident_kib()
        for message in (b"SLUICE/1\n", b"ready") * 10:
            self.connect(server, "offer").sendall(message)
        name, size, received = receive_framed(self.connect(server, "offer"))
        self.assertEqual((name, size, received == data), (NAME, len(data), True))
        if not is_sanitized():
            self.assertLess(server.resident_kib() - before, 20 * 256)

    def test_a_client_that_reads_a_little_at_a_time_gets_all(self):
        data = pattern(1 << 20)
        server = self.serve("offer", offered=data)
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", server.ports["offer"]))
        client.sendall(b"SLUICE/1\n")
        received = b"".join(iter(lambda: client.recv(1500), b""))
        self.assertEqual(received[10 + len(NAME):], data)


if __name__ == "__main__":
    unittest.main()
