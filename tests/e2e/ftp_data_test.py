"""FTP: data connections. Where they come from, where they go to, and who else would like one."""

import contextlib
import socket
import unittest

from harness import receive_all, wait_until
from ftp_support import FtpTest, matches, reset_on_close

MODES = ("PASV", "EPSV", "PORT", "EPRT")


class Modes(FtpTest):
    def test_each_way_carries_files_both_ways(self):
        ftp = self.session()
        for mode in MODES:
            with self.subTest(mode):
                ftp.store(f"STOR {mode}", mode.encode() * 1000, mode)
                self.assertEqual(ftp.fetch(f"RETR {mode}", mode), mode.encode() * 1000)
        self.assertEqual(len(self.entries()), 4)

    def test_each_way_carries_listings(self):
        self.write("name")
        ftp = self.session()
        for mode in MODES:
            with self.subTest(mode):
                self.assertEqual(ftp.fetch("NLST", mode), b"name\r\n")

    def test_each_way_serves_one_transfer_only(self):
        self.write("file")
        ftp = self.session()
        for mode in MODES:
            with self.subTest(mode):
                ftp.fetch("RETR file", mode)
                ftp.expect("RETR file", 425, 503)

    def test_a_passive_address_is_the_one_of_the_control_connection(self):
        ftp = self.session()
        self.assertEqual(ftp.passive_address("PASV")[0], "127.0.0.1")

    def test_an_active_connection_comes_from_the_servers_address(self):
        ftp = self.session()
        ftp.prepare("PORT")
        ftp.expect("NLST", 1)
        self.assertEqual(ftp.data().getpeername()[0], "127.0.0.1")
        ftp.reply(226)

    def test_epsv_takes_the_protocol_that_is_in_use(self):
        ftp = self.session()
        ftp.expect("EPSV 1", 229)
        ftp.expect("EPSV 2", 522)
        ftp.expect("EPSV 3", 522)
        ftp.expect("EPSV x", 501, 522)
        ftp.expect("EPSV 1 1", 501, 522)

    def test_epsv_all_shuts_every_other_way(self):
        ftp = self.session()
        ftp.expect("EPSV ALL", 200)
        for line in ("PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|"):
            with self.subTest(line):
                ftp.expect(line, 501, 503, 522)
        self.assertEqual(ftp.fetch("NLST"), b"")

    def test_epsv_all_binds_its_own_session_only(self):
        self.session().expect("epsv all", 200)
        self.session().expect("PASV", 227)

    def test_a_new_passive_address_closes_the_old_one(self):
        ftp = self.session()
        for mode in ("PASV", "EPSV"):
            with self.subTest(mode):
                first = ftp.passive_address(mode)
                second = ftp.passive_address(mode)
                if first != second:
                    self.assert_refused(first)
                socket.create_connection(second).close()

    def test_an_active_address_closes_the_passive_one(self):
        ftp = self.session()
        where = ftp.passive_address()
        ftp.prepare("PORT")
        self.assert_refused(where)

    def test_a_passive_address_takes_the_place_of_an_active_one(self):
        self.write("file")
        ftp = self.session()
        ftp.prepare("PORT")
        listener, ftp.listener = ftp.listener, None
        self.assertEqual(ftp.fetch("RETR file", "PASV"), b"content")
        listener.setblocking(False)
        with self.assertRaises(BlockingIOError):
            listener.accept()
        listener.close()

    def test_a_passive_address_ends_with_its_session(self):
        ftp = self.session()
        where = ftp.passive_address()
        ftp.expect("QUIT", 221)
        self.assertTrue(ftp.is_closed())
        self.assert_refused(where)

    def test_a_passive_address_ends_with_a_lost_session(self):
        ftp = self.session()
        where = ftp.passive_address()
        reset_on_close(ftp.sock)
        ftp.close()
        wait_until(lambda: not self.accepts(where), "the passive port to be closed")

    def test_asking_for_addresses_again_and_again_keeps_none(self):
        ftp = self.session()
        ftp.passive_address()
        before = self.server.descriptors()
        for _ in range(50):
            ftp.passive_address("PASV")
            ftp.passive_address("EPSV")
        self.assertLessEqual(self.server.descriptors(), before)

    def test_transfers_again_and_again_keep_no_descriptors(self):
        self.write("file")
        ftp = self.session()
        ftp.fetch("RETR file")
        before = self.server.descriptors()
        for mode in MODES * 20:
            ftp.fetch("RETR file", mode)
            ftp.store("STOR other", b"x", mode)
            ftp.fetch("LIST", mode)
        wait_until(lambda: self.server.descriptors() <= before, "the descriptors to be closed")

    def assert_refused(self, where):
        self.assertFalse(self.accepts(where))

    @staticmethod
    def accepts(where):
        try:
            socket.create_connection(where).close()
            return True
        except ConnectionRefusedError:
            return False


