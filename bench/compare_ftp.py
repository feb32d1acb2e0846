#!/usr/bin/env python3
"""Compares FTP servers: sluice, and whichever of vsftpd, pure-ftpd, proftpd, pyftpdlib is found.

    bench/compare_ftp.py [MEASURE ...] [options]      (all when none is named)

retr, stor              one file of --mib MiB; beside the raw sendfile and recv + write loops
login                   whole sessions, connect to QUIT, one after the other
retr-small, stor-small  files of 4 KiB, one session, one after the other
list                    LIST, MLSD and NLST of a directory of 10,000 entries; beside the raw
                        getdents64 and statx of it, which no server can do without
idle                    anonymous memory of each of 300 sessions that have logged in
crowd                   100 downloads of 64 MiB at once

Servers run in alternation, each run a fresh process, pinned to CPU 0 with all its descendants, the
load to CPU 1. Files lie in memory (/dev/shm) if it has the room. A ratio is taken within a round;
every figure is shown as median (least to most). How each peer is set up: ftp_servers.py.
"""

import argparse
import functools
import os
import tempfile

from compare_transfer import roomy_folder
from ftp_servers import available
from measuring import ROOT, SERVER_CPU, Failed, Load, Server, median, run_script, spread, verdict

MIB = 1024 * 1024
ENTRIES, IDLE, CROWD, CROWD_MIB, SMALL_FILES, SMALL_BYTES = 10_000, 300, 100, 64, 100, 4096
MEASURES = ["retr", "stor", "login", "retr-small", "stor-small", "list", "idle", "crowd"]


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the program to measure (BUILD/sluice)")
    parser.add_argument("--only", help="servers to measure, with commas between them")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run-seconds", type=float, default=2, help="of what is repeated")
    parser.add_argument("--sessions", type=int, default=1,
                        help="of log-ins and small files, at the same step at any time")
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.measures = options.measures or MEASURES
    if not set(options.measures) <= set(MEASURES):
        parser.error(f"MEASURE is one of {', '.join(MEASURES)}")
    options.sluice = options.sluice or f"{options.build}/sluice"
    return options


