#!/usr/bin/env python3
"""Everything that `make bench` prints: each figure, its baseline, and the target it is held to.

    bench/run.py BUILD [SECTION ...] [--quick]      (all sections when none is named)

counts     instructions, system calls and memory of the echo server: exact, whatever else runs
loop       the classic event-loop benchmark
timers     the operations of 100,000 timers
cpu        CPU of the echo server, alone and in a crowd; 16 KiB messages
transfer   1 GiB up and down
reactor    the Google Benchmarks
ftp        the FTP server beside whichever peers are installed
ftpclient  get and put beside curl and lftp
chat       the chat server beside a raw fan-out and whichever brokers are installed
datagram   UDP echo and a multicast receiver beside raw loops
tftp       the TFTP server and client beside tftpd-hpa, atftpd, curl, atftp where installed
video      an MJPEG stream to many viewers beside a raw loop and ustreamer where installed

A target that is missed is a word in the output, never a failure: figures of time depend on the
machine and on what else it does. The first two sections take valgrind and strace.
"""

import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
import time

import compare_chat
import compare_datagram
import compare_echo
import compare_ftp
import compare_ftp_client
import compare_tftp
import compare_transfer
import compare_video
from instructions import instructions
from measuring import Failed, LOAD_CPU, median, pinned, verdict

SECTIONS = ["counts", "loop", "timers", "cpu", "transfer", "reactor", "ftp", "ftpclient", "chat",
            "datagram", "tftp", "video"]
SECONDS = 300  # the most one program may take


def output_of(words):
    found = subprocess.run(pinned(LOAD_CPU) + words, capture_output=True, text=True,
                           timeout=SECONDS)
    if found.returncode != 0:
        raise Failed(f"status {found.returncode}: {' '.join(words)}\n{found.stderr}")
    return found.stdout


def counts(options):
    if not (shutil.which("valgrind") and shutil.which("strace")):
        raise Failed("valgrind or strace is missing")
    echo = compare_echo.parse(["--build", options.build])
    found = compare_echo.compare_instructions(echo)
    # libev takes 146 and 419.
    verdict("instructions, 100 connections", found["sluice", 100], 146, 107, "below",
            digits=0)
    verdict("instructions, 1 connection", found["sluice", 1], 419, 146, "below", digits=0)
    found = compare_echo.compare_calls(echo)
    verdict("system calls, 100 connections", found["sluice", 100], 2.02)
    verdict("system calls, 1 connection", found["sluice", 1], 3.00)
    found = compare_echo.compare_memory(echo)
    verdict("bytes an idle connection", found["sluice"], 256, 148, digits=0)


def loop(options):
    ours = f"{options.build}/bench/event_loop"
    bare = f"{options.build}/bench/raw/raw_event_loop"
    events = functools.partial(instructions, 1100, 20)
    adds = functools.partial(instructions, 1000, 5, inside="*Bench::add_all*")
    both = functools.partial(instructions, 1000, 5)
    event = ["events", "--rounds", "{}"]
    register = ["register", "--pairs", "1000", "--rounds", "{}"]
    table = [
        ("an event", events, event, 135),
        ("an event, its timer re-armed", events, event + ["--timers"], 249),
        ("a registration", adds, register, 271),
        ("a registration, a timer started", adds, register + ["--timers"], 372),
        ("a registration and its end", both, register, None),
        ("the same, a timer started, stopped", both, register + ["--timers"], None),
    ]
    print("event loop: user instructions, bare epoll and sluice")
    for name, count, words, target in table:
        raw, sluice = count([bare] + words), count([ours] + words)
        print(f"  {name:<35} raw {raw:6.1f}   sluice {sluice:6.1f}", flush=True)
        if target:
            verdict(name, sluice, target, digits=0)
    fresh = adds([ours] + register + ["--fresh"])
    print(f"  a registration, a timer made and started        sluice {fresh:6.1f}", flush=True)
    readd(options, bare, ours)


def readd(options, bare, ours):
    words = ["readd", "--pairs", "1000", "--rounds", "200"]
    ratios, calls = [], 0.0
    for _ in range(options.rounds):
        raw, sluice = (
            {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)",
                                                              output_of([program] + words))}
            for program in (bare, ours)
        )
        ratios.append(sluice["ns_per_operation"] / raw["ns_per_operation"])
        calls += sluice["epoll_ctl"]
    print(f"event loop: all of 1000 added again, epoll_ctl calls: {calls:.0f}")
    verdict("time of the bare DEL and ADD", median(ratios), 0.10, digits=3)


