"""`sluice ftp`: each command in scripts, the session of a person in a pseudo-terminal."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import tempfile
import threading
import unittest

from ftp_support import PASSWORD, USER, FtpTest
from harness import PATIENCE, PROGRAM, pattern, run
from terminal import FtpTerminal

PROMPT = "ftp>"
TAB, CONTROL_C, CONTROL_D, UP = "\t", "\x03", "\x04", "\x1b[A"
(OK, FAILED, WRONG_USAGE, LOGIN_REFUSED, NO_SUCH_FILE, NETWORK) = range(6)


class ShellTest(FtpTest):
    """With a server, and a directory for the client."""

    options = ("--ftp-anonymous",)

    def setUp(self):
        super().setUp()
        self.here = pathlib.Path(tempfile.mkdtemp(prefix="sluice-shell-"))
        self.addCleanup(shutil.rmtree, self.here, ignore_errors=True)

    def host_port(self):
        return self.server.addresses["ftp"]

    def site(self, user=USER, password=PASSWORD):
        return f"{user}:{password}@{self.host_port()}"

    def shell(self, script, status=OK, site=None, options=(), **how):
        """Runs a script by -c; its standard output. Nothing on standard error if it went well."""
        done = run("ftp", *options, "-c", script, site or self.site(), cwd=self.here, **how)
        self.assertEqual(done.returncode, status, done.stderr)
        if status == OK:
            self.assertEqual(done.stderr, "")
        self.errors = done.stderr
        return done.stdout

    def local(self, name, content=None):
        """Writes a file here, or reads it."""
        path = self.here / name
        if content is not None:
            path.write_bytes(content)
        return path.read_bytes()


class Scripts(ShellTest):
    # What is there.

    def test_lists_as_the_server_does(self):
        self.write("one", b"12345")
        self.write("two words")
        listing = self.shell("ls")
        self.assertRegex(listing, r"(?m)^-rw-r--r-- +1 .* 5 .* one$")
        self.assertRegex(listing, r"(?m)^-rw-r--r-- .* two words$")
        self.assertNotIn("\r", listing)
        self.assertEqual(self.shell("dir"), listing)
        self.assertEqual(self.shell('dir "two words"'), listing.splitlines()[1] + "\n")
        self.assertEqual(self.shell("nlist"), "one\ntwo words\n")

    def test_moves_about_on_the_server(self):
        os.makedirs(self.path("a dir/below"))
        told = self.shell('cd "a dir"; pwd; cd below; pwd; cdup; pwd; cd /; pwd')
        self.assertEqual(re.findall('"(.*)"', told), ["/a dir", "/a dir/below", "/a dir", "/"])

    def test_moves_about_here(self):
        (self.here / "below").mkdir()
        self.local("below/file", b"x")
        told = self.shell("lpwd; lls; lcd below; lpwd; lls; lcd ..; lcd; lpwd",
                          env={**os.environ, "HOME": "/"})
        self.assertEqual(told.splitlines(), [str(self.here), "below/", str(self.here / "below"),
                                             "file", "/"])

    def test_tells_size_and_time_of_a_file(self):
        path = self.write("file", b"12345")
        os.utime(path, (1700000000, 1700000000))
        self.assertEqual(self.shell("size file; modtime file"), "5\n2023-11-14 22:13:20 UTC\n")
        self.assertEqual(self.shell("ascii; ls; size file").splitlines()[-1], "5")

    def test_changes_what_is_there(self):
        self.write("old name", b"content")
        self.write("gone")
        self.write("gone too")
        os.mkdir(self.path("empty"))
        told = self.shell('mkdir new; rename "old name" new/name; chmod 600 new/name; '
                          'delete gone "gone too"; rmdir empty')
        self.assertEqual(told, "", "quiet where nobody reads it")
        self.assertEqual(self.entries(), [b"new"])
        self.assertEqual(self.read("new/name"), b"content")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("new/name")).st_mode), 0o600)

    def test_tells_what_was_done_where_it_is_asked_to(self):
        told = self.shell("mkdir new; cd new", options=["--verbose"])
        self.assertRegex(told, r'(?s)^220 .*\n230 .*\n257 "/new" .*\n250 .*\n221 .*\n$')

    # Files.

    def test_gets_files(self):
        content = pattern(300_000)
        os.mkdir(self.path("dir"))
        self.write("dir/a file", content)
        (self.here / "sub").mkdir()
        self.shell("get 'dir/a file'; get 'dir/a file' other; get 'dir/a file' sub; "
                   f"get 'dir/a file' {self.here}/absolute")
        for name in ("a file", "other", "sub/a file", "absolute"):
            self.assertEqual(self.local(name), content, name)
        self.assertEqual(len(os.listdir(self.here)), 4, "and nothing else")

    def test_gets_a_file_to_standard_output(self):
        self.write("file", b"a\nb\n")
        self.assertEqual(self.shell("get file -"), "a\nb\n")
        self.assertEqual(os.listdir(self.here), [])

    def test_puts_files(self):
        content = self.local("a file", pattern(300_000, 1))
        os.mkdir(self.path("dir"))
        self.shell("put 'a file'; put 'a file' dir/other; put 'a file' dir/; "
                   f"lcd /; put '{self.here}/a file' fourth")
        for name in ("a file", "dir/other", "dir/a file", "fourth"):
            self.assertEqual(self.read(name), content, name)
        self.assertEqual(self.entries(), [b"a file", b"dir", b"fourth"])

    def test_gets_and_puts_many(self):
        os.mkdir(self.path("dir"))
        os.mkdir(self.path("dir/d.txt"))
        for name in ("a.txt", "b c.txt", "c.bin", ".hidden.txt"):
            self.write(f"dir/{name}", name.encode())
        self.shell("mget dir/*.txt dir/c.?in")
        self.assertEqual(sorted(os.listdir(self.here)), ["a.txt", "b c.txt", "c.bin"])
        self.assertEqual(self.local("b c.txt"), b"b c.txt")
        (self.here / "d.txt").mkdir()
        self.shell("mput *.txt [c].bin")
        self.assertEqual(self.entries(), [b"a.txt", b"b c.txt", b"c.bin", b"dir"])
        self.assertEqual(self.read("b c.txt"), b"b c.txt")

    def test_of_many_goes_on_after_one_that_failed(self):
        for name in ("a", "b", "c"):
            self.write(name, name.encode())
        os.makedirs(self.here / "b" / "full")
        self.shell("mget *", FAILED)
        self.assertEqual((self.local("a"), self.local("c")), (b"a", b"c"))
        self.assertEqual(self.errors,
                         "sluice ftp: b: is no regular file (- is standard output)\n")

    def test_goes_on_with_a_get_and_a_put(self):
        content = pattern(200_000, 2)
        self.write("down", content)
        # What is there already is not what it was, so that one sees what is fetched.
        self.local("down.part", b"x" * 100_000)
        self.shell("reget down")
        self.assertEqual(self.local("down"), b"x" * 100_000 + content[100_000:])
        path = self.here / "up"
        path.write_bytes(content)
        os.utime(path, (1700000000, 1700000000))
        self.write("up", b"y" * 50_000)
        self.shell("reput up")
        self.assertEqual(self.read("up"), b"y" * 50_000 + content[50_000:])

    def test_converts_text_and_leaves_the_rest(self):
        self.write("file", b"a\nb\n")
        self.local("text", b"a\r\nb\n")
        said = self.shell_talk("ascii; get file; bin; get file same; put text")
        self.assertEqual(self.local("file"), b"a\nb\n")
        self.assertEqual(self.local("same"), b"a\nb\n")
        self.assertEqual(self.read("text"), b"a\r\nb\n")
        types = re.findall("---> TYPE (.)", said)
        self.assertIn("A", types)
        self.assertEqual(types[-1], "I")

    def test_keeps_to_the_type_whatever_else_is_asked(self):
        self.write("file", b"a\nb\n")
        said = self.shell_talk("ascii; get file one; size file; quote TYPE I; get file two")
        self.assertRegex(said, r"(?s)---> TYPE I.*---> TYPE A.*---> RETR")
        self.assertEqual(self.local("two"), b"a\nb\n")

    def shell_talk(self, script, status=OK, **how):
        done = run("ftp", "-c", "verbose on; " + script, self.site(), cwd=self.here, **how)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def test_lets_the_server_connect_where_it_is_not_passive(self):
        self.write("file", b"content")
        said = self.shell_talk("passive off; get file; passive; get file again")
        self.assertRegex(said, "(?s)---> (EPRT|PORT) .*---> (EPSV|PASV)")
        self.assertEqual((self.local("file"), self.local("again")), (b"content", b"content"))

    # The session.

    def test_tells_what_it_knows(self):
        told = self.shell("ascii; cd /; status")
        self.assertIn(f"connected to {self.host_port()}, logged in as {USER}, in /\n", told)
        self.assertIn("type: ascii\n", told)
        self.assertIn("passive", told)
        self.assertIn("MLST", told)
        self.assertIn("not connected\n", run("ftp", "-c", "status").stdout)

    def test_says_to_the_server_what_is_typed(self):
        self.assertRegex(self.shell("quote noop"), "^200 ")
        self.assertRegex(self.shell('quote MKD "a  b"'), "^257 ")
        self.assertEqual(self.entries(), [b'"a  b"'])
        self.shell("quote NONSENSE", FAILED)
        self.assertRegex(self.errors, "^sluice ftp: 50[0-9] ")

    def test_shows_what_is_said_but_no_password(self):
        done = run("ftp", "-c", f"debug on; user {USER} {PASSWORD}; pwd", self.host_port())
        self.assertEqual(done.returncode, OK)
        self.assertIn("---> PASS ***\n<--- 230 ", done.stderr)
        self.assertIn('<--- 257 "/"', done.stderr)
        self.assertNotIn(PASSWORD, done.stderr + done.stdout)

    def test_explains_its_commands(self):
        told = run("ftp", "-c", "help").stdout
        commands = ("open user ls dir cd lcd pwd lpwd get mget put mput reget reput mkdir rmdir "
                    "delete rename chmod bin ascii passive size modtime status help quit")
        for name in commands.split():
            self.assertRegex(told, rf"(?m)^{name} ")
            self.assertRegex(run("ftp", "-c", f"? {name}").stdout, rf"^usage: {name}\b.*\n.+\n$")

    def test_opens_one_server_after_the_other(self):
        told = self.shell(f"open {self.site()}; mkdir one; close; open {self.host_port()}; status",
                          site=self.host_port())
        self.assertIn("not logged in", told, "in a script only as soon as it is needed")
        self.assertEqual(self.entries(), [b"one"])

    def test_in_a_script_is_anonymous_unless_told_otherwise(self):
        self.assertIn("logged in as anonymous", self.shell("pwd; status", site=self.host_port()))
        self.shell("mkdir dir", FAILED, site=self.host_port())
        self.shell(f"user {USER} {PASSWORD}; mkdir dir", site=self.host_port())
        self.assertEqual(self.entries(), [b"dir"])

    def test_begins_where_the_address_says(self):
        os.makedirs(self.path("a/b c"))
        self.assertIn('"/a/b c"', self.shell("pwd", site=f"ftp://{self.site()}/a/b%20c"))

    def test_connects_again_where_it_was_when_the_connection_is_gone(self):
        os.mkdir(self.path("dir"))
        # The first pwd may be what finds out that the server has ended the connection.
        done = run("ftp", "--verbose", "-c", "cd dir; quote QUIT; -pwd; pwd; mkdir below",
                   self.site())
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertIn("is gone: connecting again", done.stdout)
        self.assertIn('257 "/dir"', done.stdout)
        self.assertEqual(self.entries("dir"), [b"below"])

    # Words, failures.

    def test_takes_commands_cut_short(self):
        self.assertEqual(self.shell("mk dir; ren dir other; nl"), "other\n")

    def test_ends_with_the_first_failure_and_its_kind(self):
        for script, status in (("frobnicate", WRONG_USAGE), ("p", WRONG_USAGE), ("cd", WRONG_USAGE),
                               ("cd a b", WRONG_USAGE), ("get 'a", WRONG_USAGE),
                               ("chmod rw file", WRONG_USAGE), ("passive maybe", WRONG_USAGE),
                               ("get nothing", NO_SUCH_FILE), ("cd nothing", NO_SUCH_FILE),
                               ("mget nothing*", NO_SUCH_FILE), ("mput nothing*", NO_SUCH_FILE),
                               ("put nothing", NO_SUCH_FILE), ("delete nothing", NO_SUCH_FILE),
                               ("lcd nothing", NO_SUCH_FILE), ("user user wrong", LOGIN_REFUSED),
                               ("rmdir full", FAILED), ("open 127.0.0.1:1", NETWORK)):
            with self.subTest(script):
                os.makedirs(self.path("full/below"), exist_ok=True)
                self.shell(f"{script}; mkdir never", status)
                self.assertRegex(self.errors, r"\Asluice ftp: .+\n\Z")
                self.assertEqual(self.entries(), [b"full"])

    def test_fails_at_once_where_it_cannot_connect_or_log_in(self):
        self.shell("lpwd", LOGIN_REFUSED, site=self.site(password="wrong"))
        self.shell("lpwd", NETWORK, site="127.0.0.1:1")
        self.shell("lpwd", LOGIN_REFUSED, site=f"{USER}@{self.host_port()}")
        self.shell("lpwd", WRONG_USAGE, site="127.0.0.1:port")

    def test_passes_over_what_may_fail(self):
        told = run("ftp", "-c", "-delete nothing; -frobnicate; -get 'a; b'; pwd", self.site(),
                   cwd=self.here)
        self.assertEqual(told.returncode, OK)
        self.assertIn('257 "/"', told.stdout)
        self.assertEqual(told.stderr.count("sluice ftp: "), 3)

    def test_writes_only_where_it_is(self):
        os.makedirs(self.path("dir"))
        self.write("dir/file")
        (self.here / "here").mkdir()
        self.shell("lcd here; get dir/../dir/file")
        self.assertEqual(os.listdir(self.here / "here"), ["file"])
        for name in ("dir/..", "/", "dir/."):
            self.shell(f"get {name}", FAILED)
        self.assertEqual(os.listdir(self.here), ["here"])

    def test_replaces_only_what_may_be_replaced(self):
        self.write("file", b"content")
        self.write("link", b"content")
        self.local("target", b"old")
        os.mkfifo(self.here / "pipe")
        os.symlink("target", self.here / "link")
        self.shell("get file pipe", FAILED)
        self.assertTrue(stat.S_ISFIFO(os.lstat(self.here / "pipe").st_mode))
        self.shell("get link", OK)
        self.assertEqual(self.local("target"), b"old", "where the server's names lead nowhere")
        self.assertEqual(self.local("link"), b"content")
        os.unlink(self.here / "link")
        os.symlink("target", self.here / "link")
        self.shell("get file link")
        self.assertEqual(self.local("target"), b"content")
        self.assertTrue((self.here / "link").is_symlink())

    def test_takes_lines_from_a_pipe(self):
        self.write("file", b"content")
        script = (f"# a comment; quit\n\nuser {USER} {PASSWORD}\r\n  get file new ; mkdir dir\n"
                  "pwd\nquit\nmkdir never\n")
        done = run("ftp", self.host_port(), input=script, cwd=self.here)
        self.assertEqual((done.returncode, done.stderr), (OK, ""))
        self.assertRegex(done.stdout, r'\A257 "/"[^\n]*\n\Z')
        self.assertEqual(self.local("new"), b"content")
        self.assertEqual(self.entries(), [b"dir", b"file"])

    def test_takes_lines_from_a_file_up_to_the_first_failure(self):
        script = self.here / "script"
        script.write_text("mkdir one\nget nothing\nmkdir two")
        with open(script) as file:
            done = run("ftp", self.site(), stdin=file)
        self.assertEqual(done.returncode, NO_SUCH_FILE)
        self.assertEqual(self.entries(), [b"one"])

    def test_takes_the_last_line_without_an_end(self):
        self.assertEqual(run("ftp", self.site(), input="mkdir one\nmkdir two").returncode, OK)
        self.assertEqual(self.entries(), [b"one", b"two"])


class SlowServer:
    """Sends the beginning of every file, and then nothing until ABOR; `deaf`, it ignores that."""

    LISTING = b"-rw-r--r-- 1 o g 5 Nov 21 12:00 plain\r\n-rw-r--r-- 1 o g 5 Nov 21 12:00 a\x1b[7mb\r\n"

    def __init__(self, deaf=False):
        self.deaf = deaf
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.logins = 0
        self.was_asked_to_abort = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                client.settimeout(PATIENCE)
                with contextlib.suppress(OSError), client:
                    self.talk(client)

    def talk(self, client):
        say = lambda text: client.sendall(text + b"\r\n")
        say(b"220 slow")
        with contextlib.ExitStack() as opened:
            self.answer(opened.enter_context(client.makefile("rb")), say, opened)

    def answer(self, commands, say, opened):
        data = passive = None
        for line in commands:
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EPSV":
                passive = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
                say(b"229 (|||%d|)" % passive.getsockname()[1])
            elif verb in (b"RETR", b"LIST"):
                data = opened.enter_context(passive.accept()[0])
                passive.close()
                say(b"150 here")
                data.sendall(self.LISTING if verb == b"LIST" else b"x" * 50_000)
                if verb == b"LIST":
                    data.close()
                    say(b"226 done")
            elif b"ABOR" in verb:
                self.was_asked_to_abort.set()
                if not self.deaf:
                    data.close()
                    say(b"426 aborted")
                    say(b"226 ABOR")
            else:
                self.logins += verb == b"PASS"
                say({b"USER": b"331 who", b"PASS": b"230 in", b"PWD": b'257 "/\x1b[7m"',
                     b"TYPE": b"200 type", b"QUIT": b"221 bye", b"CWD": b"250 there"}
                    .get(verb, b"502 no"))
                if verb == b"QUIT":
                    return


class Sessions(ShellTest):
    def start(self, *arguments, **environment):
        terminal = self.enterContext(
            FtpTerminal([PROGRAM, "ftp", *arguments], 100, 40, USER="somebody", **environment))
        return terminal

    def logged_in(self, *arguments):
        terminal = self.start(*arguments, self.site())
        terminal.ready()
        return terminal

    def enter(self, terminal, line, end="\r"):
        """Types it, and waits until the terminal shows that it was taken."""
        row = terminal.screen.row
        terminal.type(line + end)
        terminal.wait(lambda: terminal.screen.row > row)

    def interrupt(self, terminal):
        self.enter(terminal, "", CONTROL_C)

    def asks(self, terminal, question):
        terminal.wait(lambda: terminal.screen.lines()[terminal.screen.cursor()[0]] == question)

    def finish(self, terminal):
        terminal.ready()
        terminal.type(CONTROL_D)
        self.assertEqual(terminal.end(), OK)
        self.assertTrue(terminal.is_as_before())

    def test_is_that_of_the_lecture(self):
        self.write("file", b"content")
        os.mkdir(self.path("dir"))
        host = self.host_port().partition(":")[0]
        terminal = self.start(self.host_port())
        self.asks(terminal, f"Name ({host}:somebody):")
        self.enter(terminal, USER)
        self.asks(terminal, "Password:")
        self.enter(terminal, PASSWORD)
        for line in ("bin", "ls", "get file", "lcd .", "cd dir", "put file copy", "pwd"):
            terminal.ready()
            self.enter(terminal, line)
        terminal.ready()
        self.enter(terminal, "quit")
        self.assertEqual(terminal.end(), OK)
        self.assertTrue(terminal.is_as_before())
        shown = "\n".join(terminal.screen.all_lines())
        for said in (r"^220 ", r"^230 ", r"^-rw.* file$", r"^file: 7 B in 0\.\d s", r'^250 "/dir"',
                     r'^257 "/dir"', r"^221 "):
            self.assertRegex(shown, "(?m)" + said)
        self.assertNotIn(PASSWORD, shown)
        self.assertEqual((pathlib.Path(terminal.home.name) / "file").read_bytes(), b"content")
        self.assertEqual(self.read("dir/copy"), b"content")

    def test_asks_who_is_anonymous_for_no_password(self):
        terminal = self.start(self.host_port())
        terminal.wait(lambda: "Name (" in str(terminal.screen))
        self.enter(terminal, "anonymous")
        self.finish(terminal)
        self.assertIn("230", str(terminal.screen))
        self.assertNotIn("Password", str(terminal.screen))

    def test_asks_again_who_was_refused(self):
        terminal = self.start(f"{USER}@{self.host_port()}")
        self.asks(terminal, "Password:")
        self.enter(terminal, "wrong")
        terminal.ready()
        self.assertIn("530", str(terminal.screen))
        self.enter(terminal, f"user {USER}")
        self.asks(terminal, "Password:")
        self.enter(terminal, PASSWORD)
        terminal.ready()
        self.enter(terminal, "mkdir dir")
        self.finish(terminal)
        self.assertEqual(self.entries(), [b"dir"])

    def test_control_c_gives_up_a_name_a_password_and_a_line(self):
        terminal = self.start(self.host_port())
        terminal.wait(lambda: "Name (" in str(terminal.screen))
        self.interrupt(terminal)
        terminal.ready()
        self.enter(terminal, f"user {USER}")
        self.asks(terminal, "Password:")
        self.interrupt(terminal)
        terminal.ready()
        self.enter(terminal, "mkdir ne", CONTROL_C)
        terminal.ready()
        self.enter(terminal, f"user {USER} {PASSWORD}")
        terminal.ready()
        self.enter(terminal, "mkdir dir")
        self.finish(terminal)
        self.assertEqual(self.entries(), [b"dir"])

    def test_a_failure_is_told_and_not_the_end(self):
        terminal = self.logged_in()
        command = pathlib.Path(f"/proc/{terminal.process.pid}/cmdline").read_bytes()
        self.assertNotIn(PASSWORD.encode(), command)
        self.enter(terminal, "get nothing; mkdir never")
        terminal.ready()
        self.assertRegex(str(terminal.screen), r"\|nothing: 550 ")
        self.enter(terminal, "frobnicate")
        terminal.ready()
        self.assertIn("|frobnicate: no such command (help)", str(terminal.screen))
        self.finish(terminal)
        self.assertEqual(self.entries(), [])

    # ^C

    def test_control_c_ends_a_transfer_and_keeps_the_session(self):
        with SlowServer() as server:
            terminal = self.start(f"a:b@{server.address}")
            terminal.ready()
            self.enter(terminal, "get file")
            terminal.wait(lambda: "50.0 kB" in str(terminal.screen))
            terminal.type(CONTROL_C)
            terminal.ready()
            self.assertIn("|file: aborted", str(terminal.screen))
            self.enter(terminal, "pwd")
            self.finish(terminal)
            self.assertEqual(server.logins, 1)
            self.assertEqual(sorted(os.listdir(terminal.home.name)), [".local", "file.part"])

    def test_a_second_control_c_closes_the_connection(self):
        with SlowServer(deaf=True) as server:
            terminal = self.start(f"a:b@{server.address}")
            terminal.ready()
            self.enter(terminal, "get file")
            terminal.wait(lambda: "50.0 kB" in str(terminal.screen))
            terminal.type(CONTROL_C)
            server.was_asked_to_abort.wait(PATIENCE)
            terminal.type(CONTROL_C)
            terminal.ready()
            self.assertIn("|file: aborted: the connection is closed", str(terminal.screen))
            self.enter(terminal, "pwd")
            terminal.ready()
            self.assertIn("is gone: connecting again", str(terminal.screen))
            self.finish(terminal)
            self.assertEqual(server.logins, 2)

    def test_control_c_of_many_ends_all_of_them(self):
        with SlowServer() as server:
            terminal = self.start(f"a:b@{server.address}")
            terminal.ready()
            self.enter(terminal, "mget p*in p?ain")
            terminal.wait(lambda: "50.0 kB" in str(terminal.screen))
            terminal.type(CONTROL_C)
            terminal.ready()
            self.assertEqual(str(terminal.screen).count("plain: aborted"), 1)
            self.finish(terminal)

    def test_what_a_server_says_is_made_fit_for_a_terminal(self):
        with SlowServer() as server:
            terminal = self.start(f"a:b@{server.address}")
            terminal.ready()  # whose screen refuses what it is not to be sent
            for line in ("ls", "pwd", "verbose", "pwd", "status"):
                self.enter(terminal, line)
                terminal.ready()
            self.assertIn(r"a\x1B[7mb".lower(), str(terminal.screen).lower())
            self.finish(terminal)

    def test_ends_by_a_signal_with_the_terminal_as_it_was(self):
        terminal = self.logged_in()
        self.enter(terminal, "pwd")
        terminal.ready()
        terminal.process.send_signal(signal.SIGTERM)
        terminal.end()
        self.assertTrue(terminal.is_as_before())
        self.assertIn("pwd", self.history_of(terminal).read_text())

    # Tab

    def completes(self, terminal, typed, wanted):
        terminal.ready()
        terminal.type(typed + TAB)
        self.asks(terminal, f"{PROMPT} {wanted}")
        self.interrupt(terminal)

    def test_tab_completes_commands_and_names(self):
        os.mkdir(self.path("folder"))
        self.write("folder/below")
        self.write("two words")
        self.write("\ud55c\uae00")
        terminal = self.logged_in()
        home = pathlib.Path(terminal.home.name)
        (home / "local file").write_bytes(b"x")
        (home / "deep").mkdir()
        for typed, wanted in (("renam", "rename"), ("help mod", "help modtime"),
                              ("passive of", "passive off"), ("get tw", r"get two\ words"),
                              ('get "tw', 'get "two words"'), ("cd fo", "cd folder/"),
                              ("ls folder/", "ls folder/below"), ("cd t", "cd t"),
                              ("size \ud55c", "size \ud55c\uae00"), ("-delete tw", r"-delete two\ words"),
                              ("ls; get tw", r"ls; get two\ words"), ("put lo", r"put local\ file"),
                              ("lcd ", "lcd deep/"), ("get x 'lo", "get x 'local file'")):
            with self.subTest(typed):
                self.completes(terminal, typed, wanted)
        terminal.ready()
        terminal.type("get tw" + TAB)
        self.asks(terminal, PROMPT + r" get two\ words")
        self.enter(terminal, "")
        self.finish(terminal)
        self.assertEqual((home / "two words").read_bytes(), b"content")

    def test_tab_knows_what_has_changed(self):
        self.write("first")
        terminal = self.logged_in()
        self.completes(terminal, "get f", "get first")
        terminal.ready()
        self.enter(terminal, "delete first; mkdir fresh")
        self.completes(terminal, "get f", "get fresh/")
        self.finish(terminal)

    def test_tab_is_nothing_where_nobody_is_connected(self):
        terminal = self.start()
        terminal.ready()
        terminal.type("get f" + TAB)
        self.enter(terminal, "")
        terminal.ready()
        self.assertIn("not connected (open HOST)", str(terminal.screen))
        self.finish(terminal)

    # History

    @staticmethod
    def history_of(terminal):
        return pathlib.Path(terminal.home.name) / ".local/state/sluice/ftp_history"

    def test_remembers_lines_but_no_passwords(self):
        terminal = self.start()
        for line in (f"open {self.host_port()}", f"user {USER} {PASSWORD}", "mkdir dir",
                     f"open {self.site()}", "quote PASS " + PASSWORD):
            terminal.ready()
            self.enter(terminal, line)
            if line == f"open {self.host_port()}":
                terminal.wait(lambda: "Name (" in str(terminal.screen))
                self.interrupt(terminal)
        self.finish(terminal)
        history = self.history_of(terminal)
        self.assertEqual(history.read_text().splitlines(), [f"open {self.host_port()}", "mkdir dir"])
        self.assertEqual(stat.S_IMODE(history.stat().st_mode), 0o600)

    def test_offers_lines_of_the_session_before(self):
        for line, wanted in (("lpwd", "lpwd"), (UP, "lpwd")):
            terminal = self.start(HOME=str(self.here))
            terminal.ready()
            terminal.type(line)
            self.asks(terminal, f"{PROMPT} {wanted}")
            self.enter(terminal, "")
            self.finish(terminal)


if __name__ == "__main__":
    unittest.main()
