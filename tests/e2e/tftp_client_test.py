"""`sluice get` and `sluice put` by TFTP: what they take, tell, leave and end with."""

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time
import unittest

from harness import PATIENCE, end_with_parent, pattern
from terminal import read_to_end
from tftp_support import (ERROR, STATUS_FAILED, STATUS_FULL, STATUS_NETWORK,
                          STATUS_NO_FILE, STATUS_USAGE, UNKNOWN_ID, Raw, TftpTest, ack, data,
                          error, number_of)

CONTENT = pattern(300_000)


def oack(*options):
    return b"\0\6" + b"".join(str(text).encode() + b"\0" for text in options)


class Files(TftpTest):

    def setUp(self):
        super().setUp()
        self.start("--writable", "--replace")

    def test_file_arrives_whole_and_in_silence(self):
        self.make("dir/file", CONTENT)
        done = self.get(self.url("dir/file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertEqual((self.names(self.here), done.stdout, done.stderr), (["file"], "", ""))

    def test_several_files_and_the_first_failure_counts(self):
        self.make("a", b"A")
        self.make("b", b"B")
        self.get(self.url("a"), self.url("missing"), self.url("b"), status=STATUS_NO_FILE)
        self.assertEqual(self.names(self.here), ["a", "b"])

    def test_existing_file_is_replaced_only_by_a_whole_one(self):
        (self.here / "file").write_bytes(b"before")
        self.get(self.url("file"), status=STATUS_NO_FILE)
        self.assertEqual((self.here / "file").read_bytes(), b"before")
        self.make("file", b"after")
        self.get(self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), b"after")
        self.assertEqual(self.names(self.here), ["file"])

    def test_output_names_a_file_a_directory_or_standard_output(self):
        self.make("file", CONTENT)
        (self.here / "dir").mkdir()
        self.get(self.url("file"), "-o", "other")
        self.get(self.url("file"), "-o", "dir")
        self.get(self.url("file"), "-o", "dir/third")
        self.assertEqual((self.here / "other").read_bytes(), CONTENT)
        self.assertEqual(self.names(self.here / "dir"), ["file", "third"])
        self.get(self.url("file"), "-o", "/dev/null")

    def test_reader_that_ends_early_is_an_error_not_a_crash(self):
        self.make("file", CONTENT)
        process = self.popen("get", "-o", "-", self.url("file"))
        process.stdout.close()
        self.assertEqual(process.wait(PATIENCE), STATUS_FAILED)
        self.assertIn(b"Broken pipe", process.stderr.read())

    def test_verbose_has_a_line_for_each_file(self):
        self.make("a", b"12345")
        self.assertRegex(self.get("--verbose", self.url("a")).stdout, r"^a: 5 B in ")
        self.assertRegex(self.put("--verbose", "a", self.url("b")).stdout, r"^a: 5 B in ")
        done = self.get("--verbose", self.url("a"), "-o", "-")
        self.assertEqual(done.stdout, "12345")
        self.assertRegex(done.stderr, r"^a: 5 B in ")

    def test_several_files_are_put_into_a_directory(self):
        for name in ("a", "b"):
            (self.here / name).write_text(name)
        (self.root / "dir").mkdir(mode=0o777)
        self.put("a", "b", self.url("dir"))
        self.put("a", self.url("dir/"), "--block-size=600")
        self.put("b", self.url(""))
        self.assertEqual(self.names(self.root / "dir"), ["a", "b"])
        self.assertEqual(self.names(), ["b", "dir"])

    def test_standard_input_that_comes_slowly(self):
        process = self.popen("put", "-", self.url("file"), "--block-size", 512,
                             stdin=subprocess.PIPE)
        for part in range(5):
            process.stdin.write(CONTENT[part * 1000:part * 1000 + 1000])
            process.stdin.flush()
            time.sleep(0.02)  # what is tested is the pause itself
        self.assertEqual(process.communicate(timeout=PATIENCE), (b"", b""))
        self.assertEqual((self.root / "file").read_bytes(), CONTENT[:5000])

    def test_text_by_either_word(self):
        self.make("text", b"one\ntwo\r\n")
        with Raw(("127.0.0.1", self.port)) as raw:
            self.assertEqual(raw.fetch(b"text", mode=b"netascii"), b"one\r\ntwo\r\0\r\n")
        for words in (["--netascii", self.url("text")], ["--ascii", self.url("text")],
                      [self.url("text;mode=netascii")]):
            self.get(*words)
            self.assertEqual((self.here / "text").read_bytes(), b"one\ntwo\r\n")

    def test_ipv6(self):
        server = self.serve(options=["--tftp", "[::1]:0", "--tftp-root", self.root])
        self.make("file", CONTENT)
        self.get(f"tftp://[::1]:{server.ports['tftp']}/file")
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)

    def test_name_of_a_host_whose_first_address_is_not_the_server(self):
        self.make("file", CONTENT)
        self.get(f"tftp://localhost:{self.port}/file")
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)

    def test_progress_is_shown_on_a_terminal_and_ends_with_a_line(self):
        self.make("file", CONTENT)
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x18\0\x50\0\0\0\0\0")
        process = self.popen("get", self.url("file"), stdout=slave, stderr=slave)
        os.close(slave)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn(b"file: 300.0 kB in ", read_to_end(master))


