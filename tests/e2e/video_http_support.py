"""What the tests of `sluice serve` with a video share: parts of a stream, snapshots, figures."""

import json
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from harness import PATIENCE, ServerTest

BOUNDARY = b"--sluice-frame\r\n"


def needs(program):
    """Skips a test where a program is missing."""
    return unittest.skipUnless(shutil.which(program), f"needs {program}")


def is_jpeg(data):
    return data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")


class Part:
    """A part of a stream, or a snapshot: the picture and what its headers say of it."""

    def __init__(self, headers, body):
        self.headers = headers
        self.body = body
        self.number = int(headers["x-frame"])
        self.captured = float(headers["x-timestamp"])


class Viewer:
    """Reads /stream.mjpg strictly."""

    def __init__(self, server, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", server.ports["http"]))
        self.socket.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.file = self.socket.makefile("rb")
        status = self.file.readline()
        assert status == b"HTTP/1.1 200 OK\r\n", status
        self.headers = self.read_headers()
        assert self.headers["content-type"] == "multipart/x-mixed-replace; boundary=sluice-frame"
        line = self.file.readline()
        assert line == BOUNDARY, line

    def read_headers(self):
        headers = {}
        while (line := self.file.readline()) != b"\r\n":
            assert line.endswith(b"\r\n"), line
            name, value = line.decode().rstrip("\r\n").split(": ", 1)
            headers[name.lower()] = value
        return headers

    def part(self):
        """The next one, with the boundary behind it, which must come with it."""
        headers = self.read_headers()
        assert headers["content-type"] == "image/jpeg", headers
        body = self.file.read(int(headers["content-length"]))
        assert self.file.read(2 + len(BOUNDARY)) == b"\r\n" + BOUNDARY
        return Part(headers, body)

    def close(self):
        self.file.close()
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class VideoTest(ServerTest):
    def directory(self, pictures):
        """A directory of pictures, in their order."""
        path = pathlib.Path(tempfile.mkdtemp(prefix="sluice-video-"))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        for index, picture in enumerate(pictures):
            (path / f"{index:04}.jpg").write_bytes(picture)
        return path

    def url(self, server, path="/stream.mjpg"):
        return f"http://127.0.0.1:{server.ports['http']}{path}"

    def get(self, server, path):
        """The body and the headers of what is there; urllib's HTTPError when it is no 200."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url(server, path), timeout=PATIENCE) as answer:
            return answer.read(), answer.headers

    def refusal(self, server, path):
        """The status and the text of what is not to be had."""
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.get(server, path)
        with caught.exception as error:
            return error.code, error.read().decode()

    def snapshot(self, server):
        body, headers = self.get(server, "/snapshot.jpg")
        return Part({name.lower(): value for name, value in headers.items()}, body)

    def snapshots(self, count, options=()):
        """Different pictures of the test pattern."""
        server = self.serve("http", options=["--video-source", "test", *options])
        viewer = self.view(server)
        pictures = [viewer.part().body for _ in range(count)]
        self.assertEqual(len(set(pictures)), count)
        return pictures

    def view(self, server, **how):
        viewer = Viewer(server, **how)
        self.addCleanup(viewer.close)
        return viewer

    def figures(self, server):
        return json.loads(self.get(server, "/video.json")[0])

    def form(self, server, name):
        return next(form for form in self.figures(server)["formats"] if form["name"] == name)

    def metrics(self, server):
        text = self.get(server, "/metrics")[0].decode()
        return dict(re.findall(r"^(sluice_video\S+) (\S+)$", text, re.M))


def ffmpeg(*arguments, patience=PATIENCE):
    """Runs it to its end; returns its standard output."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error",
                           *map(str, arguments)], capture_output=True, timeout=patience)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


SIDE, BITS, CHECK_BITS = 16, 32, 8  # of the cells that hold a number, in the last rows of squares


def pattern_number(grey, width, height):
    """The number in a picture of the test pattern, a byte a pixel; None when it cannot be read."""
    columns, count = width // SIDE, BITS + CHECK_BITS
    first = (height // SIDE - -(-count // columns)) * columns
    cells = 0
    for square in range(first, first + count):
        row, column = divmod(square, columns)
        level = grey[(row * SIDE + SIDE // 2) * width + column * SIDE + SIDE // 2]
        cells = cells << 1 | (level > 127)
    number, check = cells >> CHECK_BITS, 0xa5
    for byte in number.to_bytes(4, "big"):
        check ^= byte
        for _ in range(8):
            check = (check << 1 ^ (0x07 if check & 0x80 else 0)) & 0xff
    return number if check == cells & 0xff else None


def pattern_numbers(grey, width=640, height=480):
    """Those of all pictures that follow one another in what ffmpeg put out."""
    size = width * height
    assert len(grey) % size == 0, len(grey)
    return [pattern_number(grey[at:at + size], width, height) for at in range(0, len(grey), size)]
