"""`sluice put`: files to an FTP server, under a temporary name until they are whole."""

import contextlib
import os
import subprocess
import threading
import time
import unittest

from ftp_client_support import (FAILED, FULL, LOGIN, NETWORK, NO_FILE, OK, USAGE, Drop,
                                FtpClientTest)
from ftp_support import BIG
from harness import PATIENCE, pattern, wait_until

OLD = 1_500_000_000
CONTENT = pattern(300_000)


class PutFile(FtpClientTest):

    def test_file_arrives_with_its_time_and_leaves_nothing_else(self):
        self.make("file", CONTENT, OLD)
        done = self.put("file", self.url("stored"))
        self.assertEqual(self.read("stored"), CONTENT)
        self.assertEqual(os.stat(self.path("stored")).st_mtime, OLD)
        self.assertEqual(self.entries(), [b"stored"])
        self.assertEqual(done.stdout + done.stderr, "")

    def test_empty_file(self):
        self.make("empty", b"")
        self.put("empty", self.url("empty"))
        self.assertEqual(self.read("empty"), b"")

    def test_files_go_into_a_directory(self):
        os.mkdir(self.path("dir"))
        self.make("sub/a", b"A")
        self.make("b", b"B")
        self.put("sub/a", "b", self.url("dir/"))
        self.put("b", self.url())
        self.assertEqual(self.entries("dir"), [b"a", b"b"])
        self.assertEqual(self.entries(), [b"b", b"dir"])

    def test_existing_directory_needs_no_slash(self):
        os.mkdir(self.path("dir"))
        self.make("a", b"A")
        self.make("b", b"B")
        self.put("a", self.url("dir"))
        self.put("a", "b", self.url("dir"))
        self.assertEqual(self.entries("dir"), [b"a", b"b"])

    def test_existing_directory_is_known_without_mlst(self):
        self.make("a", b"A")
        with self.fake(folders=["/dir"], features=["SIZE"]) as server:
            self.put("a", server.url("dir"))
            self.put("a", server.url("new"))
            self.assertEqual(sorted(server.files), ["/dir/a", "/new"])

    def test_goes_under_another_name_until_it_is_whole(self):
        self.make("file", CONTENT, OLD)
        with self.fake() as server:
            self.put("file", server.url("file"))
            self.assertEqual(server.log[-4:], [
                "STOR .file.part", "MFMT 20170714024000 .file.part", "RNFR .file.part",
                "RNTO file"])
            self.assertEqual(server.files["/file"], (CONTENT, OLD))

    def test_existing_file_is_replaced_in_one_step(self):
        self.serve_file("file", b"before")
        self.make("file", CONTENT)
        self.put("file", self.url("file"))
        self.assertEqual(self.read("file"), CONTENT)

    def test_in_place_uses_no_other_name(self):
        self.make("file", CONTENT, OLD)
        with self.fake() as server:
            self.put("--in-place", "file", server.url("file"))
            self.assertEqual(server.asked("STOR"), ["STOR file"])
            self.assertEqual(server.asked("RNTO"), [])
            self.assertEqual(server.files["/file"], (CONTENT, OLD))

    def test_long_name_goes_in_place(self):
        name = "n" * 251
        self.make(name, CONTENT)
        self.put(name, self.url())
        self.assertEqual(self.entries(), [name.encode()])

    def test_standard_input(self):
        process = self.popen("put", "-", self.url("stored"), stdin=subprocess.PIPE)
        process.communicate(CONTENT, timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)
        self.assertEqual(self.read("stored"), CONTENT)

    def test_standard_input_may_pause(self):
        process = self.popen("put", "--timeout", "1", "-", self.url("stored"),
                             stdin=subprocess.PIPE)
        process.stdin.write(b"one")
        process.stdin.flush()
        wait_until(lambda: b".stored.part" in self.entries())
        time.sleep(1.5)  # longer than the patience with the server
        process.communicate(b"two", timeout=PATIENCE)
        self.assertEqual(process.returncode, OK)
        self.assertEqual(self.read("stored"), b"onetwo")

    def test_pipe_is_read_to_its_end(self):
        os.mkfifo(self.here / "pipe")
        writer = threading.Thread(target=lambda: (self.here / "pipe").write_bytes(CONTENT))
        writer.start()
        self.put("pipe", self.url("stored"))
        writer.join(PATIENCE)
        self.assertEqual(self.read("stored"), CONTENT)

    def test_text_has_line_ends_of_the_network(self):
        self.make("text", b"one\ntwo\r\n")
        with self.fake() as server:
            self.put("--ascii", "text", server.url("text"))
            self.assertEqual(server.files["/text"][0], b"one\r\ntwo\r\n")
            self.assertIn("TYPE A", server.log)

    def test_active_mode(self):
        self.make("file", CONTENT)
        self.put("--active", "file", self.url("file"))
        self.assertEqual(self.read("file"), CONTENT)

    def test_link_named_by_the_user_is_followed(self):
        self.make("real", CONTENT)
        (self.here / "link").symlink_to("real")
        self.put("link", self.url())
        self.assertEqual(self.read("link"), CONTENT)

    def test_verbose_has_a_line_for_each_file(self):
        self.make("a", b"12345")
        self.assertRegex(self.put("--verbose", "a", self.url()).stdout, r"^a: 5 B in ")


