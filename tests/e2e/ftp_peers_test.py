"""`sluice ftp`, `get` and `put` against vsftpd and pyftpdlib, where they are installed, and our own
server: whatever works must work with each of them."""

import os
import pathlib
import pwd
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

from ftp_client_support import FAILED, FULL, LOGIN, NO_FILE, OK
from ftp_support import PASSWORD, USER, ftp_server
from harness import PATIENCE, PROGRAM, end_with_parent, pattern, run, wait_until
from terminal import FtpTerminal

OLD = 1_500_000_000
CONTENT = pattern(300_000)
NAMES = ["two words", "한국어 파일", "-dash", 'quo"te', "it's", "[x]", "a*b", "#hash", "semi;colon",
         "100%25", "~tilde"]
TREE = {"a": b"A", "empty": b"", "big": CONTENT, "sub/b": b"B", "sub/deep/c": b"C\r\n\n",
        **{f"odd {name}/{name}": name.encode() for name in NAMES},
        **{f"many/{number:02}": pattern(4096, number) for number in range(40)}}

VSFTPD = """\
listen=NO
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=NO
secure_email_list_enable=YES
email_password_file={folder}/passwords
ftp_username={user}
anon_root={root}
anon_umask=022
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
ascii_upload_enable=YES
ascii_download_enable=YES
connect_from_port_20=NO
delay_failed_login=0
delay_successful_login=0
secure_chroot_dir={folder}/empty
xferlog_enable=NO
seccomp_sandbox=NO
"""

PYFTPDLIB = """\
import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.basicConfig(level=logging.ERROR)
people = DummyAuthorizer()
people.add_user(sys.argv[1], sys.argv[2], sys.argv[3], perm="elradfmwMT")
FTPHandler.authorizer = people
FTPHandler.auth_failed_timeout = 0
server = FTPServer(("127.0.0.1", 0), FTPHandler)
print(server.address[1], flush=True)
server.serve_forever()
"""


def python_with_pyftpdlib():
    for program in (sys.executable, "/usr/bin/python3"):
        if shutil.which(program) and subprocess.run(
                [program, "-c", "import pyftpdlib.servers"], stderr=subprocess.DEVNULL,
                timeout=PATIENCE).returncode == 0:
            return program
    return None


def user_with_a_home():
    """vsftpd goes to the home of the user it becomes before it goes to its root."""
    for user in pwd.getpwall():
        if 0 < user.pw_uid < 1000 and os.path.isdir(user.pw_dir):
            return user
    raise unittest.SkipTest("no user of the system has a home")


