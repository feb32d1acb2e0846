"""The client commands: echo, time, words, drop, receive, against our server and hostile ones."""

import hashlib
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import (PATIENCE, PROGRAM, ServerTest, end_with_parent, pattern, receive, reset, run,
                     wait_until)
from terminal import read_to_end

DATA = pattern(300_000)
QUESTION = "Enter the file name to send: (or 'exit' to end)"
ERROR = "error: expected a whole number from 1 to 10"


def receive_until_end(client):
    """All that comes until a FIN or a reset."""
    said = b""
    try:
        while part := client.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said


class ClientTest(ServerTest):
    def setUp(self):
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-")))

    def sluice(self, *arguments, status=0, **how):
        """Runs a command; what it says where the status is 0 goes to standard output only."""
        how.setdefault("cwd", self.folder)
        done = run(*arguments, **how)
        self.assertEqual(done.returncode, status, done)
        if status == 0:
            self.assertEqual(done.stderr, "")
        else:
            self.assertTrue(done.stderr.startswith(f"sluice {arguments[0]}: "), done.stderr)
        return done

    def start(self, *arguments, **how):
        """Starts a command that a test has more to do with."""
        how.setdefault("preexec_fn", end_with_parent)
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, **how)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def file(self, name, data):
        path = self.folder / os.fsdecode(name)
        path.write_bytes(data)
        return path

    def hostile(self, behave):
        """A server of one thread that does `behave(connection)` with each client; its address."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.settimeout(PATIENCE)
                try:
                    with client:
                        behave(client)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        # Closing alone would leave the thread in accept().
        self.addCleanup(lambda: listener.shutdown(socket.SHUT_RDWR))
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def nobody(self):
        """An address that refuses."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            return f"127.0.0.1:{taken.getsockname()[1]}"


