"""drop, the framed form: whole files under their names or none, and uploads that go on."""

import hashlib
import os
import resource
import socket
import struct
import subprocess
import time
import unittest

from harness import (BAD_CIPHER, BAD_DIGEST, BAD_FLAGS, BAD_MAGIC, BAD_NAME, BAD_VERSION, BUSY,
                     DISK_FULL, EXISTS, GO_ON, IO_ERROR, MAGIC, MAY_REPLACE, TOO_LARGE, Reply,
                     ServerTest, arrived, exchange, header, in_parallel, pattern, receive_all,
                     receive_reply, reset, send_file, upload, wait_until)

DATA = pattern(500_000)


def digest(data):
    return hashlib.sha256(data).digest()


class DropTest(ServerTest):
    def begin(self, server, name, size, **fields):
        """A connection that has sent a header, and the reply."""
        client = self.connect(server, "drop")
        client.sendall(header(name, size, **fields))
        return client, receive_reply(client)

    def assert_stored(self, server, name, data):
        self.assertEqual((server.drop_dir / os.fsdecode(name)).read_bytes(), data)

    def assert_refused(self, reply, status):
        self.assertIsNotNone(reply, "closed without a reply")
        self.assertEqual(reply.status, status, reply)
        self.assertTrue(reply.message, "a refusal without a word")

    def unless_busy(self, server):
        """The reply to all of DATA as b"name", or None."""
        reply = upload(server, b"name", DATA)
        if reply.status != BUSY:
            return reply
        time.sleep(0.1)
        return None


