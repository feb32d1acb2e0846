"""FTP: files in and out, and what is done to them on the disk."""

import hashlib
import os
import re
import resource
import subprocess
import unittest
import zlib

from harness import arrived, in_parallel, pattern, receive_all, wait_until
from ftp_support import BIG, FtpTest, matches, reset_on_close

SIZES = (0, 1, 2, 1460, 4096, 65535, 65536, 65537, 1_000_000, 5_000_003)


class Download(FtpTest):
    def test_gives_files_of_every_size(self):
        ftp = self.session()
        for size in SIZES:
            with self.subTest(size):
                self.write("file", pattern(size))
                self.assertEqual(ftp.fetch("RETR file"), pattern(size))

    def test_refuses_what_is_no_file(self):
        os.mkdir(self.path("dir"))
        self.write("file")
        ftp = self.session()
        for name in ("missing", "dir", "dir/", "/", ".", "..", "file/x", "missing/file", "dir/*"):
            with self.subTest(name):
                ftp.refuse("RETR " + name, 55)
        self.assert_in_step(ftp)

    def test_refuses_a_missing_file_without_waiting_for_a_connection(self):
        ftp = self.session()
        ftp.prepare()
        ftp.expect("RETR missing", 550, 1)

    def test_begins_where_rest_says(self):
        self.write("file", pattern(100_000))
        ftp = self.session()
        for offset in (0, 1, 50_000, 99_999, 100_000):
            with self.subTest(offset):
                self.assertEqual(ftp.fetch("RETR file", rest=offset), pattern(100_000)[offset:])

    def test_begins_beyond_four_gigabytes(self):
        with open(self.path("huge"), "wb") as file:
            file.seek(5 << 30)
            file.write(b"the end")
        ftp = self.session()
        self.assertEqual(ftp.ask("SIZE huge").text, f"213 {(5 << 30) + 7}")
        self.assertEqual(ftp.fetch("RETR huge", rest=5 << 30), b"the end")

    def test_refuses_to_begin_beyond_the_end(self):
        self.write("file", b"12345")
        ftp = self.session()
        for offset in (6, 1 << 40, (1 << 63) - 1):
            with self.subTest(offset):
                if matches(ftp.ask(f"REST {offset}").code, 350):
                    ftp.refuse("RETR file", 554, 55)
        self.assertEqual(ftp.fetch("RETR file"), b"12345")

    def test_forgets_rest_after_one_transfer(self):
        self.write("file", b"12345")
        ftp = self.session()
        self.assertEqual(ftp.fetch("RETR file", rest=3), b"45")
        self.assertEqual(ftp.fetch("RETR file"), b"12345")

    def test_refuses_a_rest_that_is_no_number(self):
        ftp = self.session()
        for argument in ("abc", "-1", "1.5", "0x10", "1 2", "18446744073709551616", "9" * 50, "+1",
                         "1k"):
            with self.subTest(argument):
                ftp.expect("REST " + argument, 501)

    def test_refuses_rest_in_ascii(self):
        ftp = self.session()
        ftp.expect("TYPE A", 200)
        ftp.expect("REST 5", 501, 504)

    def test_turns_line_ends_in_ascii(self):
        ftp = self.session(binary=False)
        ftp.expect("TYPE A", 200)
        for stored, sent in ((b"one\ntwo\n", b"one\r\ntwo\r\n"), (b"one\r\ntwo\n",
                                                                  b"one\r\ntwo\r\n"),
                             (b"\n\n", b"\r\n\r\n"), (b"none", b"none"), (b"", b""), (b"\r", b"\r"),
                             (b"line\n" * 200_000, b"line\r\n" * 200_000),
                             (b"\n" * 300_000, b"\r\n" * 300_000)):
            with self.subTest(stored[:20]):
                self.write("text", stored)
                self.assertEqual(ftp.fetch("RETR text"), sent)

    def test_is_ascii_unless_told(self):
        self.write("text", b"a\nb")
        self.assertEqual(self.session(binary=False).fetch("RETR text"), b"a\r\nb")

    def test_carries_many_at_once(self):
        self.write("file", pattern(3_000_000))
        digest = hashlib.sha256(pattern(3_000_000)).digest()
        sessions = [self.session() for _ in range(20)]
        for received in in_parallel([lambda ftp=ftp: ftp.fetch("RETR file") for ftp in sessions]):
            self.assertEqual(hashlib.sha256(received).digest(), digest)

    def test_of_a_file_that_shrinks_meanwhile_ends(self):
        ftp = self.session()
        for left in (0, 10_000_000):
            with self.subTest(left):
                self.write_big()
                data = ftp.begin("RETR big", buffer_size=65536)
                os.truncate(self.path("big"), left)
                try:
                    self.assertLess(len(receive_all(data)), BIG)
                except ConnectionResetError:
                    pass
                ftp.reply((426, 451, 550))
                self.assert_in_step(ftp)

    def test_of_a_file_that_grows_meanwhile_holds_what_was_there(self):
        content = pattern(16 << 20)
        self.write("file", content)
        ftp = self.session()
        data = ftp.begin("RETR file", buffer_size=65536)
        with open(self.path("file"), "ab") as file:
            file.write(b"more")
        received = receive_all(data)
        ftp.reply(226)
        self.assertTrue((content + b"more").startswith(received))
        self.assertGreaterEqual(len(received), len(content))

    def test_of_a_file_that_is_deleted_meanwhile_holds_all(self):
        self.write_big()
        ftp, other = self.session(), self.session()
        data = ftp.begin("RETR big", buffer_size=65536)
        other.expect("DELE big", 250)
        self.assertEqual(len(receive_all(data)), BIG)
        ftp.reply(226)


