#!/usr/bin/env python3
"""`ernie run-batch --url`: a batch file by way of a server, ours and one that misbehaves as planned.

usage: run_batch_url_test.py PATH/TO/ernie [unittest arguments]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from fake_openai import FakeServer, Plan  # noqa: E402
from server import Server  # noqa: E402

BINARY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith(("VLLM_", "OPENAI_")) and not name.lower().endswith("_proxy")}


def row(custom_id, url="/v1/completions", **body):
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body or {"prompt": custom_id, "max_tokens": 3}}


class RunBatchUrl(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ernie-batch-url-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def fake(self, *args, **kwargs):
        server = FakeServer(*args, **kwargs)
        self.addCleanup(server.close)
        return server

    def write(self, rows):
        with open(self.path("in.jsonl"), "w", encoding="utf-8") as file:
            file.writelines((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows)

    def read(self, name="out.jsonl"):
        with open(self.path(name), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def start(self, url, *flags, env=None):
        return subprocess.Popen([BINARY, "run-batch", "-i", "in.jsonl", "-o", "out.jsonl", "--url", url, *flags],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder,
                                env={**ENVIRONMENT, **(env or {})})

    def run_it(self, url, *flags, code=0, env=None):
        process = self.start(url, *flags, env=env)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, err)
        self.assertEqual(out, "")
        return err

    def wait(self, condition):
        end = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)

    def test_rows_are_those_of_a_local_run(self):
        rows = [row("a", prompt="The capital of France is", max_tokens=6, temperature=0),
                row("b", url="/v1/chat/completions", messages=[{"role": "user", "content": "17 + 25 ="}], temperature=0,
                    max_tokens=8, stream=True, stream_options={"include_usage": True}),
                row("c", prompt="x", max_tokens=-1),
                "{no json",
                row("a", prompt="twice"),
                {"custom_id": "e", "method": "GET", "url": "/v1/completions", "body": {}}]
        self.write(rows)
        with Server(BINARY) as server:
            self.run_it(server.address + "/v1", code=1)
        remote = self.read()
        os.rename(self.path("out.jsonl"), self.path("remote.jsonl"))
        self.write([{**one, "body": {k: v for k, v in one["body"].items() if not k.startswith("stream")}}
                    if isinstance(one, dict) else one for one in rows])
        subprocess.run([BINARY, "run-batch", "--quiet", "-i", "in.jsonl", "-o", "out.jsonl"], cwd=self.folder, check=False,
                       env=ENVIRONMENT)
        local = self.read()
        self.assertEqual(len(remote), 6)
        for one, other in zip(remote, local):
            self.assertEqual((list(one), one["custom_id"], one["error"]), (list(other), other["custom_id"], other["error"]))
            if one["response"] is None:
                self.assertIsNone(other["response"])
                continue
            self.assertEqual(one["response"]["status_code"], other["response"]["status_code"])
            body, expected = one["response"]["body"], other["response"]["body"]
            self.assertEqual(body.get("usage"), {**expected["usage"], "prompt_tokens_details": body["usage"]["prompt_tokens_details"]}
                             if "usage" in expected else None)
            texts = [[choice.get("text") or choice["message"]["content"] for choice in answer.get("choices", [])]
                     for answer in (body, expected)]
            self.assertEqual(*texts)
        self.assertEqual(remote[0]["response"]["body"]["choices"][0]["text"], " Paris.\n")

    def test_order_concurrency_and_what_is_sent(self):
        fake = self.fake(lambda index, *_: Plan(first_s=0.03 if index % 3 else 0.1, tokens=1))
        self.write([row(f"r{i}", url="/v1/embeddings" if i == 5 else "/v1/chat/completions",
                        messages=[{"role": "user", "content": str(i)}], odd_field={"x": [1, 2.5]}, model="m") for i in range(16)] +
                   [row("last")])
        self.run_it(fake.url, "--max-concurrency", "4", "--api-key", "k")
        self.assertEqual(fake.most_running, 4)
        self.assertEqual([one["custom_id"] for one in self.read()], [f"r{i}" for i in range(16)] + ["last"])
        self.assertTrue(all(one["response"]["status_code"] == 200 for one in self.read()))
        sent = {request[2].get("messages", [{"content": "last"}])[0]["content"]: request for request in fake.requests}
        self.assertEqual(sent["5"][0], "/v1/embeddings")
        self.assertEqual(sent["7"][2], {"messages": [{"role": "user", "content": "7"}], "odd_field": {"x": [1, 2.5]}, "model": "m"})
        self.assertEqual(sent["last"][2]["model"], "fake")  # a body without one gets the server's
        self.assertEqual(sent["7"][1]["Authorization"], "Bearer k")
        self.assertFalse(os.path.exists(self.path("out.jsonl.journal")))
        before = len(fake.requests)
        self.assertIn("finished already", self.run_it(fake.url))
        self.assertEqual(len(fake.requests), before)

    def test_busy_servers_are_asked_again(self):
        plans = [Plan(status=429, headers={"Retry-After": "3"}), Plan(status=503), Plan(status=502), Plan(tokens=2)]
        fake = self.fake(lambda index, *_: plans[min(index, 3)])
        self.write([row("a")])
        self.run_it(fake.url)
        times = [request[3] for request in fake.requests]
        self.assertEqual(len(times), 4)
        self.assertGreaterEqual(times[1] - times[0], 2.99)  # as the server asked
        self.assertGreaterEqual(times[2] - times[1], 0.25)  # 0.5 s, of which half is random
        self.assertLess(times[2] - times[1], 2.5)
        self.assertEqual(self.read()[0]["response"]["body"]["choices"][0]["text"], "word word ")

    def test_errors_are_the_rows_own(self):
        plans = {"ok": Plan(), "bad": Plan(status=400, message="no such field"), "broken": Plan(status=500),
                 "busy": Plan(status=429), "odd": Plan(garbage=True), "reset": Plan(reset=True)}
        fake = self.fake(lambda _, path, body: plans[body["prompt"]])
        self.write([row(name) for name in plans])
        self.run_it(fake.url, "--max-retries", "1", code=1)
        got = {one["custom_id"]: one for one in self.read()}
        statuses = {name: one["response"] and one["response"]["status_code"] for name, one in got.items()}
        self.assertEqual(statuses, {"ok": 200, "bad": 400, "broken": 500, "busy": 429, "odd": None, "reset": None})
        self.assertEqual(got["bad"]["response"]["body"]["error"]["message"], "no such field")
        self.assertEqual(got["odd"]["error"]["code"], "invalid_response")
        self.assertEqual(got["reset"]["error"]["code"], "connection_error")
        sent = [request[2]["prompt"] for request in fake.requests]
        self.assertEqual({name: sent.count(name) for name in plans},
                         {"ok": 1, "bad": 1, "broken": 1, "busy": 2, "odd": 1, "reset": 2})

    def test_a_lost_connection_is_tried_again(self):
        fake = self.fake(lambda index, *_: Plan(reset=index == 0, tokens=1))
        self.write([row("a")])
        self.run_it(fake.url)
        self.assertEqual(len(fake.requests), 2)
        self.assertEqual(self.read()[0]["response"]["status_code"], 200)

    def test_killed_and_continued(self):
        fake = self.fake(lambda *_: Plan(first_s=0.02, tokens=1))
        self.write([row(f"r{i}") for i in range(60)])
        process = self.start(fake.url, "--max-concurrency", "3")
        self.wait(lambda: len(fake.requests) >= 20)
        process.kill()
        process.communicate()
        self.assertFalse(os.path.exists(self.path("out.jsonl")))
        num_before = len(fake.requests)
        self.assertIn("going on after", self.run_it(fake.url, "--max-concurrency", "3"))
        self.assertEqual([one["custom_id"] for one in self.read()], [f"r{i}" for i in range(60)])
        self.assertLessEqual(len(fake.requests), 60 + 3)  # only what was under way is sent again
        self.assertGreaterEqual(len(fake.requests), num_before + 37)

    def test_interrupt_and_server_that_goes_away(self):
        fake = self.fake(lambda index, *_: Plan(hang=index >= 4, tokens=1))
        self.write([row(f"r{i}") for i in range(9)])
        process = self.start(fake.url, "--max-concurrency", "2")
        self.wait(lambda: fake.num_running == 2 and len(fake.requests) == 6)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)  # the answers hang for longer
        self.assertEqual(process.returncode, 130)
        self.assertIn("goes on from here", err)
        fake.plan = lambda index, *_: Plan(hang=index >= 8)
        process = self.start(fake.url, "--max-concurrency", "1", "--max-retries", "1")
        self.wait(lambda: len(fake.requests) == 9)
        fake.server.server_close()  # nobody listens any more
        fake.plan = lambda *_: Plan(reset=True)
        fake.closing.set()
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 2)
        self.assertIn("ernie run-batch: http://127.0.0.1", err)
        fake.server.shutdown()
        again = self.fake(port=fake.port)
        self.run_it(again.url)
        self.assertEqual([one["custom_id"] for one in self.read()], [f"r{i}" for i in range(9)])
        self.assertLessEqual(len(again.requests), 4)

    def test_what_cannot_run(self):
        self.write([row("a")])
        self.assertIn("http://127.0.0.1:9/v1/models", self.run_it("http://127.0.0.1:9", "--quiet", code=2))
        self.assertIn("--url", self.run_it("http://127.0.0.1:9", "--model", "m", code=2))
        self.assertIn("expected http://", self.run_it("127.0.0.1:9", code=2))
        with Server(BINARY, "--api-key", "right") as server:
            key = "sk-do-not-tell"
            said = self.run_it(server.address, "--api-key", key, code=2)
            self.assertIn("401", said)
            self.assertNotIn(key, said)
            self.run_it(server.address, env={"VLLM_API_KEY": "right"})
        self.assertIn("its job had another model", self.other_server())

    def other_server(self):
        """What is said of a journal that another server's rows are in."""
        os.unlink(self.path("out.jsonl"))
        fake = self.fake(lambda *_: Plan(hang=True))
        process = self.start(fake.url)
        self.wait(lambda: fake.num_running == 1)
        process.kill()
        process.communicate()
        return self.run_it(self.fake().url, code=2)


if __name__ == "__main__":
    unittest.main()
