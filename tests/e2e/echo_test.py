"""The echo service: every byte back, whoever else is connected."""

import hashlib
import select
import threading
import time
import unittest

from harness import (ServerTest, exchange, in_parallel, is_sanitized, is_silent, pattern, receive,
                     receive_all, reset, send_until_stuck)

MEGABYTE = pattern(1 << 20)


class Echo(ServerTest):
    def test_returns_every_byte_in_order(self):
        server = self.serve("echo")
        for data in (b"", b"a", bytes(range(256)), b"\0\xff\r\n", pattern(1 << 20)):
            self.assertEqual(server.ask("echo", data), data)

    def test_answers_each_message_of_a_conversation(self):
        client = self.connect(self.serve("echo"), "echo")
        for number in range(200):
            message = b"message %d" % number
            client.sendall(message)
            self.assertEqual(receive(client, len(message)), message)

    def test_serves_many_clients_at_once(self):
        server = self.serve("echo")
        clients = [self.connect(server, "echo") for _ in range(300)]
        for number, client in enumerate(clients):
            client.sendall(b"I am %d" % number)
        for number, client in reversed(list(enumerate(clients))):
            message = b"I am %d" % number
            self.assertEqual(receive(client, len(message)), message)

    def test_keeps_long_transfers_of_several_clients_apart(self):
        server = self.serve("echo")

        def transfer(number):
            data = pattern(2 << 20, seed=number)
            return server.ask("echo", data) == data

        self.assertEqual(in_parallel([lambda n=n: transfer(n) for n in range(4)]), [True] * 4)

    def test_sends_what_is_owed_after_the_half_close(self):
        client = self.connect(self.serve("echo"), "echo")
        sent = send_until_stuck(client, MEGABYTE, 64 << 20)
        client.shutdown(1)
        received = receive_all(client)
        self.assertEqual(len(received), sent)
        self.assertEqual(received[:1 << 20], (MEGABYTE * 2)[:min(sent, 1 << 20)])

    def test_tells_a_fin_from_a_rst_in_the_log(self):
        server = self.serve("echo")
        polite, rude = server.connect("echo"), server.connect("echo")
        names = [f"127.0.0.1:{client.getsockname()[1]}" for client in (polite, rude)]
        for client in (polite, rude):
            client.sendall(b"hello")
            receive(client, 5)
        polite.close()
        reset(rude)
        server.wait_for_log(f"echo: {names[0]} closed by peer\n")
        server.wait_for_log(f"echo: {names[1]} reset by peer\n")
        self.assertNotIn(f"{names[0]} reset", server.log())
        self.assertNotIn(f"{names[1]} closed", server.log())

    def test_goes_on_after_resets_in_the_middle_of_transfers(self):
        server = self.serve("echo")
        for size in (0, 1, 1000, 300_000):
            client = server.connect("echo")
            client.settimeout(None)
            send_until_stuck(client, MEGABYTE, size)
            reset(client)
        self.assert_serves(server)

    def test_returns_ten_megabytes_to_a_client_that_reads_late(self):
        server = self.serve("echo")
        client = self.connect(server, "echo")
        data = pattern(10 << 20)
        taken = send_until_stuck(client, data, len(data))
        self.assert_serves(server)
        rest = threading.Thread(target=lambda: (client.sendall(data[taken:]), client.shutdown(1)),
                                daemon=True)
        rest.start()
        received = receive_all(client)
        rest.join()
        self.assertEqual(hashlib.sha256(received).digest(), hashlib.sha256(data).digest())

    @unittest.skipIf(is_sanitized(), "AddressSanitizer keeps freed memory, so there is no bound")
    def test_holds_little_for_clients_that_never_read(self):
        server = self.serve("echo")
        server.ask("echo", MEGABYTE)
        before = server.resident_kib()
        for _ in range(20):
            sent = send_until_stuck(self.connect(server, "echo"), MEGABYTE, 64 << 20, quiet=0.05)
            self.assertLess(sent, 64 << 20, "the server takes bytes without end")
        self.assertEqual(server.ask("echo", MEGABYTE), MEGABYTE)
        self.assertLess(server.resident_kib() - before, 20 * 512)

    def test_serves_others_beside_one_that_drips(self):
        server = self.serve("echo")
        slow = self.connect(server, "echo")
        for number in range(20):
            slow.sendall(b"%c" % number)
            self.assertEqual(server.ask("echo", MEGABYTE[:100_000]), MEGABYTE[:100_000])
            time.sleep(0.02)
        slow.shutdown(1)
        self.assertEqual(receive_all(slow), bytes(range(20)))

    def test_serves_others_beside_many_that_say_nothing(self):
        server = self.serve("echo")
        for _ in range(200):
            self.connect(server, "echo")
        self.assert_serves(server)


class EchoModes(ServerTest):
    def test_sequential_lets_the_second_client_wait_for_the_first(self):
        server = self.serve("echo", options=["--echo-mode", "sequential"])
        first, second = self.connect(server, "echo"), self.connect(server, "echo")
        second.sendall(b"second")
        for _ in range(3):
            first.sendall(b"first")
            self.assertEqual(receive(first, 5), b"first")
        self.assertTrue(is_silent(second, 0.1))
        first.close()
        self.assertEqual(receive(second, 6), b"second")

    def test_sequential_goes_on_to_the_next_after_a_reset(self):
        server = self.serve("echo", options=["--echo-mode", "sequential"])
        for number in range(5):
            client = server.connect("echo")
            client.sendall(b"%d" % number)
            self.assertEqual(receive(client, 1), b"%d" % number)
            reset(client)

    def test_concurrent_is_the_default_and_can_be_named(self):
        server = self.serve("echo", options=["--echo-mode", "concurrent"])
        first, second = self.connect(server, "echo"), self.connect(server, "echo")
        second.sendall(b"second")
        self.assertEqual(receive(second, 6), b"second")
        self.assertEqual(exchange(first, b"first"), b"first")

    def test_once_serves_one_client_and_the_process_ends_with_status_0(self):
        server = self.serve("echo", options=["--echo-mode", "once"])
        client = self.connect(server, "echo")
        self.assertEqual(exchange(client, b"only"), b"only")
        client.close()
        self.assertEqual(server.wait(), 0)

    def test_once_serves_no_second_client(self):
        server = self.serve("echo", options=["--echo-mode", "once"])
        first, second = self.connect(server, "echo"), self.connect(server, "echo")
        second.sendall(b"me too")
        self.assertEqual(exchange(first, b"only"), b"only")
        first.close()
        self.assertEqual(server.wait(), 0)
        self.assertTrue(select.select([second], [], [], 5)[0])
        with self.assertRaises(ConnectionResetError):
            self.assertEqual(second.recv(100), b"")
            raise ConnectionResetError

    def test_the_process_goes_on_while_another_service_is_open(self):
        server = self.serve("echo", "words", options=["--echo-mode", "once"])
        self.assertEqual(server.ask("echo", b"only"), b"only")
        self.assertEqual(server.ask("words", b"3"), b"three")
        server.wait_until_closed("echo")

    def test_the_process_ends_when_the_last_of_two_services_has_closed(self):
        server = self.serve("echo", "drop", options=["--echo-mode", "once", "--drop-clients", "1"])
        self.assertEqual(server.ask("echo", b"only"), b"only")
        self.assertIsNone(server.process.poll())
        server.ask("drop", b"a file")
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.stored(), ["output_0.txt"])


if __name__ == "__main__":
    unittest.main()
