#!/usr/bin/env python3
"""Kills `ernie run-batch` at random moments and checks that nothing is lost or doubled.

    scripts/kill_test.py 1000 --program build/release/bin/ernie

Makes an input file, runs it unbroken, then runs it again under SIGKILL at random moments, always
with the same command, until it finishes; compares the output byte for byte with the unbroken one;
begins anew until so many kills have hit a running process.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time


def make_rows(rng, count):
    """Requests of all kinds, with a few bad lines among them."""
    for i in range(count):
        custom_id = f"row-{i}"
        body = {"max_tokens": rng.randint(1, 24)}
        if rng.random() < 0.5:
            body.update(temperature=0.8, top_p=0.95)
        chat = rng.random() < 0.4
        if chat:
            body["messages"] = [{"role": "user", "content": f"{rng.randint(10, 99)} + {i} ="}]
        else:
            body["prompt"] = f"{rng.randint(10, 99)} + {rng.randint(10, 99)} ="
        kind = rng.random()
        if kind < 0.03:
            yield "this is no JSON"
            continue
        if kind < 0.06:
            body["temperature"] = "warm"
        if kind > 0.97 and i > 0:
            # Its first one may be finished long before it, by a run that was killed.
            custom_id = f"row-{rng.randrange(i)}"
        url = "/v1/chat/completions" if chat else "/v1/completions"
        yield json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body})


def run_and_kill(command, rng, max_ms):
    """Starts the command and kills it after a random time. Returns (was killed, exit code)."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    delay = rng.uniform(1, max_ms) / 1000
    try:
        _, log = process.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        process.kill()
        _, log = process.communicate()
    killed = process.returncode == -signal.SIGKILL
    if not killed and process.returncode not in (0, 1):
        sys.exit(f"exit code {process.returncode}:\n{log.decode(errors='replace')}")
    return killed, process.returncode


def check_output(expected_path, output_path):
    with open(expected_path, "rb") as expected, open(output_path, "rb") as output:
        want, got = expected.read(), output.read()
    if want == got:
        return
    want_lines, got_lines = want.split(b"\n"), got.split(b"\n")
    lost = len(set(want_lines) - set(got_lines))
    sys.exit(f"FAILED: {output_path} differs from {expected_path}: {len(got_lines)} lines, "
             f"expected {len(want_lines)}; {lost} expected lines are not there")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int, help="how many kills of a running process to deliver")
    parser.add_argument("--program", default="build/release/bin/ernie")
    parser.add_argument("--rows", type=int, default=400, help="lines of the input file")
    parser.add_argument("--max-ms", type=float, default=300, help="longest time before a kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flag", action="append", default=[],
                        help="a further flag for run-batch, as --flag=--threads=1")
    args = parser.parse_args()
    rng = random.Random(args.seed)

    with tempfile.TemporaryDirectory(prefix="ernie-kill-") as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("in.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(row + "\n" for row in make_rows(rng, args.rows))

        def command(output):
            return [args.program, "run-batch", "-i", path("in.jsonl"), "-o", path(output),
                    *args.flag]

        start = time.monotonic()
        unbroken = subprocess.run(command("expected.jsonl"), capture_output=True, check=False)
        if unbroken.returncode != 1:
            sys.exit(f"the unbroken run ended with {unbroken.returncode}, expected 1, as a few rows "
                     f"are bad:\n{unbroken.stderr.decode(errors='replace')}")
        print(f"unbroken run: {args.rows} rows in {time.monotonic() - start:.2f} s", flush=True)

        start, kills, jobs = time.monotonic(), 0, 0
        while kills < args.kills:
            kills_before, finished = kills, False
            while not finished:
                killed, code = run_and_kill(command("out.jsonl"), rng, args.max_ms)
                kills += killed
                finished = not killed
            if code != 1:
                sys.exit(f"FAILED: exit code {code}, expected 1 as of the unbroken run")
            check_output(path("expected.jsonl"), path("out.jsonl"))
            left = set(os.listdir(folder)) - {"in.jsonl", "expected.jsonl", "out.jsonl"}
            if left:
                sys.exit(f"FAILED: left behind: {sorted(left)}")
            os.remove(path("out.jsonl"))
            jobs += 1
            if kills == kills_before and args.max_ms > 2:
                # The job is too short for its kills: aim earlier.
                args.max_ms *= 0.8
        print(f"{kills} kills over {jobs} jobs in {time.monotonic() - start:.1f} s: every output "
              f"equals the unbroken one, nothing lost, nothing doubled")


if __name__ == "__main__":
    main()