def fill(path, mib):
    block = bytes(range(256)) * (MIB // 256)
    with open(path, "wb") as file:
        for _ in range(mib):
            file.write(block)


class Place:
    """The directory all of them serve: what each measure needs, and `up`, which all may write."""

    def __init__(self, folder, options):
        self.folder, self.root = folder, os.path.join(folder, "root")
        self.uploads = os.path.join(self.root, "up")
        os.chmod(folder, 0o755)
        os.mkdir(self.root)
        os.mkdir(self.uploads)
        os.chmod(self.uploads, 0o777)
        if "retr" in options.measures:
            fill(os.path.join(self.root, "large"), options.mib)
        if "crowd" in options.measures:
            fill(os.path.join(self.root, "medium"), CROWD_MIB)
        for number in range(SMALL_FILES):
            with open(os.path.join(self.root, f"small{number}"), "wb") as file:
                file.write(b"x" * SMALL_BYTES)
        if "list" in options.measures:
            self.fill_directory()

    def fill_directory(self):
        many = os.path.join(self.root, "many")
        os.mkdir(many)
        for number in range(ENTRIES):
            with open(os.path.join(many, f"entry-{number:05}.txt"), "wb") as file:
                file.truncate(number)

    def check_upload(self, size):
        sizes = [entry.stat().st_size for entry in os.scandir(self.uploads)]
        if not sizes or any(each != size for each in sizes):
            raise Failed(f"{len(sizes)} files were stored, of {set(sizes)} bytes")

    def clear_uploads(self):
        for entry in os.scandir(self.uploads):
            os.remove(entry.path)


class Comparison:
    """One measure over all servers; `results[name]` has one dictionary a round."""

    def __init__(self, options, place, servers):
        self.options, self.place, self.servers = options, place, servers
        self.results = {}

    def load(self, server, *words):
        """The load program's figures, and `cpu`: seconds the server used meanwhile."""
        command = [f"{self.options.build}/bench/load/ftp_load", server.address, *map(str, words)]
        command += ["--user", server.user, "--password", server.password, "--wait"]
        with Load(command, self.options.seconds) as run:
            run.line()
            before = server.cpu_seconds()
            result = run.go()
            result["cpu"] = server.cpu_seconds() - before
        return result

    def alternate(self, title, measure, others=None):
        """`measure(server)` of every server, and the functions `others`, first another each
        round. One that fails is named and left out."""
        print(title, flush=True)
        self.results = {}
        runs = {name: self.fresh(start, measure) for name, start in self.servers.items()}
        runs.update(others or {})
        for number in range(self.options.rounds):
            at = number % max(len(runs), 1)
            for name in list(runs)[at:] + list(runs)[:at]:
                try:
                    self.results.setdefault(name, []).append(runs[name]())
                except (Failed, OSError) as error:
                    print(f"  {name:<10} left out: {error}", flush=True)
                    del runs[name]
                    self.results.pop(name, None)
                self.place.clear_uploads()
        return self.results

    def fresh(self, start, measure):
        def run():
            with start(self.place.folder, self.place.root) as server:
                return measure(server)

        return run

    def column(self, name, figure):
        return [figure(result) for result in self.results[name]]

    def show(self, **figures):
        """A row of the table for each server: {unit: (figure(result), digits)}."""
        for name in sorted(self.results, key=self.order):
            shown = (f"{spread(self.column(name, figure), digits)} {unit.replace('_', ' ')}"
                     for unit, (figure, digits) in figures.items())
            print(f"  {name:<10} " + "; ".join(shown), flush=True)

    def order(self, name):
        names = ["raw", *self.servers]
        return names.index(name)

    def ratio(self, other, figure):
        """sluice's by another's, round by round."""
        return [ours / theirs for ours, theirs in
                zip(self.column("sluice", figure), self.column(other, figure))]

    def best_peer(self, figure):
        peers = [name for name in self.results if name not in ("sluice", "raw")]
        return max(peers, key=lambda name: median(self.column(name, figure)), default=None)

    def at_least(self, what, figure, limit):
        if "sluice" in self.results:
            verdict(what, median(self.column("sluice", figure)), limit, sign="at least", digits=0)
            self.beside_best_peer(figure)

    def beside_best_peer(self, figure, target=False):
        best = self.best_peer(figure)
        if "sluice" not in self.results or best is None:
            return
        ratios = self.ratio(best, figure)
        print(f"  sluice/{best}, the best peer: {spread(ratios)}", flush=True)
        if target:
            verdict(f"of {best}'s rate", median(ratios), 1, sign="at least")


def rate(result):
    return result["per_second"]


def megabytes(result):
    return result["mb_per_second"]


def seconds_per_gib(result):
    return result["cpu"] * 1024 * MIB / result["bytes"]


def microseconds_each(result):
    return result["cpu"] * 1e6 / result["done"]


def show_large(run, raw):
    run.show(**{"MB/s": (megabytes, 0), "s_of_CPU_per_GiB": (seconds_per_gib, 3)})
    if "sluice" in run.results and "raw" in run.results:
        ratios = run.ratio("raw", seconds_per_gib)
        print(f"  sluice/raw: CPU {spread(ratios)}, rate {spread(run.ratio('raw', megabytes))}")
        verdict(f"CPU of {raw}", median(ratios), 1.05)


def raw_run(run, command, load):
    """A raw server, which has no control connection, with a load program of its own."""

    def measure():
        with Server(f"{run.options.build}/bench/raw/{command}") as server:
            before = server.cpu_seconds()
            words = [f"{run.options.build}/bench/load/{load[0]}", server.address, *load[1:]]
            with Load(words, run.options.seconds) as client:
                result = client.line()
            result["cpu"] = server.cpu_seconds() - before
        return result

    return {"raw": measure}


def compare_retr(run):
    mib = run.options.mib
    run.alternate(
        f"RETR of {mib} MiB",
        lambda server: run.load(server, "retr", "--path", "/large"),
        raw_run(run, f"raw_sendfile 0 {run.place.root}/large", ["download_load"]),
    )
    show_large(run, "the raw sendfile loop")
    run.beside_best_peer(megabytes)


def compare_stor(run):
    size = run.options.mib * MIB

    def measure(server):
        result = run.load(server, "stor", "--path", "/up/large", "--bytes", size)
        run.place.check_upload(size)
        return result

    run.alternate(
        f"STOR of {run.options.mib} MiB, a new name", measure,
        raw_run(run, f"raw_recv_write 0 {run.place.uploads}/raw", ["upload_load", str(size)]),
    )
    show_large(run, "the raw recv + write loop")
    run.beside_best_peer(megabytes, target=True)


def compare_repeated(run, title, target, measure, unit, others=None):
    run.alternate(title, measure, others)
    run.show(**{unit: (rate, 0), "us_of_CPU_each": (microseconds_each, 0)})
    run.at_least(unit.replace("_", " "), rate, target)


def compare_login(run):
    words = ["login", "--sessions", run.options.sessions, "--seconds", run.options.run_seconds]
    compare_repeated(run, f"sessions, {run.options.sessions} at a time", 4000,
                     lambda server: run.load(server, *words), "log-ins_a_second")


def small_words(run):
    return ["--sessions", run.options.sessions, "--seconds", run.options.run_seconds,
            "--bytes", SMALL_BYTES]


def compare_retr_small(run):
    words = ["retr-small", "--path", "/small", "--files", SMALL_FILES] + small_words(run)
    compare_repeated(run, f"RETR of 4 KiB, {run.options.sessions} at a time", 5000,
                     lambda server: run.load(server, *words), "files_a_second")


def compare_stor_small(run):
    words = ["stor-small", "--path", "/up/file"] + small_words(run)

    def measure(server):
        result = run.load(server, *words)
        run.place.check_upload(SMALL_BYTES)
        return result

    compare_repeated(run, f"STOR of 4 KiB, new names, {run.options.sessions} at a time", 4000,
                     measure, "files_a_second")


def raw_list(run, verb):
    words = [f"{run.options.build}/bench/raw/raw_list", os.path.join(run.place.root, "many"),
             str(run.options.run_seconds)]
    with Load(words + (["--names"] if verb == "NLST" else []), run.options.seconds,
              SERVER_CPU) as listing:
        return listing.line()


def compare_list(run):
    def measure(server, verb):
        result = run.load(server, "list", "--command", verb, "--path", "/many",
                          "--seconds", run.options.run_seconds)
        if not ENTRIES <= result["lines"] <= ENTRIES + 3:  # `.`, `..` and a line of the total
            raise Failed(f"{result['lines']:.0f} lines")
        return result

    for verb, target in (("LIST", 100), ("MLSD", 100), ("NLST", 400)):
        compare_repeated(run, f"{verb} of {ENTRIES:,} entries", target,
                         lambda server, verb=verb: measure(server, verb), "listings_a_second",
                         {"raw": functools.partial(raw_list, run, verb)})
        if "sluice" in run.results and "raw" in run.results:
            print(f"  sluice/raw: CPU {spread(run.ratio('raw', microseconds_each))}", flush=True)


def compare_idle(run):
    def measure(server):
        """A first session has been and gone, so that what is used once is not counted."""
        run.load(server, "idle")
        before = server.anonymous_bytes()
        command = [f"{run.options.build}/bench/load/ftp_load", server.address, "idle",
                   "--sessions", str(IDLE), "--user", server.user, "--password", server.password,
                   "--wait"]
        with Load(command, run.options.seconds) as sessions:
            sessions.line()
            return {"kib": (server.anonymous_bytes() - before) / 1024 / IDLE,
                    "processes": len(server.family()), "base": before / MIB}

    run.alternate(f"{IDLE} idle sessions, anonymous memory of all processes", measure)
    run.show(KiB_a_session=(lambda result: result["kib"], 2),
             MiB_before=(lambda result: result["base"], 1),
             processes=(lambda result: result["processes"], 0))
    if "sluice" in run.results:
        each = median(run.column("sluice", lambda result: result["kib"]))
        verdict("KiB of memory an idle session", each, 2)


def compare_crowd(run):
    run.alternate(
        f"{CROWD} downloads of {CROWD_MIB} MiB at once",
        lambda server: run.load(server, "crowd", "--path", "/medium", "--sessions", CROWD,
                                "--bytes", CROWD_MIB * MIB),
    )

    def unfairness(result):
        return result["slowest"] / result["fastest"]

    run.show(**{"MB/s": (megabytes, 0), "slowest/fastest": (unfairness, 2),
                "s_of_CPU_per_GiB": (seconds_per_gib, 3)})
    if "sluice" in run.results:
        verdict("slowest by fastest", median(run.column("sluice", unfairness)), 1.05)
    run.beside_best_peer(megabytes, target=True)


def compare(options):
    servers, left_out = available(options.sluice)
    if options.only:
        servers = {name: servers[name] for name in options.only.split(",") if name in servers}
    for name, reason in left_out.items():
        print(f"{name} is left out: {reason}", flush=True)
    need = (3 * options.mib + CROWD_MIB + 512) * MIB
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=roomy_folder(need)) as folder:
        run = Comparison(options, Place(folder, options), servers)
        for measure in options.measures:
            globals()["compare_" + measure.replace("-", "_")](run)


if __name__ == "__main__":
    run_script("compare_ftp", compare, parse)
