"""`sluice get -r` and `sluice put -r`: whole trees over several connections, and --delete."""

import os
import pathlib
import threading
import unittest

from ftp_client_support import (FAILED, FULL, LOGIN, NETWORK, NO_FILE, USAGE, Drop,
                                FtpClientTest, reset_data)
from harness import pattern, wait_until

OLD = 1_500_000_000
TREE = {"a": b"A", "empty": b"", "big": pattern(200_000), "sub/b": b"B", "sub/deep/c": b"C",
        ".hidden": b"h", "sub/.h/x": b"x", "a b": b"blank", "-r": b"dash",
        "\u00fc\uac00": b"korean"}


class TreeTest(FtpClientTest):

    def make_tree(self, where, tree=None, modified=OLD):
        for name, content in (TREE if tree is None else tree).items():
            path = pathlib.Path(where) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (modified, modified))

    def there(self, name="."):
        return pathlib.Path(os.fsdecode(self.path(name)))

    def assert_same_trees(self, one, other):
        self.assertEqual(self.tree_of(one), self.tree_of(other))
        for path in pathlib.Path(one).rglob("*"):
            if path.is_file():
                self.assertEqual(int(path.stat().st_mtime),
                                 int((pathlib.Path(other) / path.relative_to(one)).stat().st_mtime))


