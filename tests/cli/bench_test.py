#!/usr/bin/env python3
"""What a user sees of `ernie bench`: reports, JSON against its schema, exit codes. No times are
judged.

    bench_test.py PROGRAM
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from json_schema import problems

PROGRAM = os.path.abspath(sys.argv.pop(1))
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/schema/bench.schema.json").read_text(encoding="utf-8"))


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ernie-bench-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def bench(self, *args, code=0):
        done = subprocess.run([PROGRAM, "bench", *args], cwd=self.folder.name, capture_output=True,
                              text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def result(self, name):
        """The JSON of a run, checked against the schema."""
        value = json.loads(self.read(name))
        self.assertEqual(problems(value, SCHEMA), [])
        try:
            import jsonschema
        except ImportError:
            return value
        jsonschema.validate(value, SCHEMA)
        return value


class OpsTest(BenchTest):
    def test_published_suite(self):
        out = self.bench("ops", "--suite", "published", "--seconds-per-op", "0",
                         "--limits-seconds", "0.2", "--json", "a.json", "--html", "a.html").stdout
        result = self.result("a.json")
        rows = result["rows"]
        self.assertEqual([row["name"] for row in rows],
                         ["MatMul 2560 × 2560", "MatMul 2560 × 12288", "MatMul 1536 × 2560",
                          "MoE routing", "RMSNorm", "Attention", "Linear", "SiLU"])
        for row in rows:
            limit = max(row["bytes"] / result["limits"]["read_gb_per_s"],
                        row["operations"] / result["limits"]["peaks"][0]["gop_per_s"]) * 1e-9
            self.assertAlmostEqual(row["share_of_limit"] * row["time"]["median_s"] / limit, 1, 6)
            self.assertIn("mean_ms", row["published"])
        self.assertIn("Ascend 910", out)
        self.assertIn("0.1451 ± 0.0068 ms", out)
        for text in ("MatMul 2560", "share", "float32 fma"):
            self.assertIn(text, out)
        xml.etree.ElementTree.fromstring(self.read("a.html").partition("\n")[2])

    def test_compare_and_language(self):
        flags = ["ops", "--op", "add", "--seconds-per-op", "0.02", "--limits-seconds", "0.1"]
        self.bench(*flags, "--json", "a.json", "--threads", "1")
        out = self.bench(*flags, "--json", "b.json", "--compare", "a.json", "--threads", "2",
                         "--lang", "zh").stdout
        comparison = self.result("b.json")["comparison"]
        self.assertEqual(len(comparison["rows"]), len(self.result("a.json")["rows"]))
        self.assertIn("threads: 1, now 2", comparison["settings_changed"])
        self.assertIn("变化", out)

    def test_what_cannot_run(self):
        with open(self.path("other.json"), "w", encoding="utf-8") as file:
            file.write("{}")
        for flags in (["--op", "nothing"], ["--compare", "absent.json"], ["--isa", "mmx"],
                      ["--compare", "other.json"], ["--device", "abacus"], ["--suite", "all"],
                      ["--json", "no/such/folder.json"], ["--seconds-per-op", "-1"]):
            done = self.bench("ops", *flags, code=2)
            self.assertEqual(done.stdout, "", flags)
            self.assertTrue(done.stderr, flags)


class LatencyTest(BenchTest):
    def test_rows_by_length_depth_and_batch(self):
        out = self.bench("latency", "--input-len", "16,40", "--depth", "0,30", "--batch-size",
                         "1,3", "--output-len", "4", "--num-iters", "2", "--num-iters-warmup", "0",
                         "--limits-seconds", "0.1", "--json", "a.json").stdout
        result = self.result("a.json")
        self.assertEqual([(row["batch_size"], row["input_len"]) for row in result["prefill"]],
                         [(1, 16), (1, 40), (3, 16), (3, 40)])
        self.assertEqual([(row["batch_size"], row["depth"]) for row in result["decode"]],
                         [(1, 0), (1, 30), (3, 0), (3, 30)])
        for row in result["prefill"]:
            self.assertEqual(row["first_token"]["count"], 2 * row["batch_size"])
            self.assertEqual(row["batch"]["count"], 2)
        for row in result["decode"]:
            self.assertEqual(row["inter_token"]["count"], 2 * 4)
            self.assertAlmostEqual(row["tokens_per_s"] * row["inter_token"]["mean_s"],
                                   row["batch_size"])
        engine = result["engine"]
        self.assertEqual((engine["model"], engine["dtype"]), ("ernie-demo", "BF16"))
        self.assertGreaterEqual(engine["process_start_to_ready_s"], engine["load_s"] - 0.02)
        self.assertGreaterEqual(engine["peak_rss_bytes"], engine["weight_bytes"])
        energy = "joules" in result["decode"][0]
        self.assertEqual(energy, result["energy_available"])
        self.assertEqual("not available here" in out, not energy)

    def test_what_cannot_run(self):
        for flags in (["--max-model-len", "20"], ["--input-len", "0"], ["--batch-size", ""],
                      ["--model", "absent"], ["--kv-cache-memory-bytes", "100000"]):
            self.assertTrue(self.bench("latency", *flags, code=2).stderr, flags)


class ThroughputTest(BenchTest):
    def test_random_prompts(self):
        out = self.bench("throughput", "--num-prompts", "20", "--input-len", "12", "--output-len",
                         "5", "--max-num-seqs", "4", "--limits-seconds", "0.1", "--json",
                         "a.json").stdout
        result = self.result("a.json")
        self.assertEqual((result["prompt_tokens"], result["output_tokens"]), (240, 100))
        self.assertEqual(len(result["requests"]), 20)
        # Four at a time, of which each needs five steps.
        self.assertEqual(result["num_steps"], 25)
        self.assertLessEqual(result["sequences_per_step"], 4 * (1 + 1e-12))  # a mean over time
        self.assertIn("of 4", out)

    def test_prompt_file(self):
        with open(self.path("in.jsonl"), "w", encoding="utf-8") as file:
            file.write('{"prompt": "17 + 25 ="}\n{"prompt": [5, 6, 7], "max_tokens": 2}\n')
        self.bench("throughput", "--prompt-file", "in.jsonl", "--output-len", "3", "--ignore-eos",
                   "--limits-seconds", "0.1", "--json", "a.json")
        result = self.result("a.json")
        self.assertEqual(sorted(row["output_tokens"] for row in result["requests"]), [2, 3])
        self.assertEqual(result["source"], "in.jsonl")

    def test_what_cannot_run(self):
        with open(self.path("bad.jsonl"), "w", encoding="utf-8") as file:
            file.write('{"prompt": "a"}\n{"promt": "b"}\n')
        open(self.path("empty.jsonl"), "w", encoding="utf-8").close()
        done = self.bench("throughput", "--prompt-file", "bad.jsonl", code=2)
        self.assertIn("bad.jsonl:2: ", done.stderr)
        for flags in (["--prompt-file", "empty.jsonl"], ["--prompt-file", "absent.jsonl"],
                      ["--prompt-file", "bad.jsonl", "--num-prompts", "3"], ["--ignore-eos"],
                      ["--num-prompts", "0"]):
            self.assertTrue(self.bench("throughput", *flags, code=2).stderr, flags)


if __name__ == "__main__":
    unittest.main()
