"""FTP: who may log in, what they may do then, and how long everybody may take."""

import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import socket
import tempfile
import time
import unittest

from harness import PATIENCE, PROGRAM, is_silent, run, wait_until
from ftp_support import FtpTest, ftp_server, matches

# crypt(3) of "secret": SHA-512 of 1,000 rounds, and of half a million, which takes its time.
QUICK_HASH = ("$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1"
              "mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/")
SLOW_HASH = ("$6$rounds=500000$saltsalt$fsEPmTrMK7txVi"
             "kOqTfbB3C1gpKgPk/JZMljxrwVK0QxxjYgDQ8DmbZNOM9vsK/48G3J10yOuwZUi1487qkwH/")
YESCRYPT_HASH = "$y$j75$abcdefghijklmnopqrst0/$WvniVQKtHt7ij5JXctxcbuj.SJ2l/qspYL.iaQ7/uqB"

WRITING = (  # with the letter that each needs
    ("DELE file", "d"), ("MKD new", "m"), ("RMD dir", "d"), ("SITE CHMOD 600 file", "M"),
    ("SITE UTIME 20200101000000 file", "T"), ("MFMT 20200101000000 file", "T"),
    ("MDTM 20200101000000 file", "T"), ("MFF modify=20200101000000; file", "T"),
    ("MFF UNIX.mode=0600; file", "M"))
STORING = (("STOR new", "w"), ("STOR file", "w"), ("STOU", "w"), ("APPE file", "a"))


class Login(FtpTest):
    def test_takes_the_right_password(self):
        ftp = self.stranger()
        ftp.expect("USER user", 331)
        ftp.expect("PASS secret", 230)
        ftp.expect("PWD", 257)

    def test_refuses_a_wrong_password(self):
        ftp = self.stranger()
        for password in ("wrong", "", " secret", "secret ", "SECRET", "secre", "secrets"):
            with self.subTest(password):
                ftp = self.stranger()
                ftp.expect("USER user", 331)
                ftp.send("PASS " + password)
                ftp.reply((530, 501))
                ftp.expect("PWD", 530, 503)

    def test_tells_nobody_who_has_an_account(self):
        known, unknown = self.stranger(), self.stranger()
        self.assertEqual(known.ask("USER user").text.replace("user", "X"),
                         unknown.ask("USER nobody-here").text.replace("nobody-here", "X"))
        self.assertEqual(known.ask("PASS wrong").text, unknown.ask("PASS wrong").text)

    def test_does_not_know_names_in_another_case(self):
        ftp = self.stranger()
        ftp.expect("USER USER", 331)
        ftp.expect("PASS secret", 530)

    def test_closes_after_the_third_wrong_password(self):
        ftp = self.stranger()
        for _ in range(2):
            ftp.expect("USER user", 331)
            ftp.expect("PASS wrong", 530)
        ftp.expect("USER user", 331)
        ftp.expect("PASS wrong", 530, 421)
        with contextlib.suppress(EOFError, ConnectionResetError):
            ftp.reply(421)
        self.assertTrue(ftp.is_closed())

    def test_takes_the_right_password_at_the_third_try(self):
        ftp = self.stranger()
        for _ in range(2):
            ftp.expect("USER user", 331)
            ftp.expect("PASS wrong", 530)
        ftp.login()

    def test_wants_the_name_again_after_a_wrong_password(self):
        ftp = self.stranger()
        ftp.expect("USER user", 331)
        ftp.expect("PASS wrong", 530)
        ftp.expect("PASS secret", 503)

    def test_changes_the_user(self):
        ftp = self.session()
        reply = ftp.ask("USER user")
        if reply.code == 331:
            ftp.expect("PASS secret", 230)
        else:
            self.assertTrue(matches(reply.code, (230, 503, 530)), reply)
            ftp.expect("PWD", 257)

    def test_answers_a_password_that_nobody_asked_for(self):
        self.session().expect("PASS secret", 202, 230, 503)

    def test_has_no_anonymous_user_unless_told(self):
        for name in ("anonymous", "ftp"):
            ftp = self.stranger()
            ftp.expect(f"USER {name}", 331)
            ftp.expect("PASS me@example.org", 530)

    def test_takes_any_byte_in_a_password(self):
        passwords = ("with space", " lead and trail ", "a:b:c", "grün", "\"quoted\"", "%s%n")
        users = [word for index, password in enumerate(passwords)
                 for word in ("--ftp-user", f"other{index}:{password}")]
        with ftp_server(self.root, *users) as server:
            for index, password in enumerate(passwords):
                with self.subTest(password):
                    ftp = self.stranger(server)
                    ftp.expect(f"USER other{index}", 331)
                    ftp.expect("PASS " + password, 230)
                    ftp.close()

    def test_logs_200_clients_in_at_once(self):
        clients = [self.stranger() for _ in range(200)]
        for ftp in clients:
            ftp.send("USER user", "PASS secret", "PWD")
        for ftp in clients:
            for code in (331, 230, 257):
                ftp.reply(code)

    def test_200_clients_connect_at_once(self):
        host, port = "127.0.0.1", self.server.ports["ftp"]
        sockets = []
        for _ in range(200):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect((host, port))
            sockets.append(sock)
        for sock in sockets:
            sock.settimeout(PATIENCE)
            self.assertEqual(sock.recv(4), b"220 ")


