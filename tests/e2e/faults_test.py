#!/usr/bin/env python3
"""The transfers of the end-to-end suite through sluice-faulty, whose system calls fail at random.

Runs build/sluice-faulty (or $SLUICE_BUILD/sluice-faulty), which must have been built; what it does
is in tests/fault/README.md. Every test goes over fixed seeds and a fresh one. A failure names its
seed; to have it again, run with SLUICE_FAULT_SEED set to that.
"""

import contextlib
import hashlib
import os
import pathlib
import queue
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

import ftp_support

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build"))
PATIENCE = 60  # seconds until a test that hangs is a test that failed
SERVICES = ("echo", "time", "words", "drop", "offer")
GIVEN_SEED = os.environ.get("SLUICE_FAULT_SEED")
SEEDS = (1, 2, 3, random.SystemRandom().randrange(4, 2**32))
if GIVEN_SEED is not None:
    SEEDS = (int(GIVEN_SEED),)
HARMLESS = "short,eintr,eagain"
HARMFUL = HARMLESS + ",reset,nospace,nofile"
SPENT = "new connections have to wait"  # in the log when accept() found no descriptor
MAGIC = b"\x89SLD\r\n\x1a\0"
MAY_REPLACE = 1
DIGEST_BYTES = 32


class Refused(Exception):
    """A reply of the server with another status than 0."""


def random_bytes(seed, size):
    return random.Random(seed).randbytes(size)


