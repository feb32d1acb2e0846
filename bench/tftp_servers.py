"""The TFTP servers and clients that compare_tftp.py measures: sluice, and each peer that is found.

tftpd-hpa (in.tftpd) and atftpd are taken from the PATH, from /usr/sbin, or from where IN_TFTPD and
ATFTPD in the environment say: Debian installs only one of the two at a time (`dpkg -x` unpacks the
other). Each serves a directory on the loopback as a process of its own, without inetd. in.tftpd is
started as root only: it becomes another user whatever it is told. Clients likewise: curl, atftp
(ATFTP), tftp-hpa's tftp (TFTP).
"""

import os
import shutil
import socket
import subprocess
import threading
import time

from family import TICKS, Family
from measuring import START_SECONDS, Failed

WATCH_SECONDS = 0.01
READ_REQUEST = b"\x00\x01%s\x00octet\x00"


def program(name):
    """Its path, or None."""
    told = os.environ.get(name.upper().replace(".", "_"))
    return told or shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TftpServer(Family):
    """`port` if it does not say itself where it listens; it is there once it answers."""

    def __init__(self, command, port=None, prefix=()):
        self.port = port
        super().__init__(command, prefix)

    def _wait_until_listening(self, command):
        if self.port is None:
            return super()._wait_until_listening(command)
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.settimeout(0.2)
                probe.sendto(READ_REQUEST % b"no-such-file", ("127.0.0.1", self.port))
                try:
                    probe.recv(600)
                    return f"127.0.0.1:{self.port}"
                except OSError:
                    pass
        raise Failed(f"does not listen: {command}")

    def cpu_seconds(self):
        """Of all its threads, those that have ended too, in ticks of 10 ms."""
        with open(f"/proc/{self.process.pid}/stat") as account:
            words = account.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS


class ForkingServer(TftpServer):
    """in.tftpd has a child for each transfer, and the kernel forget it when it ends: what it has
    used is looked at while it lives."""

    def __init__(self, command, port, prefix=()):
        self.used, self.ended = {}, threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        super().__init__(command, port, prefix)
        self.watcher.start()

    def _watch(self):
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        while not self.ended.wait(WATCH_SECONDS):
            try:
                with open(children) as pids:
                    for pid in pids.read().split():
                        with open(f"/proc/{pid}/schedstat") as account:
                            self.used[pid] = int(account.read().split()[0]) / 1e9
            except OSError:
                pass  # it has just ended

    def cpu_seconds(self):
        return super().cpu_seconds() + sum(self.used.values())

    def stop(self):
        self.ended.set()
        super().stop()


def start_hpa(root, prefix=()):
    port = free_port()
    return ForkingServer(
        f"{program('in.tftpd')} --foreground --secure --listen --create --user root"
        f" --address 127.0.0.1:{port} {root}", port, prefix)


def start_atftpd(root, prefix=()):
    port, who = free_port(), f"{os.geteuid()}.{os.getegid()}"
    who = "root.root" if os.geteuid() == 0 else who
    return TftpServer(
        f"{program('atftpd')} --daemon --no-fork --port {port} --bind-address 127.0.0.1"
        f" --user {who} --verbose=1 --logfile /dev/null {root}", port, prefix)


def sluice_starter(path):
    return lambda root, prefix=(): TftpServer(
        f"{path} serve --tftp 127.0.0.1:0 --tftp-root {root} --tftp-writable --log-level warning",
        prefix=prefix)


def available(sluice):
    """({name: start(root, prefix)}, {name: why it is left out})."""
    found, left_out = {}, {}
    text = subprocess.run([sluice, "serve", "--help"], capture_output=True, text=True, timeout=60)
    if "--tftp" in text.stdout + text.stderr:
        found["sluice"] = sluice_starter(sluice)
    else:
        left_out["sluice"] = "has no --tftp"
    for name, path, start in (("tftpd-hpa", program("in.tftpd"), start_hpa),
                              ("atftpd", program("atftpd"), start_atftpd)):
        if not path:
            left_out[name] = "not installed"
        elif name == "tftpd-hpa" and os.geteuid() != 0:
            left_out[name] = "starts as root only"
        else:
            found[name] = start
    return found, left_out


# --- clients --------------------------------------------------------------------------------------
def sluice_words(path, address, here, there, up, block, window):
    url = f"tftp://{address}/{there}"
    words = [path, "put", here, url] if up else [path, "get", url, "-o", here]
    words += ["--block-size", str(block)] if block else []
    return words + (["--window", str(window)] if window else [])


def curl_words(address, here, there, up, block, _):
    words = ["curl", "--silent", "--show-error", "--disable", f"tftp://{address}/{there}"]
    words += ["--tftp-blksize", str(block)] if block else []
    return words + (["-T", here] if up else ["-o", here])


def atftp_words(address, here, there, up, block, window):
    host, _, port = address.rpartition(":")
    words = [program("atftp")]
    words += ["--option", f"blksize {block}"] if block else []
    words += ["--option", f"windowsize {window}"] if window and window > 1 else []
    return words + ["--put" if up else "--get", "--remote-file", there, "--local-file", here, host,
                    port]


def tftp_words(address, here, there, up, *_):
    """It knows no options: blocks of 512."""
    host, _, port = address.rpartition(":")
    return [program("tftp"), "-m", "binary", host, port, "-c",
            *(["put", here, there] if up else ["get", there, here])]


def clients(sluice):
    """{name: words(address, file here, name there, up, block, window)} of those that are found."""
    found = {"sluice": lambda *what: sluice_words(sluice, *what)}
    for name, words in (("curl", curl_words), ("atftp", atftp_words), ("tftp", tftp_words)):
        if program(name):
            found[name] = words
    return found
