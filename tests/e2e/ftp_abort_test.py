"""FTP: what is said while a transfer runs, and transfers that end too early."""

import contextlib
import os
import socket
import unittest

from harness import arrived, pattern, receive, receive_all, wait_until
from ftp_support import BIG, FtpTest, reset_on_close

DATA = pattern(300_000)


class DuringTransfer(FtpTest):
    def download(self, ftp=None):
        """One that is under way and waits for its client."""
        self.write_big()
        ftp = ftp or self.session()
        return ftp, ftp.begin("RETR big", buffer_size=65536)

    def upload(self, name="new"):
        ftp = self.session()
        return ftp, ftp.begin("STOR " + name)

    def test_stat_tells_of_a_download_at_once(self):
        ftp, data = self.download()
        self.assertRegex(ftp.expect("STAT", 211, 213).text, r"big|\d")
        self.assertEqual(len(receive_all(data)), BIG)
        ftp.reply(226)
        self.assert_in_step(ftp)

    def test_stat_tells_of_an_upload_at_once(self):
        ftp, data = self.upload()
        data.sendall(b"12345")
        ftp.expect("STAT", 211, 213)
        data.close()
        ftp.reply(226)
        self.assertEqual(self.read("new"), b"12345")

    def test_noop_is_answered_at_once(self):
        ftp, data = self.download()
        for _ in range(5):
            ftp.expect("NOOP", 200)
        self.assertEqual(len(receive_all(data)), BIG)
        ftp.reply(226)
        self.assert_in_step(ftp)

    def test_noop_and_stat_are_answered_while_a_listing_stands_still(self):
        names = self.write_links()
        for line in ("LIST", "NLST", "MLSD"):
            with self.subTest(line):
                ftp = self.session()
                data = ftp.begin(line, buffer_size=2048)
                for _ in range(3):
                    ftp.expect("NOOP", 200)
                    self.assertIn("under way", ftp.expect("STAT", 211, 213).text)
                ftp.send("PWD")  # has to wait
                self.assertEqual(receive_all(data).count(names[-1]), 1)
                ftp.reply(226)
                ftp.reply(257)
                self.assert_in_step(ftp)

    def test_quit_waits_for_the_end_of_a_download(self):
        ftp, data = self.download()
        ftp.send("QUIT")
        self.assertEqual(len(receive_all(data)), BIG)
        ftp.reply(226)
        ftp.reply(221)
        self.assertTrue(ftp.is_closed())

    def test_quit_waits_for_the_end_of_an_upload(self):
        ftp, data = self.upload()
        ftp.send("QUIT")
        data.sendall(DATA)
        data.close()
        ftp.reply(226)
        ftp.reply(221)
        self.assertEqual(self.read("new"), DATA)

    def test_every_other_command_is_answered_once(self):
        self.write("other")
        for line in ("PWD", "CWD /", "SIZE other", "MDTM other", "TYPE I", "FEAT", "HELP", "SYST",
                     "MKD dir", "RMD dir", "DELE other", "PASV", "EPSV", "LIST", "RETR other",
                     "STOR again", "NONSENSE", "AUTH TLS", "USER user", "REST 1", "RNFR other",
                     "RNTO x", "STAT /", "MLST", "HASH other", "OPTS UTF8 ON", "SITE HELP",
                     "PORT 1", "ACCT x", "ALLO 1", "PASS x"):
            with self.subTest(line):
                ftp, data = self.upload("upload")
                ftp.send(line, "NOOP", "NOOP")
                data.sendall(DATA)
                data.close()
                codes = [ftp.reply().code for _ in range(4)]
                self.assertEqual(codes.count(226), 1, (line, codes))
                self.assertEqual(codes.count(200) - (line in ("TYPE I", "OPTS UTF8 ON")),
                                 2, (line, codes))
                ftp.expect("NOOP", 200)
                self.assertEqual(self.read("upload"), DATA)
                ftp.close()

    def test_a_line_of_100_kb_is_refused_and_harms_nothing(self):
        ftp, data = self.upload()
        ftp.raw(b"x" * 100_000 + b"\r\n")
        data.sendall(DATA)
        data.close()
        self.assertEqual(sorted(ftp.reply().code for _ in range(2)), [226, 500])
        self.assertEqual(self.read("new"), DATA)
        self.assert_in_step(ftp)

    def test_commands_may_stand_in_line(self):
        self.write("file")
        ftp = self.session()
        ftp.prepare()
        data = ftp.data()
        ftp.send("RETR file", "PWD", "SIZE file", "NOOP")
        self.assertEqual(receive_all(data), b"content")
        codes = [ftp.reply().code for _ in range(5)]
        self.assertEqual(sorted(codes), [150, 200, 213, 226, 257])
        self.assertLess(codes.index(150), codes.index(226))
        self.assertLess(codes.index(257), codes.index(213))

    def test_telnet_commands_alone_do_not_abort(self):
        ftp, data = self.download()
        ftp.raw(b"\xff\xf4\xff\xf2")
        ftp.expect("NOOP", 200)
        self.assertEqual(len(receive_all(data)), BIG)
        ftp.reply(226)

    def test_another_session_is_served(self):
        self.download()
        self.upload()
        self.assert_serves()