class Common(ClientTest):
    COMMANDS = {"echo": ["{}", "x"], "time": ["{}"], "words": ["{}", "1"],
                "drop": ["/etc/hostname", "{}"], "receive": ["{}"]}

    def words(self, command, address):
        return [command, *(word.format(address) for word in self.COMMANDS[command])]

    def test_nobody_there_is_said_with_status_1(self):
        for command in self.COMMANDS:
            address = self.nobody()
            done = self.sluice(*self.words(command, address), status=1)
            self.assertIn(f"cannot connect to {address}: Connection refused", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_no_address_and_a_bad_one_are_wrong_usage(self):
        for command in self.COMMANDS:
            self.sluice(command, status=2)
            self.sluice(*self.words(command, "127.0.0.1"), status=2)
            self.sluice(*self.words(command, "127.0.0.1:99999"), status=2)
            self.sluice(command, "--nonsense", status=2)

    def test_a_reset_is_told_as_such(self):
        for command in ("echo", "time", "words", "receive"):
            def behave(client):
                if command != "time":
                    client.recv(1)
                reset(client)
            done = self.sluice(*self.words(command, self.hostile(behave)), status=1)
            self.assertIn("reset by peer", done.stderr)

    def test_an_early_end_is_told_as_such(self):
        for command in ("echo", "time", "words", "receive"):
            def behave(client):
                client.shutdown(socket.SHUT_WR)
                receive(client, 1 << 20)
            done = self.sluice(*self.words(command, self.hostile(behave)), status=1)
            self.assertIn("closed by peer", done.stderr)

    def test_a_full_standard_output_is_an_error(self):
        server = self.serve("echo", "time", "words", "offer")
        with open("/dev/full", "wb") as full:
            for arguments in (["echo", server.addresses["echo"], "x"],
                              ["time", server.addresses["time"]],
                              ["words", server.addresses["words"], "1"],
                              ["receive", "-o", "-", server.addresses["offer"]]):
                done = subprocess.run([PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      timeout=PATIENCE)
                self.assertEqual(done.returncode, 1, arguments)
                self.assertIn(b"No space left", done.stderr)


    def test_standard_input_that_cannot_be_read_is_an_error(self):
        server = self.serve("echo", "words", "drop")
        for command in server.ports:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                done = self.sluice(command, server.addresses[command], stdin=folder, status=1)
            finally:
                os.close(folder)
            self.assertIn("Is a directory", done.stderr)

    def test_without_standard_output_the_answer_goes_nowhere_and_that_is_an_error(self):
        for command, answer in (("words", b"seven\n"), ("echo", b"7")):
            heard = []

            def behave(client):
                heard.append(client.recv(100))
                client.sendall(answer)
                heard.append(receive(client, 100))

            client = self.start_without([1], command, self.hostile(behave), "7",
                                        stderr=subprocess.PIPE)
            self.assertEqual(client.wait(PATIENCE), 1)
            with client.stderr:
                self.assertIn(b"standard output: ", client.stderr.read())
            wait_until(lambda: len(heard) == 2, "the end of the connection")
            self.assertEqual((heard[0].strip(), heard[1]), (b"7", b""))

    def test_without_standard_input_it_ends_as_at_its_end_or_with_an_error(self):
        server = self.serve("echo", "words", "drop")
        for command in server.ports:
            client = self.start_without([0], command, server.addresses[command],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertIn(client.wait(10), (0, 1), command)

    def test_without_standard_error_a_complaint_reaches_no_server(self):
        heard = []

        def behave(client):
            client.sendall(b"\0" * 5000)
            heard.append(receive_until_end(client))

        client = self.start_without([2], "words", self.hostile(behave), "7",
                                    stdout=subprocess.DEVNULL)
        self.assertEqual(client.wait(PATIENCE), 1)
        wait_until(lambda: heard, "the end of the connection")
        self.assertIn(heard[0].strip(), (b"7", b""))

    def start_without(self, streams, *arguments, **how):
        steps = lambda: (end_with_parent(), [os.close(number) for number in streams])
        return self.start(*arguments, preexec_fn=steps, **how)


class Echo(ClientTest):
    def test_prints_what_comes_back(self):
        address = self.serve("echo").addresses["echo"]
        for message in ("hello", "two words", "\u20ac", "", "x" * 100_000):
            self.assertEqual(self.sluice("echo", address, message).stdout, message + "\n")

    def test_reads_lines_until_q(self):
        address = self.serve("echo").addresses["echo"]
        done = self.sluice("echo", address, input="one\n\nthree\nq\nnever\n")
        self.assertEqual(done.stdout, "one\n\nthree\n")

    def test_reads_lines_until_the_end_and_the_last_needs_no_newline(self):
        address = self.serve("echo").addresses["echo"]
        self.assertEqual(self.sluice("echo", address, input="one\ntwo").stdout, "one\ntwo\n")
        self.assertEqual(self.sluice("echo", address, input="").stdout, "")

    def test_a_long_message_does_not_wait_for_itself(self):
        address = self.serve("echo").addresses["echo"]
        line = "y" * (4 << 20)
        self.assertEqual(self.sluice("echo", address, input=line + "\n").stdout, line + "\n")

    def test_an_answer_that_is_no_echo_is_an_error(self):
        address = self.hostile(lambda client: (client.recv(100), client.sendall(b"hallo")))
        self.sluice("echo", address, "hello", status=1)

    def test_notices_the_end_of_the_server_while_waiting_for_a_line(self):
        server = self.serve("echo")
        client = self.start("echo", server.addresses["echo"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        client.stdin.write(b"one\n")
        client.stdin.flush()
        self.assertEqual(client.stdout.readline(), b"one\n")
        server.stop()
        self.assertEqual(client.wait(PATIENCE), 1)
        self.assertIn(b"closed by peer", client.stderr.read())
        for pipe in (client.stdin, client.stdout, client.stderr):
            pipe.close()


class TimeAndWords(ClientTest):
    def test_time(self):
        address = self.serve("time").addresses["time"]
        told = time.mktime(time.strptime(self.sluice("time", address).stdout.rstrip("\n")))
        self.assertLess(abs(time.time() - told), 60)

    def test_time_shows_no_escape_sequence_of_a_server(self):
        address = self.hostile(lambda client: client.sendall(b"\x1b[2Jnow\n"))
        self.assertNotIn("\x1b", self.sluice("time", address).stdout)

    def test_time_ends_with_a_server_that_talks_for_ever(self):
        def behave(client):
            while True:
                client.sendall(b"tick " * 1000)
        self.sluice("time", self.hostile(behave), status=1)

    def test_words(self):
        address = self.serve("words").addresses["words"]
        self.assertEqual(self.sluice("words", address, "7").stdout, "seven\n")
        done = self.sluice("words", address, input="1\n10\n11\nq\n3\n")
        self.assertEqual(done.stdout, f"one\nten\n{ERROR}\n")


class Drop(ClientTest):
    def assert_stored(self, server, name, data):
        self.assertEqual((server.drop_dir / os.fsdecode(name)).read_bytes(), data)

    def test_uploads_files_under_their_base_names_and_is_quiet_in_a_pipe(self):
        server = self.serve("drop")
        contents = {"a.bin": DATA, "empty": b"", "with blank \u20ac": b"x"}
        paths = [self.file(name, data) for name, data in contents.items()]
        self.assertEqual(self.sluice("drop", *paths, server.addresses["drop"]).stdout, "")
        for name, data in contents.items():
            self.assert_stored(server, name, data)
        self.assertEqual(server.stored(), sorted(contents))
        self.assertEqual(server.log().count(" connected"), 1)

    def test_a_large_file(self):
        server = self.serve("drop")
        data = pattern(64 << 20)
        self.sluice("drop", self.file("large", data), server.addresses["drop"])
        stored = (server.drop_dir / "large").read_bytes()
        self.assertEqual(hashlib.sha256(stored).digest(), hashlib.sha256(data).digest())

    def test_tells_what_was_sent_where_asked(self):
        server = self.serve("drop")
        done = self.sluice("drop", "--verbose", self.file("a.bin", DATA), server.addresses["drop"])
        self.assertIn("a.bin", done.stdout)

    def test_shows_progress_on_a_terminal(self):
        server = self.serve("drop")
        path = self.file("a.bin", pattern(8 << 20))
        ours, theirs = pty.openpty()
        client = self.start("drop", path, server.addresses["drop"], stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.assertIn(b"a.bin", read_to_end(ours))
        os.close(ours)
        self.assertEqual(client.wait(PATIENCE), 0)

    def test_an_existing_name_is_refused_and_replaced_where_asked(self):
        server = self.serve("drop")
        address, path = server.addresses["drop"], self.file("name", b"one")
        self.sluice("drop", path, address)
        path.write_bytes(b"two")
        done = self.sluice("drop", path, address, status=1)
        self.assertIn("a file of that name is there already", done.stderr)
        self.assertIn("name", done.stderr)
        self.assert_stored(server, "name", b"one")
        self.sluice("drop", "--replace", path, address)
        self.assert_stored(server, "name", b"two")

    def test_one_refused_file_does_not_keep_the_others_from_being_sent(self):
        server = self.serve("drop")
        paths = [self.file(name, b"x") for name in ("a", ".hidden", "b")]
        done = self.sluice("drop", *paths, server.addresses["drop"], status=1)
        self.assertIn(".hidden", done.stderr)
        self.assertEqual(server.stored(), ["a", "b"])

    def test_a_file_that_cannot_be_read_is_named(self):
        server = self.serve("drop")
        address = server.addresses["drop"]
        for path, why in ((self.folder / "gone", "No such file"), (self.folder, "Is a directory"),
                          ("/dev/null", "not a regular file")):
            done = self.sluice("drop", path, address, status=1)
            self.assertIn(str(path), done.stderr)
            self.assertIn(why, done.stderr)
        self.assertEqual(server.stored(), [])

    def test_a_file_that_is_busy_does_not_keep_the_others_from_being_sent(self):
        server = self.serve("drop")
        busy, other = self.file("a", pattern(4 << 20)), self.file("b", b"b")
        door = Door(server, most=1 << 20)
        self.addCleanup(door.close)
        self.addCleanup(door.go_on.set)
        first = self.start("drop", "--no-retry", busy, door.address, stderr=subprocess.DEVNULL)
        wait_until(lambda: door.passed >= door.most, "the first part")
        done = self.sluice("drop", "--no-retry", busy, other, server.addresses["drop"], status=1)
        self.assertIn(str(busy), done.stderr)
        self.assertNotIn("not sent", done.stderr)
        self.assert_stored(server, "b", b"b")
        first.kill()

    def test_a_refusal_right_behind_the_go_on_is_shown(self):
        sentence = b"what was stored cannot be read back"
        reply = lambda status, offset, text=b"": struct.pack("!BQH", status, offset,
                                                             len(text)) + text
        for offset in (0, 500, 1000):
            def behave(client):
                client.recv(1000)
                client.sendall(reply(0, offset) + reply(9, 0, sentence))
                receive(client, 1 << 20)
            done = self.sluice("drop", "--no-retry", self.file("a", pattern(1000)),
                               self.hostile(behave), status=1)
            self.assertIn(sentence.decode(), done.stderr, offset)

    def test_a_file_of_the_kernel_whose_size_is_a_lie_is_refused_with_a_hint(self):
        server = self.serve("drop")
        done = self.sluice("drop", "/proc/cpuinfo", server.addresses["drop"], status=1)
        self.assertIn("/proc/cpuinfo", done.stderr)
        self.assertIn("--raw", done.stderr)
        self.assertEqual(server.stored(), [])

    def test_raw_from_a_file_and_from_standard_input(self):
        server = self.serve("drop")
        address = server.addresses["drop"]
        self.sluice("drop", "--raw", self.file("a.bin", DATA), address)
        self.sluice("drop", "--raw", "-", address, input="from a pipe")
        self.assert_stored(server, "output_0.txt", DATA)
        self.assert_stored(server, "output_1.txt", b"from a pipe")
        self.sluice("drop", "-", address, status=2)

    def test_raw_is_told_what_is_wrong(self):
        server = self.serve("drop", options=["--drop-max-size", "1000"])
        done = self.sluice("drop", "--raw", self.file("a.bin", DATA), server.addresses["drop"],
                           status=1)
        self.assertIn("the server says: error: ", done.stderr)

    def test_goes_on_by_itself_after_the_server_was_killed_and_started_again(self):
        data = pattern(48 << 20)
        path = self.file("large", data)
        server = self.serve("drop")
        # A door before the server, whose address stays the same and which can stand in the way.
        door = Door(server)
        self.addCleanup(door.close)
        client = self.start("drop", path, door.address, stderr=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        wait_until(lambda: door.passed > (8 << 20), "the first part")
        server.kill()
        server.restart()
        output, errors = client.communicate(timeout=PATIENCE)
        self.assertEqual(client.returncode, 0, errors)
        self.assertIn(b"trying again", errors)
        self.assertEqual(output, b"")
        stored = (server.drop_dir / "large").read_bytes()
        self.assertEqual(hashlib.sha256(stored).digest(), hashlib.sha256(data).digest())
        self.assertEqual(server.stored(), ["large"])
        self.assertLess(door.passed, len(data) + (9 << 20), "it was sent anew")

    def test_no_retry_leaves_it_at_the_first_break(self):
        address = self.hostile(lambda client: (client.recv(100), reset(client)))
        done = self.sluice("drop", "--no-retry", self.file("a", b"x"), address, status=1)
        self.assertNotIn("trying again", done.stderr)

    def test_a_second_run_goes_on_where_the_first_was_ended(self):
        data = pattern(64 << 20)
        path = self.file("large", data)
        server = self.serve("drop")
        door = Door(server, most=8 << 20)
        self.addCleanup(door.close)
        client = self.start("drop", path, door.address)
        wait_until(lambda: door.passed >= (8 << 20), "the first part")
        client.kill()
        client.wait(PATIENCE)
        door.go_on.set()
        server.wait_for_log("kept for a resume|reset by peer")
        self.sluice("drop", path, server.addresses["drop"])
        stored = (server.drop_dir / "large").read_bytes()
        self.assertEqual(hashlib.sha256(stored).digest(), hashlib.sha256(data).digest())

    def test_servers_that_answer_nonsense_are_an_error_not_a_hang(self):
        path = self.file("a", DATA)
        reply = lambda status, offset, text=b"": struct.pack("!BQH", status, offset,
                                                             len(text)) + text
        for answer in (reply(0, len(DATA) + 1), reply(200, 0, b"\x1b[2Jno"), reply(5, 0),
                       reply(0, 0) + reply(0, 3), reply(0, 0) + reply(0, 0),
                       b"HTTP/1.1 400 no\r\n\r\n",
                       reply(0, 0, b"x" * 65535), reply(3, 0, b"y" * 65535)):
            def behave(client):
                receive(client, 8)
                client.sendall(answer)
                client.shutdown(socket.SHUT_WR)
                receive(client, 1 << 30)
            done = self.sluice("drop", "--no-retry", path, self.hostile(behave), status=1)
            self.assertNotIn("\x1b", done.stderr)
            self.assertLess(len(done.stderr), 5000)


class DropAsks(ClientTest):
    def test_asks_for_names_until_exit(self):
        server = self.serve("drop")
        self.file("a.bin", DATA)
        self.file("b.bin", b"b")
        done = self.sluice("drop", server.addresses["drop"], input="a.bin\nb.bin\nexit\nc\n")
        self.assertEqual(done.stdout.splitlines(), [QUESTION] * 3)
        self.assertEqual(server.stored(), ["a.bin", "b.bin"])
        self.assertEqual((server.drop_dir / "a.bin").read_bytes(), DATA)

    def test_the_end_of_standard_input_is_the_end(self):
        server = self.serve("drop")
        done = self.sluice("drop", server.addresses["drop"], input="")
        self.assertEqual(done.stdout, QUESTION + "\n")

    def test_asks_nothing_for_a_server_that_cannot_be(self):
        for address, status in (("127.0.0.1:99999", 2), ("nobody.invalid:1", 1)):
            done = self.sluice("drop", address, input="", status=status)
            self.assertEqual(done.stdout, "")
            self.assertIn(address.partition(":")[0], done.stderr)

    def test_a_name_that_is_not_there_is_said_and_it_asks_again(self):
        server = self.serve("drop")
        self.file("a", b"a")
        done = self.sluice("drop", server.addresses["drop"], input="gone\na\nexit\n", status=1)
        self.assertIn("gone", done.stderr)
        self.assertEqual(done.stdout.splitlines(), [QUESTION] * 3)
        self.assertEqual(server.stored(), ["a"])

    def test_asks_before_each_answer_is_given(self):
        server = self.serve("drop")
        self.file("a", b"a")
        client = self.start("drop", server.addresses["drop"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        for answer in (b"a\n", b"exit\n"):
            self.assertEqual(client.stdout.readline().decode(), QUESTION + "\n")
            client.stdin.write(answer)
            client.stdin.flush()
        self.assertEqual(client.wait(PATIENCE), 0)
        client.stdin.close()
        client.stdout.close()
        self.assertEqual(server.stored(), ["a"])


class Door:
    """Passes connections on to wherever a server listens at the moment, and counts the bytes that
    go in. After `most` of them it passes no more, and ends the connection when told to go_on."""

    def __init__(self, server, most=1 << 60):
        self.server = server
        self.most = most
        self.passed = 0
        self.go_on = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                with client, self.server.connect("drop") as behind:
                    self.pass_on(client, behind)
            except (OSError, KeyError):
                pass  # the server is not there at the moment

    def pass_on(self, client, behind):
        while True:
            ready = select.select([client, behind], [], [], PATIENCE)[0]
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (behind if source is client else client).sendall(data)
                if source is client:
                    self.passed += len(data)
                    if self.passed >= self.most:
                        self.go_on.wait(PATIENCE)
                        return


class Receive(ClientTest):
    def saved(self, name="new_offered file.bin"):
        return (self.folder / name).read_bytes()

    def test_saves_the_file_as_new_name_and_is_quiet_in_a_pipe(self):
        for data in (b"", b"x", DATA):
            with self.subTest(len(data)):
                server = self.serve("offer", offered=data)
                done = self.sluice("receive", "--replace", server.addresses["offer"])
                self.assertEqual(done.stdout, "")
                self.assertEqual(self.saved(), data)

    def test_a_large_file(self):
        data = pattern(64 << 20)
        server = self.serve("offer", offered=data)
        self.sluice("receive", server.addresses["offer"])
        self.assertEqual(hashlib.sha256(self.saved()).digest(), hashlib.sha256(data).digest())

    def test_saves_elsewhere_where_told_and_writes_to_standard_output(self):
        server = self.serve("offer", offered=b"text")
        address = server.addresses["offer"]
        self.sluice("receive", "-o", "elsewhere", address)
        self.assertEqual(self.saved("elsewhere"), b"text")
        self.assertEqual(self.sluice("receive", "-o", "-", address).stdout, "text")
        self.assertEqual(os.listdir(self.folder), ["elsewhere"])

    def test_never_overwrites_unless_told(self):
        server = self.serve("offer", offered=b"new")
        self.file("new_offered file.bin", b"precious")
        self.sluice("receive", server.addresses["offer"], status=1)
        self.assertEqual(self.saved(), b"precious")
        self.sluice("receive", "--replace", server.addresses["offer"])
        self.assertEqual(self.saved(), b"new")

    def test_the_plain_form_from_our_own_server(self):
        server = self.serve("offer", offered=DATA, options=["--offer-pause", "1000"])
        self.sluice("receive", "--lecture", server.addresses["offer"])
        self.assertEqual(self.saved(), DATA)

    def test_tells_what_was_saved_where_asked(self):
        server = self.serve("offer")
        done = self.sluice("receive", "--verbose", server.addresses["offer"])
        self.assertIn("new_offered file.bin", done.stdout)

    def test_hostile_servers_leave_nothing_behind_and_write_nowhere_else(self):
        frame = lambda name, size, data=b"": struct.pack("!HQ", len(name), size) + name + data
        for answer in (frame(b"../evil", 4, b"evil"), frame(b"/tmp/evil", 4, b"evil"),
                       frame(b"", 4, b"evil"), frame(b"a\0b", 4, b"evil"),
                       frame(b"a\nb", 4, b"evil"), frame(b"x" * 300, 4, b"evil"),
                       frame(b"x" * 255, 4, b"evil"), frame(b"\x1b[2J", 4, b"evil"),
                       frame(b"name", 100, b"short"), frame(b"name", 3, b"longer"),
                       frame(b"name", (1 << 64) - 1, b"x"), frame(b"name", 1 << 62, b"x"),
                       b"", b"\0", b"\0\4", frame(b"name", 5)[:-2], b"\xff" * 100,
                       b"offered.binplain form"):
            with self.subTest(answer[:30]):
                def behave(client):
                    client.recv(100)
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    receive(client, 1)
                done = self.sluice("receive", self.hostile(behave), status=1)
                self.assertNotIn("\x1b", done.stderr)
                self.assertEqual(os.listdir(self.folder), [])

    def test_hostile_servers_of_the_plain_form_likewise(self):
        for answer in (b"../evil", b"/tmp/evil", b"a\0b", b"a\nb", b"x" * 300, b""):
            with self.subTest(answer[:30]):
                def behave(client):
                    client.recv(100)
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    receive(client, 1)
                self.sluice("receive", "--lecture", self.hostile(behave), status=1)
                self.assertEqual(os.listdir(self.folder), [])

    def test_a_reset_in_the_middle_leaves_nothing_behind(self):
        def behave(client):
            client.recv(100)
            client.sendall(struct.pack("!HQ", 4, 1000) + b"name" + bytes(500))
            time.sleep(0.05)  # so that the bytes are read before the reset
            reset(client)
        for _ in range(3):
            done = self.sluice("receive", self.hostile(behave), status=1)
            self.assertIn("reset by peer", done.stderr)
            self.assertEqual(os.listdir(self.folder), [])

    def test_a_server_that_stops_in_the_middle_can_be_left_with_control_c(self):
        def behave(client):
            client.recv(100)
            client.sendall(struct.pack("!HQ", 4, 1000) + b"name" + bytes(500))
            receive(client, 1)
        client = self.start("receive", self.hostile(behave))
        wait_until(lambda: os.listdir(self.folder), "the beginning of the file")
        client.send_signal(signal.SIGINT)
        self.assertNotEqual(client.wait(PATIENCE), 0)
        self.assertFalse((self.folder / "new_name").exists())


if __name__ == "__main__":
    unittest.main()