class SlowGuessing(FtpTest):
    options = ("--ftp-login-delay", "150")

    def test_each_wrong_password_takes_longer(self):
        ftp = self.stranger()
        took = []
        for _ in range(2):
            ftp.expect("USER user", 331)
            begin = time.monotonic()
            ftp.expect("PASS wrong", 530)
            took.append(time.monotonic() - begin)
        self.assertGreaterEqual(took[0], 0.145)
        self.assertGreaterEqual(took[1], 0.25)

    def test_guesses_sent_at_once_take_as_long(self):
        ftp = self.stranger()
        begin = time.monotonic()
        ftp.send(*("USER user", "PASS wrong") * 2)
        for code in (331, 530, 331, 530):
            ftp.reply(code)
        self.assertGreaterEqual(time.monotonic() - begin, 0.295)

    def test_a_right_password_does_not_wait(self):
        wrong, right = self.stranger(), self.stranger()
        right.expect("USER user", 331)
        wrong.expect("USER user", 331)
        wrong.send("PASS wrong")
        right.send("PASS secret")
        ready = select.select([wrong.sock, right.sock], [], [], PATIENCE)[0]
        self.assertEqual(ready, [right.sock])
        right.reply(230)

    def test_who_goes_away_meanwhile_leaves_no_trace(self):
        for _ in range(20):
            ftp = self.stranger()
            ftp.send("USER user", "PASS wrong")
            ftp.reply(331)
            ftp.close()
        self.assert_serves()


class GuessesFromOneAddress(FtpTest):
    shared = False

    def test_are_counted_over_all_its_connections(self):
        server = self.start("--ftp-login-burst", "3")
        for _ in range(3):
            ftp = self.stranger(server)
            ftp.expect("USER user", 331)
            ftp.expect("PASS wrong", 530, 421)
        ftp = self.stranger(server, greeting=None)
        reply = ftp.reply((220, 421))
        if reply.code == 220:
            if ftp.expect("USER user", 331, 421, 530).code == 331:
                ftp.expect("PASS secret", 421, 530)
        other = self.stranger(server, source="127.0.0.2")
        other.login()


class Anonymous(FtpTest):
    options = ("--ftp-anonymous",)

    def test_logs_in_by_any_password(self):
        for name in ("anonymous", "ftp", "Anonymous", "ANONYMOUS", "FTP"):
            for password in ("me@example.org", "", "x"):
                with self.subTest(name=name, password=password):
                    ftp = self.stranger()
                    if ftp.expect("USER " + name, 331, 230).code == 331:
                        ftp.expect("PASS " + password, 230)
                    ftp.expect("PWD", 257)

    def test_reads(self):
        self.write("file", b"for all")
        ftp = self.session(user="anonymous", password="x@y")
        self.assertEqual(ftp.fetch("RETR file"), b"for all")
        self.assertEqual(ftp.names(), [b"file"])

    def test_never_writes_even_where_users_do(self):
        assert_writes_nothing(self, self.session(user="anonymous", password="x@y"))

    def test_leaves_the_users_theirs(self):
        ftp = self.session()
        ftp.store("STOR mine", b"x")
        self.assertEqual(self.read("mine"), b"x")