class GetTree(TreeTest):

    def test_everything_arrives_with_its_time(self):
        self.make_tree(self.there("tree"))
        self.there("tree/void").mkdir()
        for parallel in (1, 3, 8):
            self.get("-r", "-P", parallel, self.url("tree"), "-o", f"copy{parallel}")
            self.assert_same_trees(self.there("tree"), self.here / f"copy{parallel}")

    def test_directory_has_the_name_of_the_last_component(self):
        self.make_tree(self.there("some/tree"))
        self.get("-r", self.url("some/tree/"))
        self.assert_same_trees(self.there("some/tree"), self.here / "tree")

    def test_root_goes_into_the_working_directory(self):
        self.make_tree(self.there())
        self.get("-r", self.url())
        self.assert_same_trees(self.there(), self.here)

    def test_what_is_the_same_is_not_fetched_again(self):
        self.make_tree(self.there())
        self.get("-r", self.url(), "-o", "copy")
        self.serve_file("a", b"Z", OLD)  # the same in size and time
        self.serve_file("sub/b", b"B2", OLD)
        self.serve_file("sub/deep/c", b"D", OLD + 1)
        os.utime(self.here / "copy/empty", (OLD - 5, OLD - 5))
        done = self.get("-r", "--verbose", self.url(), "-o", "copy")
        fetched = sorted(line for line in done.stdout.splitlines() if line.startswith("get "))
        self.assertEqual(fetched, ["get empty", "get sub/b", "get sub/deep/c"])
        self.assertEqual((self.here / "copy/a").read_bytes(), b"A")
        self.assertEqual((self.here / "copy/sub/deep/c").read_bytes(), b"D")

    def test_listing_tells_size_and_time(self):
        with self.fake({"/a": (b"A", OLD), "/d/b": (b"B", OLD)}, ["/d"]) as server:
            self.get("-r", server.url(), "-o", "copy")
            self.assertEqual([line for line in server.log if line[:4] in ("SIZE", "MDTM", "CWD ")],
                             [])
        self.assertEqual(self.tree_of(self.here / "copy"), {"a": b"A", "d": None, "d/b": b"B"})

    def test_links_are_left_out_with_a_word(self):
        self.make_tree(self.there("tree"), {"file": b"1"})
        listing = (b"type=OS.unix=slink:/etc; link\r\ntype=OS.unix=chr-1/3; null\r\n"
                   b"type=file;size=1; file\r\n")
        with self.fake({"/file": (b"1", OLD)}, MLSD=lambda s, a: s.send(listing)) as server:
            self.assertIn("link", self.get("-r", "--verbose", server.url(), "-o", "copy").stderr)
        self.assertEqual(self.tree_of(self.here / "copy"), {"file": b"1"})

    def test_link_here_leads_nowhere(self):
        outside = self.make("outside/kept", b"kept").parent
        (self.here / "copy").mkdir()
        (self.here / "copy/dir").symlink_to(outside)
        (self.here / "copy/file").symlink_to(outside / "kept")
        self.make_tree(self.there(), {"dir/evil": b"1", "file": b"new"})
        self.get("-r", self.url(), "-o", "copy", status=FAILED)
        self.assertEqual(self.tree_of(outside), {"kept": b"kept"})
        self.assertEqual((self.here / "copy/file").read_bytes(), b"new")

    def test_names_that_lead_elsewhere_are_not_written(self):
        listing = (b"type=file;size=1; ../up\r\ntype=file;size=1; ..\r\ntype=dir; /etc\r\n"
                   b"type=file;size=1; a\x1bb\r\ntype=file;size=1; good\r\n")
        with self.fake({"/good": (b"1", OLD)}, MLSD=lambda s, a: s.send(listing)) as server:
            self.get("-r", server.url(), "-o", "copy", status=FAILED)
        self.assertEqual(self.tree_of(self.here), {"copy": None, "copy/good": b"1"})

    def test_first_error_does_not_stop_the_rest(self):
        files = {"/a": (b"A", OLD), "/bad": (b"B", OLD), "/z": (b"Z", OLD)}

        def retrieve(session, argument):
            if "bad" in argument:
                return "550 no such file"
            return session.send(files["/" + argument][0])

        with self.fake(files, RETR=retrieve) as server:
            done = self.get("-r", server.url(), "-o", "copy", status=NO_FILE)
        self.assertIn("bad", done.stderr)
        self.assertEqual(self.names_here("copy"), ["a", "z"])

    def test_missing_directory_has_its_status_and_makes_nothing(self):
        self.get("-r", self.url("missing"), status=NO_FILE)
        with self.fake(features=[]) as server:  # LIST of what is not there is empty
            self.get("-r", server.url("missing"), status=NO_FILE)
        self.assertEqual(self.names_here(), [])

    def test_both_a_file_and_its_part(self):
        for parallel in (1, 4):
            tree = {"a": b"A" * 9, "a.part": b"P" * 8, "a.part.part": b"Q" * 7}
            self.make_tree(self.there(), tree)
            self.get("-r", "-P", parallel, self.url(), "-o", f"copy{parallel}")
            self.assertEqual(self.tree_of(self.here / f"copy{parallel}"), tree)

    def test_files_that_are_fetched_at_once_have_parts_of_their_own(self):
        tree = {"a": b"A" * 9, "a.part": b"P" * 8, "a.part.part": b"Q" * 7, "a.1": b"1" * 6}

        def retrieve(session, argument):
            session.say("150 here it comes")
            content = tree[argument.lstrip("/")]
            with session.data() as connection:
                connection.sendall(content[:4])
                wait_until(lambda: len(self.names_here("copy")) == len(tree), "a part of each")
                connection.sendall(content[4:])
            return "226 sent"

        there = {f"/{name}": (content, OLD) for name, content in tree.items()}
        with self.fake(there, RETR=retrieve) as server:
            self.get("-r", "-P", 4, server.url(), "-o", "copy")
        self.assertEqual(self.tree_of(self.here / "copy"), tree)

    def test_name_given_twice_is_one_file(self):
        listing = b"type=file;size=1; a\r\n" * 50
        with self.fake({"/a": (b"A", OLD)}, MLSD=lambda s, a: s.send(listing)) as server:
            self.get("-r", "-P", "4", server.url(), "-o", "copy")
            self.assertEqual(len(server.asked("RETR")), 1)

    def test_directory_in_itself_without_end_is_left(self):
        with self.fake(MLSD=lambda s, a: s.send(b"type=dir; d\r\n")) as server:
            done = self.get("-r", server.url(), "-o", "copy", status=FAILED)
            self.assertLess(len(server.asked("MLSD")), 100)
        self.assertIn("deeper", done.stderr)

    def test_too_many_entries_are_too_many(self):
        def listing(session, _):
            session.say("150 many")
            with session.data() as connection:
                for first in range(0, 2_000_000, 10_000):
                    connection.sendall(b"".join(b"type=file;size=0; %07d\r\n" % number for number
                                                in range(first, first + 10_000)))
            return "226 so many"

        with self.fake(MLSD=listing) as server:
            done = self.get("-r", server.url(), "-o", "copy", status=FAILED)
        self.assertIn("1000000", done.stderr)
        self.assertEqual(self.names_here(), [])

    def test_dry_run_changes_nothing(self):
        self.make_tree(self.there(), {"a": b"A", "d/b": b"B"})
        done = self.get("-r", "--dry-run", self.url(), "-o", "copy")
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["get a", "get d/b", "mkdir copy", "mkdir d"])
        self.assertEqual(self.names_here(), [])

    def test_resume(self):
        self.make("copy/a.part", b"1234")
        self.make("copy/b", b"12")
        files = {"/a": (b"12345678", OLD), "/b": (b"12345678", OLD)}
        with self.fake(files) as server:
            self.get("-r", "-C", server.url(), "-o", "copy")
            self.assertEqual(sorted(server.asked("REST")), ["REST 2", "REST 4"])
        self.assertEqual(self.tree_of(self.here / "copy"), {"a": b"12345678", "b": b"12345678"})

    def test_file_where_a_directory_is_due_and_the_other_way_round(self):
        self.make("copy/d", b"file")
        self.make("copy/f/inner", b"kept")
        self.make_tree(self.there(), {"d/x": b"1", "f": b"2", "good": b"3"})
        self.get("-r", "--delete", self.url(), "-o", "copy", status=FAILED)
        self.assertEqual(self.tree_of(self.here / "copy"),
                         {"d": b"file", "f": None, "f/inner": b"kept", "good": b"3"})

    def test_usage(self):
        self.get("-r", self.url(), "-o", "-", status=USAGE)
        self.get("-r", self.url(), "-P", "0", status=USAGE)


