"""A camera as the source of `sluice serve`: the one of tests/camera, which can do what real ones do
wrong."""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, PROGRAM, ROOT, is_sanitized, run, wait_until
from video_http_support import VideoTest, is_jpeg

LIBRARY = BUILD / "fake_camera.so"
DEVICE = "/dev/video90"
HUFFMAN_TABLES, COMMENT, SCAN = b"\xff\xc4", b"\xff\xfe", b"\xff\xda"


def is_static():
    """Whether nothing can be preloaded into the program."""
    with open(PROGRAM, "rb") as file:
        return b"ld-linux" not in file.read(4096) and b"ld-musl" not in file.read(4096)


def stamp(jpeg):
    """The number and the moment (nanoseconds) that the camera has put into a picture."""
    assert jpeg[2:4] == COMMENT and jpeg[6:10] == b"FAKE", jpeg[:24]
    return struct.unpack("!IQ", jpeg[10:22])


@unittest.skipUnless(LIBRARY.exists(), "needs fake_camera.so")
@unittest.skipIf(is_static(), "needs a program that is linked dynamically")
class Camera(VideoTest):
    def setUp(self):
        self.pictures = self.snapshots(5)
        self.directory_of_pictures = self.directory(self.pictures)
        self.camera_log = pathlib.Path(tempfile.mkdtemp(prefix="sluice-camera-")) / "log"
        self.addCleanup(shutil.rmtree, self.camera_log.parent)

    def environment(self, **wishes):
        wishes = {"pictures": self.directory_of_pictures, "log": self.camera_log, "fps": 50,
                  **wishes}
        return {**os.environ, "LD_PRELOAD": str(LIBRARY), "FAKE_CAMERA": DEVICE,
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
                **{f"FAKE_CAMERA_{name.upper()}": str(value) for name, value in wishes.items()}}

    def film(self, options=(), **wishes):
        """A server whose source is the camera."""
        return self.serve("http", options=["--video-source", DEVICE, *options],
                          env=self.environment(**wishes))

    def happened(self):
        """What the camera went through."""
        return self.camera_log.read_text().split() if self.camera_log.exists() else []

    def trouble(self, server):
        return self.figures(server)["sources"][0]["trouble"]

    def refused(self, **wishes):
        """What is said of a camera that cannot be used."""
        ended = run("serve", "--http", "127.0.0.1:0", "--video-source", DEVICE,
                    env=self.environment(**wishes))
        self.assertEqual(ended.returncode, 1)
        return ended.stderr.splitlines()[-1].removeprefix("sluice serve: video: ")

    def test_its_pictures_come_as_it_made_them(self):
        server = self.film()
        viewer = self.view(server)
        parts = [viewer.part() for _ in range(20)]
        first = self.pictures.index(parts[0].body)
        for index, part in enumerate(parts):
            self.assertIn(part.body, self.pictures)
        self.assertEqual(parts[0].body, self.pictures[first])
        numbers = [part.number for part in parts]
        self.assertEqual(numbers, sorted(set(numbers)))
        for part in parts:  # a picture that was left out leaves its number out
            ahead = part.number - parts[0].number
            self.assertEqual(part.body, self.pictures[(first + ahead) % len(self.pictures)])

    def test_a_picture_is_stamped_with_the_moment_at_which_it_was_taken(self):
        server = self.film(stamp=1)
        viewer = self.view(server)
        since_1970 = time.time_ns() - time.monotonic_ns()
        for _ in range(10):
            part = viewer.part()
            _, taken = stamp(part.body)
            self.assertLess(abs(part.captured - (since_1970 + taken) / 1e9), 0.01)

    def test_it_is_off_while_nobody_looks(self):
        server = self.film()
        self.assertEqual(self.happened(), ["open"])
        for _ in range(2):
            viewer = self.view(server)
            viewer.part()
            viewer.close()
            wait_until(lambda: self.happened()[-1] == "off", "the camera to be turned off")
        self.snapshot(server)
        wait_until(lambda: self.happened()[-1] == "off", "the camera to be turned off")
        self.assertEqual(self.happened(), ["open"] + 3 * ["on", "off"])

    def test_a_snapshot_is_never_from_before_it_was_asked_for(self):
        server = self.film(stamp=1, fps=5)
        for _ in range(3):
            asked = time.monotonic_ns()
            self.assertGreater(stamp(self.snapshot(server).body)[1], asked)

    def test_broken_and_damaged_pictures_are_left_out_and_counted(self):
        server = self.film(bad=3, error=4, stamp=1)
        viewer = self.view(server)
        for _ in range(30):
            part = viewer.part()
            self.assertTrue(is_jpeg(part.body))
            sequence, _ = stamp(part.body)
            self.assertNotEqual(sequence % 3, 2)
            self.assertNotEqual(sequence % 4, 3)
            self.assertEqual(part.number, sequence + 1)
        self.assertGreaterEqual(self.figures(server)["sources"][0]["lost"], 15)

    def test_missing_huffman_tables_are_put_in(self):
        server = self.film(no_tables=1)
        body = self.view(server).part().body
        self.assertEqual(body.count(HUFFMAN_TABLES, 0, body.index(SCAN)), 1)
        # The pictures had the standard tables to begin with, at the same place.
        self.assertIn(body, self.pictures)

    def test_what_lies_behind_the_end_of_a_picture_is_taken_off(self):
        self.assertIn(self.view(self.film(padding=5000)).part().body, self.pictures)

    def test_one_that_is_pulled_out_is_told_and_taken_again_when_it_is_back(self):
        server = self.film(unplug=10, back=1500, stamp=1)
        viewer = self.view(server)
        before = [viewer.part() for _ in range(5)][-1]
        wait_until(lambda: self.trouble(server), "the trouble to be told")
        self.assertIn(f"{DEVICE} was unplugged; it is tried again every second", server.log())
        while stamp((after := viewer.part()).body)[0] < 10:
            pass
        self.assertGreater(after.number, before.number)
        self.assertEqual(self.trouble(server), "")
        self.assertEqual(self.happened(), ["open", "on", "unplugged", "close", "open", "on"])
        self.assertIn(f"{DEVICE} is back", server.log())

    def test_one_that_is_gone_is_said_to_who_asks_for_a_snapshot(self):
        server = self.film(unplug=3)
        viewer = self.view(server)
        wait_until(lambda: self.trouble(server), "the trouble to be told")
        status, text = self.refusal(server, "/snapshot.jpg")
        self.assertEqual(status, 503)
        self.assertIn(DEVICE, text)
        viewer.close()
        self.assert_serves(server)

    def test_one_that_falls_silent_is_opened_anew(self):
        server = self.film(silent=5, stamp=1)
        viewer = self.view(server)
        while stamp(viewer.part().body)[0] < 5:
            pass
        self.assertIn(f"{DEVICE} has given no whole picture for 5 s", server.log())
        self.assertEqual(self.happened()[:6], ["open", "on", "off", "close", "open", "on"])

    def test_one_without_jpeg_is_refused_with_the_way_out(self):
        self.assertEqual(self.refused(yuyv=1), f"{DEVICE} gives no JPEG; `sluice video`, which has "
                                               "OpenCV, converts its pictures")

    def test_one_that_another_program_has_is_refused(self):
        self.assertEqual(self.refused(busy=1), f"{DEVICE} is in use by another program")

    def test_one_that_is_not_there_is_refused(self):
        ended = run("serve", "--http", "127.0.0.1:0", "--video-source", "/dev/video99")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("cannot open /dev/video99: No such file or directory", ended.stderr)


if __name__ == "__main__":
    unittest.main()