class Upload(FtpTest):
    def test_takes_files_of_every_size(self):
        ftp = self.session()
        for size in SIZES:
            with self.subTest(size):
                ftp.store("STOR file", pattern(size))
                self.assertEqual(self.read("file"), pattern(size))
                self.assertEqual(self.entries(), [b"file"])

    def test_replaces_a_file_by_a_shorter_one(self):
        self.write("file", b"long old content")
        self.session().store("STOR file", b"short")
        self.assertEqual(self.read("file"), b"short")
        self.assertEqual(self.entries(), [b"file"])

    def test_keeps_the_mode_of_what_it_replaces(self):
        os.chmod(self.write("file"), 0o640)
        self.session().store("STOR file", b"new")
        self.assertEqual(os.stat(self.path("file")).st_mode & 0o777, 0o640)

    def test_makes_a_file_as_the_umask_has_it(self):
        umask = os.umask(0)
        os.umask(umask)
        ftp = self.session()
        ftp.store("STOR file", b"new")
        self.assertEqual(os.stat(self.path("file")).st_mode & 0o777, 0o666 & ~umask)

    def test_replaces_what_a_link_leads_to_and_not_the_link(self):
        os.mkdir(self.path("dir"))
        self.write("dir/file", b"old")
        os.symlink("dir/file", self.path("link"))
        self.session().store("STOR link", b"new")
        self.assertTrue(os.path.islink(self.path("link")))
        self.assertEqual(self.read("dir/file"), b"new")
        self.assertEqual(self.entries("dir"), [b"file"])

    def test_refuses_what_can_be_no_file(self):
        os.mkdir(self.path("dir"))
        self.write("file")
        ftp = self.session()
        for command in ("STOR", "APPE"):
            for name in ("dir", "/", ".", "missing/file", "file/x", "x" * 256):
                with self.subTest(command=command, name=name):
                    ftp.refuse(f"{command} {name}", 55, 501)
        self.assertEqual(self.entries(), [b"dir", b"file"])
        self.assertEqual(self.entries("dir"), [])

    def test_others_read_the_old_file_until_it_is_done(self):
        self.write("file", b"old")
        ftp, other = self.session(), self.session()
        data = ftp.begin("STOR file")
        data.sendall(b"new")
        arrived(data)
        self.assertEqual(other.fetch("RETR file"), b"old")
        self.assertEqual(other.names(), [b"file"])
        data.close()
        ftp.reply(226)
        self.assertEqual(other.fetch("RETR file"), b"new")

    def test_of_two_onto_one_file_the_last_is_there_whole(self):
        self.write("file", b"old")
        one, two = self.session(), self.session()
        first, second = one.begin("STOR file"), two.begin("STOR file")
        first.sendall(b"1" * 100_000)
        second.sendall(b"2" * 50_000)
        second.close()
        two.reply(226)
        self.assertEqual(self.read("file"), b"2" * 50_000)
        first.close()
        one.reply(226)
        self.assertEqual(self.read("file"), b"1" * 100_000)
        self.assertEqual(self.entries(), [b"file"])

    def test_appends(self):
        ftp = self.session()
        ftp.store("APPE log", b"one")
        ftp.store("APPE log", b"two")
        self.assertEqual(self.read("log"), b"onetwo")

    def test_goes_on_where_rest_says(self):
        ftp = self.session()
        self.write("file", b"0123456789")
        ftp.store("STOR file", b"ab", rest=10)
        self.assertEqual(self.read("file"), b"0123456789ab")
        ftp.store("STOR file", b"XY", rest=3)
        self.assertIn(self.read("file"), (b"012XY56789ab", b"012XY"))

    def test_refuses_to_go_on_beyond_the_end(self):
        self.write("file", b"12345")
        ftp = self.session()
        for name in ("file", "missing"):
            with self.subTest(name):
                ftp.expect("REST 6", 350)
                ftp.refuse("STOR " + name, 55)
        self.assertEqual(self.read("file"), b"12345")
        self.assertEqual(self.entries(), [b"file"])

    def test_finds_a_name_of_its_own_for_stou(self):
        ftp = self.session()
        names = set()
        for content in (b"one", b"two", b"three"):
            ftp.prepare()
            data = ftp.data()
            begun = ftp.expect("STOU", 1)
            data.sendall(content)
            data.close()
            done = ftp.reply((226, 250))
            name, = set(self.entries()) - names
            names.add(name)
            self.assertIn(os.fsdecode(name), begun.text + done.text)
            self.assertEqual(self.read(name), content)

    def test_names_the_file_of_stou_as_rfc_1123_wants(self):
        ftp = self.session()
        ftp.prepare()
        data = ftp.data()
        reply = ftp.expect("STOU", 125, 150)
        data.close()
        ftp.reply((226, 250))
        self.assertEqual(re.search(r"FILE: (\S+)", reply.text)[1], os.fsdecode(self.entries()[0]))

    def test_turns_line_ends_in_ascii(self):
        ftp = self.session(binary=False)
        ftp.expect("TYPE A", 200)
        for sent, stored in ((b"one\r\ntwo\r\n", b"one\ntwo\n"), (b"one\ntwo", b"one\ntwo"),
                             (b"a\rb", b"a\rb"), (b"a\r", b"a\r"), (b"\r\r\n", b"\r\n"),
                             (b"", b""), (b"line\r\n" * 200_000, b"line\n" * 200_000),
                             (b"x" * 65535 + b"\r\n", b"x" * 65535 + b"\n")):
            with self.subTest(sent[:20]):
                ftp.store("STOR text", sent)
                self.assertEqual(self.read("text"), stored)

    def test_turns_a_line_end_that_is_cut_in_two(self):
        ftp = self.session(binary=False)
        data = ftp.begin("STOR text")
        for part in (b"one\r", b"\ntwo\r", b"three"):
            data.sendall(part)
            arrived(data)
            self.session()  # which is answered after what came before
        data.close()
        ftp.reply(226)
        self.assertEqual(self.read("text"), b"one\ntwo\rthree")

    def test_appends_text(self):
        ftp = self.session(binary=False)
        ftp.store("APPE text", b"one\r\n")
        ftp.store("APPE text", b"two\r\n")
        self.assertEqual(self.read("text"), b"one\ntwo\n")

    def test_carries_many_at_once(self):
        sessions = [self.session() for _ in range(20)]
        in_parallel([lambda ftp=ftp, seed=seed: ftp.store(f"STOR {seed}", pattern(500_000, seed))
                     for seed, ftp in enumerate(sessions)])
        for seed in range(20):
            self.assertEqual(self.read(str(seed)), pattern(500_000, seed))


