"""FTP: what a reader of the code found wrong once."""

import contextlib
import time
import unittest

from harness import is_sanitized, receive_all, wait_until
from ftp_support import FtpTest, reset_on_close


class Sessions(FtpTest):
    def test_that_are_reset_while_replies_wait_are_let_go(self):
        for index in range(3000):
            self.write(f"entry{index:04}" + "x" * 100, b"")
        self.session().close()
        before = wait_until(self.server.descriptors)
        for _ in range(60):
            ftp = self.session()
            ftp.send("STAT .")
            with contextlib.suppress(OSError):
                ftp.raw(b"PWD\r\n" * 5000)
            reset_on_close(ftp.sock)
            ftp.close()
        wait_until(lambda: self.server.descriptors() <= before, "the descriptors to be closed", 30)

    @unittest.skipIf(is_sanitized(), "AddressSanitizer keeps freed memory")
    def test_of_strangers_cannot_make_it_keep_many_lines(self):
        strangers = [self.stranger() for _ in range(20)]
        before = self.server.resident_kib()
        for ftp in strangers:
            ftp.expect("USER nobody", 331)
            ftp.send("PASS wrong")
            with contextlib.suppress(OSError):
                ftp.raw(b"\n" * 12_000)
        self.assert_serves()
        self.assertLess(self.server.resident_kib() - before, 20 * 64)

    def test_keep_their_order_when_noop_comes_behind_something_that_waits(self):
        self.write("file", b"content")
        ftp = self.session()
        ftp.expect("EPSV", 229)
        ftp.raw(b"RETR file\r\nPWD\r\nNOOP\r\nABOR\r\n")
        ftp.reply(150)
        ftp.reply(426)
        ftp.reply(226)
        ftp.reply(257)
        ftp.reply(200)
        self.assert_in_step(ftp)


class Parts(FtpTest):
    def test_of_rest_end_with_the_transfer_that_failed(self):
        self.write("file", b"0123456789")
        ftp = self.session()
        ftp.expect("REST 5", 350)
        ftp.refuse("RETR missing", 550)
        self.assertEqual(ftp.fetch("RETR file"), b"0123456789")

    def test_of_rest_end_with_a_transfer_without_data_connection(self):
        self.write("file", b"0123456789")
        ftp = self.session()
        ftp.expect("REST 5", 350)
        ftp.expect("RETR file", 425)
        self.assertEqual(ftp.fetch("RETR file"), b"0123456789")

    def test_of_rang_end_with_an_upload_which_is_refused(self):
        self.write("file", b"0123456789")
        for command in ("STOR", "APPE", "STOU"):
            ftp = self.session()
            ftp.expect("RANG 0 3", 350)
            ftp.expect("EPSV", 229)
            ftp.expect(f"{command} file", 504)
            self.assertEqual(ftp.fetch("RETR file"), b"0123456789")

    def test_of_rang_and_rest_the_last_one_counts(self):
        self.write("file", b"0123456789")
        ftp = self.session()
        ftp.expect("RANG 0 3", 350)
        ftp.expect("REST 5", 350)
        self.assertEqual(ftp.fetch("RETR file"), b"56789")
        ftp.expect("REST 5", 350)
        ftp.expect("RANG 0 3", 350)
        self.assertEqual(ftp.fetch("RETR file"), b"0123")

    def test_of_rang_end_with_a_digest_that_is_refused(self):
        self.write("file", b"0123456789")
        ftp = self.session()
        ftp.expect("RANG 0 3", 350)
        ftp.expect("HASH missing", 550)
        self.assertEqual(ftp.fetch("RETR file"), b"0123456789")


class Names(FtpTest):
    def test_with_a_single_byte_255_are_themselves(self):
        self.write("ab", b"the other")
        ftp = self.session()
        ftp.raw(b"DELE a\xffb\r\n")
        ftp.reply(550)
        self.assertEqual(self.read("ab"), b"the other")

    def test_that_are_empty_are_not_the_working_directory(self):
        ftp = self.session()
        for line in ("SITE CHMOD 600 ", "MFMT 20200101000000 ", "MFF modify=20200101000000; ",
                     "MDTM 20200101000000 ", "SITE UTIME 20200101000000 "):
            ftp.expect(line, 501)

    def test_of_stou_in_another_directory_can_be_used(self):
        ftp = self.session()
        ftp.expect("MKD d", 257)
        ftp.store("STOU d/x", b"first")
        ftp.prepare()
        with ftp.data() as data:
            name = ftp.expect("STOU d/x", 150).text.partition("FILE: ")[2]
            data.sendall(b"second")
        ftp.reply(226)
        self.assertEqual((ftp.fetch("RETR d/x"), ftp.fetch("RETR " + name)), (b"first", b"second"))


class Downloads(FtpTest):
    def test_of_a_client_that_said_something_on_the_data_connection_arrive_whole(self):
        content = bytes(range(256)) * 1200
        self.write("file", content)
        ftp = self.session()
        for _ in range(3):
            ftp.prepare()
            data = ftp.data()
            data.sendall(b"\n")
            ftp.send("RETR file")
            self.assertEqual(receive_all(data), content)
            ftp.reply(150)
            ftp.reply(226)


class OptsMlst(FtpTest):
    def test_that_is_no_list_of_facts_changes_nothing(self):
        ftp = self.session()
        ftp.expect("OPTS MLST type;size;", 200)
        ftp.expect("OPTS MLST unique type;", 501)
        self.assertEqual(ftp.ask("OPTS MLST").text, "200 MLST OPTS")


class Uploads(FtpTest):
    def test_of_a_client_that_is_killed_leave_the_old_file(self):
        self.write("file", b"old")
        for _ in range(20):
            ftp = self.session()
            data = ftp.begin("STOR file")
            data.sendall(b"half")
            ftp.sock.close()  # what the kernel does for a process that ends: FIN on each, in order
            data.close()
        self.session().expect("NOOP", 200)
        self.assertEqual(self.read("file"), b"old")


class Words(FtpTest):
    def test_may_end_in_a_blank_where_no_name_is_meant(self):
        ftp = self.session()
        for line, code in (("TYPE I ", 200), ("MODE S ", 200), ("STRU F ", 200), ("REST 0 ", 350),
                           ("EPSV 1 ", 229), ("OPTS UTF8 ON ", 200)):
            ftp.expect(line, code)

    def test_of_eprt_name_the_family_that_the_connection_has(self):
        ftp = self.session()
        reply = ftp.expect("EPRT |2|::1|5000|", 522)
        self.assertIn("(1)", reply.text)


class Time(FtpTest):
    shared = False

    def test_to_log_in_begins_anew_with_another_user(self):
        server = self.start("--ftp-login-time", "2")
        ftp = self.session(server)
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            ftp.expect("NOOP", 200)
        ftp.expect("USER user", 331)
        ftp.expect("PASS secret", 230)
        ftp.expect("REIN", 220)
        ftp.reply(421)
        self.assertTrue(ftp.is_closed())


if __name__ == "__main__":
    unittest.main()