class Abort(FtpTest):
    def abort(self, ftp, send):
        """Sends an ABOR in some form, and expects 426 (or 226) and 226."""
        send(ftp)
        ftp.reply((426, 226))
        ftp.reply((225, 226))
        self.assert_in_step(ftp)

    FORMS = {
        "plain": lambda ftp: ftp.send("ABOR"),
        "lower case": lambda ftp: ftp.send("abor"),
        "after IAC IP IAC DM": lambda ftp: ftp.raw(b"\xff\xf4\xff\xf2ABOR\r\n"),
        "urgent, as BSD's client sends it":
            lambda ftp: (ftp.raw(b"\xff\xf4\xff", socket.MSG_OOB), ftp.raw(b"\xf2ABOR\r\n")),
        "urgent, with a data mark":
            lambda ftp: (ftp.raw(b"\xff\xf4"), ftp.raw(b"\xff\xf2", socket.MSG_OOB),
                         ftp.raw(b"ABOR\r\n")),
        "urgent, as ftplib sends it": lambda ftp: ftp.raw(b"ABOR\r\n", socket.MSG_OOB),
        "a byte at a time": lambda ftp: [(ftp.raw(bytes([byte])), arrived(ftp.sock))
                                         for byte in b"ABOR\r\n"],
    }

    def test_ends_a_download_in_every_form(self):
        self.write_big()
        for name, send in self.FORMS.items():
            with self.subTest(name):
                ftp = self.session()
                data = ftp.begin("RETR big", buffer_size=65536)
                self.abort(ftp, send)
                with contextlib.suppress(ConnectionResetError):
                    self.assertLess(len(receive_all(data)), BIG)
                self.assertEqual(len(ftp.fetch("RETR big", rest=BIG - 5)), 5)

    def test_ends_an_upload_in_every_form(self):
        for name, send in self.FORMS.items():
            with self.subTest(name):
                ftp = self.session()
                data = ftp.begin("STOR new")
                data.sendall(b"part")
                arrived(data)
                self.abort(ftp, send)
                ftp.store("STOR new", b"whole")
                self.assertEqual(self.read("new"), b"whole")

    def test_ends_a_transfer_whose_data_connection_never_came(self):
        self.write("file")
        ftp = self.session()
        ftp.prepare()
        ftp.send("RETR file")
        ftp.send("ABOR")
        codes = [ftp.reply().code]
        while codes[-1] not in (225, 226):
            codes.append(ftp.reply().code)
        self.assertTrue(set(codes) <= {150, 125, 425, 426, 225, 226}, codes)
        self.assert_in_step(ftp)
        self.assertEqual(ftp.fetch("RETR file"), b"content")

    def test_of_an_upload_leaves_the_old_file_whole(self):
        self.write("old", b"old and whole")
        ftp = self.session()
        data = ftp.begin("STOR old")
        data.sendall(DATA)
        arrived(data)
        self.abort(ftp, self.FORMS["plain"])
        self.assertEqual(self.read("old"), b"old and whole")
        wait_until(lambda: self.entries() == [b"old"], "the temporary file to go")

    def test_of_a_new_upload_keeps_the_part(self):
        ftp = self.session()
        data = ftp.begin("STOR new")
        data.sendall(b"part")
        wait_until(lambda: self.read("new") == b"part", "the part on the disk")
        self.abort(ftp, self.FORMS["plain"])
        self.assertEqual(self.read("new"), b"part")

    def test_of_a_listing(self):
        for index in range(3000):
            self.write(f"a name that is not too short to fill buffers {index}" + "x" * 150, b"")
        ftp = self.session()
        ftp.begin("LIST", buffer_size=2048)
        ftp.send("ABOR")
        ftp.reply((426, 226))
        ftp.reply((225, 226))
        self.assert_in_step(ftp)

    def test_of_a_listing_that_stands_still(self):
        names = self.write_links()
        for line in ("LIST", "NLST", "MLSD"):
            with self.subTest(line):
                ftp = self.session()
                data = ftp.begin(line, buffer_size=2048)
                ftp.send("ABOR")
                ftp.reply(426)
                ftp.reply(226)
                with contextlib.suppress(ConnectionResetError):
                    self.assertLess(receive_all(data).count(b"\r\n"), len(names))
                self.assert_in_step(ftp)
                self.assertEqual(len(ftp.names()), len(names))

    def test_of_a_digest(self):
        self.write_big("huge", 1 << 37)  # minutes of reading
        self.write("small")
        ftp = self.session()
        for command in ("HASH", "XCRC", "XMD5", "XSHA1", "XSHA256"):
            with self.subTest(command):
                ftp.send(command + " huge", "ABOR")
                ftp.reply(426)
                ftp.reply(226)
                ftp.expect(command + " small", 213, 250)
                self.assert_in_step(ftp)

    def test_of_a_digest_goes_before_what_waits(self):
        self.write_big("huge", 1 << 37)
        ftp = self.session()
        ftp.send("HASH huge", "PWD", "NOOP")
        self.assert_serves()
        ftp.send("ABOR")
        for code in (426, 226, 257, 200):
            ftp.reply(code)
        self.assert_in_step(ftp)

    def test_of_a_digest_leaves_no_descriptor(self):
        self.write_big("huge", 1 << 37)
        ftp = self.session()
        before = self.server.descriptors()
        for _ in range(20):
            ftp.send("HASH huge", "ABOR")
            ftp.reply(426)
            ftp.reply(226)
        self.assertEqual(self.server.descriptors(), before)

    def test_after_the_end_finds_nothing(self):
        self.write("file")
        ftp = self.session()
        ftp.fetch("RETR file")
        ftp.expect("ABOR", 225, 226)
        self.assert_in_step(ftp)

    def test_again_and_again(self):
        self.write_big()
        ftp = self.session()
        before = None
        for _ in range(20):
            ftp.begin("RETR big", buffer_size=65536)
            self.abort(ftp, self.FORMS["plain"])
            before = before or self.server.descriptors()
        self.assertLessEqual(self.server.descriptors(), before)

    def test_keeps_the_commands_behind_it(self):
        self.write_big()
        ftp = self.session()
        ftp.begin("RETR big", buffer_size=65536)
        ftp.send("ABOR", "PWD", "NOOP")
        ftp.reply((426, 226))
        ftp.reply((225, 226))
        ftp.reply(257)
        ftp.reply(200)


