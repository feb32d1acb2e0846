#!/usr/bin/env python3
"""Compares servers of an MJPEG stream: sluice, a raw loop, and ustreamer if it is installed.

    bench/compare_video.py [MEASURE ...] [options]      (all when none is named)

viewers  1, 10, 50 and 100 viewers: frames a second, frames skipped, milliseconds from the making
         of a picture until a viewer has it as a whole, CPU a second
most     how many viewers the server's processor holds at 30 frames a second with none skipped
slow     1 viewer, and 3 who read 250 kB/s: how old their picture is when they have it, and
         whether the one feels it
memory   with 1 viewer, after 10 s and after 60 s
counts   system calls and user instructions for each picture with 1 and with 100 viewers, and from
         their difference for one more viewer (strace, callgrind)

The camera gives 1280x720 JPEGs of 50 kB at 30 frames a second; servers run in alternation, each run
a fresh process, pinned to CPU 0, the load to CPU 1. A ratio is taken within a round; every figure
is shown as median (least to most). How each is set up: video_servers.py.
"""

import argparse
import os
import tempfile
import time

from measuring import ROOT, Failed, Load, callgrind, run_script, system_calls
from rounds import Rounds
from video_servers import FPS, Servers, make_pictures

MEASURES = ["viewers", "most", "slow", "memory", "counts"]
FAULTS = ["doubled", "disordered", "bad", "closed"]
COUNTED = (1, 100)
SLOW, SLOW_RATE = 3, 250_000
SLOW_SETTLE_SECONDS = 15  # until the kernel has taken all that it will hold of old pictures
MOST = 12_800


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the program to measure (BUILD/sluice)")
    parser.add_argument("--sluice-options", default="", help="more words for `sluice serve`")
    parser.add_argument("--camera", help="the library that is a camera (BUILD/fake_camera.so)")
    parser.add_argument("--only", help="servers to measure, with commas between them")
    parser.add_argument("--viewers", default="1,10,50,100", help="of the measure `viewers`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run-seconds", type=float, default=5)
    parser.add_argument("--memory-seconds", default="10,60", help="of the measure `memory`")
    parser.add_argument("--copy", action="store_true",
                        help="the load receives all, and does not have the kernel drop most of it")
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.measures = options.measures or MEASURES
    if not set(options.measures) <= set(MEASURES):
        parser.error(f"MEASURE is one of {', '.join(MEASURES)}")
    options.sluice = options.sluice or f"{options.build}/sluice"
    options.camera = os.path.abspath(options.camera or f"{options.build}/fake_camera.so")
    return options


class Bench:
    def __init__(self, options, folder):
        self.options = options
        make_pictures(folder)
        servers = Servers(options, folder)
        for name, reason in servers.left_out.items():
            print(f"{name} is left out: {reason}", flush=True)
        names = options.only.split(",") if options.only else servers.start
        self.start = {name: servers.start[name] for name in servers.start if name in names}
        self.usual = [name for name in self.start if name != "raw-unsent"]

    def load(self, server, viewers, seconds=None, **numbers):
        words = [f"{self.options.build}/bench/load/mjpeg_load", server.address, server.path,
                 "--wait", "--viewers", str(viewers)]
        words += ["--run-seconds", str(seconds or self.options.run_seconds)]
        words += ["--copy"] if self.options.copy else []
        for name, value in numbers.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        return Load(words, self.options.seconds)

    def once(self, name, viewers, settle=0.5, **more):
        """The load's figures, `cpu` (seconds a second of the server's) and its `memory` in MB."""
        with self.start[name]() as server, self.load(server, viewers, **more) as run:
            run.line()
            time.sleep(settle)
            before = server.cpu_seconds()
            result = run.go()
            result["cpu"] = (server.cpu_seconds() - before) / result["seconds"]
            result["memory"] = server.resident_bytes() / 1e6
        if result["frames"] == 0:
            raise Failed("no picture came")
        return result

    def alternate(self, title, measure, rounds=None, names=None):
        """`measure(name)` of every server, first another each round."""
        print(title, flush=True)
        run = Rounds(rounds or self.options.rounds,
                     {name: lambda name=name: measure(name) for name in names or self.usual})
        for name, results in run.results.items():
            for fault in FAULTS + ["slow_" + fault for fault in FAULTS]:
                count = sum(result.get(fault, 0) for result in results)
                if count > 0:
                    print(f"  {name:<12} FAULT: {count:.0f} {fault}: MISSED", flush=True)
        return run

    def hold(self, run, what, figure, limit, **more):
        """Ours beside the target."""
        if "sluice" in run.results:
            run.hold(what, run.column("sluice", figure), limit, **more)


def compare_viewers(bench):
    for viewers in map(int, bench.options.viewers.split(",")):
        who = f"{viewers} viewer{'s' if viewers > 1 else ''}"
        run = bench.alternate(f"viewers: {who}",
                              lambda name, viewers=viewers: bench.once(name, viewers))
        run.show(fps_min=("fps", 1), skipped=("skipped", 0), p50_ms=("ms p50", 2),
                 p99_ms=("p99", 2), cpu=("CPU", 4), memory=("MB", 1))
        for other in ("raw", "ustreamer"):
            run.beside("sluice", other, cpu="CPU", p50_ms="p50", p99_ms="p99")
        bench.hold(run, f"frames a second, {who}", "fps_min", FPS - 0.3, sign="at least")
        bench.hold(run, f"frames skipped, {who}", "skipped", 0, digits=0)
        run.hold(f"CPU of the raw loop's, {who}", run.ratios("sluice", "raw", "cpu"), 1.10)
        for figure, text in (("cpu", "CPU"), ("p50_ms", "p50"), ("p99_ms", "p99")):
            run.hold(f"{text} of ustreamer's, {who}", run.ratios("sluice", "ustreamer", figure), 1)


