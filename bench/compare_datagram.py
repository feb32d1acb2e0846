#!/usr/bin/env python3
"""Compares what answers and what takes datagrams: sluice, and bare loops of system calls.

    bench/compare_datagram.py [MEASURE ...] [options]      (all when none is named)

echo     server CPU of a round trip of 64 bytes, 32 and 1 in flight: `sluice serve --udp-echo`
         beside recvfrom and sendto (raw-one) and recvmmsg and sendmmsg (raw)
counts   of the same: user instructions (callgrind) and system calls (strace -c) of a round trip, R
         and 2R of them, the difference
receive  receiver CPU of a datagram, --rate a second sent one by one, 32 at a time, and 32 by a call
         that the kernel cuts up (UDP_SEGMENT): `sluice multicast receive --stats` and `serve
         --multicast` beside recv (raw-one), recvmmsg (raw), that with time stamps and drop counter
         asked for (raw-told), and UDP_GRO (raw-gro); and as many of 1200 bytes as will go by
         UDP_SEGMENT

Programs run in alternation, each run a fresh process, pinned to CPU 0, the load to CPU 1. A ratio
is taken within a round; every figure is shown as median (least to most). Groups are joined on lo.
"""

import argparse
import os
import re
import select
import signal
import socket
import sys
import time

from measuring import (ROOT, START_SECONDS, STOP_SECONDS, Failed, Load, Server, callgrind,
                       run_script, system_calls)
from rounds import Rounds

MEASURES = ["echo", "counts", "receive"]
GROUP = "239.255.83.76"


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the program to measure (BUILD/sluice)")
    parser.add_argument("--only", help="programs to measure, with commas between them")
    parser.add_argument("--rate", type=int, default=100_000, help="datagrams a second")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run-seconds", type=float, default=1)
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.measures = options.measures or MEASURES
    if not set(options.measures) <= set(MEASURES):
        parser.error(f"MEASURE is one of {', '.join(MEASURES)}")
    options.sluice = options.sluice or f"{options.build}/sluice"
    options.raw = f"{options.build}/bench/raw"
    return options


def chosen(options, programs):
    names = options.only.split(",") if options.only else programs
    return {name: programs[name] for name in programs if name in names}


# --- echo -----------------------------------------------------------------------------------------
def echo_servers(options):
    return chosen(options, {
        "raw-one": f"{options.raw}/raw_udp_echo one",
        "raw": f"{options.raw}/raw_udp_echo batch",
        "sluice": f"{options.sluice} serve --udp-echo 127.0.0.1:0 --log-level warning",
    })


def echo_load(options, server, *words):
    return Load([f"{options.build}/bench/load/udp_echo_load", server.address, "--wait", *words],
                options.seconds)


def echo_once(options, command, inflight):
    with Server(command) as server, echo_load(
        options, server, "--inflight", str(inflight), "--run-seconds", str(options.run_seconds)
    ) as run:
        run.line()
        before = server.cpu_seconds()
        result = run.go()
        used = server.cpu_seconds() - before
    if result["round_trips"] == 0:
        raise Failed("nothing came back")
    return {"cpu": used / result["round_trips"] * 1e6, "rate": result["per_second"],
            "faults": result["lost"] + result["strange"]}


def compare_echo(options):
    for inflight in (32, 1):
        print(f"echo: 64 bytes, {inflight} in flight, {options.rounds} rounds", flush=True)
        run = Rounds(options.rounds, {
            name: lambda command=command, inflight=inflight: echo_once(options, command, inflight)
            for name, command in echo_servers(options).items()
        })
        run.show(cpu=("us of CPU a round trip", 2), rate=("a second", 0),
                 faults=("lost or strange", 0))
        for other in ("raw-one", "raw"):
            run.beside("sluice", other, cpu="CPU", rate="rate")
        run.hold(f"CPU of the recvmmsg loop's, {inflight} in flight",
                 run.ratios("sluice", "raw", "cpu"), 1.15)


# --- counts ---------------------------------------------------------------------------------------
def drive(options, inflight, round_trips):
    def work(server):
        with echo_load(options, server, "--inflight", str(inflight),
                       "--round-trips", str(round_trips)) as run:
            run.line()
            run.go()

    return work


def compare_counts(options):
    for inflight, trips in ((32, 16_000), (1, 2_000)):
        print(f"counts: {inflight} in flight, {trips} and {2 * trips} round trips", flush=True)
        for name, command in echo_servers(options).items():
            once, twice = (callgrind(command, drive(options, inflight, number))
                           for number in (trips, 2 * trips))
            calls = [system_calls(command, drive(options, inflight, number))
                     for number in (trips, 2 * trips)]
            each = {call: (calls[1][call] - calls[0].get(call, 0)) / trips for call in calls[1]}
            detail = ", ".join(f"{call} {n:.3f}" for call, n in sorted(each.items()) if n >= 0.002)
            print(f"  {name:<12} {(twice - once) / trips:.1f} user instructions a round trip;"
                  f" {sum(each.values()):.3f} calls ({detail})", flush=True)


