"""What the Dockerfile makes: one program in an empty root, alone, as the first process there is.

The same root is made here by hand, so that all but the image itself is tested on every machine that
allows a chroot: no /dev, no /proc, no /etc, no library, nothing but the program and a folder.
"""

import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from chat_support import Guest
from harness import (PATIENCE, ROOT, Server, ServerTest, end_with_parent, is_silent, pattern, upload,
                     wait_until)
from terminal import read_until

BINARY = ROOT / "build/sluice-static"
COMPILING = 1800  # seconds
NOBODY = 65534
AS_ROOT = ["unshare"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]


def can(*command):
    return (shutil.which(command[0])
            and subprocess.run(command, capture_output=True).returncode == 0)


def setUpModule():
    made = subprocess.run(["make", "static"], cwd=ROOT, capture_output=True, text=True,
                          timeout=COMPILING)
    if made.returncode:
        raise AssertionError(made.stdout + made.stderr)


class EmptyRoot(Server):
    """A server in a root of its own; `prefix` stands before its command."""

    def __init__(self, *services, options=(), namespaces=(), prefix=(), **how):
        super().__init__(*services, options=options, **how)
        self.root = self.directory / "root"
        self.data = self.root / "data"
        self.data.mkdir(parents=True)
        self.data.chmod(0o777)
        shutil.copy(BINARY, self.root / "sluice")
        self.drop_dir = self.data
        self.command = [*prefix, *AS_ROOT, *namespaces, "--root", str(self.root), "/sluice",
                        *self.command[1:]]


class RootTest(ServerTest):
    EVERYTHING = ("echo", "time", "words", "drop", "offer", "chat", "ftp")
    FTP = ("--ftp-root", "/data", "--ftp-user", "ada:open sesame", "--ftp-anonymous",
           "--ftp-writable")
    FOLDERS = ("--drop-dir", "/data", "--offer-file", "/data/offered", *FTP,
               "--chat-transcript", "/data")

    def setUp(self):
        if not can(*AS_ROOT, "--root", "/", "true"):
            self.skipTest("no other root is allowed here: it takes root, or user namespaces")

    def rooted(self, *services, **how):
        server = EmptyRoot(*services, **how)
        (server.data / "offered").write_bytes(b"what lies here")
        return self.enterContext(server)

    def guest(self, server, nick):
        guest = Guest(server, nick)
        self.addCleanup(guest.end)
        return guest