class FullDisk(FtpTest):
    shared = False
    LIMIT = 200_000

    def test_is_told_and_keeps_the_old_file(self):
        limit = (self.LIMIT, self.LIMIT)
        server = self.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        self.check(server)

    def check(self, server):
        self.write("old", b"old and whole")
        ftp = self.session(server)
        for line in ("STOR new", "STOR old", "STOU", "APPE appended"):
            with self.subTest(line):
                data = ftp.begin(line)
                try:
                    data.sendall(pattern(4_000_000))
                    data.close()
                except OSError:
                    pass
                ftp.reply((452, 552), line)
                self.assert_in_step(ftp)
        self.assertEqual(self.read("old"), b"old and whole")
        ftp.store("STOR small", b"fits")
        for name in self.entries():
            self.assertFalse(name.startswith(b"."), name)

    def test_is_told_to_a_client_that_reads_no_reply_before_it_has_sent_all(self):
        limit = (self.LIMIT, self.LIMIT)
        self.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        ftp = self.session()
        data = ftp.begin("STOR new")
        data.sendall(pattern(20_000_000))
        data.close()
        ftp.reply(452, "STOR new")
        self.assert_in_step(ftp)

    def test_of_its_own_is_told_and_keeps_the_old_file(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.root],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small disk here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.root], check=True)
        server = self.start()
        self.write("old", b"old and whole")
        ftp = self.session(server)
        for line in ("STOR old", "STOR new"):
            data = ftp.begin(line)
            try:
                data.sendall(pattern(4_000_000))
                data.close()
            except OSError:
                pass
            ftp.reply(452, line)
            self.assertEqual(self.read("old"), b"old and whole")
        ftp.expect("DELE new", 250)
        ftp.store("STOR new", pattern(500_000))
        self.assertEqual(self.read("new"), pattern(500_000))