class SlowReaders(FtpTest):
    """Clients that let the replies on the control connection wait."""

    def test_a_listing_over_the_control_connection_waits_and_comes_whole(self):
        os.mkdir(self.path("dir"))
        names = self.write_links("dir")
        listed = self.session().fetch("LIST dir")
        ftp = self.session(buffer_size=4096)
        ftp.send("STAT dir", "PWD", "STAT dir", "NOOP")
        self.assert_serves()
        for code in (257, 200):
            reply = ftp.reply((212, 213))
            self.assertEqual(len(reply.lines), len(names) + 2)
            self.assertEqual([line.lstrip() for line in reply.lines[1:-1]],
                             listed.split(b"\r\n")[:-1])
            ftp.reply(code)
        self.assert_in_step(ftp)

    def test_one_that_goes_away_in_it_leaves_no_descriptor(self):
        os.mkdir(self.path("dir"))
        self.write_links("dir")
        self.session()
        before = self.server.descriptors()
        for end in ("fin", "reset"):
            ftp = self.session(buffer_size=4096)
            ftp.send("STAT dir")
            ftp.line()
            self.assert_serves()
            if end == "reset":
                reset_on_close(ftp.sock)
            ftp.sock.close()
        wait_until(lambda: self.server.descriptors() <= before, "the descriptors to be closed")


