"""`sluice get`: files from an FTP server, whole or not at all, and to be gone on with."""

import fcntl
import os
import pty
import resource
import signal
import socket
import subprocess
import termios
import threading
import unittest

from ftp_client_support import (FAILED, FULL, LOGIN, NETWORK, NO_FILE, OK, USAGE, Drop,
                                FtpClientTest, reset_data)
from ftp_support import PASSWORD, USER
from harness import PATIENCE, PROGRAM, end_with_parent, pattern, wait_until
from terminal import read_until

OLD = 1_500_000_000
CONTENT = pattern(300_000)


class GetFile(FtpClientTest):

    def test_file_arrives_with_its_time_and_leaves_nothing_else(self):
        self.serve_file("sub/file", CONTENT, OLD)
        done = self.get(self.url("sub/file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertEqual((self.here / "file").stat().st_mtime, OLD)
        self.assertEqual(self.names_here(), ["file"])
        self.assertEqual(done.stdout + done.stderr, "")

    def test_empty_file(self):
        self.serve_file("empty", b"")
        self.get(self.url("empty"))
        self.assertEqual((self.here / "empty").read_bytes(), b"")

    def test_verbose_has_a_line_for_each_file(self):
        self.serve_file("a", b"12345")
        self.serve_file("b", b"1")
        lines = self.get("--verbose", self.url("a"), self.url("b")).stdout.splitlines()
        self.assertRegex(lines[0], r"^a: 5 B in ")
        self.assertRegex(lines[1], r"^b: 1 B in ")

    def test_several_urls_of_one_host_use_one_session(self):
        with self.fake({"/a": (b"A", OLD), "/b": (b"B", OLD)}) as server:
            self.get(server.url("a"), server.url("b"))
            self.assertEqual(server.sessions, 1)
        self.assertEqual(self.names_here(), ["a", "b"])

    def test_existing_file_is_replaced_only_by_a_whole_one(self):
        self.make("file", b"before")
        self.get(self.url("file"), status=NO_FILE)
        self.assertEqual((self.here / "file").read_bytes(), b"before")
        self.serve_file("file", b"after")
        self.get(self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), b"after")

    def test_output_names_a_file_a_directory_or_standard_output(self):
        self.serve_file("file", CONTENT)
        (self.here / "dir").mkdir()
        self.get(self.url("file"), "-o", "other")
        self.get(self.url("file"), "-o", "dir")
        self.get(self.url("file"), "-o", "dir/third")
        self.assertEqual((self.here / "other").read_bytes(), CONTENT)
        self.assertEqual(self.names_here("dir"), ["file", "third"])
        process = self.popen("get", "-o", "-", self.url("file"))
        self.assertEqual(process.communicate(timeout=PATIENCE)[0], CONTENT)

    def test_output_through_a_link_keeps_the_link(self):
        self.serve_file("file", CONTENT)
        self.make("real", b"x")
        (self.here / "link").symlink_to("real")
        self.get(self.url("file"), "-o", "link")
        self.assertEqual(os.readlink(self.here / "link"), "real")
        self.assertEqual((self.here / "real").read_bytes(), CONTENT)

    def test_device_and_pipe_are_written_directly(self):
        self.serve_file("file", CONTENT)
        self.get(self.url("file"), "-o", "/dev/null")
        os.mkfifo(self.here / "pipe")
        got = []
        reader = threading.Thread(target=lambda: got.append((self.here / "pipe").read_bytes()))
        reader.start()
        self.get(self.url("file"), "-o", "pipe")
        reader.join(PATIENCE)
        self.assertEqual(got, [CONTENT])
        self.assertEqual(self.names_here(), ["pipe"])

    def test_text_has_our_line_ends(self):
        self.serve_file("text", b"one\ntwo\n")
        self.get("--ascii", self.url("text"))
        self.get(self.url("text;type=a"), "-o", "other")
        self.assertEqual((self.here / "text").read_bytes(), b"one\ntwo\n")
        self.assertEqual((self.here / "other").read_bytes(), b"one\ntwo\n")

    def test_active_mode(self):
        self.serve_file("file", CONTENT)
        self.get("--active", self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)

    def test_anonymous_needs_no_name(self):
        self.start("--ftp-anonymous")
        self.serve_file("file", CONTENT)
        self.get(self.url("file", user=""))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)

    def test_name_that_cannot_be_one_here_is_refused(self):
        self.serve_file("dir/file")
        self.get(self.url("dir/.."), status=FAILED)
        self.get(self.url("a%1Bb"), status=FAILED)
        self.get(self.url("dir/.sluice-0123456789abcdef.part"), status=FAILED)
        self.assertEqual(self.names_here(), [])

    def test_long_name_has_a_part_that_is_not_too_long(self):
        name = "n" * 254
        self.serve_file(name, CONTENT)
        self.get(self.url(name))
        self.assertEqual(self.names_here(), [name])


