#!/usr/bin/env python3
"""What a user sees of `ernie verify ops`: reports in both languages, JSON against its schema, exit
codes.

    verify_ops_test.py PROGRAM
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import unittest

from json_schema import problems

PROGRAM = os.path.abspath(sys.argv.pop(1))
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/schema/verify-ops.schema.json").read_text(encoding="utf-8"))
CASE = {"$ref": "#/$defs/case", "$defs": SCHEMA["$defs"]}


class VerifyOpsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ernie-verify-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def verify(self, *args, code=0):
        done = subprocess.run([PROGRAM, "verify", "ops", *args], cwd=self.folder, text=True,
                              capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_the_published_cases_and_all_faults(self):
        shown = self.verify("--suite", "published", "--inject", "all", "--dtype", "bfloat16",
                            "--json", "r.json", "--markdown", "r.md", "--html", "r.html").stdout
        result = json.loads((self.folder / "r.json").read_text(encoding="utf-8"))
        self.assertEqual(problems(result, SCHEMA), [])
        self.assertTrue(result["passed"])
        self.assertEqual(result["cases"], 5)
        configuration = result["configurations"][0]
        injection = configuration["injection"]
        self.assertGreaterEqual(injection["applicable"], 70)
        self.assertEqual(injection["caught"], injection["applicable"])
        self.assertEqual(injection["false_alarms"], [])
        self.assertTrue(configuration["canary"]["caught"])
        # What the usual tolerance misses is the reason for ours.
        missed = [f["name"] for f in injection["faults"]
                  if f["applies"] and f["op"] == "linear" and not f["allclose_sees"]]
        self.assertIn("result times 1.002", missed)
        self.assertIn("0.000000, passed", shown)
        markdown = (self.folder / "r.md").read_text(encoding="utf-8")
        legend = next(line for line in markdown.splitlines() if line.startswith("Checks: "))
        for check in legend.removeprefix("Checks: ").split("; "):
            self.assertIn(", ", check)  # each that a fault fails is explained
        for text in ("| linear |", "M 512, K 12288, N 2560", "T 64, H 2560"):
            self.assertIn(text, markdown)
        self.assertIn("<svg", (self.folder / "r.html").read_text(encoding="utf-8"))

    def test_every_case_as_a_line_and_the_same_for_the_same_seed(self):
        def lines(seed, threads):
            self.verify("--op", "route", "--op", "add", "--dtype", "float32", "--seed", seed,
                        "--threads", threads, "--cases", "cases.jsonl")
            return (self.folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
        first = lines("5", "1")
        self.assertGreater(len(first), 50)
        for line in first:
            self.assertEqual(problems(json.loads(line), CASE), [])
        self.assertEqual(first, lines("5", "2"))
        self.assertNotEqual(first, lines("6", "1"))

    def test_speaks_chinese(self):
        shown = self.verify("--op", "rope", "--lang", "zh").stdout
        for text in ("算子精度验证", "总览", "通过", "金丝雀", "最差用例"):
            self.assertIn(text, shown)

    def test_says_what_the_reference_cannot_prove(self):
        shown = self.verify("--device", "reference", "--dtype", "bfloat16", "--op", "rms_norm",
                            "--suite", "published").stdout
        self.assertIn("shares its code with the oracle", " ".join(shown.split()))

    def test_a_run_without_cases_is_no_success(self):
        self.verify("--suite", "published", "--op", "add", code=2)

    def test_no_memory_is_one_line(self):
        for megabytes in (200, 500, 1000):  # the output projection alone has 2 GB in double
            def limit(size=megabytes << 20):
                resource.setrlimit(resource.RLIMIT_AS, (size, size))
            done = subprocess.run([PROGRAM, "verify", "ops", "--op", "linear", "--dtype", "float32",
                                   "--threads", "2", "--quiet"], cwd=self.folder, text=True,
                                  capture_output=True, timeout=300, check=False, preexec_fn=limit)
            if "Sanitizer" in done.stderr:
                self.skipTest("a sanitizer needs more address space than that")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, r"\Aernie verify ops: .*(memory|allocate).*\n\Z")

    def test_says_what_it_cannot_do(self):
        for args, message in [(["--op", "linaer"], 'got "linaer", expected one of embed'),
                              (["--device", "gpu"], 'device: got "gpu"'),
                              (["--isa", "mmx"], 'isa: got "mmx"'),
                              (["--suite", "some"], "--suite"),
                              (["--cases", "no/such/folder/x"], "no/such/folder: no such directory")]:
            self.assertIn(message, self.verify(*args, code=2).stderr)


if __name__ == "__main__":
    unittest.main()