class WithoutDataConnection(FtpTest):
    def test_a_transfer_is_refused(self):
        self.write("file")
        ftp = self.session()
        for line in ("RETR file", "STOR new", "APPE file", "STOU", "LIST", "NLST", "MLSD"):
            with self.subTest(line):
                ftp.expect(line, 425, 503)
        self.assertEqual(self.entries(), [b"file"])
        self.assertEqual(self.read("file"), b"content")

    def test_an_active_port_that_nobody_listens_at_is_told(self):
        self.write("file", b"whole")
        ftp = self.session()
        for line in ("RETR file", "LIST", "STOR file"):
            with self.subTest(line):
                ftp.prepare("PORT")
                ftp.listener.close()
                ftp.listener = None
                reply = ftp.ask(line)
                if matches(reply.code, 1):
                    reply = ftp.reply()
                self.assertIn(reply.code, (425, 426))
        self.assertEqual(self.read("file"), b"whole")
        self.assert_in_step(ftp)

    def test_a_passive_connection_that_is_gone_again_is_no_upload(self):
        ftp = self.session()
        self.write("file", b"whole")
        ftp.prepare()
        data = ftp.data()
        reset_on_close(data)
        data.close()
        reply = ftp.ask("STOR file")
        if matches(reply.code, 1):
            reply = ftp.reply()
        self.assertIn(reply.code, (425, 426))
        self.assertEqual(self.read("file"), b"whole")

    def test_a_passive_connection_may_come_before_the_command_or_after(self):
        self.write("file")
        ftp = self.session()
        for late in (False, True):
            with self.subTest(late=late):
                ftp.prepare()
                early = None if late else ftp.data()
                ftp.send("RETR file")
                data = early or ftp.data()
                ftp.reply(1)
                self.assertEqual(receive_all(data), b"content")
                ftp.reply(226)

    def test_a_second_connection_to_a_passive_port_gets_nothing(self):
        self.write("file")
        ftp = self.session()
        ftp.prepare()
        first = ftp.data()
        second = None
        with contextlib.suppress(OSError):
            second = ftp.data()
        ftp.expect("RETR file", 1)
        self.assertEqual(receive_all(first), b"content")
        ftp.reply(226)
        if second:
            with contextlib.suppress(OSError):
                self.assertEqual(receive_all(second), b"")
        self.assert_in_step(ftp)