class SizesAndTimes(FtpTest):
    def test_tells_the_size(self):
        ftp = self.session()
        for size in (0, 1, 123_456):
            self.write("file", pattern(size))
            self.assertEqual(ftp.ask("SIZE file").text, f"213 {size}")

    def test_tells_no_size_of_what_is_no_file(self):
        os.mkdir(self.path("dir"))
        ftp = self.session()
        for name in ("missing", "dir", "/"):
            with self.subTest(name):
                ftp.expect("SIZE " + name, 550)

    def test_tells_no_size_in_ascii(self):
        self.write("file")
        ftp = self.session(binary=False)
        ftp.expect("TYPE A", 200)
        ftp.expect("SIZE file", 550)

    def test_tells_the_time_in_utc(self):
        os.utime(self.write("file"), (0, 1_000_000_000))
        self.assertEqual(self.session().ask("MDTM file").text, "213 20010909014640")

    def test_tells_no_time_of_what_is_not_there(self):
        self.session().expect("MDTM missing", 550)

    def time_of(self, name):
        return os.stat(self.path(name)).st_mtime

    def test_sets_the_time_in_every_form(self):
        ftp = self.session()
        for line in ("MFMT 20010909014640 a name", "MDTM 20010909014640 a name",
                     "SITE UTIME 20010909014640 a name", "MFF modify=20010909014640; a name",
                     "SITE UTIME a name 20010909014640 20010909014640 20010909014640 UTC",
                     "MFMT 20010909014640.000 a name"):
            with self.subTest(line):
                self.write("a name")
                ftp.expect(line, 200, 213, 250)
                self.assertEqual(self.time_of("a name"), 1_000_000_000)

    def test_answers_mfmt_as_its_draft_wants(self):
        self.write("a name")
        reply = self.session().ask("MFMT 20010909014640 a name")
        self.assertEqual(reply.text.lower(), "213 modify=20010909014640; a name")

    def test_refuses_times_that_are_none(self):
        self.write("file")
        before = self.snapshot()
        ftp = self.session()
        for time in ("2015", "20151301000000", "20150230000000", "20150101240000", "20150101006000",
                     "2015010100000", "201501010000000", "abcdefghijklmn", "20150101000000.",
                     "-0150101000000",
                     "20150101000000.x", "00000000000000"):
            with self.subTest(time):
                ftp.expect(f"MFMT {time} file", 501)
                ftp.expect(f"MFF modify={time}; file", 501, 504)
        ftp.expect("MFMT 20150101000000", 501)
        ftp.expect("MFMT 20150101000000 missing", 550)
        self.assertEqual(self.snapshot(), before)

    def test_tells_the_time_of_a_name_that_looks_like_a_time(self):
        os.utime(self.write("20150101000000"), (0, 1_000_000_000))
        self.assertEqual(self.session().ask("MDTM 20150101000000").text, "213 20010909014640")

    def test_sets_the_mode(self):
        self.write("a name")
        ftp = self.session()
        for line, mode in (("SITE CHMOD 640 a name", 0o640), ("SITE CHMOD 0755 a name", 0o755),
                           ("site chmod 600 a name", 0o600), ("MFF UNIX.mode=0644; a name", 0o644)):
            with self.subTest(line):
                ftp.expect(line, 200, 213, 250)
                self.assertEqual(os.stat(self.path("a name")).st_mode & 0o7777, mode)
        ftp.expect("SITE CHMOD 644 missing", 550)

    def test_refuses_modes_that_are_none(self):
        os.chmod(self.write("file"), 0o600)
        ftp = self.session()
        for mode in ("999", "8", "abc", "u+x", "-1", "77777", "0x1ff", "", "7 77"):
            with self.subTest(mode):
                ftp.expect(f"SITE CHMOD {mode} file", 501, 550, 504)
        self.assertEqual(os.stat(self.path("file")).st_mode & 0o7777, 0o600)

    def test_sets_several_facts_or_none(self):
        os.utime(self.write("file"), (0, 0))
        os.chmod(self.path("file"), 0o600)
        ftp = self.session()
        ftp.expect("MFF modify=20010909014640;UNIX.mode=0640; file", 213, 200)
        self.assertEqual(self.time_of("file"), 1_000_000_000)
        self.assertEqual(os.stat(self.path("file")).st_mode & 0o777, 0o640)
        ftp.expect("MFF modify=20150101000000;size=7; file", 501, 504)
        self.assertEqual(self.time_of("file"), 1_000_000_000)
        ftp.expect("MFF modify=20150101000000; missing", 550)


