"""Programs as a course writes them at one end, sluice at the other, both ways round."""

import pathlib
import select
import subprocess
import sys
import tempfile
import time
import unittest

from harness import PATIENCE, ServerTest, end_with_parent, pattern, run

LECTURE = pathlib.Path(__file__).resolve().parent / "lecture"
DATA = pattern(300_000)


class LectureTest(ServerTest):
    def setUp(self):
        self.folder = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-")))

    def lecture_client(self, name, server, service, *arguments, **how):
        """Runs one of its clients to the end; returns what it printed."""
        done = subprocess.run(
            [sys.executable, LECTURE / name, "127.0.0.1", str(server.ports[service]), *arguments],
            capture_output=True, text=True, timeout=PATIENCE, cwd=self.folder, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def lecture_server(self, name, *arguments):
        """Starts one of its servers; its address, and its process."""
        process = subprocess.Popen(
            [sys.executable, LECTURE / name, *map(str, arguments)], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=self.folder, preexec_fn=end_with_parent)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(select.select([process.stdout], [], [], PATIENCE)[0], "it says no port")
        return f"127.0.0.1:{int(process.stdout.readline())}", process

    def sluice(self, *arguments, **how):
        done = run(*arguments, cwd=self.folder, **how)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class LectureClients(LectureTest):
    def test_echo(self):
        said = self.lecture_client("echo_client.py", self.serve("echo"), "echo")
        self.assertEqual(said, "Received b'Hello, world'\n")

    def test_time(self):
        said = self.lecture_client("time_client.py", self.serve("time"), "time")
        told = time.mktime(time.strptime(said, "Time: %a %b %d %H:%M:%S %Y\n"))
        self.assertLess(abs(time.time() - told), 60)

    def test_words(self):
        said = self.lecture_client("words_client.py", self.serve("words"), "words",
                                   "1", "10", "7", "11", "x", "2")
        wrong = "error: expected a whole number from 1 to 10"
        self.assertEqual(said.splitlines(), ["one", "ten", "seven", wrong, wrong, "two"])

    def test_upload(self):
        server = self.serve("drop", options=["--drop-clients", "2"])
        (self.folder / "a.bin").write_bytes(DATA)
        (self.folder / "b.txt").write_bytes(b"text")
        self.lecture_client("upload_client.py", server, "drop", input="a.bin\nb.txt\nexit\n")
        self.assertEqual(server.wait(), 0)
        stored = [(server.drop_dir / name).read_bytes() for name in server.stored()]
        self.assertEqual(server.stored(), ["output_0.txt", "output_1.txt"])
        self.assertEqual(sorted(stored), sorted([DATA, b"text"]))

    def test_file_receiver(self):
        server = self.serve("offer", offered=DATA, options=["--offer-pause", "1000"])
        said = self.lecture_client("file_receiver.py", server, "offer")
        self.assertEqual(said, "received offered file.bin\n")
        self.assertEqual((self.folder / "new_offered file.bin").read_bytes(), DATA)


class LectureServers(LectureTest):
    def test_echo(self):
        address, process = self.lecture_server("echo_server.py")
        self.assertEqual(self.sluice("echo", address, "hello"), "hello\n")
        self.assertEqual(process.stdout.readline(), b"FIN from 127.0.0.1\n")
        self.assertEqual(self.sluice("echo", address, input="one\ntwo words\nq\nnot this\n"),
                         "one\ntwo words\n")
        self.assertEqual(process.stdout.readline(), b"FIN from 127.0.0.1\n")

    def test_a_long_message_to_an_echo_server_of_small_reads(self):
        address, _ = self.lecture_server("echo_server.py")
        message = "x" * 100_000
        self.assertEqual(self.sluice("echo", address, message), message + "\n")

    def test_time(self):
        address, _ = self.lecture_server("time_server.py")
        self.assertRegex(self.sluice("time", address), r"\A\w{3} \w{3} .* \d{4}\n\Z")

    def test_words(self):
        address, _ = self.lecture_server("words_server.py")
        self.assertEqual(self.sluice("words", address, "7"), "seven\n")
        self.assertEqual(self.sluice("words", address, input="1\n10\n12\nq\n"),
                         "one\nten\nwrong number\n")

    def test_upload(self):
        address, process = self.lecture_server("upload_server.py", 2)
        for number, data in enumerate((DATA, b"text")):
            source = self.folder / f"source-{number}"
            source.write_bytes(data)
            self.sluice("drop", "--raw", source, address)
        process.wait(PATIENCE)
        self.assertEqual((self.folder / "output_0.txt").read_bytes(), DATA)
        self.assertEqual((self.folder / "output_1.txt").read_bytes(), b"text")

    def test_file_sender(self):
        source = self.folder / "source.bin"
        source.write_bytes(DATA)
        address, _ = self.lecture_server("file_sender.py", source)
        self.sluice("receive", "--lecture", address)
        self.assertEqual((self.folder / "new_source.bin").read_bytes(), DATA)


if __name__ == "__main__":
    unittest.main()
