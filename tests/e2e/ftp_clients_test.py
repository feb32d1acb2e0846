"""FTP: the clients that people have. Whatever they move is compared byte by byte."""

import ftplib
import io
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import PATIENCE, pattern
from ftp_support import FtpTest, PASSWORD, USER

DATA = pattern(2_000_003)


def need(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


class ClientTest(FtpTest):
    """With a directory where the clients run, so that they find nothing of a person's own."""

    def setUp(self):
        super().setUp()
        self.home = self.server.directory / "home"
        self.home.mkdir()
        self.addCleanup(shutil.rmtree, self.home)
        self.port = self.server.ports["ftp"]

    def client(self, *command, status=0, **how):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8",
               "TERM": "dumb"}
        done = subprocess.run([str(word) for word in command], cwd=self.home, env=env,
                              timeout=PATIENCE,
                              capture_output=True,
                              stdin=None if "input" in how else subprocess.DEVNULL,
                              **how)
        if status is not None:
            self.assertEqual(done.returncode, status, (done.stdout[-500:], done.stderr[-2000:]))
        return done

    def url(self, path="", user=f"{USER}:{PASSWORD}@"):
        return f"ftp://{user}{self.server.addresses['ftp']}/{path}"

    def local(self, name, content=DATA):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def got(self, name):
        return (self.home / name).read_bytes()

    def make_tree(self, base):
        """Files, folders, an empty one of each, and names with spaces."""
        tree = {"one.bin": pattern(100_000, 1), "empty": b"", "a name with spaces": b"x",
                "folder/two.bin": pattern(50_000, 2), "folder/deeper/three": b"3\r\n\n",
                "grün/ß": "ß".encode()}
        for name, content in tree.items():
            path = pathlib.Path(os.fsdecode(base)) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tree

    def assert_tree(self, base, tree):
        base = pathlib.Path(os.fsdecode(base))
        found = {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*")
                 if path.is_file()}
        self.assertEqual(found, tree)


@need("curl")
class Curl(ClientTest):
    WAYS = ((), ("--disable-epsv",), ("--ftp-port", "-"), ("--ftp-port", "-", "--disable-eprt"))

    def curl(self, *options, **how):
        return self.client("curl", "--silent", "--show-error", "--disable", *options, **how)

    def test_downloads_and_uploads_in_each_way(self):
        self.write("file", DATA)
        self.local("up")
        for index, way in enumerate(self.WAYS):
            with self.subTest(way):
                self.curl(*way, "-o", "down", self.url("file"))
                self.assertEqual(self.got("down"), DATA)
                self.curl(*way, "-T", "up", self.url(f"up{index}"))
                self.assertEqual(self.read(f"up{index}"), DATA)

    def test_resumes_both_ways(self):
        self.write("file", DATA)
        self.local("down", DATA[:700_000])
        self.curl("-C", "-", "-o", "down", self.url("file"))
        self.assertEqual(self.got("down"), DATA)
        self.local("up")
        self.write("part", DATA[:700_000])
        self.curl("-C", "-", "-T", "up", self.url("part"))
        self.assertEqual(self.read("part"), DATA)

    def test_takes_ranges_and_appends(self):
        self.write("file", DATA)
        self.assertEqual(self.curl("-r", "1000-1999", self.url("file")).stdout, DATA[1000:2000])
        self.assertEqual(self.curl("-r", "2000000-", self.url("file")).stdout, DATA[2_000_000:])
        self.local("more", b"more")
        self.write("log", b"some ")
        self.curl("-a", "-T", "more", self.url("log"))
        self.assertEqual(self.read("log"), b"some more")

    def test_lists(self):
        self.write("file", b"12345")
        os.mkdir(self.path("dir"))
        self.assertIn(b" file\n", self.curl(self.url()).stdout)
        self.assertEqual(sorted(self.curl("-l", self.url()).stdout.split()), [b"dir", b"file"])
        self.assertIn(b"type=file;size=5;", self.curl("-X", "MLSD", self.url()).stdout)

    def test_asks_for_size_and_time(self):
        os.utime(self.write("file", b"12345"), (0, 1_000_000_000))
        head = self.curl("-I", self.url("file")).stdout
        self.assertIn(b"Content-Length: 5", head)
        self.assertIn(b"Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT", head)

    def test_sends_commands_before_and_after(self):
        self.local("up")
        self.curl("-Q", "MKD dir", "-Q", "-RNFR /part", "-Q", "-RNTO /dir/whole", "-T", "up",
                  self.url("part"))
        self.assertEqual(self.read("dir/whole"), DATA)
        self.assertEqual(self.entries(), [b"dir"])

    def test_makes_directories_on_the_way(self):
        self.local("up")
        self.curl("--ftp-create-dirs", "-T", "up", self.url("a/b/c/file"))
        self.assertEqual(self.read("a/b/c/file"), DATA)

    def test_walks_by_every_method(self):
        os.makedirs(self.path("a/b"))
        self.write("a/b/file", b"deep")
        for method in ("multicwd", "nocwd", "singlecwd"):
            with self.subTest(method):
                done = self.curl("--ftp-method", method, self.url("a/b/file"))
                self.assertEqual(done.stdout, b"deep")

    def test_takes_text(self):
        self.write("text", b"one\ntwo\n")
        self.assertEqual(self.curl("-B", self.url("text")).stdout.replace(b"\r", b""),
                         b"one\ntwo\n")

    def test_fails_where_it_should(self):
        self.curl(self.url("missing"), status=78)
        self.curl(self.url("", f"{USER}:wrong@"), status=67)
        self.local("up")
        self.curl("-T", "up", self.url("missing/file"), status=9)

    def test_takes_many_files_over_one_connection(self):
        for index in range(10):
            self.write(f"file{index}", pattern(1000, index))
        self.curl("-o", "got#1", self.url("file[0-9]"))
        for index in range(10):
            self.assertEqual(self.got(f"got{index}"), pattern(1000, index))