class GetDelete(TreeTest):

    def setUp(self):
        super().setUp()
        self.make_tree(self.here / "copy", {"a": b"A", "old": b"1", "dir/x": b"2", "sub/old": b"3",
                                            "sub/b": b"B"})

    def test_what_the_source_lacks_goes(self):
        (self.here / "copy/link").symlink_to("/etc")
        (self.here / "copy/dir/link").symlink_to(self.here)
        self.make_tree(self.there(), {"a": b"A", "sub/b": b"B"})
        self.get("-r", "--delete", self.url(), "-o", "copy")
        self.assertEqual(self.tree_of(self.here / "copy"), {"a": b"A", "sub": None, "sub/b": b"B"})
        self.assertTrue(self.here.exists())

    def test_without_it_everything_stays(self):
        self.make_tree(self.there(), {"a": b"A"})
        self.get("-r", self.url(), "-o", "copy")
        self.assertEqual(self.names_here("copy"), ["a", "dir", "old", "sub"])

    def test_dry_run_only_says_it(self):
        self.make_tree(self.there(), {"a": b"A", "sub/b": b"B"})
        done = self.get("-r", "--delete", "--dry-run", self.url(), "-o", "copy")
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["delete dir", "delete old", "delete sub/old"])
        self.assertEqual(self.names_here("copy"), ["a", "dir", "old", "sub"])

    def test_bad_line_keeps_its_directory_as_it_is(self):
        def listing(session, argument):
            if argument:
                return session.send(b"type=file;size=1;modify=20170714024000; b\r\n")
            return session.send(b"type=dir; sub\r\nthis is no line\r\n")

        with self.fake(MLSD=listing) as server:
            self.get("-r", "--delete", server.url(), "-o", "copy", status=FAILED)
        self.assertEqual(self.names_here("copy"), ["a", "dir", "old", "sub"])
        self.assertEqual(self.names_here("copy/sub"), ["b"])

    def test_failed_listing_keeps_everything(self):
        def listing(session, argument):
            if argument:
                return "550 not for you"
            return session.send(b"type=dir; sub\r\ntype=file;size=1;modify=20170714024000; a\r\n")

        with self.fake(MLSD=listing) as server:
            self.get("-r", "--delete", server.url(), "-o", "copy", status=NO_FILE)
        self.assertEqual(self.names_here("copy"), ["a", "dir", "old", "sub"])

    def test_listing_that_is_cut_off_keeps_everything(self):
        def listing(session, _):
            reset_data(session, b"type=file;size=1;modify=20170714024000; a\r\n")

        with self.fake(MLSD=listing) as server:
            self.get("-r", "--delete", "--retry", "0", server.url(), "-o", "copy", status=NETWORK)
        self.assertEqual(self.names_here("copy"), ["a", "dir", "old", "sub"])

    def test_failed_file_keeps_its_directory(self):
        files = {"/a": (b"A2", OLD), "/sub/b": (b"B", OLD)}
        with self.fake(files, ["/sub"], RETR=lambda s, a: "550 denied") as server:
            self.get("-r", "--delete", server.url(), "-o", "copy", status=FAILED)
        self.assertEqual(self.names_here("copy"), ["a", "dir", "old", "sub"])
        self.assertEqual(self.names_here("copy/sub"), ["b"])

    def test_link_on_the_server_keeps_its_name_here(self):
        listing = b"type=OS.unix=slink; old\r\ntype=file;size=1;modify=20170714024000; a\r\n"
        with self.fake(MLSD=lambda s, a: s.send(listing)) as server:
            self.get("-r", "--delete", server.url(), "-o", "copy")
        self.assertEqual(self.names_here("copy"), ["a", "old"])

    def test_list_that_may_hide_names_does_not_delete_hidden_ones(self):
        self.make("copy/.hidden")
        with self.fake({"/a": (b"A", OLD)}, features=[]) as server:
            self.get("-r", "--delete", server.url(), "-o", "copy")
        self.assertEqual(self.names_here("copy"), [".hidden", "a"])


