#!/usr/bin/env python3
"""Compares two echo servers, by default the bare epoll loop and `sluice serve --echo`.

    bench/compare_echo.py [MODE ...] [options]      (all modes when none is named)

cpu           server CPU and rate, both servers in alternation, each run a fresh process
crowd         the same server with and without thousands of idle connections beside the active
instructions  user instructions per round trip: callgrind, R and 2R round trips, the difference
calls         system calls per round trip: strace -c, likewise
memory        user memory per idle connection

The server is pinned to CPU 0, the load to CPU 1. How to read the figures: bench/README.md.
"""

import argparse
import os
import sys

from measuring import ROOT, Failed, Load, Server, alternate, callgrind, median, spread, system_calls


def parse(words=None):
    text, _, modes = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=text, epilog=modes, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = os.path.join(ROOT, "build")
    known = ["cpu", "crowd", "instructions", "calls", "memory"]
    parser.add_argument("modes", nargs="*", metavar="MODE", help=", ".join(known))
    parser.add_argument("--a", help="command of the first server", metavar="COMMAND")
    parser.add_argument("--b", help="command of the second server", metavar="COMMAND")
    parser.add_argument("--a-name", default="raw")
    parser.add_argument("--b-name", default="sluice")
    parser.add_argument("--build", default=build, help="where the programs are")
    parser.add_argument("--connections", default="1,100", help="numbers of active connections")
    parser.add_argument("--idle", type=int, default=10_000, help="for memory and crowd")
    parser.add_argument("--size", type=int, default=64, help="bytes of a message")
    parser.add_argument("--inflight", type=int, default=1, help="messages under way at a time")
    parser.add_argument("--round-trips", type=int, default=200_000)
    parser.add_argument("--load-cpu", default="1", help="0 shares the server's")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.modes = options.modes or known
    for mode in options.modes:
        if mode not in known:
            parser.error(f"no such mode: {mode}")
    options.a = options.a or f"{options.build}/bench/raw/raw_epoll_echo"
    options.b = options.b or (
        f"{options.build}/sluice serve --echo 127.0.0.1:0 --log-level warning"
    )
    options.servers = [(options.a_name, options.a), (options.b_name, options.b)]
    options.counts = [int(number) for number in options.connections.split(",")]
    return options


def load(options, server, connections, round_trips, idle=0):
    words = [f"{options.build}/bench/load/echo_load", server.address, "--wait"]
    numbers = {
        "connections": connections,
        "idle": idle,
        "size": options.size,
        "inflight": options.inflight,
        "round-trips": round_trips,
        "seconds": options.seconds,
    }
    for name, value in numbers.items():
        words += [f"--{name}", str(value)]
    return Load(words, options.seconds, options.load_cpu)


def fair_share(options, connections):
    """One connection alone waits for wake-ups most of the time, so it gets fewer round trips."""
    return options.round_trips if connections > 1 else max(1, options.round_trips // 8)


def one_run(options, command, connections, idle=0):
    """(server CPU in microseconds per round trip, round trips per second)."""
    round_trips = fair_share(options, connections)
    with Server(command) as server, load(options, server, connections, round_trips, idle) as run:
        run.line()
        before = server.cpu_seconds()
        result = run.go()
        used = server.cpu_seconds() - before
    return used / round_trips * 1e6, result["per_second"]


def show(name, results):
    cpu, rate = [cpu for cpu, _ in results], [rate for _, rate in results]
    print(f"  {name:<10} {spread(cpu)} us of server CPU a round trip, {median(rate):,.0f}/s")


def compare_cpu(options):
    """{connections: median ratio of CPU}."""
    ratios = {}
    for count in options.counts:
        print(
            f"cpu: {count} connections, {options.size} bytes, {options.inflight} in flight,"
            f" {options.rounds} rounds",
            flush=True,
        )
        a, b = alternate(
            options.rounds,
            lambda: one_run(options, options.a, count),
            lambda: one_run(options, options.b, count),
        )
        show(options.a_name, a)
        show(options.b_name, b)
        cpu, rate = ([y[i] / x[i] for x, y in zip(a, b)] for i in (0, 1))
        print(f"  {options.b_name}/{options.a_name}: CPU {spread(cpu)}, rate {spread(rate)}",
              flush=True)
        ratios[count] = median(cpu)
    return ratios


def compare_crowd(options):
    """{server: median ratio of CPU}."""
    ratios = {}
    active, idle = 100, max(0, options.idle - 200)
    for name, command in options.servers:
        print(f"crowd: {name}, {active} active alone and beside {idle} idle", flush=True)
        alone, beside = alternate(
            options.rounds,
            lambda: one_run(options, command, active),
            lambda: one_run(options, command, active, idle),
        )
        show("alone", alone)
        show("crowd", beside)
        cpu = [y[0] / x[0] for x, y in zip(alone, beside)]
        print(f"  crowd/alone: CPU {spread(cpu)}", flush=True)
        ratios[name] = median(cpu)
    return ratios


def drive(options, connections, round_trips):
    def work(server):
        with load(options, server, connections, round_trips) as run:
            run.line()
            run.go()

    return work


def compare_instructions(options):
    """{(server, connections): instructions}."""
    found = {}
    for count in options.counts:
        trips = 20_000 if count > 1 else 5_000
        print(f"instructions: {count} connections, {trips} and {2 * trips} round trips", flush=True)
        for name, command in options.servers:
            once, twice = (
                callgrind(command, drive(options, count, number)) for number in (trips, 2 * trips)
            )
            found[name, count] = (twice - once) / trips
            print(f"  {name:<10} {found[name, count]:.1f} user instructions a round trip",
                  flush=True)
    return found


def compare_calls(options):
    """{(server, connections): system calls}."""
    found = {}
    for count in options.counts:
        trips = 20_000 if count > 1 else 5_000
        print(f"calls: {count} connections, {trips} and {2 * trips} round trips", flush=True)
        for name, command in options.servers:
            once, twice = (
                system_calls(command, drive(options, count, number))
                for number in (trips, 2 * trips)
            )
            each = {call: (twice[call] - once.get(call, 0)) / trips for call in twice}
            detail = ", ".join(f"{call} {n:.2f}" for call, n in sorted(each.items()) if n >= 0.005)
            found[name, count] = sum(each.values())
            print(f"  {name:<10} {found[name, count]:.2f} a round trip ({detail})", flush=True)
    return found


def compare_memory(options):
    """{server: bytes}."""
    found = {}
    print(f"memory: user bytes an idle connection, {options.idle} of them", flush=True)
    for name, command in options.servers:
        with Server(command) as server:
            with load(options, server, 0, 0) as run:
                run.line()
            before = server.anonymous_bytes()
            with load(options, server, 0, 0, options.idle) as run:
                run.line()
                found[name] = (server.anonymous_bytes() - before) / max(1, options.idle)
        print(f"  {name:<10} {found[name]:.0f} (the process without any: {before / 1024:.0f} KiB)",
              flush=True)
    return found


def main():
    options = parse()
    try:
        for mode in options.modes:
            globals()[f"compare_{mode}"](options)
    except (Failed, OSError) as error:
        sys.exit(f"compare_echo: {error}")


if __name__ == "__main__":
    main()