def timers(options):
    """Least of the rounds, as whatever else the machine does only adds to it."""
    libev = {"start": 20, "stop": 52, "rearm": 63, "start+stop": 17, "fire": 324}

    def least(program):
        text = output_of([f"{options.build}/bench/{program}", "100000", str(4 * options.rounds)])
        return {name: float(ns) for name, ns in re.findall(r"(\S+) .*least ([\d.]+)", text)}

    print("timers: 100,000 armed, least nanoseconds of an operation")
    raw, sluice = least("raw/raw_timer_heap"), least("timers")
    for name, ns in sluice.items():
        bare = f"{raw[name]:6.1f}" if name in raw else "     -"
        print(f"  {name:<12} raw {bare}   sluice {ns:6.1f}")
        if name in libev:
            verdict(name, ns, libev[name], sign="below", digits=1)


def cpu(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    words += ["--round-trips", "50000" if options.quick else "150000"]
    found = compare_echo.compare_cpu(compare_echo.parse(words))
    for count, ratio in found.items():
        verdict(f"server CPU of the bare loop's, {count} connections", ratio, 1.10)
    found = compare_echo.compare_crowd(compare_echo.parse(words))
    print(f"  -> crowd: within the noise is the target; bare {found['raw']:.2f},"
          f" sluice {found['sluice']:.2f}", flush=True)
    words += ["--size", "16384", "--inflight", "16", "--connections", "1,10"]
    compare_echo.compare_cpu(compare_echo.parse(words))
    print("  -> messages of 16 KiB: libuv's rate is the target, see bench/README.md", flush=True)


def transfer(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    words += ["--mib", "256" if options.quick else "1024"]
    for mode, ratio in compare_transfer.compare(compare_transfer.parse(words)).items():
        verdict(f"rate of the bare {mode}'s", ratio, 0.95, sign="at least")


def reactor(options):
    seconds = "0.02" if options.quick else "0.1"
    text = output_of([f"{options.build}/bench/reactor_bench", "--benchmark_color=false",
                      f"--benchmark_min_time={seconds}"])
    print("the reactor's own operations")
    print("\n".join("  " + line for line in text.splitlines()), flush=True)


def ftp(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    words += ["--mib", "256", "--run-seconds", "0.5"] if options.quick else []
    compare_ftp.compare(compare_ftp.parse(words))


def ftpclient(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    words += ["--mib", "256", "--files", "500"] if options.quick else []
    compare_ftp_client.compare(compare_ftp_client.parse(words))


def chat(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    words += ["--run-seconds", "0.5"] if options.quick else []
    compare_chat.compare(compare_chat.parse(words))


def datagram(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    words += ["--run-seconds", "0.5"] if options.quick else []
    compare_datagram.compare(compare_datagram.parse(words))


def tftp(options):
    words = ["--build", options.build, "--rounds", "3", "--clients", "curl"]
    words += ["--mib", "8"] if options.quick else []
    compare_tftp.compare(compare_tftp.parse(words))


def video(options):
    words = ["--build", options.build, "--rounds", str(options.rounds)]
    if options.quick:
        words += ["viewers", "slow", "memory", "--viewers", "1,100", "--run-seconds", "2",
                  "--memory-seconds", "3,10"]
    compare_video.compare(compare_video.parse(words))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("build", metavar="BUILD")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="less of everything that is timed")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.rounds = 3 if options.quick else 5
    for name in options.sections:
        if name not in SECTIONS:
            parser.error(f"no such section: {name}")
    begin = time.monotonic()
    for name in options.sections or SECTIONS:
        print(f"=== {name} ({time.monotonic() - begin:.0f} s)", flush=True)
        try:
            globals()[name](options)
        except (Failed, OSError, subprocess.SubprocessError) as error:
            print(f"bench: {name}: {error}", file=sys.stderr, flush=True)
    print(f"=== done ({time.monotonic() - begin:.0f} s)")


if __name__ == "__main__":
    main()