class GetStatus(FtpClientTest):

    def test_each_failure_has_its_status_and_one_sentence(self):
        self.serve_file("file")
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for status, url in ((LOGIN, self.url("file", user="user:wrong@")),
                            (NO_FILE, self.url("missing")),
                            (NETWORK, f"ftp://127.0.0.1:{port}/file"),
                            (USAGE, "http://127.0.0.1/file"),
                            (FAILED, self.url(""))):
            done = self.get(url, status=status)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertTrue(done.stderr.startswith("sluice get: "))
            self.assertNotIn("wrong", done.stderr.replace("password wrong", ""))

    def test_first_error_gives_the_status_and_does_not_stop_the_rest(self):
        self.serve_file("file")
        self.get(self.url("missing"), self.url("file"), self.url(""), status=NO_FILE)
        self.assertEqual(self.names_here(), ["file"])

    def test_wrong_usage(self):
        for words in ([], ["-o", "-", self.url("a"), self.url("b")], ["-P", "9", "-r", self.url()],
                      ["-P", "2", self.url("a")], ["--delete", self.url("a")],
                      ["-C", "--ascii", self.url("a")], ["-C", self.url("a;type=a")],
                      ["-C", "-o", "-", self.url("a")], ["--retry", "x", self.url("a")],
                      ["--timeout", "0", self.url("a")]):
            with self.subTest(words=words):
                self.get(*words, status=USAGE)

    def test_silent_server_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"ftp://127.0.0.1:{silent.getsockname()[1]}/file"
            self.get("--timeout", "1", url, status=NETWORK)

    def test_server_without_words_about_the_file_is_believed_at_226(self):
        with self.fake({"/file": (CONTENT, OLD)}, SIZE=lambda s, a: "502 no",
                       MDTM=lambda s, a: "502 no") as server:
            self.get(server.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)


class GetMatching(FtpClientTest):

    def test_pattern_takes_the_files_that_fit(self):
        for name in ("a1", "a2", "b1", ".a3"):
            self.serve_file(f"dir/{name}", name.encode(), OLD)
        self.serve_file("dir/a4/inner")
        self.get(self.url("dir/a?"))
        self.assertEqual(self.names_here(), ["a1", "a2"])
        self.assertEqual((self.here / "a1").stat().st_mtime, OLD)
        self.get(self.url("dir/.*"), self.url("dir/[!a]*"))
        self.assertEqual(self.names_here(), [".a3", "a1", "a2", "b1"])

    def test_pattern_that_fits_nothing_is_an_error(self):
        self.serve_file("a1")
        self.get(self.url("b*"), status=NO_FILE)

    def test_name_that_looks_like_a_pattern_is_found(self):
        self.serve_file("a[1]", CONTENT)
        self.get(self.url("a[1]"))
        self.assertEqual(self.names_here(), ["a[1]"])

    def test_listing_saves_asking_for_size_and_time(self):
        with self.fake({"/a": (b"A", OLD), "/b": (b"B", OLD)}) as server:
            self.get(server.url("*"))
            self.assertEqual(server.asked("SIZE") + server.asked("MDTM"), [])
        self.assertEqual((self.here / "b").stat().st_mtime, OLD)

    def test_standard_output_takes_one_file(self):
        self.serve_file("a1", b"one")
        self.assertEqual(self.get("-o", "-", self.url("a*")).stdout, "one")
        self.serve_file("a2", b"two")
        self.assertEqual(self.get("-o", "-", self.url("a*"), status=FAILED).stdout, "")

    def test_name_with_a_slash_is_no_entry(self):
        listing = b"type=file;size=1; ../evil\r\ntype=file;size=1; good\r\n"
        with self.fake({"/good": (b"g", OLD)},
                       MLSD=lambda s, a: s.send(listing)) as server:
            self.get(server.url("*"))
        self.assertEqual(self.names_here(), ["good"])
        self.assertFalse((self.here.parent / "evil").exists())


