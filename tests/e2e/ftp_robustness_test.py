"""FTP: many at once, some of whom stall or vanish, and nobody else notices."""

import contextlib
import random
import resource
import socket
import unittest

from harness import is_sanitized, pattern, receive_all, wait_until
from ftp_support import BIG, FtpTest, reset_on_close

LINES = (b"USER user", b"PASS secret", b"TYPE I", b"EPSV", b"PASV", b"LIST", b"NLST", b"MLSD",
         b"RETR file",
         b"STOR new", b"APPE new", b"STOU", b"ABOR", b"NOOP", b"STAT", b"REST 3", b"MKD dir",
         b"RMD dir",
         b"RNFR new", b"RNTO newer", b"DELE newer", b"HASH file", b"SIZE file", b"CWD dir", b"CDUP",
         b"PWD",
         b"PORT 127,0,0,1,255,255", b"EPRT |1|127.0.0.1|65535|", b"FEAT", b"REIN",
         b"\xff\xf4\xff\xf2ABOR",
         b"OPTS MLST type;", b"SITE CHMOD 644 file", b"MLST file", b"STAT /", b"HELP", b"X" * 9000,
         b"\0", b"")


class Crowds(FtpTest):
    def need_descriptors(self, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < count:
            self.skipTest(f"needs {count} descriptors")
        if soft < count:
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def test_of_1000_sessions_half_stall_and_the_others_are_served(self):
        self.need_descriptors(3000)
        self.write_big()
        self.write("file", b"content")
        sessions = [self.session() for _ in range(1000)]
        for index, ftp in enumerate(sessions[::2]):
            if index % 3 == 0:
                ftp.begin("RETR big", buffer_size=65536)
            elif index % 3 == 1:
                ftp.begin(f"STOR stalled{index}")
            else:
                ftp.prepare()
                ftp.send("RETR file")  # and never connects
        for ftp in sessions[1::2]:
            self.assertEqual(ftp.fetch("RETR file"), b"content")
        self.assert_serves()
        for ftp in sessions:
            ftp.close()
        wait_until(lambda: self.server.descriptors() < 100, "the descriptors to be closed")
        self.assert_serves()

    @unittest.skipIf(is_sanitized(), "AddressSanitizer takes memory for each")
    def test_1000_idle_sessions_need_little_memory(self):
        self.need_descriptors(1500)
        self.session()
        before = self.server.resident_kib()
        sessions = [self.session() for _ in range(1000)]
        self.assertLess(self.server.resident_kib() - before, 8 * 1024)
        for ftp in sessions:
            ftp.close()

    def test_sessions_that_come_and_go_leave_nothing(self):
        self.session().expect("QUIT", 221)
        before = self.server.descriptors()
        for index in range(300):
            ftp = self.stranger()
            if index % 3:
                ftp.login()
            if index % 2:
                reset_on_close(ftp.sock)
            ftp.close()
        wait_until(lambda: self.server.descriptors() <= before, "the descriptors to be closed")

    def test_clients_that_reset_at_every_stage_harm_nobody(self):
        self.write_big()
        self.write("file")
        stages = (
            lambda ftp: None,
            lambda ftp: ftp.send("USER user"),
            lambda ftp: ftp.login(),
            lambda ftp: ftp.login().prepare("EPSV"),
            lambda ftp: ftp.login().prepare("PORT"),
            lambda ftp: (ftp.login().prepare("EPSV"), ftp.data()),
            lambda ftp: (ftp.login().prepare("EPSV"), ftp.send("RETR file")),
            lambda ftp: (ftp.login().prepare("EPSV"), ftp.send("STOR new")),
            lambda ftp: ftp.login().begin("RETR big"),
            lambda ftp: ftp.login().begin("STOR new"),
            lambda ftp: ftp.login().begin("STOR new").sendall(b"part"),
            lambda ftp: ftp.login().begin("APPE new", "PORT").sendall(b"part"),
            lambda ftp: ftp.login().begin("LIST"),
            lambda ftp: ftp.login().send("HASH big"),
            lambda ftp: (ftp.login().begin("RETR big"), ftp.send("ABOR")),
            lambda ftp: (ftp.login().begin("RETR big"), ftp.send("QUIT")))
        before = self.server.descriptors()
        for index, stage in enumerate(stages):
            for which in ("control", "data", "both"):
                with self.subTest(index, which=which):
                    ftp = self.stranger()
                    stage(ftp)
                    for sock in ([ftp.sock] if which != "data" else []) + (
                            ftp.opened if which != "control" else []):
                        reset_on_close(sock)
                        sock.close()
                    ftp.close()
        wait_until(lambda: self.server.descriptors() <= before, "the descriptors to be closed")
        self.assert_serves()

    def test_100_downloads_at_once_are_all_whole(self):
        content = pattern(1_000_000)
        self.write("file", content)
        sessions = [self.session() for _ in range(100)]
        connections = [ftp.begin("RETR file") for ftp in sessions]
        for ftp, data in zip(sessions, connections):
            self.assertEqual(receive_all(data), content)
            ftp.reply(226)

    def test_a_download_that_stalls_holds_no_other_up(self):
        self.write_big()
        stalled, other = self.session(), self.session()
        stalled.begin("RETR big", buffer_size=65536)
        self.assertEqual(len(other.fetch("RETR big")), BIG)


class Nonsense(FtpTest):
    options = ("--ftp-stall", "1")

    def test_any_commands_in_any_order_harm_nobody(self):
        rng = random.Random(959)
        for _ in range(60):
            self.write("file")
            ftp = self.stranger()
            ftp.sock.settimeout(20)
            if rng.random() < 0.8:
                ftp.login()
            lines = rng.choices(LINES, k=40)
            with contextlib.suppress(OSError):
                ftp.raw(b"".join(line + b"\r\n" for line in lines) + b"ABOR\r\n" * 3 + b"QUIT\r\n")
                ftp.sock.shutdown(socket.SHUT_WR)
                while ftp.sock.recv(65536):
                    pass
            ftp.close()
        self.session()
        self.assert_serves()

    def test_random_bytes_harm_nobody(self):
        rng = random.Random(1123)
        for _ in range(100):
            ftp = self.stranger()
            with contextlib.suppress(OSError):
                ftp.raw(rng.randbytes(rng.randrange(1, 20_000)))
                ftp.sock.shutdown(socket.SHUT_WR)
                while ftp.sock.recv(65536):
                    pass
            ftp.close()
        self.assert_serves()


class FewDescriptors(FtpTest):
    shared = False
    LIMIT = 64

    def test_are_told_and_come_back(self):
        server = self.start(preexec=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, (self.LIMIT, self.LIMIT)))
        clients = []
        for _ in range(self.LIMIT + 20):
            sock = socket.create_connection(("127.0.0.1", server.ports["ftp"]))
            self.addCleanup(sock.close)
            clients.append(sock)
        first = clients[0]
        first.settimeout(60)
        self.assertTrue(first.recv(100).startswith((b"220", b"421")))
        for sock in clients:
            sock.close()
        wait_until(lambda: self.works(server), "the server to serve again")
        self.assert_serves(server)

    def works(self, server):
        with contextlib.suppress(OSError, EOFError, AssertionError):
            self.session(server).expect("NOOP", 200)
            return True
        return False


if __name__ == "__main__":
    unittest.main()