class PutStatus(FtpClientTest):

    def test_each_failure_has_its_status(self):
        self.make("file")
        self.put("file", self.url("file", user="user:wrong@"), status=LOGIN)
        self.put("missing*", self.url("dir/"), status=NO_FILE)
        self.put("file", "ftp://127.0.0.1:1/file", status=NETWORK)
        self.put("file", self.url("missing/file"), status=NO_FILE)
        self.put(".", self.url("dir/"), status=FAILED)
        with self.fake(STOR=lambda s, a: "552 full") as server:
            self.put("file", server.url("file"), status=FULL)
        with self.fake(STOR=lambda s, a: "553 read-only") as server:
            self.put("file", server.url("file"), status=FAILED)

    def test_first_error_does_not_stop_the_rest(self):
        self.make("file")
        self.put("missing", "file", self.url(), status=NO_FILE)
        self.assertEqual(self.entries(), [b"file"])

    def test_wrong_usage(self):
        for words in ([], ["file"], ["file", "not-a-url"], ["-", self.url("dir/")],
                      ["-", "file", self.url("dir/")], ["-r", "a", "b", self.url("dir/")],
                      ["--delete", "file", self.url()], ["-C", "--ascii", "file", self.url()],
                      ["-C", "-", self.url("file")]):
            with self.subTest(words=words):
                self.put(*words, status=USAGE)

    def test_refused_renaming_says_where_the_file_lies(self):
        self.make("file", CONTENT)
        for verb in ("RNFR", "RNTO"):
            with self.fake(**{verb: lambda s, a: "550 not allowed"}) as server:
                done = self.put("file", server.url("file"), status=FAILED)
                self.assertIn(".file.part", done.stderr)
                self.assertIn("--in-place", done.stderr)
                self.assertEqual(server.files["/.file.part"][0], CONTENT)

    def test_refused_time_is_said_and_no_failure(self):
        self.make("file", CONTENT)
        with self.fake(MFMT=lambda s, a: "550 no") as server:
            self.assertIn("time", self.put("file", server.url("file")).stderr)
            self.assertEqual(server.files["/file"][0], CONTENT)

    def test_server_without_mfmt_is_not_asked(self):
        self.make("file", CONTENT)
        with self.fake(features=["SIZE"]) as server:
            self.put("--verbose", "file", server.url("file"))
            self.assertEqual(server.asked("MFMT"), [])

    def test_file_that_changes_meanwhile_is_not_given_its_name(self):
        path = self.make("file", CONTENT)

        def store(session, argument):
            session.say("150 go on")
            with session.data() as connection:
                with open(path, "ab") as file:
                    file.write(b"more")
                while connection.recv(1 << 16):
                    pass
            session.server.files[session.path(argument)] = (CONTENT, OLD)
            return "226 stored"

        with self.fake(STOR=store) as server:
            done = self.put("file", server.url("file"), status=FAILED)
            self.assertIn("changed", done.stderr)
            wait_until(lambda: server.asked("DELE") or not server.files)
            self.assertEqual(server.asked("RNTO"), [])


    def test_file_that_shrinks_meanwhile_is_not_given_its_name(self):
        path = self.make("file", b"")
        os.truncate(path, BIG)

        def store(session, argument):
            session.say("150 go on")
            with session.data() as connection:
                connection.recv(1)
                os.truncate(path, 1000)
                while connection.recv(1 << 16):
                    pass
            return "226 stored"

        with self.fake(STOR=store) as server:
            self.put("--retry", "0", "file", server.url("file"), status=FAILED)
            self.assertEqual(server.asked("RNTO"), [])