class LostConnections(FtpTest):
    def test_a_download_whose_client_resets_is_told(self):
        self.write_big()
        ftp = self.session()
        data = ftp.begin("RETR big")
        receive(data, 100_000)
        reset_on_close(data)
        data.close()
        ftp.reply(426)
        self.assert_in_step(ftp)

    def test_a_download_whose_client_closes_is_told(self):
        self.write_big()
        ftp = self.session()
        data = ftp.begin("RETR big")
        receive(data, 1)
        data.close()
        ftp.reply(426)
        self.assert_in_step(ftp)

    def test_a_listing_whose_client_resets_is_told(self):
        for index in range(3000):
            self.write(f"{index}" + "x" * 200, b"")
        ftp = self.session()
        data = ftp.begin("LIST", buffer_size=2048)
        reset_on_close(data)
        data.close()
        ftp.reply(426)
        self.assert_in_step(ftp)

    def test_a_lost_control_connection_ends_a_download(self):
        self.write_big()
        for end in ("fin", "reset"):
            with self.subTest(end):
                ftp = self.session()
                data = ftp.begin("RETR big", buffer_size=65536)
                if end == "reset":
                    reset_on_close(ftp.sock)
                ftp.sock.close()
                with contextlib.suppress(ConnectionResetError):
                    self.assertLess(len(receive_all(data)), BIG)
        self.assert_serves()

    def test_a_lost_control_connection_ends_an_upload(self):
        self.write("old", b"old")
        ftp = self.session()
        data = ftp.begin("STOR old")
        data.sendall(b"new")
        arrived(data)
        reset_on_close(ftp.sock)
        ftp.sock.close()
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(data.recv(1), b"")
        self.assertEqual(self.read("old"), b"old")
        wait_until(lambda: self.entries() == [b"old"], "the temporary file to go")

    def test_an_upload_that_is_reset_leaves_the_old_file_whole(self):
        self.write("old", b"old and whole")
        for sent in (0, 1, 300_000):
            with self.subTest(sent=sent):
                ftp = self.session()
                data = ftp.begin("STOR old")
                data.sendall(DATA[:sent])
                arrived(data)
                reset_on_close(data)
                data.close()
                ftp.reply(426)
                self.assertEqual(self.read("old"), b"old and whole")
                wait_until(lambda: self.entries() == [b"old"], "the temporary file to go")

    def break_upload(self, ftp, line, content, size):
        """Sends, waits until `size` bytes are on the disk, and resets."""
        data = ftp.begin(line)
        data.sendall(content)
        wait_until(lambda: os.path.getsize(self.path("new")) == size, "what was sent on the disk")
        reset_on_close(data)
        data.close()
        ftp.reply(426)

    def test_an_upload_that_is_reset_goes_on_by_rest(self):
        ftp = self.session()
        self.break_upload(ftp, "STOR new", DATA[:100_000], 100_000)
        self.assertEqual(ftp.ask("SIZE new").text, "213 100000")
        ftp.store("STOR new", DATA[100_000:], rest=100_000)
        self.assertEqual(self.read("new"), DATA)

    def test_an_upload_that_is_reset_goes_on_by_appe(self):
        ftp = self.session()
        self.break_upload(ftp, "STOR new", DATA[:100_000], 100_000)
        self.break_upload(ftp, "APPE new", DATA[100_000:150_000], 150_000)
        ftp.store("APPE new", DATA[150_000:])
        self.assertEqual(self.read("new"), DATA)