class BadAddresses(FtpTest):
    def test_port_with_a_bad_argument(self):
        ftp = self.session()
        for argument in ("1", "1,2,3,4,5", "127,0,0,1,200,1,1", "127,0,0,1,200,256",
                         "256,0,0,1,200,1",
                         "127,0,0,1,200,-1", "127,0,0,1,200,x", "127.0.0.1,200,1", "127,0,0,1,,1",
                         ",,,,,",
                         "127,0,0,1,200,1,", "127, 0,0,1,200,1", "+127,0,0,1,200,1",
                         "0x7f,0,0,1,200,1",
                         "127,0,0,1,200,99999999999999999999", "|1|127.0.0.1|51201|"):
            with self.subTest(argument):
                ftp.expect("PORT " + argument, 501)
        ftp.expect("NLST", 425, 503)

    def test_port_to_somebody_else(self):
        ftp = self.session()
        for argument in ("127,0,0,2,200,1", "10,0,0,1,200,1", "0,0,0,0,200,1",
                         "255,255,255,255,200,1"):
            with self.subTest(argument):
                ftp.expect("PORT " + argument, 500, 501, 504)
        ftp.expect("NLST", 425, 503)

    def test_port_below_1024(self):
        ftp = self.session()
        for port in (0, 1, 21, 25, 1023):
            with self.subTest(port):
                ftp.expect(f"PORT 127,0,0,1,{port >> 8},{port & 255}", 500, 501, 504)
                ftp.expect(f"EPRT |1|127.0.0.1|{port}|", 500, 501, 504)
        ftp.expect("NLST", 425, 503)

    def test_a_refused_port_takes_nothing_away_from_others(self):
        ftp = self.session()
        ftp.prepare("PORT")
        ftp.expect("PORT 127,0,0,2,200,1", 50)
        reply = ftp.ask("NLST")
        if matches(reply.code, 1):
            self.assertEqual(receive_all(ftp.data()), b"")
            ftp.reply(226)
        else:
            self.assertIn(reply.code, (425, 503))

    def test_eprt_with_a_bad_argument(self):
        ftp = self.session()
        for argument in ("|1|127.0.0.1|99999|", "|1|127.0.0.1|65536|", "|1|127.0.0.1|51201",
                         "|1|127.0.0.1|x|", "|1|nonsense|51201|", "|1||51201|", "|1|127.0.0.1||",
                         "||",
                         "|", "|||||", "1|127.0.0.1|51201", "|1|127.0.0.1|51201|x",
                         "|x|127.0.0.1|51201|",
                         "|1|256.0.0.1|51201|", "|1|::1|51201|", "|1|127.0.0.1|-1|",
                         "127,0,0,1,200,1"):
            with self.subTest(argument):
                ftp.expect("EPRT " + argument, 501, 522)
        ftp.expect("NLST", 425, 503)

    def test_eprt_takes_any_delimiter(self):
        ftp = self.session()
        for delimiter in "|!#~$":
            with self.subTest(delimiter):
                port = ftp.listen().getsockname()[1]
                ftp.expect("EPRT " + delimiter.join(("", "1", "127.0.0.1", str(port), "")), 200)
                ftp.expect("NLST", 1)
                self.assertEqual(receive_all(ftp.data()), b"")
                ftp.reply(226)

    def test_eprt_with_a_protocol_that_is_none(self):
        ftp = self.session()
        ftp.expect("EPRT |3|127.0.0.1|51201|", 522)
        self.assertIn("1", ftp.expect("EPRT |9|x|51201|", 522, 501).text)

    def test_eprt_to_somebody_else(self):
        ftp = self.session()
        for argument in ("|1|127.0.0.2|51201|", "|1|10.0.0.1|51201|", "|2|::1|51201|",
                         "|2|fe80::1|51201|", "|2|::ffff:127.0.0.2|51201|"):
            with self.subTest(argument):
                ftp.expect("EPRT " + argument, 500, 501, 504, 522)


class Strangers(FtpTest):
    """Somebody else who guesses the passive port."""

    def intrude(self, where):
        """A connection from another address: nothing comes over it, then its end."""
        with socket.create_connection(where, 20, ("127.0.0.2", 0)) as stranger:
            with contextlib.suppress(OSError):
                stranger.sendall(b"forged")
                return stranger.recv(1000)
        return b""

    def test_get_nothing_and_harm_nothing_before_the_command(self):
        self.write("file", b"for one only")
        ftp = self.session()
        for mode in ("PASV", "EPSV"):
            with self.subTest(mode):
                ftp.prepare(mode)
                self.assertEqual(self.intrude(ftp.where), b"")
                with ftp.data() as data:
                    ftp.expect("RETR file", 1)
                    self.assertEqual(receive_all(data), b"for one only")
                ftp.reply(226)

    def test_get_nothing_and_harm_nothing_after_the_command(self):
        self.write("file", b"for one only")
        ftp = self.session()
        ftp.prepare()
        ftp.send("RETR file")
        self.assertEqual(self.intrude(ftp.where), b"")
        data = ftp.data()
        self.assertEqual(receive_all(data), b"for one only")
        ftp.reply(1)
        ftp.reply(226)

    def test_put_nothing_into_an_upload(self):
        ftp = self.session()
        ftp.prepare()
        ftp.send("STOR new")
        self.assertEqual(self.intrude(ftp.where), b"")
        with ftp.data() as data:
            data.sendall(b"genuine")
        ftp.reply(1)
        ftp.reply(226)
        self.assertEqual(self.read("new"), b"genuine")

    def test_come_in_numbers_and_go_empty_handed(self):
        self.write("file", b"for one only")
        ftp = self.session()
        ftp.prepare()
        for _ in range(50):
            self.assertEqual(self.intrude(ftp.where), b"")
        with ftp.data() as data:
            ftp.expect("RETR file", 1)
            self.assertEqual(receive_all(data), b"for one only")
        ftp.reply(226)

    def test_may_be_clients_themselves(self):
        self.write("file")
        ftp = self.session(source="127.0.0.2")
        ftp.prepare()
        with contextlib.suppress(OSError):
            with socket.create_connection(ftp.where, 20) as stranger:
                self.assertEqual(stranger.recv(100), b"")
        self.assertEqual(self.intrude_for(ftp), b"content")

    def intrude_for(self, ftp):
        with socket.create_connection(ftp.where, 20, ("127.0.0.2", 0)) as data:
            ftp.expect("RETR file", 1)
            received = receive_all(data)
        ftp.reply(226)
        return received