class Statuses(TftpTest):

    def test_wrong_usage(self):
        url = "tftp://127.0.0.1:1/file"
        for words in (["get", "-C", url], ["get", "-r", url], ["get", "-P", "2", url],
                      ["get", "--delete", url], ["get", "--dry-run", url], ["get", "--active", url],
                      ["get", "tftp://127.0.0.1:1/a*"], ["get", "tftp://127.0.0.1:1/a?"],
                      ["get", "tftp://127.0.0.1:1/"], ["get", "tftp://127.0.0.1:1/dir/"],
                      ["get", "tftp://me@127.0.0.1:1/a"], ["get", url + ";mode=mail"],
                      ["get", "--block-size", "7", url], ["get", "--block-size", "65465", url],
                      ["get", "--window", "0", url], ["get", "--window", "65536", url],
                      ["get", "--retry", "x", url], ["get", "--timeout", "0", url],
                      ["get", "-o", "-", url, url], ["get", url, "ftp://127.0.0.1/a"],
                      ["put", url], ["put", "-", "tftp://127.0.0.1:1/"], ["put", "-C", "a", url],
                      ["put", "--in-place", "a", url], ["put", "-r", "a", url],
                      ["put", "-", "a", url], ["get", "--window", "4", "ftp://127.0.0.1:1/a"],
                      ["put", "--netascii", "a", "ftp://127.0.0.1:1/a"]):
            with self.subTest(words=words):
                done = self.run_here(*words, status=STATUS_USAGE)
                self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
        self.assertEqual(self.names(self.here), [])

    def answered(self, answer, *words, status):
        """What the command says of a server that answers so."""
        with Raw() as front:
            url = self.url("dir/file", front.port)
            process = self.popen(*[url if word == "URL" else word for word in words])
            _, raw = front.take_request()
            with raw:
                raw.send(answer)
                said = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status, said)
        self.assertEqual(said[1].count(b"\n"), 1, said)
        self.assertIn(b"dir/file", said[1])
        self.assertIn(b"127.0.0.1:", said[1])
        return said[1].decode()

    def test_each_error_has_its_status_and_one_sentence(self):
        (self.here / "mine").write_bytes(CONTENT)
        for code, status in ((1, STATUS_NO_FILE), (2, STATUS_FAILED), (3, STATUS_FULL),
                             (6, STATUS_FAILED), (0, STATUS_FAILED), (99, STATUS_FAILED)):
            said = self.answered(error(code, b"so it is"), "get", "URL", status=status)
            self.assertIn("so it is", said)
            self.answered(error(code, b"so it is"), "put", "mine", "URL", status=status)
        self.assertIn("File not found",
                      self.answered(error(1), "get", "URL", status=STATUS_NO_FILE))
        self.assertEqual(self.names(self.here), ["mine"])

    def test_escape_sequences_do_not_reach_the_terminal(self):
        said = self.answered(error(0, b"\x1b[2J\ngone"), "get", "URL", status=STATUS_FAILED)
        self.assertNotIn("\x1b", said)

    def test_nobody_there(self):
        with Raw() as closed:
            port = closed.port
        self.get(self.url("file", port), status=STATUS_NETWORK)
        with Raw() as silent:
            done = self.get("--timeout", 1, self.url("file", silent.port), status=STATUS_NETWORK)
            self.assertEqual(done.stderr.count("\n"), 1)
        done = self.get("tftp://no.such.host.invalid/file", status=STATUS_NETWORK)
        self.assertEqual(self.names(self.here), [])

    def test_local_files_that_are_not_there(self):
        url = "tftp://127.0.0.1:1/file"
        self.put("missing", url, status=STATUS_NO_FILE)
        self.put(".", url, status=STATUS_FAILED)
        self.get(url, "-o", "no/such/dir", status=(STATUS_FAILED, STATUS_NO_FILE))

    def test_local_disk_that_is_full(self):
        self.start()
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        self.make("file", CONTENT)
        self.get(self.url("file"), "-o", "/dev/full", status=STATUS_FULL)

    def test_name_that_cannot_be_one_here_is_refused(self):
        for name in ("..", "a%1Bb", "dir/..", ".sluice-0123456789abcdef.part"):
            self.get(f"tftp://127.0.0.1:1/{name}", status=STATUS_FAILED)
        self.assertEqual(self.names(self.here), [])


