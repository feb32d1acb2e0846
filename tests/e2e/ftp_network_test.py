"""FTP over addresses that this machine does not have: in a network of its own, where any can be given.

Each test runs in a process of its own inside `unshare --net`; what is fixed there, ports too, is
nobody else's.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest

from harness import arrived, pattern, receive_all, wait_until
from ftp_support import FtpTest

INSIDE = "--inside" in sys.argv
DEADLINE = 120  # seconds for one test
MODES = ("PASV", "EPSV", "PORT", "EPRT")
PUBLIC, OUTSIDE, PRIVATE = "198.51.100.5", "203.0.113.7", "10.1.2.3"  # RFC 5737, RFC 1918
LINK = "192.0.2.9"
DATA = pattern(300_000)

SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8913, 0x8914, 0x8916, 0x891C
IFF_UP = 1


def interface(request, name, content):
    """One request of netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control, request, struct.pack("16s24s", name.encode(), content))[16:]


def set_up(name, up=True):
    flags = struct.unpack_from("h", interface(SIOCGIFFLAGS, name, b""))[0]
    interface(SIOCSIFFLAGS, name, struct.pack("h", flags | IFF_UP if up else flags & ~IFF_UP))


def add_address(label, host):
    """One more address of lo, which ends when its label is set down."""
    for request, address in ((SIOCSIFADDR, host), (SIOCSIFNETMASK, "255.255.255.255")):
        interface(request, label, struct.pack("hH4s", socket.AF_INET, 0, socket.inet_aton(address)))


class Inside(FtpTest):
    shared = False

    @classmethod
    def setUpClass(cls):
        if not INSIDE:
            raise unittest.SkipTest("runs in a network of its own only")
        super().setUpClass()

    def setUp(self):
        super().setUp()
        set_up("lo")
        for number, host in enumerate((PUBLIC, PRIVATE, LINK)):
            add_address(f"lo:{number}", host)

    def start(self, *options, **how):
        return super().start("--drain", "0", *options, **how)


class PassiveAddress(Inside):
    def serve_behind_a_router(self, address="0.0.0.0:0"):
        self.start("--ftp-pasv-address", OUTSIDE, address=address)

    def assert_carries(self, ftp, named):
        """PASV names that host, and the port is the right one, whatever the host; so is EPSV's."""
        self.assertEqual(ftp.passive_address("PASV")[0], named)
        for mode in ("PASV", "EPSV"):
            with self.subTest(mode):
                ftp.prepare(mode)
                ftp.where = (ftp.host, ftp.where[1])
                with ftp.data() as data:
                    ftp.expect("STOR " + mode, 1)
                    data.sendall(DATA)
                ftp.reply(226)
                self.assertEqual(self.read(mode), DATA)
        self.assertEqual(ftp.fetch("RETR EPSV"), DATA)

    def test_a_client_at_a_public_address_is_told_the_one_given(self):
        for address in (PUBLIC + ":0", "0.0.0.0:0", "[::]:0"):
            with self.subTest(address):
                self.serve_behind_a_router(address)
                self.assert_carries(self.session(host=PUBLIC, source=PUBLIC), OUTSIDE)

    def test_a_client_at_a_private_address_is_told_the_real_one(self):
        for address in ("0.0.0.0:0", "[::]:0"):
            with self.subTest(address):
                self.serve_behind_a_router(address)
                for host in (PRIVATE, "127.0.0.1"):
                    self.assert_carries(self.session(host=host, source=host), host)

    def test_the_client_decides_not_the_address_that_it_calls(self):
        self.serve_behind_a_router()
        public = self.session(host=PRIVATE, source=PUBLIC)
        self.assertEqual(public.passive_address("PASV")[0], OUTSIDE)
        private = self.session(host=PUBLIC, source=PRIVATE)
        self.assertEqual(private.passive_address("PASV")[0], PUBLIC)

    def test_a_client_at_a_public_address_is_told_the_real_one_where_none_is_given(self):
        self.start(address="0.0.0.0:0")
        ftp = self.session(host=PUBLIC, source=PUBLIC)
        for mode in MODES:
            with self.subTest(mode):
                ftp.store("STOR file", DATA, mode)
                self.assertEqual(ftp.fetch("RETR file", mode), DATA)
        self.assertEqual(ftp.passive_address("PASV")[0], PUBLIC)


