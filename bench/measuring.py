"""What the comparison scripts share: servers and load programs as bounded child processes.

Only children started here are ever signalled. Figures come from the kernel's own accounts:
CPU time from /proc/PID/task/*/schedstat (nanoseconds), memory from /proc/PID/smaps_rollup.
"""

import os
import re
import select
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from awake import awake

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVER_CPU, LOAD_CPU = "0", "1"
START_SECONDS, STOP_SECONDS = 30, 20


class Failed(Exception):
    """A run that gave no figure; the text says why."""


def run_script(name, compare, parse):
    """The whole of a script that compares: what its command line asks for, or a word on why not."""
    try:
        options = parse()
        with awake():
            compare(options)
    except (Failed, OSError) as error:
        sys.exit(f"{name}: {error}")


def pinned(cpu):
    """The words to put before a command; with one processor there is nothing to choose."""
    return ["taskset", "-c", cpu] if int(cpu) in os.sched_getaffinity(0) else []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that prints `... listening on ADDRESS` when it is ready; stopped by SIGTERM. What a
    quiet one says on standard error is not shown. One that prints nothing has a `port` of the
    loopback before it is made, and is ready when it accepts there and says its `greeting`."""

    port, greeting = None, b""

    def __init__(self, command, prefix=(), quiet=False):
        words = pinned(SERVER_CPU) + list(prefix) + shlex.split(command)
        self.traced = "strace" in prefix
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL if quiet else None)
        try:
            self.address = self._wait_until_listening(command)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _wait_until_listening(self, command):
        if self.port is not None:
            return self._wait_until_accepting(command)
        text, deadline = "", time.monotonic() + START_SECONDS
        while not (found := re.search(r"listening on (\S+)\n", text)):
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            part = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            if not part:
                raise Failed(f"does not listen: {command}")
            text += part.decode()
        return found[1]

    def _wait_until_accepting(self, command):
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                    if not self.greeting or probe.recv(len(self.greeting)) == self.greeting:
                        return f"127.0.0.1:{self.port}"
            except OSError:
                pass
            time.sleep(0.02)
        raise Failed(f"does not listen: {command}")

    def pid(self):
        """The server itself: strace is its parent, taskset and valgrind have become it."""
        if not self.traced:
            return self.process.pid
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return int(children.read().split()[0])

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        tasks = f"/proc/{self.pid()}/task"
        total = 0
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/schedstat") as account:
                total += int(account.read().split()[0])
        return total / 1e9

    def anonymous_bytes(self):
        """Memory of its own: heap, stack, written data. No code, no kernel memory."""
        with open(f"/proc/{self.pid()}/smaps_rollup") as account:
            return 1024 * int(re.search(r"^Anonymous:\s+(\d+) kB", account.read(), re.M)[1])

    def resident_bytes(self):
        """All that is in memory: its own, its code, what it maps."""
        with open(f"/proc/{self.pid()}/status") as account:
            return 1024 * int(re.search(r"^VmRSS:\s+(\d+) kB", account.read(), re.M)[1])

    def stop(self):
        if self.process.poll() is None:
            try:
                os.kill(self.pid(), signal.SIGTERM)
                self.process.wait(STOP_SECONDS)
            except (subprocess.TimeoutExpired, ProcessLookupError, IndexError):
                os.kill(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process.stdout.close()


class Load:
    """A load program. With --wait among its words, `go` starts it and `close` ends it."""

    def __init__(self, words, seconds, cpu=LOAD_CPU):
        self.seconds = seconds
        self.process = subprocess.Popen(
            pinned(cpu) + words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def line(self):
        """The next line it prints, as a dictionary of its NAME=NUMBER words."""
        ready = select.select([self.process.stdout], [], [], self.seconds)[0]
        text = self.process.stdout.readline() if ready else ""
        if not text:
            raise Failed("the load program ended early" if ready else "the load took too long")
        return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", text)}

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.line()


def callgrind(words_or_command, work=None, inside=None, start=Server):
    """User instructions of a command, or of a server (a string) while `work(server)` drives it;
    with `inside`, only those of functions whose name matches that pattern, and of their callees.
    `start(command, prefix)` starts the server."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        prefix = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        prefix.append(f"--log-file={log}")
        if inside:
            prefix += ["--collect-atstart=no", f"--toggle-collect={inside}"]
        if work:
            with start(words_or_command, prefix) as server:
                work(server)
        else:
            subprocess.run(
                prefix + words_or_command, check=True, stdout=subprocess.DEVNULL, timeout=600
            )
        with open(log) as text:
            found = re.search(r"Collected : (\d+)", text.read())
    if not found:
        raise Failed("callgrind counted nothing")
    return int(found[1])


def system_calls(command, work, start=Server):
    """How often each system call was made by a server while `work(server)` drove it."""
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "table")
        with start(command, ["strace", "-f", "-c", "-o", table]) as server:
            work(server)
        return calls_in(table)


def calls_in(table):
    """{system call: how often} of what `strace -c` has written."""
    with open(table) as text:
        rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*?(\w+)$", text.read(), re.M)
    return {name: int(calls) for calls, name in rows if name != "total"}


def median(values):
    return statistics.median(values)


def spread(values, digits=2):
    """`1.03 (0.99 to 1.06)`: the median, the least, the most."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def verdict(what, value, limit, aim=None, sign="at most", digits=2):
    """One line that holds a figure, rounded as it is shown, beside its target."""
    shown = round(value, digits)
    good = {"at most": shown <= limit, "at least": shown >= limit, "below": value < limit}[sign]
    line = f"  -> {what}: {value:.{digits}f}, target {sign} {limit:g}: {'ok' if good else 'MISSED'}"
    if aim is not None:
        line += f"; aim {aim}: {'reached' if value <= aim else 'not reached'}"
    print(line, flush=True)


def alternate(rounds, measure_a, measure_b):
    """Runs both in turn, the first one changing each round; returns the two lists of results."""
    results_a, results_b = [], []
    for number in range(rounds):
        pair = [(results_a, measure_a), (results_b, measure_b)]
        for results, measure in pair if number % 2 == 0 else reversed(pair):
            results.append(measure())
    return results_a, results_b