class PutResume(FtpClientTest):

    def resume(self, there, content=CONTENT, status=OK, modified=OLD, **how):
        """Puts a file beside what is there; the server afterwards, and what was said."""
        self.make("file", content, modified)
        with self.fake(there, **how) as server:
            done = self.put("-C", "file", server.url("file"), status=status)
            return server, done

    def test_goes_on_under_the_temporary_name(self):
        server, _ = self.resume({"/.file.part": (CONTENT[:100_000], OLD + 9)})
        self.assertEqual(server.asked("REST"), ["REST 100000"])
        self.assertEqual(server.files, {"/file": (CONTENT, OLD)})

    def test_whole_temporary_file_only_gets_its_name(self):
        server, _ = self.resume({"/.file.part": (CONTENT, OLD + 9)})
        self.assertEqual(server.asked("STOR"), [])
        self.assertEqual(server.files, {"/file": (CONTENT, OLD)})

    def test_goes_on_in_what_another_program_left(self):
        server, _ = self.resume({"/file": (CONTENT[:100_000], OLD + 9)})
        self.assertEqual(server.asked("REST") + server.asked("STOR"), ["REST 100000", "STOR file"])
        self.assertEqual(server.files["/file"][0], CONTENT)

    def test_goes_on_by_appe_where_rest_is_refused(self):
        for name in ("/file", "/.file.part"):
            server, _ = self.resume({name: (CONTENT[:100_000], OLD + 9)},
                                    REST=lambda s, a: "502 no")
            self.assertEqual(server.asked("APPE"), ["APPE " + name[1:]])
            self.assertEqual(server.files["/file"][0], CONTENT)

    def test_whole_file_is_not_stored_again(self):
        server, _ = self.resume({"/file": (CONTENT, OLD)})
        self.assertEqual(server.asked("STOR"), [])

    def test_newer_file_here_begins_anew_and_says_so(self):
        server, done = self.resume({"/file": (CONTENT[:1000], OLD - 9)})
        self.assertEqual(server.asked("REST"), [])
        self.assertIn("newer", done.stderr)
        self.assertEqual(server.files, {"/file": (CONTENT, OLD)})

    def test_shorter_file_here_begins_anew_and_says_so(self):
        server, done = self.resume({"/.file.part": (CONTENT + b"more", OLD + 9)})
        self.assertIn("shorter", done.stderr)
        self.assertEqual(server.files, {"/file": (CONTENT, OLD)})

    def test_nothing_there_is_stored_whole(self):
        server, done = self.resume({})
        self.assertEqual(done.stderr, "")
        self.assertEqual(server.files, {"/file": (CONTENT, OLD)})

    def test_with_our_own_server(self):
        self.make("file", CONTENT, OLD)
        self.write(".file.part", CONTENT[:100_000])
        self.put("-C", "file", self.url("file"))
        self.assertEqual(self.read("file"), CONTENT)
        self.assertEqual(self.entries(), [b"file"])


class PutRetry(FtpClientTest):

    def dropping(self, times, **how):
        left = [times]

        def store(session, argument):
            offset, session.offset = session.offset, 0
            path = session.path(argument)
            received = session.server.files.get(path, (b"", 0))[0][:offset]
            session.say("150 go on")
            with session.data() as connection:
                while part := connection.recv(1 << 16):
                    received += part
                    if left[0] > 0 and len(received) >= 100_000:
                        left[0] -= 1
                        session.server.files[path] = (received[:100_000], OLD + 9)
                        raise Drop
            session.server.files[path] = (received, OLD + 9)
            return "226 stored"

        return self.fake(STOR=store, **how)

    def test_connection_is_made_again_and_the_file_gone_on_with(self):
        self.make("file", CONTENT, OLD)
        with self.dropping(1) as server:
            self.put("file", server.url("file"))
            self.assertEqual(server.asked("REST"), ["REST 100000"])
            self.assertEqual(server.files, {"/file": (CONTENT, OLD)})

    def test_gives_up_after_so_many_tries_without_a_byte(self):
        self.make("file", CONTENT, OLD)
        with self.dropping(9) as server:
            self.put("--retry", "0", "file", server.url("file"), status=NETWORK)
            self.assertEqual(server.sessions, 1)

    def test_what_was_read_from_a_pipe_is_not_tried_again(self):
        with self.dropping(1) as server:
            process = self.popen("put", "-", server.url("file"), stdin=subprocess.PIPE)
            with contextlib.suppress(BrokenPipeError):
                process.communicate(CONTENT, timeout=PATIENCE)
            self.assertEqual(process.returncode, NETWORK)
            self.assertEqual(server.sessions, 1)
            self.assertNotIn("/file", server.files)


if __name__ == "__main__":
    unittest.main()