class AnonymousOnly(FtpTest):
    shared = False

    def test_nobody_else_logs_in(self):
        server = self.start("--ftp-anonymous", user=False)
        ftp = self.stranger(server)
        ftp.expect("USER user", 331)
        ftp.expect("PASS secret", 530)
        ftp.login("anonymous", "x")

    def test_writes_where_told(self):
        server = self.start("--ftp-anonymous", "--ftp-anonymous-writable", user=False,
                            writable=False)
        ftp = self.session(server, user="anonymous", password="x")
        ftp.store("STOR new", b"anonymous")
        self.assertEqual(self.read("new"), b"anonymous")


def assert_writes_nothing(test, ftp):
    test.write("file", b"keep me")
    os.mkdir(test.path("dir"))
    before = test.snapshot()
    for line, _ in WRITING:
        with test.subTest(line):
            ftp.expect(line, 55)
    for line, _ in STORING:
        with test.subTest(line):
            ftp.refuse(line, 55)
    if ftp.ask("RNFR file").code == 350:
        ftp.expect("RNTO moved", 55)
    test.assertEqual(test.snapshot(), before)
    test.assertEqual(ftp.fetch("RETR file"), b"keep me")


class ReadOnly(FtpTest):
    writable = False

    def test_is_what_a_server_is_unless_told(self):
        assert_writes_nothing(self, self.session())

    def test_shows_in_the_perm_facts(self):
        self.write("file")
        os.mkdir(self.path("dir"))
        facts = self.session().facts()
        self.assertEqual(facts[b"file"]["perm"], "r")
        self.assertEqual(sorted(facts[b"dir"]["perm"]), ["e", "l"])