class Names(FtpTest):
    def test_renames_files_and_directories(self):
        self.write("file", b"x")
        os.mkdir(self.path("dir"))
        ftp = self.session()
        for old, new in (("file", "dir/moved"), ("dir", "folder"), ("folder/moved", "/back")):
            with self.subTest(old):
                ftp.expect("RNFR " + old, 350)
                ftp.expect("RNTO " + new, 250)
        self.assertEqual(self.read("back"), b"x")
        self.assertEqual(self.entries(), [b"back", b"folder"])

    def test_renames_onto_a_file(self):
        self.write("new", b"new")
        self.write("old", b"old")
        ftp = self.session()
        ftp.expect("RNFR new", 350)
        ftp.expect("RNTO old", 250)
        self.assertEqual(self.read("old"), b"new")
        self.assertEqual(self.entries(), [b"old"])

    def test_refuses_renames_that_cannot_be(self):
        os.mkdir(self.path("dir"))
        self.write("dir/file")
        os.mkdir(self.path("full"))
        self.write("full/file")
        ftp = self.session()
        before = self.snapshot()
        ftp.expect("RNFR missing", 550)
        for old, new in (("dir", "dir/inside"), ("dir", "full"), ("dir/file", "full"), ("dir",
                                                                                        "dir/file"),
                         ("dir", "missing/dir"), ("dir", "/"), ("dir/file", "dir")):
            with self.subTest(old=old, new=new):
                ftp.expect("RNFR " + old, 350)
                ftp.expect("RNTO " + new, 55)
        if ftp.ask("RNFR /").code == 350:
            ftp.expect("RNTO root", 55)
        self.assertEqual(self.snapshot(), before)

    def test_deletes_files_by_dele_and_directories_by_rmd(self):
        ftp = self.session()
        self.write("file")
        os.mkdir(self.path("dir"))
        ftp.expect("DELE dir", 550)
        ftp.expect("RMD file", 550)
        ftp.expect("DELE file", 250)
        ftp.expect("RMD dir", 250)
        ftp.expect("DELE file", 550)
        ftp.expect("RMD dir", 550)
        self.assertEqual(self.entries(), [])

    def test_keeps_directories_that_are_not_empty_and_the_root(self):
        os.mkdir(self.path("dir"))
        self.write("dir/file")
        ftp = self.session()
        for name in ("dir", "/", ".", "..", "dir/.."):
            with self.subTest(name):
                ftp.expect("RMD " + name, 55)
        self.assertEqual(self.entries("dir"), [b"file"])

    def test_deletes_a_link_and_not_what_it_leads_to(self):
        self.write("file")
        os.symlink("file", self.path("link"))
        self.session().expect("DELE link", 250)
        self.assertEqual(self.entries(), [b"file"])

    def test_makes_directories_and_says_where(self):
        ftp = self.session()
        for argument, path in (("dir", "/dir"), ("dir/sub", "/dir/sub"), ("/abs", "/abs"),
                               ('quo"te', '/quo""te'), ("dir/../up", "/up"), ("//twice//",
                                                                              "/twice")):
            with self.subTest(argument):
                reply = ftp.expect("MKD " + argument, 257)
                self.assertTrue(reply.text.startswith(f'257 "{path}"'), reply.text)
        ftp.expect("MKD dir", 55)
        ftp.expect("MKD missing/dir", 55)
        ftp.expect("MKD /", 55)

    def test_walks(self):
        os.makedirs(self.path("a/b"))
        self.write("file")
        ftp = self.session()
        for line, where in (("CWD a", "/a"), ("CWD b", "/a/b"), ("CDUP", "/a"), ("CWD /a/b",
                                                                                 "/a/b"),
                            ("CWD ..", "/a"), ("CWD ../..", "/"), ("CDUP", "/"), ("CWD a/./b/",
                                                                                  "/a/b"),
                            ("CWD .", "/a/b"), ("CWD //a//", "/a"), ("CWD b/../../a/b/..", "/a")):
            with self.subTest(line):
                ftp.expect(line, 200, 250)
                self.assertTrue(ftp.expect("PWD", 257).text.startswith(f'257 "{where}"'))
        for name in ("missing", "/file", "/a/b/c"):
            with self.subTest(name):
                ftp.expect("CWD " + name, 550)
        self.assertTrue(ftp.expect("PWD", 257).text.startswith('257 "/a"'))

    def test_stays_usable_when_its_directory_is_removed(self):
        os.mkdir(self.path("dir"))
        ftp = self.session()
        ftp.expect("CWD dir", 250)
        os.rmdir(self.path("dir"))
        ftp.expect("SIZE file", 55)
        ftp.refuse("NLST", 4, 5)
        ftp.refuse("STOR file", 55)
        ftp.expect("CDUP", 200, 250)
        self.assert_in_step(ftp)


