"""UDP echo: the service, `sluice udp-echo`, and the lecture's programs at either end."""

import socket
import subprocess
import threading
import time
import unittest

from harness import PATIENCE, PROGRAM, ServerTest, is_silent, pattern, run, wait_until
from udp_support import lecture_program, udp_socket

LONGEST = 65507


class UdpEcho(ServerTest):
    def asker(self, server, address=("127.0.0.1", 0)):
        return udp_socket(self, address, ("127.0.0.1", server.ports["udp-echo"]))

    def assert_echoes(self, asker, message=b"still there?"):
        asker.send(message)
        self.assertEqual(asker.recv(65536), message)

    def test_every_datagram_comes_back_unchanged(self):
        asker = self.asker(self.serve("udp-echo"))
        for size in (1, 0, 2, 1472, 1473, 1024, 9000, LONGEST, 0, 1):
            self.assert_echoes(asker, pattern(size, seed=size))
        self.assertTrue(is_silent(asker, 0.05))

    def test_what_comes_at_once_goes_back_in_order_each_to_its_sender(self):
        server = self.serve("udp-echo")
        askers = [self.asker(server) for _ in range(10)]
        for number in range(8):
            for index, asker in enumerate(askers):
                asker.send(b"%d of %d" % (number, index))
        for index, asker in enumerate(askers):
            self.assertEqual([asker.recv(100) for _ in range(8)],
                             [b"%d of %d" % (number, index) for number in range(8)])

    def test_the_answer_comes_from_the_address_that_was_asked(self):
        for bound, asked in (("0.0.0.0", "127.0.0.5"), ("[::]", "127.0.0.6"), ("[::]", "::1"),
                             ("0.0.0.0", "127.0.0.1")):
            with self.subTest(bound=bound, asked=asked):
                server = self.serve(options=["--udp-echo", f"{bound}:0"])
                asker = udp_socket(self, ("::1" if asked == "::1" else "127.0.0.1", 0))
                where = (asked, server.ports["udp-echo"])
                for size in (0, 5, LONGEST):
                    asker.sendto(pattern(size), where)
                    data, source = asker.recvfrom(65536)
                    self.assertEqual((data, source[:2]), (pattern(size), where))

    def test_what_came_to_many_is_not_answered(self):
        server = self.serve(options=["--udp-echo", "0.0.0.0:0"])
        port = server.ports["udp-echo"]
        asker = udp_socket(self)
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asker.sendto(b"everybody", ("127.255.255.255", port))
        group = socket.inet_aton("224.0.0.1")  # which every host is in
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        asker.sendto(b"group", (socket.inet_ntoa(group), port))
        asker.sendto(b"you", ("127.0.0.1", port))
        self.assertEqual(asker.recv(100), b"you")
        self.assertTrue(is_silent(asker, 0.1))

    def test_an_address_of_many_is_refused(self):
        for address in ("127.255.255.255:0", "224.0.0.1:0", "[ff02::1]:0", "255.255.255.255:0"):
            done = run("serve", "--udp-echo", address)
            self.assertEqual(done.returncode, 1, address)
            self.assertIn("the address of many", done.stderr)

    def test_ports_of_services_are_not_answered(self):
        server = self.serve("udp-echo")
        for port in range(1023, 900, -1):
            try:
                service = self.asker(server, ("127.0.0.1", port))
                break
            except PermissionError:
                self.skipTest("only root may use a port below 1024")
            except OSError:
                continue
        service.send(b"chargen")
        asker = self.asker(server)
        self.assert_echoes(asker)
        self.assertTrue(is_silent(service, 0.1))

    def test_another_one_at_a_port_of_that_number_is_not_answered(self):
        server = self.serve("udp-echo")
        other = udp_socket(self, ("127.0.0.2", server.ports["udp-echo"]),
                           ("127.0.0.1", server.ports["udp-echo"]))
        other.send(b"ping")
        self.assert_echoes(self.asker(server))
        self.assertTrue(is_silent(other, 0.1))

    def test_a_rate_bounds_each_address_on_its_own(self):
        server = self.serve("udp-echo", options=["--udp-echo-rate", "5"])
        first, second = self.asker(server), self.asker(server, ("127.0.0.2", 0))
        began = time.monotonic()
        for _ in range(100):
            first.send(b"x")
        second.send(b"y")
        self.assertEqual(second.recv(10), b"y")
        got = 0
        while not is_silent(first, 0.05):
            first.recv(10)
            got += 1
        self.assertGreaterEqual(got, 5)
        self.assertLessEqual(got, 5 + 5 * (time.monotonic() - began))

    def test_a_rate_of_0_is_no_bound(self):
        asker = self.asker(self.serve("udp-echo", options=["--udp-echo-rate", "0"]))
        for _ in range(40):
            for _ in range(50):
                asker.send(b"x")
            for _ in range(50):
                self.assertEqual(asker.recv(10), b"x")

    def test_who_does_not_read_costs_nothing(self):
        server = self.serve("udp-echo")
        deaf = self.asker(server)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        memory = server.resident_kib()
        for _ in range(3000):
            deaf.send(pattern(30_000))
        self.assert_echoes(self.asker(server))
        self.assertLess(server.resident_kib(), memory + 20_000)

    def test_who_is_gone_does_not_end_it(self):
        server = self.serve("udp-echo")
        for _ in range(100):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
                gone.sendto(b"x", ("127.0.0.1", server.ports["udp-echo"]))
        self.assert_echoes(self.asker(server))

    def test_the_option_needs_the_service(self):
        done = run("serve", "--echo", "127.0.0.1:0", "--udp-echo-rate", "5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--udp-echo-rate without --udp-echo", done.stderr)
        done = run("serve", "--udp-echo", "127.0.0.1:0", "--echo-mode", "once")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--echo-mode without --echo", done.stderr)
        self.assertEqual(run("serve", "--udp-echo", "127.0.0.1:0", "--udp-echo-rate", "-1").returncode, 2)

    def test_an_address_in_use_is_said(self):
        taken = udp_socket(self)
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = run("serve", "--udp-echo", address)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"bind {address}: Address already in use", done.stderr)


