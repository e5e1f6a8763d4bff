#!/usr/bin/env python3
"""Runs the simulation of the scheduler over many seeds, with a journal to go on from.

    scripts/simulate_scheduler.py --seeds 1000000

Each worker takes a range of seeds at a time. A range that is done is a line of the journal and is not run
again; the sum of all stands at the end. A seed that fails ends the run, with exit code 1: the command that
shows it again is printed.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run_range(program, first, count, events):
    command = [program, "--first-seed", str(first), "--seeds", str(count), "--events", str(events)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": " ".join(map(str, command)), "message": done.stderr.strip()}
    return {"first_seed": first, **json.loads(done.stdout)}


def read_journal(path, events, chunk):
    """The results by first seed; a torn last line does not count."""
    results = {}
    if not path.exists():
        return results
    for line in path.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["events_of_a_seed"] == events and entry["seeds"] == chunk:
            results[entry["first_seed"]] = entry
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/release/tests/scheduler/scheduler_simulation")
    parser.add_argument("--seeds", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--chunk", type=int, default=10_000, help="seeds of a range")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--journal", type=pathlib.Path, default=pathlib.Path("scheduler_simulation.jsonl"))
    args = parser.parse_args()
    results = read_journal(args.journal, args.events, args.chunk)
    wanted = range(0, args.seeds, args.chunk)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool, args.journal.open("a") as journal:
        missing = [first for first in wanted if first not in results]
        runs = [pool.submit(run_range, args.program, first, args.chunk, args.events) for first in missing]
        for run in concurrent.futures.as_completed(runs):
            result = run.result()
            if "failed" in result:
                pool.shutdown(cancel_futures=True)
                print(f"{result['message']}\n{result['failed']}", file=sys.stderr)
                return 1
            result["events_of_a_seed"] = args.events
            journal.write(json.dumps(result) + "\n")
            journal.flush()
            results[result["first_seed"]] = result
    done = [results[first] for first in wanted]
    names = [name for name in done[0] if name not in ("first_seed", "events_of_a_seed")]
    print(json.dumps({name: round(sum(entry[name] for entry in done), 2) for name in names}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
