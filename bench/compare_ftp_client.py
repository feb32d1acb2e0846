#!/usr/bin/env python3
"""Compares FTP clients: `sluice get` and `put`, curl, lftp.

    bench/compare_ftp_client.py [MEASURE ...] [options]      (all when none is named)

down, up            one file of --mib MiB; curl's CPU time is the one to keep to
get-tree, put-tree  --files files of 4 KiB, 8 at a time; beside lftp's mirror -P 8

Clients run in alternation, each run a fresh process pinned to CPU 1, against one server at a time
pinned to CPU 0: our own and, where it is found, vsftpd. All files lie in memory (/dev/shm) if it
has the room. CPU is user and system time of the client, as wait4(2) tells it, and in the second place
the server's. A ratio is taken within a round; every figure is shown as median (least to most).
"""

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time

from compare_ftp import MIB, fill
from compare_transfer import roomy_folder
from ftp_servers import available
from measuring import LOAD_CPU, ROOT, Failed, median, pinned, run_script, spread, verdict

SMALL_BYTES, PARALLEL = 4096, 8
MEASURES = ["down", "up", "get-tree", "put-tree"]
SERVERS = ["sluice", "vsftpd"]
LFTP = ("set net:max-retries 1; set net:timeout 20; set ftp:ssl-allow false; set dns:order inet; "
        "set cmd:fail-exit true; ")


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the client to measure (BUILD/sluice)")
    parser.add_argument("--server", help="the server's program (BUILD/sluice)")
    parser.add_argument("--against", default=",".join(SERVERS),
                        help="servers, with commas between them")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    options = parser.parse_args(words)
    options.measures = options.measures or MEASURES
    if not set(options.measures) <= set(MEASURES):
        parser.error(f"MEASURE is one of {', '.join(MEASURES)}")
    options.sluice = options.sluice or f"{options.build}/sluice"
    options.server = options.server or f"{options.build}/sluice"
    return options