class PutTree(TreeTest):

    def test_everything_arrives_with_its_time(self):
        self.make_tree(self.here / "tree")
        (self.here / "tree/void").mkdir()
        for parallel in (1, 3, 8):
            self.put("-r", "-P", parallel, "tree", self.url(f"new/place{parallel}"))
            self.assert_same_trees(self.here / "tree", self.there(f"new/place{parallel}"))

    def test_what_is_the_same_is_not_stored_again(self):
        self.make_tree(self.here / "tree")
        self.put("-r", "tree", self.url("copy"))
        self.make("tree/sub/b", b"B2", OLD)
        self.make("tree/a", b"Z", OLD + 1)
        done = self.put("-r", "--verbose", "tree", self.url("copy"))
        stored = sorted(line for line in done.stdout.splitlines() if line.startswith("put "))
        self.assertEqual(stored, ["put a", "put sub/b"])
        self.assert_same_trees(self.here / "tree", self.there("copy"))

    def test_server_that_keeps_no_times_gets_each_file_once(self):
        self.make_tree(self.here / "tree", {"a": b"A", "d/b": b"B"})
        with self.fake(features=["MLST size*;modify*;type*;", "SIZE"]) as server:
            self.put("-r", "tree", server.url("copy"))
            self.put("-r", "tree", server.url("copy"))
            self.assertEqual(len(server.asked("STOR")), 2)

    def test_files_need_no_questions(self):
        self.make_tree(self.here / "tree", {"a": b"A", "b": b"B"})
        with self.fake() as server:
            self.put("-r", "tree", server.url())
            self.assertEqual([line for line in server.log if line[:4] in ("SIZE", "MDTM", "CWD ")],
                             [])
            self.assertEqual(server.files, {"/a": (b"A", OLD), "/b": (b"B", OLD)})

    def test_server_without_mlsd(self):
        self.make_tree(self.here / "tree", {"a": b"A", "d/b": b"B", "d/e/c": b"C", ".h/x": b"x"})
        with self.fake(features=[]) as server:
            self.put("-r", "-P", "2", "tree", server.url("copy"))
            self.assertEqual({name: content for name, (content, _) in server.files.items()},
                             {"/copy/a": b"A", "/copy/d/b": b"B", "/copy/d/e/c": b"C",
                              "/copy/.h/x": b"x"})

    def test_directory_that_a_listing_hides_is_used(self):
        self.make_tree(self.here / "tree", {".h/x": b"x"})
        with self.fake(folders=["/.h"], features=[], LIST=lambda s, a: s.send(b"")) as server:
            self.put("-r", "tree", server.url())
            self.assertEqual(server.files["/.h/x"][0], b"x")

    def test_links_are_left_out_with_a_word(self):
        self.make_tree(self.here / "tree", {"a": b"A"})
        (self.here / "tree/link").symlink_to("/etc/passwd")
        (self.here / "tree/dir").symlink_to("/etc")
        os.mkfifo(self.here / "tree/pipe")
        done = self.put("-r", "--verbose", "tree", self.url("copy"))
        for name in ("link", "dir", "pipe"):
            self.assertIn(name, done.stderr)
        self.assertEqual(self.tree_of(self.there("copy")), {"a": b"A"})

    def test_in_place(self):
        self.make_tree(self.here / "tree", {"a": b"A", "b": b"B"})
        with self.fake() as server:
            self.put("-r", "--in-place", "tree", server.url())
            self.assertEqual(server.asked("RNFR"), [])
            self.assertEqual(server.files, {"/a": (b"A", OLD), "/b": (b"B", OLD)})

    def test_dry_run_changes_nothing(self):
        self.make_tree(self.here / "tree", {"a": b"A", "d/b": b"B"})
        self.serve_file("copy/old")
        before = self.snapshot()
        done = self.put("-r", "--dry-run", "--delete", "tree", self.url("copy"))
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["delete old", "mkdir d", "put a", "put d/b"])
        done = self.put("-r", "--dry-run", "tree", self.url("new"))
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["mkdir d", "mkdir new", "put a", "put d/b"])
        self.assertEqual(self.snapshot(), before)

    def test_first_error_does_not_stop_the_rest(self):
        self.make_tree(self.here / "tree", {"a": b"A", "bad": b"B", "z": b"Z"})

        def store(session, argument):
            return "552 full" if "bad" in argument else session.do_STOR(argument)

        with self.fake(STOR=store) as server:
            self.put("-r", "tree", server.url(), status=FULL)
            self.assertEqual(sorted(server.files), ["/a", "/z"])

    def test_refused_directory_fails_with_all_in_it(self):
        self.make_tree(self.here / "tree", {"a": b"A", "d/b": b"B"})
        with self.fake(MKD=lambda s, a: "550 denied") as server:
            done = self.put("-r", "tree", server.url(), status=FAILED)
            self.assertIn("denied", done.stderr)
            self.assertEqual(sorted(server.files), ["/a"])

    def test_missing_source(self):
        self.put("-r", "missing", self.url("copy"), status=NO_FILE)
        self.assertEqual(self.entries(), [])


