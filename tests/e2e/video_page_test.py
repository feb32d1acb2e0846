"""The page in a browser: the picture is there and moves, on wide and narrow screens."""

import shutil
import subprocess
import tempfile
import unittest

from harness import PATIENCE
from video_http_support import VideoTest, ffmpeg, needs

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@unittest.skipUnless(CHROMIUM, "needs chromium")
class Page(VideoTest):
    def browse(self, url, *arguments):
        """Runs a browser of its own to its end; returns its standard output."""
        profile = tempfile.mkdtemp(prefix="sluice-chromium-")
        self.addCleanup(shutil.rmtree, profile, ignore_errors=True)
        done = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server",
             f"--user-data-dir={profile}", "--virtual-time-budget=3000", "--timeout=10000",
             *arguments, url], capture_output=True, timeout=2 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout

    def screenshot(self, server, width, height, *arguments):
        """Its pixels, a byte each."""
        file = self.directory([]) / "page.png"
        self.browse(self.url(server, "/"), f"--screenshot={file}",
                    f"--window-size={width},{height}", *arguments)
        grey = ffmpeg("-i", file, "-pix_fmt", "gray", "-f", "rawvideo", "-")
        self.assertEqual(len(grey), width * height)
        return grey

    @needs("ffmpeg")
    def test_the_picture_is_there_and_moves(self):
        server = self.serve("http", "video", options=["--video-source", "test"])
        for width in (1200, 400):
            first, second = (self.screenshot(server, width, 900) for _ in range(2))
            # The block has wandered on, and there are other digits.
            moved = sum(1 for one, other in zip(first, second) if abs(one - other) > 40)
            self.assertGreater(moved, width, width)
            # Colour bars and all: much of the window is no longer one flat ground.
            flat = max(first.count(level) for level in range(256))
            self.assertLess(flat, len(first) * 0.7, width)
        self.assertGreater(self.form(server, "http")["sent"], 20)

    def test_says_what_there_is_without_help_from_elsewhere(self):
        server = self.serve("http", options=["--video-source", "test"])
        page = self.browse(self.url(server, "/"), "--dump-dom").decode()
        self.assertIn('<img src="/stream.mjpg" alt="Video: test pattern">', page)
        self.assertRegex(page, r"<figcaption>test pattern, 640x480, [\d.]+ frames a second, "
                               r"1 viewer, 0 frames skipped for the slow</figcaption>")
        self.assertIn('class="live">live</p>', page)
        answer, headers = self.get(server, "/")
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn("img-src 'self' data:", headers["Content-Security-Policy"])
        self.assertNotRegex(answer.decode(), r"""(src|href)=["']?(https?:)?//""")


if __name__ == "__main__":
    unittest.main()