class ActivePort(Inside):
    SERVERS = (("127.0.0.1:21", "127.0.0.1"), ("127.0.0.1:2121", "127.0.0.1"),
               ("[::]:2122", "127.0.0.1"), ("[::]:2123", "::1"))

    def begin_again(self, ftp, line, listener):
        """A transfer to a port that stays open; the data connection and its source port."""
        mode = "EPRT" if ":" in listener.getsockname()[0] else "PORT"
        ftp.expect(ftp.active_command(mode, listener.getsockname()), 200)
        ftp.expect(line, 1)
        connection = listener.accept()[0]
        connection.settimeout(60)
        self.addCleanup(connection.close)
        return connection, connection.getpeername()[1]

    def listen(self, ftp):
        listener, ftp.listener = ftp.listen(), None
        self.addCleanup(listener.close)
        return listener

    def each_server(self):
        for address, host in self.SERVERS:
            with self.subTest(address=address, host=host):
                server = self.start(address=address)
                ftp = self.session(server, host=host)
                yield ftp, server.ports["ftp"]
                ftp.close()
                self.assertEqual(server.stop(), 0)

    def test_a_data_connection_comes_from_the_port_below(self):
        self.write("file", DATA)
        for ftp, port in self.each_server():
            for line in ("RETR file", "NLST"):
                data, source = self.begin_again(ftp, line, self.listen(ftp))
                self.assertEqual(source, port - 1)
                self.assertTrue(receive_all(data))
                data.close()
                ftp.reply(226)

    def test_several_come_from_it_side_by_side(self):
        self.write_big()
        for ftp, port in self.each_server():
            _, source = self.begin_again(ftp, "RETR big", self.listen(ftp))
            self.assertEqual(source, port - 1)
            other = self.session(host=ftp.host)
            data, source = self.begin_again(other, "STOR other", self.listen(other))
            self.assertEqual(source, port - 1)
            data.close()
            other.reply(226)

    def test_one_to_the_same_port_of_the_client_comes_again_and_again(self):
        """The pair of ports may be in TIME_WAIT then, at whichever side closed first."""
        self.write("file", DATA)
        for ftp, port in self.each_server():
            listener = self.listen(ftp)
            for turn in range(3):
                data, source = self.begin_again(ftp, "RETR file", listener)
                self.assertTrue(source == port - 1 or turn > 0, source)
                self.assertEqual(receive_all(data), DATA)
                data.close()
                ftp.reply(226)
                data, _ = self.begin_again(ftp, f"STOR new{turn}", listener)
                data.sendall(DATA)
                data.close()
                ftp.reply(226)
                self.assertEqual(self.read(f"new{turn}"), DATA)

    def test_one_comes_where_somebody_else_listens_at_the_port_below(self):
        self.write("file", DATA)
        for ftp, port in self.each_server():
            family = socket.AF_INET6 if ":" in ftp.host else socket.AF_INET
            with socket.create_server((ftp.host, port - 1), family=family):
                data, source = self.begin_again(ftp, "RETR file", self.listen(ftp))
                self.assertNotEqual(source, port - 1)
                self.assertEqual(receive_all(data), DATA)
                ftp.reply(226)


class MappedClient(Inside):
    def test_an_ipv4_client_of_an_ipv6_server_has_all_four_ways(self):
        self.start(address="[::]:0")
        for host in ("127.0.0.1", PUBLIC, PRIVATE):
            ftp = self.session(host=host, source=host)
            self.assertEqual(ftp.passive_address("PASV")[0], host)
            for mode in MODES:
                with self.subTest(host=host, mode=mode):
                    ftp.store("STOR " + mode, DATA, mode)
                    self.assertEqual(ftp.fetch("RETR " + mode, mode), DATA)
            ftp.expect("EPSV 1", 229)
            ftp.expect("EPSV 2", 522)

    def test_it_is_not_called_elsewhere(self):
        self.start(address="[::]:0")
        ftp = self.session(host=PUBLIC, source=PUBLIC)
        ftp.expect("PORT " + PRIVATE.replace(".", ",") + ",200,1", 501)
        ftp.expect(f"EPRT |1|{PRIVATE}|51201|", 501)
        ftp.expect(f"EPRT |2|::ffff:{PRIVATE}|51201|", 501)


