"""`sluice serve` from start to end: its table, its settings, its signals, its manners."""

import fcntl
import hashlib
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import (ANY, GO_ON, PATIENCE, PROGRAM, SHUTTING_DOWN, Server, ServerTest, arrived,
                     end_with_parent, exchange, header, pattern, receive,
                     receive_all, receive_reply, reset, run, upload, wait_until)

ALL = ("echo", "time", "words", "drop", "offer")
DATA = pattern(1 << 20)


class Start(ServerTest):
    def test_prints_a_line_for_each_service_with_the_port_that_was_chosen(self):
        server = self.serve(*ALL)
        self.assertEqual(server.output.decode(),
                         "".join(f"{name} listening on 127.0.0.1:{server.ports[name]}\n"
                                 for name in ALL))
        self.assertEqual(len(set(server.ports.values())), len(ALL))
        self.assert_serves(server)

    def test_serves_only_what_was_named(self):
        server = self.serve("words")
        self.assertEqual(server.output.decode().count("listening"), 1)
        self.assertEqual(server.stored() if server.drop_dir.exists() else [], [])

    def test_serves_over_ipv6(self):
        if not pathlib.Path("/proc/net/if_inet6").exists():
            self.skipTest("this machine has no IPv6")
        server = self.serve(options=["--echo", "[::1]:0"])
        self.assertTrue(server.addresses["echo"].startswith("[::1]:"))
        with socket.create_connection(("::1", server.ports["echo"]), PATIENCE) as client:
            self.assertEqual(exchange(client, b"six"), b"six")
        server.wait_for_log(r"\[::1\]:\d+ closed by peer")

    def test_a_port_is_free_again_at_once_after_the_end(self):
        server = self.serve("echo")
        client = self.connect(server, "echo")
        client.sendall(b"x")
        receive(client, 1)
        server.stop()
        again = self.serve(options=["--echo", server.addresses["echo"]])
        self.assert_serves(again)

    def test_without_any_service_serves_all_with_data_of_its_own_and_a_table(self):
        server = self.enterContext(DefaultServer())
        table = server.output.decode().partition("\n\n")[2].splitlines()
        self.assertRegex(table[0], r"SERVICE +ADDRESS +TRY")
        for name in ALL:
            row = next((row for row in table if row.startswith(f"  {name} ")), "")
            self.assertRegex(row, rf"{name} +(127\.0\.0\.1:\d+ +\S.*|- +not started: .+in use)")
        self.assertTrue((server.directory / "sluice-data" / "drop").is_dir())
        offered = (server.directory / "sluice-data" / "offer" / "welcome.txt").read_bytes()
        if "offer" in server.ports:
            self.assertIn(offered, server.ask("offer", b"SLUICE/1\n"))
        if "drop" in server.ports:
            server.ask("drop", b"a file")
            stored = server.directory / "sluice-data" / "drop" / "output_0.txt"
            self.assertEqual(stored.read_bytes(), b"a file")

    def test_the_table_names_what_could_not_be_started_and_the_rest_runs(self):
        first = self.enterContext(DefaultServer())
        second = self.enterContext(DefaultServer(patient=False))
        said = second.output.decode() + second.log()
        for name in first.ports.keys() - {"multicast"}:  # a group is heard by whoever wants to
            self.assertRegex(said, rf"{name}.*Address already in use", name)

    def test_a_second_start_keeps_the_data_that_is_there(self):
        with DefaultServer() as server:
            welcome = server.directory / "sluice-data" / "offer" / "welcome.txt"
            welcome.write_bytes(b"changed")
            server.restart()
            self.assertEqual(welcome.read_bytes(), b"changed")


class DefaultServer(Server):
    """`sluice serve` and nothing more. The default ports may be in use on this machine."""

    def __init__(self, patient=True):
        super().__init__()
        self.patient = patient

    def start(self):
        self.log_path = self.directory / "stderr"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=log,
                                            stdout=subprocess.PIPE, **self.how)
        self.output, self.ports = b"", {}
        deadline = time.monotonic() + PATIENCE
        try:
            while b"Stop with" not in self.output:
                self.read_output(deadline)
        except AssertionError:
            if "no service could be started" not in self.log():
                raise
            if self.patient:
                raise unittest.SkipTest("every default port is in use on this machine") from None
            self.status = 1
        return self