class DropFramed(DropTest):
    def test_stores_a_file_under_its_name_and_says_its_size(self):
        server = self.serve("drop")
        self.assertEqual(upload(server, b"data.bin", DATA), Reply(GO_ON, len(DATA), ""))
        self.assert_stored(server, b"data.bin", DATA)
        self.assertEqual(server.stored(), ["data.bin"])

    def test_begins_with_offset_0(self):
        server = self.serve("drop")
        self.assertEqual(self.begin(server, b"new", 10)[1], Reply(GO_ON, 0, ""))

    def test_an_empty_file_is_a_file(self):
        server = self.serve("drop")
        self.assertEqual(upload(server, b"empty", b""), Reply(GO_ON, 0, ""))
        self.assert_stored(server, b"empty", b"")

    def test_takes_several_files_on_one_connection(self):
        server = self.serve("drop")
        with server.connect("drop") as client:
            for number in range(10):
                data = pattern(number * 1000, seed=number)
                reply = send_file(client, b"file-%d" % number, data)
                self.assertEqual(reply, Reply(GO_ON, len(data), ""))
                self.assert_stored(server, b"file-%d" % number, data)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive_all(client), b"")

    def test_takes_all_in_one_packet_and_the_next_file_too(self):
        server = self.serve("drop")
        stream = b"".join(header(b"file-%d" % n, 100) + pattern(100, n) + digest(pattern(100, n))
                          for n in range(3))
        go_on = lambda offset: struct.pack("!BQH", GO_ON, offset, 0)
        self.assertEqual(server.ask("drop", stream), (go_on(0) + go_on(100)) * 3)
        for number in range(3):
            self.assert_stored(server, b"file-%d" % number, pattern(100, number))

    def test_a_byte_at_a_time_will_do(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        for byte in header(b"slow", 3) + b"abc" + digest(b"abc"):
            client.sendall(bytes([byte]))
            arrived(client)
            server.settle("drop")
        self.assertEqual(receive_reply(client), Reply(GO_ON, 0, ""))
        self.assertEqual(receive_reply(client), Reply(GO_ON, 3, ""))
        self.assert_stored(server, b"slow", b"abc")

    def test_takes_names_of_every_allowed_kind(self):
        server = self.serve("drop")
        for name in (b"a", b"with blanks and, signs!", "\u00fc\u20ac.txt".encode(), b"\xff\xfe",
                     b"-rf", b"back\\slash", b"n" * 255, b"output_0.txt", b"...dots"[3:], b"a..b"):
            self.assertEqual(upload(server, name, name).status, GO_ON, name)
            self.assert_stored(server, name, name)

    def test_nothing_is_under_the_final_name_before_the_digest(self):
        server = self.serve("drop")
        client, _ = self.begin(server, b"whole", len(DATA))
        client.sendall(DATA + digest(DATA)[:-1])
        arrived(client)
        server.settle("drop")
        self.assertNotIn("whole", server.stored())
        client.sendall(digest(DATA)[-1:])
        self.assertEqual(receive_reply(client).status, GO_ON)
        self.assertEqual(server.stored(), ["whole"])

    def test_many_uploads_at_once_do_not_mix(self):
        server = self.serve("drop")
        contents = {b"name-%d" % n: pattern(200_000 + n, seed=n) for n in range(24)}
        in_parallel([lambda name=name: upload(server, name, contents[name]) for name in contents])
        for name, data in contents.items():
            self.assert_stored(server, name, data)
        self.assertEqual(len(server.stored()), len(contents))

    def test_stores_with_sync_too(self):
        server = self.serve("drop", options=["--sync"])
        self.assertEqual(upload(server, b"synced", DATA).status, GO_ON)
        self.assert_stored(server, b"synced", DATA)

    def test_a_hidden_name_is_taken_where_that_is_allowed(self):
        server = self.serve("drop", options=["--drop-hidden"])
        self.assertEqual(upload(server, b".profile", b"x").status, GO_ON)
        self.assert_stored(server, b".profile", b"x")
        for name in (b".", b".."):
            self.assert_refused(self.begin(server, name, 1)[1], BAD_NAME)
        self.assert_refused(self.begin(server, b".sluice-0123456789abcdef.part", 1)[1], BAD_NAME)


class DropRefuses(DropTest):
    """Every field of the header wrong in turn: a reply, the end, and nothing stored."""

    def check(self, server, status, name=b"name", size=100, **fields):
        client, reply = self.begin(server, name, size, **fields)
        self.assert_refused(reply, status)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")

    def test_a_version_that_it_does_not_speak(self):
        server = self.serve("drop")
        for version in (0, 2, 128, 255):
            self.check(server, BAD_VERSION, version=version)
        self.assertEqual(server.stored(), [])
        self.assert_serves(server)

    def test_a_flag_that_it_does_not_know(self):
        server = self.serve("drop")
        for bit in range(1, 8):
            self.check(server, BAD_FLAGS, flags=1 << bit)
            self.check(server, BAD_FLAGS, flags=1 << bit | MAY_REPLACE)
        self.assertEqual(server.stored(), [])

    def test_a_cipher(self):
        server = self.serve("drop")
        for cipher in (1, 2, 255):
            self.check(server, BAD_CIPHER, cipher=cipher)
        self.assertEqual(server.stored(), [])

    def test_names_that_are_no_single_component_or_unfit_for_a_directory(self):
        server = self.serve("drop")
        for name in (b"", b".", b"..", b"/", b"/etc/passwd", b"../up", b"a/b", b"a/", b"..\0",
                     b"\0", b"a\0b", b"a\nb", b"\n", b"a\rb", b"\x1b[2J", b"tab\t", b"\x7f",
                     b".hidden", b".sluice-0123456789abcdef.part",
                     b"../" * 80 + b"etc/passwd"):
            self.check(server, BAD_NAME, name=name)
        self.assertEqual(server.stored(), [])
        self.assertEqual(sorted(os.listdir(server.directory)), ["drop", "stderr"])
        self.assert_serves(server)

    def test_a_bad_name_does_not_reach_the_log_as_it_is(self):
        server = self.serve("drop")
        self.check(server, BAD_NAME, name=b"evil\n1999-01-01 00:00:00 info drop: well\x1b[2J")
        self.assertNotIn("\x1b", server.log())
        self.assertNotIn("\n1999-01-01", server.log())

    def test_a_size_that_cannot_be(self):
        server = self.serve("drop")
        for size in (1 << 63, (1 << 64) - 1, 1 << 62):
            _, reply = self.begin(server, b"huge", size)
            self.assertIn(reply.status, (DISK_FULL, TOO_LARGE))
        self.assertEqual(server.stored(), [])

    def test_a_size_over_the_largest(self):
        server = self.serve("drop", options=["--drop-max-size", "1000"])
        self.check(server, TOO_LARGE, size=1001)
        self.assertEqual(upload(server, b"fits", pattern(1000)).status, GO_ON)
        self.assertEqual(server.stored(), ["fits"])

    def test_a_wrong_digest_and_forgets_what_came(self):
        server = self.serve("drop")
        for position in (0, 31):
            wrong = bytearray(digest(DATA))
            wrong[position] ^= 1
            client, _ = self.begin(server, b"name", len(DATA))
            client.sendall(DATA + wrong)
            self.assert_refused(receive_reply(client), BAD_DIGEST)
            self.assertEqual(server.stored(), [])
        self.assertEqual(self.begin(server, b"name", len(DATA))[1], Reply(GO_ON, 0, ""))

    def test_bytes_that_were_damaged(self):
        server = self.serve("drop")
        client, _ = self.begin(server, b"name", len(DATA))
        client.sendall(b"X" + DATA[1:] + digest(DATA))
        self.assert_refused(receive_reply(client), BAD_DIGEST)
        self.assertEqual(server.stored(), [])

    def test_a_second_header_that_is_none(self):
        server = self.serve("drop")
        for position in range(8):
            wrong = bytearray(header(b"second", 10))
            wrong[position] ^= 0xFF
            client = self.connect(server, "drop")
            send_file(client, b"first-%d" % position, DATA)
            client.sendall(wrong)
            self.assert_refused(receive_reply(client), BAD_MAGIC)
        self.assertEqual(server.stored(), [f"first-{position}" for position in range(8)])

    def test_more_bytes_than_the_size_said(self):
        server = self.serve("drop")
        client, _ = self.begin(server, b"short", 100)
        client.sendall(pattern(100) + digest(pattern(100)) + b"and more")
        self.assertEqual(receive_reply(client).status, GO_ON)
        self.assert_refused(receive_reply(client), BAD_MAGIC)
        self.assert_stored(server, b"short", pattern(100))

    def test_a_wrong_name_length_shifts_the_rest_and_stores_nothing_wrong(self):
        server = self.serve("drop")
        for length in (0, 1, 3, 5, 255):
            with server.connect("drop") as client:
                exchange(client, header(b"name", 20, name_length=length) + pattern(20)
                         + digest(pattern(20)))
        self.assertEqual([name for name in server.stored() if not name.startswith(".")], [])
        self.assert_serves(server)

    def test_a_header_that_ends_anywhere_without_a_trace(self):
        server = self.serve("drop")
        whole = header(b"name", 20)
        for end in range(8, len(whole)):
            self.assertEqual(server.ask("drop", whole[:end]), b"")
        self.assertEqual(server.stored(), [])
        self.assert_serves(server)

    def test_headers_of_random_bytes(self):
        server = self.serve("drop")
        for seed in range(100):
            server.ask("drop", MAGIC + pattern(200, seed))
        for seed in range(100):
            server.ask("drop", MAGIC + b"\1\0\0" + pattern(200, seed))
        self.assertEqual([name for name in server.stored() if not name.startswith(".")], [])
        self.assert_serves(server)

    def test_and_the_reply_arrives_although_the_client_sends_on(self):
        server = self.serve("drop")
        client = self.connect(server, "drop")
        client.sendall(header(b"a/b", len(DATA)) + DATA)
        self.assert_refused(receive_reply(client), BAD_NAME)


class DropSameName(DropTest):
    def test_a_second_upload_of_a_name_is_refused_and_the_first_stays(self):
        server = self.serve("drop")
        upload(server, b"name", b"first")
        self.assert_refused(upload(server, b"name", b"second"), EXISTS)
        self.assert_stored(server, b"name", b"first")
        self.assertEqual(server.stored(), ["name"])

    def test_replaces_where_the_flag_says_so(self):
        server = self.serve("drop")
        upload(server, b"name", DATA)
        self.assertEqual(upload(server, b"name", b"second", flags=MAY_REPLACE).status, GO_ON)
        self.assert_stored(server, b"name", b"second")
        self.assertEqual(upload(server, b"new", b"third", flags=MAY_REPLACE).status, GO_ON)
        self.assertEqual(server.stored(), ["name", "new"])

    def test_the_old_file_stays_until_the_new_one_is_whole(self):
        server = self.serve("drop")
        upload(server, b"name", b"old")
        client, _ = self.begin(server, b"name", len(DATA), flags=MAY_REPLACE)
        client.sendall(DATA[:-1])
        arrived(client)
        server.settle("drop")
        self.assert_stored(server, b"name", b"old")
        reset(client)
        server.wait_for_log("reset by peer")
        self.assert_stored(server, b"name", b"old")

    def test_never_replaces_a_directory(self):
        server = self.serve("drop")
        (server.drop_dir / "folder").mkdir()
        self.assert_refused(upload(server, b"folder", b"x"), EXISTS)
        self.assert_refused(upload(server, b"folder", b"x", flags=MAY_REPLACE), EXISTS)

    def test_a_symbolic_link_is_never_followed(self):
        server = self.serve("drop")
        target = server.directory / "outside"
        target.write_bytes(b"precious")
        (server.drop_dir / "link").symlink_to(target)
        self.assert_refused(upload(server, b"link", b"x"), EXISTS)
        self.assertEqual(upload(server, b"link", b"x", flags=MAY_REPLACE).status, GO_ON)
        self.assertEqual(target.read_bytes(), b"precious")

    def test_of_two_at_once_the_first_to_be_whole_gets_the_name(self):
        server = self.serve("drop")
        one, _ = self.begin(server, b"name", 1000, identity=b"1" * 16)
        two, _ = self.begin(server, b"name", 2000, identity=b"2" * 16)
        two.sendall(pattern(1000, 2))
        one.sendall(pattern(1000, 1) + digest(pattern(1000, 1)))
        self.assertEqual(receive_reply(one).status, GO_ON)
        two.sendall(pattern(2000, 2)[1000:] + digest(pattern(2000, 2)))
        self.assert_refused(receive_reply(two), EXISTS)
        self.assert_stored(server, b"name", pattern(1000, 1))

    def test_of_two_at_once_that_may_replace_the_last_to_be_whole_stays(self):
        server = self.serve("drop")
        one, _ = self.begin(server, b"name", 1000, identity=b"1" * 16, flags=MAY_REPLACE)
        two, _ = self.begin(server, b"name", 2000, identity=b"2" * 16, flags=MAY_REPLACE)
        for client, data in ((one, pattern(1000, 1)), (two, pattern(2000, 2))):
            client.sendall(data + digest(data))
            self.assertEqual(receive_reply(client).status, GO_ON)
        self.assert_stored(server, b"name", pattern(2000, 2))
        self.assertEqual(server.stored(), ["name"])

    def test_the_same_upload_twice_at_once_is_busy_and_the_first_goes_on(self):
        server = self.serve("drop")
        client, _ = self.begin(server, b"name", len(DATA))
        client.sendall(DATA[:1000])
        self.assert_refused(self.begin(server, b"name", len(DATA))[1], BUSY)
        client.sendall(DATA[1000:] + digest(DATA))
        self.assertEqual(receive_reply(client).status, GO_ON)
        self.assert_stored(server, b"name", DATA)


    def test_a_silent_connection_gives_way_to_the_same_upload_after_a_while(self):
        server = self.serve("drop")
        silent, _ = self.begin(server, b"name", len(DATA))
        silent.sendall(DATA[:1000])
        reply = wait_until(lambda: self.unless_busy(server), "the silent one to give way")
        self.assertEqual(reply, Reply(GO_ON, len(DATA), ""))
        self.assert_stored(server, b"name", DATA)
        with self.assertRaises(ConnectionResetError):
            silent.recv(100)


class DropResume(DropTest):
    def break_off(self, server, name, data, sent, rudely, size=None):
        """An upload that ends after `sent` bytes of contents and digest, and the server knows."""
        client, reply = self.begin(server, name, len(data) if size is None else size)
        self.assertEqual(reply.status, GO_ON)
        client.sendall((data + digest(data))[reply.offset:sent])
        arrived(client)
        server.settle("drop")
        if rudely:
            reset(client)
        else:
            client.close()
        server.settle("drop")

    def begin_again(self, server, name, size):
        """As begin(), once the server has noticed the end of the connection before."""

        def try_once():
            client, reply = self.begin(server, name, size)
            return None if reply.status == BUSY else (client, reply)

        return wait_until(try_once, "the connection before to be gone")

    def resume(self, server, name, data):
        """Goes on with it; returns the offset that the server knew of."""
        client, reply = self.begin_again(server, name, len(data))
        self.assertEqual(reply.status, GO_ON, reply)
        client.sendall(data[reply.offset:] + digest(data))
        self.assertEqual(receive_reply(client), Reply(GO_ON, len(data), ""))
        self.assert_stored(server, name, data)
        return reply.offset

    def test_goes_on_where_a_fin_or_a_reset_broke_it_off(self):
        server = self.serve("drop")
        size = len(DATA)
        for rudely in (False, True):
            for sent in (0, 1, 999, 65_536, size // 2, size - 1, size, size + 1, size + 31):
                name = b"broken-%d-%d" % (rudely, sent)
                self.break_off(server, name, DATA, sent, rudely)
                self.assertNotIn(name.decode(), server.stored())
                self.assertEqual(self.resume(server, name, DATA), min(sent, size))
        self.assertEqual([name for name in server.stored() if name.startswith(".")], [])

    def test_goes_on_after_several_breaks(self):
        server = self.serve("drop")
        for sent in (100, 5000, 5001, 400_000):
            self.break_off(server, b"name", DATA, sent, rudely=False)
        self.assertEqual(self.resume(server, b"name", DATA), 400_000)

    def test_goes_on_after_the_server_was_killed(self):
        server = self.serve("drop")
        client, _ = self.begin(server, b"name", len(DATA))
        client.sendall(DATA[:300_000])
        arrived(client)
        server.settle("drop")
        server.kill()
        server.restart()
        self.assertEqual(self.resume(server, b"name", DATA), 300_000)

    def test_goes_on_after_the_server_was_ended_in_the_middle(self):
        server = self.serve("drop", options=["--drain", "0"])
        client, _ = self.begin(server, b"name", len(DATA))
        client.sendall(DATA[:300_000])
        arrived(client)
        server.settle("drop")
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("name", server.stored())
        server.restart()
        self.assertEqual(self.resume(server, b"name", DATA), 300_000)

    def test_hashes_a_long_prefix_while_the_rest_comes(self):
        server = self.serve("drop")
        data = pattern(8 << 20)
        self.break_off(server, b"name", data, 7 << 20, rudely=False)
        server.wait_for_log(f"closed by peer after {7 << 20} of")  # it may be reading still
        rest = header(b"name", len(data)) + data[7 << 20:] + digest(data)
        self.assertEqual(server.ask("drop", rest), struct.pack("!BQH", GO_ON, 7 << 20, 0)
                         + struct.pack("!BQH", GO_ON, len(data), 0))
        self.assert_stored(server, b"name", data)

    def test_a_reset_while_a_long_prefix_is_hashed_harms_nothing(self):
        server = self.serve("drop")
        data = pattern(8 << 20)
        self.break_off(server, b"name", data, 7 << 20, rudely=False)
        for _ in range(3):
            client, reply = self.begin_again(server, b"name", len(data))
            self.assertEqual(reply.offset, 7 << 20)
            reset(client)
        self.assertEqual(self.resume(server, b"name", data), 7 << 20)

    def test_other_contents_under_the_same_id_are_found_out_and_forgotten(self):
        server = self.serve("drop")
        other = pattern(len(DATA), seed=9)
        self.break_off(server, b"name", other, 100_000, rudely=False)
        client, reply = self.begin(server, b"name", len(DATA))
        self.assertEqual(reply.offset, 100_000)
        client.sendall(DATA[100_000:] + digest(DATA))
        self.assert_refused(receive_reply(client), BAD_DIGEST)
        self.assertEqual(server.stored(), [])
        self.assertEqual(self.resume(server, b"name", DATA), 0)

    def test_a_partial_longer_than_the_file_is_begun_anew(self):
        server = self.serve("drop")
        client, _ = self.begin(server, b"long", 1000, identity=b"i" * 16)
        client.sendall(pattern(900))
        arrived(client)
        server.settle("drop")
        client.close()
        server.settle("drop")
        client, reply = self.begin(server, b"short", 500, identity=b"i" * 16)
        self.assertEqual(reply, Reply(GO_ON, 0, ""))
        client.sendall(pattern(500, 3) + digest(pattern(500, 3)))
        self.assertEqual(receive_reply(client).status, GO_ON)
        self.assert_stored(server, b"short", pattern(500, 3))

    def test_another_id_begins_at_0(self):
        server = self.serve("drop")
        self.break_off(server, b"name", DATA, 1000, rudely=False)
        _, reply = self.begin(server, b"name", len(DATA), identity=b"another file now"[:16])
        self.assertEqual(reply, Reply(GO_ON, 0, ""))

    def test_two_in_one_packet_go_on(self):
        server = self.serve("drop")
        files = {b"one": pattern(1000, 1), b"two": pattern(1000, 2)}
        for count, (name, data) in enumerate(files.items(), 1):
            self.break_off(server, name, data, 500, rudely=False)
            server.wait_for_log("kept", count)
        client = self.connect(server, "drop")
        client.settimeout(10)
        client.sendall(b"".join(header(name, len(data)) + data[500:] + digest(data)
                                for name, data in files.items()))
        self.assertEqual([receive_reply(client) for _ in range(4)],
                         [Reply(GO_ON, 500, ""), Reply(GO_ON, 1000, "")] * 2)
        for name, data in files.items():
            self.assert_stored(server, name, data)

    def test_what_was_broken_off_is_no_client_served_but_what_went_on_is(self):
        server = self.serve("drop", options=["--drop-clients", "1"])
        self.break_off_and_notice(server)
        reply = wait_until(lambda: self.unless_busy(server), "the end of the first")
        self.assertEqual(reply, Reply(GO_ON, len(DATA), ""))
        self.assertEqual(server.wait(), 0)
        self.assert_stored(server, b"name", DATA)
        self.assertEqual(server.stored(), ["name"])

    def break_off_and_notice(self, server):
        """A reset after 1,000 bytes that the server has read, and logged. It may serve one client
        only at a time, so no other connection tells that it has."""
        client, _ = self.begin(server, b"name", len(DATA))
        client.sendall(DATA[:1000])
        partial = lambda: sum((server.drop_dir / name).stat().st_size for name in server.stored())
        wait_until(lambda: partial() == 1000, "the bytes to be written")
        reset(client)
        server.wait_for_log("reset by peer")

    def test_the_log_tells_that_it_is_kept(self):
        server = self.serve("drop")
        self.break_off(server, b"name", DATA, 1000, rudely=False)
        server.wait_for_log(f"name: closed by peer after 1000 of {len(DATA)} bytes, kept")

    def test_a_restart_removes_what_nobody_will_resume(self):
        server = self.serve("drop")
        folder, week = server.drop_dir, 7 * 24 * 3600
        for name, age in ((".sluice-0123456789abcdef.part", 0),
                          (".sluice-" + "0" * 32 + ".part", week + 3600),
                          (".sluice-" + "1" * 32 + ".part", week - 3600),
                          (".other", week * 2), ("plain.part", week * 2)):
            (folder / name).write_bytes(b"x")
            os.utime(folder / name, (time.time() - age,) * 2)
        server.restart()
        self.assertEqual(server.stored(),
                         sorted([".sluice-" + "1" * 32 + ".part", ".other", "plain.part"]))
        server.wait_for_log("removed 2 unfinished files")


class DropFullDisk(DropTest):
    LIMIT = 300_000

    def limited(self):
        """A server none of whose files can grow over LIMIT, as at the edge of a full disk."""
        return self.serve("drop", preexec=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (self.LIMIT, self.LIMIT)))

    def small_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        server = self.serve("drop")
        small = server.directory / "small"
        small.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a small disk here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", small], check=True)
        return self.serve("drop", where=small)

    def test_a_framed_upload_is_told_and_leaves_nothing(self):
        server = self.limited()
        client, reply = self.begin(server, b"large", len(DATA))
        self.assertEqual(reply.status, GO_ON)
        client.sendall(DATA + digest(DATA))
        self.assertIn(receive_reply(client).status, (DISK_FULL, TOO_LARGE))
        self.assertEqual(server.stored(), [])
        self.assert_serves(server)

    def test_a_raw_upload_is_told_and_leaves_nothing(self):
        server = self.limited()
        self.assertTrue(server.ask("drop", DATA).startswith(b"error: "))
        self.assertEqual(server.stored(), [])
        self.assert_serves(server)

    def test_a_client_that_sends_on_for_long_still_hears_why(self):
        server = self.limited()
        client, _ = self.begin(server, b"large", 8 << 20)
        client.settimeout(10)
        try:
            client.sendall(pattern(8 << 20))
        except OSError:
            pass  # the reply came before the reset
        self.assertIn(receive_reply(client).status, (DISK_FULL, TOO_LARGE))
        self.assert_serves(server)

    def test_others_are_stored_meanwhile(self):
        server = self.limited()
        client, _ = self.begin(server, b"large", len(DATA))
        client.sendall(DATA[:self.LIMIT])
        self.assertEqual(upload(server, b"small", DATA[:1000]).status, GO_ON)
        client.sendall(DATA[self.LIMIT:])
        self.assertIn(receive_reply(client).status, (DISK_FULL, TOO_LARGE))
        self.assertEqual(server.stored(), ["small"])

    def test_what_does_not_fit_is_refused_before_the_first_byte(self):
        server = self.small_disk()
        self.assert_refused(self.begin(server, b"large", 2 << 20)[1], DISK_FULL)
        self.assertEqual(server.stored(), [])
        self.assert_serves(server)

    def test_a_disk_that_fills_up_meanwhile_is_an_error_to_the_client(self):
        server = self.small_disk()
        client, reply = self.begin(server, b"large", 600_000)
        self.assertEqual(reply.status, GO_ON)
        (server.drop_dir / "filler").write_bytes(bytes(700_000))
        client.sendall(pattern(600_000) + digest(pattern(600_000)))
        self.assert_refused(receive_reply(client), DISK_FULL)
        self.assertEqual(server.stored(), ["filler"])
        self.assertTrue(server.ask("drop", DATA).startswith(b"error: "))
        self.assertEqual(server.stored(), ["filler"])
        os.remove(server.drop_dir / "filler")
        self.assertEqual(upload(server, b"large", pattern(600_000)).status, GO_ON)
        self.assert_stored(server, b"large", pattern(600_000))

    def test_a_directory_that_vanishes_is_an_error_to_the_client(self):
        server = self.serve("drop")
        server.drop_dir.rmdir()
        self.assert_refused(self.begin(server, b"name", 100)[1], IO_ERROR)
        self.assertTrue(server.ask("drop", b"raw").startswith(b"error: "))
        self.assertIsNone(server.process.poll())


if __name__ == "__main__":
    unittest.main()
