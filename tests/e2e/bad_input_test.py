"""Bad input of every kind: what a person gets wrong, what a client does, what the system lacks."""

import os
import random
import resource
import shutil
import socket
import tempfile
import pathlib
import unittest

from harness import (ANY, ServerTest, arrived, exchange, header, is_silent,
                     pattern, receive, receive_reply, reset, run, wait_until)

ALL = ("echo", "time", "words", "drop", "offer")


class WrongUsage(ServerTest):
    """What a person gets wrong is said in one sentence, and the status is 2."""

    def assert_misused(self, words, *arguments, **how):
        done = run("serve", *arguments, **how)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("sluice serve: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_an_address_that_is_none(self):
        for text in ("", "127.0.0.1", "127.0.0.1:", ":", "127.0.0.1:65536", "127.0.0.1:-1",
                     "256.0.0.1:80", "127.0.0.1:80x", "127.0.0.1:0x50", "[::1:80", "::1]:80",
                     "127.0.0.1:99999999999999999999", "127.0.0.1 :80"):
            self.assert_misused(["--echo " + text], "--echo", text)

    def test_an_option_that_is_none(self):
        self.assert_misused(["--nonsense"], "--nonsense")
        self.assert_misused(["-x"], "-x")
        self.assert_misused(["--nonsense"], "--echo", ANY, "--nonsense=1")

    def test_an_operand(self):
        self.assert_misused(["here"], "here")

    def test_an_option_without_its_value(self):
        self.assert_misused(["--echo"], "--echo")
        self.assert_misused(["--drop-dir"], "--drop", ANY, "--drop-dir")

    def test_a_flag_with_a_value(self):
        self.assert_misused(["--sync"], "--drop", ANY, "--sync=1")

    def test_an_option_without_its_service(self):
        for option, value in (("--drop-dir", "/tmp"), ("--drop-clients", "1"),
                              ("--echo-mode", "once"), ("--offer-file", "/etc/hostname"),
                              ("--words-gap", "5")):
            service = option.split("-")[2]
            other = "time" if service != "time" else "echo"
            self.assert_misused([option, "--" + service], "--" + other, ANY, option, value)

    def test_values_that_an_option_does_not_take(self):
        for service, option, values in (
                ("echo", "--echo-mode", ("twice", "")),
                ("words", "--words-gap", ("0", "-1", "x", "", "1.5", "60001", "9" * 30)),
                ("drop", "--drop-clients", ("0", "-1", "many")),
                ("drop", "--drop-max-size", ("0", "1k")),
                ("offer", "--offer-pause", ("-1", "soon")),
                ("echo", "--drain", ("-1", "x", "86401")),
                ("echo", "--selector", ("kqueue", "")),
                ("echo", "--log-level", ("loud", ""))):
            for value in values:
                self.assert_misused([option], "--" + service, ANY, f"{option}={value}")


class BadConfiguration(ServerTest):
    def check(self, text, line, *words):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(text)
            file.flush()
            done = run("serve", "--config", file.name)
            self.assertEqual(done.returncode, 2, done)
            for word in (f"{file.name}, line {line}: ", *words):
                self.assertIn(word, done.stderr)

    def test_a_bad_line_is_named_by_its_number(self):
        self.check("nonsense = 1\n", 1, "nonsense")
        self.check("# comment\n\n  echo = 127.0.0.1:0\nbad line\n", 4, "bad line")
        self.check("echo = 127.0.0.1:0\necho-mode\n", 2, "echo-mode")
        self.check("echo = 127.0.0.1:0\n--echo = 127.0.0.1:0\n", 2)
        self.check("drop = 127.0.0.1:0\nsync = perhaps", 2, "sync", "perhaps")
        self.check("config = other.conf\n", 1, "config")
        self.check("= 5\n", 1)

    def test_a_file_that_is_not_there_or_a_directory(self):
        done = run("serve", "--config", "/nonexistent/file")
        self.assertIn("/nonexistent/file: No such file or directory", done.stderr)
        self.assertEqual(done.returncode, 2)
        self.assertIn("Is a directory", run("serve", "--config", "/tmp").stderr)

    def test_bytes_of_every_kind(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(range(256)) * 100)
            file.flush()
            self.assertEqual(run("serve", "--config", file.name).returncode, 2)


class CannotStart(ServerTest):
    """What the system refuses is said with the reason, and the status is 1."""

    def assert_fails(self, words, *arguments, **how):
        done = run("serve", *arguments, **how)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        return done.stderr

    def folder(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        path.chmod(0o755)
        return path

    def taken_port(self, low=None):
        taken = socket.socket()
        self.addCleanup(taken.close)
        for _ in range(200):
            try:
                taken.bind(("127.0.0.1", low and random.randrange(low, low + 10_000)))
                break
            except OSError:
                continue
        taken.listen()
        return taken.getsockname()[1]

    def ephemeral_range(self):
        text = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        return [int(word) for word in text.split()]

    def test_a_port_in_use(self):
        for service, options in (("echo", ()), ("drop", ("--drop-dir", "/tmp"))):
            address = f"127.0.0.1:{self.taken_port(0)}"
            self.assert_fails([f"sluice serve: {service}: ", f"{address}: Address already in use"],
                              "--" + service, address, *options)

    def test_a_port_in_use_in_the_ephemeral_range_is_explained(self):
        low, high = self.ephemeral_range()
        port = self.taken_port(0)
        if not low <= port <= high:
            self.skipTest("the kernel chose a port outside its own range")
        self.assert_fails(["net.ipv4.ip_local_reserved_ports"], "--echo", f"127.0.0.1:{port}")

    def test_a_port_in_use_below_it_needs_no_explanation(self):
        low, _ = self.ephemeral_range()
        if low < 21_000:
            self.skipTest("every port lies in the ephemeral range here")
        port = self.taken_port(low - 10_001)
        said = self.assert_fails(["in use"], "--echo", f"127.0.0.1:{port}")
        self.assertNotIn("ip_local_reserved_ports", said)

    def test_one_of_two_services_that_cannot_start_ends_both(self):
        address = f"127.0.0.1:{self.taken_port(0)}"
        self.assert_fails(["words: "], "--echo", ANY, "--words", address)

    def test_an_address_of_another_machine(self):
        self.assert_fails(["192.0.2.1:", "Cannot assign requested address"],
                          "--echo", "192.0.2.1:0")

    def test_a_directory_that_is_not_there_or_is_none(self):
        path = self.folder() / "missing"
        self.assert_fails(["drop: ", f"{path}: No such file or directory"],
                          "--drop", ANY, "--drop-dir", path)
        path.write_bytes(b"a file")
        self.assert_fails(["drop: ", f"{path}: Not a directory"],
                          "--drop", ANY, "--drop-dir", path)

    def test_a_directory_that_is_not_writable(self):
        path = self.folder()
        path.chmod(0o555)
        how = {}
        if os.geteuid() == 0:
            if not self.can_run_as_nobody():
                self.skipTest("root writes everywhere, and the program cannot run as nobody here")
            how = {"user": 65534, "group": 65534, "extra_groups": []}
        self.assert_fails([f"directory {path} is not writable", "Permission denied"],
                          "--drop", ANY, "--drop-dir", path, **how)

    def can_run_as_nobody(self):
        try:
            return run("--version", user=65534, group=65534, extra_groups=[]).returncode == 0
        except OSError:
            return False

    def test_a_directory_in_which_no_file_can_be_made(self):
        self.assert_fails(["directory /proc/self is not writable"],
                          "--drop", ANY, "--drop-dir", "/proc/self")

    def test_a_file_to_offer_that_is_not_there_or_none(self):
        path = self.folder()
        self.assert_fails(["offer: ", f"{path}/gone: No such file or directory"],
                          "--offer", ANY, "--offer-file", path / "gone")
        self.assert_fails([f"{path}: Is a directory"], "--offer", ANY, "--offer-file", path)
        self.assert_fails(["/dev/null"], "--offer", ANY, "--offer-file", "/dev/null")
        os.mkfifo(path / "pipe")
        self.assert_fails(["regular file"], "--offer", ANY, "--offer-file", path / "pipe")

    def test_a_log_that_cannot_be_opened(self):
        self.assert_fails(["/nonexistent/log: No such file or directory"],
                          "--echo", ANY, "--log-file", "/nonexistent/log")


class FewDescriptors(ServerTest):
    LIMIT = 64
    NOTICE = "new connections have to wait"

    def limited(self, *services, **how):
        return self.serve(*services, preexec=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (self.LIMIT, self.LIMIT)), **how)

    def answered(self, client):
        try:
            client.settimeout(0.2)
            client.sendall(b"x")
            return client.recv(1) == b"x"
        except OSError:
            return False

    def test_connections_beyond_are_shed_logged_once_and_then_taken_again(self):
        server = self.limited("echo")
        clients = [self.connect(server, "echo") for _ in range(self.LIMIT + 36)]
        server.wait_for_log(self.NOTICE)
        served = [client for client in clients if self.answered(client)]
        self.assertGreater(len(served), self.LIMIT // 2)
        self.assertLess(len(served), self.LIMIT)
        self.assertEqual(server.log().count(self.NOTICE), 1)
        for client in served:
            self.assertTrue(self.answered(client))
        for client in clients:
            client.close()
        self.assert_serves_soon(server)

    def assert_serves_soon(self, server):
        def serves():
            try:
                return server.ask("echo", b"again") == b"again"
            except OSError:
                return False

        wait_until(serves, "the server to take connections again")

    def test_it_spends_no_time_while_nothing_can_be_taken(self):
        server = self.limited("echo")
        clients = [self.connect(server, "echo") for _ in range(self.LIMIT + 36)]
        server.wait_for_log(self.NOTICE)
        before = self.cpu_ticks(server)
        self.assertTrue(is_silent(clients[0], 1))
        self.assertLess(self.cpu_ticks(server) - before, 30)  # of 100

    def cpu_ticks(self, server):
        fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return int(user) + int(system)

    def test_uploads_that_need_a_file_too_are_whole_or_told(self):
        server = self.limited("drop", "echo")
        clients = []
        for number in range(50):
            client = self.connect(server, "drop")
            client.settimeout(5)
            client.sendall(header(b"name-%d" % number, 10))
            clients.append(client)
        replies = []
        for client in clients:
            try:
                replies.append(receive_reply(client))
            except (OSError, AssertionError):
                replies.append(None)  # shed
        self.assertTrue(any(reply and reply.status == 0 for reply in replies))
        self.assertEqual([name for name in server.stored() if not name.startswith(".")], [])
        for client in clients:
            client.close()
        self.assert_serves_soon(server)
        self.assert_serves(server)


class Silence(ServerTest):
    def test_ten_thousand_that_say_nothing_keep_nobody_waiting(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        limit = before[1] if before[1] != resource.RLIM_INFINITY else 1 << 20
        count = min(10_000, limit - 500)
        if count < 2000:
            self.skipTest(f"only {limit} descriptors a process are allowed here, 2,500 are needed")
        server = self.serve("echo", "drop", options=["--log-level", "warning"])
        clients = []
        try:
            for number in range(count):
                clients.append(server.connect("echo" if number % 2 else "drop"))
            wait_until(lambda: server.descriptors() > count, "all to be accepted")
            data = pattern(1 << 20)
            self.assertEqual(server.ask("echo", data), data)
            self.assert_serves(server)
            for client in clients[1::1000]:
                client.sendall(b"and now I speak")
                self.assertEqual(receive(client, 15), b"and now I speak")
        finally:
            for client in clients:
                client.close()


class RudeClients(ServerTest):
    """A reset after every byte sent and every byte received, on every service."""

    def exchanges(self):
        data = pattern(40)
        return {
            "echo": [(b"hello", 5)],
            "time": [(b"", 24)],
            "words": [(b"7\n", 6), (b"8", 5)],
            "drop": [(header(b"rude", 40), 11), (data, 0), (b"d" * 32, 11)],
            "offer": [(b"SLUICE/1\n", 10 + 16 + 7)],
        }

    def reset_after(self, server, service, steps, sent_most, received_most):
        client = server.connect(service)
        for sending, receiving in steps:
            part = sending[:max(sent_most, 0)]
            client.sendall(part)
            sent_most -= len(part)
            if len(part) < len(sending):
                break
            if receiving and received_most > 0:
                received_most -= len(receive(client, min(receiving, received_most)))
        reset(client)

    def test_a_reset_at_every_point_of_every_exchange(self):
        server = self.serve(*ALL)
        for service, steps in self.exchanges().items():
            to_send = sum(len(step[0]) for step in steps)
            to_receive = sum(step[1] for step in steps)
            for sent in range(to_send + 1):
                self.reset_after(server, service, steps, sent, 1 << 20)
            for received in range(to_receive + 1):
                self.reset_after(server, service, steps, 1 << 20, received)
            self.assert_serves(server)
        self.assertEqual([name for name in server.stored() if not name.startswith((".", "proof"))],
                         [])

    def test_a_fin_at_every_point_and_never_reading(self):
        server = self.serve(*ALL)
        for service, steps in self.exchanges().items():
            whole = b"".join(step[0] for step in steps)
            for end in range(0, len(whole) + 1, 3):
                client = server.connect(service)
                client.sendall(whole[:end])
                client.close()
        self.assert_serves(server)

    def test_bytes_that_mean_nothing_to_any_service(self):
        server = self.serve(*ALL)
        dice = random.Random(7)
        for _ in range(20):
            for service in ALL:
                with server.connect(service) as client:
                    exchange(client, dice.randbytes(dice.randrange(5000)))
        self.assert_serves(server)

    def test_urgent_data_is_no_reason_to_fall_over(self):
        server = self.serve(*ALL)
        for service in ALL:
            client = server.connect(service)
            client.send(b"!", socket.MSG_OOB)
            arrived(client)
            client.close()
        self.assert_serves(server)


if __name__ == "__main__":
    unittest.main()