class Help(unittest.TestCase):
    def test_help_and_version_go_to_standard_output_with_status_0(self):
        for arguments in (["--help"], ["-h"], ["help"], ["serve", "--help"], ["serve", "-h"],
                          ["serve", "--echo", ANY, "--help"]):
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
            self.assertIn("usage: sluice", done.stdout)
        self.assertRegex(run("--version").stdout, r"\Asluice \d+\.\d+\S*\n\Z")

    def test_every_command_has_a_help_that_names_it(self):
        commands = re.findall(r"^  (\w[\w-]*) ", run("--help").stdout, re.M)
        known = {"serve", "echo", "time", "words", "drop", "receive"}
        self.assertGreaterEqual(set(commands), known)
        for command in commands:
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"usage: sluice {command}", done.stdout)

    def test_no_command_and_an_unknown_one_are_wrong_usage(self):
        for arguments in ([], ["nonsense"], ["--nonsense"], [""]):
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertTrue(done.stderr.startswith("sluice "), done.stderr)

    def test_a_full_standard_output_is_an_error(self):
        for arguments in (["--help"], ["--version"], ["serve", "--help"], ["echo", "--help"],
                          ["serve", "--version"], ["ftp", "--version"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      timeout=PATIENCE)
            self.assertEqual(done.returncode, 1, arguments)


class Settings(ServerTest):
    def configured(self, text, *arguments):
        server = Server(options=["--config", "the.conf", *arguments])
        (server.directory / "the.conf").write_text(text)
        (server.directory / "files").mkdir()
        server.drop_dir = server.directory / "files"
        return self.enterContext(server)

    def test_a_file_names_services_and_options(self):
        server = self.configured("# services\n\n  echo = 127.0.0.1:0  \necho-mode=once\r\n"
                                 "drop = 127.0.0.1:0\ndrop-dir = files\nsync\ndrop-hidden = yes\n")
        wait_until(lambda: self.read_more(server, 2), "both services")
        self.assertEqual(upload(server, b".hidden", b"x").status, GO_ON)
        self.assertEqual(server.ask("echo", b"once"), b"once")
        server.wait_until_closed("echo")

    def read_more(self, server, count):
        if len(server.ports) < count:
            server.read_output(time.monotonic() + PATIENCE)
        return len(server.ports) >= count

    def test_no_means_not(self):
        server = self.configured("drop = 127.0.0.1:0\ndrop-dir = files\ndrop-hidden = no\n")
        self.assertNotEqual(upload(server, b".hidden", b"x").status, GO_ON)

    def test_the_command_line_has_the_last_word(self):
        server = self.configured("echo = 127.0.0.1:1\necho-mode = once\n",
                                 "--echo", ANY, "--echo-mode", "concurrent")
        for _ in range(3):
            self.assert_serves(server)

    def test_the_last_of_two_lines_counts(self):
        server = self.configured("words = 127.0.0.1:1\nwords = 127.0.0.1:0\n")
        self.assert_serves(server)

    def test_every_selector_serves(self):
        for selector in ("epoll", "poll", "select"):
            with self.subTest(selector):
                with Server(*ALL, options=["--selector", selector]) as server:
                    clients = [server.connect("echo") for _ in range(50)]
                    self.assert_serves(server)
                    for client in clients:
                        self.assertEqual(exchange(client, DATA[:100_000]), DATA[:100_000])
                        client.close()

    def test_select_refuses_what_is_beyond_its_set_and_goes_on(self):
        server = self.serve("echo", options=["--selector", "select"])
        clients = []
        for _ in range(1100):
            try:
                clients.append(self.connect(server, "echo"))
            except ConnectionResetError:
                pass  # one of those beyond
        served = 0
        for client in clients:
            try:
                served += exchange(client, b"x") == b"x"
            except OSError:
                pass
            client.close()
        self.assertGreater(served, 900)
        self.assert_serves(server)

    def test_select_logs_once_that_its_set_is_full_and_serves_those_in_it(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        if before[1] != resource.RLIM_INFINITY and before[1] < 1400:
            self.skipTest(f"only {before[1]} descriptors a process are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (1400, before[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        server = self.serve("echo", options=["--selector", "select"])
        clients = [self.connect(server, "echo") for _ in range(1200)]
        server.wait_for_log(" warning | error ")
        for client in clients[:1000]:
            client.sendall(b"x")
            self.assertEqual(receive(client, 1), b"x")
        self.assertEqual(len(re.findall(" warning | error ", server.log())), 1)
        for client in clients:
            client.close()
        wait_until(lambda: self.serves(server), "the server to take connections again")

    def serves(self, server):
        try:
            return server.ask("echo", b"again") == b"again"
        except OSError:
            return False

    def test_log_levels_hold_back_what_is_below(self):
        for level, expected in (("error", ()), ("warning", ("warning",)),
                                ("info", ("warning", "info")), ("debug", ("warning", "info"))):
            with Server("drop", options=["--log-level", level]) as server:
                server.ask("drop", b"a file")
                self.assertNotEqual(upload(server, b"..", b"x").status, GO_ON)
                said = set(re.findall(r"^[\d-]+ [\d:]+ (\w+) \w+: ", server.log(), re.M))
                self.assertGreaterEqual(said, set(expected))
                self.assertFalse(said - set(expected) - {"debug"}, level)


class Log(ServerTest):
    def test_goes_to_a_file_and_is_appended_to(self):
        server = self.serve("echo", options=["--log-file", "the.log"])
        path = server.directory / "the.log"
        path.write_text("before\n" + path.read_text())
        self.assert_serves(server)
        wait_until(lambda: "closed by peer" in path.read_text(), "the log")
        self.assertTrue(path.read_text().startswith("before\n"))
        self.assertEqual(server.log(), "")

    def test_is_opened_anew_at_sighup(self):
        server = self.serve("echo", options=["--log-file", "the.log"])
        path, moved = server.directory / "the.log", server.directory / "the.log.1"
        self.assert_serves(server)
        path.rename(moved)
        server.signal(signal.SIGHUP)
        wait_until(path.exists, "a new log")
        before = moved.read_text()
        self.assert_serves(server)
        wait_until(lambda: "connected" in path.read_text(), "the new log")
        self.assertEqual(moved.read_text(), before)

    def test_sighup_without_a_log_file_harms_nothing(self):
        server = self.serve("echo")
        for _ in range(3):
            server.signal(signal.SIGHUP)
            self.assert_serves(server)

    def test_a_log_that_cannot_be_opened_anew_is_said_and_the_old_one_goes_on(self):
        server = self.serve("echo", options=["--log-file", "folder/the.log"],
                            cwd=self.folder_with_log())
        folder = pathlib.Path(server.how["cwd"])
        (folder / "folder").rename(folder / "moved")
        server.signal(signal.SIGHUP)
        old = folder / "moved" / "the.log"
        wait_until(lambda: "No such file" in old.read_text(), "the complaint")
        self.assert_serves(server)

    def folder_with_log(self):
        folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="sluice-test-")))
        (folder / "folder").mkdir()
        return folder

    def test_lines_begin_with_the_time_the_level_and_the_service(self):
        server = self.serve("echo")
        self.assert_serves(server)
        server.wait_for_log("closed by peer")
        for line in server.log().splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info echo: 127\.0\.0\.1:\d+ ")

    def test_a_log_that_nobody_reads_holds_nobody_up_and_says_how_much_is_lost(self):
        ours, theirs = os.pipe()
        reading = self.enterContext(open(ours, "rb", buffering=0))
        room = fcntl.fcntl(theirs, fcntl.F_GETPIPE_SZ)
        os.write(theirs, b"x" * room)
        server = self.serve("echo", preexec=lambda: os.dup2(theirs, 2))
        self.addCleanup(reading.close)  # a server that is stuck in a write goes on then
        os.close(theirs)
        for number in range(20):
            with server.connect("echo") as client:
                client.settimeout(10)
                self.assertEqual(exchange(client, b"x"), b"x", number)
        self.assertEqual(reading.read(room), b"x" * room)
        server.settle("echo")
        said = b""
        while b"lines lost\n" not in said:
            self.assertTrue(select.select([reading], [], [], 10)[0], said)
            said += reading.read(65536)
        lost = int(re.search(rb"(\d+) lines lost\n", said)[1])
        self.assertTrue(20 <= lost <= 40, said)  # of each client that it came and went
        self.assert_serves(server)

    def test_a_full_disk_under_the_log_does_not_stop_the_server(self):
        server = self.serve("echo", options=["--log-file", "/dev/full"])
        self.assert_serves(server)