# --- receive --------------------------------------------------------------------------------------
class Receiver(Server):
    """A receiver of a group; it has joined when the kernel knows of it."""

    def __init__(self, command, port):
        self.port = port
        super().__init__(command)

    def _wait_until_listening(self, command):
        packed = int.from_bytes(socket.inet_aton(GROUP), sys.byteorder)
        self.bound = f"{packed:08X}:{self.port:04X}"
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with open("/proc/net/udp") as sockets, open("/proc/net/igmp") as groups:
                if self.bound in sockets.read() and f"{packed:08X}" in groups.read():
                    return f"{GROUP}:{self.port}"
            time.sleep(0.02)
        raise Failed(f"does not join: {command}")

    def dropped(self):
        """Datagrams that its socket had no room for."""
        with open("/proc/net/udp") as sockets:
            return sum(int(line.split()[-1]) for line in sockets if self.bound in line)

    def last_words(self):
        """What it has printed once SIGTERM has ended it."""
        time.sleep(0.3)  # whatever lies in its buffer may be read
        os.kill(self.pid(), signal.SIGTERM)
        text, deadline = b"", time.monotonic() + STOP_SECONDS
        while select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            part = os.read(self.process.stdout.fileno(), 65536)
            if not part:
                return text.decode(errors="replace")
            text += part
        raise Failed("does not end")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def receivers(options):
    """{name: command with PLACE for the group and port}."""
    raw = f"{options.raw}/raw_multicast PLACE"
    return chosen(options, {
        "raw-one": f"{raw} one",
        "raw": f"{raw} batch",
        "raw-told": f"{raw} batch --time --drops",
        "raw-gro": f"{raw} gro",
        "sluice": f"{options.sluice} multicast receive PLACE --interface lo --stats",
        "serve": f"{options.sluice} serve --multicast PLACE --multicast-interface lo"
                 " --log-level warning",
    })


def datagrams_seen(text):
    """The last count that a receiver has told, or None."""
    found = re.findall(r'"?\bdatagrams"?\s*[=:]\s*(\d+)', text)
    return int(found[-1]) if found else None


def receive_once(options, command, words):
    port = free_port()
    place = f"{GROUP}:{port}"
    with Receiver(command.replace("PLACE", place), port) as server:
        with Load([f"{options.build}/bench/load/multicast_load", place, "--wait",
                   "--run-seconds", str(options.run_seconds), *words], options.seconds) as run:
            run.line()
            before = server.cpu_seconds()
            result = run.go()
            time.sleep(0.1)  # what is still in its buffer belongs to it
            used = server.cpu_seconds() - before
        dropped = server.dropped()
        seen = datagrams_seen(server.last_words())
    # What does not tell how many it took has taken what was not dropped.
    got = result["datagrams"] - dropped if seen is None else seen
    if got <= 0:
        raise Failed("nothing arrived")
    return {"cpu": used / got * 1e6, "rate": result["per_second"], "taken": got / 1e6,
            "lost": result["datagrams"] - got}


def compare_receive(options):
    paced = ["--rate", str(options.rate)]
    for title, words in (
        (f"{options.rate:,} a second, one by one", paced),
        (f"{options.rate:,} a second, 32 at a time", [*paced, "--burst", "32"]),
        (f"{options.rate:,} a second, 32 at a time by UDP_SEGMENT",
         [*paced, "--burst", "32", "--gso"]),
        ("1200 bytes, as many as will go by UDP_SEGMENT",
         ["--rate", "0", "--burst", "32", "--gso", "--size", "1200"]),
    ):
        print(f"receive: {title}, {options.rounds} rounds", flush=True)
        run = Rounds(options.rounds, {
            name: lambda command=command, words=words: receive_once(options, command, words)
            for name, command in receivers(options).items()
        })
        run.show(cpu=("us of CPU a datagram", 3), rate=("sent a second", 0),
                 taken=("million taken", 3), lost=("lost", 0))
        for ours in ("sluice", "serve"):
            for other in ("raw", "raw-told", "raw-gro"):
                run.beside(ours, other, cpu="CPU")
            if words[:2] == paced and ours in run.results:
                ratios = run.ratios(ours, "raw", "cpu")
                run.hold(f"CPU of the recvmmsg loop's, {ours}", ratios, 1.10)
                run.hold(f"lost, {ours}", run.column(ours, "lost"), 0, digits=0)


def compare(options):
    for measure in options.measures:
        globals()[f"compare_{measure}"](options)


if __name__ == "__main__":
    run_script("compare_datagram", compare, parse)