class UdpEchoClient(ServerTest):
    def server(self, answer):
        """A thread that answers each datagram with what `answer(number, data)` lists."""
        sock = udp_socket(self)
        sock.settimeout(0.05)
        ended = threading.Event()

        def serve():
            number = 0
            while not ended.is_set():
                try:
                    data, peer = sock.recvfrom(65536)
                except socket.timeout:
                    continue
                for reply in answer(number, data):
                    sock.sendto(reply, peer)
                number += 1

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(ended.set)
        return "127.0.0.1:%d" % sock.getsockname()[1]

    def test_a_message_and_lines_until_q(self):
        server = self.serve("udp-echo")
        address = server.addresses["udp-echo"]
        done = run("udp-echo", address, "hello")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello\n", ""))
        self.assertEqual(run("udp-echo", address, "").stdout, "\n")
        done = run("udp-echo", address, input="one\ntwo words\n\nq\nnot this\n")
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwo words\n\n"))
        self.assertEqual(run("udp-echo", address, input="no newline").stdout, "no newline\n")
        self.assertEqual(run("udp-echo", f"localhost:{server.ports['udp-echo']}", "by name").stdout,
                         "by name\n")

    def test_the_longest_message_and_one_more(self):
        address = self.serve("udp-echo").addresses["udp-echo"]
        longest = "x" * LONGEST
        done = run("udp-echo", address, input=longest)
        self.assertEqual(done.stdout, longest + "\n")
        done = run("udp-echo", address, input=longest + "x")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("65507", done.stderr)

    def test_nobody_there_is_named(self):
        free = udp_socket(self)
        address = "127.0.0.1:%d" % free.getsockname()[1]
        free.close()
        done = run("udp-echo", address, "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{address}: connection refused", done.stderr)

    def test_silence_is_named_after_some_tries(self):
        asked = []
        address = self.server(lambda number, data: asked.append(data) or [])
        done = run("udp-echo", "--wait", "50", "--tries", "4", address, "anybody?")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing came back, asked 4 times", done.stderr)
        wait_until(lambda: len(asked) == 4)

    def test_what_was_lost_is_asked_again(self):
        address = self.server(lambda number, data: [data] if number % 3 == 2 else [])
        done = run("udp-echo", "--wait", "100", address, input="one\ntwo\n")
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwo\n"))

    def test_late_and_double_answers_are_not_the_next_ones(self):
        before = []

        def answer(number, data):
            before.append(data)
            return [*before, data, data]

        address = self.server(answer)
        done = run("udp-echo", address, input="one\ntwo\nthree\n")
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwo\nthree\n"))

    def test_another_answer_is_no_echo(self):
        address = self.server(lambda number, data: [b"something else"])
        done = run("udp-echo", "--wait", "50", "--tries", "2", address, "x")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("answered something else", done.stderr)

    def test_only_who_was_asked_is_heard(self):
        stranger = udp_socket(self)
        asked = udp_socket(self)
        process = subprocess.Popen(
            [PROGRAM, "udp-echo", "--wait",
             str(PATIENCE * 1000), "127.0.0.1:%d" % asked.getsockname()[1], "x"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        data, peer = asked.recvfrom(100)
        stranger.sendto(b"x", peer)
        self.assertIsNone(process.poll())
        asked.sendto(b"x", peer)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_wrong_usage(self):
        for arguments in ([], ["127.0.0.1"], ["127.0.0.1:1", "x", "y"], ["127.0.0.1:99999", "x"],
                          ["--tries", "0", "127.0.0.1:1", "x"], ["--wait", "x", "127.0.0.1:1"]):
            self.assertEqual(run("udp-echo", *arguments).returncode, 2, arguments)


class Lecture(ServerTest):
    def test_its_client(self):
        server = self.serve("udp-echo")
        client = lecture_program(self, "udp_echo_client.py", "127.0.0.1", server.ports["udp-echo"])
        self.assertEqual(client.communicate(timeout=PATIENCE)[0], b"Received b'Hello, UDP'\n")

    def test_its_server(self):
        server = lecture_program(self, "udp_echo_server.py")
        address = "127.0.0.1:%d" % int(server.stdout.readline())
        done = run("udp-echo", address, input="one\ntwo words\nq\n")
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwo words\n"))


if __name__ == "__main__":
    unittest.main()
