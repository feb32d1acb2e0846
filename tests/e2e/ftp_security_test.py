"""FTP: nothing outside the root is ever seen or touched, and nothing there stops the server."""

import contextlib
import os
import pathlib
import shutil
import socket
import tempfile
import threading
import unittest

from harness import receive_all
from ftp_support import FtpTest, matches


class Outside(FtpTest):
    """With a directory beside the root, which holds a secret."""

    def setUp(self):
        super().setUp()
        self.outside = pathlib.Path(tempfile.mkdtemp(prefix="sluice-ftp-outside-"))
        self.addCleanup(shutil.rmtree, self.outside)
        (self.outside / "secret").write_bytes(b"top secret")
        (self.outside / "secret").chmod(0o644)
        (self.outside / "folder").mkdir()
        self.up = "../" * 20 + str(self.outside)[1:]

    def assert_untouched(self):
        self.assertEqual(sorted(os.listdir(self.outside)), ["folder", "secret"])
        self.assertEqual(os.listdir(self.outside / "folder"), [])
        self.assertEqual((self.outside / "secret").read_bytes(), b"top secret")
        self.assertEqual((self.outside / "secret").stat().st_mode & 0o777, 0o644)

    def try_everything(self, path):
        """Every command that takes a path, with one that leads out. None of them may get there."""
        ftp = self.session()
        secret, folder = f"{path}/secret", f"{path}/folder"
        for line in (f"SIZE {secret}", f"MDTM {secret}", f"MLST {secret}", f"DELE {secret}",
                     f"RMD {folder}", f"CWD {path}", f"CWD {folder}", f"XCWD {folder}",
                     f"SITE CHMOD 777 {secret}", f"MFMT 20010101000000 {secret}",
                     f"MDTM 20010101000000 {secret}", f"MFF modify=20010101000000; {secret}",
                     f"MFF UNIX.mode=0777; {secret}", f"SITE UTIME 20010101000000 {secret}",
                     f"HASH {secret}", f"XMD5 {secret}", f"XCRC {secret}", f"XSHA1 {secret}",
                     f"XSHA256 {secret}", f"RNFR {secret}", f"MKD {path}/made",
                     f"XMKD {folder}/made",
                     f"STAT {secret}"):
            with self.subTest(line):
                reply = ftp.ask(line)
                self.assertTrue(matches(reply.code, (4, 5)) or line.startswith("STAT"), reply)
                self.assertNotIn("top secret", reply.text)
        for line in (f"RETR {secret}", f"STOR {path}/made", f"STOR {secret}", f"APPE {secret}",
                     f"LIST {path}/", f"NLST {path}/.", f"MLSD {path}", f"LIST {secret}",
                     f"NLST {path}/*"):
            with self.subTest(line):
                self.assert_gets_nothing(ftp, line)
        self.write("inside", b"inside")
        ftp.expect("RNFR inside", 350)
        ftp.expect(f"RNTO {path}/made", 4, 5)
        self.assert_untouched()
        self.assertEqual(self.read("inside"), b"inside")

    def assert_gets_nothing(self, ftp, line):
        """Refused, or nothing comes but the link itself."""
        ftp.prepare()
        with ftp.data() as data:
            reply = ftp.ask(line)
            if matches(reply.code, 1):
                received = receive_all(data) if line[0] in "LN" else b""
                self.assertNotRegex(received, rb"(?m)(secret|folder)\r?$")
                reply = ftp.reply()
        if line[0] not in "LN":
            self.assertTrue(matches(reply.code, (4, 5)), reply)

    def test_is_not_reached_by_dots(self):
        self.try_everything(self.up)

    def test_is_not_reached_by_dots_from_the_root(self):
        self.try_everything("/" + self.up)

    def test_is_not_reached_by_its_absolute_path(self):
        self.try_everything(str(self.outside))

    def test_is_not_reached_by_dots_behind_a_directory(self):
        os.makedirs(self.path("a/b/c"))
        self.try_everything("a/b/c/" + self.up)

    def test_is_not_reached_by_an_absolute_link(self):
        os.symlink(self.outside, self.path("link"))
        self.try_everything("link")

    def test_is_not_reached_by_a_relative_link(self):
        os.symlink(self.up, self.path("link"))
        self.try_everything("link")

    def test_is_not_reached_by_a_link_to_the_parent(self):
        os.symlink("..", self.path("up"))
        self.try_everything("up/up/up/" + os.path.relpath(self.outside, self.root.parent))

    def test_is_not_reached_by_links_behind_links(self):
        os.symlink(self.outside.parent, self.path("two"))
        os.symlink("two", self.path("one"))
        self.try_everything("one/" + self.outside.name)

    def test_is_not_reached_by_a_link_to_a_file(self):
        os.symlink(self.outside / "secret", self.path("file"))
        os.symlink(self.outside / "new", self.path("new"))
        ftp = self.session()
        for line in ("RETR file", "APPE file"):
            with self.subTest(line):
                if matches(ftp.ask("SIZE file").code, 55):
                    ftp.refuse(line, 55)
        ftp.prepare()
        for line in ("STOR file", "STOR new", "APPE new"):
            with self.subTest(line):
                ftp.prepare()
                with ftp.data() as data:
                    reply = ftp.ask(line)
                    with contextlib.suppress(OSError):
                        data.sendall(b"overwritten")
                if matches(reply.code, 1):
                    ftp.reply()
        self.assert_untouched()

    def test_is_not_shown_through_proc(self):
        os.symlink("/proc/self/root", self.path("root"))
        os.symlink("/proc/self/cwd", self.path("cwd"))
        os.symlink("/proc/self/fd/0", self.path("fd"))
        ftp = self.session()
        for name in ("root", "cwd", "root/etc", "fd"):
            with self.subTest(name):
                ftp.expect("CWD " + name, 55)
                ftp.refuse("MLSD " + name, 4, 5)
        ftp.refuse("RETR root/etc/passwd", 55)
        ftp.refuse("RETR fd", 55)

    def test_is_not_reached_while_a_link_changes(self):
        """A directory and a link that leads out take turns under one name."""
        os.mkdir(self.path("real"))
        self.write("real/secret", b"harmless")
        os.symlink(self.outside, self.path("evil"))
        done = threading.Event()

        def swap():
            while not done.is_set():
                for target in (b"real", b"evil"):
                    with contextlib.suppress(OSError):
                        os.rename(self.path(target), self.path("turn"))
                        os.rename(self.path("turn"), self.path(target))

        swapper = threading.Thread(target=swap, daemon=True)
        swapper.start()
        ftp = self.session()
        try:
            for _ in range(300):
                ftp.prepare()
                data = ftp.data()
                reply = ftp.ask("RETR turn/secret")
                if matches(reply.code, 1):
                    self.assertEqual(receive_all(data), b"harmless")
                    ftp.reply()
                data.close()
                ftp.ask("SITE CHMOD 600 turn/secret")
                ftp.ask("DELE turn/made")
        finally:
            done.set()
            swapper.join()
        self.assert_untouched()


