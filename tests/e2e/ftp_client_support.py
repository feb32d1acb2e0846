"""What the tests of `sluice get` and `sluice put` share: a place for their files, and an FTP server
in Python, small and obedient, of which a test replaces what is to go wrong."""

import calendar
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from ftp_support import PASSWORD, USER, FtpTest
from harness import PATIENCE, PROGRAM, run

OK, FAILED, USAGE, LOGIN, NO_FILE, NETWORK, FULL = range(7)


def stamp(seconds):
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))


class Drop(Exception):
    """Ends a session without a word."""


class Session:
    """A client of an FtpServer. A method `do_VERB(argument)` answers VERB with what it returns: a
    reply, or None when it has sent what was to be sent."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.passive, self.offset, self.cwd, self.rename = None, 0, "/", None

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")

    def run(self):
        with contextlib.suppress(OSError, Drop), contextlib.ExitStack() as stack:
            stack.enter_context(self.sock)
            stack.callback(self.stop_listening)
            lines = stack.enter_context(self.sock.makefile("rb"))
            self.say("220 hello")
            for line in lines:
                verb, _, argument = os.fsdecode(line).strip("\r\n").partition(" ")
                self.server.log.append(f"{verb} {argument}".strip())
                method = self.server.replaced.get(verb) or getattr(type(self), f"do_{verb}", None)
                reply = method(self, argument) if method else "502 no"
                if reply:
                    self.say(reply)
                if verb == "QUIT":
                    return

    def path(self, argument):
        return os.path.normpath(os.path.join(self.cwd, argument))

    def stop_listening(self):
        if self.passive:
            self.passive.close()

    def data(self):
        connection = self.passive.accept()[0]
        self.passive.close()
        connection.settimeout(PATIENCE)
        return connection

    def send(self, content, reply="226 sent"):
        self.say("150 here it comes")
        with self.data() as connection:
            connection.sendall(content)
        return reply

    def facts(self, path):
        if path in self.server.folders:
            return "type=dir;"
        content, modified = self.server.files[path]
        return f"type=file;size={len(content)};modify={stamp(modified)};"

    def entries(self, folder):
        prefix = folder.rstrip("/") + "/"
        return sorted(path for path in [*self.server.files, *self.server.folders]
                      if path.startswith(prefix) and path != "/"
                      and "/" not in path[len(prefix):])

    def do_USER(self, _):
        return "331 and?"

    def do_PASS(self, _):
        return "230 in"

    def do_FEAT(self, _):
        lines = "".join(f" {feature}\r\n" for feature in self.server.features)
        return f"211-these\r\n{lines}211 all"

    def do_TYPE(self, _):
        return "200 so be it"

    def do_NOOP(self, _):
        return "200 yes"

    def do_QUIT(self, _):
        return "221 bye"

    def do_PWD(self, _):
        return f'257 "{self.cwd}"'

    def do_CWD(self, argument):
        if self.path(argument) not in self.server.folders:
            return "550 no such directory"
        self.cwd = self.path(argument)
        return "250 there"

    def do_EPSV(self, _):
        self.stop_listening()
        self.passive = socket.create_server(("127.0.0.1", 0))
        self.passive.settimeout(PATIENCE)
        return f"229 here (|||{self.passive.getsockname()[1]}|)"

    def do_REST(self, argument):
        self.offset = int(argument)
        return "350 go on"

    def do_SIZE(self, argument):
        found = self.server.files.get(self.path(argument))
        return f"213 {len(found[0])}" if found else "550 no such file"

    def do_MDTM(self, argument):
        found = self.server.files.get(self.path(argument))
        return f"213 {stamp(found[1])}" if found else "550 no such file"

    def do_MLST(self, argument):
        path = self.path(argument)
        if path not in self.server.files and path not in self.server.folders:
            return "550 no such file"
        return f"250-here\r\n {self.facts(path)} {path}\r\n250 that was it"

    def do_MLSD(self, argument):
        folder = self.path(argument)
        if folder not in self.server.folders:
            return "550 no such directory"
        lines = [f"{self.facts(path)} {os.path.basename(path)}\r\n"
                 for path in self.entries(folder)]
        return self.send("".join(lines).encode())

    def do_LIST(self, argument):
        lines = []
        for path in self.entries(self.path(argument)):
            size = len(self.server.files.get(path, (b"",))[0])
            kind = "d" if path in self.server.folders else "-"
            lines.append(f"{kind}rw-r--r-- 1 a b {size} Jan 01 2020 {os.path.basename(path)}\r\n")
        return self.send("".join(lines).encode())

    def do_RETR(self, argument):
        found = self.server.files.get(self.path(argument))
        if not found:
            return "550 no such file"
        offset, self.offset = self.offset, 0
        return self.send(found[0][offset:])

    def do_STOR(self, argument):
        offset, self.offset = self.offset, 0
        before = self.server.files.get(self.path(argument), (b"", 0))[0][:offset]
        return self.store(argument, before)

    def do_APPE(self, argument):
        return self.store(argument, self.server.files.get(self.path(argument), (b"", 0))[0])

    def store(self, argument, before):
        self.say("150 go on")
        received = [before]
        with self.data() as connection:
            while part := connection.recv(1 << 16):
                received.append(part)
        self.server.files[self.path(argument)] = (b"".join(received), time.time())
        return "226 stored"

    def do_MFMT(self, argument):
        when, _, name = argument.partition(" ")
        content, _ = self.server.files[self.path(name)]
        modified = calendar.timegm(time.strptime(when, "%Y%m%d%H%M%S"))
        self.server.files[self.path(name)] = (content, modified)
        return f"213 Modify={when}; {name}"

    def do_RNFR(self, argument):
        self.rename = self.path(argument)
        return "350 to?" if self.rename in self.server.files else "550 no such file"

    def do_RNTO(self, argument):
        if self.rename not in self.server.files:
            return "503 from where?"
        self.server.files[self.path(argument)] = self.server.files.pop(self.rename)
        return "250 renamed"

    def do_DELE(self, argument):
        found = self.server.files.pop(self.path(argument), None)
        return "250 gone" if found else "550 no such file"

    def do_RMD(self, argument):
        path = self.path(argument)
        if path not in self.server.folders or self.entries(path):
            return "550 no"
        self.server.folders.remove(path)
        return "250 gone"

    def do_MKD(self, argument):
        path = self.path(argument)
        if path in self.server.folders or path in self.server.files:
            return "550 it exists"
        if os.path.dirname(path) not in self.server.folders:
            return "550 no such directory"
        self.server.folders.add(path)
        return f'257 "{path}" made'


class FtpServer:
    """Serves `files`, absolute paths to (content, modified), to any number of clients. `replaced`
    has functions (session, argument) for verbs that are to do something else. A context manager."""

    def __init__(self, files=(), folders=(), features=("MLST type*;size*;modify*;", "MFMT", "SIZE",
                                                       "MDTM", "REST STREAM"), **replaced):
        self.files = dict(files)
        self.folders = {"/", *folders}
        self.features, self.replaced = features, replaced
        self.log = []
        self.sessions = 0

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self.listener.accept()[0]
                sock.settimeout(PATIENCE)
                self.sessions += 1
                threading.Thread(target=Session(self, sock).run, daemon=True).start()

    def url(self, path=""):
        return f"ftp://127.0.0.1:{self.port}/{path}"

    def asked(self, verb):
        return [line for line in self.log if line.split(" ")[0] == verb]


def reset_data(session, content):
    """Sends some of a file and, once that was read, breaks the session off."""
    session.say("150 here it comes")
    with session.data() as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # the other's end
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Drop


class FtpClientTest(FtpTest):
    """A case with a server of ours and an empty directory, `self.here`, to run the command in."""

    def setUp(self):
        super().setUp()
        self.here = pathlib.Path(tempfile.mkdtemp(prefix="sluice-here-"))
        self.addCleanup(shutil.rmtree, self.here, ignore_errors=True)

    def url(self, path="", user=f"{USER}:{PASSWORD}@"):
        return f"ftp://{user}{self.server.addresses['ftp']}/{path}"

    def fake(self, *files, **how):
        return FtpServer(*files, **how)

    def run_here(self, *arguments, status=OK, **how):
        done = run(*arguments, cwd=self.here, **how)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        self.assertNotIn("Sanitizer", done.stderr)
        return done

    def get(self, *arguments, **how):
        return self.run_here("get", *arguments, **how)

    def put(self, *arguments, **how):
        return self.run_here("put", *arguments, **how)

    def popen(self, *arguments, **how):
        """The command while it runs; it does not outlive the test."""
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.here,
                                   stdin=how.pop("stdin", subprocess.DEVNULL),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)

        def end():
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=PATIENCE)

        self.addCleanup(end)
        return process

    def make(self, name, content=b"content", modified=None):
        """A file here."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if modified is not None:
            os.utime(path, (modified, modified))
        return path

    def serve_file(self, name, content=b"content", modified=None):
        """A file of the server's."""
        path = pathlib.Path(os.fsdecode(self.path(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if modified is not None:
            os.utime(path, (modified, modified))
        return path

    def names_here(self, name="."):
        return sorted(os.listdir(self.here / name))

    @staticmethod
    def tree_of(folder):
        """What is below a folder: paths to contents, None for directories, links as their text."""
        found = {}
        for path in sorted(pathlib.Path(folder).rglob("*")):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                found[name] = os.readlink(path)
            else:
                found[name] = None if path.is_dir() else path.read_bytes()
        return found