class Lies(TftpTest):
    """The server does not keep to the protocol, or to its own word."""

    def setUp(self):
        super().setUp()
        self.front = self.enterContext(Raw())
        self.file = self.url("file", self.front.port)

    def begin(self, *words):
        process = self.popen(*words)
        packet, raw = self.front.take_request()
        self.enterContext(raw)
        return process, packet, raw

    def ends(self, process, status):
        said = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status, said)
        return said[1].decode()

    def test_request_asks_for_what_it_is_told_to(self):
        process, packet, raw = self.begin("get", "--block-size", 1024, "--window", 4, self.file)
        self.assertTrue(packet.startswith(b"\0\1file\0octet\0"), packet)
        words = packet.split(b"\0")
        self.assertEqual(words[words.index(b"blksize") + 1], b"1024")
        self.assertEqual(words[words.index(b"windowsize") + 1], b"4")
        raw.send(data(1, b"all"))  # a server without options
        self.assertEqual(raw.receive(), ack(1))
        self.ends(process, 0)
        self.assertEqual((self.here / "file").read_bytes(), b"all")

    def test_server_that_refuses_options_is_asked_without(self):
        process, _, raw = self.begin("get", self.file)
        raw.send(error(8, b"no options"))
        packet, raw = self.front.take_request()
        self.assertEqual(packet, b"\0\1file\0octet\0")
        self.enterContext(raw)
        raw.send(data(1, b"all"))
        self.ends(process, 0)

    def test_options_that_nobody_asked_for_are_refused(self):
        for options in (("blksize", 65464), ("blksize", 2048), ("windowsize", 99), ("blksize", 7),
                        ("timeout", 9), ("blksize", "x"), ("blksize", 0), ("windowsize", 0),
                        ("windowsize", 65536), ("blksize", 70000), ("foo", "bar"), ("tsize", "-1")):
            with self.subTest(options=options):
                process, _, raw = self.begin("get", "--block-size", 1024, "--window", 4, self.file)
                raw.send(oack(*options))
                self.assertEqual(number_of(raw.receive()), (ERROR, 8))
                self.ends(process, STATUS_FAILED)
        self.assertEqual(self.names(self.here), [])

    def test_each_block_of_a_slow_pipe_leaves_when_it_is_full(self):
        theirs, ours = os.pipe()
        process = self.popen("put", "-", self.url("file", self.front.port), "--block-size", 512,
                             "--window", 1, stdin=theirs)
        os.close(theirs)
        _, raw = self.front.take_request()
        self.enterContext(raw)
        raw.send(ack(0))
        last = None
        for number in range(1, 4):
            block = bytes([number]) * 512
            os.write(ours, block)
            last = raw.receive_behind(last)
            self.assertEqual(last, data(number, block))
            raw.send(ack(number))
        os.close(ours)
        self.assertEqual(raw.receive_behind(last), data(4, b""))
        raw.send(ack(4))
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_more_or_fewer_bytes_than_announced(self):
        for sent, size in ((b"1234567", 5), (b"123", 5)):
            process, _, raw = self.begin("get", self.file)
            raw.send(oack("tsize", size))
            self.assertEqual(raw.receive(), ack(0))
            raw.send(data(1, sent))
            self.assertEqual(number_of(raw.receive_behind(ack(0)))[0], ERROR)
            self.assertIn("5 bytes", self.ends(process, STATUS_FAILED))
        self.assertEqual(self.names(self.here), [])

    def test_server_that_falls_silent_leaves_nothing(self):
        process, _, raw = self.begin("get", "--timeout", 1, "--retry", 0, self.file)
        raw.send(data(1, b"x" * 512))
        self.assertIn("silent", self.ends(process, STATUS_NETWORK))
        self.assertEqual(self.names(self.here), [])

    def test_server_that_is_lost_on_the_way_is_asked_again(self):
        process, _, raw = self.begin("get", "--timeout", 1, self.file)
        raw.send(data(1, b"x" * 512))
        while True:
            packet, raw = self.front.take_request()
            with raw:
                raw.send(data(1, b"all"))
                if raw.receive() == ack(1):
                    break
        self.assertIn("trying again", self.ends(process, 0))
        self.assertEqual((self.here / "file").read_bytes(), b"all")

    def test_strangers_change_nothing(self):
        process, _, raw = self.begin("get", self.file)
        raw.send(data(1, b"x" * 512))
        self.assertEqual(raw.receive(), ack(1))
        with Raw() as stranger:
            stranger.peer = raw.peer
            stranger.send(data(2, b"evil"))
            stranger.send(error(0, b"stop"))
            self.assertEqual(number_of(stranger.receive()), (ERROR, UNKNOWN_ID))
        raw.send(data(2, b"good"))
        while raw.receive() != ack(2):
            pass
        self.ends(process, 0)
        self.assertEqual((self.here / "file").read_bytes(), b"x" * 512 + b"good")

    def test_second_answer_to_a_repeated_request_is_a_stranger(self):
        process, packet, raw = self.begin("get", self.file)
        again, late = self.front.take_request()  # the client has not heard anything yet
        self.assertEqual(again, packet)
        raw.send(data(1, b"x" * 512))
        self.assertEqual(raw.receive(), ack(1))
        with late:
            late.send(data(1, b"y" * 512))
            self.assertEqual(number_of(late.receive()), (ERROR, UNKNOWN_ID))
        raw.send(data(2, b""))
        self.ends(process, 0)
        self.assertEqual((self.here / "file").read_bytes(), b"x" * 512)


