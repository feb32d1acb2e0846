"""A raw FTP client for the tests of `sluice serve --ftp`, and a test case with such a server.

The client adds nothing: what a test gives is what goes over the wire, CR LF excepted, and every
reply is read as RFC 959 section 4.2 has it, so that one too many or too few is seen.
"""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import socket
import stat
import struct
import tempfile

from harness import PATIENCE, Server, ServerTest, receive_all

USER, PASSWORD = "user", "secret"
BIG = 24 << 20  # more than any socket buffers on the way hold


class Reply(collections.namedtuple("Reply", "code lines")):
    """The lines are those that came, without CR LF."""

    @property
    def text(self):
        return os.fsdecode(b"\n".join(self.lines))

    def __str__(self):
        return self.text


def matches(code, wanted):
    """Whether a code is among those wanted: 550 is that one, 55 any that begins so, 5 any 5xx."""
    wanted = wanted if isinstance(wanted, (tuple, list)) else (wanted,)
    return any(str(code).startswith(str(one)) for one in wanted)


def check(reply, wanted, what):
    if not matches(reply.code, wanted):
        raise AssertionError(f"{what[:100]!r} was answered {reply.text[:1000]!r}, not {wanted}")
    return reply


class Ftp:
    """A control connection, and the data connections that go with it."""

    def __init__(self, address, source=None, greeting=220, buffer_size=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if buffer_size:  # before it connects: a window that shrinks makes the kernels wait
            shrink_buffer(self.sock, buffer_size)
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(PATIENCE)
        try:
            self.sock.connect(address)
        except OSError:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.host = self.sock.getpeername()[0]
        self.buffer = b""
        self.listener = None
        self.opened = []
        if greeting:
            self.greeting = check(self.reply(), greeting, "connect")

    def close(self):
        for sock in [self.sock, self.listener, *self.opened]:
            if sock:
                sock.close()

    # The control connection.

    def raw(self, data, flags=0):
        self.sock.sendall(data, flags)

    def send(self, *lines):
        self.raw(b"".join(os.fsencode(line) + b"\r\n" for line in lines))

    def line(self):
        while b"\n" not in self.buffer:
            part = self.sock.recv(4096)
            if not part:
                raise EOFError(f"the server closed the connection; left over: {self.buffer}")
            self.buffer += part
        line, _, self.buffer = self.buffer.partition(b"\n")
        if not line.endswith(b"\r"):
            raise AssertionError(f"a reply line ends without CR: {line}")
        return line[:-1]

    def reply(self, wanted=None, what="(the next reply)"):
        lines = [self.line()]
        first = re.match(rb"([1-6][0-9][0-9])([ -])", lines[0])
        if not first:
            raise AssertionError(f"no reply: {lines[0]}")
        if first[2] == b"-":
            while not lines[-1].startswith(first[1] + b" "):
                lines.append(self.line())
        reply = Reply(int(first[1]), lines)
        return reply if wanted is None else check(reply, wanted, what)

    def ask(self, line):
        self.send(line)
        return self.reply()

    def expect(self, line, *wanted):
        self.send(line)
        return self.reply(wanted, line)

    def is_closed(self):
        """Waits for the end of the connection; false when something else comes first."""
        if self.buffer:
            return False
        try:
            return not self.sock.recv(1)
        except ConnectionResetError:
            return True

    def login(self, user=USER, password=PASSWORD, binary=True):
        if self.expect(f"USER {user}", 331, 230).code == 331:
            self.expect(f"PASS {password}", 230)
        if binary:
            self.expect("TYPE I", 200)
        return self

    # Data connections.

    def prepare(self, mode="EPSV"):
        """Sends PASV, EPSV, PORT or EPRT; data() then gives the connection."""
        if mode in ("PASV", "EPSV"):
            self.where = self.passive_address(mode)
            if self.listener:
                self.listener.close()
            self.listener = None
            return
        self.listen()
        self.expect(self.active_command(mode, self.listener.getsockname()), 200)

    def passive_address(self, mode="EPSV"):
        if mode == "EPSV":
            reply = self.expect("EPSV", 229)
            found = re.fullmatch(r"229 .*\((.)\1\1(\d+)\1\).*", reply.text)
            if not found:
                raise AssertionError(f"EPSV was answered {reply.text!r}")
            return self.host, int(found[2])
        reply = self.expect("PASV", 227)
        found = re.fullmatch(r"227 .*\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\).*", reply.text)
        if not found:
            raise AssertionError(f"PASV was answered {reply.text!r}")
        numbers = [int(text) for text in found.groups()]
        return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]

    def listen(self, host=None):
        host = host or self.sock.getsockname()[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if self.listener:
            self.listener.close()
        self.listener = socket.create_server((host, 0), family=family)
        self.listener.settimeout(PATIENCE)
        return self.listener

    @staticmethod
    def active_command(mode, address):
        host, port = address[:2]
        if mode == "PORT":
            return "PORT " + host.replace(".", ",") + f",{port >> 8},{port & 255}"
        return f"EPRT |{2 if ':' in host else 1}|{host}|{port}|"

    def data(self, buffer_size=None):
        """The data connection: made, or taken when the server makes it."""
        if self.listener:
            connection = self.listener.accept()[0]
            self.listener.close()
            self.listener = None
        else:
            family = socket.AF_INET6 if ":" in self.where[0] else socket.AF_INET
            connection = socket.socket(family)
            if buffer_size:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
            connection.settimeout(PATIENCE)
            connection.connect(self.where)
        connection.settimeout(PATIENCE)
        self.opened.append(connection)
        return connection

    def begin(self, line, mode="EPSV", rest=None, buffer_size=None):
        """Begins a transfer, up to its 1xx reply; returns the data connection."""
        self.prepare(mode)
        if rest is not None:
            self.expect(f"REST {rest}", 350)
        connection = None if self.listener else self.data(buffer_size)
        self.expect(line, 1)
        return connection or self.data()

    def fetch(self, line, mode="EPSV", rest=None):
        """What a command that sends gives, to its 226 reply."""
        with self.begin(line, mode, rest) as data:
            received = receive_all(data)
        self.reply(226, line)
        return received

    def store(self, line, content, mode="EPSV", rest=None):
        """Sends `content`, FIN; returns the 226 reply."""
        with self.begin(line, mode, rest) as data:
            data.sendall(content)
        return self.reply((226, 250), line)

    def refuse(self, line, *wanted, mode="EPSV"):
        """A transfer that is refused: at once, or after a 1xx and an empty data connection."""
        self.prepare(mode)
        connection = None if self.listener else self.data()
        reply = self.ask(line)
        if matches(reply.code, 1):
            connection = connection or self.data()
            with contextlib.suppress(OSError):
                if content := receive_all(connection):
                    raise AssertionError(f"{line!r} gave {content[:100]}")
            reply = self.reply()
        if connection:
            connection.close()
        return check(reply, wanted, line)

    def names(self, line="NLST"):
        """The lines of a listing, sorted, each of which ends with CR LF."""
        return sorted(split_lines(self.fetch(line)))

    def facts(self, line="MLSD"):
        """A dictionary from names to dictionaries from facts in lower case to values."""
        return dict(parse_facts(entry) for entry in split_lines(self.fetch(line)))


def split_lines(listing):
    if not listing:
        return []
    if not listing.endswith(b"\r\n"):
        raise AssertionError(f"a listing without an end: {listing[-100:]}")
    lines = listing[:-2].split(b"\r\n")
    for line in lines:
        if b"\n" in line or not line:
            raise AssertionError(f"a listing with a line that is none: {line}")
    return lines


def parse_facts(line):
    """The name and the facts of a line of MLSD (RFC 3659 section 7.2)."""
    facts, space, name = line.partition(b" ")
    if not space or (facts and not facts.endswith(b";")):
        raise AssertionError(f"no facts: {line}")
    pairs = (fact.split(b"=", 1) for fact in facts.split(b";") if fact)
    return name, {key.decode().lower(): value.decode() for key, value in pairs}


def shrink_buffer(sock, size=4096):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def quiet_options():
    """For tests that are not about limits: none of them shall be met."""
    return ["--ftp-login-delay", "10", "--ftp-login-burst", "1000",
            "--ftp-max-clients", "5000", "--ftp-max-per-address", "5000"]


def ftp_server(root, *options, address="127.0.0.1:0", writable=True, user=True, **how):
    options = ["--ftp", address, "--ftp-root", root, *quiet_options(), *options]
    if user:
        options += ["--ftp-user", f"{USER}:{PASSWORD}"]
    if writable:
        options += ["--ftp-writable"]
    return Server(options=options, **how)


class FtpTest(ServerTest):
    """A test case with one server for all its tests; its directory is empty before each.

    A class without `shared` has none, and starts what it needs by start().
    """

    shared = True
    options = ()
    address = "127.0.0.1:0"
    writable = True

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-ftp-"))
        cls.root.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.root, ignore_errors=True)
        if cls.shared:
            cls.server = cls.enterClassContext(
                ftp_server(cls.root, *cls.options, address=cls.address, writable=cls.writable))

    def setUp(self):
        for entry in os.scandir(os.fsencode(self.root)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    def start(self, *options, **how):
        """A server of this test's own, on the same directory."""
        self.server = self.enterContext(ftp_server(self.root, *options, **how))
        return self.server

    def stranger(self, server=None, **how):
        """A session that has not logged in."""
        host, _, port = (server or self.server).addresses["ftp"].rpartition(":")
        host = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
        ftp = Ftp((how.pop("host", host), int(port)), **how)
        self.addCleanup(ftp.close)
        return ftp

    def session(self, server=None, user=USER, password=PASSWORD, binary=True, **how):
        """A session that has logged in, in TYPE I."""
        return self.stranger(server, **how).login(user, password, binary)

    def write(self, name, content=b"content"):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def write_big(self, name="big", size=BIG):
        """A file of zeros that takes no place."""
        with open(self.path(name), "wb") as file:
            file.truncate(size)
        return size

    def write_links(self, folder=".", count=16_000):
        """Entries enough for a listing that no socket buffers hold; the names, sorted."""
        first = self.path(f"{folder}/00000" + "x" * 240)
        self.write(first)
        for index in range(1, count):
            os.link(first, self.path(f"{folder}/{index:05}" + "x" * 240))
        return sorted(os.listdir(self.path(folder)))

    def path(self, name):
        return os.path.join(os.fsencode(self.root), os.fsencode(name))

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def entries(self, name=""):
        """All names on the disk, hidden ones too."""
        return sorted(os.listdir(self.path(name)))

    def snapshot(self):
        """All that lies below the root: types, modes, times, contents."""
        found = {}
        for folder, folders, files in os.walk(os.fsencode(self.root)):
            for name in folders + files:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content = b""
                if stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as file:
                        content = file.read()
                modified = 0 if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns
                found[path] = (status.st_mode, modified, content)
        return found

    def assert_in_step(self, ftp):
        """Each command gets its own answer: no reply too many, none too few."""
        self.assertEqual(ftp.buffer, b"")
        ftp.expect("NOOP", 200)
        ftp.expect("PWD", 257)
        ftp.expect("NOOP", 200)

    def assert_serves(self, server=None):
        """Somebody else can do everything still."""
        ftp = self.session(server)
        ftp.store("STOR proof", b"proof")
        self.assertEqual(ftp.fetch("RETR proof"), b"proof")
        self.assertIn(b"proof", ftp.names())
        ftp.expect("DELE proof", 250)
        ftp.expect("QUIT", 221)
