"""What the end-to-end tests share: a server to talk to, clients, the framed drop wire in Python.

The program is $SLUICE_BUILD/sluice (build/sluice unless told), or $SLUICE_PROGRAM, which lets the
same tests run against another build of it. Every wait has a deadline, every port is chosen by the
kernel, every server has a directory of its own and is ended by its own process id.
"""

import collections
import contextlib
import ctypes
import fcntl
import hashlib
import mmap
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build"))
PROGRAM = pathlib.Path(os.environ.get("SLUICE_PROGRAM", BUILD / "sluice")).resolve()
PATIENCE = 60  # seconds until a test that hangs is a test that failed
ANY = "127.0.0.1:0"

# Where the tests run in the background SIGINT may be ignored, which programs would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def is_sanitized():
    """Whether the program carries AddressSanitizer, which keeps freed memory on purpose."""
    with open(PROGRAM, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            return image.find(b"__asan_init") >= 0


def wait_until(predicate, what="it", patience=PATIENCE):
    """Waits for what only asking can tell; returns what the predicate returned."""
    deadline = time.monotonic() + patience
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        time.sleep(0.005)
    return answer


def pattern(size, seed=0):
    """Bytes of every value that repeat only after a long period, so that no shift goes unseen."""
    unit = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(2053))
    return (unit * (size // len(unit) + 1))[:size]


_prctl = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """For preexec_fn: a test run that is killed leaves no server behind."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(*arguments, patience=PATIENCE, **how):
    """Runs the program to its end; its outputs are text."""
    how.setdefault("stdin", None if "input" in how else subprocess.DEVNULL)
    if how["stdin"] is None:
        del how["stdin"]
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=patience,
                          text=True, errors="replace", **how)


def in_parallel(functions):
    """Calls each in a thread of its own; returns what they returned, or raises what one raised."""
    results, errors = [None] * len(functions), []

    def call(index, function):
        try:
            results[index] = function()
        except BaseException as error:  # told to the test below
            errors.append(error)

    threads = [threading.Thread(target=call, args=pair, daemon=True)
               for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        raise AssertionError("a client hangs")
    return results


# --- clients -------------------------------------------------------------------------------------


def receive(client, size):
    """Exactly `size` bytes, or what came before the end."""
    parts, left = [], size
    while left and (part := client.recv(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def receive_all(client):
    return receive(client, 1 << 40)


def exchange(client, data):
    """Sends `data` and FIN while reading; returns all that came until the server's FIN."""

    def send():
        with contextlib.suppress(OSError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    received = receive_all(client)
    sender.join(PATIENCE)
    return received


def reset(client):
    """Ends a connection with a RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def is_silent(client, seconds=0.0):
    """Nothing to read, no FIN and no RST either, for so long."""
    return not select.select([client], [], [], seconds)[0]


def send_until_stuck(client, data, most, quiet=0.2):
    """Sends without ever reading until the other side takes no more; returns how much it took."""
    client.setblocking(False)
    sent = 0
    while sent < most and select.select([], [client], [], quiet)[1]:
        start = sent % len(data)
        sent += client.send(data[start:start + min(65536, most - sent)])
    client.settimeout(PATIENCE)
    return sent


def arrived(client):
    """Waits until the peer's kernel has acknowledged all that was sent."""
    unsent = lambda: struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, b"\0" * 4))[0]
    wait_until(lambda: unsent() == 0, "an acknowledgement")


# --- the server ----------------------------------------------------------------------------------


class Server:
    """`sluice serve` with the services named, each on a free port, in a directory of its own.

    `options` come after them. drop stores into `self.drop_dir`, and offer offers `self.offer_file`,
    which holds `offered`, unless the options say otherwise. As a context manager it ends the server
    with SIGTERM and demands `status` of it; a test that ended it itself is fine too.
    """

    def __init__(self, *services, options=(), offered=b"offered", status=0, where=None,
                 preexec=None, **how):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.directory.chmod(0o755)
        self.drop_dir = pathlib.Path(where) if where else self.directory / "drop"
        self.offer_file = self.directory / "offered file.bin"
        self.status = status
        arguments = []
        options = [str(option) for option in options]
        for service in services:
            arguments += [f"--{service}", ANY]
        if "drop" in services and "--drop-dir" not in options:
            self.drop_dir.mkdir(exist_ok=True)
            arguments += ["--drop-dir", self.drop_dir]
        if "offer" in services and "--offer-file" not in options:
            self.offer_file.write_bytes(offered)
            arguments += ["--offer-file", self.offer_file]
        self.command = [PROGRAM, "serve", *arguments, *options]
        steps = [end_with_parent] + ([preexec] if preexec else [])
        self.how = {"cwd": self.directory, "preexec_fn": lambda: [step() for step in steps], **how}
        self.process = None
        self.output = b""
        self.ports = {}
        self.addresses = {}

    def start(self):
        self.log_path = self.directory / "stderr"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=log,
                                            stdout=subprocess.PIPE, **self.how)
        expected = sum(1 for word in self.command if re.fullmatch(
            "--(echo|udp-echo|time|words|drop|offer|ftp|tftp|video|video-rtp|http)", str(word)))
        self.output, self.ports, self.addresses = b"", {}, {}
        deadline = time.monotonic() + PATIENCE
        while len(self.ports) < max(expected, 1):
            self.read_output(deadline)
        return self

    def read_output(self, deadline):
        """Takes the next piece of standard output, and the ports from it."""
        left = max(0, deadline - time.monotonic())
        if not select.select([self.process.stdout], [], [], left)[0]:
            raise AssertionError(f"the server says only {self.output}; {self.log()}")
        part = os.read(self.process.stdout.fileno(), 65536)
        if not part:
            self.process.wait(PATIENCE)
            raise AssertionError(f"the server ended ({self.process.returncode}): {self.log()}")
        self.output += part
        for line in self.output.decode().splitlines(keepends=True):
            said = re.fullmatch(r"([\w-]+) (?:listening on|sending to) (\S+):(\d+)\n", line)
            if said:
                self.ports[said[1]] = int(said[3])
                self.addresses[said[1]] = f"{said[2]}:{said[3]}"

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            self.clean()
            raise

    def __exit__(self, kind, value, traceback):
        try:
            status = self.stop()
            if kind is None and status != self.status:
                raise AssertionError(f"the server ended with {status}: {self.log()[-4000:]}")
        finally:
            self.clean()

    def clean(self):
        if self.process and self.process.stdout:
            self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Waits for it to end; returns its status."""
        return self.process.wait(patience)

    def stop(self):
        """Ends it, at once if it is busy; returns its status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server does not end: {self.log()[-4000:]}") from None

    def kill(self):
        """As a power cut would."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def restart(self):
        """Starts it again, with the same files, on other ports."""
        self.stop()
        self.process.stdout.close()
        return self.start()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, regex, count=1):
        wait_until(lambda: len(re.findall(regex, self.log())) >= count, f"{regex!r} in the log")

    def connect(self, service):
        client = socket.create_connection(("127.0.0.1", self.ports[service]), PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def wait_until_closed(self, service):
        """Waits until the service takes no clients any more."""

        def refuses():
            try:
                self.connect(service).close()
                return False
            except OSError:
                return True

        wait_until(refuses, f"{service} to be closed")

    def ask(self, service, data=b""):
        """A connection of its own: sends `data` and FIN, returns all that comes."""
        with self.connect(service) as client:
            return exchange(client, data)

    def settle(self, service):
        """Returns once the server has read all that has arrived there until now: it has one thread,
        and the bare connection that it answers here by its FIN came last."""
        self.ask(service)

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stored(self):
        """Names in the drop directory, hidden ones too."""
        return sorted(os.listdir(self.drop_dir))


class ServerTest(unittest.TestCase):
    """A test case with servers and connections that end with the test."""

    def serve(self, *services, **how):
        return self.enterContext(Server(*services, **how))

    def connect(self, server, service):
        client = server.connect(service)
        self.addCleanup(client.close)
        return client

    def assert_serves(self, server):
        """Every service that it has still answers as it should."""
        if "echo" in server.ports:
            self.assertEqual(server.ask("echo", b"still there?"), b"still there?")
        if "time" in server.ports:
            self.assertEqual(len(server.ask("time")), 24)
        if "words" in server.ports:
            self.assertEqual(server.ask("words", b"7"), b"seven")
        if "drop" in server.ports:
            data = pattern(3000, seed=time.monotonic_ns())
            name = b"proof-%d" % time.monotonic_ns()
            self.assertEqual(upload(server, name, data).status, GO_ON)
            self.assertEqual((server.drop_dir / os.fsdecode(name)).read_bytes(), data)
        if "offer" in server.ports:
            self.assertTrue(server.ask("offer", b"SLUICE/1\n"))


# --- the framed form of drop, with every field free to be wrong -----------------------------------

MAGIC = bytes.fromhex("89534c440d0a1a00")
(GO_ON, BAD_VERSION, BAD_FLAGS, BAD_CIPHER, BAD_NAME, EXISTS, BUSY, DISK_FULL, TOO_LARGE, IO_ERROR,
 BAD_DIGEST, SHUTTING_DOWN, BAD_MAGIC) = range(13)
MAY_REPLACE = 1

Reply = collections.namedtuple("Reply", "status offset message")


def upload_id(*parts):
    return hashlib.sha256(repr(parts).encode()).digest()[:16]


def header(name, size, identity=None, flags=0, version=1, cipher=0, magic=MAGIC, name_length=None):
    if identity is None:
        identity = upload_id(name, size)
    if name_length is None:
        name_length = len(name)
    return (magic + struct.pack("!BBBBQ", version, flags, cipher, name_length, size)
            + identity + name)


def receive_reply(client):
    """The next reply, or None when the server ended instead."""
    fixed = receive(client, 11)
    if not fixed:
        return None
    status, offset, length = struct.unpack("!BQH", fixed)
    message = receive(client, length)
    assert len(message) == length, "a reply that is cut short"
    return Reply(status, offset, message.decode())


def send_file(client, name, data, **fields):
    """One file over a connection; the last reply that came."""
    client.sendall(header(name, len(data), **fields))
    reply = receive_reply(client)
    if reply is None or reply.status != GO_ON:
        return reply
    client.sendall(data[reply.offset:] + hashlib.sha256(data).digest())
    return receive_reply(client)


def upload(server, name, data, **fields):
    """One file over a connection of its own."""
    with server.connect("drop") as client:
        return send_file(client, name, data, **fields)
