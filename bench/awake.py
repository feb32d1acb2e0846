"""Keeps the processors from going to sleep while something is measured.

In a virtual machine it can take 50 to 100 us to wake a processor that has nothing to do: dearer than
all that a request in lockstep costs, and different from one minute to the next. So on each processor
a child runs that does nothing, at the priority SCHED_IDLE (sched(7)): it gives way at once to whatever
else wants to run, and no one's CPU time has it in it.
"""

import contextlib
import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # prctl(2)


def burn(cpu, parent):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


@contextlib.contextmanager
def awake():
    parent, children = os.getpid(), []
    try:
        for cpu in sorted(os.sched_getaffinity(0)):
            child = os.fork()
            if child == 0:
                try:
                    burn(cpu, parent)
                finally:
                    os._exit(1)
            children.append(child)
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