class Digests(FtpTest):
    DATA = pattern(3_000_000)

    def setUp(self):
        super().setUp()
        self.write("a name", self.DATA)

    def test_hash_is_sha_256_unless_told(self):
        digest = hashlib.sha256(self.DATA).hexdigest()
        self.assertEqual(self.session().ask("HASH a name").text.lower(),
                         f"213 sha-256 0-3000000 {digest} a name")

    def test_hash_by_every_kind(self):
        ftp = self.session()
        for name, digest in (("SHA-1", hashlib.sha1(self.DATA).hexdigest()),
                             ("MD5", hashlib.md5(self.DATA).hexdigest()),
                             ("CRC32", f"{zlib.crc32(self.DATA):08x}"),
                             ("SHA-256", hashlib.sha256(self.DATA).hexdigest())):
            with self.subTest(name):
                self.assertIn(name, ftp.expect("OPTS HASH " + name, 200).text)
                self.assertIn(name, ftp.expect("OPTS HASH", 200).text)
                self.assertIn(name + "*", ftp.ask("FEAT").text)
                self.assertIn(digest, ftp.expect("HASH a name", 213).text.lower())

    def test_hash_refuses_kinds_that_are_none(self):
        ftp = self.session()
        ftp.expect("OPTS HASH MD6", 501, 504)
        self.assertIn(hashlib.sha256(self.DATA).hexdigest(), ftp.ask("HASH a name").text.lower())

    def test_the_old_commands(self):
        ftp = self.session()
        for command, digest in (("XMD5", hashlib.md5(self.DATA).hexdigest()),
                                ("XSHA1", hashlib.sha1(self.DATA).hexdigest()),
                                ("XSHA256", hashlib.sha256(self.DATA).hexdigest()),
                                ("XCRC", f"{zlib.crc32(self.DATA):08x}")):
            with self.subTest(command):
                self.assertIn(digest, ftp.expect(command + " a name", 213, 250).text.lower())

    def test_of_what_is_no_file(self):
        os.mkdir(self.path("dir"))
        ftp = self.session()
        for command in ("HASH", "XCRC", "XMD5", "XSHA1", "XSHA256"):
            for name in ("missing", "dir"):
                with self.subTest(command=command, name=name):
                    ftp.expect(f"{command} {name}", 55)

    def test_of_an_empty_file(self):
        self.write("empty", b"")
        self.assertIn(hashlib.sha256().hexdigest(), self.session().ask("HASH empty").text.lower())

    def test_of_a_range(self):
        ftp = self.session()
        ftp.expect("RANG 10 99", 350)
        reply = ftp.expect("HASH a name", 213)
        self.assertIn(hashlib.sha256(self.DATA[10:100]).hexdigest(), reply.text.lower())
        self.assertIn(hashlib.sha256(self.DATA).hexdigest(), ftp.ask("HASH a name").text.lower())
        for argument in ("x", "1", "9 1", "-1 5", "1 2 3", "99999999999999999999 1"):
            with self.subTest(argument):
                ftp.expect("RANG " + argument, 501)
        ftp.expect("RANG 1 0", 350)
        self.assertIn(hashlib.sha256(self.DATA).hexdigest(), ftp.ask("HASH a name").text.lower())

    def test_of_a_large_file_hold_nobody_up(self):
        self.write_big("huge", 1 << 40)
        slow, other = self.session(), self.session()
        slow.send("HASH huge")
        for _ in range(3):
            other.expect("NOOP", 200)
        slow.sock.setblocking(False)
        with self.assertRaises(BlockingIOError):
            slow.sock.recv(1)
        slow.close()
        self.assert_serves()

    def test_of_a_lost_session_are_given_up(self):
        before = self.server.descriptors()
        self.write_big("huge", 1 << 40)
        ftp = self.session()
        ftp.send("HASH huge")
        self.session().expect("QUIT", 221)
        ftp.close()
        wait_until(lambda: self.server.descriptors() <= before, "the file to be closed", 20)

    def test_keep_the_commands_behind_them(self):
        ftp = self.session()
        ftp.send("HASH a name", "PWD", "NOOP")
        for code in (213, 257, 200):
            ftp.reply(code)


class TransferLog(FtpTest):
    shared = False

    def test_has_a_line_for_each_transfer(self):
        log = self.path("../" + os.path.basename(os.fsdecode(self.root)) + ".xferlog")
        self.addCleanup(lambda: os.path.exists(log) and os.unlink(log))
        server = self.start("--ftp-xferlog", os.fsdecode(log))
        self.write("a name", b"12345")
        self.write_big()
        ftp = self.session(server)
        ftp.fetch("RETR a name")
        ftp.store("STOR new\tname", b"1234567")
        data = ftp.begin("STOR broken")
        reset_on_close(data)
        data.close()
        ftp.reply(426)
        lines = wait_until(lambda: (found := open(log,
                                                  "rb").read().splitlines()) and len(found) == 3
                           and found, "three lines")
        form = (rb"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} \d+ 127\.0\.0\.1 %s \S+ "
                rb"b _ %s r user ftp [01] (\*|user) %s")
        self.assertRegex(lines[0], form % (rb"5", rb"o", rb"c"))
        self.assertRegex(lines[1], form % (rb"7", rb"i", rb"c"))
        self.assertRegex(lines[2], form % (rb"\d+", rb"i", rb"i"))


if __name__ == "__main__":
    unittest.main()
