"""`sluice video`: the lecture's programs and Python at the other end, and what is refused."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest
import urllib.request

from harness import ANY, BUILD, PATIENCE, PROGRAM, receive
from video_support import HEIGHT, WIDTH, VideoTest, make_video, needs, read_number

CHUNK = 46_080
CAMERA = BUILD / "fake_camera.so"

# As the lecture has it, but for the window: what it would show, as numbers.
TCP_CLIENT = """
import pickle, socket, struct, sys
s = socket.socket()
s.connect(("127.0.0.1", int(sys.argv[1])))
data = b""
size = struct.calcsize("Q")
for _ in range(int(sys.argv[2])):
    while len(data) < size:
        packet = s.recv(4096)
        if not packet: sys.exit("the stream has ended")
        data += packet
    (length,) = struct.unpack("Q", data[:size])
    data = data[size:]
    while len(data) < length:
        data += s.recv(4096)
    frame = pickle.loads(data[:length])
    data = data[length:]
    open(sys.argv[3], "ab").write(frame.tobytes())
    print(frame.dtype, *frame.shape, frame.flags.writeable, flush=True)
"""

UDP_RECEIVER = """
import numpy, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
parts = [b""] * 20
for _ in range(int(sys.argv[1])):
    while True:
        data, _ = s.recvfrom(46081)
        parts[data[0]] = data[1:46081]
        if data[0] == 19 and all(parts): break
    picture = numpy.frombuffer(b"".join(parts), numpy.uint8).reshape(480, 640, 3)
    open(sys.argv[2], "ab").write(picture.tobytes())