class PassivePorts(FtpTest):
    shared = False

    def free_range(self, count):
        """Ports in a row that nobody has at the moment."""
        for _ in range(200):
            with contextlib.ExitStack() as held:
                first = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
                try:
                    for port in range(first + 1, first + count):
                        held.enter_context(socket.create_server(("127.0.0.1", port)))
                except (OSError, OverflowError):
                    continue
                return first, first + count - 1
        self.skipTest("no free ports in a row")

    def test_come_from_the_range(self):
        first, last = self.free_range(4)
        server = self.start("--ftp-pasv-range", f"{first}-{last}")
        ftp = self.session(server)
        for mode in ("PASV", "EPSV") * 10:
            self.assertIn(ftp.passive_address(mode)[1], range(first, last + 1))
        self.write("file")
        for _ in range(8):
            self.assertEqual(ftp.fetch("RETR file"), b"content")

    def test_that_are_used_up_are_told_and_come_back(self):
        first, last = self.free_range(2)
        server = self.start("--ftp-pasv-range", f"{first}-{last}")
        one, two, three = (self.session(server) for _ in range(3))
        one.passive_address()
        two.passive_address()
        three.expect("EPSV", 425, 421)
        three.expect("NOOP", 200)
        one.expect("QUIT", 221)
        one.close()
        wait_until(lambda: three.expect("EPSV", 229, 425).code == 229, "a free port")
        self.assertEqual(three.fetch("NLST"), b"")

    def test_lie_at_the_address_that_is_said_but_not_for_neighbours(self):
        server = self.start("--ftp-pasv-address", "192.0.2.7")
        ftp = self.session(server)
        self.assertEqual(ftp.passive_address("PASV")[0], "127.0.0.1")


class OverIPv6(FtpTest):
    address = "[::1]:0"

    def test_the_extended_ways_carry_files(self):
        ftp = self.session()
        for mode in ("EPSV", "EPRT"):
            with self.subTest(mode):
                ftp.store("STOR " + mode, b"six" * 1000, mode)
                self.assertEqual(ftp.fetch("RETR " + mode, mode), b"six" * 1000)

    def test_the_old_ways_are_refused(self):
        ftp = self.session()
        ftp.expect("PASV", 425, 501, 502, 522)
        ftp.expect("PORT 127,0,0,1,200,1", 50, 425, 522)

    def test_only_its_own_protocol_is_taken(self):
        ftp = self.session()
        ftp.expect("EPSV 2", 229)
        ftp.expect("EPSV 1", 522)
        ftp.expect("EPRT |1|127.0.0.1|51201|", 500, 501, 522)
        ftp.expect("EPRT |2|::2|51201|", 500, 501, 504)
        ftp.expect("EPRT |2|::1%lo|51201|", 501)
        ftp.expect("EPRT |2|nonsense|51201|", 501)

    def test_its_state_names_the_address(self):
        self.assertIn("::1", self.session().ask("STAT").text)


class OverBoth(FtpTest):
    address = "[::]:0"

    def test_an_ipv4_client_has_all_four_ways(self):
        ftp = self.session(host="127.0.0.1")
        for mode in MODES:
            with self.subTest(mode):
                ftp.store("STOR " + mode, b"four", mode)
                self.assertEqual(ftp.fetch("RETR " + mode, mode), b"four")

    def test_an_ipv4_client_is_still_protected(self):
        self.write("file")
        ftp = self.session(host="127.0.0.1")
        ftp.expect("PORT 127,0,0,2,200,1", 50)
        ftp.prepare("PASV")
        with contextlib.suppress(OSError):
            with socket.create_connection(ftp.where, 20, ("127.0.0.2", 0)) as stranger:
                self.assertEqual(stranger.recv(100), b"")
        with ftp.data() as data:
            ftp.expect("RETR file", 1)
            self.assertEqual(receive_all(data), b"content")
        ftp.reply(226)


if __name__ == "__main__":
    unittest.main()
