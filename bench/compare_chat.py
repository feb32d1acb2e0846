#!/usr/bin/env python3
"""Compares chat servers: sluice, a raw fan-out loop, and redis, nats and mosquitto if installed.

    bench/compare_chat.py [MEASURE ...] [options]      (all when none is named)

full      one publisher, window 64: 100, 1,000 and 5,000 readers, 64 bytes and 1 KiB
lockstep  one publisher, window 1: each message is waited for by all, so each costs a send
talk      100 clients who all write and read, window 8 and 1 each
slow      1,000 readers, 1 KiB, window 64, with and without 10 more that have stopped reading; a
          server that never lets them miss anything keeps it all in memory
idle      memory and set-up rate of 10,000 clients

With sluice every client has a nick and is in a room of the name `bench`. Servers run in
alternation, each run a fresh process, pinned to CPU 0, the load to CPU 1. A ratio is taken within a
round; every figure is shown as median (least to most). How each is set up: chat_servers.py.
"""

import argparse
import itertools
import os
import tempfile

from chat_servers import available
from measuring import ROOT, Failed, Load, median, run_script, spread, verdict

IDLE, STOPPED = 10_000, 10
LAPPED = 12_000  # messages of 1 KiB: more than a raw client may be behind and the kernel holds
FAULTS = ["lost", "disordered", "doubled", "closed", "strange"]
MEASURES = ["full", "lockstep", "talk", "slow", "idle"]


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the program to measure (BUILD/sluice)")
    parser.add_argument("--sluice-options", default="", help="more words for `sluice serve`")
    parser.add_argument("--only", help="servers to measure, with commas between them")
    parser.add_argument("--readers", default="100,1000,5000", help="of the measure `full`")
    parser.add_argument("--sizes", default="64,1024", help="likewise, in bytes")
    parser.add_argument("--idle", type=int, default=IDLE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run-seconds", type=float, default=1)
    parser.add_argument("--spin", action="store_true",
                        help="the load never sleeps, so that no send pays for waking it")
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.measures = options.measures or MEASURES
    if not set(options.measures) <= set(MEASURES):
        parser.error(f"MEASURE is one of {', '.join(MEASURES)}")
    options.sluice = options.sluice or f"{options.build}/sluice"
    return options


class Comparison:
    """One measure over all servers; `results[name]` has one dictionary a round."""

    def __init__(self, options, folder, servers):
        self.options, self.folder, self.servers = options, folder, servers
        self.results = {}

    def client(self, server, **numbers):
        words = [f"{self.options.build}/bench/load/chat_load", server.address, server.wire]
        words += ["--wait"]
        words += ["--spin"] if self.options.spin else []
        for name, value in numbers.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        return Load(words, self.options.seconds)

    def load(self, server, **numbers):
        """The load program's figures, and `cpu`: seconds the server used meanwhile; `memory`:
        all of it at the end."""
        numbers.setdefault("run_seconds", self.options.run_seconds)
        with self.client(server, **numbers) as run:
            run.line()
            before = server.cpu_seconds()
            result = run.go()
            result["cpu"] = server.cpu_seconds() - before
            result["memory"] = server.resident_bytes()
            if "slow" in numbers:
                result.update(run.go())
        if result["deliveries"] == 0:
            raise Failed("nothing was delivered")
        return result

    def alternate(self, title, measure):
        """`measure(server)` of every server, first another each round. One that fails is named and
        left out."""
        print(title, flush=True)
        self.results = {}
        runs = list(self.servers)
        for number in range(self.options.rounds):
            at = number % max(len(runs), 1)
            for name in runs[at:] + runs[:at]:
                try:
                    with self.servers[name](self.folder) as server:
                        self.results.setdefault(name, []).append(measure(server))
                except (Failed, OSError) as error:
                    print(f"  {name:<10} left out: {error}", flush=True)
                    runs.remove(name)
                    self.results.pop(name, None)
        for name, fault in itertools.product(self.results, FAULTS):
            count = sum(result.get(fault, 0) for result in self.results[name])
            if count > 0:
                print(f"  {name:<10} FAULT: {count:.0f} {fault}: MISSED", flush=True)

    def column(self, name, figure):
        return [figure(result) for result in self.results[name]]

    def show(self, **figures):
        """A row of the table for each server: {unit: (figure(result), digits)}."""
        for name in [name for name in self.servers if name in self.results]:
            shown = (f"{spread(self.column(name, figure), digits)} {unit.replace('_', ' ')}"
                     for unit, (figure, digits) in figures.items())
            print(f"  {name:<10} " + "; ".join(shown), flush=True)

    def has(self, *names):
        return all(name in self.results for name in names)

    def ratio(self, other, figure):
        """sluice's by another's, round by round."""
        return [ours / theirs for ours, theirs in
                zip(self.column("sluice", figure), self.column(other, figure))]

    def beside(self, other, **figures):
        """{name: figure} of sluice's by another's; the medians."""
        if not self.has("sluice", other):
            return {}
        found = {name: self.ratio(other, figure) for name, figure in figures.items()}
        shown = ", ".join(f"{name} {spread(ratios)}" for name, ratios in found.items())
        print(f"  sluice/{other}: {shown}", flush=True)
        return {name: median(ratios) for name, ratios in found.items()}

    def hold(self, what, figure, limit, sign="at most", digits=2):
        if self.has("sluice"):
            verdict(what, median(self.column("sluice", figure)), limit, sign=sign, digits=digits)


def rate(result):
    return result["per_second"]


def millions(result):
    return result["per_second"] / 1e6


def cpu(result):
    """Seconds per million deliveries, which is microseconds each."""
    return result["cpu"] / result["deliveries"] * 1e6


def megabytes(result):
    return result["memory"] / 1e6


def fell_behind(result):
    return result["missed"] > 0 or result["slow_closed"] > 0


TABLE = {
    "M/s": (millions, 2),
    "s_of_CPU_per_M": (cpu, 3),
    "p50_ms": (lambda result: result["p50_us"] / 1000, 2),
    "p99_ms": (lambda result: result["p99_us"] / 1000, 2),
    "MB": (megabytes, 1),
}


def compare_full(run):
    for size in map(int, run.options.sizes.split(",")):
        for readers in map(int, run.options.readers.split(",")):
            run.alternate(
                f"full: {readers:,} readers, {size} bytes, window 64, deliveries",
                lambda server, size=size, readers=readers: run.load(
                    server, readers=readers, publishers=1, size=size, window=64),
            )
            run.show(**TABLE)
            ratios = run.beside("raw", rate=rate, CPU=cpu)
            if ratios:
                verdict("rate of the raw loop's", ratios["rate"], 0.85, sign="at least")
            if size == 64:
                run.hold("s of CPU per million", cpu, 0.10, digits=3)


def compare_lockstep(run):
    for readers in (100, 1000):
        run.alternate(
            f"lockstep: {readers:,} readers, 64 bytes, window 1, deliveries",
            lambda server, readers=readers: run.load(
                server, readers=readers, publishers=1, window=1),
        )
        run.show(**TABLE)
        run.beside("raw", rate=rate, CPU=cpu)
        run.hold("us of CPU a send", cpu, 5)


def compare_talk(run):
    for window in (8, 1):
        run.alternate(
            f"talk: 100 clients, 64 bytes, window {window} each, deliveries",
            lambda server, window=window: run.load(server, talkers=100, window=window),
        )
        run.show(**TABLE)
        run.beside("raw", rate=rate, CPU=cpu)
        ratios = run.beside("redis", rate=rate, CPU=cpu)
        if ratios:
            verdict(f"rate of redis', window {window}", ratios["rate"], 3, sign="at least")


def compare_slow(run):
    healthy = {"readers": 1000, "publishers": 1, "size": 1024, "window": 64}
    stopped = {**healthy, "readers": 1000 + STOPPED, "slow": STOPPED}
    enough = {"run_seconds": 2 * run.options.run_seconds, "least_messages": LAPPED}

    def both(server):
        """Without and with them, the same server, so that the machine is in the same state."""
        before = run.load(server, **healthy, run_seconds=enough["run_seconds"])
        result = run.load(server, **stopped, **enough)
        for fault in FAULTS:
            result[fault] += before[fault]
        result["kept"] = result["per_second"] / before["per_second"]
        result["cpu_kept"] = cpu(result) / cpu(before)
        result["missed"] = result["published"] - result["slow_messages"] / STOPPED
        return result

    run.alternate(f"slow: 1,000 readers, 1 KiB, window 64, and {STOPPED} that have stopped", both)
    run.show(**TABLE)
    run.show(of_the_rate_without_them=(lambda result: result["kept"], 2),
             of_the_CPU=(lambda result: result["cpu_kept"], 2),
             messages=(lambda result: result["published"], 0),
             missed_by_each=(lambda result: result["missed"], 0),
             closed=(lambda result: result["slow_closed"], 0))
    if run.has("sluice") and not any(run.column("sluice", fell_behind)):
        print("  -> the stopped readers missed nothing: there were too few messages", flush=True)
    run.hold("rate of the healthy, of that without the stopped", lambda result: result["kept"],
             0.95, sign="at least")
    run.hold("MB of memory", megabytes, 32, digits=1)


def compare_idle(run):
    count = run.options.idle

    def measure(server):
        """A few have been and gone, so that what is used once is not counted."""
        with run.client(server, readers=100) as few:
            few.line()
        before, used = server.anonymous_bytes(), server.cpu_seconds()
        with run.client(server, readers=count) as many:
            seconds = many.line()["seconds"]
            return {"each": (server.anonymous_bytes() - before) / count,
                    "set_up": count / seconds,
                    "cpu_each": (server.cpu_seconds() - used) / count * 1e6}

    run.alternate(f"idle: {count:,} clients, each greeted; anonymous memory", measure)
    run.show(bytes_each=(lambda result: result["each"], 0),
             set_up_a_second=(lambda result: result["set_up"], 0),
             us_of_CPU_each=(lambda result: result["cpu_each"], 1))
    run.beside("raw", rate=lambda result: result["set_up"], CPU=lambda result: result["cpu_each"])
    run.hold("bytes a client", lambda result: result["each"], 400, digits=0)
    run.hold("clients set up a second", lambda result: result["set_up"], 20_000, "at least", 0)


def compare(options):
    servers, left_out = available(options.build, options.sluice, options.sluice_options)
    for name, reason in left_out.items():
        print(f"{name} is left out: {reason}", flush=True)
    if options.only:
        servers = {name: servers[name] for name in options.only.split(",") if name in servers}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        run = Comparison(options, folder, servers)
        for measure in options.measures:
            globals()[f"compare_{measure}"](run)


if __name__ == "__main__":
    run_script("compare_chat", compare, parse)