class Killed(FtpTest):
    shared = False

    def test_in_an_upload_of_a_new_name_the_part_stays_and_goes_on(self):
        server = self.start()
        ftp = self.session(server)
        data = ftp.begin("STOR new")
        data.sendall(DATA[:100_000])
        wait_until(lambda: os.path.getsize(self.path("new")) == 100_000, "the part on the disk")
        self.restart(server)
        ftp = self.session(server)
        ftp.store("STOR new", DATA[100_000:], rest=100_000)
        self.assertEqual(self.read("new"), DATA)

    def test_in_an_upload_onto_a_file_the_old_one_stays(self):
        self.write("old", b"old and whole")
        server = self.start()
        data = self.session(server).begin("STOR old")
        data.sendall(DATA)
        arrived(data)
        self.restart(server)
        self.assertEqual(self.read("old"), b"old and whole")
        ftp = self.session(server)
        self.assertEqual(ftp.names(), [b"old"])
        ftp.store("STOR old", DATA)
        self.assertEqual(self.read("old"), DATA)

    def restart(self, server):
        server.kill()
        server.process.stdout.close()
        server.start()

    def test_softly_it_ends_with_sessions_and_transfers_open(self):
        self.write_big()
        server = self.start("--drain", "0")
        self.session(server)
        self.session(server).begin("RETR big", buffer_size=65536)
        self.session(server).begin("STOR new")
        self.stranger(server)
        self.assertEqual(server.stop(), 0)


class Atomic(FtpTest):
    options = ("--ftp-atomic",)

    def test_a_new_name_appears_when_it_is_whole(self):
        ftp, other = self.session(), self.session()
        data = ftp.begin("STOR new")
        data.sendall(DATA)
        arrived(data)
        other.expect("SIZE new", 550)
        self.assertEqual(other.names(), [])
        self.assertEqual(other.facts(), {})
        data.close()
        ftp.reply(226)
        self.assertEqual(self.read("new"), DATA)
        self.assertEqual(self.entries(), [b"new"])

    def test_a_broken_upload_leaves_nothing(self):
        ftp = self.session()
        data = ftp.begin("STOR new")
        data.sendall(DATA)
        arrived(data)
        reset_on_close(data)
        data.close()
        ftp.reply(426)
        wait_until(lambda: not self.entries(), "the temporary file to go")

    def test_append_and_resume_write_in_place(self):
        ftp = self.session()
        self.write("log", b"one")
        ftp.store("APPE log", b"two")
        ftp.store("STOR log", b"three", rest=6)
        self.assertEqual(self.read("log"), b"onetwothree")
        ftp.store("APPE fresh", b"x")
        self.assertEqual(self.read("fresh"), b"x")

    def test_stou_is_atomic_too(self):
        ftp = self.session()
        ftp.store("STOU", b"unique")
        name, = self.entries()
        self.assertEqual(self.read(name), b"unique")


if __name__ == "__main__":
    unittest.main()
