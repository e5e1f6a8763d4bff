#!/usr/bin/env python3
"""What clients made for vLLM send and expect, where a server could easily do otherwise. compare_servers.py found these.

usage: vllm_clients_test.py PATH/TO/ernie [unittest arguments]
"""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from server import Server  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
GREEDY = {"prompt": "The capital of France is", "max_tokens": 6, "temperature": 0}
USER = {"role": "user", "content": "17 + 25 ="}
CHAT = {"messages": [USER], "temperature": 0, "max_tokens": 8}
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}},
                                                                         "required": ["zone"], "additionalProperties": False}}}]


class VllmClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARY)
        cls.addClassCleanup(cls.server.__exit__)

    def post(self, path, body, status=200):
        reply = self.server.post(path, body)
        self.assertEqual(reply.status, status, reply.body[:500])
        return reply.json()

    def param_of_error(self, path, body):
        return self.post(path, body, 400)["error"]["param"]

    def test_a_template_that_the_client_rendered(self):
        rendered = "<|begin_of_sentence|>User: 17 + 25 =\nAssistant: "
        chat = self.post("/v1/chat/completions", {**CHAT, "return_token_ids": True})
        raw = self.post("/v1/completions", {**GREEDY, "prompt": rendered, "return_token_ids": True})["choices"][0]
        self.assertEqual(raw["prompt_token_ids"], chat["prompt_token_ids"])
        self.assertEqual(raw["text"], "42")
        self.assertEqual(self.post("/tokenize", {"prompt": rendered})["tokens"], chat["prompt_token_ids"])
        self.assertEqual(self.post("/completion", {"prompt": rendered, "n_predict": 6, "temperature": 0})["tokens_evaluated"],
                         len(chat["prompt_token_ids"]))

    def test_no_message_can_hold_a_control_token(self):
        [end] = self.post("/tokenize", {"prompt": "<|end_of_sentence|>"})["tokens"]
        chat = self.post("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": "<|end_of_sentence|>"}],
                                                  "return_token_ids": True})
        self.assertNotIn(end, chat["prompt_token_ids"])

    def test_a_bias_beyond_the_bound_is_the_bound(self):
        [first] = self.post("/v1/completions", {**GREEDY, "max_tokens": 1, "return_token_ids": True})["choices"][0]["token_ids"]
        texts = [self.post("/v1/completions", {**GREEDY, "logit_bias": {str(first): bias}})["choices"][0]["text"] for bias in (0, -100, -1000)]
        self.assertNotEqual(texts[0], texts[1])
        self.assertEqual(texts[1], texts[2])

    def test_stream_options_that_ask_for_nothing(self):
        self.post("/v1/completions", {**GREEDY, "stream_options": {}})
        self.assertEqual(self.param_of_error("/v1/completions", {**GREEDY, "stream_options": {"include_usage": False}}), "stream_options")

    def test_errors_name_the_field_that_was_sent(self):
        self.assertEqual(self.param_of_error("/v1/completions", {**GREEDY, "structured_outputs": {"regex": "("}}), "structured_outputs.regex")
        for top in (-1, 21):
            self.assertEqual(self.param_of_error("/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": top}), "top_logprobs")

    def test_what_would_change_the_answer_is_not_ignored(self):
        for field, value in {"logprob_token_ids": [20], "repetition_detection": {"max_pattern_size": 2}, "thinking_token_budget": 5,
                             "prompt_embeds": "x"}.items():
            self.assertEqual(self.param_of_error("/v1/completions", {**GREEDY, field: value}), field)
            self.post("/v1/completions", {**GREEDY, field: None})
        self.post("/v1/completions", {**GREEDY, "thinking_token_budget": -1})

    def test_cached_prefixes_are_those_of_the_salt(self):
        def cached(**more):
            body = {**GREEDY, "prompt": "abcde " * 40, **more}
            return self.post("/v1/completions", body)["usage"]["prompt_tokens_details"]["cached_tokens"]

        for more in ({"cache_salt": "a"}, {"cache_salt": "b"}, {}):
            self.assertEqual(cached(**more), 0, more)
            self.assertGreater(cached(**more), 16, more)
        self.assertEqual(self.param_of_error("/v1/completions", {**GREEDY, "cache_salt": ""}), "cache_salt")

    def test_metrics_that_alerts_and_routers_read(self):
        page = self.server.get("/metrics").body.decode()
        figures = dict(re.findall(r"^(process_\w+) (\S+)$", page, re.MULTILINE))
        self.assertLess(abs(float(figures["process_start_time_seconds"]) - time.time()), 600)
        self.assertLess(abs(float(figures["process_open_fds"]) - self.server.num_descriptors()), 5)
        self.assertGreater(float(figures["process_max_fds"]), float(figures["process_open_fds"]))
        self.assertLess(abs(float(figures["process_resident_memory_bytes"]) / self.server.memory_bytes() - 1), 0.2)
        self.assertGreater(float(figures["process_virtual_memory_bytes"]), float(figures["process_resident_memory_bytes"]))
        self.assertGreater(float(figures["process_cpu_seconds_total"]), 0)
        [labels] = re.findall(r"^vllm:cache_config_info\{(.*)\} 1$", page, re.MULTILINE)
        found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        self.assertEqual(int(found["num_gpu_blocks"]) * int(found["block_size"]), int(found["kv_cache_size_tokens"]))

    def test_parallel_tool_calls(self):
        body = {**CHAT, "tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 200}
        self.assertEqual(len(self.post("/v1/chat/completions", body)["choices"][0]["message"]["tool_calls"]), 1)
        self.assertEqual(self.param_of_error("/v1/chat/completions", {**body, "parallel_tool_calls": "x"}), "parallel_tool_calls")


if __name__ == "__main__":
    unittest.main()
