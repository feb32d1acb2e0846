"""TFTP: the clients that people have, where they are installed, against our server. Whatever they
move is compared byte by byte."""

import shutil
import subprocess
import unittest

from harness import PATIENCE, pattern
from tftp_support import TftpTest

CONTENT = pattern(300_000)
SIZES = (0, 1, 511, 512, 513, 1024, 65464, 300_000)
TEXT = b"one\ntwo\r\nthree\n\n"


def need(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class Client:
    """The tests. A class has `fetch(name)` and `store(name)`, for files of `self.here`, and the
    sizes of blocks that the client may be told."""

    blocks = ()
    sizes = SIZES

    def setUp(self):
        super().setUp()
        self.start("--writable", "--replace")

    def check_both_ways(self, content, *options):
        self.make("file", content)
        self.fetch("file", *options)
        self.assertEqual((self.here / "file").read_bytes(), content)
        self.make("file", b"before")
        self.store("file", *options)
        self.assertEqual((self.root / "file").read_bytes(), content)
        (self.here / "file").unlink()

    def test_files_of_every_size_in_both_directions(self):
        for size in self.sizes:
            with self.subTest(size=size):
                self.check_both_ways(CONTENT[:size])

    def test_sizes_of_blocks(self):
        for block in self.blocks:
            for size in (3 * block, 3 * block + 1):
                with self.subTest(block=block, size=size):
                    self.check_both_ways(CONTENT[:size], block)

    def test_what_is_not_there_is_said(self):
        done = self.fetch("missing", status=None)
        said = (done.stdout + done.stderr).lower()
        self.assertTrue(done.returncode or b"not found" in said or b"no such" in said, said)


@need("curl")
class Curl(Client, TftpTest):
    blocks = (8, 512, 1428, 65464)
    # Of an empty file curl 7.88 says "getpeername() failed", whichever server it has it from, unless
    # it is told to ask for no options.
    sizes = SIZES[1:]

    def curl(self, *words, **how):
        return self.client("curl", "--silent", "--show-error", "--disable", *words, **how)

    def fetch(self, name, block=None, **how):
        size = ["--tftp-blksize", block] if block else []
        return self.curl(*size, "-o", name, self.url(name), **how)

    def store(self, name, block=None):
        size = ["--tftp-blksize", block] if block else []
        return self.curl(*size, "-T", name, self.url(name))

    def test_without_options(self):
        for content in (b"", CONTENT):
            self.make("file", content)
            self.curl("--tftp-no-options", "-o", "file", self.url("file"))
            self.assertEqual((self.here / "file").read_bytes(), content)

    def test_more_than_65535_blocks(self):
        self.check_both_ways(pattern(65_540 * 8), 8)

    def test_text(self):
        self.make("text", TEXT)
        done = self.curl(self.url("text;mode=netascii"))
        self.assertEqual(done.stdout, TEXT.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n"))


@need("tftp")
class Hpa(Client, TftpTest):
    """tftp-hpa; it asks for no options."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        said = subprocess.run(["tftp", "-V"], capture_output=True, timeout=PATIENCE)
        if b"tftp-hpa" not in said.stdout:
            raise unittest.SkipTest("tftp is not tftp-hpa")

    def tftp(self, mode, *words, **how):
        return self.client("tftp", "-m", mode, "127.0.0.1", self.port, "-c", *words, **how)

    def fetch(self, name, **how):
        return self.tftp("binary", "get", name, **how)

    def store(self, name):
        return self.tftp("binary", "put", name)

    def test_text(self):
        self.make("text", TEXT)
        self.tftp("netascii", "get", "text")
        self.assertEqual((self.here / "text").read_bytes(), TEXT)
        self.tftp("netascii", "put", "text", "other")
        self.assertEqual((self.root / "other").read_bytes(), TEXT)

    def test_more_than_65535_blocks(self):
        content = pattern(65_540 * 512 + 1)
        self.make("file", content)
        self.fetch("file")
        self.assertEqual((self.here / "file").read_bytes(), content)


@need("atftp")
class Atftp(Client, TftpTest):
    blocks = (8, 512, 1428, 65464)

    def atftp(self, way, name, *options, status=0):
        words = [word for option in options for word in ("--option", option)]
        return self.client("atftp", *words, way, "-r", name, "-l", name, "127.0.0.1", self.port,
                           status=status)

    @staticmethod
    def words(block, window):
        return (([f"blksize {block}"] if block else [])
                + ([f"windowsize {window}"] if window else []))

    def fetch(self, name, block=None, window=None, **how):
        return self.atftp("--get", name, *self.words(block, window), **how)

    def store(self, name, block=None, window=None):
        return self.atftp("--put", name, *self.words(block, window))

    def test_windows(self):
        for block, window in ((512, 2), (512, 8), (512, 64), (1428, 16), (8192, 4)):
            for size in (0, 1, window * block, 300_000):
                with self.subTest(block=block, window=window, size=size):
                    self.check_both_ways(CONTENT[:size], block, window)

    def test_more_than_65535_blocks(self):
        self.check_both_ways(pattern(65_540 * 512), 512, 64)

    def test_text(self):
        self.make("text", TEXT)
        self.atftp("--get", "text", "mode netascii")
        got = (self.here / "text").read_bytes()
        # It writes what is on the wire, as it is; other versions turn it back.
        self.assertIn(got, (TEXT, TEXT.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")))


@need("busybox")
class Busybox(Client, TftpTest):
    blocks = (64, 512, 1428, 65464)  # what is below the length of its request is too little for it

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        said = subprocess.run(["busybox", "--list"], capture_output=True, timeout=PATIENCE)
        if b"tftp" not in said.stdout.split():
            raise unittest.SkipTest("this busybox has no tftp")

    def tftp(self, way, name, block, **how):
        size = ["-b", block] if block else []
        return self.client("busybox", "tftp", way, *size, "-r", name, "-l", name, "127.0.0.1",
                           self.port, **how)

    def fetch(self, name, block=None, **how):
        return self.tftp("-g", name, block, **how)

    def store(self, name, block=None):
        return self.tftp("-p", name, block)


if __name__ == "__main__":
    unittest.main()
