#!/usr/bin/env python3
"""What the commands do when the device is lost: one line on standard error, exit code 2, and nothing of what was
finished is lost.

    commands_test.py PROGRAM    PROGRAM: ernie with tests/lost_device/losing_main.cc
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
LINE = "cpu: the device stopped working"


def ernie(*arguments, lost_at=0, **options):
    environment = dict(os.environ, ERNIE_LOST_AT=str(lost_at))
    return subprocess.run([PROGRAM, *arguments, "--quiet"], capture_output=True, text=True, env=environment,
                          timeout=60, **options)


class LostDevice(unittest.TestCase):
    def expect_one_line(self, done):
        self.assertEqual(done.returncode, 2, done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(LINE, lines[0])

    def test_a_device_that_lasts(self):
        done = ernie("run", "--prompt", "17 + 25 =")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("42", done.stdout)

    def test_run_of_one_prompt(self):
        self.expect_one_line(ernie("run", "--prompt", "17 + 25 =", lost_at=1))

    def test_run_of_many_prompts(self):
        with tempfile.TemporaryDirectory() as folder:
            prompts = pathlib.Path(folder, "prompts.jsonl")
            prompts.write_text("".join('{"prompt": "%d + 25 =", "max_tokens": 4}\n' % n for n in range(40)))
            self.expect_one_line(ernie("run", "--prompt-file", str(prompts), "--output", folder + "/out.jsonl",
                                       lost_at=9))

    def test_a_batch_goes_on_where_the_device_was_lost(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = [{"custom_id": str(n), "method": "POST", "url": "/v1/completions",
                     "body": {"model": "losing", "prompt": "%d + 25 =" % n, "max_tokens": 4, "temperature": 0}}
                    for n in range(60)]
            batch, output = pathlib.Path(folder, "batch.jsonl"), pathlib.Path(folder, "out.jsonl")
            batch.write_text("".join(json.dumps(row) + "\n" for row in rows))
            arguments = ["run-batch", "-i", str(batch), "-o", str(output)]
            self.expect_one_line(ernie(*arguments, lost_at=12))
            self.assertFalse(output.exists())
            done = ernie(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            ids = [json.loads(line)["custom_id"] for line in output.read_text().splitlines()]
            self.assertEqual(ids, [row["custom_id"] for row in rows])


if __name__ == "__main__":
    unittest.main(verbosity=2)
