"""What the tests of TFTP share: packets, a raw client and a raw server that add nothing, a case
with a server of ours, and the servers of others."""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from harness import PATIENCE, PROGRAM, ServerTest, end_with_parent, run

RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)
NOT_FOUND, ACCESS, FULL, ILLEGAL, UNKNOWN_ID, EXISTS = range(1, 7)
STATUS_OK, STATUS_FAILED, STATUS_USAGE, _, STATUS_NO_FILE, STATUS_NETWORK, STATUS_FULL = range(7)


def request(opcode, name, *options, mode=b"octet"):
    """`options` are names and values in turn."""
    texts = [name, mode, *(str(text).encode() if not isinstance(text, bytes) else text
                           for text in options)]
    return struct.pack("!H", opcode) + b"".join(text + b"\0" for text in texts)


def data(block, content):
    return struct.pack("!HH", DATA, block % 65536) + content


def ack(block):
    return struct.pack("!HH", ACK, block % 65536)


def error(code, text=b""):
    return struct.pack("!HH", ERROR, code) + text + b"\0"


def options_of(packet):
    texts = packet[2:].split(b"\0")
    assert packet[:2] == b"\0\6" and texts.pop() == b"" and len(texts) % 2 == 0, packet
    return {name.lower().decode(): value.decode() for name, value in zip(texts[::2], texts[1::2])}


def number_of(packet):
    """Opcode, and block or error code."""
    return struct.unpack("!HH", packet[:4])


