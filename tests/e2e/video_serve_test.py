"""`sluice serve` with a video: streams, snapshots, figures, viewers of every kind, and sources that
are wrong or go away."""

import http.client
import itertools
import os
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

from harness import (ANY, PATIENCE, arrived, is_sanitized, receive, receive_all, run, wait_until)
from video_http_support import VideoTest, Viewer, is_jpeg, needs

TEST = ["--video-source", "test"]


class Stream(VideoTest):
    def test_parts_are_whole_and_never_go_back(self):
        server = self.serve("http", options=[*TEST, "--video-fps", "50"])
        viewer = self.view(server)
        parts = [viewer.part() for _ in range(100)]
        for part in parts:
            self.assertTrue(is_jpeg(part.body))
        for one, next_one in itertools.pairwise(parts):
            self.assertEqual(next_one.number, one.number + 1)
            self.assertGreater(next_one.captured, one.captured)
            self.assertNotEqual(next_one.body, one.body)
        self.assertLess(abs(parts[-1].captured - time.time()), 2)

    def test_pictures_of_a_directory_come_byte_for_byte_and_again(self):
        pictures = self.snapshots(7)
        server = self.serve("http", options=["--video-source", self.directory(pictures),
                                             "--video-fps", "50"])
        viewer = self.view(server)
        for index in range(30):
            part = viewer.part()
            self.assertEqual(part.number, index + 1)
            self.assertEqual(part.body, pictures[index % 7])

    def test_a_file_of_pictures_behind_one_another_is_played_again(self):
        pictures = self.snapshots(5)
        file = self.directory([]) / "video.mjpg"
        file.write_bytes(b"".join(pictures))
        server = self.serve("http", options=["--video-source", file, "--video-fps", "50"])
        viewer = self.view(server)
        self.assertEqual([viewer.part().body for _ in range(12)], (pictures * 3)[:12])

    def test_a_file_that_is_cut_short_shows_what_is_whole(self):
        pictures = self.snapshots(3)
        file = self.directory([]) / "video.mjpg"
        file.write_bytes(b"".join(pictures)[:-len(pictures[2]) // 2])
        server = self.serve("http", options=["--video-source", file, "--video-fps", "100"])
        viewer = self.view(server)
        self.assertEqual([viewer.part().body for _ in range(5)],
                         [pictures[index] for index in (0, 1, 0, 1, 0)])
        self.assertGreater(float(self.metrics(server)[
            'sluice_video_source_lost_total{encoding="jpeg"}']), 0)

    def test_every_viewer_sees_every_frame(self):
        server = self.serve("http", options=TEST)
        viewers = [self.view(server) for _ in range(20)]
        rows = [[viewer.part() for viewer in viewers] for _ in range(10)]
        for one, next_one in itertools.pairwise(rows):
            for part, next_part in zip(one, next_one):
                self.assertEqual(next_part.number, part.number + 1)
        pictures = {}
        for part in itertools.chain.from_iterable(rows):
            self.assertEqual(pictures.setdefault(part.number, part.body), part.body)

    def test_works_on_every_selector(self):
        for selector in ("epoll", "poll", "select"):
            server = self.serve("http", options=[*TEST, "--selector", selector])
            self.assertTrue(is_jpeg(self.view(server).part().body))
            self.assertTrue(is_jpeg(self.snapshot(server).body))

    def test_nothing_is_captured_while_nobody_looks(self):
        server = self.serve("http", options=[*TEST, "--video-fps", "100"])
        captured = lambda: self.metrics(server)['sluice_video_frames_total{encoding="jpeg"}']
        self.assertEqual(captured(), "0")
        viewer = self.view(server)
        viewer.part()
        viewer.reset()
        wait_until(lambda: self.form(server, "http")["viewers"] == 0, "the viewer to be gone")
        before = captured()
        time.sleep(0.2)  # in which 20 frames would come
        self.assertEqual(captured(), before)

    def test_head_is_answered_without_a_viewer(self):
        server = self.serve("http", options=TEST)
        for path, kind in (("/stream.mjpg", "multipart/x-mixed-replace; boundary=sluice-frame"),
                           ("/snapshot.jpg", "image/jpeg")):
            client = http.client.HTTPConnection("127.0.0.1", server.ports["http"],
                                                timeout=PATIENCE)
            self.addCleanup(client.close)
            client.request("HEAD", path)
            answer = client.getresponse()
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, kind))
            self.assertEqual(answer.read(), b"")
            self.assertIn("no-store", answer.headers["Cache-Control"])
        self.assertEqual(self.form(server, "http")["viewers"], 0)

    def test_a_drain_ends_the_viewers(self):
        server = self.serve("http", options=TEST)
        viewer = self.view(server)
        viewer.part()
        server.signal(signal.SIGTERM)
        receive_all(viewer.socket)
        viewer.close()
        self.assertEqual(server.wait(), 0)