class Drain(ServerTest):
    def wait_for_drain(self, server):
        server.wait_for_log("serve: draining")

    def test_ends_with_status_0_when_idle(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server(*ALL) as server:
                server.signal(number)
                self.assertEqual(server.wait(), 0)

    def test_ends_at_once_although_idle_clients_are_connected(self):
        server = self.serve("echo", "words", "drop", "offer", options=["--drain", "50"])
        clients = [self.connect(server, name) for name in server.ports]
        server.settle("echo")
        server.signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(receive_all(client), b"")
            client.close()
        self.assertEqual(server.wait(), 0)

    def test_lets_uploads_finish_that_are_in_the_middle(self):
        server = self.serve("drop", "echo")
        raw, framed = self.connect(server, "drop"), self.connect(server, "drop")
        raw.sendall(DATA[:100_000])
        framed.sendall(header(b"name", len(DATA)) + DATA[:100_000])
        self.assertEqual(receive_reply(framed).status, GO_ON)
        arrived(raw)
        server.settle("drop")
        server.signal(signal.SIGTERM)
        self.wait_for_drain(server)
        server.wait_until_closed("drop")
        server.wait_until_closed("echo")
        raw.sendall(DATA[100_000:])
        framed.sendall(DATA[100_000:] + hashlib.sha256(DATA).digest())
        self.assertEqual(receive_reply(framed).status, GO_ON)
        self.assertEqual(exchange(raw, b""), b"")
        self.assertEqual(receive_all(framed), b"")
        for client in (raw, framed):
            client.close()
        self.assertEqual(server.wait(), 0)
        for name in ("name", "output_0.txt"):
            self.assertEqual((server.drop_dir / name).read_bytes(), DATA)

    def test_takes_no_further_file_on_a_connection_that_may_finish(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        client.sendall(header(b"first", 10) + b"12345")
        self.assertEqual(receive_reply(client).status, GO_ON)
        server.signal(signal.SIGTERM)
        self.wait_for_drain(server)
        client.sendall(b"67890" + hashlib.sha256(b"1234567890").digest() + header(b"second", 3))
        self.assertEqual(receive_reply(client).status, GO_ON)
        last = receive_reply(client)
        self.assertTrue(last is None or last.status == SHUTTING_DOWN)
        client.close()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.stored(), ["first"])

    def test_lets_a_download_finish_that_is_in_the_middle(self):
        data = pattern(32 << 20)
        server = self.serve("offer", offered=data)
        client = self.connect(server, "offer")
        client.sendall(b"SLUICE/1\n")
        head = receive(client, 10 + len(server.offer_file.name) + 1000)
        server.signal(signal.SIGTERM)
        self.wait_for_drain(server)
        received = head[10 + len(server.offer_file.name):] + receive_all(client)
        client.close()
        self.assertEqual(hashlib.sha256(received).digest(), hashlib.sha256(data).digest())
        self.assertEqual(server.wait(), 0)

    def test_owes_an_echo_to_who_reads_late(self):
        server = self.serve("echo")
        client = self.connect(server, "echo")
        client.sendall(DATA[:50_000])
        arrived(client)
        server.settle("echo")
        server.signal(signal.SIGTERM)
        self.wait_for_drain(server)
        self.assertEqual(receive_all(client), DATA[:50_000])
        client.close()
        self.assertEqual(server.wait(), 0)

    def test_waits_no_longer_than_told_and_nothing_partial_gets_its_name(self):
        server = self.serve("drop", "offer", options=["--drain", "1"], offered=pattern(32 << 20))
        raw, framed = self.connect(server, "drop"), self.connect(server, "drop")
        stuck = self.connect(server, "offer")
        raw.sendall(b"never ends")
        framed.sendall(header(b"name", 100) + b"never ends")
        stuck.sendall(b"SLUICE/1\n")
        self.assertEqual(receive_reply(framed).status, GO_ON)
        receive(stuck, 10)
        arrived(raw)
        server.settle("drop")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertGreater(time.monotonic() - began, 0.9)
        server.wait_for_log("the time to drain is over")
        self.assertEqual([name for name in server.stored() if not name.startswith(".")], [])
        with self.assertRaises(ConnectionResetError):
            raw.recv(100)

    def test_a_second_signal_ends_it_at_once_with_status_1(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            server = self.serve("drop", options=["--drain", "86400"], status=1)
            client = self.connect(server, "drop")
            client.sendall(b"never ends")
            arrived(client)
            server.settle("drop")
            server.signal(first)
            self.wait_for_drain(server)
            server.signal(second)
            self.assertEqual(server.wait(), 1)
            self.assertEqual(server.stored(), [])

    def test_drain_0_ends_at_once(self):
        server = self.serve("drop", options=["--drain", "0"])
        client = self.connect(server, "drop")
        client.sendall(b"never ends")
        arrived(client)
        server.settle("drop")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(server.stored(), [])

    def test_a_signal_right_after_the_ready_line_drains_too(self):
        for _ in range(20):
            with Server("echo") as server:
                server.signal(signal.SIGTERM)
                self.assertEqual(server.wait(), 0)


class Upkeep(ServerTest):
    def test_a_thousand_connections_leave_no_descriptor_behind(self):
        server = self.serve(*ALL, options=["--log-level", "warning"])
        self.assert_serves(server)
        wait_until(lambda: self.count_settles(server), "the first to be gone")
        before = server.descriptors()
        for number in range(1000):
            service = ALL[number % 5]
            client = server.connect(service)
            client.sendall((b"hello", b"", b"7\n", header(b"n", 9), b"SLUICE/1\n")[number % 5])
            if number % 3 == 0:
                reset(client)
            elif number % 3 == 1:
                client.close()
            else:
                exchange(client, b"")
                client.close()
        wait_until(lambda: server.descriptors() == before, "its descriptors to be closed")
        self.assert_serves(server)

    def count_settles(self, server):
        count = server.descriptors()
        time.sleep(0.1)
        return server.descriptors() == count

    def test_spends_no_time_while_idle(self):
        server = self.serve(*ALL)
        for service in ALL:
            self.connect(server, service)
        self.assert_serves(server)
        ticks = lambda: sum(map(int, pathlib.Path(
            f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        before = ticks()
        time.sleep(1)  # idleness cannot be waited for
        self.assertLess(ticks() - before, 20)  # of 100

    def test_one_thread_and_no_child(self):
        server = self.serve(*ALL)
        self.assert_serves(server)
        tasks = os.listdir(f"/proc/{server.process.pid}/task")
        self.assertEqual(len(tasks), 1)
        children = pathlib.Path(f"/proc/{server.process.pid}/task/{tasks[0]}/children")
        if children.exists():
            self.assertEqual(children.read_text(), "")

    def test_serves_although_started_without_any_standard_stream(self):
        with tempfile.TemporaryDirectory(prefix="sluice-test-") as folder:
            path = f"{folder}/the.socket"
            how = {"cwd": folder, "preexec_fn": lambda: (
                end_with_parent(), [os.close(number) for number in range(3)])}
            process = subprocess.Popen(
                [PROGRAM, "serve", f"--words=unix:{path}", "--words-gap=60000"], **how)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            wait_until(lambda: self.connects(path), "the server")
            clients = [socket.socket(socket.AF_UNIX) for _ in range(5)]
            for client in clients:
                self.addCleanup(client.close)
                client.settimeout(10)
                client.connect(path)
            for client in clients:  # nothing but the answer: no line of a log that went astray
                self.assertEqual(exchange(client, b"7\n"), b"seven\n")
                client.close()
            for stream in self.streams(process):
                self.assertNotRegex(stream, "socket|anon_inode")
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)

    def connects(self, path):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(path) == 0

    def streams(self, process):
        return [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]

    def test_goes_on_when_standard_output_is_closed(self):
        server = self.serve("echo")
        server.process.stdout.close()
        self.assert_serves(server)


if __name__ == "__main__":
    unittest.main()
