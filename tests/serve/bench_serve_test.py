#!/usr/bin/env python3
"""`ernie bench serve` against our server, whose counters are known, and against an endpoint whose times are.

usage: bench_serve_test.py PATH/TO/ernie [unittest arguments]
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [os.path.dirname(__file__), str(ROOT / "tests/cli")]
from fake_openai import FakeServer, Plan  # noqa: E402
from json_schema import problems  # noqa: E402
from server import Server  # noqa: E402

BINARY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
SCHEMA = json.loads((ROOT / "docs/schema/bench.schema.json").read_text(encoding="utf-8"))
KEY = "sk-do-not-tell-0123456789"
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith(("VLLM_", "OPENAI_")) and not name.lower().endswith("_proxy")}


class BenchServe(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ernie-bench-serve-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def fake(self, *args, **kwargs):
        server = FakeServer(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def run_it(self, url, *flags, code=0, env=None, timeout=60):
        done = subprocess.run([BINARY, "bench", "serve", "--url", url, *flags], capture_output=True, text=True, check=False,
                              timeout=timeout, env={**ENVIRONMENT, **(env or {})}, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def result(self, url, *flags, **kwargs):
        done = self.run_it(url, *flags, "--json", "-", **kwargs)
        value = json.loads(done.stdout)
        self.assertEqual(problems(value, SCHEMA), [])
        return value

    def refused(self, *flags, url="http://127.0.0.1:9"):
        """The one line of a call that cannot run."""
        done = self.run_it(url, *flags, code=2)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr


class KnownTimes(BenchServe):
    def test_figures_are_those_that_were_set(self):
        fake = self.fake(lambda *_: Plan(first_s=0.24, between_s=0.06, tokens=6))
        got = self.result(fake.url, "--num-prompts", "12", "--max-concurrency", "4", "--num-warmups", "1",
                          "--input-len", "7", "--output-len", "6", "--metric-percentiles", "25,99.5")
        self.assertEqual((got["completed"], got["failed"], got["not_done"], got["interrupted"]), (12, 0, 0, False))
        self.assertEqual(got["total_output_tokens"], 72)
        self.assertEqual(got["total_input_tokens"], 12 * 9)
        self.assertEqual(got["total_cached_tokens"], 12 * 2)
        for name, expected in (("ttft", 0.24), ("itl", 0.06), ("tpot", 0.06), ("e2el", 0.54)):
            with self.subTest(name):
                self.assertGreater(got[name]["min_s"], expected * 0.5)
                self.assertGreater(got[name]["median_s"], expected * 0.95)
                self.assertLess(got[name]["median_s"], expected * 1.5 + 0.1)
                self.assertEqual(list(got[f"{name}_percentiles_s"]), ["p25", "p99.5"])
                self.assertLessEqual(got[name]["min_s"], got[f"{name}_percentiles_s"]["p25"])
                self.assertGreaterEqual(got[name]["max_s"], got[f"{name}_percentiles_s"]["p99.5"])
        self.assertEqual((got["ttft"]["count"], got["itl"]["count"], got["tpot"]["count"]), (12, 60, 12))
        self.assertGreater(got["duration_s"], 3 * 0.54)
        self.assertLess(got["duration_s"], 3 * 0.54 + 1.5)
        self.assertAlmostEqual(got["requests_per_s"], 12 / got["duration_s"])
        self.assertAlmostEqual(got["output_tokens_per_s"], 72 / got["duration_s"])
        self.assertEqual((fake.most_running, got["peak_concurrency"]), (4, 4))
        self.assertEqual(len(fake.requests), 13)

    def test_goodput_counts_requests_within_the_goals(self):
        plans = [Plan(tokens=2), Plan(tokens=2, first_s=0.6), Plan(tokens=4, between_s=0.4), Plan(tokens=2)]
        fake = self.fake(lambda index, *_: plans[index % 4])
        flags = ("--num-prompts", "4", "--max-concurrency", "1", "--num-warmups", "0", "--goodput")
        for goals, good in ((("ttft:300",), 3), (("tpot:200",), 3), (("ttft:300", "tpot:200"), 2), (("e2el:900",), 3),
                            (("e2el:300", "ttft:2000"), 2)):
            fake.requests.clear()
            got = self.result(fake.url, *flags, *goals)
            self.assertAlmostEqual(got["goodput_per_s"], good / got["duration_s"], msg=goals)

    def test_requests_wait_until_they_are_due(self):
        # How the times are drawn: serving_requests_test. A busy machine may be late, never early.
        fake = self.fake(lambda *_: Plan(tokens=1))
        self.result(fake.url, "--num-prompts", "60", "--request-rate", "120", "--burstiness", "1e5", "--num-warmups", "0")
        times = sorted(request[3] for request in fake.requests)
        for i, time_ in enumerate(times):
            self.assertGreater(time_ - times[0], i / 120 * 0.95 - 0.05, i)

    def test_rate_is_held_back_by_the_limit_of_concurrency(self):
        fake = self.fake(lambda *_: Plan(tokens=1, first_s=0.3))
        got = self.result(fake.url, "--num-prompts", "10", "--request-rate", "1000", "--max-concurrency", "2")
        self.assertEqual(fake.most_running, 2)
        self.assertLess(got["ttft"]["median_s"], 0.6)  # from when it was sent, not from when it was due

    def test_what_is_sent(self):
        fake = self.fake()
        self.run_it(fake.url + "/v1/", "--num-prompts", "8", "--random-input-len", "20", "--random-output-len", "10",
                    "--random-prefix-len", "16", "--random-range-ratio", "0.5", "--request-rate", "inf", "--num-warmups", "0",
                    "--extra-body", '{"priority": 3, "temperature": 0.5}', "--dataset-name", "random", "--max-concurrency", "1")
        bodies = [request[2] for request in fake.requests]
        self.assertEqual({tuple(body["prompt"][:16]) for body in bodies}, {tuple(bodies[0]["prompt"][:16])})
        self.assertEqual(len({tuple(body["prompt"][16:]) for body in bodies}), 8)
        lens = [len(body["prompt"]) - 16 for body in bodies]
        self.assertTrue(all(10 <= n <= 30 for n in lens) and len(set(lens)) > 2, lens)
        self.assertTrue(all(5 <= body["max_tokens"] <= 15 for body in bodies))
        self.assertGreater(len({body["max_tokens"] for body in bodies}), 2)
        self.assertEqual((bodies[0]["priority"], bodies[0]["temperature"], bodies[0]["ignore_eos"]), (3, 0.5, True))
        self.assertEqual(bodies[0]["model"], "fake")
        before = bodies
        fake.requests.clear()
        self.run_it(fake.url, "--num-prompts", "2", "--input-len", "5", "--output-len", "3", "--no-ignore-eos", "--model", "m",
                    "--num-warmups", "0", "--max-concurrency", "1")
        bodies = [request[2] for request in fake.requests]
        self.assertEqual([len(body["prompt"]) for body in bodies], [5, 5])
        self.assertEqual((bodies[0]["max_tokens"], bodies[0]["model"]), (3, "m"))
        self.assertNotIn("ignore_eos", bodies[0])
        self.assertNotEqual(before[0]["prompt"][16:21], bodies[1]["prompt"])

    def test_conversations(self):
        fake = self.fake(lambda *_: Plan(first_s=0.1, tokens=3))
        got = self.result(fake.url, "--backend", "openai-chat", "--num-prompts", "2", "--input-len", "9", "--output-len", "3",
                          "--num-warmups", "0")
        path, _, body, _ = fake.requests[0]
        self.assertEqual(path, "/v1/chat/completions")
        self.assertEqual([m["role"] for m in body["messages"]], ["user"])
        self.assertEqual(len(body["messages"][0]["content"].split()), 9)
        self.assertEqual(body["max_completion_tokens"], 3)
        # The chunk that names the role is no token.
        self.assertGreater(got["ttft"]["min_s"], 0.09)
        self.assertEqual(got["itl"]["count"], 4)

    def test_pieces_are_counted_where_the_server_does_not(self):
        got = self.result(self.fake(lambda *_: Plan(tokens=5, usage=False)).url, "--num-prompts", "2")
        self.assertEqual(got["total_output_tokens"], 10)


class Troubles(BenchServe):
    def test_errors_are_counted_and_shown(self):
        def plan(index, *_):
            return [Plan(), Plan(status=429, message="too much of it", headers={"Retry-After": "1"}), Plan(status=500),
                    Plan(cut_after=2), Plan(garbage=True), Plan(cut_after=2, reset=True), Plan(status=500)][index]

        fake = self.fake(plan)
        done = self.run_it(fake.url, "--num-prompts", "7", "--max-concurrency", "1", "--num-warmups", "0", "--json", "a.json",
                           "--html", "a.html", "--markdown", "a.md", code=1)
        with open(os.path.join(self.folder, "a.json"), encoding="utf-8") as file:
            got = json.load(file)
        self.assertEqual(problems(got, SCHEMA), [])
        self.assertEqual((got["completed"], got["failed"]), (1, 6))
        self.assertEqual(got["errors"]["the server answered 429: too much of it"], 1)
        self.assertEqual(got["errors"]["the server answered 500: it was planned"], 2)
        for part in ("ended before its [DONE]", "no JSON object"):
            self.assertEqual(sum(part in error for error in got["errors"]), 1, got["errors"])
        self.assertEqual(sum(got["errors"].values()), 6)
        self.assertIn("too much of it", done.stdout)
        with open(os.path.join(self.folder, "a.html"), encoding="utf-8") as file:
            html = file.read()
        self.assertIn("too much of it", html)
        xml.etree.ElementTree.fromstring(html.partition("\n")[2])

    def test_nothing_answered(self):
        fake = self.fake(lambda *_: Plan(status=503))
        done = self.run_it(fake.url, "--num-prompts", "3", "--num-warmups", "0", "--json", "a.json", code=1)
        self.assertIn("No request was answered", done.stdout)
        with open(os.path.join(self.folder, "a.json"), encoding="utf-8") as file:
            got = json.load(file)
        self.assertEqual(problems(got, SCHEMA), [])
        self.assertNotIn("ttft", got)

    def test_slow_requests_time_out(self):
        fake = self.fake(lambda index, *_: Plan(hang=index == 0))
        got = self.result(fake.url, "--num-prompts", "2", "--num-warmups", "0", "--timeout", "1", code=1)
        self.assertEqual((got["completed"], got["failed"]), (1, 1))
        self.assertRegex(list(got["errors"])[0], "(?i)timed? ?out")

    def test_what_cannot_run_is_one_line(self):
        self.assertIn("http://127.0.0.1:9/v1/models", self.refused())
        with self.subTest("a server without models"):
            fake = self.fake(models=False)
            self.assertIn("404", self.refused(url=fake.url))
        fake = self.fake(lambda *_: Plan(status=400, message="no such field"))
        self.assertIn("the first request: the server answered 400: no such field", self.refused(url=fake.url))
        for flags in (("--goodput", "ttft"), ("--goodput", "ttft:-1"), ("--goodput", "itl:3"), ("--extra-body", "[]"),
                      ("--request-rate", "-1"), ("--request-rate", "often"), ("--backend", "grpc"), ("--burstiness", "0"),
                      ("--metric-percentiles", "101")):
            with self.subTest(flags):
                done = self.run_it("http://127.0.0.1:9", *flags, code=2)
                self.assertIn(flags[0], done.stderr)
        self.assertIn("expected http://", self.refused(url="localhost:8000"))
        said = self.refused(url="http://me:hidden@127.0.0.1:9")
        self.assertIn("user name", said)
        self.assertNotIn("hidden", said)

    def test_ready_check_waits(self):
        port = self.fake().port
        self.doCleanups()
        self.setUp()
        process = subprocess.Popen([BINARY, "bench", "serve", "--url", f"http://127.0.0.1:{port}", "--num-prompts", "1",
                                    "--ready-check-timeout-sec", "20"], stdout=subprocess.PIPE, env=ENVIRONMENT)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        self.fake(port=port)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)

    def test_interrupt_prints_what_is_there(self):
        fake = self.fake(lambda index, *_: Plan(hang=index >= 3, tokens=2))
        process = subprocess.Popen([BINARY, "bench", "serve", "--url", fake.url, "--num-prompts", "50", "--max-concurrency", "2",
                                    "--num-warmups", "0", "--json", "a.json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=ENVIRONMENT, cwd=self.folder)
        while fake.num_running < 2 or len(fake.requests) < 5:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)  # the answers hang for longer
        self.assertEqual(process.returncode, 130)
        self.assertIn("Interrupted", out)
        with open(os.path.join(self.folder, "a.json"), encoding="utf-8") as file:
            got = json.load(file)
        self.assertEqual(problems(got, SCHEMA), [])
        self.assertEqual((got["interrupted"], got["completed"], got["failed"], got["not_done"]), (True, 3, 0, 47))

    def test_interrupt_between_arrivals(self):
        fake = self.fake()
        process = subprocess.Popen([BINARY, "bench", "serve", "--url", fake.url, "--num-prompts", "5", "--request-rate", "0.01",
                                    "--num-warmups", "0"], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        while not fake.requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)  # the next request is due in 100 s
        self.assertEqual(process.returncode, 143)


class Secrets(BenchServe):
    def check_no_key(self, *flags, env=None):
        # A server that repeats the key in its refusal.
        fake = self.fake(lambda index, *_: Plan() if index % 2 else Plan(status=401, message=f"wrong key {KEY}, go away"))
        done = self.run_it(fake.url, "--num-prompts", "4", "--num-warmups", "0", "--max-concurrency", "1", "--json", "a.json",
                           "--html", "a.html", "--markdown", "a.md", *flags, code=1, env=env)
        self.assertEqual({request[1]["Authorization"] for request in fake.requests}, {f"Bearer {KEY}"})
        texts = {"stdout": done.stdout, "stderr": done.stderr}
        for name in ("a.json", "a.html", "a.md"):
            with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                texts[name] = file.read()
        for name, text in texts.items():
            self.assertNotIn(KEY, text, name)
        self.assertIn("wrong key ***, go away", texts["a.json"])
        return texts

    def test_key_of_a_flag(self):
        for flags in (("--api-key", KEY), (f"--api-key={KEY}",)):
            texts = self.check_no_key(*flags)
            for name in ("a.json", "a.html", "a.md"):
                self.assertIn("--api-key", texts[name])

    def test_key_of_the_environment(self):
        self.check_no_key(env={"OPENAI_API_KEY": KEY})
        self.check_no_key(env={"OPENAI_API_KEY": "another", "VLLM_API_KEY": KEY})


class OurServer(BenchServe):
    def test_sums_are_the_servers_own(self):
        with Server(BINARY) as server:
            def counters():
                return [server.metric(name) for name in ("vllm:prompt_tokens_total", "vllm:generation_tokens_total",
                                                         "vllm:request_success_total")]
            before = counters()
            got = self.result(server.address, "--num-prompts", "20", "--input-len", "24", "--output-len", "8",
                              "--random-prefix-len", "32", "--num-warmups", "0", "--max-concurrency", "4")
            after = counters()
            self.assertEqual([b - a for a, b in zip(before, after)],
                             [got["total_input_tokens"], got["total_output_tokens"], got["completed"]])
            self.assertEqual((got["total_input_tokens"], got["total_output_tokens"]), (20 * 56, 20 * 8))
            # All but the first requests find the prefix.
            self.assertGreaterEqual(got["total_cached_tokens"], 16 * 32)
            self.assertEqual(got["load"]["model"], "ernie-demo")
            chat = self.result(server.address, "--backend", "openai-chat", "--num-prompts", "3", "--input-len", "10",
                               "--output-len", "5", "--request-rate", "50")
            self.assertEqual((chat["completed"], chat["total_output_tokens"]), (3, 15))

    def test_https_and_keys(self):
        key, certificate = (os.path.join(self.folder, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                        key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        with Server(BINARY, "--ssl-keyfile", key, "--ssl-certfile", certificate, "--api-key", KEY) as server:
            url = f"https://127.0.0.1:{server.port}"
            flags = ("--num-prompts", "2", "--input-len", "8", "--output-len", "2", "--api-key", KEY)
            self.assertEqual(self.result(url, *flags, "--ssl-ca-certs", certificate)["completed"], 2)
            self.assertEqual(self.result(url, *flags, "--insecure")["completed"], 2)
            self.assertIn("certificate", self.refused(*flags, url=url))
            self.assertIn("401", self.refused("--insecure", url=url))


if __name__ == "__main__":
    unittest.main()