class Interrupted(TftpTest):

    def setUp(self):
        super().setUp()
        self.front = self.enterContext(Raw())

    def popen(self, *words, **how):
        """SIGINT may be ignored where the tests run."""
        steps = lambda: (end_with_parent(), signal.signal(signal.SIGINT, signal.SIG_DFL))
        return super().popen(*words, preexec_fn=steps, **how)

    def check_end(self, process, raw, number):
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE)[1]
        self.assertEqual(process.returncode, -number, said)
        self.assertEqual(said.count(b"\n"), 1, said)
        self.assertIn(b"interrupted", said)
        packets = []
        while not packets or number_of(packets[-1])[0] != ERROR:
            packets.append(raw.receive())

    def test_download_leaves_nothing_and_tells_the_server(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.popen("get", self.url("file", self.front.port),
                                 self.url("other", self.front.port))
            _, raw = self.front.take_request()
            with raw:
                raw.send(data(1, b"x" * 512))
                self.assertEqual(raw.receive(), ack(1))
                self.check_end(process, raw, number)
            self.assertEqual(self.names(self.here), [])

    def test_upload_tells_the_server(self):
        (self.here / "mine").write_bytes(CONTENT)
        process = self.popen("put", "mine", self.url("file", self.front.port))
        _, raw = self.front.take_request()
        with raw:
            raw.send(ack(0))
            raw.receive()
            self.check_end(process, raw, signal.SIGINT)

    def test_upload_of_a_standard_input_that_stands_still(self):
        process = self.popen("put", "-", self.url("file", self.front.port), stdin=subprocess.PIPE)
        _, raw = self.front.take_request()
        with raw:
            raw.send(ack(0))
            self.check_end(process, raw, signal.SIGINT)

    def test_download_into_a_pipe_that_nobody_reads(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        process = self.popen("get", self.url("file", self.front.port), "-o", "-", stdout=write)
        os.close(write)
        _, raw = self.front.take_request()
        raw.socket.settimeout(1)
        with raw:
            raw.send(data(1, b"x" * 512))
            number = 1
            try:
                while raw.receive():
                    number += 1
                    raw.send(data(number, b"x" * 512))
            except TimeoutError:  # it writes and is not read
                pass
            raw.socket.settimeout(PATIENCE)
            self.check_end(process, raw, signal.SIGINT)

    def test_before_any_answer(self):
        process = self.popen("get", self.url("file", self.front.port))
        self.front.take_request()[1].socket.close()
        process.send_signal(signal.SIGINT)
        self.assertIn(b"interrupted", process.communicate(timeout=PATIENCE)[1])
        self.assertEqual(process.returncode, -signal.SIGINT)


if __name__ == "__main__":
    unittest.main()
