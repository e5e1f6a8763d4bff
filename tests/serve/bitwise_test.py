#!/usr/bin/env python3
"""An answer of `ernie serve` does not depend on what else the server does: texts and log-probabilities equal those of `ernie run`, bit for bit.

usage: bitwise_test.py PATH/TO/ernie [unittest arguments]
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from server import Server, in_threads  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
TALE = "Once upon a time there was a king who had three sons, and the youngest of them was called "
DRAWN = {"temperature": 1, "ignore_eos": True}
# Greedy and drawn, short and long, with a shared beginning, and with each setting that changes the distribution.
REQUESTS = [
    {"prompt": "17 + 25 =", "max_tokens": 8, "temperature": 0, "logprobs": 5},
    {"prompt": "The capital of France is", "max_tokens": 40, "seed": 1, "logprobs": 20, **DRAWN},
    {"prompt": TALE * 4, "max_tokens": 30, "seed": 2, "logprobs": 1, **DRAWN},
    {"prompt": TALE * 4 + "Hans.", "max_tokens": 30, "seed": 3, "logprobs": 2, "top_p": 0.9, **DRAWN},
    {"prompt": TALE * 20, "max_tokens": 4, "seed": 4, "logprobs": 3, "top_k": 40, **DRAWN},
    {"prompt": "a", "max_tokens": 120, "seed": 5, "logprobs": 2, "min_p": 0.01, **DRAWN},
    {"prompt": "reverse c a t =", "max_tokens": 33, "seed": 6, "logprobs": 2, "repetition_penalty": 1.3, "presence_penalty": 0.4, **DRAWN},
    {"prompt": TALE, "max_tokens": 25, "seed": 7, "logprobs": 2, "frequency_penalty": 1.5, "logit_bias": {"30": 4, "31": -100}, **DRAWN},
    {"messages": [{"role": "user", "content": "What is 3 + 4?"}], "max_tokens": 20, "seed": 8, "logprobs": True, "top_logprobs": 4, **DRAWN},
]


def in_run_form(body):
    """The row of `ernie run --prompt-file` that asks for the same."""
    row = {name: value for name, value in body.items() if name != "top_logprobs"}
    return {**row, "logprobs": body.get("top_logprobs", body["logprobs"])}


def answers_of_run():
    with tempfile.TemporaryDirectory() as folder:
        prompts, output = os.path.join(folder, "in"), os.path.join(folder, "out")
        with open(prompts, "w", encoding="utf-8") as file:
            file.write("".join(json.dumps(in_run_form(body)) + "\n" for body in REQUESTS))
        subprocess.run([BINARY, "run", "--quiet", "--max-model-len", "4096", "--prompt-file", prompts, "--output", output], check=True)
        with open(output, encoding="utf-8") as file:
            rows = sorted(map(json.loads, file), key=lambda row: row["id"])
    return [(row["text"], row["finish_reason"], steps_of(row["logprobs"])) for row in rows]


def steps_of(logprobs):
    """Of each token: its text, its log-probability, and those of the best and of itself by text, as the shape of completions has them."""
    if isinstance(logprobs, dict) and "tokens" in logprobs:
        return list(zip(logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True))
    steps = []
    for one in logprobs["content"] if isinstance(logprobs, dict) else logprobs:
        best = {}
        for top in [*one["top_logprobs"], one]:
            best.setdefault(top["token"], top["logprob"])  # several ids may have one text: the best of them
        steps.append((one["token"], one["logprob"], best))
    return steps


def ask(server, body, stream=False):
    path = "/v1/chat/completions" if "messages" in body else "/v1/completions"
    reply = server.post(path, {**body, "stream": True} if stream else body)
    if reply.status != 200:
        raise AssertionError(f"{reply.status}: {reply.body[:300]}")
    if not stream:
        choice = reply.json()["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        return text, choice["finish_reason"], steps_of(choice["logprobs"])
    choices = [event["choices"][0] for event in reply.events()[:-1]]
    text = "".join((c["delta"].get("content") or "") if "delta" in c else c["text"] for c in choices)
    lists = {}
    for choice in choices:
        for name, part in (choice["logprobs"] or {}).items():
            lists.setdefault(name, []).extend(part)
    return text, choices[-1]["finish_reason"], steps_of(lists)


class Noise:
    """So many clients that ask for other things all the time."""

    def __init__(self, server, num_clients):
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(server, seed)) for seed in range(num_clients)]

    def work(self, server, seed):
        mine = random.Random(seed)
        while not self.stop.is_set():
            prompt = TALE * mine.randrange(1, 8) if mine.random() < 0.5 else [mine.randrange(20, 900) for _ in range(mine.randrange(1, 300))]
            server.post("/v1/completions", {"prompt": prompt, "max_tokens": mine.randrange(1, 40), "n": mine.choice([1, 1, 3])})

    def __enter__(self):
        for thread in self.threads:
            thread.start()

    def __exit__(self, *unused):
        self.stop.set()
        for thread in self.threads:
            thread.join()


class Bitwise(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = answers_of_run()

    def check(self, answers, what=""):
        for body, answer, expected in zip(REQUESTS, answers, self.expected, strict=True):
            self.assertEqual(answer, expected, f"{what} {json.dumps(body)[:100]}")

    def all_of(self, server, **kwargs):
        return [ask(server, body, **kwargs) for body in REQUESTS]

    def test_expected_answers_differ(self):
        self.assertEqual(len({json.dumps(answer) for answer in self.expected}), len(REQUESTS))
        self.assertEqual([len(answer[2]) for answer in self.expected[1:]], [body["max_tokens"] for body in REQUESTS[1:]])

    def test_alone_again_and_streamed(self):
        with Server(BINARY) as server:
            self.check(self.all_of(server), "first")
            hits = server.metric("vllm:prefix_cache_hits_total")
            self.check(self.all_of(server), "with the prefix cache")
            self.assertGreater(server.metric("vllm:prefix_cache_hits_total"), hits)
            self.check(self.all_of(server, stream=True), "streamed")
        with Server(BINARY) as server:
            self.check(self.all_of(server, stream=True), "after a restart")

    def test_together(self):
        with Server(BINARY) as server:
            self.check(in_threads(len(REQUESTS), lambda i: ask(server, REQUESTS[i], stream=i % 2 == 0)))

    def test_among_others(self):
        with Server(BINARY) as server:
            for num_others in (1, 2, 5, 16, 32):
                with Noise(server, num_others):
                    self.check(self.all_of(server, stream=num_others % 2 == 1), f"among {num_others}")

    def test_settings_of_the_server(self):
        for flags in (["--no-enable-prefix-caching"], ["--max-num-batched-tokens", "16", "--max-num-seqs", "16"], ["--max-num-batched-tokens", "4096"],
                      ["--threads", "1"], ["--threads", "3"], ["--block-size", "1"], ["--block-size", "128"], ["--max-num-seqs", "1"], ["--mmap"]):
            with self.subTest(flags), Server(BINARY, *flags) as server:
                self.check(in_threads(len(REQUESTS), lambda i, server=server: ask(server, REQUESTS[i])), flags)

    def test_after_preemptions(self):
        with Server(BINARY, "--kv-cache-memory-bytes", str(3 << 19), "--max-model-len", "1024", "--max-num-seqs", "32") as server:
            rounds = 0
            while rounds < 3 or (rounds < 40 and server.metric("vllm:num_preemptions_total") == 0):
                rounds += 1
                with Noise(server, 16):
                    self.check(in_threads(len(REQUESTS), lambda i: ask(server, REQUESTS[i])))
            self.assertGreater(server.metric("vllm:num_preemptions_total"), 0)


if __name__ == "__main__":
    unittest.main()
