#!/usr/bin/env python3
"""Stops run-batch at every system call that changes a file, in turn; see crash_points.cc.

    crash_points_test.py PROGRAM

After each stop the same command must finish with the output of an unbroken run.
"""

import json
import os
import subprocess
import sys
import tempfile

ROWS = 12
MODES = {"kill": -9, "torn": -9, "lost": -9, "fail": 2}


def write_input(path):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(ROWS):
            body = {"prompt": f"prompt {i}", "max_tokens": 1 + i % 5}
            file.write(json.dumps({"custom_id": f"r{i}", "method": "POST",
                                   "url": "/v1/completions", "body": body}) + "\n")
        file.write("a bad line\n")
        # Finished after a restart, it must still be seen to repeat a row that was finished before.
        file.write(json.dumps({"custom_id": "r0", "method": "POST", "url": "/v1/completions",
                               "body": {"prompt": "again"}}) + "\n")


def run(program, folder, flags, **environment):
    return subprocess.run([program, "run-batch", "--quiet", "--max-num-seqs=1", "-i", "in.jsonl",
                           "-o", "out.jsonl", *flags],
                          cwd=folder, env={**os.environ, **environment}, capture_output=True,
                          check=False)


def strike_everywhere(program, folder, flags):
    """Returns the number of calls that were struck."""
    output = os.path.join(folder, "out.jsonl")
    manifest = ["out.jsonl.model.json"] if flags else []
    assert run(program, folder, flags).returncode == 1
    expected = {}
    for name in ["out.jsonl", *manifest]:
        with open(os.path.join(folder, name), "rb") as file:
            expected[name] = file.read()
    assert expected["out.jsonl"].count(b"\n") == ROWS + 2
    assert expected["out.jsonl"].count(b"ernie_receipt") == (ROWS if flags else 0)

    for mode, exit_code in MODES.items():
        strike = 0
        while True:
            strike += 1
            for name in expected:
                os.remove(os.path.join(folder, name))
            struck = run(program, folder, flags, ERNIE_CRASH_AT=str(strike), ERNIE_CRASH_MODE=mode)
            if struck.returncode == 1:
                break
            where = f"{mode} at call {strike} of {flags}"
            if struck.returncode != exit_code:
                sys.exit(f"{where}: exit code {struck.returncode}, expected {exit_code}: "
                         f"{struck.stderr.decode()}")
            again = run(program, folder, flags)
            if again.returncode != 1:
                sys.exit(f"{where}: the second run ended with {again.returncode}: "
                         f"{again.stderr.decode()}")
            for name, contents in expected.items():
                with open(os.path.join(folder, name), "rb") as file:
                    if file.read() != contents:
                        sys.exit(f"{where}: {name} differs from that of an unbroken run")
            left = sorted(set(os.listdir(folder)) - {"in.jsonl", *expected})
            if left:
                sys.exit(f"{where}: left behind {left}")
        # A row, the header, the file and its folder are each written and synced.
        if strike < ROWS + 9 + 3 * len(manifest):
            sys.exit(f"{mode}: only {strike} calls seen")
        print(f"{mode} {flags}: {strike - 1} points")
    os.remove(output)


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="ernie-crash-") as folder:
        write_input(os.path.join(folder, "in.jsonl"))
        for flags in ([], ["--receipts"]):
            strike_everywhere(program, folder, flags)


if __name__ == "__main__":
    main()
