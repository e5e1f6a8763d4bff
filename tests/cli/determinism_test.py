#!/usr/bin/env python3
"""What a user sees of `ernie verify determinism`: verdict, reports, exit codes.

    determinism_test.py PROGRAM
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import json_schema  # noqa: E402

PROGRAM = os.path.abspath(sys.argv.pop(1))
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/schema/verify-determinism.schema.json").read_text("utf-8"))
SMALL = ["--num-requests", "3", "--max-model-len", "32"]


class DeterminismTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ernie-determinism-")
        self.addCleanup(self.folder.cleanup)

    def run_program(self, *args):
        done = subprocess.run([PROGRAM, "verify", "determinism", "--quiet", *args],
                              cwd=self.folder.name, capture_output=True, text=True, check=False,
                              timeout=300)
        return done.returncode, done.stdout, done.stderr

    def read_json(self, name):
        with open(os.path.join(self.folder.name, name), encoding="utf-8") as file:
            return json.load(file)

    def test_demo_model_passes(self):
        code, out, err = self.run_program(*SMALL, "--json", "d.json", "--seed", "9")
        self.assertEqual((code, err), (0, ""), out)
        self.assertIn("not in this engine yet", " ".join(out.split()))
        result = self.read_json("d.json")
        self.assertEqual(json_schema.problems(result, SCHEMA), [])
        self.assertTrue(result["passed"])
        self.assertEqual(result["seed"], "9")
        settings = [variant["settings"] for variant in result["variants"]]
        for expected in ("threads=1", "isa=portable", "block-size=64", "mmap=true"):
            self.assertIn(expected, settings)
        self.assertEqual(len({variant["tokens"] for variant in result["variants"]}), 1)
        self.assertGreater(result["variants"][-1]["preemptions"], 0)
        self.assertTrue(all(canary["caught"] for canary in result["canaries"]))

    def test_other_device_dtype_and_language(self):
        code, out, _ = self.run_program(*SMALL, "--device", "reference", "--dtype", "float32",
                                        "--lang", "zh")
        self.assertEqual(code, 0, out)
        self.assertIn("逐位相同", out)
        self.assertNotIn("isa=", out)

    def test_what_cannot_run(self):
        for flags in (["--num-requests", "1"], ["--max-model-len", "8"], ["--device", "none"],
                      ["--model", "absent"], ["--json", "absent/d.json"]):
            code, out, err = self.run_program(*flags)
            self.assertEqual((code, out), (2, ""), flags)
            self.assertTrue(err, flags)


if __name__ == "__main__":
    unittest.main()