class Inetd:
    """A port of which each connection becomes the standard input of a process of its own, as a
    vsftpd wants it that does not listen itself."""

    def __init__(self, command):
        self.command = command
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.processes = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            with client:
                self.processes.append(subprocess.Popen(
                    self.command, stdin=client, stdout=client, stderr=subprocess.DEVNULL))

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)
        for process in self.processes:  # their clients are gone
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Peer:
    """The tests. A class has `start_server`, which gives the port of a server of `self.root`."""

    user, password = USER, PASSWORD
    keeps_times = True  # has MFMT and MLSD
    no_file = NO_FILE   # the status of a name in a directory that is missing, to be written

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-peer-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.folder.chmod(0o755)
        cls.root = cls.folder / "root"
        cls.root.mkdir()
        cls.port = cls.start_server()

    def setUp(self):
        super().setUp()
        self.there = self.root / "pub"
        shutil.rmtree(self.there, ignore_errors=True)
        self.there.mkdir()
        self.there.chmod(0o777)
        self.here = pathlib.Path(tempfile.mkdtemp(prefix="sluice-here-"))
        self.addCleanup(shutil.rmtree, self.here, ignore_errors=True)

    def url(self, name="", password=None):
        password = self.password if password is None else password
        return (f"ftp://{self.user}:{urllib.parse.quote(password)}@127.0.0.1:{self.port}/pub/"
                + urllib.parse.quote(name))

    def call(self, *words, status=OK, **how):
        done = run(*words, cwd=self.here, **how)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        if status == OK:
            self.assertEqual(done.stderr, "")
        return done.stdout

    def get(self, *words, **how):
        return self.call("get", *words, **how)

    def put(self, *words, **how):
        return self.call("put", *words, **how)

    def shell(self, script, *options, **how):
        site = how.pop("site", f"{self.user}:{self.password}@127.0.0.1:{self.port}")
        return self.call("ftp", *options, "-c", "cd pub; " + script, site, **how)

    def make(self, path, content=CONTENT, modified=OLD):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o666)
        os.utime(path, (modified, modified))
        return path

    def make_tree(self, where):
        for name, content in TREE.items():
            self.make(where / name, content)
        (where / "void").mkdir()
        for folder in [where, *where.rglob("*")]:
            if folder.is_dir():
                folder.chmod(0o777)  # for whoever the server is

    @staticmethod
    def contents(folder):
        return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
                for path in pathlib.Path(folder).rglob("*")}

    def assert_same_trees(self, one, other, times=True):
        found = self.contents(one)
        self.assertEqual(sorted(found), sorted(self.contents(other)))
        self.assertEqual(found, self.contents(other))
        for name, content in found.items():
            if content is not None and times:
                self.assertEqual(int((other / name).stat().st_mtime), OLD, name)

    # Log-in

    def test_wrong_password_is_told_by_the_status(self):
        self.make(self.there / "file")
        self.make(self.here / "up")
        self.get(self.url("file", password="wrong"), status=LOGIN)
        self.put("up", self.url("up", password="wrong"), status=LOGIN)
        self.get("-r", self.url(password="wrong"), "-o", "copy", status=LOGIN)
        self.shell("ls", site=f"{self.user}:wrong@127.0.0.1:{self.port}", status=LOGIN)
        self.assertEqual(os.listdir(self.there), ["file"])
        self.assertEqual(os.listdir(self.here), ["up"])

    # Single files

    def test_file_goes_both_ways(self):
        self.make(self.there / "file")
        self.get(self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertEqual((self.here / "file").stat().st_mtime, OLD)
        self.put("file", self.url("copy"))
        self.assertEqual((self.there / "copy").read_bytes(), CONTENT)
        if self.keeps_times:
            self.assertEqual((self.there / "copy").stat().st_mtime, OLD)
        self.put("file", self.url("copy"))
        self.put("--in-place", "file", self.url("copy"))
        self.assertEqual(sorted(os.listdir(self.there)), ["copy", "file"])

    def test_active_mode(self):
        self.make(self.there / "file")
        self.get("--active", self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.put("--active", "file", self.url("copy"))
        self.assertEqual((self.there / "copy").read_bytes(), CONTENT)
        self.get("--active", "-r", "-P", "2", self.url(), "-o", "copy")
        self.assertEqual(sorted(os.listdir(self.here / "copy")), ["copy", "file"])

    def test_text_has_the_line_ends_of_either_side(self):
        text = b"one\ntwo\nthree"
        self.make(self.here / "text", text)
        self.put("--ascii", "text", self.url("text"))
        self.assertEqual((self.there / "text").read_bytes(), text)
        self.get("--ascii", self.url("text"), "-o", "back")
        self.assertEqual((self.here / "back").read_bytes(), text)

    def test_missing_file_is_told_by_the_status(self):
        self.make(self.here / "up")
        self.get(self.url("missing"), status=NO_FILE)
        self.get(self.url("missing/*"), status=NO_FILE)
        self.get("-r", self.url("missing"), status=NO_FILE)
        self.put("missing", self.url("copy"), status=NO_FILE)
        self.put("up", self.url("missing/copy"), status=self.no_file)
        self.shell("get missing", status=NO_FILE)
        self.shell("cd missing", status=NO_FILE)
        self.assertEqual(os.listdir(self.here), ["up"])

    def test_patterns(self):
        for name in ("a.txt", "b.txt", "c.bin", "[x].txt"):
            self.make(self.there / name, name.encode())
        (self.there / "dir.txt").mkdir()
        self.get(self.url() + "*.txt")
        self.assertEqual(sorted(os.listdir(self.here)), ["[x].txt", "a.txt", "b.txt"])
        self.shell("mget c*; mput [ab]*.txt " + "; mkdir new; cd new; mput *")
        self.assertEqual(sorted(os.listdir(self.there / "new")),
                         ["[x].txt", "a.txt", "b.txt", "c.bin"])

    def test_odd_names(self):
        self.there.joinpath("back").mkdir()
        self.there.joinpath("back").chmod(0o777)
        for name in NAMES:
            with self.subTest(name):
                self.make(self.there / name, name.encode())
                self.get(self.url(name))
                self.assertEqual((self.here / name).read_bytes(), name.encode())
                self.put(f"./{name}", self.url(f"back/{name}"))
                self.assertEqual((self.there / "back" / name).read_bytes(), name.encode())
                (self.here / name).unlink()
                word = "'" + name.replace("'", "'\"'\"'") + "'"
                self.shell(f"get {word}; cd back; put {word} 'x {name.replace(chr(39), '')}'; "
                           f"delete {word}")
                self.assertEqual((self.here / name).read_bytes(), name.encode())
        self.assertEqual(sorted(os.listdir(self.there / "back")),
                         sorted(f"x {name.replace(chr(39), '')}" for name in NAMES))

    # Going on

    def test_download_that_was_cut_off_goes_on(self):
        self.make(self.there / "file")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        done = run("get", self.url("file"), cwd=self.here, preexec_fn=limit)
        self.assertEqual(done.returncode, FULL, done.stderr)
        with open(self.here / "file.part", "r+b") as part:
            self.assertEqual(part.seek(0, os.SEEK_END), 100_000)
            part.seek(0)
            part.write(b"mark")  # stays, if the file is not begun anew
        os.utime(self.here / "file.part", (OLD, OLD))
        self.get("-C", self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), b"mark" + CONTENT[4:])
        self.assertEqual(os.listdir(self.here), ["file"])

    def test_upload_that_was_cut_off_goes_on(self):
        self.make(self.here / "file")
        part = self.there / ".copy.part"
        with subprocess.Popen([PROGRAM, "put", "-", self.url("copy")], stdin=subprocess.PIPE,
                              preexec_fn=end_with_parent) as process:
            process.stdin.write(CONTENT[:100_000])
            process.stdin.flush()
            wait_until(lambda: part.exists() and part.stat().st_size == 100_000, "a piece of it")
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        with open(part, "r+b") as file:
            file.write(b"mark")
        self.put("-C", "file", self.url("copy"))
        self.assertEqual((self.there / "copy").read_bytes(), b"mark" + CONTENT[4:])
        self.assertEqual(os.listdir(self.there), ["copy"])

    def test_shell_goes_on_both_ways(self):
        self.make(self.there / "file")
        self.make(self.here / "file", b"mark" + CONTENT[4:1000])
        self.shell("reget file")
        self.assertEqual((self.here / "file").read_bytes(), b"mark" + CONTENT[4:])
        self.make(self.there / "copy", b"sign" + CONTENT[4:1000])
        self.shell("reput file copy")
        self.assertEqual((self.there / "copy").read_bytes(), b"sign" + CONTENT[4:])

    # The shell

    def test_shell_does_the_small_things(self):
        self.make(self.here / "up")
        told = self.shell("mkdir 'a dir'; cd 'a dir'; pwd; put up; ls; nlist; size up; modtime up; "
                          "rename up ../moved; cdup; rmdir 'a dir'; ls moved; get moved; "
                          "delete moved; status")
        self.assertIn('"/pub/a dir"', told)
        self.assertRegex(told, r"(?m)^-rw.* 300000 .* up$")
        self.assertRegex(told, r"(?m)^300000$")
        self.assertRegex(told, r"(?m)^-rw.* moved$")
        self.assertEqual((self.here / "moved").read_bytes(), CONTENT)
        self.assertEqual(os.listdir(self.there), [])

    def start_terminal(self):
        terminal = self.enterContext(FtpTerminal(
            [PROGRAM, "ftp", f"{self.user}:{self.password}@127.0.0.1:{self.port}"], 100, 40))
        terminal.wait(lambda: terminal.screen.pasting)
        return terminal

    def is_ready(self, terminal):
        terminal.wait(lambda: terminal.screen.pasting and
                      terminal.screen.lines()[terminal.screen.cursor()[0]] == "ftp>")

    def do(self, terminal, line):
        self.is_ready(terminal)
        row = terminal.screen.row
        terminal.type(line + "\r")
        terminal.wait(lambda: terminal.screen.row > row)

    def test_control_c_in_a_transfer_keeps_the_session(self):
        with open(self.make(self.there / "large", b""), "wb") as file:
            file.truncate(1 << 40)  # takes no place, and no network is so fast
        self.make(self.there / "file")
        terminal = self.start_terminal()
        home = pathlib.Path(terminal.home.name)
        self.do(terminal, "cd pub")
        for time in range(2):
            self.do(terminal, "get large")
            terminal.wait(lambda: "MB" in terminal.screen.lines()[terminal.screen.cursor()[0]])
            terminal.type("\x03")
            self.is_ready(terminal)
            (home / "large.part").unlink()
            self.do(terminal, f"get file copy{time}")
            self.is_ready(terminal)
            self.assertEqual((home / f"copy{time}").read_bytes(), CONTENT)
        self.do(terminal, "quit")
        self.assertEqual(terminal.end(), OK)
        shown = "\n".join(terminal.screen.all_lines())
        self.assertEqual(shown.count(": aborted"), 2, shown)
        self.assertNotIn("connecting again", shown)
        self.assertEqual(shown.count("\n230"), 1, shown)

    # Trees

    def test_tree_goes_both_ways(self):
        self.make_tree(self.here / "tree")
        self.put("-r", "-P", "4", "tree", self.url("new/copy"))
        self.assert_same_trees(self.here / "tree", self.there / "new/copy", self.keeps_times)
        self.get("-r", "-P", "4", self.url("new/copy"), "-o", "back")
        self.assert_same_trees(self.here / "tree", self.here / "back", self.keeps_times)
        for command, words in (("put", ["tree", self.url("new/copy")]),
                               ("get", [self.url("new/copy"), "-o", "back"])):
            told = self.call(command, "-r", "-P", "4", "--verbose", *words)
            self.assertNotRegex(told, f"(?m)^{command} ", "nothing is left to do")

    def test_delete_makes_the_destination_the_same(self):
        self.make_tree(self.here / "tree")
        self.put("-r", "-P", "4", "tree", self.url("copy"))
        self.make_tree(self.here / "back")
        for where in (self.there / "copy", self.here / "back"):
            self.make(where / "extra", b"1")
            self.make(where / "old dir/x [1]/deep", b"2")
            self.make(where / "sub/-old", b"3")
            for folder in where.rglob("*"):
                if folder.is_dir():
                    folder.chmod(0o777)
        self.put("-r", "-P", "4", "--delete", "tree", self.url("copy"))
        self.assertEqual(self.contents(self.there / "copy"), self.contents(self.here / "tree"))
        self.get("-r", "-P", "4", "--delete", self.url("copy"), "-o", "back")
        self.assertEqual(self.contents(self.here / "back"), self.contents(self.here / "tree"))


class Ours(Peer, unittest.TestCase):

    @classmethod
    def start_server(cls):
        return cls.enterClassContext(ftp_server(cls.root)).ports["ftp"]


class Vsftpd(Peer, unittest.TestCase):
    """Has neither MLSD nor MFMT."""

    user = "anonymous"
    keeps_times = False
    no_file = FAILED  # 553

    @classmethod
    def setUpClass(cls):
        if not shutil.which("vsftpd"):
            raise unittest.SkipTest("vsftpd is not installed")
        if os.geteuid() != 0:
            raise unittest.SkipTest("vsftpd starts as root only")
        super().setUpClass()

    @classmethod
    def start_server(cls):
        (cls.folder / "empty").mkdir()
        (cls.folder / "passwords").write_text(PASSWORD + "\n")
        path = cls.folder / "vsftpd.conf"
        path.write_text(VSFTPD.format(folder=cls.folder, root=cls.root,
                                      user=user_with_a_home().pw_name))
        path.chmod(0o600)
        server = Inetd(["vsftpd", path])
        cls.addClassCleanup(server.end)
        return server.port


class Pyftpdlib(Peer, unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.python = python_with_pyftpdlib()
        if not cls.python:
            raise unittest.SkipTest("pyftpdlib is not installed")
        super().setUpClass()

    @classmethod
    def start_server(cls):
        process = subprocess.Popen([cls.python, "-c", PYFTPDLIB, cls.user, cls.password, cls.root],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   preexec_fn=end_with_parent)

        def end():
            process.kill()
            process.communicate(timeout=PATIENCE)

        cls.addClassCleanup(end)
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            raise AssertionError("pyftpdlib does not start")
        return int(process.stdout.readline())


if __name__ == "__main__":
    unittest.main()
