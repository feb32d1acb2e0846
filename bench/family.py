"""A server that starts processes, or threads, for its clients: the accounts of all of them."""

import os
import re
import signal

from measuring import Server

TICKS = os.sysconf("SC_CLK_TCK")


def processes():
    """{pid: (parent, seconds its ended children used, time of its start)} of the machine."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as account:
                words = account.read().rpartition(")")[2].split()
        except OSError:
            continue
        ended = (int(words[13]) + int(words[14])) / TICKS
        found[int(entry)] = (int(words[1]), ended, words[19])
    return found


class Family(Server):
    """A server and all its descendants."""

    def family(self):
        """The server and its descendants, as `processes` has them."""
        everyone = processes()
        children = {}
        for pid, (parent, _, _) in everyone.items():
            children.setdefault(parent, []).append(pid)
        found, due = {}, [self.process.pid]
        while due:
            pid = due.pop()
            if pid in everyone:
                found[pid] = everyone[pid]
                due += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """Of all that live, in nanoseconds, and of those that have ended, in ticks of 10 ms."""
        total = 0.0
        for pid, (_, ended, _) in self.family().items():
            total += ended
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as account:
                        total += int(account.read().split()[0]) / 1e9
            except OSError:
                pass  # it has just ended: what it did is in its parent's account next time
        return total

    def anonymous_bytes(self):
        """Anonymous memory, each page divided by the number of processes that share it (Pss_Anon of
        proc_pid_smaps(5)). No code, no kernel memory."""
        total = 0
        for pid in self.family():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as account:
                    found = re.search(r"^Pss_Anon:\s+(\d+) kB", account.read(), re.M)
                    total += 1024 * int(found[1])
            except OSError:
                pass
        return total

    def stop(self):
        family = self.family()
        super().stop()
        left = processes()
        for pid, (_, _, start) in family.items():
            if pid != self.process.pid and pid in left and left[pid][2] == start:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