def most_viewers(bench, name):
    """{how many it holds, the load's own CPU with so many}."""
    def holds(count):
        for _ in range(2):  # what else the machine does may cost a frame
            result = bench.once(name, count)
            if result["skipped"] + result["bad"] + result["closed"] == 0 and \
                    result["fps_min"] * result["seconds"] >= FPS * result["seconds"] - 2:
                return result
        return None

    good, found, bad = 0, None, 100
    while bad <= MOST and (result := holds(bad)):
        good, found, bad = bad, result, 2 * bad
    step = max(bad // 20, 5)
    while bad - good > step:
        middle = (good + bad) // 2
        if result := holds(middle):
            good, found = middle, result
        else:
            bad = middle
    return {"most": good, **{figure: found[figure] if found else 0
                             for figure in ("cpu", "load_cpu", "p99_ms")}}


def compare_most(bench):
    run = bench.alternate(f"most: viewers at {FPS} frames a second, none skipped",
                          lambda name: most_viewers(bench, name), rounds=1)
    run.show(most=("viewers", 0), cpu=("CPU", 2), load_cpu=("CPU of the load", 2),
             p99_ms=("ms p99", 1))
    for other in ("raw", "ustreamer"):
        run.beside("sluice", other, most="viewers")


def compare_slow(bench):
    run = bench.alternate(
        f"slow: 1 viewer, and {SLOW} who read {SLOW_RATE // 1000} kB/s",
        lambda name: bench.once(name, 1, settle=SLOW_SETTLE_SECONDS, slow=SLOW,
                                slow_rate=SLOW_RATE), names=bench.start)
    run.show(fps_min=("fps", 1), skipped=("skipped", 0), p99_ms=("ms p99", 1),
             slow_fps_min=("fps of the slow", 1), slow_p50_ms=("ms p50", 0),
             slow_max_ms=("ms at most", 0), memory=("MB", 1))
    bench.hold(run, "ms of age of the slow ones' picture", "slow_max_ms", 1000, sign="below",
               digits=0)
    bench.hold(run, "frames that the fast one skipped", "skipped", 0, digits=0)
    run.hold("p99 of the fast one of ustreamer's", run.ratios("sluice", "ustreamer", "p99_ms"), 1)


def compare_memory(bench):
    early, late = map(float, bench.options.memory_seconds.split(","))

    def measure(name):
        with bench.start[name]() as server, bench.load(server, 1, late - early) as run:
            run.line()
            time.sleep(early)
            before, own = server.resident_bytes(), server.anonymous_bytes()
            result = run.go()
            after = server.resident_bytes()
        return {**result, "before": before / 1e6, "after": after / 1e6, "own": own / 1e6,
                "more": (after - before) / 1e6}

    run = bench.alternate(f"memory: 1 viewer, after {early:.0f} s and after {late:.0f} s, MB",
                          measure, rounds=1)
    run.show(before=("MB", 2), after=("MB later", 2), own=("MB of its own", 2))
    bench.hold(run, "MB with 1 viewer", "after", 8, sign="below", digits=1)
    bench.hold(run, "MB more after so many frames", "more", 0.1)


def compare_counts(bench):
    def grow(viewers, count):
        """What `count(work)` counts, for each picture of the camera."""
        frames = []

        def work(seconds):
            def drive(server):
                with bench.load(server, viewers, seconds) as run:
                    run.line()
                    frames.append(run.go()["frames"] / viewers)
            return drive

        once, twice = count(work(2)), count(work(6))
        return {what: (number - once.get(what, 0)) / (frames[1] - frames[0])
                for what, number in twice.items()}

    for name in bench.usual:
        start = bench.start[name]
        print(f"counts: {name}, for each picture of the camera", flush=True)

        def begin(_, prefix, start=start):
            return start(prefix)

        found = {}
        for viewers in COUNTED:
            calls = grow(viewers, lambda work: system_calls("", work, begin))
            work = grow(viewers, lambda work: {"all": callgrind("-", work, start=begin)})["all"]
            found[viewers] = sum(calls.values()), work
            detail = ", ".join(f"{call} {n:.2f}" for call, n in
                               sorted(calls.items(), key=lambda each: -each[1]) if n >= 0.05)
            print(f"  {viewers:>3} viewers: {sum(calls.values()):.1f} system calls ({detail});"
                  f" {work:,.0f} instructions", flush=True)
        few, many = COUNTED
        calls, work = ((more - less) / (many - few)
                       for more, less in zip(found[many], found[few]))
        print(f"  one more viewer: {calls:.2f} system calls, {work:,.0f} instructions", flush=True)


def compare(options):
    if not os.path.exists(options.camera):
        raise Failed(f"no camera: {options.camera} (--camera)")
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        bench = Bench(options, folder)
        for measure in options.measures:
            globals()[f"compare_{measure}"](bench)


if __name__ == "__main__":
    run_script("compare_video", compare, parse)
