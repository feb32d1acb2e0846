"""An FTP server that harms its clients on purpose, on top of the obedient one.

Each deed takes the place of a verb (`FtpServer(RETR=…)`), or of a whole session (`RawServer`).
"""

import contextlib
import socket
import struct
import threading

from ftp_client_support import Drop, FtpServer, Session
from harness import PATIENCE

STAGES = ("connect", "USER", "PASS", "FEAT", "TYPE", "SIZE", "EPSV", "RETR")


def obey(session, verb, argument):
    """What the obedient server does."""
    return getattr(Session, f"do_{verb}")(session, argument)


class DroppingSession(Session):
    def run(self):
        if self.server.due("connect"):
            return self.sock.close()
        super().run()


class DroppingServer(FtpServer):
    """Drops its first `times` clients where they come to `stage`: a verb, or "connect"."""

    def __init__(self, files, stage, times=1, **how):
        super().__init__(files, **how)
        self.stage, self.left, self.lock = stage, times, threading.Lock()
        if stage != "connect":
            deed = self.replaced.get(stage)
            self.replaced[stage] = lambda session, argument: self.drop_or_obey(
                session, argument, deed)

    def due(self, stage):
        with self.lock:
            if stage != self.stage or self.left == 0:
                return False
            self.left -= 1
            return True

    def drop_or_obey(self, session, argument, deed):
        if self.due(self.stage):
            if not deed:
                raise Drop
            return deed(session, argument)
        return obey(session, self.stage, argument)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self.listener.accept()[0]
                sock.settimeout(PATIENCE)
                self.sessions += 1
                threading.Thread(target=DroppingSession(self, sock).run, daemon=True).start()


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def break_off(size, *, say=None, tail="fin"):
    """RETR that sends so many bytes, ends the data connection by FIN or reset, says something or
    nothing, and drops the session."""

    def deed(session, argument):
        content = session.server.files[session.path(argument)][0]
        session.say("150 here it comes")
        data = session.data()
        data.sendall(content[session.offset:session.offset + size])
        if tail == "reset":
            reset(data)
        data.close()
        if say:
            session.say(say)
        raise Drop

    return deed


def break_store(size, *, keeps):
    """STOR that takes so many bytes, and drops the session; the server keeps them or not."""

    def deed(session, argument):
        before = session.server.files.get(session.path(argument), (b"", 0))[0][:session.offset]
        session.say("150 go on")
        received = b""
        with session.data() as data:
            while len(received) < size and (part := data.recv(min(65536, size - len(received)))):
                received += part
        if keeps:
            # Later than what is sent, as a server's clock has it.
            session.server.files[session.path(argument)] = (before + received, 1 << 31)
        raise Drop

    return deed


def hold(session, _):
    """Says nothing more, until the client goes."""
    with contextlib.suppress(OSError):
        while session.sock.recv(65536):
            pass
    raise Drop


def hold_data(session, _):
    """Says 150, and then nothing; what comes over the data connection is not read."""
    session.say("150 wait for it")
    with session.data():
        hold(session, _)


def hold_reply(session, _):
    """Ends the data, and says nothing of it."""
    session.say("150 here it comes")
    data = session.data()
    data.shutdown(socket.SHUT_WR)
    with data:
        hold(session, _)


def listing_of(count, line=b"type=file;size=1; @@@@%04d\r\n"):
    """A listing of so many entries, cheaply: a block of 10,000 again and again, under a number."""

    def deed(session, _):
        session.say("150 many")
        block = b"".join(line % number for number in range(10_000))
        with session.data() as data, contextlib.suppress(OSError):
            for number in range(count // 10_000):
                data.sendall(block.replace(b"@@@@", b"%04d" % number))
        return "226 so many"

    return deed


class RawServer:
    """Calls `deed(socket)` for each client, in a thread. A context manager."""

    def __init__(self, deed):
        self.deed = deed

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self.listener.accept()[0]
                sock.settimeout(PATIENCE)
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError), sock:
            self.deed(sock)

    def url(self, path=""):
        return f"ftp://127.0.0.1:{self.port}/{path}"


def flood(first, block, count=1 << 62):
    """Sends without end."""

    def deed(sock):
        sock.sendall(first)
        for _ in range(count):
            sock.sendall(block)

    return deed


def evil_names():
    """What a server may call a file so that it lies elsewhere, or does something to a terminal."""
    return (b"..", b".", b"../above", b"/etc/sluice-test", b"a/b", b"down/../../above",
            b"\x1b[2Jcls", b"bell\x07", b"cr\rx", b"nul\x00x", b"del\x7f", b"csi\xc2\x9b2J",
            b"../../../above")
