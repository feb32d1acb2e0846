"""The words service, and with it the framing of messages that need no terminator."""

import signal
import socket
import unittest

from harness import (PATIENCE, ServerTest, arrived, exchange, is_silent, receive, receive_all,
                     reset, send_until_stuck)

WORDS = b"one two three four five six seven eight nine ten".split()
ERROR = b"error: expected a whole number from 1 to 10"
NEVER = ["--words-gap", "60000"]  # milliseconds, longer than any test
LONG = ["--words-gap", "700"]


class Words(ServerTest):
    def converse(self, server, request, size):
        """A request on a connection that stays open, and so many bytes of answer."""
        client = self.connect(server, "words")
        client.sendall(request)
        return receive(client, size)

    def in_pieces(self, server, client, pieces):
        """Sends pieces that the server reads one by one."""
        for piece in pieces:
            client.sendall(piece)
            arrived(client)
            server.settle("words")

    def test_knows_one_to_ten(self):
        client = self.connect(self.serve("words"), "words")
        for number, word in enumerate(WORDS, 1):
            client.sendall(b"%d" % number)
            self.assertEqual(receive(client, len(word)), word)
        self.assertTrue(is_silent(client, 0.1))

    def test_answers_a_newline_exactly_when_the_request_had_one(self):
        server = self.serve("words")
        client = self.connect(server, "words")
        for request, answer in ((b"7", b"seven"), (b"7\n", b"seven\n"), (b"7\r\n", b"seven\n"),
                                (b"x", ERROR), (b"x\n", ERROR + b"\n")):
            client.sendall(request)
            self.assertEqual(receive(client, len(answer)), answer)
            self.assertTrue(is_silent(client, 0.1))

    def test_a_newline_needs_no_wait(self):
        client = self.connect(self.serve("words", options=NEVER), "words")
        client.sendall(b"10\n")
        self.assertEqual(receive(client, 4), b"ten\n")

    def test_a_fin_needs_no_wait_and_the_answer_still_comes(self):
        self.assertEqual(self.serve("words", options=NEVER).ask("words", b"10"), b"ten")

    def test_puts_a_request_together_that_packets_cut_apart(self):
        server = self.serve("words", options=LONG)
        client = self.connect(server, "words")
        self.in_pieces(server, client, [b"1", b"0"])
        self.assertEqual(receive(client, 3), b"ten")
        self.in_pieces(server, client, [b"1", b"0", b"\r", b"\n"])
        self.assertEqual(receive(client, 4), b"ten\n")
        self.assertTrue(is_silent(client, 0.1))

    def test_takes_several_requests_out_of_one_packet(self):
        server = self.serve("words", options=NEVER)
        self.assertEqual(server.ask("words", b"1\n2\r\n\n3"),
                         b"one\ntwo\n" + ERROR + b"\nthree")
        self.assertEqual(server.ask("words", b"1\n" * 10_000), b"one\n" * 10_000)

    def test_two_messages_with_a_gap_between_are_two(self):
        server = self.serve("words", options=["--words-gap", "10"])
        client = self.connect(server, "words")
        for _ in range(3):
            client.sendall(b"1")
            self.assertEqual(receive(client, 3), b"one")

    def test_refuses_everything_else_and_stays_open(self):
        client = self.connect(self.serve("words"), "words")
        for junk in (b"0", b"11", b"-1", b"1.5", b"seven", b"", b" ", b"1 2", b"0x5", b"\0", b"7\0",
                     b"\xff\xfe", "\u0663".encode(), b"99999999999999999999999", b"4294967297"):
            client.sendall(junk + b"\n")
            self.assertEqual(receive(client, len(ERROR) + 1), ERROR + b"\n", junk)
        client.sendall(b" 7\t\n")
        self.assertEqual(receive(client, 6), b"seven\n")

    def test_cuts_a_megabyte_without_a_newline_into_bounded_messages(self):
        server = self.serve("words", options=NEVER)
        self.assertEqual(server.ask("words", b"x" * (1 << 20)), ERROR * 256)
        self.assert_serves(server)

    def test_the_longest_message_is_one_and_a_byte_more_makes_two(self):
        server = self.serve("words", options=NEVER)
        for length, count in ((4096, 1), (4097, 2), (8192, 2), (8193, 3)):
            self.assertEqual(server.ask("words", b"x" * length + b"\n"),
                             ERROR * count + b"\n", length)

    def test_a_character_that_packets_cut_apart_is_one_request(self):
        server = self.serve("words", options=LONG)
        client = self.connect(server, "words")
        letter = "\u20ac".encode()
        self.in_pieces(server, client, [letter[:1], letter[1:2], letter[2:]])
        self.assertEqual(receive(client, len(ERROR)), ERROR)
        self.assertTrue(is_silent(client, 0.1))

    def test_half_a_character_is_held_no_longer_than_the_gap(self):
        server = self.serve("words", options=["--words-gap", "10"])
        self.assertEqual(self.converse(server, b"\xe2\x82", len(ERROR)), ERROR)

    def test_no_request_no_answer(self):
        self.assertEqual(self.serve("words").ask("words"), b"")

    def test_slows_down_a_client_that_asks_and_never_reads(self):
        server = self.serve("words")
        client = self.connect(server, "words")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            for _ in range(1000):
                client.sendall(b"1\n" * 65536)
        self.assert_serves(server)
        client.settimeout(PATIENCE)
        reset(client)
        self.assert_serves(server)

    def test_owes_all_answers_to_a_client_that_ends_early(self):
        server = self.serve("words", options=NEVER)
        self.assertEqual(server.ask("words", b"5\n" * 300_000), b"five\n" * 300_000)

    def test_a_gap_is_the_client_s_and_not_that_of_a_server_which_waits_for_it_to_read(self):
        server = self.serve("words", options=LONG)
        client = self.connect(server, "words")
        requests = b"10\n" * 10_000_000
        sent = send_until_stuck(client, requests, len(requests), quiet=1)  # longer than the gap
        self.assertLess(sent, len(requests))
        whole, rest = divmod(sent, len(b"10\n"))
        expected = b"ten\n" * whole + (b"", b"one", b"ten")[rest]
        self.assertTrue(exchange(client, b"") == expected)

    def test_owes_answers_many_times_as_long_as_the_requests(self):
        server = self.serve("words")
        self.assertEqual(server.ask("words", b"\n" * 400_000), (ERROR + b"\n") * 400_000)

    def test_a_request_still_held_at_the_end_of_the_server_is_answered(self):
        server = self.serve("words", options=NEVER)
        client = self.connect(server, "words")
        self.in_pieces(server, client, [b"7"])
        server.signal(signal.SIGTERM)
        self.assertEqual(receive_all(client), b"seven")
        client.close()
        self.assertEqual(server.wait(), 0)

    def test_a_message_in_the_gap_when_the_client_resets_harms_nobody(self):
        server = self.serve("words", options=LONG)
        other = self.connect(server, "words")
        client = server.connect("words")
        self.in_pieces(server, client, [b"1"])
        reset(client)
        self.assertEqual(exchange(other, b"2"), b"two")
        self.assertEqual(receive_all(other), b"")


if __name__ == "__main__":
    unittest.main()
