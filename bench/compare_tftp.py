#!/usr/bin/env python3
"""Compares TFTP servers and clients: sluice, tftpd-hpa, atftpd; curl, atftp.

    bench/compare_tftp.py [MEASURE ...] [options]      (all when none is named)

down, up  one file of --mib MiB in blocks of 512, 1428 and 65464 bytes, one at a time (window 1);
          the same client for every server
window    down and up with a window of 64, blocks of 512 and 1428: atftp with atftpd, atftp with
          sluice, sluice with sluice
client    sluice get and put beside curl and atftp, all with sluice as the server
calls     system calls of the server for each block of 1428, curl down and up, atftp with a window
          of 64: files of 2 and 4 MiB, the difference (strace -f -c)
loss      1 MiB in blocks of 1428 through 1 % loss each way (tests/e2e/lossy_relay.py), windows of
          1 and 16: sluice with sluice, and atftp with sluice and with atftpd; without loss, too,
          which is what the relay itself takes

Pairs run in alternation, each run a fresh server pinned to CPU 0 and a fresh client pinned to CPU
1; files lie in memory (/dev/shm) if it has the room, and every byte that arrives is compared. A
ratio is taken within a round; every figure is shown as median (least to most). Seconds are those of
the whole client process. How each peer is set up: tftp_servers.py.
"""

import argparse
import filecmp
import itertools
import os
import random
import re
import resource
import select
import subprocess
import sys
import tempfile
import time

from compare_transfer import MIB, roomy_folder
from measuring import (LOAD_CPU, ROOT, SERVER_CPU, START_SECONDS, Failed, Server, calls_in, pinned,
                       run_script)
from rounds import Rounds
from tftp_servers import available, clients

MEASURES = ["down", "up", "window", "client", "calls", "loss"]
RELAY = os.path.join(ROOT, "tests", "e2e", "lossy_relay.py")
LOSS_BYTES, LOSS_BLOCK, LOSS_PERCENT = MIB, 1428, 1
COUNTED = {"two": 2 * MIB, "four": 4 * MIB}


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the program to measure (BUILD/sluice)")
    parser.add_argument("--only", help="servers to measure, with commas between them")
    parser.add_argument("--clients", default="curl,atftp", help="of down and up; also tftp")
    parser.add_argument("--blocks", default="512,1428,65464",
                        help="bytes, of down, up and, but for 512, client")
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--one-cpu", action="store_true",
                        help="client and server take turns on CPU 0: no processor wakes another")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.measures = options.measures or MEASURES
    if not set(options.measures) <= set(MEASURES):
        parser.error(f"MEASURE is one of {', '.join(MEASURES)}")
    options.sluice = options.sluice or f"{options.build}/sluice"
    options.blocks = [int(size) for size in options.blocks.split(",")]
    return options


class Relay(Server):
    """Loses datagrams on their way to and from a server."""

    def __init__(self, address, seed, loss):
        super().__init__(f"sh -c 'exec {sys.executable} {RELAY} --listen 127.0.0.1:0 --to {address}"
                         f" --loss {loss} --seed {seed} 2>/dev/null'")

    def _wait_until_listening(self, command):
        text, deadline = "", time.monotonic() + START_SECONDS
        while not (found := re.search(r"(127\.0\.0\.1:\d+)\s", text)):
            left = max(0, deadline - time.monotonic())
            ready = select.select([self.process.stdout], [], [], left)[0]
            part = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not part:
                raise Failed(f"does not listen: {command}")
            text += part.decode()
        return found[1]