class GetLies(FtpClientTest):
    """What the server says of the file and what it sends are not the same."""

    def test_fewer_bytes_than_announced(self):
        with self.fake({"/file": (CONTENT, OLD)}, SIZE=lambda s, a: "213 300001") as server:
            done = self.get(server.url("file"), status=FAILED)
        self.assertIn("300001", done.stderr)
        self.assertEqual(self.names_here(), ["file.part"])

    def test_more_bytes_than_announced(self):
        with self.fake({"/file": (CONTENT, OLD)}, SIZE=lambda s, a: "213 299999") as server:
            done = self.get(server.url("file"), status=FAILED)
        self.assertIn("299999", done.stderr)
        self.assertEqual(self.names_here(), [])

    def test_endless_file_is_cut_off(self):
        def endless(session, _):
            session.say("150 for ever")
            with session.data() as connection:
                while True:
                    connection.sendall(b"x" * 65536)

        with self.fake({"/file": (b"x" * 1000, OLD)}, RETR=endless) as server:
            self.get(server.url("file"), status=FAILED)
        self.assertEqual(self.names_here(), [])

    def test_end_of_data_without_a_word_of_success_is_no_file(self):
        with self.fake({"/file": (CONTENT, OLD)},
                       RETR=lambda s, a: s.send(CONTENT, "451 disk error")) as server:
            self.get(server.url("file"), status=FAILED)
        self.assertEqual(self.names_here(), ["file.part"])

    def test_escape_sequences_of_the_server_do_not_reach_the_terminal(self):
        with self.fake(RETR=lambda s, a: "550 \x1b[2Jgone") as server:
            done = self.get(server.url("file"), status=NO_FILE)
        self.assertNotIn("\x1b", done.stderr)