def living_children(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            state, father = stat.rsplit(")", 1)[1].split()[:2]
            if int(father) == parent and state != "Z":
                found.append(int(pid))
    return found


class UserFile(FtpTest):
    shared = False

    def with_users(self, *lines, **how):
        file = self.enterContext(tempfile.NamedTemporaryFile("w", suffix=".users"))
        file.write("".join(line + "\n" for line in lines))
        file.flush()
        return self.start("--ftp-users", file.name, user=False, **how)

    def test_logs_in_by_a_hash(self):
        server = self.with_users("# a comment", "", f"anna:{QUICK_HASH}::",
                                 f"berta:{YESCRYPT_HASH}::elr")
        self.session(server, user="anna", password="secret")
        self.session(server, user="berta", password="secret")
        for user, password in (("anna", "wrong"), ("berta", "wrong"), ("carla", "secret"),
                               ("anna", QUICK_HASH), ("anna", "")):
            with self.subTest(user=user, password=password):
                ftp = self.stranger(server)
                ftp.expect("USER " + user, 331)
                ftp.expect("PASS " + password, 530, 501)

    def test_gives_each_user_a_root(self):
        for name in ("of anna", "of berta"):
            os.mkdir(self.path(name))
            self.write(f"{name}/file", name.encode())
        server = self.with_users(f"anna:{QUICK_HASH}:of anna:",
                                 f"berta:{QUICK_HASH}:{self.root}/of berta:elr")
        for name in ("anna", "berta"):
            ftp = self.session(server, user=name, password="secret")
            self.assertEqual(ftp.fetch("RETR file"), b"of " + name.encode())
            ftp.expect("CWD ..", 250)
            self.assertEqual(ftp.names(), [b"file"])
            ftp.expect("CWD /of berta", 550)

    def test_gives_each_user_permissions(self):
        letters = "elradfmwMT"
        server = self.with_users(*(f"no-{letter}:{QUICK_HASH}::{letters.replace(letter, '')}"
                                   for letter in letters), f"all:{QUICK_HASH}::{letters}")
        for name, content in (("file", b"content"), ("other", b"other")):
            self.write(name, content)
        os.mkdir(self.path("dir"))
        before = self.snapshot()
        sessions = {letter: self.session(server, user=f"no-{letter}", password="secret")
                    for letter in letters}
        plain = (("CWD dir", "e"), ("MLST file", "l"), ("SIZE file", "l"), ("MDTM file", "l"),
                 ("STAT /", "l"), ("HASH file", "r"), *WRITING)
        for line, letter in plain:
            with self.subTest(line):
                sessions[letter].expect(line, 55)
        for line, letter in (("RETR file", "r"), ("LIST", "l"), ("NLST", "l"), ("MLSD", "l"),
                             *STORING):
            with self.subTest(line):
                sessions[letter].refuse(line, 55)
        if sessions["f"].ask("RNFR file").code == 350:
            sessions["f"].expect("RNTO moved", 55)
        self.assertEqual(self.snapshot(), before)

    def test_holds_nobody_up_while_it_checks_a_hash(self):
        server = self.with_users(f"slow:{SLOW_HASH}::")
        slow, other = self.stranger(server), self.stranger(server)
        slow.expect("USER slow", 331)
        slow.send("PASS secret")
        for _ in range(3):
            other.expect("NOOP", 200)
        self.assertTrue(is_silent(slow.sock))
        slow.reply(230)

    def test_checks_a_hash_for_users_that_do_not_exist_too(self):
        server = self.with_users(f"anna:{QUICK_HASH}::")
        ftp = self.stranger(server)
        ftp.expect("USER nobody-here", 331)
        ftp.expect("PASS secret", 530)

    def test_who_goes_away_while_a_hash_is_checked_leaves_no_trace(self):
        server = self.with_users(f"anna:{QUICK_HASH}::")
        for _ in range(20):
            ftp = self.stranger(server)
            ftp.send("USER anna", "PASS secret")
            ftp.reply(331)
            ftp.close()
        self.session(server, user="anna", password="secret")

    def test_survives_200_of_them_at_once(self):
        server = self.with_users(f"anna:{QUICK_HASH}::")
        clients = [self.stranger(server) for _ in range(200)]
        for ftp in clients:
            ftp.send("USER anna", "PASS secret")
        for ftp in clients:
            ftp.reply(331)
            ftp.reply(230)

    def test_logs_in_again_when_the_process_that_checks_has_died(self):
        server = self.with_users(f"anna:{QUICK_HASH}::")
        self.session(server, user="anna", password="secret")  # it lives
        checker, = living_children(server.process.pid)
        os.kill(checker, signal.SIGKILL)
        wait_until(lambda: not living_children(server.process.pid) or "another one" in server.log())
        for password, code in (("wrong", 530), ("secret", 230)):
            ftp = self.stranger(server)
            ftp.expect("USER anna", 331)
            ftp.expect("PASS " + password, code)
        server.wait_for_log("process that checks passwords has died")
        self.assertEqual(len(living_children(server.process.pid)), 1)

    def test_says_which_line_is_wrong(self):
        for bad in ("anna", "anna:hash", f":{QUICK_HASH}::", "anna:nonsense::",
                    f"anna:{QUICK_HASH}:/nonexistent/root:", f"anna:{QUICK_HASH}::xyz"):
            with self.subTest(bad), tempfile.NamedTemporaryFile("w") as file:
                file.write(f"# first\n{bad}\n")
                file.flush()
                done = run("serve", "--ftp", "127.0.0.1:0", "--ftp-root", self.root, "--ftp-users",
                           file.name)
                self.assertNotEqual(done.returncode, 0)
                self.assertRegex(done.stderr, "line 2|:2:")

    def test_says_that_a_name_stands_there_twice(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(f"anna:{QUICK_HASH}::\n" * 2)
            file.flush()
            done = run("serve", "--ftp", "127.0.0.1:0", "--ftp-root", self.root, "--ftp-users",
                       file.name)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, "line 2|:2:")

    def test_takes_what_passwd_prints(self):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(PROGRAM, ["sluice", "passwd", "anna"])
        said = b""
        with open(terminal, "r+b", buffering=0) as screen:
            answered = 0
            while select.select([screen], [], [], PATIENCE)[0]:
                try:
                    part = screen.read(1000)
                except OSError:
                    break
                if not part:
                    break
                said += part
                if said.count(b": ") > answered and b"$" not in said:
                    answered += 1
                    screen.write(b"secret\n")
        self.assertEqual(os.waitpid(child, 0)[1], 0, said)
        self.assertNotIn(b"secret", said)
        line = re.search(rb"anna:\$[^:\s]+:[^:\r\n]*:[^\r\n]*", said)
        self.assertTrue(line, said)
        server = self.with_users(line[0].decode())
        self.session(server, user="anna", password="secret")


class WrongUsage(FtpTest):
    shared = False

    def test_is_told(self):
        ok = ["--ftp", "127.0.0.1:0", "--ftp-root", self.root, "--ftp-user", "u:p"]
        for options, word in ((["--ftp-pasv-range", "9-1"], "pasv-range"),
                              (["--ftp-pasv-range", "x"], "pasv-range"),
                              (["--ftp-pasv-range", "1-70000"], "pasv-range"),
                              (["--ftp-pasv-address", "nonsense"], "pasv-address"),
                              (["--ftp-user", "nobody"], "ftp-user"),
                              (["--ftp-user", ":x"], "name is empty"),
                              (["--ftp-idle", "soon"], "ftp-idle"),
                              (["--ftp-max-clients", "0"], "max-clients"),
                              (["--ftp-root", "/nonexistent/root"], "/nonexistent/root")):
            with self.subTest(options):
                done = run("serve", *ok, *options, patience=10)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr)

    def test_is_told_when_nobody_could_log_in(self):
        done = run("serve", "--ftp", "127.0.0.1:0", "--ftp-root", self.root, patience=10)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--ftp-", done.stderr)


