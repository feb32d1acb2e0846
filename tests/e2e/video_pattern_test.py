"""The test pattern is the same as JPEG and as pixels, whoever decodes it."""

import unittest

from video_http_support import VideoTest, ffmpeg, needs, pattern_number

WIDTH, HEIGHT = 640, 480


def decoded(picture, *options):
    """A JPEG as ffmpeg decodes it, to rows of BGR unless told otherwise."""
    return ffmpeg("-f", "mjpeg", "-i", picture, "-f", "rawvideo", *(options or ("-pix_fmt", "bgr24")),
                  "-")


@needs("ffmpeg")
class Pattern(VideoTest):
    def setUp(self):
        server = self.serve("http", options=["--video-source", "test", "--video-fps", "100"])
        viewer = self.view(server)
        self.parts = [viewer.part() for _ in range(5)]
        self.paths = sorted(self.directory(part.body for part in self.parts).iterdir())

    def test_its_number_is_read_out_of_what_was_decoded(self):
        for part, path in zip(self.parts, self.paths):
            grey = decoded(path, "-pix_fmt", "gray")
            self.assertEqual(len(grey), WIDTH * HEIGHT)
            self.assertEqual(pattern_number(grey, WIDTH, HEIGHT), part.number)

    def test_its_squares_are_flat(self):
        pixels = decoded(self.paths[0])
        self.assertEqual(len(pixels), WIDTH * HEIGHT * 3)
        stride = WIDTH * 3
        for top in range(0, HEIGHT, 16):
            row = pixels[top * stride:(top + 1) * stride]
            for y in range(top, top + 16):
                self.assertEqual(pixels[y * stride:(y + 1) * stride], row)
            for left in range(0, stride, 48):
                self.assertEqual(row[left:left + 48], row[left:left + 3] * 16)

    def test_its_colours_are_as_they_were_drawn(self):
        pixels = decoded(self.paths[0])
        bars = [(191, 191, 191), (0, 191, 191), (191, 191, 0), (0, 191, 0), (191, 0, 191),
                (0, 0, 191), (191, 0, 0), (16, 16, 16)]
        # The block that wanders is at the left end of the row that is looked at, if anywhere.
        row = pixels[40 * WIDTH * 3:41 * WIDTH * 3]
        for index, colour in enumerate(bars[1:], 1):
            at = (index * WIDTH // 8 + WIDTH // 16) * 3
            for seen, drawn in zip(row[at:at + 3], colour):
                self.assertLessEqual(abs(seen - drawn), 3, f"bar {index}")


if __name__ == "__main__":
    unittest.main()
