"""FTP: the control connection. Every command in every state, wrong words, telnet, odd packets."""

import os
import socket
import unittest

from harness import arrived, is_sanitized, receive_all
from ftp_support import FtpTest, matches

IAC, DONT, DO, WONT, WILL, SB, SE, NOP, DM, IP = (
    b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0", b"\xf1", b"\xf2", b"\xf4")

NEED_LOGIN = (
    "CWD /", "XCWD /", "CDUP", "XCUP", "PWD", "XPWD", "MKD a", "XMKD a", "RMD a", "XRMD a",
    "DELE a",
    "RNFR a", "RNTO b", "RETR a", "STOR a", "STOU", "APPE a", "REST 1", "LIST", "NLST", "MLSD",
    "MLST",
    "STAT /", "SIZE a", "MDTM a", "MDTM 20200101000000 a", "MFMT 20200101000000 a",
    "MFF modify=20200101000000; a", "PASV", "EPSV", "EPSV ALL", "PORT 127,0,0,1,200,1",
    "EPRT |1|127.0.0.1|51201|", "SITE CHMOD 644 a", "SITE UTIME 20200101000000 a", "HASH a",
    "XCRC a",
    "XMD5 a", "XSHA1 a", "XSHA256 a")

NEED_ARGUMENT = (
    "USER", "CWD", "XCWD", "MKD", "XMKD", "RMD", "XRMD", "DELE", "RNFR", "RETR", "STOR", "APPE",
    "REST", "SIZE", "MDTM", "MFMT", "MFF", "PORT", "EPRT", "TYPE", "STRU", "MODE", "OPTS", "SITE",
    "HASH", "XCRC", "XMD5", "XSHA1", "XSHA256", "RANG")

TAKE_NO_ARGUMENT = ("PWD", "XPWD", "CDUP", "XCUP", "PASV", "REIN", "SYST", "FEAT", "ABOR")

SAFE_COMMANDS = (
    ("NOOP", 200), ("PWD", 257), ("SYST", 215), ("TYPE I", 200), ("HELP", (211, 214)), ("FEAT",
                                                                                        211),
    ("STAT", 211), ("SIZE nothing", 550), ("CWD /", 250), ("OPTS UTF8 ON", 200), ("MODE S", 200),
    ("MKD made", 257), ("RNFR made", 350), ("RNTO moved", 250), ("RMD moved", 250),
    ("DELE nothing", 550), ("NONSENSE", 500), ("AUTH TLS", (502, 504)), ("PORT 1", 501))


class BeforeLogin(FtpTest):
    def test_greets(self):
        self.assertEqual(self.stranger().greeting.code, 220)

    def test_refuses_what_needs_a_login(self):
        ftp = self.stranger()
        self.write("a")
        before = self.snapshot()
        for command in NEED_LOGIN:
            with self.subTest(command):
                ftp.expect(command, 530)
        self.assertEqual(self.snapshot(), before)
        ftp.expect("NOOP", 200)

    def test_refuses_it_in_between_user_and_password_too(self):
        ftp = self.stranger()
        self.write("a")
        before = self.snapshot()
        for command in NEED_LOGIN:
            with self.subTest(command):
                ftp.expect("USER user", 331)
                ftp.expect(command, 530, 503)
        self.assertEqual(self.snapshot(), before)

    def test_says_what_it_can_do(self):
        ftp = self.stranger()
        for command, code in (("FEAT", 211), ("HELP", (211, 214)), ("NOOP", 200),
                              ("OPTS UTF8 ON", 200), ("SYST", (215, 530)), ("CLNT test", 200)):
            with self.subTest(command):
                ftp.expect(command, *(code if isinstance(code, tuple) else (code,)))

    def test_wants_the_user_before_the_password(self):
        self.stranger().expect("PASS secret", 503)

    def test_tells_unknown_words_from_known_ones(self):
        ftp = self.stranger()
        ftp.expect("NONSENSE", 500)
        ftp.expect("AUTH TLS", 502, 504)

    def test_says_goodbye(self):
        ftp = self.stranger()
        ftp.expect("QUIT", 221)
        self.assertTrue(ftp.is_closed())

    def test_refuses_an_overlong_line_and_goes_on(self):
        ftp = self.stranger()
        ftp.expect("x" * 100_000, 500)
        ftp.login()


class Syntax(FtpTest):
    def test_does_not_know_unknown_words(self):
        ftp = self.session()
        for command in ("NONSENSE", "FOO bar", "RETRX a", "RET a", "X", "1234", "RETR\ta",
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "RETRRETRRETRRETRR a", "\xe4\xf6", "-", "*"):
            with self.subTest(command):
                ftp.expect(command, 500)
        self.assert_in_step(ftp)

    def test_knows_what_it_does_not_do(self):
        ftp = self.session()
        for command in ("AUTH TLS", "AUTH SSL", "AUTH GSSAPI", "ADAT abc", "PBSZ 0", "PROT P",
                        "CCC",
                        "MIC x", "CONF x", "ENC x", "SMNT /"):
            with self.subTest(command):
                ftp.expect(command, 502, 503, 504)

    def test_answers_an_empty_line_or_passes_it_over(self):
        for line in ("", " ", "    "):
            with self.subTest(line):
                ftp = self.session()
                ftp.send(line, "PWD")
                reply = ftp.reply()
                if reply.code != 257:
                    self.assertEqual(reply.code, 500)
                    ftp.reply(257)

    def test_misses_an_argument(self):
        ftp = self.session()
        for command in NEED_ARGUMENT:
            for line in (command, command + " "):
                with self.subTest(line):
                    ftp.expect(line, 501)
        ftp.expect("RNTO", 501, 503)
        self.assert_in_step(ftp)

    def test_refuses_an_argument_where_there_is_none(self):
        ftp = self.session()
        for command in TAKE_NO_ARGUMENT:
            with self.subTest(command):
                ftp.expect(command + " x", 501)
        self.assert_in_step(ftp)

    def test_takes_words_in_any_case(self):
        ftp = self.session()
        for line, code in (("noop", 200), ("pWd", 257), ("type i", 200), ("Type A n", 200),
                           ("stru f", 200), ("mode s", 200), ("opts utf8 on", 200), ("feat", 211),
                           ("site help", 2), ("epsv", 229), ("xpwd", 257)):
            with self.subTest(line):
                ftp.expect(line, code)

    def test_answers_the_old_x_forms_alike(self):
        ftp = self.session()
        for line, code in (("XMKD dir", 257), ("XCWD dir", 250), ("XPWD", 257), ("XCUP", (200,
                                                                                          250)),
                           ("XRMD dir", 250)):
            with self.subTest(line):
                ftp.expect(line, *(code if isinstance(code, tuple) else (code,)))
        self.assertEqual(self.entries(), [])

    def test_types(self):
        ftp = self.session()
        for argument, codes in (("A", 200), ("A N", 200), ("I", 200), ("L 8", 200), ("a", 200),
                                ("i", 200), ("E", 504), ("A T", 504), ("A C", 504), ("L 7", 504),
                                ("L", (501, 504)), ("L x", (501, 504)), ("X", (501, 504)),
                                ("AI", (501, 504)), ("I I", (501, 504)), ("L 8 8", (501, 504))):
            with self.subTest(argument):
                ftp.expect("TYPE " + argument, *(codes if isinstance(codes, tuple) else (codes,)))

    def test_structures_and_modes(self):
        ftp = self.session()
        for line, codes in (("STRU F", (200,)), ("STRU R", (504,)), ("STRU P", (504,)),
                            ("STRU X", (501, 504)), ("MODE S", (200,)), ("MODE B", (504,)),
                            ("MODE C", (504,)), ("MODE Z", (501, 504)), ("STRU FF", (501, 504))):
            with self.subTest(line):
                ftp.expect(line, *codes)

    def test_takes_what_is_superfluous(self):
        ftp = self.session()
        for line, codes in (("ACCT me", (202,)), ("ALLO 10", (200, 202)), ("ALLO 10 R 5", (200,
                                                                                           202)),
                            ("ALLO many", (501,)), ("CLNT test", (200,)), ("NOOP", (200,))):
            with self.subTest(line):
                ftp.expect(line, *codes)

    def test_names_its_system_as_clients_expect_it(self):
        self.assertEqual(self.session().ask("SYST").text, "215 UNIX Type: L8")

    def test_helps(self):
        ftp = self.session()
        self.assertIn("RETR", ftp.expect("HELP", 211, 214).text)
        self.assertIn("RETR", ftp.expect("HELP RETR", 211, 214).text)
        self.assertIn("RETR", ftp.expect("help retr", 211, 214).text.upper())
        ftp.expect("HELP NONSENSE", 50)
        self.assertIn("CHMOD", ftp.expect("SITE HELP", 211, 214).text)

    def test_refuses_site_commands_that_it_does_not_know(self):
        ftp = self.session()
        ftp.expect("SITE NONSENSE", 50)
        ftp.expect("SITE CHMOD", 501)
        ftp.expect("SITE CHMOD 644", 501)
        ftp.expect("SITE UTIME", 501)

    def test_tells_the_state_of_the_session(self):
        reply = self.session().expect("STAT", 211)
        self.assertIn("127.0.0.1", reply.text)
        self.assertIn("user", reply.text)

    def test_has_nothing_to_abort(self):
        ftp = self.session()
        ftp.expect("ABOR", 225, 226)
        self.assert_in_step(ftp)

    def test_wants_the_old_name_before_the_new(self):
        ftp = self.session()
        self.write("a")
        ftp.expect("RNTO b", 503)
        ftp.expect("RNFR a", 350)
        ftp.expect("NOOP", 200)
        ftp.expect("RNTO b", 503, 250)
        ftp.expect("RNFR nothing", 550)
        ftp.expect("RNTO b", 503)

    def test_begins_anew_after_rein(self):
        ftp = self.session()
        ftp.expect("REIN", 220)
        ftp.expect("PWD", 530)
        ftp.expect("PASS secret", 503)
        ftp.login()
        ftp.expect("PWD", 257)

    def test_closes_after_quit_and_does_nothing_more(self):
        ftp = self.session()
        self.write("victim")
        ftp.send("QUIT", "DELE victim", "NOOP")
        ftp.reply(221)
        self.assertTrue(ftp.is_closed())
        self.assertEqual(self.entries(), [b"victim"])


class Features(FtpTest):
    def test_lists_them_as_rfc_2389_wants(self):
        reply = self.session().expect("FEAT", 211)
        self.assertTrue(reply.lines[0].startswith(b"211-"))
        self.assertRegex(reply.lines[-1], rb"^211 [Ee][Nn][Dd]")
        for line in reply.lines[1:-1]:
            self.assertRegex(line, rb"^ [!-~]")

    def test_lists_all_of_them(self):
        features = self.features()
        for wanted in ("EPRT", "EPSV", "MDTM", "MFMT", "REST STREAM", "SIZE", "TVFS", "UTF8"):
            self.assertIn(wanted, features)
        facts, = [line for line in features if line.startswith("MLST ")]
        for fact in ("type*;", "size*;", "modify*;", "perm*;", "unique*;", "unix.mode*;"):
            self.assertIn(fact, facts.lower())
        hashes, = [line for line in features if line.startswith("HASH ")]
        self.assertEqual(hashes.count("*"), 1)
        self.assertIn("SHA-256*", hashes)
        for kind in ("SHA-1", "MD5", "CRC32"):
            self.assertIn(kind, hashes)

    def features(self):
        return [os.fsdecode(line[1:]) for line in self.session().ask("FEAT").lines[1:-1]]

    def test_does_all_that_it_lists(self):
        ftp = self.session()
        for feature in self.features():
            command = feature.split()[0]
            if command in ("UTF8", "TVFS", "PASV", "EPSV"):
                continue
            with self.subTest(command):
                self.assertFalse(matches(ftp.ask(command).code, (500, 502)))

    def test_switches_utf8_on_and_never_off_again(self):
        ftp = self.session()
        ftp.expect("OPTS UTF8 ON", 200)
        ftp.expect("OPTS UTF8", 200)
        ftp.expect("OPTS utf8 on", 200)
        ftp.expect("OPTS UTF8 PERHAPS", 501)

    def test_refuses_options_that_it_does_not_have(self):
        ftp = self.session()
        ftp.expect("OPTS NONSENSE", 501, 504)
        ftp.expect("OPTS RETR x", 501, 504)

    def test_answers_the_options_of_mlst_with_what_is_on(self):
        ftp = self.session()
        self.assertEqual(ftp.ask("OPTS MLST size;type;").text.lower(), "200 mlst opts type;size;")
        self.assertEqual(ftp.ask("OPTS MLST nonsense;").text.lower().strip(), "200 mlst opts")
        self.assertEqual(ftp.ask("OPTS MLST").text.lower().strip(), "200 mlst opts")


class OddLines(FtpTest):
    def test_takes_lines_without_cr(self):
        ftp = self.session()
        ftp.raw(b"PWD\nNOOP\nCWD /\n")
        for code in (257, 200, 250):
            ftp.reply(code)

    def test_takes_one_byte_a_packet(self):
        ftp = self.stranger()
        for line, code in ((b"USER user\r\n", 331), (b"PASS secret\r\n", 230), (b"PWD\r\n", 257)):
            for byte in line:
                ftp.raw(bytes([byte]))
                arrived(ftp.sock)
            ftp.reply(code)

    def test_takes_a_line_end_that_is_cut_in_two(self):
        ftp = self.session()
        ftp.raw(b"PWD\r")
        arrived(ftp.sock)
        ftp.raw(b"\nPWD\r\n")
        ftp.reply(257)
        ftp.reply(257)
        self.assert_in_step(ftp)

    def test_refuses_a_line_of_100_kb_and_goes_on(self):
        for line in (b"x" * 100_000, b"CWD " + b"a" * 100_000, b"CWD " + b"a/" * 50_000,
                     b"USER " + b"\xff\xff" * 50_000):
            with self.subTest(line[:10]):
                ftp = self.session()
                ftp.raw(line + b"\r\n")
                ftp.reply(500, line[:10])
                self.assert_in_step(ftp)

    def test_refuses_an_overlong_line_that_comes_in_pieces(self):
        ftp = self.session()
        for piece in range(20):
            ftp.raw(b"DELE victim " * 1000)
        ftp.raw(b"\r\n")
        ftp.reply(500)
        self.assert_in_step(ftp)

    @unittest.skipIf(is_sanitized(), "AddressSanitizer keeps freed memory")
    def test_does_not_keep_a_line_that_never_ends(self):
        ftp = self.session()
        ftp.expect("x" * 100_000, 500)
        before = self.server.resident_kib()
        for _ in range(64):
            ftp.raw(b"x" * 1_000_000)
        arrived(ftp.sock)
        ftp.raw(b"\r\n")
        ftp.reply(500)
        self.assertLess(self.server.resident_kib() - before, 4096)

    def test_takes_the_longest_path_there_is(self):
        ftp = self.session()
        ftp.expect("CWD " + "a/" * 2000, 550)
        ftp.expect("CWD " + "./" * 2040, 250)
        ftp.expect("CWD " + "a" * 5000, 55, 501)
        ftp.expect("MKD " + "a" * 255, 257)
        ftp.expect("MKD " + "a" * 256, 55, 501)
        self.assertEqual(self.entries(), [b"a" * 255])

    def test_refuses_a_nul(self):
        ftp = self.session()
        self.write("victim")
        for line in (b"DELE victim\0junk", b"DELE victim\0", b"DELE \0victim", b"NO\0OP", b"\0",
                     b"DELE victim\0\0\0"):
            with self.subTest(line):
                ftp.raw(line + b"\r\n")
                ftp.reply((500, 501), line)
        self.assertEqual(self.entries(), [b"victim"])
        self.assert_in_step(ftp)

    def test_refuses_a_cr_in_a_name(self):
        ftp = self.session()
        for line in (b"MKD a\rb", b"MKD a\r\0b", b"MKD a\rDELE victim", b"\rMKD a"):
            with self.subTest(line):
                ftp.raw(line + b"\r\n")
                ftp.reply((500, 501), line)
        self.assertEqual(self.entries(), [])
        self.assert_in_step(ftp)

    def test_keeps_every_other_byte_of_a_name(self):
        ftp = self.session()
        name = bytes(byte for byte in range(1, 255) if byte not in b"\r\n/")
        ftp.raw(b"MKD " + name + b"\r\n")
        ftp.reply(257)
        self.assertEqual(self.entries(), [name])

    def test_answers_pipelined_commands_in_order(self):
        ftp = self.session()
        ftp.send(*(line for line, _ in SAFE_COMMANDS * 10))
        for line, codes in SAFE_COMMANDS * 10:
            ftp.reply(codes, line)
        self.assert_in_step(ftp)

    def test_answers_a_whole_session_in_one_packet(self):
        ftp = self.stranger()
        ftp.send("USER user", "PASS secret", "TYPE I", "MKD dir", "CWD dir", "PWD", "QUIT")
        for code in (331, 230, 200, 257, 250, 257, 221):
            ftp.reply(code)
        self.assertTrue(ftp.is_closed())

    def test_answers_all_when_the_client_has_said_its_last_word(self):
        ftp = self.session()
        ftp.send("PWD", "NOOP", "QUIT")
        ftp.sock.shutdown(socket.SHUT_WR)
        for code in (257, 200, 221):
            ftp.reply(code)
        self.assertTrue(ftp.is_closed())

    def test_closes_when_the_client_does(self):
        ftp = self.session()
        ftp.sock.shutdown(socket.SHUT_WR)
        self.assertTrue(ftp.is_closed())

    def test_does_not_do_a_command_whose_end_never_came(self):
        ftp = self.session()
        self.write("victim")
        ftp.raw(b"DELE victim")
        ftp.sock.shutdown(socket.SHUT_WR)
        while ftp.sock.recv(1000):
            pass
        self.assertEqual(self.entries(), [b"victim"])

    def test_takes_no_more_commands_from_who_takes_no_replies(self):
        ftp = self.session()
        ftp.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ftp.sock.setblocking(False)
        sent = 0
        with self.assertRaises(BlockingIOError):
            for _ in range(1000):
                sent += ftp.sock.send(b"FEAT\r\n" * 10_000)
        ftp.sock.settimeout(60)
        self.assert_serves()
        if not is_sanitized():
            self.assertLess(self.server.resident_kib(), 65536)


class CrossProtocol(FtpTest):
    def test_closes_on_an_http_request(self):
        for request in (b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"PUT / HTTP/1.0\r\n",
                        b"HEAD / HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n", b"DELETE / HTTP/1.1\r\n",
                        b"CONNECT a:1 HTTP/1.1\r\n", b"PATCH / HTTP/1.1\r\n",
                        b"TRACE / HTTP/1.1\r\n"):
            with self.subTest(request):
                ftp = self.stranger()
                ftp.raw(request)
                self.assert_closes(ftp)

    def test_does_nothing_that_stands_in_the_body_of_one(self):
        ftp = self.stranger()
        ftp.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
                b"USER user\r\nPASS secret\r\nMKD made\r\n")
        self.assert_closes(ftp)
        self.assertEqual(self.entries(), [])

    def test_closes_on_one_after_the_login_too(self):
        ftp = self.session()
        ftp.raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nMKD made\r\n")
        self.assert_closes(ftp)
        self.assertEqual(self.entries(), [])

    def assert_closes(self, ftp):
        """With or without a last 4xx or 5xx reply, never with more."""
        try:
            self.assertTrue(matches(ftp.reply().code, (4, 5)))
            with self.assertRaises((EOFError, ConnectionResetError)):
                ftp.reply()
        except (EOFError, ConnectionResetError):
            pass


