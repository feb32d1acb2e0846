"""What the video tests share: the number in the test pattern, ffmpeg, a display, `sluice video`.

These tests need sluice-video (`make video`), ffmpeg and ffprobe, and /usr/bin/python3 with numpy; the
window needs Xvfb and xdotool. What is missing is named by the tests that are skipped for it.
"""

import ctypes
import functools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import PATIENCE, PROGRAM, end_with_parent, wait_until

VIDEO_PROGRAM = PROGRAM.parent / "sluice-video"
WIDTH, HEIGHT = 640, 480
SIDE = 16  # pixels of a square of the test pattern
BITS, CHECK_BITS = 32, 8


@functools.cache
def python_with_numpy():
    """An interpreter that has numpy, as the lecture's programs need it; None when there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        probe = subprocess.run([python, "-c", "import numpy"], capture_output=True)
        if probe.returncode == 0:
            return python
    return None


def missing(*programs):
    """What of them cannot be run, as a reason to skip a test; "" when all can."""
    lacking = []
    for program in programs:
        if program == "sluice-video":
            there = VIDEO_PROGRAM.exists()
        elif program == "numpy":
            there = python_with_numpy()
        else:
            there = shutil.which(program)
        if not there:
            lacking.append(program)
    return "there is no " + ", ".join(lacking) if lacking else ""


def needs(*programs):
    reason = missing(*programs)
    return unittest.skipIf(reason, reason)


# --- the test pattern ------------------------------------------------------------------------------


def check_of(number):
    check = 0xA5
    for byte in number.to_bytes(4, "big"):
        check ^= byte
        for _ in range(8):
            check = (check << 1 ^ 0x07 if check & 0x80 else check << 1) & 0xFF
    return check


def read_number(bgr, width=WIDTH, height=HEIGHT):
    """The number in a picture of the test pattern; None when it cannot be read."""
    columns, rows = width // SIDE, height // SIDE
    cells = BITS + CHECK_BITS
    first = (rows - -(-cells // columns)) * columns
    bits = 0
    for cell in range(first, first + cells):
        row, column = divmod(cell, columns)
        middle = ((row * SIDE + SIDE // 2) * width + column * SIDE + SIDE // 2) * 3
        grey = sum(bgr[middle:middle + 3]) // 3
        if 80 < grey < 176:
            return None
        bits = bits << 1 | (grey >= 128)
    number, check = bits >> CHECK_BITS, bits & 0xFF
    return number if check == check_of(number) else None


def pictures(path, width=WIDTH, height=HEIGHT, *options):
    """The pictures of a file as ffmpeg reads it, in BGR."""
    done = subprocess.run(["ffmpeg", "-v", "error", *options, "-i", path, "-fps_mode", "passthrough",
                           "-f", "rawvideo", "-pix_fmt", "bgr24", "-"],
                          capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    size = width * height * 3
    if done.returncode != 0 or len(done.stdout) % size != 0:
        raise AssertionError(f"ffmpeg does not read {path}: {done.stderr.decode()}")
    return [done.stdout[at:at + size] for at in range(0, len(done.stdout), size)]


def numbers(path, width=WIDTH, height=HEIGHT):
    return [read_number(picture, width, height) for picture in pictures(path, width, height)]


def probe(path):
    """What ffprobe says of the video in a file: codec_tag_string, nb_read_frames, r_frame_rate …."""
    done = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0",
                           "-show_streams", "-of", "json", path],
                          capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"ffprobe does not read {path}: {done.stderr.decode()}")
    return json.loads(done.stdout)["streams"][0]


def make_video(path, frames=10, fps=10, size="320x240", codec=("-c:v", "mpeg4")):
    """A video file that ffmpeg has made: pictures of one grey each, the brighter the later."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
                    f"color=black:s={size}:r={fps}:d={frames / fps},"
                    f"format=gray,geq=lum='60+16*N',format=yuv420p", *codec, path],
                   check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    return path


# --- programs --------------------------------------------------------------------------------------


