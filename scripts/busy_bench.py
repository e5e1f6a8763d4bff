#!/usr/bin/env python3
"""Times the demo beside busy processes, with the default number of threads and with one.

    scripts/busy_bench.py ERNIE [OTHER_ERNIE]

Forty tokens of the demo, the whole process, median of 20 runs: with nothing else, beside one and
beside four processes that only count. All variants alternate, so that whatever else this machine
does meets each of them. Exit codes: 0 within the limits, 1 not, 2 it could not run. The limits:
default threads take at most 1.05 times as long as one thread where nothing else runs, and at most
twice as long beside busy processes.
"""

import argparse
import contextlib
import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import time

COMMAND = ("run", "--quiet", "--prompt", "17 + 25 =", "--max-tokens", "40", "--ignore-eos")
QUIET_LIMIT, BUSY_LIMIT = 1.05, 2.0
# Ends by itself when this script is gone, however that happened.
COUNT = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(100000): pass
"""


@contextlib.contextmanager
def busy_processes(count):
    command = [sys.executable, "-c", COUNT, str(os.getpid())]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        time.sleep(0.3 if count else 0)  # they have started
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def others_share(seconds=1.0):
    """How much of the processors' time everything on this machine takes just now."""
    def read():
        fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(fields[:8]), fields[3] + fields[4]
    total, idle = read()
    time.sleep(seconds)
    total_after, idle_after = read()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def run_ms(command):
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    elapsed = time.perf_counter() - start
    if done.returncode != 0:
        print(f"busy_bench.py: {' '.join(map(str, command))}: {done.stderr.decode()}",
              file=sys.stderr)
        sys.exit(2)
    return 1000 * elapsed


def measure(variants, num_runs):
    """{variant: times in ms}; each round begins with another variant."""
    times = {name: [] for name in variants}
    names = list(variants)
    for i in range(num_runs + 1):
        for name in names[i % len(names):] + names[:i % len(names)]:
            elapsed = run_ms(variants[name])
            if i > 0:  # the first round reads the program from the disk
                times[name].append(elapsed)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", metavar="ERNIE", type=pathlib.Path, nargs="+")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 4],
                        help="numbers of busy processes")
    args = parser.parse_args()
    variants = {}
    for program, threads in itertools.product(args.programs, ((), ("--threads", "1"))):
        variants[program, bool(threads)] = [program.resolve(), *COMMAND, *threads]
    print(f"{len(os.sched_getaffinity(0))} processors, {others_share():.0%} of their time taken by "
          f"others before the start, {args.runs} runs each")
    print(f"{'busy':>4}  {'default, ms':>26}  {'one thread, ms':>26}  ratio  program")
    is_good = True
    for count in args.busy:
        with busy_processes(count):
            times = measure(variants, args.runs)
        for program in args.programs:
            columns = []
            for is_one in (False, True):
                quartiles = statistics.quantiles(times[program, is_one], n=4)
                columns.append(f"{quartiles[1]:7.1f} ({quartiles[0]:6.1f} to {quartiles[2]:6.1f})")
            ratio = (statistics.median(times[program, False]) /
                     statistics.median(times[program, True]))
            print(f"{count:4}  {columns[0]:>26}  {columns[1]:>26}  {ratio:5.2f}  {program}")
            if program == args.programs[-1]:
                is_good &= ratio <= (BUSY_LIMIT if count else QUIET_LIMIT)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