class Limits(FtpTest):
    shared = False

    def refused(self, server, **how):
        ftp = self.stranger(server, greeting=421, **how)
        self.assertTrue(ftp.is_closed())

    def admitted(self, server):
        """Waits until there is room: the server may hear of the end of another a little later."""
        wait_until(lambda: self.stranger(server, greeting=(220, 421)).greeting.code == 220, "room")

    def test_of_all_clients(self):
        server = self.start("--ftp-max-clients", "2")
        first, second = self.stranger(server), self.session(server)
        self.refused(server)
        self.refused(server, source="127.0.0.2")
        first.expect("NOOP", 200)
        first.expect("QUIT", 221)
        self.assertTrue(first.is_closed())
        first.close()
        self.admitted(server)
        second.expect("PWD", 257)

    def test_of_clients_from_one_address(self):
        server = self.start("--ftp-max-per-address", "2")
        first, second = self.stranger(server), self.session(server)
        self.refused(server)
        self.session(server, source="127.0.0.2")
        first.close()
        second.expect("NOOP", 200)
        self.admitted(server)

    def test_of_idleness(self):
        server = self.start("--ftp-idle", "1")
        ftp = self.session(server)
        ftp.reply(421)
        self.assertTrue(ftp.is_closed())

    def test_of_idleness_not_while_commands_come(self):
        server = self.start("--ftp-idle", "1")
        ftp = self.session(server)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            ftp.expect("NOOP", 200)
            is_silent(ftp.sock, 0.2)

    def test_of_idleness_not_while_a_transfer_moves(self):
        server = self.start("--ftp-idle", "1", "--ftp-stall", "30")
        ftp = self.session(server)
        data = ftp.begin("STOR slow")
        end = time.monotonic() + 1.6
        while time.monotonic() < end:
            data.sendall(b"x" * 1000)
            self.assertTrue(is_silent(ftp.sock, 0.1))
        data.close()
        ftp.reply(226)
        ftp.expect("NOOP", 200)

    def test_of_the_time_to_log_in(self):
        server = self.start("--ftp-login-time", "1")
        logged_in = self.session(server)
        ftp = self.stranger(server)
        ftp.expect("USER user", 331)
        ftp.reply(421)
        self.assertTrue(ftp.is_closed())
        logged_in.expect("NOOP", 200)

    def test_of_the_time_to_log_in_that_noop_does_not_stretch(self):
        server = self.start("--ftp-login-time", "1")
        ftp = self.stranger(server)
        with self.assertRaises((EOFError, ConnectionError)):
            for _ in range(200):
                ftp.expect("NOOP", 200, 421)
                is_silent(ftp.sock, 0.05)

    def test_of_a_transfer_that_stalls(self):
        server = self.start("--ftp-stall", "1")
        self.write_big()
        ftp = self.session(server)
        data = ftp.begin("RETR big", buffer_size=4096)
        ftp.reply((426, 421), "a download that nobody takes")
        ftp.expect("NOOP", 200)
        data.close()
        ftp.begin("STOR new")
        ftp.reply((426, 421), "an upload that sends nothing")
        ftp.expect("NOOP", 200)

    def test_of_a_data_connection_that_never_comes(self):
        server = self.start("--ftp-stall", "1")
        self.write("file")
        ftp = self.session(server)
        for line in ("RETR file", "LIST", "STOR new"):
            with self.subTest(line):
                ftp.expect("EPSV", 229)
                reply = ftp.ask(line)
                if matches(reply.code, 1):
                    reply = ftp.reply()
                self.assertTrue(matches(reply.code, (421, 425, 426)), reply)
        ftp.expect("NOOP", 200)
        self.assertEqual(self.entries(), [b"file"])


if __name__ == "__main__":
    unittest.main()