class Snapshot(VideoTest):
    def test_a_snapshot_is_fresh(self):
        server = self.serve("http", options=TEST)
        before = self.snapshot(server)
        self.assertTrue(is_jpeg(before.body))
        time.sleep(0.3)  # nobody looks, so that nothing newer is there than what has been given
        asked = time.time()
        after = self.snapshot(server)
        self.assertGreater(after.number, before.number)
        self.assertNotEqual(after.body, before.body)
        self.assertGreaterEqual(after.captured, asked - 0.001)

    def test_a_snapshot_beside_a_viewer_is_what_it_sees(self):
        server = self.serve("http", options=TEST)
        viewer = self.view(server)
        first = viewer.part()
        snapshot = self.snapshot(server)
        self.assertGreaterEqual(snapshot.number, first.number)
        part = first
        while part.number < snapshot.number:
            part = viewer.part()
        self.assertEqual(part.body, snapshot.body)

    def test_snapshots_over_one_connection(self):
        server = self.serve("http", options=TEST)
        client = http.client.HTTPConnection("127.0.0.1", server.ports["http"], timeout=PATIENCE)
        self.addCleanup(client.close)
        numbers = []
        for _ in range(5):
            client.request("GET", "/snapshot.jpg")
            answer = client.getresponse()
            body = answer.read()
            self.assertEqual(int(answer.headers["Content-Length"]), len(body))
            self.assertTrue(is_jpeg(body))
            numbers.append(int(answer.headers["X-Frame"]))
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(server.log().count(" connected"), 1)

    def test_a_request_behind_a_snapshot_waits_for_it(self):
        server = self.serve("http", options=TEST)
        with server.connect("http") as client:
            client.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                                    for path in ("/snapshot.jpg", "/healthz", "/snapshot.jpg"))
                           + b"GET /healthz HTTP/1.0\r\n\r\n")
            data = receive_all(client)
        kinds = re.findall(rb"\r\nContent-Type: ([a-z/]+)", data)
        self.assertEqual(kinds, [b"image/jpeg", b"text/plain"] * 2)
        self.assertTrue(data.endswith(b"\r\n\r\nok\n"))

    @needs("curl")
    def test_curl_reads_it(self):
        server = self.serve("http", options=TEST)
        pictures = [subprocess.run(["curl", "-sSf", "--noproxy", "*",
                                    self.url(server, "/snapshot.jpg")], timeout=PATIENCE,
                                   capture_output=True, check=True).stdout for _ in range(3)]
        self.assertEqual(len(set(pictures)), 3)
        for picture in pictures:
            self.assertTrue(is_jpeg(picture))

    def test_a_client_that_goes_while_it_waits_leaves_nothing(self):
        server = self.serve("http", options=[*TEST, "--video-fps", "1"])
        self.snapshot(server)
        before = server.descriptors()
        for _ in range(20):
            client = server.connect("http")
            client.sendall(b"GET /snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            arrived(client)
            client.close()
        wait_until(lambda: server.descriptors() <= before, "the connections to be gone")
        self.assertTrue(is_jpeg(self.snapshot(server).body))


class Slow(VideoTest):
    """Viewers who cannot, or will not, keep up."""

    def pictures(self):
        """Of about 50 kB each: what follows the picture is a part of it for all but decoders."""
        padding = b"\xff\xfe\x80\x02" + b"x" * 0x8000
        return [picture[:2] + padding + picture[2:] for picture in self.snapshots(8)]

    def test_one_who_stops_reading_harms_nobody(self):
        server = self.serve("http", options=["--video-source", self.directory(self.pictures()),
                                             "--video-fps", "50"])
        stuck = [self.view(server, receive_buffer=4096) for _ in range(5)]
        viewer = self.view(server)
        parts = [viewer.part() for _ in range(100)]
        resident = server.resident_kib()
        parts += [viewer.part() for _ in range(150)]
        for one, next_one in itertools.pairwise(parts):
            self.assertGreater(next_one.number, one.number)
        # Python may be late itself when the machine is busy.
        self.assertLess(parts[-1].number - parts[0].number, 1.5 * len(parts))
        if not is_sanitized():
            self.assertLess(server.resident_kib() - resident, 1024)
        seen = self.figures(server)["viewers"]
        self.assertEqual(len(seen), 6)
        for one in seen[:5]:
            self.assertGreater(one["skipped"], 150)
            self.assertGreater(one["skipped"], seen[5]["skipped"])
        for one in stuck:  # what it gets after that is whole, and not what has long passed
            first, second, third = one.part(), one.part(), one.part()
            self.assertGreater(third.number, parts[-1].number - 50)

    def test_one_who_reads_250_kb_a_second_sees_no_old_picture(self):
        server = self.serve("http", options=["--video-source", self.directory(self.pictures()),
                                             "--video-fps", "30"])
        viewer = self.view(server)  # whose receive buffer is what the kernel makes of it
        ages, taken, began = [], 0, time.monotonic()
        while time.monotonic() - began < 6:
            head = viewer.read_headers()
            left = int(head["content-length"]) + 2 + len(b"--sluice-frame\r\n")
            while left:
                piece = viewer.file.read(min(left, 5000))
                left -= len(piece)
                taken += len(piece)
                time.sleep(max(0, began + taken / 250_000 - time.monotonic()))
            if time.monotonic() - began > 2:
                ages.append(time.time() - float(head["x-timestamp"]))
        self.assertGreater(len(ages), 5)
        self.assertLess(sorted(ages)[len(ages) // 2], 2, ages)
        self.assertGreater(self.figures(server)["viewers"][0]["skipped"], 20)

    def test_viewers_that_vanish_leave_nothing(self):
        server = self.serve("http", options=TEST)
        self.snapshot(server)
        before = server.descriptors()
        for _ in range(30):
            viewer = Viewer(server)
            viewer.part()
            viewer.reset()
        wait_until(lambda: server.descriptors() <= before, "the connections to be gone")
        self.assertEqual(self.form(server, "http")["viewers"], 0)


class Figures(VideoTest):
    def test_metrics_and_json_count_frames_and_viewers(self):
        server = self.serve("http", options=TEST)
        viewers = [self.view(server) for _ in range(3)]
        for _ in range(10):
            for viewer in viewers:
                viewer.part()
        figures = self.figures(server)
        source = figures["sources"][0]
        self.assertEqual((source["name"], source["width"], source["height"], source["trouble"]),
                         ("test pattern", 640, 480, ""))
        self.assertGreater(source["fps"], 10)
        self.assertEqual([one["address"] for one in figures["viewers"]],
                         ["%s:%d" % viewer.socket.getsockname() for viewer in viewers])
        metrics = self.metrics(server)
        self.assertEqual(metrics['sluice_video_up{encoding="jpeg"}'], "1")
        self.assertEqual(metrics['sluice_video_viewers{format="http"}'], "3")
        self.assertGreaterEqual(int(metrics['sluice_video_frames_sent_total{format="http"}']), 30)
        self.assertEqual(metrics['sluice_video_frames_skipped_total{format="http"}'], "0")

    def test_without_a_source_there_is_no_video(self):
        server = self.serve("http")
        for path in ("/stream.mjpg", "/snapshot.jpg", "/video.json"):
            self.assertEqual(self.refusal(server, path)[0], 404)
        self.assertNotIn(b"<img", self.get(server, "/")[0])
        self.assertEqual(self.metrics(server), {})

    def test_video_is_one_of_the_services(self):
        server = self.serve("video", "http")
        state = self.get(server, "/services.json")[0].decode()
        self.assertIn(f'"name":"video","address":"{server.addresses["video"]}"', state)
        with server.connect("video") as client:
            receive(client, 1000)
            tcp = lambda: self.form(server, "tcp")
            wait_until(lambda: tcp()["viewers"] == 1, "the viewer to be counted")
        self.assertEqual({source["encoding"] for source in self.figures(server)["sources"]},
                         {"jpeg", "bgr"})


class Tcp(VideoTest):
    """The lecture's format."""

    def frame(self, client):
        length, = struct.unpack("<Q", receive(client, 8))
        self.assertLess(length, 64 << 20)
        payload = receive(client, length)
        self.assertEqual(len(payload), length)
        return payload

    def test_pictures_come_behind_their_lengths(self):
        pictures = self.snapshots(4)
        server = self.serve("video", options=["--video-source", self.directory(pictures),
                                              "--video-fps", "100"])
        client = self.connect(server, "video")
        self.assertEqual([self.frame(client) for _ in range(9)], (pictures * 3)[:9])

    def test_the_test_pattern_comes_as_pickles_or_jpegs(self):
        server = self.serve("video", options=["--video-size", "320x240"])
        pickle = self.frame(self.connect(server, "video"))
        self.assertEqual(pickle[:2], b"\x80\x04")
        self.assertLess(abs(len(pickle) - 320 * 240 * 3), 1000)
        server = self.serve("video", options=["--video-payload", "jpeg"])
        self.assertTrue(is_jpeg(self.frame(self.connect(server, "video"))))

    def test_one_source_serves_http_and_tcp(self):
        pictures = self.snapshots(4)
        server = self.serve("video", "http", options=["--video-source", self.directory(pictures),
                                                      "--video-fps", "50"])
        client = self.connect(server, "video")
        viewer = self.view(server)
        part = viewer.part()
        while (found := self.frame(client)) != part.body:
            self.assertIn(found, pictures)
        self.assertEqual(len(self.figures(server)["sources"]), 1)
        self.assertEqual(self.form(server, "tcp")["viewers"], 1)


class Wrong(VideoTest):
    """What is wrong at the start, and what goes wrong later."""

    def assert_ends(self, status, said, *options):
        done = run("serve", *options)
        self.assertEqual(done.returncode, status, (options, done.stderr))
        self.assertRegex(done.stderr, said)

    def test_options_without_what_they_are_for_are_told(self):
        http = ["--http", ANY]
        for said, *options in (
                ("--video-source without --http or --video or --video-rtp",
                 "--echo", ANY, "--video-source", "test"),
                ("--video-fps without --video-source", *http, "--video-fps", "5"),
                ("--video-size without --video-source", *http, "--video-size", "320x240"),
                ("--video-payload without --video", *http, *TEST, "--video-payload", "jpeg"),
                ("--video-sdp without --video-rtp", *http, *TEST, "--video-sdp", "x"),
                ("--video-rtp-ttl without --video-rtp", *http, *TEST, "--video-rtp-ttl", "2"),
                ("--video-rtp needs --video-sdp", "--video-rtp", "127.0.0.1:9")):
            self.assert_ends(2, said, *options)

    def test_values_that_are_none_are_told(self):
        for said, *options in (
                ("--video-fps takes a whole number from 1 to 1000", "--video-fps", "0"),
                ("--video-size is as 640x480", "--video-size", "640"),
                ("--video-size is as 640x480", "--video-size", "0x480"),
                ("--video-size is as 640x480", "--video-size", "640x480x3"),
                ("--video-payload is pickle or jpeg", "--video-payload", "png")):
            self.assert_ends(2, said, "--video", ANY, *options)
        self.assert_ends(2, "--video nonsense", "--video", "nonsense")
        self.assert_ends(2, "--video-rtp nonsense", "--video-rtp", "nonsense", "--video-sdp", "x")

    def test_pickles_of_jpegs_are_refused_with_a_way_out(self):
        self.assert_ends(2, "only 'sluice video serve' can decode", "--video", ANY,
                         "--video-source", self.directory([]), "--video-payload", "pickle")

    def test_a_source_that_cannot_be_had_is_an_error_at_the_start(self):
        empty = self.directory([])
        text = empty / "text"
        text.write_text("no picture at all\n" * 1000)
        short = empty / "short.mjpg"
        short.write_bytes(self.snapshots(1)[0][:1000])
        for source, said in ((empty, "holds no pictures"), (empty / "missing", "No such file"),
                             (text, "text.*no"), (short, "short"), ("/dev/video99", "video99"),
                             ("/dev/null", "/dev/null")):
            self.assert_ends(1, said, "--http", ANY, "--video-source", source)
        self.assert_ends(1, "multiples of 16", "--http", ANY, *TEST, "--video-size", "333x333")

    def test_a_directory_that_is_emptied_is_a_trouble_until_it_is_filled_again(self):
        pictures = self.snapshots(3)
        directory = self.directory(pictures)
        server = self.serve("http", options=["--video-source", directory, "--video-fps", "50"])
        viewer = self.view(server)
        viewer.part()
        aside = self.directory([])
        for name in sorted(os.listdir(directory)):
            os.rename(directory / name, aside / name)
        wait_until(lambda: self.figures(server)["sources"][0]["trouble"], "the trouble")
        status, said = self.refusal(server, "/snapshot.jpg")
        self.assertEqual(status, 503)
        self.assertIn("none of its pictures can be read", said)
        self.assertEqual(self.metrics(server)['sluice_video_up{encoding="jpeg"}'], "0")
        self.assertIn(b"none of its pictures", self.get(server, "/")[0])
        self.assertEqual(len(self.figures(server)["viewers"]), 1)  # who waits
        for name in os.listdir(aside):
            os.rename(aside / name, directory / name)
        viewer.part()
        self.assertTrue(is_jpeg(self.snapshot(server).body))
        self.assertEqual(server.log().count("none of its pictures"), 1)


if __name__ == "__main__":
    unittest.main()
