"""FTP: listings, facts, and names that try to be more than names."""

import os
import re
import stat
import time
import unittest

from harness import is_sanitized, receive, receive_all
from ftp_support import FtpTest, parse_facts, split_lines

ODD_NAMES = (
    b"with space", b" leading", b"trailing ", b"  both  ", b'quo"te', b'"quoted"', b"back\\slash",
    b"apos'trophe", b"semi;colon", b"a=b", b"perc%sent%n", b"dollar$HOME", b"star*", b"quest?ion",
    b"[bracket]", b"{brace}", b"-dash", b"-la", b"~tilde", b"#hash", b"comma,", b"|pipe", b"a -> b",
    "grün".encode(), "日本語".encode(), "e\u0301".encode(), b"latin\xe9", b"\x80\xfe", b"x" * 255,
    b".dot",
    b"...", b"tab\there", b"bell\x07", b"esc\x1b[31m", b"del\x7f")

LIST_LINE = re.compile(
    rb"([-dlpcbs])([-rwxsStT]{9}) +(\d+) (\S+) +(\S+) +(\d+) "
    rb"([A-Z][a-z]{2} [ \d]\d (?:\d\d:\d\d| \d{4})) (.*)", re.DOTALL)


class Tree(FtpTest):
    """With a directory to list."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("dir"))
        self.write("dir/inside", b"12345")
        self.write("file.txt", b"123")
        self.write("other.bin", b"1234567")
        self.write(".hidden", b"x")

    def listed(self, ftp, line):
        """The names of a LIST, sorted; every line is one of `ls -l`."""
        names = []
        for entry in split_lines(ftp.fetch(line)):
            found = LIST_LINE.fullmatch(entry)
            self.assertTrue(found, entry)
            names.append(found[8])
        return sorted(names)


class List(Tree):
    def test_looks_like_ls(self):
        os.chmod(self.path("file.txt"), 0o640)
        os.utime(self.path("file.txt"), (0, 1_000_000_000))
        lines = split_lines(self.session().fetch("LIST"))
        line, = [line for line in lines if line.endswith(b" file.txt")]
        kind, mode, links, _, _, size, when, name = LIST_LINE.fullmatch(line).groups()
        self.assertEqual((kind, mode, links, size, when), (b"-", b"rw-r-----", b"1", b"3",
                                                           b"Sep  9  2001"))

    def test_shows_the_time_of_day_of_what_is_new(self):
        now = int(time.time())
        os.utime(self.path("file.txt"), (now, now - 3600))
        line, = split_lines(self.session().fetch("LIST file.txt"))
        self.assertEqual(LIST_LINE.fullmatch(line)[7].decode(),
                         time.strftime("%b %e %H:%M", time.gmtime(now - 3600)))

    def test_shows_directories_and_links(self):
        os.symlink("file.txt", self.path("link"))
        os.symlink("nowhere", self.path("dangling"))
        lines = {LIST_LINE.fullmatch(line)[8]: line[:1]
                 for line in split_lines(self.session().fetch("LIST"))}
        self.assertEqual(lines[b"dir"], b"d")
        self.assertEqual(lines[b"link -> file.txt"], b"l")
        self.assertEqual(lines[b"dangling -> nowhere"], b"l")

    def test_of_a_directory_by_every_path(self):
        ftp = self.session()
        visible = [b"dir", b"file.txt", b"other.bin"]
        for line, names in (("LIST", visible), ("LIST .", visible), ("LIST /", visible),
                            ("LIST dir", [b"inside"]), ("LIST dir/", [b"inside"]),
                            ("LIST /dir", [b"inside"]), ("LIST dir/..", visible),
                            ("LIST -l", visible), ("LIST -l dir", [b"inside"]), ("LIST -L",
                                                                                 visible)):
            with self.subTest(line):
                self.assertEqual(self.listed(ftp, line), names)

    def test_shows_dot_files_when_told_and_never_the_dots(self):
        ftp = self.session()
        for line in ("LIST -a", "LIST -la", "LIST -al", "LIST -a .", "LIST -a -l /", "LIST -A"):
            with self.subTest(line):
                names = set(self.listed(ftp, line)) - {b".", b".."}
                self.assertEqual(names, {b".hidden", b"dir", b"file.txt", b"other.bin"})
        self.assertNotIn(b".hidden", self.listed(ftp, "LIST"))
        self.assertNotIn(b"..", self.listed(ftp, "LIST -a"))

    def test_of_a_file(self):
        ftp = self.session()
        self.assertEqual(self.listed(ftp, "LIST file.txt"), [b"file.txt"])
        line, = split_lines(ftp.fetch("LIST dir/inside"))
        self.assertTrue(line.endswith(b"inside"), line)

    def test_of_a_pattern(self):
        ftp = self.session()
        self.assertEqual(self.listed(ftp, "LIST *.txt"), [b"file.txt"])
        self.assertEqual(self.listed(ftp, "LIST *i*e*.[tb]?[nt]"), [b"file.txt"])
        self.assertEqual(self.listed(ftp, "LIST *.nothing"), [])

    def test_of_what_is_not_there(self):
        ftp = self.session()
        for line in ("LIST missing", "LIST missing/dir", "LIST file.txt/x", "NLST missing",
                     "MLSD missing"):
            with self.subTest(line):
                ftp.refuse(line, 4, 5)
        self.assert_in_step(ftp)

    def test_of_an_empty_directory(self):
        os.mkdir(self.path("empty"))
        ftp = self.session()
        for line in ("LIST empty", "NLST empty"):
            with self.subTest(line):
                self.assertEqual(ftp.fetch(line), b"")

    def test_is_a_stat_with_a_path(self):
        ftp = self.session()
        reply = ftp.expect("STAT /", 212, 213, 211)
        self.assertIn("file.txt", reply.text)
        self.assertNotIn("inside", reply.text)
        self.assertIn("inside", ftp.expect("STAT dir", 212, 213, 211).text)
        self.assertIn("file.txt", ftp.expect("STAT file.txt", 212, 213, 211).text)
        ftp.expect("STAT missing", 450, 550)

    def test_ends_its_lines_with_cr_lf_in_binary_too(self):
        ftp = self.session()
        for kind in ("I", "A"):
            ftp.expect("TYPE " + kind, 200)
            self.assertEqual(ftp.fetch("LIST").count(b"\r\n"), 3)
            self.assertEqual(ftp.fetch("NLST").count(b"\r\r"), 0)

    def test_shows_sizes_beyond_four_gigabytes(self):
        self.write_big("huge", 5 << 30)
        line, = split_lines(self.session().fetch("LIST huge"))
        self.assertEqual(LIST_LINE.fullmatch(line)[6], b"%d" % (5 << 30))


class NameList(Tree):
    def test_has_bare_names(self):
        self.assertEqual(self.session().names(), [b"dir", b"file.txt", b"other.bin"])

    def test_has_names_that_are_arguments(self):
        ftp = self.session()
        self.assertEqual(ftp.names("NLST dir"), [b"dir/inside"])
        self.assertEqual(ftp.names("NLST /dir"), [b"/dir/inside"])
        self.assertEqual(ftp.fetch("RETR dir/inside"), b"12345")

    def test_of_a_file_and_of_patterns(self):
        ftp = self.session()
        self.assertEqual(ftp.names("NLST file.txt"), [b"file.txt"])
        self.assertEqual(ftp.names("NLST *.txt"), [b"file.txt"])
        self.assertEqual(ftp.names("NLST dir/*"), [b"dir/inside"])
        self.assertEqual(ftp.names("NLST *.nothing"), [])
        self.assertEqual(ftp.names("NLST *"), [b"dir", b"file.txt", b"other.bin"])

    def test_shows_dot_files_when_told(self):
        ftp = self.session()
        self.assertEqual(ftp.names("NLST -a"), [b".hidden", b"dir", b"file.txt", b"other.bin"])
        self.assertEqual(ftp.names("NLST -a dir"), [b"dir/inside"])

    def test_takes_a_pattern_that_would_take_forever(self):
        self.write("a" * 200)
        ftp = self.session()
        self.assertEqual(ftp.names("NLST " + "*a" * 100 + "b"), [])
        self.assertEqual(ftp.names("NLST " + "*" * 250 + "b"), [])

    def test_takes_a_name_that_looks_like_a_pattern_or_an_option(self):
        for name in ("[x]", "-x", "a*b"):
            self.write(name)
        ftp = self.session()
        self.assertEqual(ftp.names("NLST [x]"), [b"[x]"])
        self.assertEqual(ftp.names("NLST a*b"), [b"a*b"])
        self.assertEqual([os.path.basename(name) for name in ftp.names("NLST ./-x")], [b"-x"])


class Facts(Tree):
    def test_of_a_directory(self):
        facts = self.session().facts()
        self.assertEqual(set(facts) - {b".", b"..", b"/"}, {b".hidden", b"dir", b"file.txt",
                                                            b"other.bin"})
        self.assertNotIn(b"..", facts)
        file, folder = facts[b"file.txt"], facts[b"dir"]
        self.assertEqual((file["type"].lower(), file["size"]), ("file", "3"))
        self.assertEqual(folder["type"].lower(), "dir")
        self.assertRegex(file["modify"], r"^\d{14}$")
        self.assertTrue({"a", "d", "f", "r", "w"} <= set(file["perm"]), file)
        self.assertTrue({"c", "d", "e", "f", "l", "m", "p"} >= set(folder["perm"]) > {"e", "l"},
                        folder)
        self.assertEqual(int(file["unix.mode"], 8), os.stat(self.path("file.txt")).st_mode & 0o7777)

    def test_tell_the_time_in_utc(self):
        os.utime(self.path("file.txt"), (0, 1_000_000_000))
        self.assertEqual(self.session().facts()[b"file.txt"]["modify"], "20010909014640")

    def test_tell_files_that_are_the_same(self):
        os.link(self.path("file.txt"), self.path("hard"))
        facts = self.session().facts()
        self.assertEqual(facts[b"hard"]["unique"], facts[b"file.txt"]["unique"])
        self.assertNotEqual(facts[b"hard"]["unique"], facts[b"other.bin"]["unique"])

    def test_of_links_that_lead_nowhere_are_there_too(self):
        os.symlink("nowhere", self.path("dangling"))
        self.assertIn(b"dangling", self.session().facts())

    def test_of_every_path(self):
        ftp = self.session()
        for line in ("MLSD dir", "MLSD /dir", "MLSD dir/"):
            with self.subTest(line):
                self.assertEqual(set(ftp.facts(line)) - {b"."}, {b"inside"})
        ftp.refuse("MLSD file.txt", 501)
        ftp.refuse("MLSD missing", 5)

    def test_of_one_thing_come_over_the_control_connection(self):
        ftp = self.session()
        for name, path, kind in (("file.txt", b"/file.txt", "file"), ("dir", b"/dir", "dir"),
                                 ("/dir/inside", b"/dir/inside", "file")):
            with self.subTest(name):
                reply = ftp.expect("MLST " + name, 250)
                self.assertEqual(len(reply.lines), 3)
                self.assertTrue(reply.lines[1].startswith(b" "))
                told, facts = parse_facts(reply.lines[1][1:])
                self.assertIn(told, (path, os.fsencode(name)))
                self.assertEqual(facts["type"].lower(), kind)
        ftp.expect("MLST missing", 550)

    def test_of_the_place_where_one_is(self):
        ftp = self.session()
        for line in ("MLST", "MLST .", "MLST /"):
            with self.subTest(line):
                _, facts = parse_facts(ftp.expect(line, 250).lines[1][1:])
                self.assertIn(facts["type"].lower(), ("cdir", "dir"))

    def test_are_those_that_were_chosen(self):
        ftp = self.session()
        ftp.expect("OPTS MLST type;size;", 200)
        for name, facts in ftp.facts().items():
            self.assertLessEqual(set(facts), {"type", "size"})
        self.assertRegex(ftp.ask("FEAT").text.lower(), r"mlst type\*;size\*;modify;")
        ftp.expect("OPTS MLST", 200)
        for name, facts in ftp.facts().items():
            self.assertEqual(facts, {})
        self.assertIn("modify", self.session().facts()[b"dir"])


class OddNames(FtpTest):
    def test_go_the_whole_way(self):
        ftp = self.session()
        for name in ODD_NAMES:
            with self.subTest(name):
                ftp.store(b"STOR " + name, name)
                self.assertEqual(self.entries(), [name])
                self.assertEqual(ftp.fetch(b"RETR " + name), name)
                self.assertEqual(ftp.ask(b"SIZE " + name).code, 213)
                ftp.expect(b"RNFR " + name, 350)
                ftp.expect(b"RNTO 2" + name[:250], 250)
                ftp.expect(b"DELE 2" + name[:250], 250)

    def test_of_directories_go_the_whole_way(self):
        ftp = self.session()
        for name in ODD_NAMES:
            with self.subTest(name):
                printable = re.sub(rb"[\x00-\x1f\x7f]", b"?", name).replace(b'"', b'""')
                made = ftp.expect(b"MKD " + name, 257)
                self.assertTrue(made.lines[0].startswith(b'257 "/' + printable + b'"'), made)
                ftp.expect(b"CWD " + name, 250)
                where = ftp.expect("PWD", 257)
                self.assertTrue(where.lines[0].startswith(b'257 "/' + printable + b'"'), where)
                ftp.expect("CDUP", 200, 250)
                ftp.expect(b"RMD " + name, 250)

    def test_are_listed_as_they_are(self):
        for name in ODD_NAMES:
            self.write(name, b"")
        expected = sorted(re.sub(rb"[\x00-\x1f\x7f]", b"?", name) for name in ODD_NAMES)
        ftp = self.session()
        self.assertEqual(ftp.names("NLST -a"), expected)
        self.assertEqual(sorted(LIST_LINE.fullmatch(line)[8]
                                for line in split_lines(ftp.fetch("LIST -a"))), expected)
        self.assertEqual(sorted(name for name in ftp.facts() if name != b"."), expected)

    FORGED = b"x\r\n-rw-r--r--    1 0        0               7 Jan  1  2020 forged"

    def test_with_line_ends_forge_no_lines_of_listings(self):
        for name in (self.FORGED, b"y\nforged2", b"z\r226 forged3",
                     b"type=file; w\ntype=file; forged"):
            self.write(name, b"")
        ftp = self.session()
        for line in ("LIST", "NLST", "MLSD", "LIST x*", "NLST y*"):
            with self.subTest(line):
                for entry in split_lines(ftp.fetch(line)):
                    self.assertNotRegex(entry, rb"[\x00-\x1f]")
                    self.assertFalse(entry.startswith((b"forged", b"226")), entry)
        self.assertEqual(len(split_lines(ftp.fetch("NLST"))), 4)
        self.assertEqual(len(split_lines(ftp.fetch("LIST"))), 4)

    def test_with_line_ends_forge_no_replies(self):
        name = b"dir\r\n257 \"/forged\""
        os.makedirs(os.path.join(self.path(name), b"sub"))
        ftp = self.session()
        ftp.expect("STAT /", 2)
        ftp.expect("MLST /", 250)
        ftp.expect("NOOP", 200)
        self.assert_in_step(ftp)

    def test_as_the_target_of_a_link_forge_nothing(self):
        os.symlink(b"a\r\nforged", self.path("link"))
        ftp = self.session()
        for line in ("LIST", "MLSD"):
            with self.subTest(line):
                self.assertEqual(len([entry for entry in split_lines(ftp.fetch(line))
                                      if b"type=cdir" not in entry.lower()]), 1)

    def test_are_quoted_by_pwd(self):
        os.mkdir(self.path('a"b'))
        ftp = self.session()
        ftp.expect('CWD a"b', 250)
        self.assertTrue(ftp.ask("PWD").text.startswith('257 "/a""b"'))


class HugeDirectory(FtpTest):
    COUNT = 100_000
    LONG = "-" * 60  # of each name, so that no listing fits into the kernel's 4 MiB for a connection
    ONE = f"huge/000001{LONG}"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.root / "huge"
        folder.mkdir()
        parent = os.open(folder, os.O_RDONLY)
        for index in range(cls.COUNT):
            name = f"{index:06}{cls.LONG}"
            if index % 30_000 == 0:  # as many links as any file system allows a file
                os.mknod(name, 0o644 | stat.S_IFREG, dir_fd=parent)
                first = name
            else:  # a new file each would take a disk half a minute
                os.link(first, name, src_dir_fd=parent, dst_dir_fd=parent)
        os.close(parent)

    def setUp(self):
        pass

    def test_is_listed_whole(self):
        ftp = self.session()
        for line in ("NLST huge", "LIST huge", "MLSD huge"):
            with self.subTest(line):
                lines = split_lines(ftp.fetch(line))
                names = {line.rpartition(b" ")[2].rpartition(b"/")[2] for line in lines} - {b"."}
                self.assertEqual(len(names), self.COUNT)

    def test_holds_nobody_up(self):
        ftp, other = self.session(), self.session()
        for line in ("NLST huge", "LIST huge", "MLSD huge"):
            with self.subTest(line):
                data = ftp.begin(line, buffer_size=65536)
                for _ in range(5):
                    receive(data, 50_000)
                    other.expect("NOOP", 200)
                    self.assertEqual(other.fetch(f"NLST {self.ONE}"), f"{self.ONE}\r\n".encode())
                ftp.sock.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    ftp.sock.recv(1)
                ftp.sock.settimeout(60)
                self.assertTrue(receive_all(data).endswith(b"\r\n"))
                ftp.reply(226)

    @unittest.skipIf(is_sanitized(), "AddressSanitizer keeps freed memory")
    def test_is_not_held_in_memory(self):
        ftp = self.session()
        ftp.fetch(f"NLST {self.ONE}")
        before = self.server.resident_kib()
        for line in ("NLST huge", "LIST huge", "MLSD huge"):
            data = ftp.begin(line, buffer_size=4096)
            receive(data, 10_000)
            self.session().expect("NOOP", 200)
            self.assertLess(self.server.resident_kib() - before, 4096, line)
            data.close()
            ftp.reply(426)

    def test_by_stat_is_no_danger_either(self):
        ftp, other = self.session(), self.session()
        ftp.send("STAT huge")
        other.expect("NOOP", 200)
        ftp.reply((2, 4, 5))
        self.assert_in_step(ftp)


if __name__ == "__main__":
    unittest.main()
