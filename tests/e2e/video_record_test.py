"""`sluice video record`: what comes by TCP, UDP and RTP, from the lecture's senders, too, is a file that
plays, however the recording ends."""

import os
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from harness import ANY, PATIENCE, wait_until
from video_support import VideoTest, needs, numbers, probe

FOREVER = 10 ** 6

# As the lecture has it, but for the camera: pictures of one grey each.
TCP_SENDER = """
import numpy, pickle, socket, struct, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(5)
print(s.getsockname()[1], flush=True)
client, _ = s.accept()
for number in range(int(sys.argv[1])):
    frame = numpy.full((480, 640, 3), 10 * number % 250, dtype=numpy.uint8)
    a = pickle.dumps(frame)
    message = struct.pack("Q", len(a)) + a
    client.sendall(message)
client.close()
"""

UDP_SENDER = """
import numpy, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
number = 0
while True:
    frame = numpy.full((480, 640, 3), 10 * (number % 25), dtype=numpy.uint8)
    d = frame.flatten().tobytes()
    for i in range(20):
        s.sendto(bytes([i]) + d[i * 46080:(i + 1) * 46080], ("127.0.0.1", int(sys.argv[1])))
    number += 1
    time.sleep(0.04)
"""


def wrong_server(test, *parts):
    """A server that says so much to the first who connects, then ends. Its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    test.addCleanup(listening.close)
    listening.settimeout(PATIENCE)

    def serve():
        client, _ = listening.accept()
        with client:
            for part in parts:
                client.sendall(part)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    test.addCleanup(thread.join, PATIENCE)
    return f"127.0.0.1:{listening.getsockname()[1]}"


@needs("sluice-video", "ffmpeg", "ffprobe")
class Record(VideoTest):
    def assert_plays(self, name, frames=None, codec="mp4v", rate="25/1"):
        said = probe(self.here / name)
        self.assertEqual(said["codec_tag_string"], codec)
        self.assertEqual(said["r_frame_rate"], rate)
        self.assertEqual((said["width"], said["height"]), (640, 480))
        if frames is not None:
            self.assertEqual(int(said["nb_read_frames"]), frames)
        return int(said["nb_read_frames"])

    def assert_in_order(self, name):
        seen = numbers(self.here / name)
        self.assertNotIn(None, seen)
        self.assertEqual(seen, sorted(set(seen)))

    def serve(self, *arguments):
        return self.video("serve", "--source", "test", "--tcp", ANY, *arguments, lines=1)

    def test_tcp_with_either_payload(self):
        for payload in ("pickle", "jpeg"):
            server = self.serve("--payload", payload)
            status, said = self.run_video("record", "--tcp", server.addresses["tcp"], "--count", "30",
                                          f"{payload}.mp4")
            self.assertEqual((status, said), (0, ""))
            self.assert_plays(f"{payload}.mp4", 30)
            self.assert_in_order(f"{payload}.mp4")

    def test_tcp_ends_with_the_stream(self):
        server = self.serve()
        recording = self.video("record", "--tcp", server.addresses["tcp"], "a.mp4")
        wait_until(lambda: (self.here / "a.mp4").exists(), "the file")
        self.assertEqual(server.end(signal.SIGTERM), 0)
        recording.wait()
        self.assertGreater(self.assert_plays("a.mp4"), 0)

    def test_udp_and_rtp_end_with_a_signal_and_the_file_plays(self):
        for kind in ("udp", "rtp"):
            for number in (signal.SIGINT, signal.SIGTERM):
                name = f"{kind}{number}.mp4"
                recording = self.video("record", f"--{kind}", ANY, name, lines=1)
                sender = self.video("send", "--source", "test", f"--{kind}", recording.addresses[kind],
                                    lines=1)
                wait_until(lambda: (self.here / name).exists(), "the file")
                time.sleep(1)  # of pictures
                self.assertEqual(recording.end(number), 0, recording.said())
                self.assertEqual(sender.end(), 0)
                self.assertGreater(self.assert_plays(name), 3)
                self.assert_in_order(name)

    def test_avi_other_codecs_and_other_rates(self):
        server = self.serve()
        for name, codec, options in (("a.avi", "XVID", ()), ("b.avi", "MJPG", ("--codec", "MJPG")),
                                     ("c.mov", "mp4v", ("--fps", "10"))):
            status, said = self.run_video("record", "--tcp", server.addresses["tcp"], "--count", "5",
                                          *options, name)
            self.assertEqual((status, said), (0, ""))
            self.assert_plays(name, 5, codec, "10/1" if name == "c.mov" else "25/1")
        status, said = self.run_video("record", "--tcp", server.addresses["tcp"], "--count", "5",
                                      "--codec", "mp4v", "d.mkv")
        self.assertEqual((status, said), (0, ""))
        self.assertEqual(int(probe(self.here / "d.mkv")["nb_read_frames"]), 5)

    @needs("numpy")
    def test_the_lecture_s_tcp_sender(self):
        sender = self.python(TCP_SENDER, 20)
        port = int(sender.stdout.readline())
        status, said = self.run_video("record", "--tcp", f"localhost:{port}", "a.mp4")
        self.assertEqual((status, said), (0, ""))
        self.assert_plays("a.mp4", 20)

    @needs("numpy")
    def test_the_lecture_s_udp_sender(self):
        recording = self.video("record", "--udp", ANY, "--count", "10", "output.mp4", lines=1)
        self.python(UDP_SENDER, recording.port("udp"))
        self.assertEqual(recording.wait(), 0, recording.said())
        self.assert_plays("output.mp4", 10)

    def test_codecs_that_opencv_would_replace_without_a_word_or_does_not_know(self):
        for name, codec, text in (("a.mp4", "XVID", "say --codec mp4v"), ("a.mp4", "H264", "--codec avc1"),
                                  ("a.mp4", "ZZZZ", "cannot write ZZZZ"), ("a.txt", "mp4v", ".txt"),
                                  ("a", "mp4v", "without an ending")):
            with self.subTest(name=name, codec=codec):
                status, said = self.run_video("record", "--udp", ANY, "--codec", codec, name)
                self.assertEqual((status, said.count("\n")), (1, 1), said)
                self.assertIn(text, said)
                self.assertEqual(os.listdir(self.here), [])

    def test_files_that_cannot_be(self):
        (self.here / "directory.mp4").mkdir()
        for name, text in (("nosuch/a.mp4", "No such file"), ("directory.mp4", "directory"),
                           ("/dev/null/a.mp4", "/dev/null/a.mp4")):
            with self.subTest(name=name):
                status, said = self.run_video("record", "--udp", ANY, name)
                self.assertEqual((status, said.count("\n")), (1, 1), said)
                self.assertIn(text, said)

    def test_no_picture_no_file(self):
        recording = self.video("record", "--udp", ANY, "--seconds", "1", "a.mp4", lines=1)
        self.assertEqual(recording.wait(), 1)
        self.assertIn("no picture came", recording.said())
        self.assertEqual(os.listdir(self.here), [])

    def test_fewer_than_were_asked_for(self):
        server = self.serve("--fps", "5")
        status, said = self.run_video("record", "--tcp", server.addresses["tcp"], "--count", FOREVER,
                                      "--seconds", "2", "a.mp4")
        self.assertEqual(status, 1)
        self.assertIn(f"of {FOREVER} pictures came", said)
        self.assertGreater(self.assert_plays("a.mp4"), 1)

    def test_servers_that_are_not_what_they_should_be(self):
        refused = socket.create_server(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{refused.getsockname()[1]}"
        refused.close()
        for status, text, address in (
                (5, "refused", nobody),
                (1, str(2 ** 63), wrong_server(self, struct.pack("<Q", 2 ** 63))),
                (1, "", wrong_server(self, struct.pack("<Q", (64 << 20) + 1))),
                (1, "", wrong_server(self, struct.pack("<Q", 100_000), b"\x80\x04" + bytes(5000))),
                (1, "", wrong_server(self, b"\x01\0\0")),
                (1, "no picture", wrong_server(self, struct.pack("<Q", 0) * 10))):
            with self.subTest(text=text):
                got, said = self.run_video("record", "--tcp", address, "a.mp4")
                self.assertEqual(got, status, said)
                self.assertIn(text, said)
                self.assertTrue(said.startswith("sluice video: "), said)
                self.assertEqual(os.listdir(self.here), [])

    def test_what_came_before_a_server_failed_is_kept(self):
        jpeg = self.serve("--payload", "jpeg")
        with socket.create_connection(("127.0.0.1", jpeg.port("tcp")), PATIENCE) as client:
            length, = struct.unpack("<Q", client.recv(8, socket.MSG_WAITALL))
            picture = client.recv(length, socket.MSG_WAITALL)
        whole = struct.pack("<Q", length) + picture
        address = wrong_server(self, whole * 5, whole[:-10])
        status, said = self.run_video("record", "--tcp", address, "a.mp4")
        self.assertEqual(status, 1, said)
        self.assert_plays("a.mp4", 5)

    def test_a_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root may mount")
        small = self.here / "small"
        small.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4608k", "tmpfs", small],
                              capture_output=True)
        if done.returncode != 0:
            self.skipTest("mount is not allowed")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        server = self.serve("--fps", "50")
        status, said = self.run_video("record", "--tcp", server.addresses["tcp"], "--codec", "MJPG",
                                      "small/a.avi")
        self.assertEqual(status, 6, said)
        self.assertIn("the disk is full", said)
        self.assertGreater(self.assert_plays("small/a.avi", codec="MJPG"), 5)
        status, said = self.run_video("record", "--tcp", server.addresses["tcp"], "small/b.mp4")
        self.assertEqual(status, 6, said)


if __name__ == "__main__":
    unittest.main()