class Raw:
    """One transfer id of a raw client, or server; a context manager."""

    def __init__(self, server=None, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                                    socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(PATIENCE)
        self.server, self.peer = server, None  # where requests go, where the rest goes
        self.asked = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def take_request(self):
        """As a server: what is asked for, and the transfer id that answers it."""
        packet, client = self.socket.recvfrom(65536)
        answering = Raw(host=self.socket.getsockname()[0])
        answering.peer = client
        return packet, answering

    def ask(self, *arguments, **how):
        self.asked = request(*arguments, **how)
        self.socket.sendto(self.asked, self.server)

    def send(self, packet):
        self.socket.sendto(packet, self.peer)

    def receive(self):
        """The next packet, from the peer, whom the first one tells. Until that has come the request
        is sent again: in a crowd the kernel drops some."""
        if self.peer is None and self.asked:
            for _ in range(PATIENCE):
                if select.select([self.socket], [], [], 1)[0]:
                    break
                self.socket.sendto(self.asked, self.server)
        packet, sender = self.socket.recvfrom(65536)
        assert self.peer in (None, sender), (packet[:50], sender, self.peer)
        self.peer = sender
        return packet

    def receive_behind(self, packet):
        """The next that is another one than `packet`, which comes again where the machine is slow."""
        while (another := self.receive()) == packet:
            pass
        return another

    def is_silent(self, seconds):
        self.socket.settimeout(seconds)
        try:
            return not self.socket.recvfrom(65536)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def fetch(self, name, *options, block=512, window=1, **how):
        """A file, politely; what has come twice is passed over."""
        self.ask(RRQ, name, *options, **how)
        return self.receive_file(block, window)

    def receive_file(self, block=512, window=1):
        content, wanted, since = [], 1, 0
        while True:
            packet = self.receive()
            opcode, number = number_of(packet)
            if opcode == ERROR:
                raise Refused(packet)
            if opcode == OACK:
                agreed = options_of(packet)
                block = int(agreed.get("blksize", block))
                window = int(agreed.get("windowsize", window))
                self.send(ack(0))
            elif number == wanted % 65536:
                assert opcode == DATA and len(packet) - 4 <= block, packet[:50]
                content.append(packet[4:])
                since += 1
                is_last = len(packet) - 4 < block
                if is_last or since == window:
                    self.send(ack(wanted))
                    since = 0
                if is_last:
                    return b"".join(content)
                wanted += 1

    def store(self, name, content, *options, block=512, **how):
        self.ask(WRQ, name, *options, **how)
        packet = self.receive()
        if packet[:2] == b"\0\6":
            block = int(options_of(packet).get("blksize", block))
        elif packet != ack(0):
            raise Refused(packet)
        for number in range(1, len(content) // block + 2):
            self.send(data(number, content[(number - 1) * block:number * block]))
            while (packet := self.receive()) != ack(number):
                if packet[:2] == b"\0\5":
                    raise Refused(packet)


class Refused(Exception):
    """An ERROR packet."""

    def __init__(self, packet):
        super().__init__(packet)
        opcode, self.code = number_of(packet)
        assert opcode == ERROR and packet.endswith(b"\0"), packet[:100]
        self.text = packet[4:-1].decode()


class TftpTest(ServerTest):
    """A case with a directory to serve, `self.root`, and one to run commands in, `self.here`."""

    def setUp(self):
        super().setUp()
        self.root, self.here = self.folder("root"), self.folder("here")
        self.root.chmod(0o777)

    def folder(self, name):
        path = pathlib.Path(tempfile.mkdtemp(prefix=f"sluice-{name}-"))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def start(self, *options, **how):
        """Our server; `--writable` stands for --tftp-writable and so on."""
        words = ["--tftp-" + word[2:] if str(word).startswith("--") else word for word in options]
        self.server = self.serve("tftp", options=["--tftp-root", self.root, *words], **how)
        self.port = self.server.ports["tftp"]
        return self.server

    def raw(self, host="127.0.0.1", to="127.0.0.1"):
        return self.enterContext(Raw((to, self.port), host))

    def refused(self, code, call, *arguments, **how):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **how)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception.text

    def make(self, name, content=b"content"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o666)
        return path

    def names(self, folder=None):
        return sorted(os.listdir(folder or self.root))

    def assert_serves(self, server=None):
        self.make("proof", b"still there")
        self.assertEqual(self.raw().fetch(b"proof"), b"still there")

    # --- the commands -----------------------------------------------------------------------------

    def url(self, name, port=None):
        return f"tftp://127.0.0.1:{port or self.port}/{name}"

    def run_here(self, *words, status=STATUS_OK, **how):
        done = run(*words, cwd=self.here, **how)
        statuses = status if isinstance(status, tuple) else (status,)
        self.assertIn(done.returncode, statuses, done.stderr + done.stdout)
        self.assertNotIn("Sanitizer", done.stderr)
        return done

    def get(self, *words, **how):
        return self.run_here("get", *words, **how)

    def put(self, *words, **how):
        return self.run_here("put", *words, **how)

    def popen(self, *words, **how):
        """The command while it runs; it does not outlive the test."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **how}
        process = subprocess.Popen([PROGRAM, *map(str, words)], cwd=self.here, **how)

        def end():
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=PATIENCE)

        self.addCleanup(end)
        return process

    def client(self, *words, status=0, **how):
        """A program of others, in `self.here`."""
        done = subprocess.run([str(word) for word in words], cwd=self.here, capture_output=True,
                              stdin=None if "input" in how else subprocess.DEVNULL,
                              timeout=PATIENCE, env={**os.environ, "LC_ALL": "C"}, **how)
        if status is not None:
            self.assertEqual(done.returncode, status,
                             (words, done.stdout[-500:], done.stderr[-500:]))
        return done


# --- servers of others ----------------------------------------------------------------------------


def find_server(name):
    """Where a server's program is: for a user, sbin may not be in the PATH."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin:/sbin")


@contextlib.contextmanager
def other_server(name, *options):
    """A server of others while it runs, as inetd would have it: its standard input is a socket that
    we have bound, so that the kernel chooses the port and what is asked early waits. Its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, tempfile.TemporaryFile() as log:
        sock.bind(("127.0.0.1", 0))
        process = subprocess.Popen([find_server(name), *map(str, options)], stdin=sock, stdout=log,
                                   stderr=log, preexec_fn=end_with_parent, start_new_session=True)
        port = sock.getsockname()[1]
    try:
        yield port
    finally:
        # Its children, one for each transfer, are of its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def hpa(root):
    return other_server("in.tftpd", "--create", "--permissive", "--user", "root", "--secure", root)


def atftpd(root):
    return other_server("atftpd", "--user", "root.root", "--logfile", "-", root)
