#!/usr/bin/env python3
"""User instructions per operation of a program that does a given number of rounds.

    bench/instructions.py [--inside FUNCTION] OPERATIONS ROUNDS COMMAND...

Runs COMMAND under callgrind twice, {} in its words replaced by ROUNDS and by 2 * ROUNDS, and
divides the difference by ROUNDS * OPERATIONS, so that start-up and tear-down cancel. For example

    bench/instructions.py 1100 20 build/bench/event_loop events --timers --rounds {}
    bench/instructions.py --inside '*add_all*' 1000 5 \
        build/bench/event_loop register --pairs 1000 --rounds {}
"""

import subprocess
import sys

from measuring import Failed, callgrind


def instructions(operations, rounds, command, inside=None):
    once, twice = (
        callgrind([word.replace("{}", str(number)) for word in command], inside=inside)
        for number in (rounds, 2 * rounds)
    )
    return (twice - once) / rounds / operations


def main():
    words, inside = sys.argv[1:], None
    if words[:1] == ["--inside"]:
        inside, words = words[1], words[2:]
    if len(words) < 3:
        sys.exit(__doc__)
    try:
        each = instructions(int(words[0]), int(words[1]), words[2:], inside)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"instructions: {error}")
    print(f"{each:.1f} user instructions an operation: {' '.join(words[2:])}")


if __name__ == "__main__":
    main()