print("done", flush=True)
"""


def split(raw, size=WIDTH * HEIGHT * 3):
    return [raw[at:at + size] for at in range(0, len(raw), size)]


class WithoutIt(unittest.TestCase):
    """`sluice video` where there is no sluice-video."""

    def setUp(self):
        self.here = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.program = self.here / "sluice"
        shutil.copy(PROGRAM, self.program)

    def run_it(self, *arguments, path="/nonexistent"):
        return subprocess.run([self.program, "video", *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE,
                              env={**os.environ, "PATH": path})

    def stand_in(self, directory):
        directory.mkdir(exist_ok=True)
        script = directory / "sluice-video"
        script.write_text(f'#!/bin/sh\necho "{directory.name}" "$@"\nexit 7\n')
        script.chmod(0o755)

    def test_a_sentence_says_how_to_get_it(self):
        done = self.run_it("serve", "--source", "test", "--tcp", ANY)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("libopencv-dev", done.stderr)
        self.assertIn("make video", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_help_and_wrong_usage_need_no_opencv(self):
        done = self.run_it("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--source SOURCE", done.stdout)
        self.assertEqual(self.run_it("serve", "--sorce", "test").returncode, 2)

    def test_the_one_beside_it_is_taken_and_else_the_one_in_path(self):
        self.stand_in(self.here / "bin")
        words = ("record", "--udp", ANY, "--codec=mp4v", "--", "-a file")
        found = self.run_it(*words, path=f"{self.here / 'bin'}:/bin:/usr/bin")
        self.assertEqual(found.stdout, f"bin --udp {ANY} --codec mp4v -- record -a file\n")
        self.assertEqual(found.returncode, 7)
        self.stand_in(self.here)
        found = self.run_it(*words, path=f"{self.here / 'bin'}:/bin:/usr/bin")
        self.assertTrue(found.stdout.startswith(self.here.name), found.stdout)

    def test_one_that_cannot_be_run_is_named(self):
        (self.here / "sluice-video").write_text("no program")
        done = self.run_it("serve", "--source", "test", "--tcp", ANY)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot run sluice-video", done.stderr)


@needs("sluice-video")
class Usage(VideoTest):
    def refused(self, status, text, *arguments, **how):
        got, said = self.run_video(*arguments, **how)
        self.assertEqual(got, status, said)
        self.assertIn(text, said)
        self.assertTrue(said.startswith("sluice video: "), said)
        self.assertEqual(said.count("\n"), 1, said)

    def test_options_that_are_missing_wrong_or_of_another_verb(self):
        source = ("--source", "test")
        for status, text, *words in (
                (2, "serve, send, receive or record?"),
                (2, "not show", "show"),
                (2, "--source says", "serve", "--tcp", ANY),
                (2, "say to whom", "serve", *source),
                (2, "say where to", "send", *source),
                (2, "--tcp does not go with send", "send", *source, "--tcp", ANY),
                (2, "--codec does not go with", "receive", "--udp", ANY, "--codec", "mp4v"),
                (2, "one of --tcp, --udp and --rtp", "receive", "--udp", ANY, "--rtp", ANY),
                (2, "one of --tcp, --udp and --rtp", "record", "a.mp4"),
                (2, "unexpected argument", "receive", "--udp", ANY, "a.mp4"),
                (2, "into which FILE", "record", "--udp", ANY),
                (2, "--codec says what to write", "record", "--udp", ANY, "a.mkv"),
                (2, "four letters", "record", "--udp", ANY, "--codec", "h264x", "a.mp4"),
                (2, "--quality takes", "serve", *source, "--tcp", ANY, "--quality", "0"),
                (2, "--quality takes", "serve", *source, "--tcp", ANY, "--quality", "101"),
                (2, "--width takes", "serve", *source, "--tcp", ANY, "--width", "7"),
                (2, "--fps takes", "serve", *source, "--tcp", ANY, "--fps", "0"),
                (2, "--count takes", "record", "--udp", ANY, "--count", "0", "a.mp4"),
                (2, "pickle or jpeg", "serve", *source, "--tcp", ANY, "--payload", "png"),
                (2, "--sdp goes with --rtp", "send", *source, "--udp", "127.0.0.1:9", "--sdp", "x"),
                (2, "the port is missing", "send", *source, "--udp", ANY),
                (2, "--tcp localhost", "serve", *source, "--tcp", "localhost"),
                (2, "unknown option --camera", "serve", "--camera", "0")):
            with self.subTest(words=words):
                self.refused(status, text, *words)

    def test_sources_that_are_none(self):
        (self.here / "text.mp4").write_text("#EXTM3U\nhttp://127.0.0.1/secret\n")
        (self.here / "noise.mp4").write_bytes(bytes(range(256)) * 64)
        (self.here / "empty.avi").touch()
        (self.here / "short.mjpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
        os.mkfifo(self.here / "pipe")
        for source, text in (("nosuch.mp4", "No such file"), ("text.mp4", "that is text"),
                             ("noise.mp4", "not a video"), ("empty.avi", "empty"),
                             ("short.mjpg", "short.mjpg"), ("pipe", "pipe"), (".", "no pictures"),
                             ("/dev/null", "/dev/null"), ("/dev/video99", "/dev/video99"),
                             ("99", "/dev/video99"), ("http://127.0.0.1/x.mp4", "No such file")):
            with self.subTest(source=source):
                self.refused(1, text, "serve", "--source", source, "--tcp", ANY)

    @needs("ffmpeg")
    def test_a_video_that_is_cut_short(self):
        whole = make_video(self.here / "whole.mp4").read_bytes()
        (self.here / "cut.mp4").write_bytes(whole[:len(whole) // 2])
        self.refused(1, "cut.mp4", "serve", "--source", "cut.mp4", "--tcp", ANY)

    def test_addresses_that_are_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for name in ("tcp", "http"):
                self.refused(1, "in use", "serve", "--source", "test", f"--{name}", address)


@needs("sluice-video")
class Serve(VideoTest):
    def connect(self, server, name="tcp"):
        client = socket.create_connection(("127.0.0.1", server.port(name)), PATIENCE)
        self.addCleanup(client.close)
        return client

    @needs("numpy")
    def test_the_lecture_s_tcp_client_sees_each_picture_as_it_is(self):
        server = self.video("serve", "--source", "test", "--tcp", ANY, lines=1)
        client = self.python(TCP_CLIENT, server.port("tcp"), 10, "frames")
        lines = client.stdout.read().decode().splitlines()
        self.assertEqual(len(lines), 10)
        self.assertTrue(all(line.startswith(f"uint8 {HEIGHT} {WIDTH} 3") for line in lines), lines)
        seen = [read_number(raw) for raw in split((self.here / "frames").read_bytes())]
        self.assertEqual(seen, sorted(set(seen)))
        self.assertNotIn(None, seen)
        self.assertEqual(server.end(), 0)

    @needs("numpy")
    def test_the_lecture_s_udp_receiver_sees_each_picture_as_it_is(self):
        receiver = self.python(UDP_RECEIVER, 10, "frames")
        port = int(receiver.stdout.readline())
        sender = self.video("send", "--source", "test", "--udp", f"127.0.0.1:{port}", lines=1)
        self.assertEqual(receiver.stdout.read(), b"done\n")
        seen = [read_number(raw) for raw in split((self.here / "frames").read_bytes())]
        self.assertNotIn(None, seen)
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(sender.end(), 0)

    def test_jpegs_of_a_source_that_has_them_are_sent_as_they_are(self):
        server = self.video("serve", "--source", "test", "--tcp", ANY, "--payload", "jpeg", "--http",
                            ANY, lines=2)
        client = self.connect(server)
        length, = struct.unpack("<Q", receive(client, 8))
        jpeg = receive(client, length)
        self.assertTrue(jpeg.startswith(b"\xff\xd8") and jpeg.endswith(b"\xff\xd9"))
        snapshot = urllib.request.urlopen(f"http://127.0.0.1:{server.port('http')}/snapshot.jpg",
                                          timeout=PATIENCE).read()
        self.assertEqual(jpeg[:300], snapshot[:300])  # the same head: nothing was made anew

    @needs("ffmpeg")
    def test_everything_at_once(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
             socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
            udp.bind(("127.0.0.1", 0))
            rtp.bind(("127.0.0.1", 0))
            server = self.video(
                "serve", "--source", "test", "--tcp", ANY, "--http", ANY,
                "--udp", f"127.0.0.1:{udp.getsockname()[1]}",
                "--rtp", f"127.0.0.1:{rtp.getsockname()[1]}", "--sdp", "test.sdp", lines=4)
            udp.settimeout(PATIENCE)
            rtp.settimeout(PATIENCE)
            self.assertEqual(len(udp.recv(65535)), CHUNK + 1)
            self.assertEqual(rtp.recv(65535)[0] >> 6, 2)
        self.assertIn("m=video", (self.here / "test.sdp").read_text())
        client = self.connect(server)
        length, = struct.unpack("<Q", receive(client, 8))
        self.assertGreater(length, WIDTH * HEIGHT * 3)
        metrics = urllib.request.urlopen(f"http://127.0.0.1:{server.port('http')}/metrics",
                                         timeout=PATIENCE).read().decode()
        for form in ("tcp", "udp", "rtp"):
            self.assertRegex(metrics, rf'sluice_video_viewers{{format="{form}"}} 1\n')
        self.assertEqual(server.end(signal.SIGTERM), 0)

    @needs("ffmpeg")
    def test_a_video_file_plays_in_its_width_and_begins_again(self):
        make_video(self.here / "ten: grey.mp4", frames=10, fps=50)
        server = self.video("serve", "--source", "ten: grey.mp4", "--width", "160", "--tcp", ANY, lines=1)
        client = self.connect(server)
        greys = []
        for _ in range(25):
            length, = struct.unpack("<Q", receive(client, 8))
            pickled = receive(client, length)
            # 160x120: the lecture's resize keeps the proportions.
            self.assertLess(abs(length - 160 * 120 * 3), 400)
            greys.append(pickled[length // 2] // 16)
        restarts = [i for i in range(1, 25) if greys[i] < greys[i - 1]]
        self.assertGreaterEqual(len(restarts), 1, greys)
        self.assertLessEqual(len(set(greys)), 11)

    @needs("ffmpeg")
    def test_a_wide_picture_keeps_its_form_in_the_lecture_s_datagrams(self):
        make_video(self.here / "wide.mp4", frames=12, size="640x320", fps=10)
        parts = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            udp.settimeout(0.1)
            sender = self.video("send", "--source", "wide.mp4", "--udp",
                                f"127.0.0.1:{udp.getsockname()[1]}", lines=1)
            while sender.process.poll() is None:
                with contextlib.suppress(TimeoutError):
                    datagram = udp.recv(65535)
                    parts[datagram[0]] = datagram[1:]
            self.assertEqual(sender.wait(), 0)  # it ends with its source
        self.assertEqual(sorted(parts), list(range(20)))
        last = b"".join(parts[index] for index in range(20))
        rows = [last[row * WIDTH * 3 + 960] for row in (0, 79, 81, 240, 398, 401, 479)]
        self.assertEqual([grey > 30 for grey in rows], [False, False, True, True, True, False, False])

    def test_rtp_fits_whatever_the_width(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
            rtp.bind(("127.0.0.1", 0))
            rtp.settimeout(PATIENCE)
            # 500x375, which RTP cannot say.
            self.video("send", "--source", "test", "--width", "500", "--rtp",
                       f"127.0.0.1:{rtp.getsockname()[1]}", lines=1)
            datagram = rtp.recv(65535)
        self.assertEqual((datagram[1] & 0x7F, datagram[18], datagram[19]), (26, 496 // 8, 368 // 8))


@needs("sluice-video", "ffmpeg")
@unittest.skipUnless(CAMERA.exists(), "needs fake_camera.so")
class Camera(VideoTest):
    def test_one_with_jpeg_and_one_with_pixels_only(self):
        (self.here / "pictures").mkdir()
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=640x480:r=5:d=1",
                        "-huffman", "default", self.here / "pictures" / "%03d.jpg"], check=True,
                       timeout=PATIENCE, stdin=subprocess.DEVNULL)
        asan = os.environ.get("ASAN_OPTIONS", "")
        for pixels in ({}, {"FAKE_CAMERA_YUYV": "1"}):
            server = self.video("serve", "--source", "90", "--tcp", ANY, "--http", ANY, lines=2, environment={
                "LD_PRELOAD": str(CAMERA), "FAKE_CAMERA": "/dev/video90",
                "FAKE_CAMERA_PICTURES": str(self.here / "pictures"), **pixels,
                "ASAN_OPTIONS": (asan + ":" if asan else "") + "verify_asan_link_order=0"})
            with socket.create_connection(("127.0.0.1", server.port("tcp")), PATIENCE) as client:
                length, = struct.unpack("<Q", receive(client, 8))
                pickled = receive(client, length)
            self.assertIn(b"numpy", pickled)
            self.assertEqual(length // (WIDTH * HEIGHT * 3), 1)
            snapshot = urllib.request.urlopen(f"http://127.0.0.1:{server.port('http')}/snapshot.jpg",
                                              timeout=PATIENCE).read()
            first = (self.here / "pictures" / "001.jpg").read_bytes()
            self.assertEqual(snapshot[:20] == first[:20], not pixels)  # its own, or made here
            self.assertEqual(snapshot[:2] + snapshot[-2:], b"\xff\xd8\xff\xd9")
            self.assertEqual(server.end(), 0)


if __name__ == "__main__":
    unittest.main()
