"""`sluice get` and `put` by TFTP against tftpd-hpa and atftpd, where they are installed, and our
own server: whatever works must work with each of them."""

import contextlib
import os
import subprocess
import unittest

from harness import PATIENCE, pattern, wait_until
from tftp_support import STATUS_FAILED, STATUS_NO_FILE, TftpTest, atftpd, find_server, hpa

CONTENT = pattern(300_000)
NAMES = ("two words", "한국어", "100%", "semi;colon", "-dash", "deep/er/file")
TEXT = b"one\ntwo\r\nthree\rfour\n\n"


class Peer:
    """The tests. A class has `start_peer`, which serves `self.root` and sets `self.port`."""

    keeps_text = True  # netascii comes back as it was sent
    has_blksize_below_512 = True

    def setUp(self):
        super().setUp()
        self.start_peer()

    def there(self, name):
        return (self.root / name).read_bytes()

    def place(self, name, content=b""):
        """Our file, and one of the server's that it may replace."""
        (self.here / name).write_bytes(content)
        self.make(name, b"")

    def test_files_of_every_size_in_both_directions(self):
        for size in (0, 1, 511, 512, 513, 1428, 65464, 2 * 65464, 300_000):
            with self.subTest(size=size):
                self.make("file", CONTENT[:size])
                self.get(self.url("file"))
                self.assertEqual((self.here / "file").read_bytes(), CONTENT[:size])
                self.make("file", b"before")
                self.put("file", self.url("file"))
                self.assert_there("file", CONTENT[:size])
        self.assertEqual(self.names(self.here), ["file"])

    def assert_there(self, name, content):
        """Some servers acknowledge the last block before they have written it."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.there(name) == content, patience=5)
        self.assertEqual(self.there(name), content)

    def test_block_sizes_and_windows(self):
        self.make("file", CONTENT[:100_000])
        for block in (8, 512, 513, 1428, 8192, 65464):
            if block < 512 and not self.has_blksize_below_512:
                continue
            for window in (1, 4, 64):
                with self.subTest(block=block, window=window):
                    options = ["--block-size", block, "--window", window]
                    self.get(*options, self.url("file"))
                    self.assertEqual((self.here / "file").read_bytes(), CONTENT[:100_000])
                    self.put(*options, "file", self.url("file"))
                    self.assert_there("file", CONTENT[:100_000])

    def test_more_than_65535_blocks(self):
        content = pattern(65_540 * 512 + 7)
        self.make("file", content)
        self.get("--block-size", 512, "--window", 32, self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), content)
        self.make("file", b"")
        self.put("--block-size", 512, "--window", 32, "file", self.url("file"))
        self.assert_there("file", content)

    def test_strange_names(self):
        for name in NAMES:
            with self.subTest(name=name):
                self.make(name, name.encode())
                url = self.url(name.replace("%", "%25").replace(" ", "%20").replace(";", "%3B"))
                self.get(url, "-o", "here")
                self.assertEqual((self.here / "here").read_text(), name)

    def test_text(self):
        self.make("text", TEXT)
        self.get("--netascii", self.url("text"), "-o", "text")
        self.assertEqual((self.here / "text").read_bytes(), TEXT)
        self.make("other", b"")
        self.put("text", self.url("other;mode=netascii"))
        if self.keeps_text:
            self.assert_there("other", TEXT)

    def test_standard_streams(self):
        self.make("file", b"")
        process = self.popen("put", "-", self.url("file"), stdin=subprocess.PIPE)
        self.assertEqual(process.communicate(CONTENT, timeout=PATIENCE), (b"", b""))
        self.assertEqual(process.returncode, 0)
        self.assert_there("file", CONTENT)
        process = self.popen("get", self.url("file"), "-o", "-")
        self.assertEqual(process.communicate(timeout=PATIENCE), (CONTENT, b""))
        self.assertEqual(process.returncode, 0)

    def test_what_is_not_there_and_what_may_not_be(self):
        done = self.get(self.url("missing"), status=STATUS_NO_FILE)
        self.assertIn("missing", done.stderr)
        self.assertIn(f"127.0.0.1:{self.port}", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        (self.here / "file").write_bytes(CONTENT)
        self.put("file", self.url("no/such/directory/file"),
                 status=(STATUS_FAILED, STATUS_NO_FILE))
        self.assertEqual(self.names(self.here), ["file"])

    def test_many_at_once(self):
        for number in range(20):
            self.make(f"{number}", pattern(100_000, number))
        running = [self.popen("get", self.url(f"{number}")) for number in range(20)]
        for number, process in enumerate(running):
            self.assertEqual(process.communicate(timeout=PATIENCE), (b"", b""))
            self.assertEqual((self.here / f"{number}").read_bytes(), pattern(100_000, number))


class Ours(Peer, TftpTest):
    def start_peer(self):
        self.start("--writable", "--replace")


class OtherPeer(Peer):
    program = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not find_server(cls.program):
            raise unittest.SkipTest(f"{cls.program} is not installed")
        if os.geteuid() != 0:
            raise unittest.SkipTest(f"only root can start {cls.program}")


class Hpa(OtherPeer, TftpTest):
    program = "in.tftpd"

    def start_peer(self):
        self.port = self.enterContext(hpa(self.root))


class Atftpd(OtherPeer, TftpTest):
    program = "atftpd"

    def start_peer(self):
        self.port = self.enterContext(atftpd(self.root))


if __name__ == "__main__":
    unittest.main()
