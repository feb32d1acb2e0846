"""The time service: the local time as ctime prints it, then the end."""

import calendar
import os
import socket
import time
import unittest

from harness import ServerTest, receive_all, reset

FORM = "%a %b %d %H:%M:%S %Y"


class Time(ServerTest):
    def test_tells_the_local_time_as_ctime_does_without_a_newline(self):
        server = self.serve("time", env={**os.environ, "TZ": "EST+5"})
        before = int(time.time())
        text = server.ask("time").decode()
        after = time.time()
        self.assertRegex(text, r"\A[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\Z")
        told = calendar.timegm(time.strptime(text, FORM)) + 5 * 3600
        self.assertTrue(before <= told <= after, text)

    def test_speaks_english_whatever_the_locale(self):
        server = self.serve("time", env={**os.environ, "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE"})
        self.assertIn(server.ask("time").decode()[:3], "Mon Tue Wed Thu Fri Sat Sun")

    def test_closes_by_itself(self):
        with self.serve("time").connect("time") as client:
            self.assertEqual(len(receive_all(client)), 24)

    def test_the_log_tells_who_closed_first(self):
        server = self.serve("time")
        client = self.connect(server, "time")
        name = f"127.0.0.1:{client.getsockname()[1]}"
        self.assertEqual(len(receive_all(client)), 24)
        client.close()
        server.wait_for_log(f"time: {name} .*closed.*\n")
        self.assertRegex(server.log(), f"time: {name} closed\n")
        self.assertNotIn("closed by peer", server.log())

    def test_a_client_with_a_wild_address_cannot_forge_a_line_of_the_log(self):
        server = self.serve("echo", options=["--time=unix:the.socket"])
        with socket.socket(socket.AF_UNIX) as client:
            client.bind(f"\0{server.directory}\n1999-01-01 00:00:00 error drop: forged \x1b[31m")
            client.connect(str(server.directory / "the.socket"))
            self.assertEqual(len(receive_all(client)), 24)
        server.wait_for_log("closed")
        self.assertNotIn("\x1b", server.log())
        for line in server.log().splitlines():
            self.assertRegex(line, r"^20[\d-]+ [\d:]+ info time: ")

    def test_tells_it_also_to_who_talks_first_or_much(self):
        server = self.serve("time")
        self.assertEqual(len(server.ask("time", b"what time is it?")), 24)
        self.assertEqual(len(server.ask("time", b"x" * 500_000)), 24)

    def test_serves_many_at_once_and_many_in_a_row(self):
        server = self.serve("time")
        clients = [self.connect(server, "time") for _ in range(100)]
        for client in clients:
            self.assertEqual(len(receive_all(client)), 24)
        for _ in range(100):
            self.assertEqual(len(server.ask("time")), 24)

    def test_does_not_mind_clients_that_reset_or_never_close(self):
        server = self.serve("time")
        for _ in range(20):
            reset(server.connect("time"))
            self.connect(server, "time")
        self.assert_serves(server)


if __name__ == "__main__":
    unittest.main()
