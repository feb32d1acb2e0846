"""TFTP over a way that loses, doubles, reorders and delays: every file arrives whole. What a failed
test prints has the seed by which chance is the same again."""

import shutil
import unittest

from harness import in_parallel, pattern
from lossy_relay import Relay
from tftp_support import TftpTest

CONTENT = pattern(200_000)
LOSSES = (0, 1, 5, 10, 20)  # percent, each way


class Lossy(TftpTest):

    def setUp(self):
        super().setUp()
        self.start("--writable", "--replace")

    def relay(self, **how):
        return self.enterContext(Relay(("127.0.0.1", self.port), **how))

    def transfers(self, relay, size, *options):
        """One file from the server and one to it, at once."""
        name = f"{relay.seed}"
        (self.here / f"up-{name}").write_bytes(CONTENT[:size])
        self.make(f"down-{name}", CONTENT[:size])
        url = lambda way: self.url(f"{way}-{name}", relay.address[1])
        down = self.popen("get", *options, url("down"))
        up = self.popen("put", *options, f"up-{name}", url("up"))
        for process in (down, up):
            said = process.communicate(timeout=60)
            self.assertEqual((process.returncode, said), (0, (b"", b"")), relay)
        for path in (self.here / f"down-{name}", self.root / f"up-{name}"):
            self.assertEqual(path.read_bytes(), CONTENT[:size], (path, relay))

    def test_every_file_arrives_whole_at_any_loss(self):
        for loss in LOSSES:
            relays = [(self.relay(loss=loss, double=3, reorder=3, delay=delay), size, options)
                      for size, delay, options in
                      ((40_000, 0, ["--block-size", 1428, "--window", 1]),
                       (200_000, 0, ["--block-size", 512, "--window", 16]),
                       (200_000, 2, ["--block-size", 1428, "--window", 64]),
                       (200_000, 1, []))]
            print(f"loss {loss} %, seeds", *(relay.seed for relay, _, _ in relays), end=" ",
                  flush=True)
            in_parallel([lambda relay=relay, size=size, options=options:
                         self.transfers(relay, size, *options)
                         for relay, size, options in relays])

    def test_end_of_a_file_arrives_in_every_case(self):
        """Small files are all ends: the last block and what acknowledges it."""
        relay = self.relay(loss=20, double=10, reorder=10)
        print("seed", relay.seed, end=" ", flush=True)
        (self.here / "mine").write_bytes(b"all of it")
        self.make("file", b"all of it")
        for number in range(8):
            in_parallel([
                lambda: self.get(self.url("file", relay.address[1]), "-o", f"got{number}"),
                lambda: self.put("mine", self.url(f"new{number}", relay.address[1]))])
            self.assertEqual((self.here / f"got{number}").read_bytes(), b"all of it", relay)
            self.assertEqual((self.root / f"new{number}").read_bytes(), b"all of it", relay)

    def test_doubled_packets_do_not_multiply(self):
        """The Sorcerer's Apprentice, seen by who counts what passes."""
        relay = self.relay(double=100)
        self.transfers(relay, 100_000, "--block-size", 512, "--window", 1)
        blocks = 2 * 200
        for way in (relay.up, relay.down):
            self.assertLess(way.counts["seen"], 4 * blocks, relay)

    @unittest.skipUnless(shutil.which("atftp"), "atftp is not installed")
    def test_atftp_at_a_small_loss(self):
        relay = self.relay(loss=1, double=1, reorder=1)
        print("seed", relay.seed, end=" ", flush=True)
        self.make("file", CONTENT[:20_000])
        for _ in range(9):
            # It waits for 5 s itself after a loss on the way to us, unless it is told to wait less.
            done = self.client("atftp", "--tftp-timeout", "1", "--option", "windowsize 4", "--get",
                               "-r", "file", "-l", "file", "127.0.0.1", relay.address[1],
                               status=None)
            # By an OACK that comes twice, doubled or sent again, it is ended.
            if b"unexpected OACK" not in done.stderr:
                break
        self.assertEqual(done.returncode, 0, (done.stderr[-500:], relay))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT[:20_000], relay)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_at_a_small_loss(self):
        relay = self.relay(loss=1, double=1, reorder=1)
        print("seed", relay.seed, end=" ", flush=True)
        self.make("file", CONTENT[:20_000])
        self.client("curl", "--silent", "--show-error", "--disable", "-o", "file",
                    self.url("file", relay.address[1]))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT[:20_000], relay)


if __name__ == "__main__":
    unittest.main()