class PutDelete(TreeTest):

    def setUp(self):
        super().setUp()
        self.make_tree(self.there("copy"), {"a": b"A", "old": b"1", "dir/x": b"2",
                                            "dir/deep/y": b"3", "sub/old": b"3", "sub/b": b"B"})

    def test_what_the_source_lacks_goes(self):
        self.make_tree(self.here / "tree", {"a": b"A", "sub/b": b"B"})
        self.put("-r", "-P", "3", "--delete", "tree", self.url("copy"))
        self.assert_same_trees(self.here / "tree", self.there("copy"))

    def test_failed_file_keeps_its_directory(self):
        self.make_tree(self.here / "tree", {"a": b"A2", "sub/b": b"B"})
        files = {"/a": (b"A", OLD), "/old": (b"1", OLD), "/sub/b": (b"B", OLD),
                 "/sub/old": (b"2", OLD)}
        with self.fake(files, ["/sub"], STOR=lambda s, a: "553 no") as server:
            self.put("-r", "--delete", "tree", server.url(), status=FAILED)
            self.assertEqual(sorted(server.files), ["/a", "/old", "/sub/b"])

    def test_failed_listing_keeps_everything(self):
        self.make_tree(self.here / "tree", {"a": b"A", "sub/b": b"B"})

        def listing(session, argument):
            return "550 no" if "sub" in argument else session.do_MLSD(argument)

        files = {"/a": (b"A", OLD), "/old": (b"1", OLD)}
        with self.fake(files, ["/sub"], MLSD=listing) as server:
            self.put("-r", "--delete", "tree", server.url(), status=NO_FILE)
            self.assertEqual(sorted(server.files), ["/a", "/old"])

    def test_what_cannot_be_deleted_is_said(self):
        self.make_tree(self.here / "tree", {"a": b"A"})
        files = {"/a": (b"A", OLD), "/d/x": (b"1", OLD), "/old": (b"1", OLD)}

        def delete(session, argument):
            return "550 denied" if argument.startswith("d/") else session.do_DELE(argument)

        with self.fake(files, ["/d"], DELE=delete) as server:
            self.put("-r", "--delete", "tree", server.url(), status=FAILED)
            self.assertEqual(sorted(server.files), ["/a", "/d/x"])