class DeadLink(Inside):
    """The client's address goes away, and with it each segment from there and to there; nothing
    tells either side."""

    def connect_far(self, *options):
        """A session whose link is to be cut, after `before` counted the descriptors without it."""
        self.start(*options, address="0.0.0.0:0")
        self.assert_serves()
        wait_until(lambda: "closed" in self.server.log(), "the end of that session")
        self.before = self.server.descriptors()
        return self.session(host=LINK, source=LINK)

    def cut(self):
        set_up("lo:2", up=False)

    def assert_frees_itself(self, told):
        """The transfer soon, the session when it has been idle for long; nobody else notices."""
        running = self.server.descriptors()
        self.cut()
        self.assert_serves()
        self.server.wait_for_log(told)
        wait_until(lambda: self.server.descriptors() < running, "the transfer to be freed")
        wait_until(lambda: self.server.descriptors() == self.before, "the session to be freed")
        self.assert_serves()

    SHORT = ("--ftp-stall", "2", "--ftp-idle", "5")

    def test_in_a_download_frees_the_session(self):
        self.write_big()
        self.connect_far(*self.SHORT).begin("RETR big", buffer_size=65536)
        self.assert_frees_itself(r"user broke off /big, .*timed out")

    def test_in_a_listing_frees_the_session(self):
        os.mkdir(self.path("dir"))
        self.write_links("dir")
        self.connect_far(*self.SHORT).begin("LIST dir", buffer_size=2048)
        self.assert_frees_itself(r"user listed /dir, .*broken")

    def test_in_an_upload_frees_the_session_and_the_part_stays(self):
        data = self.connect_far(*self.SHORT).begin("STOR new")
        data.sendall(DATA)
        wait_until(lambda: self.read("new") == DATA, "the part on the disk")
        self.assert_frees_itself(r"user broke off /new, .*timed out")
        self.assertEqual(self.read("new"), DATA)

    def test_in_an_upload_onto_a_file_frees_the_session_and_the_old_one_stays(self):
        self.write("old", b"old and whole")
        data = self.connect_far(*self.SHORT).begin("STOR old")
        data.sendall(DATA)
        arrived(data)
        self.assert_frees_itself(r"user broke off /old, .*timed out")
        self.assertEqual(self.read("old"), b"old and whole")
        self.assertEqual(self.entries(), [b"old"])

    def test_of_an_idle_session_frees_it(self):
        self.connect_far("--ftp-idle", "2")
        self.cut()
        self.server.wait_for_log("idle: closed")
        wait_until(lambda: self.server.descriptors() == self.before, "the session to be freed")

    def test_of_another_is_not_noticed_by_transfers(self):
        size = self.write_big()
        self.connect_far().begin("STOR new")
        here = self.session(host="127.0.0.1")
        with here.begin("RETR big", buffer_size=65536) as data:
            self.cut()
            self.assertEqual(len(receive_all(data)), size)
        here.reply(226)
        here.store("STOR other", DATA)
        self.assertEqual(self.read("other"), DATA)

    def test_that_comes_back_in_time_breaks_nothing(self):
        size = self.write_big()
        far = self.connect_far()
        data = far.begin("RETR big", buffer_size=65536)
        self.cut()
        self.assert_serves()
        add_address("lo:2", LINK)
        self.assertEqual(len(receive_all(data)), size)
        far.reply(226)
        self.assert_in_step(far)


class Outside(unittest.TestCase):
    """One test of this file, run where it is alone."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def id(self):
        return f"ftp_network_test.{self.name}"

    __str__ = id

    def runTest(self):
        root = os.geteuid() == 0
        alone = ["unshare", "--net"] + ([] if root else ["--user", "--map-root-user"])
        if not shutil.which("unshare") or subprocess.run(alone + ["true"], capture_output=True).returncode:
            self.skipTest("network namespaces are not allowed here")
        here = os.path.abspath(__file__)
        done = subprocess.run([*alone, sys.executable, here, "--inside", self.name],
                              capture_output=True, text=True, errors="replace", timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Ran 1 test", done.stderr)


def load_tests(loader, tests, _):
    """What unittest asks for the tests: outside, each of them is the call of the one inside."""
    if INSIDE:
        return tests
    names = [".".join(test.id().split(".")[-2:])
             for suite in tests for test in suite if isinstance(test, Inside)]
    return loader.suiteClass(Outside(name) for name in names)


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--inside"])