class Server:
    """`sluice serve` with services on free ports of their own; its log is collected."""

    def __init__(self, program, environment, arguments, services=SERVICES):
        self.services = services
        self.process = subprocess.Popen(
            [program, "serve", *arguments],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines = queue.Queue()
        self.log = []
        self.owed = []  # what the log must hold in the end, as regular expressions
        self.addresses = {}
        self.readers = [
            threading.Thread(target=self.read_output, daemon=True),
            threading.Thread(target=self.read_log, daemon=True),
        ]
        for reader in self.readers:
            reader.start()

    def read_output(self):
        for line in self.process.stdout:
            self.lines.put(line.decode())
        self.lines.put("")

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))

    def started(self):
        """Waits for all addresses; False when the process ended before."""
        while len(self.addresses) < len(self.services):
            line = self.lines.get(timeout=PATIENCE)
            if not line:
                return False
            name, host, port = re.fullmatch(r"(\w+) listening on (.*):(\d+)\n", line).groups()
            self.addresses[name] = (host, int(port))
        return True

    def connect(self, service):
        return socket.create_connection(self.addresses[service], PATIENCE)

    def wait(self):
        """The exit status; the log is complete afterwards."""
        status = self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        return status

    def drain(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        self.process.kill()
        self.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def text(self):
        return "".join(self.log)

    def injected(self):
        """How many faults of each kind there were; after wait()."""
        counts = re.findall(r"(\w+)=(\d+)", self.log[-1])
        return {kind: int(count) for kind, count in counts}


def receive_all(client):
    parts = []
    while part := client.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def receive_exactly(client, size):
    parts, left = [], size
    while left:
        part = client.recv(left)
        if not part:
            raise ConnectionError(f"the server ended {left} bytes early")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class Outcome:
    """What a client got: bytes, and the error or the orderly end that came after them."""

    def __init__(self):
        self.received = b""
        self.error = None

    def send(self, client, data):
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError as error:  # a socket tells of its reset once, so recv() may not
            self.error = error


def exchange(server, service, data):
    """Sends `data` and FIN while it reads to the end, like nc."""
    outcome = Outcome()
    try:
        with server.connect(service) as client:
            sender = threading.Thread(target=outcome.send, args=(client, data), daemon=True)
            sender.start()
            try:
                while part := client.recv(1 << 16):
                    outcome.received += part
            finally:
                sender.join(PATIENCE)
    except TimeoutError:
        raise
    except OSError as error:
        outcome.error = error
    return outcome


def receive_reply(client):
    status, offset, size = struct.unpack("!BQH", receive_exactly(client, 11))
    message = receive_exactly(client, size).decode()
    if status != 0:
        raise Refused(f"status {status}: {message}")
    return offset


def upload(client, name, data):
    """One framed upload. Returns the offset at which the server wanted it to go on."""
    upload_id = hashlib.sha256(name.encode() + data).digest()[:16]
    header = struct.pack("!8sBBBBQ16s", MAGIC, 1, MAY_REPLACE, 0, len(name), len(data), upload_id)
    client.sendall(header + name.encode())
    offset = receive_reply(client)
    client.sendall(data[offset:] + hashlib.sha256(data).digest())
    stored = receive_reply(client)
    if stored != len(data):
        raise AssertionError(f"{name}: {stored} of {len(data)} bytes are said to be stored")
    return offset


def together(jobs):
    """Runs the jobs side by side; returns their results in order, or raises what one did."""
    results = [None] * len(jobs)
    errors = []

    def run(number):
        try:
            results[number] = jobs[number]()
        except BaseException as error:  # told to the test, whose thread this is not
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
        if thread.is_alive():
            raise AssertionError("a client hangs")
    if errors:
        raise errors[0]
    return results


class Faulty:
    """Servers with faults; `selector` is named by the subclass."""

    selector = ""
    services = SERVICES
    offered = random_bytes(99, 700_001)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.offer_file = self.folder / "offered.bin"
        self.offer_file.write_bytes(self.offered)

    @contextlib.contextmanager
    def each_server(self, kinds, rate, seed):
        """A server with faults, and a directory for its files. Afterwards it must drain."""
        with tempfile.TemporaryDirectory(dir=self.folder) as directory:
            files = pathlib.Path(directory)
            server = self.start(kinds, rate, seed, files)
            try:
                yield server, files
                status = server.drain()
                self.assertEqual(status, 0, "the drain")
                for owed in server.owed:
                    self.assertRegex(server.text(), owed)
                self.assertGreater(sum(server.injected().values()), 0, "no fault was injected")
            except BaseException:
                server.kill()
                print(f"\n--- seed {seed}, {self.selector}, log:\n{server.text()[-4000:]}")
                raise
            finally:
                server.kill()
            self.check_no_leftovers_but_partials(files)

    def settings(self, files):
        return {"drop-dir": files, "offer-file": self.offer_file, "offer-pause": 10}

    def start(self, kinds, rate, seed, files, program="sluice-faulty"):
        settings = {"selector": self.selector, "sync": "yes"} | self.settings(files)
        settings |= {service: "127.0.0.1:0" for service in self.services}
        config = self.folder / "config"
        lines = [f"# {'about ' * 200}\n{name} = {value}\n" for name, value in settings.items()]
        config.write_text("".join(lines))  # too long for one read()
        for attempt in range(20):
            environment = {
                "SLUICE_FAULT_SEED": str((seed + attempt * 1009) % 2**32),
                "SLUICE_FAULT_KINDS": kinds,
                "SLUICE_FAULT_RATE": str(rate),
            }
            server = Server(BUILD / program, environment, ["--config", config], self.services)
            if server.started():
                return server
            # Without a descriptor, say, for the listener: an error, told in a sentence.
            self.assertIn(server.wait(), (1, 2), server.text())
            self.assertRegex(server.text(), r"(?m)^sluice serve: .+")
            server.kill()
            self.assertEqual(kinds, HARMFUL, f"did not start: {server.text()}")
        self.fail(f"never started: {server.text()}")

    def over_seeds(self, kinds, rate, check):
        for seed in SEEDS:
            with self.subTest(selector=self.selector, seed=seed):
                with self.each_server(kinds, rate, seed) as (server, files):
                    check(server, files)

    def check_no_leftovers_but_partials(self, files):
        for path in files.iterdir():
            if path.name.startswith("."):
                self.assertRegex(path.name, r"^\.sluice-[0-9a-f]{32}\.part$")

    def named_files(self, files):
        return {path.name: path.read_bytes() for path in files.iterdir() if path.name[0] != "."}


class Faults(Faulty):
    """The five basic services."""

    # --- what only delays: every byte arrives -----------------------------------------------------

    def test_echo_brings_every_byte_back_to_many_clients(self):
        def check(server, _):
            data = [random_bytes(n, 1 << 20) for n in range(4)]
            data += [random_bytes(n, 1 + 37 * n) for n in range(40)]
            outcomes = together([lambda d=d: exchange(server, "echo", d) for d in data])
            for sent, outcome in zip(data, outcomes):
                self.assertIsNone(outcome.error)
                self.assertTrue(outcome.received == sent, f"{len(sent)} bytes came back otherwise")

        self.over_seeds(HARMLESS, 150, check)

    def test_raw_drop_stores_every_byte(self):
        def check(server, files):
            data = [random_bytes(n, n * 150_000 + 1) for n in range(6)]
            outcomes = together([lambda d=d: exchange(server, "drop", d) for d in data])
            for outcome in outcomes:
                self.assertIsNone(outcome.error)
                self.assertEqual(outcome.received, b"")
            stored = self.named_files(files)
            self.assertEqual(set(stored), {f"output_{n}.txt" for n in range(6)})
            self.assertTrue(sorted(stored.values()) == sorted(data), "other bytes are stored")

        self.over_seeds(HARMLESS, 150, check)

    def test_framed_drop_stores_every_byte(self):
        def check(server, files):
            data = {f"file {n}": random_bytes(n, n * 120_000) for n in range(8)}

            def client(names):
                with server.connect("drop") as connection:
                    for name in names:
                        self.assertEqual(upload(connection, name, data[name]), 0)

            names = sorted(data)
            together([lambda: client(names[:4]), lambda: client(names[4:])])
            self.assertTrue(self.named_files(files) == data, "other bytes are stored")

        self.over_seeds(HARMLESS, 150, check)

    def test_framed_drop_goes_on_where_it_broke_off(self):
        def check(server, files):
            data = random_bytes(7, 1_500_000)
            name, part = "resumed", 1_000_003
            with server.connect("drop") as connection:
                identity = hashlib.sha256(name.encode() + data).digest()[:16]
                connection.sendall(
                    struct.pack("!8sBBBBQ16s", MAGIC, 1, 0, 0, 7, len(data), identity) + b"resumed"
                )
                self.assertEqual(receive_reply(connection), 0)
                connection.sendall(data[:part])
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(receive_all(connection), b"")
            with server.connect("drop") as connection:
                self.assertEqual(upload(connection, name, data), part)
            self.assertTrue(self.named_files(files) == {name: data}, "other bytes are stored")

        self.over_seeds(HARMLESS, 250, check)

    def test_offer_gives_every_byte(self):
        def check(server, _):
            name = self.offer_file.name.encode()
            header = struct.pack("!HQ", len(name), len(self.offered))
            asks = {b"ready": name + self.offered, b"SLUICE/1\n": header + name + self.offered}

            def client(message):
                with server.connect("offer") as connection:
                    connection.sendall(message)
                    return receive_all(connection) == asks[message]

            self.assertTrue(all(together([lambda m=m: client(m) for m in list(asks) * 4])))

        self.over_seeds(HARMLESS, 250, check)

    def test_words_answers_every_request(self):
        def check(server, _):
            requests = b"".join(b"%d\n" % (n % 12) for n in range(2000))
            words = b"error: expected a whole number from 1 to 10,one,two,three,four,five,six,seven"
            words = (words + b",eight,nine,ten").split(b",")
            words.append(words[0])
            answers = b"".join(words[n % 12] + b"\n" for n in range(2000))
            outcomes = together([lambda: exchange(server, "words", requests)] * 4)
            for outcome in outcomes:
                self.assertIsNone(outcome.error)
                self.assertEqual(outcome.received, answers)
            with server.connect("words") as connection:
                for number in (3, 7):
                    connection.sendall(b"%d" % number)  # ended by the gap
                    self.assertEqual(receive_exactly(connection, 5), words[number])

        self.over_seeds(HARMLESS, 250, check)

    def test_time_tells_the_time(self):
        def check(server, _):
            for outcome in together([lambda: exchange(server, "time", b"")] * 50):
                self.assertIsNone(outcome.error)
                text = outcome.received.decode()
                self.assertRegex(text, r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$")

        self.over_seeds(HARMLESS, 250, check)

    # --- what breaks: every byte arrives, or the error is told ------------------------------------

    def over_harmful_seeds(self, rate, check):
        def check_and_serve_on(server, files):
            check(server, files)
            self.assertIsNone(server.process.poll(), "the server has ended")
            for _ in range(100):
                outcome = exchange(server, "echo", b"still there?")
                if not outcome.error and outcome.received == b"still there?":
                    return
            self.fail("serves nobody any more")

        self.over_seeds(HARMFUL, rate, check_and_serve_on)

    def check_end(self, server, outcome, whole):
        """All of `whole` came; or a part and then an error; or nothing, and the log tells."""
        if outcome.received == whole and outcome.error is None:
            return
        self.assertTrue(whole.startswith(outcome.received), "other bytes came")
        if outcome.error is None:
            self.assertEqual(outcome.received, b"", "ends in order, but early")
            server.owed.append(SPENT)

    def test_echo_brings_all_back_or_ends_with_an_error(self):
        def check(server, _):
            data = [random_bytes(n, 1 + 9973 * n) for n in range(50)]
            outcomes = together([lambda d=d: exchange(server, "echo", d) for d in data])
            for sent, outcome in zip(data, outcomes):
                self.check_end(server, outcome, sent)

        self.over_harmful_seeds(30, check)

    def test_raw_drop_stores_whole_files_only(self):
        def check(server, files):
            data = [b"%02d" % n + random_bytes(n, 20_011 * n) for n in range(30)]
            outcomes = together([lambda d=d: exchange(server, "drop", d) for d in data])
            stored = self.named_files(files)
            self.assertLessEqual(len(stored), len(data))
            for name, content in stored.items():
                self.assertTrue(content in data, f"{name}, {len(content)} bytes, nobody sent")
            for sent, outcome in zip(data, outcomes):
                if sent in stored.values() or outcome.error:
                    continue
                if not outcome.received:
                    server.owed.append(SPENT)
                else:
                    self.assertRegex(outcome.received, rb"^error: .+\n$")
                    told = outcome.received[7:].decode()
                    server.owed.append(re.escape("upload refused: " + told))

        self.over_harmful_seeds(20, check)

    def test_framed_drop_stores_whole_files_only_and_all_of_them_in_the_end(self):
        def check(server, files):
            data = {f"file {n}": random_bytes(n, n * 40_009) for n in range(10)}

            def client(name):
                for _ in range(100):
                    try:
                        with server.connect("drop") as connection:
                            return upload(connection, name, data[name])
                    except TimeoutError:
                        raise
                    except (OSError, Refused):
                        for other, content in self.named_files(files).items():
                            self.assertTrue(content == data[other], f"{other} is not whole")
                self.fail(f"{name} never arrives")

            together([lambda n=n: client(n) for n in data])
            self.assertTrue(self.named_files(files) == data, "other bytes are stored")

        self.over_harmful_seeds(20, check)

    def test_offer_gives_all_or_ends_with_an_error(self):
        def check(server, _):
            name = self.offer_file.name.encode()
            header = struct.pack("!HQ", len(name), len(self.offered))
            for _ in range(3):
                outcomes = together([lambda: exchange(server, "offer", b"SLUICE/1\n")] * 10)
                for outcome in outcomes:
                    if outcome.error is None and outcome.received == b"":
                        server.owed.append("Too many open files")
                    else:
                        self.check_end(server, outcome, header + name + self.offered)

        self.over_harmful_seeds(40, check)


class CarefulFtp(ftp_support.Ftp):
    """For which an error reply is no mistake of the server's, wherever it comes."""

    def reply(self, wanted=None, what="(the next reply)"):
        reply = super().reply()
        if wanted is None or ftp_support.matches(reply.code, wanted):
            return reply
        if ftp_support.matches(reply.code, (4, 5)):
            raise Refused(f"{what!r}: {reply}")
        return ftp_support.check(reply, wanted, what)


class FtpFaults(Faulty):
    """The transfers of the FTP server. Passwords are plain: the process that checks the hashed ones
    would have faults of its own."""

    services = ("ftp",)
    stall = 60  # seconds
    old = random_bytes(50, 300_007)
    data = random_bytes(51, 700_001)
    lines = b"".join(b"%d of many\n" % n for n in range(40_000))

    @staticmethod
    def prepare(files):
        """What is to be done once in the directory of each server."""

    def make_many(self, count, length):
        """Lets prepare() make a directory of so many files; returns their names."""
        names = sorted(b"%04d" % n + b"x" * length for n in range(count))

        def prepare(files):
            (files / "many").mkdir()
            for name in names:
                os.close(os.open(os.fsencode(files / "many") + b"/" + name, os.O_CREAT))

        self.prepare = prepare
        return names

    def settings(self, files):
        return {"ftp-root": files, "ftp-user": "user:secret", "ftp-writable": "yes",
                "ftp-login-delay": 10, "ftp-login-burst": 1000, "ftp-stall": self.stall}

    @contextlib.contextmanager
    def session(self, server):
        ftp = CarefulFtp(server.addresses["ftp"], greeting=None)
        try:
            ftp.reply(220)
            yield ftp.login()
        finally:
            ftp.close()

    def check_no_leftovers_but_partials(self, files):
        for path in files.iterdir():
            self.assertNotEqual(path.name[0], ".", "an upload of FTP that broke leaves its old file")

    # --- what only delays: every byte arrives -----------------------------------------------------

    def harmless(self, rate, talk, clients=4):
        """`talk(ftp, number, files)` for several clients at once."""

        def check(server, files):
            self.prepare(files)

            def client(number):
                with self.session(server) as ftp:
                    talk(ftp, number, files)
                    ftp.expect("NOOP", 200)
                    ftp.expect("QUIT", 221)
                    self.assertTrue(ftp.is_closed())

            together([lambda n=n: client(n) for n in range(clients)])

        self.over_seeds(HARMLESS, rate, check)

    def assert_same(self, content, wanted, what):
        self.assertTrue(content == wanted, f"{what}: {len(content)} bytes, not these {len(wanted)}")

    def test_ftp_sends_every_byte(self):
        def talk(ftp, number, files):
            data = random_bytes(number, 1 + number * 400_009)
            (files / f"file {number}").write_bytes(data)
            for mode in ("EPSV", "PASV", "PORT", "EPRT"):
                self.assert_same(ftp.fetch(f"RETR file {number}", mode), data, mode)
            rest = len(data) // 3
            self.assert_same(ftp.fetch(f"RETR file {number}", rest=rest), data[rest:], "REST")

        self.harmless(150, talk)

    def test_ftp_stores_every_byte(self):
        def talk(ftp, number, files):
            path = files / f"file {number}"
            data = random_bytes(number, 1 + number * 300_007)
            for mode in ("EPSV", "PORT"):  # a new name, and then onto what is there
                ftp.store(f"STOR {path.name}", data, mode)
                self.assert_same(path.read_bytes(), data, mode)
                data = data[::-1]
            ftp.store(f"STOR {path.name}", b"end", rest=len(data))
            ftp.store(f"APPE {path.name}", data)
            self.assert_same(path.read_bytes(), data[::-1] + b"end" + data, "APPE")
            self.assertEqual(ftp.expect(f"SIZE {path.name}", 213).text, f"213 {path.stat().st_size}")

        self.harmless(150, talk)

    def test_ftp_lists_every_entry(self):
        names = self.make_many(900, 120)

        def talk(ftp, number, files):
            ftp.expect("CWD many", 250)
            self.assertEqual(ftp.names(), names)
            lines = ftp_support.split_lines(ftp.fetch("LIST"))
            self.assertEqual(sorted(line[-len(names[0]):] for line in lines), names)
            self.assertEqual(sorted(set(ftp.facts()) - {b".", b".."}), names)
            self.assertEqual(len(ftp.expect("STAT .", 212, 213).lines), len(names) + 2)

        self.harmless(250, talk)

    def test_ftp_changes_line_ends_both_ways(self):
        wire = self.lines.replace(b"\n", b"\r\n")

        def talk(ftp, number, files):
            path = files / f"text {number}"
            ftp.expect("TYPE A", 200)
            ftp.store(f"STOR {path.name}", wire)
            self.assert_same(path.read_bytes(), self.lines, "what is stored")
            self.assert_same(ftp.fetch(f"RETR {path.name}"), wire, "what is sent")
            ftp.store(f"APPE {path.name}", wire)
            self.assert_same(path.read_bytes(), self.lines * 2, "what is added to")

        self.harmless(250, talk, clients=2)

    def test_ftp_tells_the_digest(self):
        def talk(ftp, number, files):
            data = random_bytes(number, 1 + number * 700_001)
            (files / f"file {number}").write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            for _ in range(5):
                self.assertIn(digest, ftp.expect(f"HASH file {number}", 213).text.lower())

        self.harmless(250, talk)

    # --- what breaks: every byte arrives, or the error is told ------------------------------------

    def over_harmful_attempts(self, rate, attempt, clients=8):
        """`attempt(ftp, number, files)` in a session of its own, several at once; it may end by a
        refusal or a lost connection, and returns whether the server said that all went well."""
        self.stall = 1  # where the data connection is lost before it is taken, that tells
        ends = []

        def check(server, files):
            self.prepare(files)

            def client(number):
                try:
                    with self.session(server) as ftp:
                        ends.append(attempt(ftp, number, files))
                except TimeoutError:
                    raise
                except (OSError, EOFError, Refused):
                    ends.append(False)

            together([lambda n=n: client(n) for n in range(clients)])
            self.assertIsNone(server.process.poll(), "the server has ended")
            self.assert_serves_on(server, files)

        self.over_seeds(HARMFUL, rate, check)
        if GIVEN_SEED is None:
            good = ends.count(True)
            self.assertTrue(0 < good < len(ends), f"{good} of {len(ends)} went well")

    def assert_serves_on(self, server, files):
        told = ""
        for number in range(100):
            try:
                with self.session(server) as ftp:
                    ftp.store(f"STOR proof {number}", b"still there?")
                    self.assertEqual((files / f"proof {number}").read_bytes(), b"still there?")
                    self.assertEqual(ftp.fetch(f"RETR proof {number}"), b"still there?")
                    return
            except TimeoutError:
                raise
            except (OSError, EOFError, Refused) as error:
                told = error
        self.fail(f"serves nobody any more: {told}")

    def fetch(self, ftp, line, wanted):
        """Whether 226 came; then `wanted` must have come, too, and otherwise a part of it."""
        received = b""
        lost = False
        with ftp.begin(line) as data:
            try:
                while part := data.recv(1 << 16):
                    received += part
            except ConnectionError:
                lost = True
        code = ftp.reply((226, 4, 5)).code
        if code == 226:
            self.assertFalse(lost, f"{line}: 226 for a connection that was reset")
            self.assert_same(received, wanted, line)
        self.assertTrue(wanted.startswith(received), f"{line}: other bytes came")
        return code == 226

    def store(self, ftp, line, content):
        """Whether 226 came."""
        with ftp.begin(line) as data:
            with contextlib.suppress(ConnectionError):
                data.sendall(content)
        return ftp.reply((226, 4, 5)).code == 226

    def attempt_store(self, ftp, line, content, check):
        """A store, and `check(done)` after it, whatever happened."""
        done = False
        try:
            done = self.store(ftp, line, content)
        finally:
            check(done)
        return done

    def test_ftp_sends_all_or_tells_the_error(self):
        def attempt(ftp, number, files):
            path = files / f"file {number}"
            path.write_bytes(self.data)
            return self.fetch(ftp, f"RETR {path.name}", self.data)

        self.over_harmful_attempts(40, attempt)

    def test_ftp_stores_all_of_a_new_file_or_tells_the_error(self):
        def attempt(ftp, number, files):
            path = files / f"file {number}"

            def check(done):
                content = path.read_bytes() if path.exists() or done else b""
                self.assertTrue(self.data.startswith(content), "other bytes are stored")
                if done:
                    self.assert_same(content, self.data, "226")

            return self.attempt_store(ftp, f"STOR {path.name}", self.data, check)

        self.over_harmful_attempts(20, attempt)

    def test_ftp_leaves_an_existing_file_whole_old_or_new(self):
        def attempt(ftp, number, files):
            path = files / f"file {number}"
            path.write_bytes(self.old)

            def check(done):
                content = path.read_bytes()
                if done:
                    self.assert_same(content, self.data, "226")
                self.assertIn(content, (self.old, self.data), f"{len(content)} bytes")

            return self.attempt_store(ftp, f"STOR {path.name}", self.data, check)

        self.over_harmful_attempts(20, attempt)

    def test_ftp_adds_only_what_was_sent(self):
        def attempt(ftp, number, files):
            path = files / f"file {number}"
            path.write_bytes(self.old)

            def check(done):
                content = path.read_bytes()
                self.assert_same(content[:len(self.old)], self.old, "what was there")
                added = content[len(self.old):]
                self.assertTrue(self.data.startswith(added), "other bytes are added")
                if done:
                    self.assert_same(added, self.data, "226")

            return self.attempt_store(ftp, f"APPE {path.name}", self.data, check)

        self.over_harmful_attempts(20, attempt)

    def test_ftp_lists_all_or_tells_the_error(self):
        names = self.make_many(900, 120)

        def attempt(ftp, number, files):
            line = ("NLST", "LIST", "MLSD")[number % 3]
            ftp.expect("CWD many", 250)
            with ftp.begin(line) as data:
                try:
                    listing = receive_all(data)
                except ConnectionError:
                    listing = b""
            if ftp.reply((226, 4, 5)).code != 226:
                return False
            found = sorted(entry[-len(names[0]):] for entry in ftp_support.split_lines(listing))
            self.assertEqual([name for name in found if name in names], names, line)
            return True

        self.over_harmful_attempts(40, attempt, clients=9)

    def test_ftp_changes_line_ends_or_tells_the_error(self):
        wire = self.lines.replace(b"\n", b"\r\n")

        def attempt(ftp, number, files):
            path = files / f"text {number}"
            ftp.expect("TYPE A", 200)

            def check(done):
                if done:
                    self.assert_same(path.read_bytes(), self.lines, "226")

            if not self.attempt_store(ftp, f"STOR {path.name}", wire, check):
                return False
            return self.fetch(ftp, f"RETR {path.name}", wire)

        self.over_harmful_attempts(20, attempt)

    def test_ftp_tells_the_digest_or_the_error(self):
        digest = hashlib.sha256(self.data).hexdigest()

        def attempt(ftp, number, files):
            path = files / f"file {number}"
            path.write_bytes(self.data)
            for _ in range(3):
                self.assertIn(digest, ftp.expect(f"HASH {path.name}", 213).text.lower())
            return True

        self.over_harmful_attempts(120, attempt)  # a digest makes few calls that could fail


class Clients(unittest.TestCase):
    """The client commands of sluice-faulty, against a server without faults."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.files = self.folder / "files"
        self.files.mkdir()
        self.offered = self.folder / "offered.bin"
        self.offered.write_bytes(random_bytes(5, 2_000_003))
        arguments = ["--drop-dir", self.files, "--offer-file", self.offered]
        arguments += ["--offer-pause", "200"]
        for service in SERVICES:
            arguments += ["--" + service, "127.0.0.1:0"]
        self.server = Server(BUILD / "sluice", {}, arguments)
        self.addCleanup(self.server.kill)
        self.assertTrue(self.server.started(), self.server.text())

    def client(self, kinds, rate, seed, *words, **how):
        environment = {
            "SLUICE_FAULT_SEED": str(seed),
            "SLUICE_FAULT_KINDS": kinds,
            "SLUICE_FAULT_RATE": str(rate),
        }
        return subprocess.run(
            [BUILD / "sluice-faulty", *words],
            env=os.environ | environment,
            capture_output=True,
            timeout=PATIENCE,
            cwd=self.folder,
            **how,
        )

    def address(self, service):
        return "%s:%d" % self.server.addresses[service]

    def test_all_of_them_do_what_they_do_without_faults(self):
        lines = b"".join(b"line %d\n" % n for n in range(300))
        sent = self.folder / "sent.bin"
        sent.write_bytes(random_bytes(6, 3_000_017))
        for seed in SEEDS:
            self.runs = 0
            with self.subTest(seed=seed):
                done = self.run_well(seed, "echo", self.address("echo"), input=lines + b"q\n")
                self.assertEqual(done.stdout, lines)
                done = self.run_well(seed, "echo", self.address("echo"), "x" * 100_000)
                self.assertEqual(done.stdout, b"x" * 100_000 + b"\n")
                done = self.run_well(seed, "words", self.address("words"), "7")
                self.assertEqual(done.stdout, b"seven\n")
                done = self.run_well(seed, "time", self.address("time"))
                self.assertEqual(len(done.stdout), 25)
                self.run_well(seed, "drop", "--replace", sent, self.address("drop"))
                self.assertEqual((self.files / sent.name).read_bytes(), sent.read_bytes())
                self.run_well(seed, "drop", "--raw", sent, self.address("drop"))
                raw = self.files / "output_0.txt"
                self.assertEqual(raw.read_bytes(), sent.read_bytes())
                raw.unlink()
                self.run_well(seed, "receive", "--replace", self.address("offer"))
                self.check_received()

    def check_received(self):
        received = self.folder / ("new_" + self.offered.name)
        self.assertTrue(received.read_bytes() == self.offered.read_bytes(), "other bytes are saved")
        received.unlink()

    def run_well(self, seed, *words, **how):
        self.runs += 1  # each begins with other dice: a client makes few calls
        number = (seed + 1009 * self.runs) % 2**32
        done = self.client(HARMLESS, 250, number, *words, **how)
        self.assertEqual(done.returncode, 0, f"{words[0]}: {done.stderr.decode()}")
        return done

    def over_harmful_runs(self, rate, words, leaves_nothing, check):
        """Each run is whole, or says why not and has left nothing under a final name."""
        whole = broken = 0
        for seed in SEEDS:
            for attempt in range(6):
                number = (seed + 1009 * attempt) % 2**32
                with self.subTest(command=words[0], seed=number):
                    done = self.client(HARMFUL, rate, number, *words)
                    if done.returncode == 0:
                        check()
                        whole += 1
                    else:
                        self.assertEqual(done.returncode, 1, done.stderr.decode())
                        told = rf"(?m)^sluice {words[0]}: .+"
                        self.assertRegex(done.stderr.decode(), told)
                        leaves_nothing()
                        broken += 1
        if GIVEN_SEED is None:
            self.assertTrue(whole and broken, f"{whole} runs succeeded, {broken} did not")

    def test_drop_stores_the_file_or_says_why_not(self):
        sent = self.folder / "sent.bin"
        sent.write_bytes(random_bytes(6, 1_000_003))
        stored = self.files / sent.name

        def check():
            self.assertTrue(stored.read_bytes() == sent.read_bytes(), "other bytes are stored")

        def leaves_nothing():
            if stored.exists():  # of an earlier run, or only the reply was lost
                check()

        words = ("drop", "--replace", sent, self.address("drop"))
        self.over_harmful_runs(150, words, leaves_nothing, check)

    def test_raw_drop_is_stored_whole_or_not_at_all(self):
        sent = self.folder / "sent.bin"
        sent.write_bytes(random_bytes(6, 1_000_003))

        def check():
            for stored in self.files.glob("output_*"):
                self.assertTrue(stored.read_bytes() == sent.read_bytes(), "other bytes are stored")
                stored.unlink()

        words = ("drop", "--raw", sent, self.address("drop"))
        self.over_harmful_runs(150, words, check, check)

    def test_receive_saves_the_file_or_says_why_not(self):
        saved = self.folder / ("new_" + self.offered.name)

        def leaves_nothing():
            self.assertFalse(saved.exists())

        words = ("receive", self.address("offer"))
        self.over_harmful_runs(50, words, leaves_nothing, self.check_received)


class Epoll(Faults, unittest.TestCase):
    selector = "epoll"


class Poll(Faults, unittest.TestCase):
    selector = "poll"


class Select(Faults, unittest.TestCase):
    selector = "select"


class FtpEpoll(FtpFaults, unittest.TestCase):
    selector = "epoll"


class FtpPoll(FtpFaults, unittest.TestCase):
    selector = "poll"


class FtpSelect(FtpFaults, unittest.TestCase):
    selector = "select"


if __name__ == "__main__":
    unittest.main()
