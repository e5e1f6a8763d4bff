#!/usr/bin/env python3
"""Times two builds of ernie in turn: every operation of the 21B model, prefill and decode of 0.3B.

    scripts/compare_speed.py OLD_ERNIE NEW_ERNIE [--pairs 5] [--only ops|latency] [--json FILE]

Each pair runs both builds, the order changing from pair to pair. A row's ratio is the median of
the new times over the median of the old ones. Rows above --limit are measured again with --repeat
pairs, and the ratio of those counts: with a hundred rows a few exceed it by chance. Weights are
random. Exit codes: 0 no row above the limit, 1 a row above it, 2 it could not run.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

QUIET = ("--quiet", "--limits-seconds", "0")


def run(command, folder):
    report = folder / "report.json"
    done = subprocess.run([*command, *QUIET, "--json", str(report)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode}: {' '.join(command)}\n{done.stderr}")
    return json.loads(report.read_text())


def op_times(binary, options, folder):
    command = [binary, "bench", "ops", "--suite", "model", "--seconds-per-op", str(options.seconds)]
    names = {row.split(" | ")[0] for row in options.rows}
    rows = run(command + [part for name in names for part in ("--op", name)], folder)["rows"]
    times = {f"{row['name']} | {row['shape']}": row["time"]["median_s"] for row in rows}
    return {row: times[row] for row in options.rows or times}


def latency_times(binary, options, folder):
    command = [binary, "bench", "latency", "--load-format", "dummy", "--model", options.model]
    report = run(command, folder)
    times = {f"prefill {row['input_len']}": row["first_token"]["median_s"]
             for row in report["prefill"]}
    return times | {f"decode at {row['depth']}": row["inter_token"]["median_s"]
                    for row in report["decode"]}


def ratios(measure, options, pairs, folder):
    """Ratio, old median and new median of each row that both builds have."""
    times = {"old": {}, "new": {}}
    for pair in range(pairs):
        for side in ("old", "new") if pair % 2 == 0 else ("new", "old"):
            for row, seconds in measure(getattr(options, side), options, folder).items():
                times[side].setdefault(row, []).append(seconds)
        print(f"  pair {pair + 1} of {pairs}", file=sys.stderr)
    missing = times["old"].keys() ^ times["new"].keys()
    if missing:
        print(f"only one build has: {', '.join(sorted(missing))}")
    medians = {side: {row: statistics.median(values) for row, values in rows.items()}
               for side, rows in times.items()}
    return {row: (medians["new"][row] / old, old, medians["new"][row])
            for row, old in medians["old"].items() if row in medians["new"]}


def compare(title, measure, options, folder):
    options.rows = []
    result = ratios(measure, options, options.pairs, folder)
    slow = [row for row, (ratio, _, _) in result.items() if ratio > options.limit]
    if slow:
        print(f"{title}: {len(slow)} rows again, {options.repeat} pairs", file=sys.stderr)
        options.rows = slow
        again = ratios(measure, options, options.repeat, folder)
        result |= {row: again[row] for row in slow}
    print(f"{title}: {len(result)} rows, median ratio "
          f"{statistics.median(ratio for ratio, _, _ in result.values()):.3f}")
    for row, (ratio, old, new) in sorted(result.items(), key=lambda item: -item[1][0]):
        mark = f"  ABOVE {options.limit}" if ratio > options.limit else ""
        repeated = "  (repeated)" if row in slow else ""
        print(f"  {ratio:6.3f}  {old * 1e3:10.4f} ms  {new * 1e3:10.4f} ms  {row}{repeated}{mark}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--limit", type=float, default=1.03)
    parser.add_argument("--seconds", type=float, default=0.2, help="time for each operation")
    parser.add_argument("--model", default="0.3b", help="shape for bench latency")
    parser.add_argument("--only", choices=("ops", "latency"))
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        try:
            for title, measure in (("latency", latency_times), ("ops", op_times)):
                if options.only in (None, title):
                    results |= compare(title, measure, options, pathlib.Path(name))
        except (RuntimeError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    above = sum(ratio > options.limit for ratio, _, _ in results.values())
    print(f"{len(results)} rows, {above} above {options.limit}")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