class Telnet(FtpTest):
    def test_will_do_nothing_and_wants_nothing(self):
        ftp = self.session()
        ftp.raw(IAC + DO + b"\x06" + IAC + WILL + b"\x01" + b"NOOP\r\n")
        ftp.sock.shutdown(socket.SHUT_WR)
        answer = receive_all(ftp.sock)
        self.assertIn(IAC + WONT + b"\x06", answer)
        self.assertIn(IAC + DONT + b"\x01", answer)
        self.assertIn(b"200 ", answer)

    def test_does_not_answer_a_refusal(self):
        ftp = self.session()
        ftp.raw(IAC + DONT + b"\x06" + IAC + WONT + b"\x01" + b"NOOP\r\n")
        ftp.reply(200)
        self.assert_in_step(ftp)

    def test_passes_commands_over_wherever_they_stand(self):
        ftp = self.session()
        for line in (IAC + NOP + b"PWD\r\n", b"P" + IAC + NOP + b"WD\r\n",
                     b"PWD" + IAC + NOP + b"\r\n",
                     b"PWD\r" + IAC + NOP + b"\n", IAC + IP + IAC + DM + b"PWD\r\n"):
            with self.subTest(line):
                ftp.raw(line)
                ftp.reply(257)
        self.assert_in_step(ftp)

    def test_takes_a_command_that_is_cut_in_two(self):
        ftp = self.session()
        for part in (b"PW" + IAC, NOP + b"D\r\n" + IAC, WONT, b"\x01"):
            ftp.raw(part)
            arrived(ftp.sock)
        ftp.reply(257)
        self.assert_in_step(ftp)

    def test_takes_a_doubled_iac_as_a_byte_of_a_name(self):
        ftp = self.session()
        ftp.raw(b"MKD a" + IAC + IAC + b"b\r\n")
        ftp.reply(257)
        self.assertEqual(self.entries(), [b"a\xffb"])

    def test_bounds_what_it_answers(self):
        ftp = self.session()
        ftp.raw((IAC + DO + b"\x06") * 100_000 + b"\r\nNOOP\r\n")
        ftp.sock.shutdown(socket.SHUT_WR)
        answer = b""
        while part := ftp.sock.recv(65536):
            answer += part
        self.assertIn(b"200 ", answer)
        self.assertLessEqual(len(answer), 400_000)


if __name__ == "__main__":
    unittest.main()