class Sessions(TreeTest):
    """Several connections, of which some fail."""

    files = {f"/{number:03}": (b"%03d" % number, OLD) for number in range(60)}

    def assert_all(self, name="copy"):
        self.assertEqual(self.tree_of(self.here / name),
                         {path[1:]: content for path, (content, _) in self.files.items()})

    def test_no_more_than_told(self):
        busy, most, lock = set(), [0], threading.Lock()
        gate = threading.Barrier(3)

        def retrieve(session, argument):
            with lock:
                busy.add(session)
                most[0] = max(most[0], len(busy))
            if int(argument) < 3:
                gate.wait(30)  # all three at once, or never
            reply = session.send(self.files["/" + argument][0])
            with lock:
                busy.discard(session)
            return reply

        with self.fake(self.files, RETR=retrieve) as server:
            self.get("-r", "-P", "3", server.url(), "-o", "copy")
            self.assertEqual(server.sessions, 3)
        self.assertEqual(most[0], 3)
        self.assert_all()

    def test_refused_session_leaves_the_work_to_the_others(self):
        for refusal in ("530 too many", "421 too many"):
            first = []

            def user(session, _, refusal=refusal, first=first):
                first.append(session)
                return "331 and?" if session is first[0] else refusal

            with self.fake(self.files, USER=user) as server:
                self.get("-r", "-P", "4", server.url(), "-o", refusal[:3])
                wait_until(lambda: server.sessions > 1)
            self.assert_all(refusal[:3])

    def test_refused_first_session_is_the_end(self):
        with self.fake(self.files, USER=lambda s, a: "530 no") as server:
            self.get("-r", "-P", "4", server.url(), "-o", "copy", status=LOGIN)
            self.assertEqual(server.sessions, 1)

    def test_lost_connections_are_made_again(self):
        lost = set()

        def retrieve(session, argument):
            if int(argument) % 20 == 5 and argument not in lost:
                lost.add(argument)
                raise Drop
            return session.send(self.files["/" + argument][0])

        with self.fake(self.files, RETR=retrieve) as server:
            self.get("-r", "-P", "3", server.url(), "-o", "copy")
        self.assertEqual(len(lost), 3)
        self.assert_all()

    def test_file_that_always_breaks_is_given_up(self):
        def retrieve(session, argument):
            if argument == "005":
                raise Drop
            return session.send(self.files["/" + argument][0])

        with self.fake(self.files, RETR=retrieve) as server:
            self.get("-r", "-P", "2", "--retry", "1", server.url(), "-o", "copy", status=NETWORK)
            self.assertEqual(len([line for line in server.log if line == "RETR 005"]), 2)
        self.assertEqual(len(self.names_here("copy")), 59)

    def test_broken_transfer_is_gone_on_with(self):
        content = pattern(300_000)
        broken = []

        def retrieve(session, argument):
            offset, session.offset = session.offset, 0
            if not broken:
                broken.append(1)
                reset_data(session, content[:100_000])
            return session.send(content[offset:])

        with self.fake({"/file": (content, OLD)}, RETR=retrieve) as server:
            self.get("-r", server.url(), "-o", "copy")
            self.assertEqual(server.asked("REST"), ["REST 100000"])
        self.assertEqual(self.tree_of(self.here / "copy"), {"file": content})

    def test_upload_that_broke_is_gone_on_with(self):
        content = pattern(300_000)
        self.make("tree/file", content, OLD)
        broken = []

        def store(session, argument):
            if broken:
                return session.do_STOR(argument)
            broken.append(1)
            session.say("150 go on")
            with session.data() as connection:
                received = connection.recv(1000)
            session.server.files[session.path(argument)] = (received, OLD + 9)
            raise Drop

        with self.fake(STOR=store) as server:
            self.put("-r", "tree", server.url())
            self.assertEqual(len(server.asked("REST")), 1)
            self.assertEqual(server.files, {"/file": (content, OLD)})

    def test_server_that_goes_away_for_good_is_the_end(self):
        gone = []

        def retrieve(session, argument):
            if gone or int(argument) == 7:
                gone.append(1)
                raise Drop
            return session.send(self.files["/" + argument][0])

        def user(session, _):
            if gone:
                raise Drop
            return "331 and?"

        with self.fake(self.files, RETR=retrieve, USER=user) as server:
            self.get("-r", "-P", "2", "--retry", "1", server.url(), "-o", "copy", status=NETWORK)

    def test_hundreds_of_files_over_eight_connections(self):
        tree = {f"d{number % 7}/{number:04}": pattern(number * 7 % 5000, number)
                for number in range(700)}
        self.make_tree(self.here / "tree", tree)
        self.put("-r", "-P", "8", "tree", self.url("copy"))
        self.assert_same_trees(self.here / "tree", self.there("copy"))
        self.get("-r", "-P", "8", self.url("copy"), "-o", "back")
        self.assert_same_trees(self.here / "tree", self.here / "back")


if __name__ == "__main__":
    unittest.main()