class Place:
    """`root` is served, `here` the clients': in both a large file, a tree, and a folder to fill."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.root, self.here = os.path.join(folder, "root"), os.path.join(folder, "here")
        self.there, self.down = os.path.join(self.root, "up"), os.path.join(self.here, "down")
        os.chmod(folder, 0o755)
        for path in (self.root, self.here, self.there, self.down):
            os.mkdir(path)
        os.chmod(self.there, 0o777)
        for base in (self.root, self.here):
            if {"down", "up"} & set(options.measures):
                fill(os.path.join(base, "large"), options.mib)
            tree = os.path.join(base, "tree")
            os.mkdir(tree)
            for number in range(options.files):
                with open(os.path.join(tree, f"file-{number:05}"), "wb") as file:
                    file.write(b"x" * SMALL_BYTES)

    def check(self, folder, count, size):
        """That all has arrived, and takes it away."""
        found = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]
        sizes = {os.stat(path).st_size for path in found}
        for entry in os.scandir(folder):
            shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)
        if len(found) != count or sizes != {size}:
            raise Failed(f"{len(found)} files arrived, of {sizes} bytes")


def run_client(words, place, seconds):
    """Seconds on the clock and of CPU."""
    begin = time.monotonic()
    process = subprocess.Popen(pinned(LOAD_CPU) + words, cwd=place.here, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(seconds)
    text = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - begin
    signal.alarm(0)
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)  # which Popen did not see
    if process.returncode != 0:
        raise Failed(f"status {process.returncode}: {text[-500:]}")
    return {"seconds": elapsed, "cpu": usage.ru_utime + usage.ru_stime}


def wait_for_sessions(server):
    """A process of a session that has ended counts once its parent has asked for it."""
    deadline = time.monotonic() + 1
    while len(server.family()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)


def lftp(server, script):
    host, _, port = server.address.rpartition(":")
    return ["lftp", "--norc", "-u", f"{server.user},{server.password}", "-p", port, "-e",
            f"{LFTP}{script}; bye", host]


def commands(options, measure, server):
    """{client: words} of one measure."""
    url = f"ftp://{server.user}:{server.password.replace('@', '%40')}@{server.address}"
    sluice, curl = options.sluice, ["curl", "--silent", "--show-error", "--disable"]
    parallel = str(PARALLEL)
    return {
        "down": {"sluice": [sluice, "get", f"{url}/large", "-o", "down/large"],
                 "curl": [*curl, "-o", "down/large", f"{url}/large"],
                 "lftp": lftp(server, "get /large -o down/large")},
        "up": {"sluice": [sluice, "put", "large", f"{url}/up/large"],
               "curl": [*curl, "-T", "large", f"{url}/up/large"],
               "lftp": lftp(server, "put large -o /up/large")},
        "get-tree": {"sluice": [sluice, "get", "-r", "-P", parallel, f"{url}/tree", "-o",
                                "down/tree"],
                     "lftp": lftp(server, f"mirror -P {parallel} /tree down/tree")},
        "put-tree": {"sluice": [sluice, "put", "-r", "-P", parallel, "tree", f"{url}/up/tree"],
                     "lftp": lftp(server, f"mirror -R -P {parallel} tree /up/tree")},
    }[measure]


class Comparison:
    """One measure against one server; `results[client]` has one dictionary a round."""

    def __init__(self, options, place, name, start):
        self.options, self.place, self.name, self.start = options, place, name, start
        self.results = {}

    def once(self, measure, client):
        place, options = self.place, self.options
        large = measure in ("down", "up")
        arrives = place.down if measure in ("down", "get-tree") else place.there
        with self.start(place.folder, place.root) as server:
            before = server.cpu_seconds()
            result = run_client(commands(options, measure, server)[client], place,
                                options.seconds)
            wait_for_sessions(server)
            result["server_cpu"] = server.cpu_seconds() - before
        place.check(arrives, 1 if large else options.files,
                    options.mib * MIB if large else SMALL_BYTES)
        return result

    def alternate(self, measure, clients):
        self.results = {}
        clients = [name for name in clients if name == "sluice" or shutil.which(name)]
        for number in range(self.options.rounds):
            at = number % max(len(clients), 1)
            for client in clients[at:] + clients[:at]:
                try:
                    self.results.setdefault(client, []).append(self.once(measure, client))
                except (Failed, OSError) as error:
                    print(f"  {client:<8} left out: {error}", flush=True)
                    clients = [name for name in clients if name != client]
                    self.results.pop(client, None)
        return self.results

    def column(self, client, figure):
        return [figure(result) for result in self.results[client]]

    def show(self, **figures):
        for client in self.results:
            shown = (f"{spread(self.column(client, figure), digits)} {unit.replace('_', ' ')}"
                     for unit, (figure, digits) in figures.items())
            print(f"  {client:<8} " + "; ".join(shown), flush=True)

    def ratio(self, one, other, figure):
        if not {one, other} <= set(self.results):
            return None
        return [a / b for a, b in zip(self.column(one, figure), self.column(other, figure))]


def compare_large(run, measure):
    gib = run.options.mib / 1024
    print(f"{measure} {run.options.mib} MiB, the server {run.name}", flush=True)
    run.alternate(measure, ["sluice", "curl", "lftp"])

    def cpu(result):
        return result["cpu"] / gib

    run.show(**{"s_per_GiB": (lambda result: result["seconds"] / gib, 3),
                "s_of_CPU_per_GiB": (cpu, 3),
                "s_of_the_server's": (lambda result: result["server_cpu"] / gib, 3)})
    for other in ("curl", "lftp"):
        if ratios := run.ratio("sluice", other, cpu):
            print(f"  sluice/{other}: CPU {spread(ratios)}", flush=True)
            if other == "curl":
                verdict("CPU per GiB of curl's", median(ratios), 1)


def compare_tree(run, measure):
    files = run.options.files
    print(f"{measure}, {files:,} files of 4 KiB, {PARALLEL} at a time, the server {run.name}",
          flush=True)
    run.alternate(measure, ["sluice", "lftp"])
    run.show(**{"files_a_second": (lambda result: files / result["seconds"], 0),
                "us_of_CPU_each": (lambda result: result["cpu"] * 1e6 / files, 0),
                "us_of_the_server's": (lambda result: result["server_cpu"] * 1e6 / files, 0)})
    if ratios := run.ratio("lftp", "sluice", lambda result: result["seconds"]):
        print(f"  lftp/sluice: seconds {spread(ratios)}", flush=True)
        verdict("times as fast as lftp", median(ratios), 2, sign="at least")


def compare(options):
    servers, left_out = available(options.server)
    for name in ("curl", "lftp"):
        if not shutil.which(name):
            print(f"{name} is left out: not installed", flush=True)
    against = [name for name in options.against.split(",") if name in SERVERS]
    need = (4 * options.mib + 4 * options.files * SMALL_BYTES // MIB + 512) * MIB
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=roomy_folder(need)) as folder:
        place = Place(folder, options)
        for name in against:
            if name in left_out:
                print(f"{name} is left out: {left_out[name]}", flush=True)
                continue
            run = Comparison(options, place, name, servers[name])
            for measure in options.measures:
                (compare_large if measure in ("down", "up") else compare_tree)(run, measure)


if __name__ == "__main__":
    run_script("compare_ftp_client", compare, parse)