class InAnEmptyRoot(RootTest):
    def test_every_service_serves(self):
        server = self.rooted(*self.EVERYTHING, options=self.FOLDERS)
        self.assert_serves(server)
        self.assertIn(b"what lies here", server.ask("offer", b"SLUICE/1\n"))

    def test_chat_is_heard_and_written_down(self):
        server = self.rooted("chat", options=("--chat-transcript", "/data"))
        ada, eve = self.guest(server, "ada"), self.guest(server, "eve")
        ada.expect("* eve joined")
        eve.say("안녕")
        ada.expect("eve: 안녕")
        wait_until(lambda: (server.data / "lobby.log").exists(), "the transcript")
        wait_until(lambda: "eve: 안녕\n" in (server.data / "lobby.log").read_text(), "the line")

    def test_ftp_checks_passwords_and_moves_files(self):
        server = self.rooted("ftp", options=self.FTP)
        address = f"127.0.0.1:{server.ports['ftp']}"
        content = pattern(3_000_000)
        with tempfile.TemporaryDirectory(prefix="sluice-test-") as folder:
            here = pathlib.Path(folder, "here")
            here.write_bytes(content)
            url = f"ftp://ada:open%20sesame@{address}/there"
            put = subprocess.run([BINARY, "put", here, url], capture_output=True, text=True)
            self.assertEqual(put.returncode, 0, put.stderr)
            got = subprocess.run(["curl", "-sS", f"ftp://{address}/there"], capture_output=True)
            self.assertEqual((got.returncode, got.stdout == content), (0, True), got.stderr)
            wrong = subprocess.run([BINARY, "get", "-o", "-", url.replace("open", "shut")],
                                   capture_output=True, text=True)
            self.assertNotEqual(wrong.returncode, 0)
            self.assertIn("530", wrong.stderr)

    def test_connections_that_are_too_many_are_sent_away(self):
        limit = 40
        server = self.rooted("echo", preexec=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (limit, limit)))
        clients = [self.connect(server, "echo") for _ in range(limit + 20)]
        shed = lambda: [client for client in clients if not is_silent(client)]
        wait_until(lambda: len(shed()) >= 20, "those too many to be sent away")

    def test_closed_standard_streams_do_no_harm(self):
        server = EmptyRoot("drop", options=("--drop-dir", "/data"),
                           prefix=("bash", "-c", 'exec "$0" "$@" <&- 2>&-'))
        with server:
            self.assertEqual(upload(server, b"file", b"x" * 10_000).status, 0)
            self.assertEqual((server.data / "file").read_bytes(), b"x" * 10_000)

    def test_the_first_process_ends_when_it_is_told_to(self):
        server = EmptyRoot("chat", namespaces=("--pid", "--fork", "--kill-child"))
        with server:
            guest = self.guest(server, "ada")
            children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
            first = int(pathlib.Path(children).read_text())
            os.kill(first, signal.SIGTERM)
            self.assertEqual(guest.everything(), b"")
            self.assertEqual(server.wait(), 0)

    def test_nobody_may_serve_where_nothing_can_be_written(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        server = EmptyRoot("chat", "time", "ftp", options=("--ftp-root", "/data", "--ftp-anonymous"))
        (server.data / "file").write_bytes(b"content")
        server.data.chmod(0o555)
        server.command[1:1] = [f"--setuid={NOBODY}", f"--setgid={NOBODY}"]
        with server:
            uid = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
            self.assertIn(f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}", uid)
            self.assert_serves(server)
            self.guest(server, "ada")
            url = f"ftp://127.0.0.1:{server.ports['ftp']}/file"
            got = subprocess.run(["curl", "-sS", url], capture_output=True)
            self.assertEqual(got.stdout, b"content", got.stderr)
            health = subprocess.run([BINARY, "time", server.addresses["time"]], capture_output=True)
            self.assertEqual(health.returncode, 0, health.stderr)


class ClientInAnEmptyRoot(RootTest):
    """The other service of compose.yaml: a terminal, and a server that has a name only."""

    def client(self, *words):
        root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-")))
        shutil.copy(BINARY, root / "sluice")
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        client = subprocess.Popen([*AS_ROOT, "--root", root, "/sluice", *words], stdin=theirs,
                                  stdout=theirs, stderr=theirs, env={"TERM": "xterm"},
                                  start_new_session=True, preexec_fn=end_with_parent)
        os.close(theirs)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        return client, ours

    def test_chat_works_on_a_terminal(self):
        server = self.rooted("chat")
        client, terminal = self.client("chat", server.addresses["chat"], "--nick", "ada")
        read_until(terminal, b"ada")
        eve = self.guest(server, "eve")
        eve.say("안녕하세요")
        read_until(terminal, "안녕하세요".encode())
        os.write(terminal, "반가워요\r".encode())
        self.assertIn("ada: 반가워요", eve.lines_until("ada: 반가워요"))
        os.write(terminal, b"/quit\r")
        self.assertEqual(client.wait(PATIENCE), 0)


class ByName(RootTest):
    """A container's network tells the server's name by DNS; this needs a network of a test's own."""

    INSIDE = r'''
import fcntl, os, socket, struct, subprocess, sys, threading
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 1 | 64))  # SIOCSIFFLAGS, up
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
def answer():
    while True:
        question, asker = names.recvfrom(512)
        end = question.index(b"\0", 12)
        kind = struct.unpack("!H", question[end + 1:end + 3])[0]
        known = question[12:end] == b"\6server" and kind == 1
        record = struct.pack("!HHHIH4B", 0xc00c, 1, 1, 60, 4, 127, 0, 0, 1) if known else b""
        names.sendto(question[:2] + struct.pack("!HHHHH", 0x8180, 1, int(known), 0, 0)
                     + question[12:end + 5] + record, asker)
threading.Thread(target=answer, daemon=True).start()
root = sys.argv[1]
server = subprocess.Popen([root + "/sluice", "serve", "--time", "0.0.0.0:5000"],
                          stdout=subprocess.PIPE)
server.stdout.readline()
def time_of(host):
    return subprocess.run(["unshare", "--root", root, "/sluice", "time", host + ":5000"],
                          capture_output=True, text=True, timeout=60)
found, none = time_of("server"), time_of("nowhere")
assert found.returncode == 0 and len(found.stdout) > 20, found
assert none.returncode == 1 and "nowhere" in none.stderr, none
with open(root + "/etc/hosts", "w") as hosts:
    hosts.write("127.0.0.1 elsewhere\n")
assert time_of("elsewhere").returncode == 0
server.terminate()
assert server.wait(60) == 0
'''

    def test_the_server_is_found(self):
        if not can(*AS_ROOT, "--net", "true"):
            self.skipTest("network namespaces are not allowed here")
        with tempfile.TemporaryDirectory(prefix="sluice-test-") as folder:
            root = pathlib.Path(folder)
            shutil.copy(BINARY, root / "sluice")
            (root / "etc").mkdir()
            (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2\n")
            done = subprocess.run([*AS_ROOT, "--net", sys.executable, "-c", self.INSIDE, folder],
                                  capture_output=True, text=True, timeout=PATIENCE * 2)
            self.assertEqual(done.returncode, 0, done.stderr)


class Files(unittest.TestCase):
    """What can be told of Dockerfile and compose.yaml without any program that reads them."""

    KEYWORDS = "ARG FROM RUN COPY USER WORKDIR EXPOSE ENTRYPOINT CMD".split()

    def setUp(self):
        text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
        self.steps = [line.split(None, 1) for line in text.splitlines()
                      if line and not line.startswith("#")]
        self.compose = (ROOT / "compose.yaml").read_text()

    def of(self, keyword):
        return [rest for word, rest in self.steps if word == keyword]

    def test_the_image_is_made_from_nothing_and_runs_as_nobody(self):
        self.assertEqual({word for word, _ in self.steps} - set(self.KEYWORDS), set())
        self.assertEqual(self.of("FROM")[-1], "scratch")
        self.assertEqual(self.of("USER"), [f"{NOBODY}:{NOBODY}"])

    def test_its_command_is_one_the_program_has(self):
        command = json.loads(self.of("ENTRYPOINT")[0]) + json.loads(self.of("CMD")[0])
        self.assertEqual(command[:2], ["/sluice", "serve"])
        self.assert_known(command[1:])

    def test_the_commands_of_the_services_are_ones_the_program_has(self):
        commands = [json.loads(found) for found in
                    re.findall(r"^ +(?:command|test): (\[.*\])$", self.compose, re.MULTILINE)]
        self.assertEqual(len(commands), 3)
        for command in commands:
            self.assert_known(command[2:] if command[0] == "CMD" else command)

    def assert_known(self, command):
        known = subprocess.run([BINARY, command[0], "--help"], capture_output=True, text=True)
        self.assertEqual(known.returncode, 0, command)
        for word in command:
            if word.startswith("--"):
                self.assertIn(f" {word} ", known.stdout)

    def test_what_is_sent_to_the_builder_is_enough_to_compile(self):
        with tempfile.TemporaryDirectory(prefix="sluice-test-") as folder:
            for line in (ROOT / ".dockerignore").read_text().split():
                if line.startswith("!"):
                    os.symlink(ROOT / line[1:], pathlib.Path(folder, line[1:]))
            plan = subprocess.run(["make", "-n", "static"], cwd=folder, capture_output=True, text=True)
            self.assertEqual(plan.returncode, 0, plan.stderr)
            compiled = set(re.findall(r"-c -o \S+ (\S+\.cpp)", plan.stdout))
            every = {str(path.relative_to(ROOT)) for part in ("reactor", "protocols", "tools")
                     for path in (ROOT / part).rglob("*.cpp")
                     if path.parent.name != "video" or part != "tools"}  # which is another program
            self.assertEqual(compiled, every)

    def test_compose_reads_its_file(self):
        for command in (["docker", "compose"], ["docker-compose"], ["podman-compose"]):
            if can(*command, "version"):
                break
        else:
            self.skipTest("there is no compose program here")
        read = subprocess.run([*command, "-f", ROOT / "compose.yaml", "config"],
                              capture_output=True, text=True)
        self.assertEqual(read.returncode, 0, read.stderr)


class Image(ServerTest):
    """The image, built and run by whichever program can do that here.

    Its last stage is the Dockerfile's; in place of the first, which needs a registry, the packages
    of a system and minutes, there is the binary that the makefile has made here.
    """

    FIRST = "FROM scratch AS binary\nWORKDIR /out/volumes/data\nCOPY sluice /out/sluice\n"

    def setUp(self):
        self.store = self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-test-"))
        self.folder = pathlib.Path(self.store, "context")
        self.folder.mkdir()
        shutil.copy(BINARY, self.folder / "sluice")
        text = (ROOT / "Dockerfile").read_text()
        last = text[text.index("FROM scratch"):]
        (self.folder / "Dockerfile").write_text(self.FIRST + last)

    def call(self, *command, check=True):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True,
                              timeout=PATIENCE * 5)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    @staticmethod
    def program_below(pid):
        """The process that is the program, among those that a process has started."""
        waiting = [pid]
        while waiting:
            pid = waiting.pop()
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "sluice":
                return pid
            for task in os.listdir(f"/proc/{pid}/task"):
                waiting += pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        raise AssertionError("the program does not run")

    def builder(self):
        """The beginning of a command of buildah, whose containers need no daemon."""
        words = ["buildah", "--storage-driver", "vfs", "--root", f"{self.store}/root", "--runroot",
                 f"{self.store}/run"]
        if not can("buildah", "--version"):
            self.skipTest("buildah is not installed")
        if not can(*words, "from", "--isolation", "chroot", "scratch"):
            self.skipTest("buildah is not allowed to make containers here")
        return words

    def test_buildah_builds_it_and_it_serves(self):
        buildah = self.builder()
        self.call(*buildah, "bud", "--isolation", "chroot", "-t", "sluice", ".")
        container = self.call(*buildah, "from", "--isolation", "chroot", "sluice").stdout.strip()
        root = pathlib.Path(self.call(*buildah, "mount", container).stdout.strip())
        self.assertEqual(sorted(path.name for path in root.iterdir()), ["data", "sluice"])
        self.assertEqual((root / "data").stat().st_uid, NOBODY)
        self.assertEqual((root / "sluice").read_bytes(), BINARY.read_bytes())
        config = json.loads(self.call(*buildah, "inspect", container).stdout)["OCIv1"]["config"]
        server = Server("chat", "time")
        server.command = [*buildah, "run", "--isolation", "chroot", container, "--",
                          *config["Entrypoint"], *server.command[1:]]
        with server:
            self.assert_serves(server)
            ada, eve = Guest(server, "ada"), Guest(server, "eve")
            ada.expect("* eve joined")
            eve.say("안녕")
            ada.expect("eve: 안녕")
            self.call(*buildah, "run", "--isolation", "chroot", container, "--", "/sluice", "time",
                      server.addresses["time"])
            for guest in (ada, eve):
                guest.end()
            # Told to end, buildah kills what it runs.
            os.kill(int(self.program_below(server.process.pid)), signal.SIGTERM)
            self.assertEqual(server.wait(), 0)

    def test_docker_or_podman_builds_it_and_it_serves(self):
        for program in ("docker", "podman"):
            if can(program, "info"):
                break
        else:
            self.skipTest("neither docker (with its daemon) nor podman works here")
        tag = f"sluice-test-{os.getpid()}"
        self.call(program, "build", "-t", tag, ".")
        self.addCleanup(self.call, program, "rmi", "-f", tag)
        name = self.call(program, "run", "-d", "--rm", "--read-only", "--cap-drop", "ALL", "-p",
                         "127.0.0.1::55555", tag).stdout.strip()
        self.addCleanup(self.call, program, "stop", name, check=False)
        port = int(self.call(program, "port", name, "55555").stdout.strip().rsplit(":", 1)[1])
        connect = lambda: socket.create_connection(("127.0.0.1", port), PATIENCE)
        ada = Guest(None, client=connect())
        self.addCleanup(ada.end)
        ada.say("/nick ada")
        ada.expect("* you are now ada")


if __name__ == "__main__":
    unittest.main()