class LinksInside(FtpTest):
    def test_lead_where_a_chroot_would_lead_them(self):
        os.makedirs(self.path("dir/sub"))
        self.write("dir/sub/file", b"inside")
        for name, target in (("relative", "dir/sub"), ("absolute", "/dir/sub"),
                             ("over", "../../../dir/sub"),
                             ("dir/up", "../dir/sub")):
            os.symlink(target, self.path(name))
            with self.subTest(name):
                ftp = self.session()
                self.assertEqual(ftp.fetch(f"RETR {name}/file"), b"inside")
                ftp.expect(f"CWD {name}", 250)
                self.assertEqual(ftp.names(), [b"file"])
                ftp.store("STOR new", b"new")
                ftp.expect("DELE new", 250)

    def test_in_circles_are_refused(self):
        os.symlink("loop", self.path("loop"))
        os.symlink("b", self.path("a"))
        os.symlink("a", self.path("b"))
        ftp = self.session()
        for line in ("CWD loop", "SIZE a", "MDTM loop", "CWD a/b"):
            with self.subTest(line):
                ftp.expect(line, 55)
        for line in ("RETR loop", "STOR a", "APPE b"):
            with self.subTest(line):
                ftp.refuse(line, 55)
        self.assertLessEqual({b"loop", b"a", b"b"}, set(ftp.facts()))


class SpecialFiles(FtpTest):
    def setUp(self):
        super().setUp()
        os.mkfifo(self.path("fifo"))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(os.fsdecode(self.path("socket")))

    def test_are_refused_and_stop_nobody(self):
        ftp = self.session()
        for name in ("fifo", "socket"):
            for command in ("RETR", "STOR", "APPE"):
                with self.subTest(command=command, name=name):
                    ftp.refuse(f"{command} {name}", 55)
                    self.session().expect("NOOP", 200)
            for command in ("HASH", "SIZE", "XCRC"):
                with self.subTest(command=command, name=name):
                    ftp.expect(f"{command} {name}", 55)
        self.assert_serves()

    def test_are_listed(self):
        ftp = self.session()
        self.assertIn(b"fifo", ftp.names())
        self.assertIn(b"fifo", ftp.facts())
        self.assertTrue([line for line in ftp.fetch("LIST").splitlines() if line.startswith(b"p")])

    def test_by_a_link_are_refused_too(self):
        os.symlink("fifo", self.path("link"))
        ftp = self.session()
        ftp.refuse("RETR link", 55)
        ftp.refuse("STOR link", 55)
        ftp.refuse("APPE link", 55)

    def test_that_are_devices_are_refused(self):
        if os.geteuid() != 0:
            self.skipTest("only root can make a device")
        try:
            os.mknod(self.path("zero"), 0o666 | 0o020000, os.makedev(1, 5))
        except PermissionError:
            self.skipTest("no devices can be made here")
        ftp = self.session()
        ftp.refuse("RETR zero", 55)
        ftp.refuse("STOR zero", 55)
        ftp.expect("HASH zero", 55)


if __name__ == "__main__":
    unittest.main()