class GetResume(FtpClientTest):

    def assert_resumes(self, url, rest, log, **how):
        done = self.get("-C", url, **how)
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertEqual(self.names_here(), ["file"])
        self.assertEqual([line for line in log if line.startswith("REST")], rest)
        return done

    def test_goes_on_from_the_part(self):
        self.make("file.part", CONTENT[:100_000])
        with self.fake({"/file": (CONTENT, OLD)}) as server:
            self.assert_resumes(server.url("file"), ["REST 100000"], server.log)
        self.assertEqual((self.here / "file").stat().st_mtime, OLD)

    def test_goes_on_from_what_another_program_left(self):
        self.make("file", CONTENT[:100_000])
        with self.fake({"/file": (CONTENT, OLD)}) as server:
            self.assert_resumes(server.url("file"), ["REST 100000"], server.log)

    def test_without_resume_the_part_is_begun_anew(self):
        self.make("file.part", b"something else")
        self.serve_file("file", CONTENT)
        self.get(self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertEqual(self.names_here(), ["file"])

    def test_whole_file_is_not_fetched_again(self):
        with self.fake({"/file": (CONTENT, OLD)}) as server:
            self.get(server.url("file"))
            self.assert_resumes(server.url("file"), [], server.log)
            self.assertEqual(len(server.asked("RETR")), 1)

    def test_whole_part_only_gets_its_name(self):
        self.make("file.part", CONTENT)
        with self.fake({"/file": (CONTENT, OLD)}) as server:
            self.assert_resumes(server.url("file"), [], server.log)
            self.assertEqual(server.asked("RETR"), [])

    def test_newer_file_begins_anew_and_says_so(self):
        self.make("file.part", b"x" * 1000, OLD - 10)
        with self.fake({"/file": (CONTENT, OLD)}) as server:
            done = self.assert_resumes(server.url("file"), [], server.log)
        self.assertIn("newer", done.stderr)

    def test_shorter_file_begins_anew_and_says_so(self):
        self.make("file", CONTENT + b"more")
        with self.fake({"/file": (CONTENT, OLD)}) as server:
            done = self.assert_resumes(server.url("file"), [], server.log)
        self.assertIn("shorter", done.stderr)

    def test_server_without_rest_begins_anew_and_says_so(self):
        for name in ("file.part", "file"):
            self.make(name, CONTENT[:1000])
            with self.fake({"/file": (CONTENT, OLD)}, REST=lambda s, a: "502 no") as server:
                done = self.assert_resumes(server.url("file"), ["REST 1000"], server.log)
            self.assertIn("begun anew", done.stderr)
            (self.here / "file").unlink()

    def test_server_that_cannot_tell_the_size_does_not_spoil_a_whole_file(self):
        self.make("file", CONTENT)
        with self.fake({"/file": (CONTENT, OLD)}, SIZE=lambda s, a: "502 no") as server:
            self.assert_resumes(server.url("file"), [], server.log)

    def test_killed_command_leaves_a_part_that_can_be_gone_on_with(self):
        content = pattern(8_000_000)

        def slow(session, _):
            session.say("150 some of it")
            with session.data() as connection:
                connection.sendall(content[:4_000_000])
                connection.recv(1)
            raise Drop

        with self.fake({"/file": (content, OLD)}, RETR=slow) as server:
            process = self.popen("get", server.url("file"))
            part = self.here / "file.part"
            wait_until(lambda: part.exists() and part.stat().st_size > 0)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)
            del server.replaced["RETR"]
            self.assertEqual(self.names_here(), ["file.part"])
            self.get("-C", server.url("file"))
            self.assertEqual(len(server.asked("REST")), 1)
        self.assertEqual((self.here / "file").read_bytes(), content)

    def test_two_at_once_do_not_spoil_each_other(self):
        gate = threading.Event()

        def slow(session, _):
            session.say("150 slowly")
            with session.data() as connection:
                connection.sendall(CONTENT[:1000])
                gate.wait(PATIENCE)
                connection.sendall(CONTENT[1000:])
            return "226 sent"

        with self.fake({"/file": (CONTENT, OLD)}, RETR=slow) as server:
            first = self.popen("get", server.url("file"))
            part = self.here / "file.part"
            wait_until(lambda: part.exists() and part.stat().st_size > 0)
            self.assertIn("another", self.get(server.url("file"), status=FAILED).stderr)
            gate.set()
            self.assertEqual(first.wait(PATIENCE), OK)
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)