@need("curl")
class CurlOverIPv6(ClientTest):
    address = "[::1]:0"

    def test_downloads_and_uploads_in_each_way(self):
        self.write("file", DATA)
        self.local("up")
        for index, way in enumerate(((), ("--ftp-port", "-"))):
            with self.subTest(way):
                self.client("curl", "-sSgq", *way, "-o", "down", self.url("file"))
                self.assertEqual(self.got("down"), DATA)
                self.client("curl", "-sSgq", *way, "-T", "up", self.url(f"up{index}"))
                self.assertEqual(self.read(f"up{index}"), DATA)


@need("wget")
class Wget(ClientTest):
    def wget(self, *options, **how):
        return self.client("wget", "--no-config", "--tries=2", "-nv", f"--user={USER}",
                           f"--password={PASSWORD}", *options, **how)

    def test_downloads_in_each_way(self):
        self.write("file", DATA)
        for way in ((), ("--no-passive-ftp",)):
            with self.subTest(way):
                self.wget(*way, "-O", "down", self.url("file", ""))
                self.assertEqual(self.got("down"), DATA)

    def test_resumes(self):
        self.write("file", DATA)
        self.local("file", DATA[:123_456])
        self.wget("-c", self.url("file", ""))
        self.assertEqual(self.got("file"), DATA)

    def test_mirrors_a_tree_with_its_times(self):
        tree = self.make_tree(self.root)
        os.utime(self.path("one.bin"), (0, 1_000_000_000))
        self.wget("-m", "-nH", "--restrict-file-names=nocontrol", self.url("", ""))
        for listing in self.home.rglob(".listing"):
            listing.unlink()
        self.assert_tree(self.home, tree)
        day = 86400  # which is all that a listing tells of old files
        self.assertEqual(os.stat(self.home / "one.bin").st_mtime // day, 1_000_000_000 // day)

    def test_takes_patterns(self):
        for name in ("a.txt", "b.txt", "c.bin"):
            self.write(name, name.encode())
        self.wget(self.url("*.txt", ""))
        self.assertEqual(sorted(os.listdir(self.home)), ["a.txt", "b.txt"])

    def test_fails_where_it_should(self):
        self.wget(self.url("missing", ""), status=8)


class Ftplib(ClientTest):
    def connect_ftplib(self, passive=True):
        ftp = ftplib.FTP(timeout=PATIENCE)
        host = self.server.addresses["ftp"].rpartition(":")[0].strip("[]")
        ftp.connect(host, self.port)
        self.addCleanup(ftp.close)
        ftp.login(USER, PASSWORD)
        ftp.set_pasv(passive)
        return ftp

    def check(self, ftp):
        ftp.storbinary("STOR file", io.BytesIO(DATA))
        self.assertEqual(self.read("file"), DATA)
        parts = []
        ftp.retrbinary("RETR file", parts.append)
        self.assertEqual(b"".join(parts), DATA)
        parts.clear()
        ftp.retrbinary("RETR file", parts.append, rest=1_000_000)
        self.assertEqual(b"".join(parts), DATA[1_000_000:])
        self.assertEqual(ftp.nlst(), ["file"])
        self.assertEqual([name for name, facts in ftp.mlsd() if facts["type"] == "file"], ["file"])

    def test_moves_files_passive_and_active(self):
        for passive in (True, False):
            with self.subTest(passive=passive):
                self.check(self.connect_ftplib(passive))

    def test_does_all_that_it_can(self):
        ftp = self.connect_ftplib()
        self.assertEqual(ftp.mkd('a "b"'), '/a "b"')
        ftp.cwd('a "b"')
        self.assertEqual(ftp.pwd(), '/a "b"')
        ftp.storlines("STOR text", io.BytesIO(b"one\ntwo\n"))
        self.assertEqual(self.read('a "b"/text'), b"one\ntwo\n")
        lines = []
        ftp.retrlines("RETR text", lines.append)
        self.assertEqual(lines, ["one", "two"])
        ftp.voidcmd("TYPE I")
        self.assertEqual(ftp.size("text"), 8)
        ftp.rename("text", "../moved")
        ftp.cwd("..")
        ftp.rmd('a "b"')
        lines.clear()
        ftp.dir(lines.append)
        self.assertEqual(len(lines), 1)
        ftp.delete("moved")
        self.assertEqual(ftp.nlst(), [])
        self.assertRaises(ftplib.error_perm, ftp.cwd, "missing")
        self.assertRaises(ftplib.error_perm, ftp.delete, "missing")
        self.assertTrue(ftp.quit().startswith("221"))

    def test_aborts(self):
        self.write_big()
        ftp = self.connect_ftplib()
        ftp.voidcmd("TYPE I")
        data, size = ftp.ntransfercmd("RETR big")
        data.recv(1000)
        data.close()
        self.assertIn(ftp.abort()[:3] if size is None else ftp.getmultiline()[:3], ("426", "226"))


class FtplibOverIPv6(Ftplib):
    address = "[::1]:0"


@need("lftp")
class Lftp(ClientTest):
    def lftp(self, script, **how):
        settings = ("set cmd:fail-exit true; set net:max-retries 2; set net:timeout 20; "
                    "set ftp:ssl-allow false; set dns:order inet; ")
        return self.client("lftp", "--norc", "-u", f"{USER},{PASSWORD}", "-p", self.port, "-e",
                           settings + script + "; bye", "127.0.0.1", **how)

    WAYS = ("set ftp:passive-mode true", "set ftp:passive-mode false")

    def test_gets_and_puts_in_each_way(self):
        self.write("file", DATA)
        self.local("up")
        for index, way in enumerate(self.WAYS):
            with self.subTest(way):
                self.lftp(f"{way}; get file -o down{index}; put up -o up{index}")
                self.assertEqual(self.got(f"down{index}"), DATA)
                self.assertEqual(self.read(f"up{index}"), DATA)

    def test_mirrors_down(self):
        tree = self.make_tree(self.root)
        self.lftp("mirror / down")
        self.assert_tree(self.home / "down", tree)

    def test_mirrors_up(self):
        tree = self.make_tree(self.home / "up")
        self.lftp("mirror -R up /copy")
        self.assert_tree(self.path("copy"), tree)

    def test_mirrors_in_parallel_and_then_finds_nothing_to_do(self):
        tree = self.make_tree(self.home / "up")
        self.lftp("mirror -R -P 4 up /copy")
        self.assert_tree(self.path("copy"), tree)
        again = self.lftp("mirror -R --verbose --dry-run --only-newer up /copy")
        self.assertNotIn(b"one.bin", again.stdout)
        self.lftp("mirror -P 4 --use-pget-n=4 /copy down")
        self.assert_tree(self.home / "down", tree)

    def test_goes_on_with_a_get(self):
        self.write("file", DATA)
        self.local("file", DATA[:600_000])
        self.lftp("get -c file")
        self.assertEqual(self.got("file"), DATA)

    def test_goes_on_with_a_put(self):
        self.local("file")
        self.write("file", DATA[:600_000])
        self.lftp("put -c file")
        self.assertEqual(self.read("file"), DATA)

    def test_gets_in_segments(self):
        self.write("file", DATA)
        self.lftp("pget -n 5 file")
        self.assertEqual(self.got("file"), DATA)

    def test_keeps_times(self):
        os.utime(self.local("file"), (0, 1_000_000_000))
        self.lftp("mirror -R --include=^file$ . /")
        self.assertEqual(os.stat(self.path("file")).st_mtime, 1_000_000_000)

    def test_does_the_small_things(self):
        self.write("file", b"x")
        self.lftp("mkdir dir; mv file dir/moved; chmod 600 dir/moved; cls -1; ls dir; "
                  "cat dir/moved; mkdir -p a/b/c; rm dir/moved; rmdir dir; rm -r a")
        self.assertEqual(self.entries(), [])

    def test_works_through_odd_names(self):
        names = ["with space", "-dash", 'quo"te', "semi;colon", "[x]", "ümlaut", "#hash", "a%20b",
                 "~t"]
        for name in names:
            self.local("up/" + name, name.encode())
        self.lftp("mirror -R up /copy; mirror /copy down")
        self.assertEqual(sorted(os.listdir(self.home / "down")), sorted(names))
        for name in names:
            self.assertEqual(self.got("down/" + name), name.encode())

    def test_fails_where_it_should(self):
        self.lftp("get missing", status=1)


class Ncftp(ClientTest):
    def login(self):
        return ["-u", USER, "-p", PASSWORD, "-P", self.port]

    @need("ncftpget")
    def test_gets_in_each_way(self):
        self.write("file", DATA)
        for way in ("-F", "-E"):
            with self.subTest(way):
                self.client("ncftpget", way, "-V", *self.login(), "127.0.0.1", ".", "/file")
                self.assertEqual(self.got("file"), DATA)
                (self.home / "file").unlink()

    @need("ncftpput")
    def test_puts_in_each_way(self):
        self.local("file")
        for way in ("-F", "-E"):
            with self.subTest(way):
                self.client("ncftpput", way, "-V", *self.login(), "127.0.0.1", "/", "file")
                self.assertEqual(self.read("file"), DATA)
                os.unlink(self.path("file"))

    @need("ncftpput")
    def test_moves_trees(self):
        tree = self.make_tree(self.home / "up")
        self.client("ncftpput", "-R", "-V", *self.login(), "127.0.0.1", "/", "up")
        self.assert_tree(self.path("up"), tree)
        self.client("ncftpget", "-R", "-V", *self.login(), "127.0.0.1", "down", "/up", status=None)
        (self.home / "down").mkdir(exist_ok=True)
        self.client("ncftpget", "-R", "-V", *self.login(), "127.0.0.1", "down", "/up")
        self.assert_tree(self.home / "down/up", tree)

    @need("ncftpget")
    def test_goes_on_where_it_was(self):
        self.write("file", DATA)
        self.local("file", DATA[:500_000])
        self.client("ncftpget", "-z", "-V", *self.login(), "127.0.0.1", ".", "/file")
        self.assertEqual(self.got("file"), DATA)

    @need("ncftpls")
    def test_lists(self):
        self.write("file", b"12345")
        os.mkdir(self.path("dir"))
        for options in (("-1",), ("-l",), ("-m",)):
            with self.subTest(options):
                said = self.client("ncftpls", *options, *self.login(), "ftp://127.0.0.1/").stdout
                self.assertIn(b"file", said)
                self.assertIn(b"dir", said)


@need("tnftp")
class Tnftp(ClientTest):
    def tnftp(self, *lines, options=()):
        script = "\n".join([f"open 127.0.0.1 {self.port}", f"user {USER} {PASSWORD}", *lines,
                            "quit", ""])
        return self.client("tnftp", "-n", "-i", "-V", *options, input=script.encode())

    def test_gets_and_puts_in_each_way(self):
        self.write("file", DATA)
        self.local("up")
        for index, options in enumerate(((), ("-A",), ("-p",))):
            with self.subTest(options):
                self.tnftp("binary", f"get file down{index}", f"put up up{index}", options=options)
                self.assertEqual(self.got(f"down{index}"), DATA)
                self.assertEqual(self.read(f"up{index}"), DATA)

    def test_goes_on_with_a_get(self):
        self.write("file", DATA)
        self.local("file", DATA[:500_000])
        self.tnftp("binary", "reget file")
        self.assertEqual(self.got("file"), DATA)

    def test_takes_many(self):
        for name in ("a.txt", "b.txt", "c.bin"):
            self.write(name, name.encode())
        self.tnftp("binary", "mget *.txt")
        self.assertEqual(sorted(os.listdir(self.home)), ["a.txt", "b.txt"])
        self.tnftp("binary", "mkdir dir", "cd dir", "mput *.txt")
        self.assertEqual(self.entries("dir"), [b"a.txt", b"b.txt"])

    def test_does_the_small_things(self):
        self.write("file", b"12345")
        said = self.tnftp("binary", "pwd", "ls", "nlist", "mlsd", "mlst file", "size file",
                          "modtime file",
                          "rename file moved", "mkdir dir", "chmod 600 moved", "rmdir dir",
                          "system",
                          "status", "rstatus", "features", "delete moved").stdout
        for word in (b"directory: /", b"file", b"UNIX"):
            self.assertIn(word, said)
        self.assertEqual(self.entries(), [])

    def test_takes_urls(self):
        self.write("file", DATA)
        self.client("tnftp", "-V", "-o", "down", self.url("file"))
        self.assertEqual(self.got("down"), DATA)
        self.local("up")
        self.client("tnftp", "-V", "-u", self.url("up"), "up")
        self.assertEqual(self.read("up"), DATA)


if __name__ == "__main__":
    unittest.main()