class Bench:
    """`root` is served, `here` the clients'; in both lie the same files."""

    def __init__(self, folder, options):
        self.options = options
        self.servers, left_out = available(options.sluice)
        for name, reason in left_out.items():
            print(f"{name} is left out: {reason}", flush=True)
        if options.only:
            names = options.only.split(",")
            self.servers = {name: self.servers[name] for name in names if name in self.servers}
        self.clients = clients(options.sluice)
        self.root, self.here = os.path.join(folder, "root"), os.path.join(folder, "here")
        os.chmod(folder, 0o755)
        for path in (self.root, self.here):
            os.mkdir(path)
            os.chmod(path, 0o777)
            numbers = random.Random(1)
            sizes = {"small": LOSS_BYTES, "large": options.mib * MIB, **COUNTED}
            for name, size in sizes.items():
                with open(os.path.join(path, name), "wb") as file:
                    for at in range(0, size, MIB):
                        file.write(numbers.randbytes(min(MIB, size - at)))

    def run_client(self, words):
        """Seconds on the clock and of CPU."""
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        try:
            cpu = SERVER_CPU if self.options.one_cpu else LOAD_CPU
            ended = subprocess.run(pinned(cpu) + words, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   timeout=self.options.seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {self.options.seconds} s: {' '.join(words)}") from None
        seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode != 0:
            raise Failed(f"status {ended.returncode}: {ended.stderr[-300:].decode()}")
        return {"seconds": seconds, "client_cpu": after.ru_utime - before.ru_utime +
                after.ru_stime - before.ru_stime}

    def check(self, arrived, sent):
        """A server may still be writing the last of it when the client has ended."""
        deadline = time.monotonic() + 3
        while not (os.path.exists(arrived) and os.stat(arrived).st_size == os.stat(sent).st_size):
            if time.monotonic() > deadline:
                raise Failed(f"{os.path.basename(sent)} has not arrived")
            time.sleep(0.005)
        if not filecmp.cmp(arrived, sent, shallow=False):
            raise Failed("a wrong byte has arrived")

    def once(self, server, client, *, up=False, block=512, window=1, name="large", seed=None,
             loss=LOSS_PERCENT):
        """One transfer by a fresh pair; with a seed through a relay that loses datagrams."""
        arrives = os.path.join(self.root if up else self.here, "arrived")
        here = os.path.join(self.here, name if up else "arrived")
        try:
            with self.servers[server](self.root) as running:
                before = running.cpu_seconds()
                words = self.clients[client]
                there = "arrived" if up else name
                if seed is None:
                    result = self.run_client(words(running.address, here, there, up, block, window))
                else:
                    with Relay(running.address, seed, loss) as relay:
                        result = self.run_client(
                            words(relay.address, here, there, up, block, window))
                self.check(arrives, os.path.join(self.here, name))
                result["cpu"] = running.cpu_seconds() - before
        finally:
            if os.path.exists(arrives):
                os.remove(arrives)
        result["rate"] = os.stat(os.path.join(self.root, name)).st_size / result["seconds"] / 1e6
        return result

    def alternate(self, title, pairs, **what):
        """`pairs` is {name: (server, client)}, or with a third, what is different with it."""
        print(f"{title}, {self.options.rounds} rounds", flush=True)

        def measure(pair):
            server, client, *more = pair
            return lambda: self.once(server, client, **{**what, **(more[0] if more else {})})

        run = Rounds(self.options.rounds, {
            name: measure(pair) for name, pair in pairs.items()
            if pair[0] in self.servers and pair[1] in self.clients
        })
        run.show(seconds=("s", 3), rate=("MB/s", 1), cpu=("s of the server's CPU", 2),
                 client_cpu=("s of the client's", 2))
        return run


def compare_both(bench, up):
    options, way = bench.options, "up" if up else "down"
    for client in options.clients.split(","):
        if client not in bench.clients:
            print(f"{way}: {client} is left out: not installed", flush=True)
            continue
        for block in [size for size in options.blocks if client != "tftp" or size == 512]:
            run = bench.alternate(f"{way}: {options.mib} MiB, {client}, blocks of {block}",
                                  {name: (name, client) for name in bench.servers},
                                  up=up, block=block)
            for other in ("tftpd-hpa", "atftpd"):
                run.beside("sluice", other, seconds="time", cpu="CPU")
                run.hold(f"time of {other}'s, {way}, {client}, {block}",
                         run.ratios("sluice", other, "seconds"), 1, sign="below")


def compare_down(bench):
    compare_both(bench, False)


def compare_up(bench):
    compare_both(bench, True)


def compare_window(bench):
    pairs = {"atftpd>atftp": ("atftpd", "atftp"), "ours>atftp": ("sluice", "atftp"),
             "ours>ours": ("sluice", "sluice")}
    for up in (False, True):
        for block in (512, 1428):
            run = bench.alternate(
                f"window: {'up' if up else 'down'}, {bench.options.mib} MiB, window 64, blocks of"
                f" {block}", pairs, up=up, block=block, window=64)
            for name in ("ours>atftp", "ours>ours"):
                run.beside(name, "atftpd>atftp", rate="rate", cpu="CPU")
            run.hold(f"rate of atftp's with atftpd, {block}",
                     run.ratios("ours>ours", "atftpd>atftp", "rate"), 1.5, sign="at least")


def compare_client(bench):
    for up in (False, True):
        for block in [size for size in bench.options.blocks if size != 512]:
            pairs = {name: ("sluice", name) for name in ("sluice", "curl", "atftp")}
            pairs["sluice, 16"] = ("sluice", "sluice", {"window": 16})
            run = bench.alternate(
                f"client: {'up' if up else 'down'}, {bench.options.mib} MiB, blocks of {block}",
                pairs, up=up, block=block)
            for other in ("curl", "atftp"):
                run.beside("sluice", other, seconds="time", client_cpu="CPU")


def calls_once(bench, server, client, up, name, window):
    """{system call: how often} of one transfer."""
    table = os.path.join(bench.here, "table")
    arrives = os.path.join(bench.root if up else bench.here, "arrived")
    here = os.path.join(bench.here, name if up else "arrived")
    with bench.servers[server](bench.root, ["strace", "-f", "-c", "-o", table]) as running:
        bench.run_client(bench.clients[client](running.address, here, "arrived" if up else name, up,
                                               1428, window))
        bench.check(arrives, os.path.join(bench.here, name))
    os.remove(arrives)
    return calls_in(table)


def compare_calls(bench):
    blocks = (COUNTED["four"] - COUNTED["two"]) / 1428
    for client, up, window in (("curl", False, 1), ("curl", True, 1), ("atftp", False, 64),
                               ("atftp", True, 64)):
        if client not in bench.clients:
            continue
        print(f"calls: {'up' if up else 'down'}, {client}, blocks of 1428, window {window}",
              flush=True)
        for server in [name for name in bench.servers if window == 1 or name != "tftpd-hpa"]:
            two, four = (calls_once(bench, server, client, up, name, window) for name in COUNTED)
            each = {call: (count - two.get(call, 0)) / blocks for call, count in four.items()}
            detail = ", ".join(f"{call} {n:.2f}" for call, n in sorted(each.items()) if n >= 0.005)
            print(f"  {server:<12} {sum(each.values()):.2f} calls a block ({detail})", flush=True)


def compare_loss(bench):
    if not os.path.exists(RELAY):
        raise Failed(f"no {os.path.relpath(RELAY, ROOT)}")

    def alternate(window, pairs, rounds):
        print(f"loss: 1 MiB, blocks of {LOSS_BLOCK}, {LOSS_PERCENT} % each way, window {window},"
              f" {rounds} rounds", flush=True)

        def measure(pair):
            seeds = itertools.count(1)  # the same losses for each pair
            server, client, *loss = pair
            return lambda: bench.once(server, client, block=LOSS_BLOCK, window=window, name="small",
                                      seed=next(seeds), loss=loss[0] if loss else LOSS_PERCENT)

        run = Rounds(rounds, {
            name: measure(pair) for name, pair in pairs.items()
            if pair[0] in bench.servers and pair[1] in bench.clients
        })
        run.show(seconds=("s", 3))
        return run

    for window, limit in ((1, 1.5), (16, 0.5)):
        run = alternate(window, {"ours>ours": ("sluice", "sluice"),
                                 "without loss": ("sluice", "sluice", 0)},
                        2 * bench.options.rounds)
        if "ours>ours" in run.results:
            run.hold(f"s through 1 % loss, window {window}", run.column("ours>ours", "seconds"),
                     limit)
        run = alternate(window, {"ours>atftp": ("sluice", "atftp"),
                                 "atftpd>atftp": ("atftpd", "atftp")}, bench.options.rounds)
        run.beside("ours>atftp", "atftpd>atftp", seconds="time")
        run.hold(f"time of atftp's with atftpd, window {window}",
                 run.ratios("ours>atftp", "atftpd>atftp", "seconds"), 1)


def compare(options):
    need = (4 * options.mib + 64) * MIB
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=roomy_folder(need)) as folder:
        bench = Bench(folder, options)
        for measure in options.measures:
            globals()[f"compare_{measure}"](bench)


if __name__ == "__main__":
    run_script("compare_tftp", compare, parse)