class Video:
    """`sluice video VERB …` as it runs, in a directory of its own."""

    def __init__(self, *arguments, lines=0, environment=None, cwd=None):
        self.errors = tempfile.TemporaryFile()
        environment = {**os.environ, "QT_LOGGING_RULES": "*=false", **(environment or {})}
        self.process = subprocess.Popen([PROGRAM, "video", *map(str, arguments)], cwd=cwd,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.errors, preexec_fn=end_with_parent, bufsize=0,
                                        env=environment)
        self.output = ""
        self.addresses = {}
        while len(self.addresses) < lines:
            self.read_line()

    def read_line(self):
        """The next line of standard output; `NAME listening on ADDRESS` is remembered."""
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise AssertionError(f"nothing is said but {self.output}; {self.said()}")
        line = self.process.stdout.readline().decode()
        if not line:
            status = self.process.wait(PATIENCE)
            raise AssertionError(f"it ended with {status}: {self.said()}")
        self.output += line
        if found := re.fullmatch(r"(\w+) (?:listening on|sending to) (\S+)\n", line):
            self.addresses[found[1]] = found[2]
        return line

    def port(self, name):
        return int(self.addresses[name].rpartition(":")[2])

    def said(self):
        """All of standard error until now."""
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Its status, once it has ended; the rest of what it printed is in `output`."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end: {self.output}{self.said()}") from None
        self.output += self.process.stdout.read().decode()
        return status

    def end(self, number=signal.SIGINT):
        self.send(number)
        return self.wait()

    def clean(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.errors.close()


class VideoTest(unittest.TestCase):
    """A test case with a directory, and with programs that end with the test."""

    def setUp(self):
        self.here = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def video(self, *arguments, **how):
        running = Video(*arguments, cwd=self.here, **how)
        self.addCleanup(running.clean)
        return running

    def run_video(self, *arguments, **how):
        """Runs it to its end; returns status and standard error."""
        running = self.video(*arguments, **how)
        status = running.wait()
        return status, running.said()

    def python(self, script, *arguments):
        """A program for an interpreter with numpy, running."""
        process = subprocess.Popen([python_with_numpy(), "-c", script, *map(str, arguments)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   preexec_fn=end_with_parent, cwd=self.here)

        def clean():
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
            process.stdout.close()

        self.addCleanup(clean)
        return process


class ClientMessage(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong),
                ("message_type", ctypes.c_ulong), ("format", ctypes.c_int),
                ("data", ctypes.c_long * 5), ("rest_of_the_union", ctypes.c_long * 24)]


class Display:
    """An X server without a screen to look at."""

    def __init__(self):
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp",
             "-noreset"],  # which the last client to leave would bring about
            pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)
        os.close(writing)
        with os.fdopen(reading) as told:
            if not select.select([told], [], [], PATIENCE)[0]:
                self.clean()
                raise AssertionError("Xvfb does not start")
            self.name = f":{told.readline().strip()}"

    def environment(self):
        return {"DISPLAY": self.name, "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}

    def shoot(self):
        """What is to be seen, 800x600 in BGR."""
        done = subprocess.run(["ffmpeg", "-v", "error", "-f", "x11grab", "-video_size", "800x600", "-i",
                               self.name, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"],
                              capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return done.stdout

    def xdotool(self, *arguments):
        done = subprocess.run(["xdotool", *map(str, arguments)], capture_output=True, text=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL,
                              env={**os.environ, "DISPLAY": self.name})
        return done.stdout.split()

    def window(self, title="sluice video"):
        """Waits for the window of that title; returns its number."""
        return wait_until(lambda: self.xdotool("search", "--onlyvisible", "--name", title),
                          f"a window called {title}")[0]

    def press(self, key):
        self.xdotool("windowfocus", "--sync", self.window())
        self.xdotool("key", key)

    def close_window(self):
        """Asks the window to go, as the cross in its corner does where there is a window manager."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        window = int(self.window())
        protocols, delete = (x11.XInternAtom(display, name, 0)
                             for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        # XClientMessageEvent (Xlib - C Language X Interface, section 10.10.1.)
        message = ClientMessage(33, 0, 1, display, window, protocols, 32, (delete, 0, 0, 0, 0))
        x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
        x11.XCloseDisplay(display)

    def clean(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
