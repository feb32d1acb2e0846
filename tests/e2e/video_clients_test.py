"""The programs that people see a video with: ffmpeg, by HTTP and by RTP, and Python with numpy."""

import socket
import subprocess
import textwrap
import unittest

from harness import PATIENCE, run, wait_until
from video_http_support import VideoTest, ffmpeg, is_jpeg, needs, pattern_numbers

PYTHON = "/usr/bin/python3"


def has_numpy():
    try:
        return subprocess.run([PYTHON, "-c", "import numpy"], capture_output=True,
                              timeout=PATIENCE).returncode == 0
    except OSError:
        return False


def free_port():
    """An even one, as RTP likes, whose neighbour is free, too."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
            rtp.bind(("127.0.0.1", 0))
            port = rtp.getsockname()[1]
            if port % 2:
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
                try:
                    rtcp.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return port


class Ffmpeg(VideoTest):
    def read(self, *arguments, frames):
        """The numbers in so many pictures of the test pattern, as ffmpeg decodes them."""
        return pattern_numbers(ffmpeg(*arguments, "-frames:v", frames, "-pix_fmt", "gray",
                                      "-fps_mode", "passthrough", "-f", "rawvideo", "-"))

    def assert_counts_up(self, numbers, frames):
        self.assertEqual(len(numbers), frames)
        self.assertNotIn(None, numbers)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + frames)))

    @needs("ffmpeg")
    def test_reads_the_stream_frame_by_frame(self):
        server = self.serve("http", options=["--video-source", "test"])
        self.assert_counts_up(self.read("-f", "mpjpeg", "-i", self.url(server), frames=50), 50)

    @needs("ffmpeg")
    def test_a_directory_made_by_it_comes_back_as_it_is(self):
        directory = self.directory([])
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-frames:v", "10",
               directory / "%03d.jpg")
        pictures = [path.read_bytes() for path in sorted(directory.iterdir())]
        server = self.serve("http", options=["--video-source", directory])
        viewer = self.view(server)
        self.assertEqual([viewer.part().body for _ in range(20)], pictures * 2)
        copied = ffmpeg("-f", "mpjpeg", "-i", self.url(server), "-frames:v", "10", "-c", "copy",
                        "-f", "mjpeg", "-")
        self.assertIn(copied, b"".join(pictures * 2))

    @needs("ffmpeg")
    def test_an_mjpeg_file_of_its_own_is_played(self):
        file = self.directory([]) / "video.mjpg"
        ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-frames:v", "5", "-f", "mjpeg",
               file)
        server = self.serve("http", options=["--video-source", file])
        viewer = self.view(server)
        self.assertEqual(b"".join(viewer.part().body for _ in range(5)), file.read_bytes())

    @needs("ffmpeg")
    def test_reads_rtp_from_the_sdp_file(self):
        sdp = self.directory([]) / "video.sdp"
        server = self.serve(options=["--video-rtp", f"127.0.0.1:{free_port()}", "--video-sdp", sdp])
        self.assertIn(b"video-rtp sending to 127.0.0.1:", server.output)
        self.assertIn("m=video ", sdp.read_text())
        numbers = self.read("-protocol_whitelist", "file,udp,rtp", "-i", sdp, frames=30)
        self.assertNotIn(None, numbers)
        self.assertEqual(numbers, sorted(set(numbers)))  # a datagram may be lost
        self.assertLess(numbers[-1] - numbers[0], 60)

    @needs("ffmpeg")
    def test_rtp_is_counted_beside_http(self):
        sdp = self.directory([]) / "video.sdp"
        server = self.serve("http", options=["--video-rtp", f"127.0.0.1:{free_port()}",
                                             "--video-sdp", sdp])
        wait_until(lambda: self.form(server, "rtp")["sent"] > 5, "frames to be sent")
        self.assertEqual(self.form(server, "rtp")["viewers"], 1)
        self.assertTrue(is_jpeg(self.snapshot(server).body))
        self.assertIn(b'"name":"video-rtp"', self.get(server, "/services.json")[0])

    def test_an_sdp_file_that_cannot_be_written_is_an_error(self):
        done = run("serve", "--video-rtp", "127.0.0.1:9", "--video-sdp", "/nowhere/video.sdp")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/video.sdp: No such file", done.stderr)


class Numpy(VideoTest):
    @unittest.skipUnless(has_numpy(), f"needs {PYTHON} with numpy")
    def test_the_lecture_s_viewer_loads_the_frames(self):
        server = self.serve("video")
        program = textwrap.dedent("""
            import pickle, socket, struct, sys
            client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            data, size = b"", struct.calcsize("Q")
            for _ in range(3):
                while len(data) < size:
                    data += client.recv(4096)
                length, data = struct.unpack("Q", data[:size])[0], data[size:]
                while len(data) < length:
                    data += client.recv(4096)
                frame, data = pickle.loads(data[:length]), data[length:]
                assert (frame.shape, frame.dtype.name) == ((480, 640, 3), "uint8")
                sys.stdout.buffer.write(frame.max(axis=2).tobytes())
            """)
        done = subprocess.run([PYTHON, "-c", program, str(server.ports["video"])],
                              capture_output=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        numbers = pattern_numbers(done.stdout)
        self.assertNotIn(None, numbers)
        self.assertEqual(numbers, sorted(set(numbers)))


if __name__ == "__main__":
    unittest.main()
