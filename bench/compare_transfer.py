#!/usr/bin/env python3
"""Compares file transfer: `sluice serve` with drop and offer, and bare system calls.

    bench/compare_transfer.py [upload] [download] [options]      (both when none is named)

upload    one connection sends --mib MiB and waits for the close: drop, and recv + write
download  one connection reads a file of --mib MiB to its end: offer, and sendfile

Both servers run in alternation, the server pinned to CPU 0 and the load to CPU 1. Files lie in a
new directory under --dir, removed at the end: /dev/shm unless told, so that no disk takes part,
or the directory for temporary files if there is no room.
"""

import argparse
import os
import shutil
import tempfile

from measuring import ROOT, Failed, Load, Server, alternate, median, run_script, spread

MIB = 1024 * 1024


def parse(words=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modes", nargs="*", metavar="MODE", help="upload, download")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--sluice", help="the program to measure (BUILD/sluice)")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=120, help="the most one run may take")
    parser.add_argument("--dir", help="/dev/shm if it has the room")
    parser.add_argument("--copy", action="store_true", help="downloads are really received")
    options = parser.parse_args(words)
    options.modes = options.modes or ["upload", "download"]
    if not set(options.modes) <= {"upload", "download"}:
        parser.error("MODE is upload or download")
    options.dir = options.dir or roomy_folder(2 * options.mib * MIB)
    options.sluice = options.sluice or f"{options.build}/sluice"
    return options


def roomy_folder(size):
    memory = "/dev/shm"
    roomy = os.path.isdir(memory) and shutil.disk_usage(memory).free > size
    return memory if roomy else tempfile.gettempdir()


def one_run(options, command, words):
    """(MB per second, server CPU seconds per GiB)."""
    with Server(command) as server:
        before = server.cpu_seconds()
        with Load([word.replace("ADDRESS", server.address) for word in words],
                  options.seconds) as run:
            result = run.line()
        used = server.cpu_seconds() - before
    if result["bytes"] < options.mib * MIB:
        raise Failed(f"only {result['bytes']:.0f} bytes arrived: {command}")
    return result["mb_per_second"], used * 1024 / options.mib


def show(title, options, raw, sluice):
    print(f"{title}: {options.mib} MiB, {options.rounds} rounds")
    for name, results in (("raw", raw), ("sluice", sluice)):
        print(f"  {name:<10} {median([rate for rate, _ in results]):,.0f} MB/s, "
              f"{spread([cpu for _, cpu in results], 3)} s of server CPU per GiB")
    rate, cpu = ([y[i] / x[i] for x, y in zip(raw, sluice)] for i in (0, 1))
    print(f"  sluice/raw: rate {spread(rate)}, CPU {spread(cpu)}", flush=True)
    return median(rate)


def compare_upload(options, folder):
    words = [f"{options.build}/bench/load/upload_load", "ADDRESS", str(options.mib * MIB)]

    def fresh(command):
        """Runs with an empty directory, and checks that the whole file is in it afterwards."""
        drop = os.path.join(folder, "drop")
        os.mkdir(drop)
        try:
            result = one_run(options, command.replace("DROP", drop), words)
            sizes = [entry.stat().st_size for entry in os.scandir(drop)]
            if sizes != [options.mib * MIB]:
                raise Failed(f"files of {sizes} bytes were stored: {command}")
            return result
        finally:
            shutil.rmtree(drop)

    raw, sluice = alternate(
        options.rounds,
        lambda: fresh(f"{options.build}/bench/raw/raw_recv_write 0 DROP/file"),
        lambda: fresh(f"{options.sluice} serve --drop 127.0.0.1:0 --drop-dir DROP"
                      " --log-level warning"),
    )
    return show("upload", options, raw, sluice)


def compare_download(options, folder):
    name = os.path.join(folder, "file")
    with open(name, "wb") as file:
        block = bytes(range(256)) * (MIB // 256)
        for _ in range(options.mib):
            file.write(block)
    load = [f"{options.build}/bench/load/download_load", "ADDRESS"]
    load += ["--copy"] if options.copy else []
    raw, sluice = alternate(
        options.rounds,
        lambda: one_run(options, f"{options.build}/bench/raw/raw_sendfile 0 {name}", load),
        lambda: one_run(options, f"{options.sluice} serve --offer 127.0.0.1:0 --offer-file {name}"
                        " --log-level warning", load + ["--ready", r"SLUICE/1\n"]),
    )
    os.remove(name)
    return show("download", options, raw, sluice)


def compare(options):
    """{mode: median ratio of the rate}."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", dir=options.dir) as folder:
        return {mode: globals()[f"compare_{mode}"](options, folder) for mode in options.modes}


if __name__ == "__main__":
    run_script("compare_transfer", compare, parse)
