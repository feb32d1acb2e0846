"""`sluice get`, `put` and `ftp` against servers that are slow, broken or hostile."""

import hashlib
import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from ftp_client_support import (FAILED, FULL, LOGIN, NETWORK, NO_FILE, OK, USAGE, Drop,
                                FtpClientTest, FtpServer)
from harness import PATIENCE, PROGRAM, is_sanitized, pattern, run
from hostile_ftp import (STAGES, DroppingServer, RawServer, break_off, break_store, evil_names,
                         flood, hold, hold_data, hold_reply, listing_of)

OLD = 1_500_000_000
CONTENT = pattern(700_000)
MANY = int(os.environ.get("SLUICE_MANY_ENTRIES", 2_000_000))  # over a million
SMALL = 16 << 20  # bytes of memory
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class HostileTest(FtpClientTest):
    def assert_clean(self, done):
        """No control character but line ends on its outputs."""
        said = done.stdout + done.stderr
        self.assertIsNone(CONTROL.search(said), ascii(said))

    def fails(self, *arguments, status, **how):
        done = self.run_here(*arguments, status=status, **how)
        self.assert_clean(done)
        self.assertNotEqual(done.stderr, "")
        return done

    def ftp(self, server, script, status=OK, **how):
        done = self.run_here("ftp", "-c", script, f"127.0.0.1:{server.port}", status=status, **how)
        self.assert_clean(done)
        return done

    def content(self, name="file"):
        return (self.here / name).read_bytes()

    def run_within(self, memory, *arguments):
        """Runs the program without keeping what it prints, in so many bytes of memory: with more it
        would end by a signal. Status and stderr."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen([PROGRAM, *arguments], cwd=self.here, stderr=log,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       preexec_fn=None if is_sanitized() else limit)
            self.addCleanup(process.kill)
            status = process.wait(10 * PATIENCE)
            log.seek(0)
            return status, log.read().decode(errors="replace")


class Replies(HostileTest):
    def test_reply_without_end_is_cut_off_in_bounded_memory(self):
        for first, block in ((b"220 ", b"x" * 100_000), (b"220-", b"220-many\r\n" * 10_000),
                             (b"", b"\xff\xfa" + b"y" * 100_000)):
            # The last is a telnet subnegotiation: no reply at all, until time is up.
            with self.subTest(first), RawServer(flood(first, block, count=2000)) as server:
                status, error = self.run_within(SMALL, "get", "--timeout", "2", "--retry", "0",
                                                server.url("file"))
                self.assertIn(status, (FAILED, NETWORK), error)

    def test_reply_a_byte_at_a_time_is_a_reply(self):
        def deed(sock):
            for byte in b"220-slow\r\n but it comes\r\n220 in the end\r\n":
                sock.sendall(bytes([byte]))
                time.sleep(0.002)
            with sock.makefile("rb") as lines:
                lines.readline()
            sock.sendall(b"530 go away\r\n")

        with RawServer(deed) as server:
            self.fails("get", server.url("file"), status=LOGIN)

    def test_what_is_no_ftp_is_said_to_be_none(self):
        for greeting in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"99 x\r\n",
                         b"\x1b[2J\x1b]0;title\x07\r\n", b"6000 x\r\n", b"-220 x\r\n"):
            with self.subTest(greeting), RawServer(lambda s: s.sendall(greeting)) as server:
                self.fails("get", "--retry", "0", server.url("file"), status=FAILED)
                self.fails("ftp", "-c", "ls", f"127.0.0.1:{server.port}", status=FAILED)

    def test_greeting_of_refusal_has_its_status(self):
        with RawServer(lambda s: s.sendall(b"421 \x1b[31mtoo many\r\n")) as server:
            done = self.fails("get", "--retry", "0", server.url("file"), status=NETWORK)
            self.assertIn("too many", done.stderr)

    def test_server_that_asks_for_the_password_again_and_again_is_left(self):
        with FtpServer(PASS=lambda s, a: "331 and again?") as server:
            self.fails("get", server.url("file"), status=FAILED)
            self.assertEqual(len(server.asked("PASS")), 1)

    def test_more_replies_than_were_asked_for_do_no_harm(self):
        with FtpServer({"/file": (CONTENT, OLD)},
                       FEAT=lambda s, a: "502 no\r\n200 yes\r\n") as server:
            self.ftp(server, "get file")
        self.assertEqual(self.content(), CONTENT)

    def test_escape_sequences_never_reach_the_terminal(self):
        evil = "\x1b[2J\x1b]0;x\x07\x9b31m\r\x08"
        files = {"/file": (CONTENT, OLD)}
        for verb in ("USER", "PASS", "SIZE", "EPSV", "RETR", "MLSD", "LIST", "CWD", "PWD", "STOR",
                     "DELE", "MKD", "STAT", "HELP", "FEAT", "TYPE"):
            with self.subTest(verb):
                with FtpServer(files, **{verb: lambda s, a: f"550 no {evil}such"}) as server:
                    self.make("mine", b"mine")
                    for words in (("get", "--verbose", "--retry", "0", server.url("file")),
                                  ("get", "-r", "--retry", "0", server.url(), "-o", "copy"),
                                  ("put", "--verbose", "--retry", "0", "mine", server.url())):
                        self.assert_clean(run(*words, cwd=self.here))
                    for script in ("ls", "dir", "cd x", "pwd", "get file", "put mine", "mkdir x",
                                   "delete x", "status", "size file", "modtime file"):
                        done = run("ftp", "--verbose", "-c", script, f"127.0.0.1:{server.port}",
                                   cwd=self.here)
                        self.assert_clean(done)


class Passive(HostileTest):
    def test_address_elsewhere_is_not_called(self):
        for reply in ("227 here ({host},{high},{low})", "227 {host},{high},{low}"):
            called = []

            def passive(session, _):
                session.stop_listening()
                session.passive = socket.create_server(("127.0.0.1", 0))
                session.passive.settimeout(PATIENCE)
                port = session.passive.getsockname()[1]
                trap = socket.create_server(("127.0.0.2", port))
                trap.setblocking(False)
                called.append(trap)
                return reply.format(host="127,0,0,2", high=port >> 8, low=port & 255)

            with self.subTest(reply), FtpServer({"/file": (CONTENT, OLD)}, PASV=passive,
                                                EPSV=lambda s, a: "500 what?") as server:
                self.get(server.url("file"))
                self.assertEqual(self.content(), CONTENT)
                self.assertTrue(called)
                for trap in called:
                    with trap, self.assertRaises(BlockingIOError):
                        trap.accept()

    def test_address_that_is_none_is_a_failure(self):
        for reply in ("229 here (|||0|)", "229 here (|||70000|)", "229 here", "229 (|||\x1b[2J|)",
                      "227 here (127,0,0,1,4,1)"):
            with self.subTest(reply), FtpServer({"/file": (CONTENT, OLD)},
                                                EPSV=lambda s, a: reply) as server:
                self.fails("get", server.url("file"), status=FAILED)
                self.assertEqual(self.names_here(), [])


class Names(HostileTest):
    """A directory with evil names and good ones."""

    GOOD = {"good": b"G", "space and ü": b"S"}
    ODD = {"csi\x9b2J"}  # text as it should be, were it not for terminals, which are not shown it

    def setUp(self):
        super().setUp()
        self.top, self.here = self.here, self.here / "in" / "side"
        self.here.mkdir(parents=True)

    def evil_server(self, form):
        names = [*evil_names(), *map(os.fsencode, self.GOOD)]

        def listing(session, argument):
            if argument.strip("/"):  # no evil directory is to be asked for
                return "550 no such directory"
            lines = []
            for name in names:
                lines.append(form("file", name))
                if os.fsdecode(name) not in self.GOOD:
                    lines.append(form("dir", name))
            return session.send(b"".join(lines))

        files = {"/" + name: (content, OLD) for name, content in self.GOOD.items()}
        deeds = {"MLSD": listing, "LIST": listing}
        if form is self.list_line:
            deeds["MLSD"] = lambda s, a: "502 no"
        return FtpServer(files, RETR=self.give, **deeds)

    @staticmethod
    def give(session, argument):
        found = session.server.files.get(session.path(argument), (b"EVIL", OLD))
        return session.send(found[0])

    @staticmethod
    def facts_line(kind, name):
        return b"type=%s; %s\r\n" % (kind.encode(), name)

    @staticmethod
    def list_line(kind, name):
        return b"%srw-r--r-- 1 a b 1 Jan 01 2020 %s\r\n" % (b"d" if kind == "dir" else b"-", name)

    def assert_nothing_elsewhere(self, where):
        found = self.tree_of(self.top)
        prefix = "in/side/" + (where + "/" if where else "")
        inside = {name[len(prefix):]: content for name, content in found.items()
                  if name.startswith(prefix)}
        outside = {name for name in found if not name.startswith(prefix)}
        self.assertLessEqual(outside, {"in", "in/side", f"in/side/{where}"})
        for name, content in self.GOOD.items():
            self.assertEqual(inside.pop(name), content)
        self.assertLessEqual(set(inside), self.ODD)
        self.assertFalse(os.path.exists("/etc/sluice-test"))

    def test_tree_stays_in_its_directory(self):
        for form in (self.facts_line, self.list_line):
            shutil.rmtree(self.here / "copy", ignore_errors=True)
            with self.subTest(form.__name__), self.evil_server(form) as server:
                self.fails("get", "-r", "--retry", "0", server.url(), "-o", "copy", status=FAILED)
                self.assert_nothing_elsewhere("copy")
                for line in server.asked("RETR"):
                    self.assertIn(line.split(" ", 1)[1].lstrip("/"), {*self.GOOD, *self.ODD})

    def test_matching_files_stay_in_the_working_directory(self):
        for form in (self.facts_line, self.list_line):
            with self.subTest(form.__name__), self.evil_server(form) as server:
                self.fails("ftp", "-c", "mget *", f"127.0.0.1:{server.port}", status=FAILED)
                self.assert_nothing_elsewhere("")
                for name in self.names_here():
                    (self.here / name).unlink()

    def test_pattern_of_get_stays_in_the_working_directory(self):
        for form in (self.facts_line, self.list_line):
            with self.subTest(form.__name__), self.evil_server(form) as server:
                self.fails("get", "--retry", "0", server.url("*"), status=FAILED)
                self.assert_nothing_elsewhere("")
                for name in self.names_here():
                    (self.here / name).unlink()

    def test_lists_show_no_control_character(self):
        for form in (self.facts_line, self.list_line):
            with self.subTest(form.__name__), self.evil_server(form) as server:
                self.assertIn("good", self.ftp(server, "ls").stdout)
                self.assertIn("good", self.ftp(server, "dir").stdout)

    def test_name_of_the_user_with_a_line_end_is_no_second_command(self):
        with FtpServer({"/file": (CONTENT, OLD)}) as server:
            self.fails("get", server.url("file%0d%0aDELE%20file"), status=USAGE)
            self.ftp(server, "get 'file\rDELE file'", status=FAILED)
            self.assertEqual(server.asked("DELE"), [])


class Sizes(HostileTest):
    def test_size_that_lies_is_told_and_the_file_is_not_there(self):
        for said in (len(CONTENT) - 1, len(CONTENT) + 1, 0, (1 << 64) - 1):
            with self.subTest(said), FtpServer({"/file": (CONTENT, OLD)},
                                               SIZE=lambda s, a: f"213 {said}") as server:
                self.fails("get", "--retry", "0", server.url("file"), status=FAILED)
                self.assertNotIn("file", self.names_here())
                self.fails("get", "-C", "--retry", "0", server.url("file"), status=FAILED)
                self.assertNotIn("file", self.names_here())
        with FtpServer({"/file": (CONTENT, OLD)}) as server:
            self.get("-C", server.url("file"))
        self.assertEqual(self.content(), CONTENT)

    def test_size_that_is_no_number_counts_for_nothing(self):
        for said in ("-1", "12x", "1e9", "18446744073709551616", "\x1b[2J"):
            with self.subTest(said), FtpServer({"/file": (CONTENT, OLD)},
                                               SIZE=lambda s, a: f"213 {said}") as server:
                self.get(server.url("file"))
                self.assertEqual(self.content(), CONTENT)

    def test_data_after_the_end_is_told(self):
        def more(session, argument):
            session.say("150 here it comes\r\n226 done")
            with session.data() as data:
                data.sendall(CONTENT)
                data.sendall(b"and more")

        with FtpServer({"/file": (CONTENT, OLD)}, RETR=more) as server:
            self.fails("get", "--retry", "0", server.url("file"), status=FAILED)
            self.assertEqual(self.names_here(), [])

    def test_data_on_the_connection_of_an_upload_is_passed_over(self):
        def chatty(session, argument):
            session.say("150 go on")
            with session.data() as data:
                data.sendall(b"listen!" * 1000)
                return self.take(session, argument, data)

        self.make("mine", CONTENT)
        with FtpServer(STOR=chatty) as server:
            self.put("mine", server.url())
            self.assertEqual(server.files["/mine"][0], CONTENT)

    @staticmethod
    def take(session, argument, data):
        received = b""
        while part := data.recv(1 << 16):
            received += part
        session.server.files[session.path(argument)] = (received, time.time())
        return "226 stored"


class Many(HostileTest):
    def test_list_of_millions_is_printed_in_bounded_memory(self):
        with FtpServer(MLSD=listing_of(MANY), LIST=listing_of(MANY)) as server:
            for command in ("ls", "dir"):
                status, error = self.run_within(SMALL, "ftp", "-c", command,
                                                f"127.0.0.1:{server.port}")
                self.assertEqual(status, OK, error)

    def test_tree_of_millions_ends_with_a_word(self):
        with FtpServer(MLSD=listing_of(MANY)) as server:
            for words in (("get", "-r", server.url(), "-o", "copy"),
                          ("get", server.url("*")),
                          ("ftp", "-c", "mget *", f"127.0.0.1:{server.port}")):
                status, error = self.run_within(1 << 30, *words)
                self.assertEqual(status, FAILED, error)
                self.assertIn("1000000", error, words)
        self.assertEqual(self.names_here(), [])


class Drops(HostileTest):
    def check(self, server, *, resume, status=NETWORK):
        """A first try that fails, and a second that completes it; or one that tries again."""
        for leftover in self.names_here():
            (self.here / leftover).unlink()
        with server:
            if resume:
                self.fails("get", "--retry", "0", server.url("file"), status=status)
                self.assertNotIn("file", self.names_here())
                self.get("-C", server.url("file"))
            else:
                self.get("--retry", "2", server.url("file"))
        self.assertEqual(hashlib.sha256(self.content()).digest(),
                         hashlib.sha256(CONTENT).digest())
        self.assertEqual(self.names_here(), ["file"])

    def test_at_every_stage_are_gone_on_from(self):
        files = {"/file": (CONTENT, OLD)}
        for stage in STAGES:
            with self.subTest(stage):
                self.check(DroppingServer(files, stage), resume=True)

    def test_in_the_data_are_gone_on_from(self):
        files = {"/file": (CONTENT, OLD)}
        for size in (0, 1, 65536, 65537, len(CONTENT) - 1, len(CONTENT)):
            for deed in (break_off(size), break_off(size, tail="reset"),
                         break_off(size, say="426 broken"), break_off(size, say="421 so long")):
                with self.subTest(size):
                    self.check(DroppingServer(files, "RETR", RETR=deed), resume=True)

    def test_are_tried_again_by_itself(self):
        files = {"/file": (CONTENT, OLD)}
        self.check(DroppingServer(files, "EPSV", times=2), resume=False)
        self.check(DroppingServer(files, "RETR", RETR=break_off(100_000)), resume=False)

    def test_of_uploads_are_gone_on_from(self):
        self.make("mine", CONTENT, OLD)
        for stage in ("connect", "PASS", "EPSV", "STOR", "RNTO"):
            with self.subTest(stage), DroppingServer((), stage) as server:
                self.fails("put", "--retry", "0", "mine", server.url(), status=NETWORK)
                self.assertNotIn("/mine", server.files)
                self.put("-C", "mine", server.url())
                self.assertEqual(server.files["/mine"][0], CONTENT)
        for size in (0, 1, 100_000, len(CONTENT)):
            for keeps in (True, False):
                deed = break_store(size, keeps=keeps)
                with self.subTest(size), DroppingServer((), "STOR", STOR=deed) as server:
                    self.fails("put", "--retry", "0", "mine", server.url(), status=NETWORK)
                    self.assertNotIn("/mine", server.files)
                    self.put("-C", "mine", server.url())
                    self.assertEqual(server.files["/mine"][0], CONTENT)
                    if keeps and 0 < size < len(CONTENT):
                        self.assertTrue(server.asked("REST") or server.asked("APPE"))

    def test_of_a_list_are_failures(self):
        def cut(session, _):
            session.say("150 here")
            with session.data() as data:
                data.sendall(b"type=file;size=1; whole\r\ntype=file;si")
            raise Drop

        with FtpServer(MLSD=cut, LIST=cut) as server:
            self.ftp(server, "ls", status=NETWORK)
            self.fails("get", "-r", "--retry", "0", server.url(), "-o", "copy", status=NETWORK)
            self.fails("get", "--retry", "0", server.url("*"), status=NETWORK)


class Silence(HostileTest):
    def test_of_the_server_is_given_up_at_every_stage(self):
        files = {"/file": (CONTENT, OLD)}
        with RawServer(lambda sock: sock.recv(1)) as server:
            self.fails("get", "--timeout", "1", "--retry", "0", server.url("file"), status=NETWORK)
        for verb, deed in (("USER", hold), ("PASS", hold), ("FEAT", hold), ("SIZE", hold),
                           ("EPSV", hold), ("RETR", hold), ("RETR", hold_data),
                           ("RETR", hold_reply)):
            with self.subTest(verb), FtpServer(files, **{verb: deed}) as server:
                self.fails("get", "--timeout", "1", "--retry", "0", server.url("file"),
                           status=NETWORK)
                self.assertNotIn("file", self.names_here())

    def test_of_the_server_ends_an_upload(self):
        self.make("mine", pattern(20_000_000))
        for deed in (hold, hold_data):
            with self.subTest(deed.__name__), FtpServer(STOR=deed) as server:
                self.fails("put", "--timeout", "1", "--retry", "0", "mine", server.url(),
                           status=NETWORK)

    def test_of_the_server_ends_a_tree(self):
        listing = b"".join(b"type=file;size=5; %d\r\n" % number for number in range(20))
        with FtpServer(MLSD=lambda s, a: s.send(listing), RETR=hold_data) as server:
            self.fails("get", "-r", "-P", "4", "--timeout", "1", "--retry", "0", server.url(), "-o",
                       "copy", status=NETWORK)


class FullDisks(HostileTest):
    def test_of_the_server_have_their_status(self):
        self.make("mine", CONTENT)
        for reply in ("452 full", "552 quota"):
            with self.subTest(reply), FtpServer(STOR=lambda s, a: reply) as server:
                self.fails("put", "--retry", "0", "mine", server.url(), status=FULL)
                self.ftp(server, "put mine", status=FULL)

    def test_of_the_server_are_told_in_the_middle_of_the_data(self):
        def full(session, argument):
            session.say("150 go on")
            with session.data() as data:
                data.recv(1000)
            return "452 full"

        self.make("mine", pattern(20_000_000))
        with FtpServer(STOR=full) as server:
            self.fails("put", "--retry", "0", "mine", server.url(), status=FULL)

    def small_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", self.here],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small disk here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.here], check=True)

    def test_here_have_their_status_and_leave_what_can_be_gone_on_with(self):
        self.small_disk()
        with FtpServer({"/file": (CONTENT, OLD), "/small": (b"small", OLD)}) as server:
            self.fails("get", "--retry", "0", server.url("file"), status=FULL)
            self.assertNotIn("file", self.names_here())
            self.fails("get", "-C", server.url("file"), status=FULL)
            part = self.content("file.part")
            self.assertTrue(part and CONTENT.startswith(part))
            os.unlink(self.here / "file.part")
            self.assertIn("5", self.ftp(server, "-get file; size small").stdout)
            self.fails("get", "-r", server.url(), "-o", "copy", status=FULL)
            subprocess.run(["mount", "-o", "remount,size=4m", self.here], check=True)
            self.get("-C", "-r", server.url(), "-o", "copy")
        self.assertEqual(self.content("copy/file"), CONTENT)

    def test_here_as_a_limit_have_their_status(self):
        limit = (200_000, 200_000)
        with FtpServer({"/file": (CONTENT, OLD)}) as server:
            self.fails("get", server.url("file"), status=FULL,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
            self.assertEqual(self.content("file.part"), CONTENT[:200_000])
            self.get("-C", server.url("file"))
        self.assertEqual(self.content(), CONTENT)


class Statuses(HostileTest):
    def test_each_failure_has_its_own(self):
        files = {"/file": (CONTENT, OLD)}
        for deeds, status in (({"PASS": lambda s, a: "530 no"}, LOGIN),
                              ({"USER": lambda s, a: "530 no"}, LOGIN),
                              ({"RETR": lambda s, a: "550 no such file"}, NO_FILE),
                              ({"RETR": lambda s, a: "450 busy"}, FAILED),
                              ({"RETR": lambda s, a: "451 trouble"}, FAILED),
                              ({"RETR": lambda s, a: "425 no data connection"}, NETWORK),
                              ({"EPSV": lambda s, a: "421 so long"}, NETWORK)):
            with self.subTest(status), FtpServer(files, **deeds) as server:
                self.fails("get", "--retry", "0", server.url("file"), status=status)
                self.ftp(server, "get file", status=status)


if __name__ == "__main__":
    unittest.main()