class GetRetry(FtpClientTest):
    """The network fails and comes back."""

    def dropping(self, times, step=100_000):
        left = [times]

        def retrieve(session, argument):
            offset, session.offset = session.offset, 0
            if left[0] == 0:
                return session.send(CONTENT[offset:])
            left[0] -= 1
            reset_data(session, CONTENT[offset:offset + step])

        return self.fake({"/file": (CONTENT, OLD)}, RETR=retrieve)

    def test_connection_is_made_again_and_the_file_gone_on_with(self):
        with self.dropping(2) as server:
            self.get(server.url("file"))
            self.assertEqual(server.sessions, 3)
            self.assertEqual(server.asked("REST"), ["REST 100000", "REST 200000"])
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertEqual(self.names_here(), ["file"])

    def test_count_begins_anew_when_bytes_came(self):
        with self.dropping(2, 1000) as server:
            self.get("--retry", "1", server.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)

    def test_gives_up_after_so_many_tries_without_a_byte(self):
        with self.dropping(9, 0) as server:
            self.get("--retry", "1", server.url("file"), status=NETWORK)
            self.assertEqual(server.sessions, 2)
        self.assertEqual(self.names_here(), [])

    def test_no_retry_leaves_the_part(self):
        with self.dropping(1) as server:
            self.get("--retry", "0", server.url("file"), status=NETWORK)
        self.assertEqual((self.here / "file.part").read_bytes(), CONTENT[:100_000])

    def test_an_earlier_file_is_not_taken_for_the_beginning(self):
        self.make("file", b"x" * 50_000)
        with self.dropping(1) as server:
            self.get(server.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)

    def test_standard_output_is_gone_on_with(self):
        with self.dropping(1) as server:
            process = self.popen("get", "-o", "-", server.url("file"))
            self.assertEqual(process.communicate(timeout=PATIENCE)[0], CONTENT)

    def test_refusal_is_no_reason_to_try_again(self):
        with self.fake({"/file": (CONTENT, OLD)}, RETR=lambda s, a: "550 denied") as server:
            self.get(server.url("file"), status=FAILED)
            self.assertEqual(server.sessions, 1)


class GetDisk(FtpClientTest):

    def test_full_disk_has_its_status_and_the_part_can_be_gone_on_with(self):
        self.serve_file("file", CONTENT)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        self.get(self.url("file"), status=FULL, preexec_fn=limit)
        self.assertEqual((self.here / "file.part").read_bytes(), CONTENT[:100_000])
        self.get("-C", self.url("file"))
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assert_serves()

    def test_session_outlives_a_full_disk(self):
        self.serve_file("big", CONTENT)
        self.serve_file("small", b"small")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        self.get(self.url("big"), self.url("small"), status=FULL, preexec_fn=limit)
        self.assertEqual((self.here / "small").read_bytes(), b"small")

    def test_directory_that_cannot_be_written(self):
        self.serve_file("file")
        self.get(self.url("file"), "-o", "missing/file", status=FAILED)
        self.get(self.url("file"), "-o", "missing/", status=FAILED)


class GetTerminal(FtpClientTest):

    def test_progress_is_shown_on_a_terminal_and_taken_away(self):
        gate = threading.Event()

        def slow(session, _):
            session.say("150 slowly")
            with session.data() as connection:
                connection.sendall(CONTENT[:150_000])
                gate.wait(PATIENCE)
                connection.sendall(CONTENT[150_000:])
            return "226 sent"

        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        with self.fake({"/file": (CONTENT, OLD)}, RETR=slow) as server:
            process = self.popen_on(theirs, "get", server.url("file"))
            os.close(theirs)
            shown = read_until(ours, b"50%")
            gate.set()
            self.assertEqual(process.wait(PATIENCE), OK)
            shown += read_until(ours, b"\x1b[K", shown[-3:])
        self.assertIn(b"file", shown)

    def test_missing_password_is_asked_for_and_not_shown(self):
        self.serve_file("file", CONTENT)
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = self.popen_on(theirs, "get", self.url("file", user=f"{USER}@"))
        shown = read_until(ours, b": ")
        self.assertIn(USER.encode(), shown)
        os.write(ours, PASSWORD.encode() + b"\n")
        self.assertEqual(process.wait(PATIENCE), OK)
        os.close(theirs)
        self.assertEqual((self.here / "file").read_bytes(), CONTENT)
        self.assertNotIn(PASSWORD.encode(), shown + read_until(ours, b"\n"))

    def test_password_that_nobody_can_be_asked_for(self):
        done = self.get(self.url("file", user=f"{USER}@"), status=LOGIN, start_new_session=True)
        self.assertIn("/dev/tty", done.stderr)

    def popen_on(self, terminal, *arguments):
        """The command with a terminal of its own, where it complains and shows what it does."""

        def own_terminal():
            end_with_parent()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)

        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.here, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=terminal,
                                   start_new_session=True, preexec_fn=own_terminal)
        self.addCleanup(process.wait, PATIENCE)
        return process


if __name__ == "__main__":
    unittest.main()
