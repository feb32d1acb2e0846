"""The servers that compare_video.py measures: a raw loop, sluice, and ustreamer if it is installed.

Each opens the same camera, tests/camera, a library that is loaded into it (LD_PRELOAD) and answers
for a V4L2 device that gives 1280x720 MJPEG at 30 frames a second, each with its number and the
time of its making in a comment. So what the camera takes is in everybody's account alike: the
copying of each picture into a buffer, and the pictures themselves in memory.
"""

import os
import shutil
import subprocess

from measuring import Failed, Server, free_port

WIDTH, HEIGHT, FPS = 1280, 720, 30
PICTURES, PICTURE_BYTES = 10, 50_000
DEVICE = "/dev/video90"
UNSENT_BYTES = 16 * 1024  # TCP_NOTSENT_LOWAT of the raw loop that has one


def make_pictures(folder):
    """Different JPEGs of exactly that size: noise for most of it, and the rest in a comment."""
    if not shutil.which("ffmpeg"):
        raise Failed("no ffmpeg to make the pictures with")
    for quality in range(8, 32):
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
             f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS},noise=alls=12:allf=t", "-frames:v",
             str(PICTURES), "-pix_fmt", "yuvj420p", "-huffman", "default", "-q:v", str(quality),
             f"{folder}/%02d.jpg"], check=True, stdin=subprocess.DEVNULL, timeout=60)
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        if max(map(os.path.getsize, paths)) <= PICTURE_BYTES - 4:
            break
    for path in paths:
        with open(path, "r+b") as file:
            picture = file.read()
            spare = PICTURE_BYTES - len(picture) - 2
            file.seek(2)
            file.write(b"\xff\xfe" + spare.to_bytes(2, "big") + bytes(spare - 2) + picture[2:])


class VideoServer(Server):
    """`path` is that of its stream; `port`, if it does not say where it listens."""

    def __init__(self, command, environment, path, port=None, prefix=()):
        self.path, self.port = path, port
        words = [f"{name}={value}" for name, value in environment.items()]
        super().__init__(command, ["env", *words, *prefix], quiet=port is not None)


class Servers:
    """`start[name](prefix)` of each that is there; `left_out` says of the others why."""

    def __init__(self, options, pictures):
        self.environment = {
            "LD_PRELOAD": options.camera, "FAKE_CAMERA": DEVICE, "FAKE_CAMERA_PICTURES": pictures,
            "FAKE_CAMERA_FPS": FPS, "FAKE_CAMERA_STAMP": 1}
        self.start, self.left_out = {}, {}
        raw = f"{options.build}/bench/raw/raw_mjpeg {DEVICE}"
        self.start["raw"] = lambda prefix=(): self._video(raw, "/", prefix=prefix)
        self.start["raw-unsent"] = lambda prefix=(): self._video(
            f"{raw} 0 {UNSENT_BYTES}", "/", prefix=prefix)
        text = subprocess.run([options.sluice, "serve", "--help"], capture_output=True, text=True,
                              timeout=60)
        if "--video-source" in text.stdout + text.stderr:
            ours = (f"{options.sluice} serve --http 127.0.0.1:0 --video-source {DEVICE}"
                    f" --video-fps {FPS} --http-max-clients 15000 --log-level warning"
                    f" {options.sluice_options}")
            self.start["sluice"] = lambda prefix=(): self._video(ours, "/stream.mjpg",
                                                                 prefix=prefix)
        else:
            self.left_out["sluice"] = "has no --video-source"
        if shutil.which("ustreamer"):
            self.start["ustreamer"] = self._ustreamer
        else:
            self.left_out["ustreamer"] = "not installed"

    def _video(self, command, path, port=None, prefix=()):
        return VideoServer(command, self.environment, path, port, prefix)

    def _ustreamer(self, prefix=()):
        port = free_port()
        return self._video(
            f"ustreamer --device {DEVICE} --format MJPEG --encoder HW --resolution"
            f" {WIDTH}x{HEIGHT} --desired-fps {FPS} --host 127.0.0.1 --port {port} --tcp-nodelay",
            "/stream", port, prefix)
