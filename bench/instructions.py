#!/usr/bin/env python3
"""User instructions per operation of a program that does a given number of rounds.

    bench/instructions.py OPERATIONS ROUNDS COMMAND...

Runs COMMAND under callgrind twice, {} in its words replaced by ROUNDS and by 2 * ROUNDS, and
divides the difference by ROUNDS * OPERATIONS, so that start-up and tear-down cancel. For example

    bench/instructions.py 1100 20 build/bench/raw/raw_event_loop events --timers --rounds {}
"""

import subprocess
import sys

from measuring import Failed, callgrind


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    operations, rounds, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    try:
        once, twice = (
            callgrind([word.replace("{}", str(number)) for word in command])
            for number in (rounds, 2 * rounds)
        )
    except (Failed, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"instructions: {error}")
    print(f"{(twice - once) / rounds / operations:.1f} user instructions an operation: "
          f"{' '.join(command)}")


if __name__ == "__main__":
    main()
