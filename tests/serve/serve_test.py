#!/usr/bin/env python3
"""What clients see of `ernie serve` with the demo model.

usage: serve_test.py PATH/TO/ernie [unittest arguments]
"""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from server import Server, in_threads  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
GREEDY = {"prompt": "The capital of France is", "max_tokens": 6, "temperature": 0}
LONG = {"prompt": "Once upon a time", "max_tokens": 2000, "temperature": 1, "seed": 1, "ignore_eos": True}


def chat(**more):
    return {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8, "seed": 1, **more}


class OneServer(unittest.TestCase):
    """Tests that share a server."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARY, *cls.flags)
        cls.addClassCleanup(cls.server.__exit__)

    def post(self, path, body, status=200, **kwargs):
        reply = self.server.post(path, body, **kwargs)
        self.assertEqual(reply.status, status, reply.body[:500])
        return reply

    def error(self, path, body, status=400, param=None):
        error = self.post(path, body, status).json()["error"]
        self.assertEqual(sorted(error), ["code", "message", "param", "type"])
        self.assertEqual(error["code"], status)
        self.assertEqual(error["param"], param, error["message"])
        return error["message"]


class Completions(OneServer):
    def test_whole_answer(self):
        body = self.post("/v1/completions", GREEDY).json()
        self.assertEqual(body["object"], "text_completion")
        self.assertEqual(body["model"], "ernie-demo")
        self.assertRegex(body["id"], r"^cmpl-[0-9a-f]{32}$")
        choice = body["choices"][0]
        self.assertEqual(choice["text"], " Paris.\n")
        self.assertEqual((choice["finish_reason"], choice["stop_reason"]), ("stop", None))
        usage = body["usage"]
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])

    def test_equals_run(self):
        run = subprocess.run([BINARY, "run", "--prompt", GREEDY["prompt"], "--max-tokens", "6", "--temperature", "0", "--no-echo",
                              "--quiet"], capture_output=True, check=True, text=True)
        self.assertIn(self.post("/v1/completions", GREEDY).json()["choices"][0]["text"], run.stdout)

    def test_saved_answers_verify(self):
        bodies = [
            self.post("/v1/completions", {**GREEDY, "return_receipt": True}),
            self.post("/v1/completions", {"prompt": "reverse c a t =", "temperature": 0.9, "seed": 4, "logprobs": 2, "return_receipt": True}),
            self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "17 + 25 ="}], "logprobs": True, "top_logprobs": 2,
                                               "return_receipt": True}),
        ]
        lines = [body.body.decode().strip() for body in bodies]

        def verify(lines):
            with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
                file.write("".join(line + "\n" for line in lines))
                file.flush()
                return subprocess.run([BINARY, "verify", "receipt", "--quiet", file.name], capture_output=True, text=True, check=False)

        result = verify(lines)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("3 verified, 0 depart", result.stdout)
        for i, line in enumerate(lines):
            changed = json.loads(line)
            choice = changed["choices"][0]
            (choice["message"] if "message" in choice else choice)["content" if "message" in choice else "text"] += "!"
            result = verify([json.dumps(changed)])
            self.assertEqual(result.returncode, 1, f"answer {i}: {result.stdout}")
        changed = json.loads(lines[1])
        changed["choices"][0]["logprobs"]["token_logprobs"][0] -= 0.5
        result = verify([json.dumps(changed)])
        self.assertIn("choices[0].logprobs.token_logprobs[0]", result.stdout)
        several = self.post("/v1/completions", {**GREEDY, "n": 2, "temperature": 1, "return_receipt": True}).body.decode().strip()
        self.assertIn("one choice", verify([several]).stdout)

    def test_stream_is_the_same_answer(self):
        body = {**GREEDY, "logprobs": 2, "seed": 5, "temperature": 0.9, "max_tokens": 20}
        whole = self.post("/v1/completions", body).json()
        reply = self.post("/v1/completions", {**body, "stream": True, "stream_options": {"include_usage": True}})
        self.assertEqual(reply.headers["content-type"], "text/event-stream; charset=utf-8")
        events = reply.events()
        self.assertEqual(events.pop(), "[DONE]")
        usage = events.pop()
        self.assertEqual(usage["choices"], [])
        self.assertEqual(usage["usage"]["completion_tokens"], whole["usage"]["completion_tokens"])
        choices = [event["choices"][0] for event in events]
        self.assertEqual("".join(choice["text"] for choice in choices), whole["choices"][0]["text"])
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            parts = [part for choice in choices for part in choice["logprobs"][name]]
            self.assertEqual(parts, whole["choices"][0]["logprobs"][name], name)
        self.assertEqual([c["finish_reason"] for c in choices].count(None), len(choices) - 1)
        self.assertIsNotNone(choices[-1]["finish_reason"])
        self.assertTrue(all("usage" not in event for event in events))

    def test_continuous_usage_grows(self):
        options = {"include_usage": True, "continuous_usage_stats": True}
        events = self.post("/v1/completions", {**LONG, "max_tokens": 30, "stream": True, "stream_options": options}).events()[:-1]
        counts = [event["usage"]["completion_tokens"] for event in events]
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(counts[-1], 30)

    def test_echo_and_logprobs(self):
        body = self.post("/v1/completions", {**GREEDY, "echo": True, "logprobs": 1}).json()
        choice = body["choices"][0]
        self.assertTrue(choice["text"].startswith(GREEDY["prompt"]))
        lists = choice["logprobs"]
        self.assertEqual("".join(lists["tokens"][:-1]), choice["text"])
        self.assertIsNone(lists["token_logprobs"][0])
        self.assertEqual(len(lists["tokens"]), body["usage"]["total_tokens"])

    def test_echo_alone_scores_the_prompt(self):
        choice = self.post("/v1/completions", {**GREEDY, "max_tokens": 0, "echo": True, "logprobs": 0}).json()["choices"][0]
        self.assertEqual(choice["text"], GREEDY["prompt"])
        self.assertEqual(choice["finish_reason"], "length")

    def test_prompts_in_all_shapes(self):
        ids = self.post("/tokenize", {"prompt": GREEDY["prompt"]}).json()["tokens"]
        one = self.post("/v1/completions", GREEDY).json()["choices"][0]["text"]
        for prompt in (ids, [ids], [GREEDY["prompt"]]):
            choices = self.post("/v1/completions", {**GREEDY, "prompt": prompt}).json()["choices"]
            self.assertEqual([choice["text"] for choice in choices], [one])
        body = self.post("/v1/completions", {**GREEDY, "prompt": [ids, ids], "n": 2, "temperature": 1, "seed": 3}).json()
        self.assertEqual([choice["index"] for choice in body["choices"]], [0, 1, 2, 3])
        texts = [choice["text"] for choice in body["choices"]]
        self.assertEqual(texts[:2], texts[2:])
        self.assertEqual(body["usage"]["prompt_tokens"], 2 * len(ids))

    def test_stop(self):
        base = {**LONG, "max_tokens": 60}
        text = self.post("/v1/completions", base).json()["choices"][0]["text"]
        stop = text[10:12]
        choice = self.post("/v1/completions", {**base, "stop": [stop, "never there"]}).json()["choices"][0]
        self.assertEqual(choice["text"], text[:text.index(stop)])
        self.assertEqual((choice["finish_reason"], choice["stop_reason"]), ("stop", stop))
        kept = self.post("/v1/completions", {**base, "stop": stop, "include_stop_str_in_output": True}).json()["choices"][0]
        self.assertEqual(kept["text"], text[:text.index(stop)] + stop)

    def test_token_ids(self):
        body = self.post("/v1/completions", {**GREEDY, "return_token_ids": True, "stop_token_ids": [3]}).json()
        choice = body["choices"][0]
        self.assertEqual(self.post("/detokenize", {"tokens": choice["prompt_token_ids"]}).json()["prompt"], GREEDY["prompt"])
        events = self.post("/v1/completions", {**GREEDY, "return_token_ids": True, "stream": True}).events()[:-1]
        self.assertEqual([i for event in events for i in event["choices"][0]["token_ids"]], choice["token_ids"])
        self.assertEqual([i for i, e in enumerate(events) if "prompt_token_ids" in e["choices"][0]], [0])

    def test_allowed_and_banned_tokens(self):
        allowed = self.post("/tokenize", {"prompt": "ab"}).json()["tokens"]
        body = {**LONG, "max_tokens": 20, "return_token_ids": True, "allowed_token_ids": allowed}
        self.assertLessEqual(set(self.post("/v1/completions", body).json()["choices"][0]["token_ids"]), set(allowed))
        self.assertNotIn("Paris", self.post("/v1/completions", {**GREEDY, "bad_words": ["Paris"]}).json()["choices"][0]["text"])

    def test_seedless_answers_differ(self):
        body = {**LONG, "max_tokens": 30}
        del body["seed"]
        texts = {self.post("/v1/completions", body).json()["choices"][0]["text"] for _ in range(4)}
        self.assertGreater(len(texts), 1)

    def test_prompt_logprobs_of_long_prompts_are_bounded(self):
        prompts = [[20] * 2000] * 25
        said = self.error("/v1/completions", {"prompt": prompts, "max_tokens": 1, "prompt_logprobs": 20}, param="prompt_logprobs")
        self.assertIn("got 20 likeliest tokens", said)
        body = {"prompt": prompts, "max_tokens": 1, "logprobs": 20, "echo": True}
        self.assertIn("1048576", self.error("/v1/completions", body, param="logprobs"))
        self.error("/v1/completions", {**body, "prompt": prompts[:2], "n": 16, "temperature": 1}, param="logprobs")
        self.post("/v1/completions", {**body, "prompt": prompts[:2]})

    def test_prompt_logprobs(self):
        choice = self.post("/v1/completions", {**GREEDY, "prompt_logprobs": 2}).json()["choices"][0]
        self.assertIsNone(choice["prompt_logprobs"][0])
        entry = choice["prompt_logprobs"][1]
        self.assertTrue(all(sorted(one) == ["decoded_token", "logprob", "rank"] for one in entry.values()))

    def test_truncation(self):
        ids = list(range(20, 40))
        body = {**GREEDY, "prompt": ids, "truncate_prompt_tokens": 5, "return_token_ids": True}
        self.assertEqual(self.post("/v1/completions", body).json()["choices"][0]["prompt_token_ids"], ids[-5:])

    def test_bad_fields_are_named(self):
        for field, value in (("temperature", -1), ("temperature", 3), ("temperature", "hot"), ("top_p", 0), ("top_p", 1.5),
                             ("top_k", -2), ("min_p", 2), ("n", 0), ("n", 1 << 40), ("n", 2), ("max_tokens", -1), ("max_tokens", 0),
                             ("max_tokens", 1.5), ("logprobs", 21), ("logprobs", "2"), ("prompt_logprobs", -2), ("seed", 1 << 70),
                             ("stop", ""), ("stop", ["a", ""]), ("stop", 1), ("stop_token_ids", [-1]), ("stop_token_ids", [99999]),
                             ("logit_bias", {"x": 1}), ("logit_bias", {"99999": 1}), ("presence_penalty", 3),
                             ("repetition_penalty", 0), ("min_tokens", 7), ("stream", "yes"), ("stream_options", {"include_usage": True}),
                             ("response_format", {"type": "poem"}), ("allowed_token_ids", []), ("allowed_token_ids", [99999]),
                             ("bad_words", [""]), ("suffix", "x"), ("best_of", 3), ("truncate_prompt_tokens", -2),
                             ("prompt", ""), ("prompt", []), ("prompt", [[]]), ("prompt", [1, "a"]), ("prompt", [99999]),
                             ("prompt", [-1]), ("prompt", {"a": 1}), ("prompt", None), ("echo", 1)):
            with self.subTest(field=field, value=value):
                self.error("/v1/completions", {**GREEDY, field: value}, param=field)

    def test_bad_bodies(self):
        for body in (b"", b"{", b"[]", b"3", b"null", b'"x"', b'{"prompt": "a"', b'{"prompt": "a", "prompt": "b"}', b'\xff\xfe',
                     b'{"prompt": "\xff"}', b'{"prompt": "a", "temperature": NaN}', b'{"prompt": "a", "temperature": 1e999}',
                     b"[" * 100000, b'{"a":' * 100000):
            with self.subTest(body=body[:40]):
                self.assertEqual(self.post("/v1/completions", body, 400).json()["error"]["code"], 400)

    def test_long_prompt_is_refused(self):
        message = self.error("/v1/completions", {**GREEDY, "prompt": [5] * 5000}, param="prompt")
        self.assertIn("4096", message)

    def test_unknown_model_and_fields(self):
        self.error("/v1/completions", {**GREEDY, "model": "nope"}, 404, "model")
        self.post("/v1/completions", {**GREEDY, "model": "ernie-demo", "no_such_field": {"a": [1]}, "user": "me"})

    def test_cancel(self):
        id_ = "cancel-me"
        results = []

        def ask(i):
            if i == 0:
                results.append(self.server.post("/v1/completions", LONG, headers={"X-Request-Id": id_}).json())
                return
            end = time.monotonic() + 30
            while time.monotonic() < end:
                reply = self.server.post(f"/v1/requests/cmpl-{id_}/cancel", {})
                if reply.status == 200:
                    return
            raise AssertionError("never cancelled")

        in_threads(2, ask)
        choice = results[0]["choices"][0]
        self.assertEqual(results[0]["id"], f"cmpl-{id_}")
        self.assertEqual(choice["finish_reason"], "abort")
        self.post("/v1/requests/nobody/cancel", {}, 404)


class Chat(OneServer):
    def test_whole_and_stream(self):
        for more in ({}, {"n": 2}, {"logprobs": True, "top_logprobs": 2}):
            with self.subTest(**more):
                whole = self.post("/v1/chat/completions", chat(**more)).json()
                events = self.post("/v1/chat/completions", chat(stream=True, **more)).events()
                self.assertEqual(events.pop(), "[DONE]")
                for choice in whole["choices"]:
                    mine = [e["choices"][0] for e in events if e["choices"][0]["index"] == choice["index"]]
                    self.assertEqual(mine[0]["delta"], {"role": "assistant", "content": ""})
                    text = "".join(c["delta"].get("content") or "" for c in mine)
                    self.assertEqual(text, choice["message"]["content"])
                    self.assertEqual(mine[-1]["finish_reason"], choice["finish_reason"])
                    if choice["logprobs"]:
                        parts = [one for c in mine if c["logprobs"] for one in c["logprobs"]["content"]]
                        self.assertEqual(parts, choice["logprobs"]["content"])

    def test_content_parts_and_history(self):
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                    {"role": "assistant", "content": None, "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
                    {"role": "tool", "tool_call_id": "a", "content": "3"}, {"role": "user", "content": "and?", "name": "me"}]
        self.post("/v1/chat/completions", chat(messages=messages))

    def test_bad_fields_are_named(self):
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        for field, value, param in (("messages", [], "messages"), ("messages", "x", "messages"), ("messages", None, "messages"),
                                    ("messages", [{"role": "bot", "content": "x"}], "messages[0].role"),
                                    ("messages", [{"role": "user"}], "messages[0].content"),
                                    ("top_logprobs", 2, "top_logprobs"), ("tools", [], "tools"), ("tools", [{}], "tools[0]"),
                                    ("tool_choice", "required", "tool_choice"), ("tool_choice", "nope", "tool_choice"),
                                    ("max_completion_tokens", 0, "max_tokens"), ("chat_template", "x", "chat_template"),
                                    ("continue_final_message", True, "continue_final_message")):
            with self.subTest(field=field, value=value):
                self.error("/v1/chat/completions", chat(**{field: value}), param=param)
        self.error("/v1/chat/completions", chat(tools=[tool], tool_choice={"type": "function", "function": {"name": "g"}}),
                   param="tool_choice")

    def test_continue_final_message(self):
        messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
        body = self.post("/v1/chat/completions", chat(messages=messages, continue_final_message=True, echo=True)).json()
        self.assertTrue(body["choices"][0]["message"]["content"].startswith("Hello"))

    def test_messages_api(self):
        body = {"model": "ernie-demo", "max_tokens": 6, "messages": [{"role": "user", "content": "Hi"}], "seed": 1}
        whole = self.post("/v1/messages", body).json()
        self.assertEqual((whole["type"], whole["role"]), ("message", "assistant"))
        events = self.post("/v1/messages", {**body, "stream": True}).events()
        self.assertEqual([events[0]["type"], events[-1]["type"]], ["message_start", "message_stop"])
        text = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
        self.assertEqual(text, whole["content"][0]["text"])
        error = self.post("/v1/messages", {**body, "max_tokens": 0}, 400).json()
        self.assertEqual((error["type"], error["error"]["type"]), ("error", "invalid_request_error"))
        self.assertEqual(self.post("/v1/messages/count_tokens", body).json()["input_tokens"],
                         whole["usage"]["input_tokens"] + whole["usage"]["cache_read_input_tokens"])

    def test_responses_api(self):
        body = {"input": "Hi", "max_output_tokens": 6, "seed": 1}
        whole = self.post("/v1/responses", body).json()
        events = self.post("/v1/responses", {**body, "stream": True}).events()
        self.assertEqual([e["sequence_number"] for e in events], list(range(len(events))))
        text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        self.assertEqual(text, whole["output"][0]["content"][0]["text"])
        self.assertEqual(events[-1]["response"]["output"][0]["content"][0]["text"], text)
        self.error("/v1/responses", {**body, "previous_response_id": "x"}, param="previous_response_id")


class OtherRoutes(OneServer):
    def test_tokens_and_back(self):
        for text in ("Hello", "你好", "", "a\n\u0000b", "<s>"):
            ids = self.post("/tokenize", {"prompt": text}).json()
            self.assertEqual(ids["count"], len(ids["tokens"]))
            self.assertEqual(self.post("/detokenize", {"tokens": ids["tokens"]}).json()["prompt"], text)
            llama = self.post("/tokenize", {"content": text}).json()["tokens"]
            self.assertEqual(llama, ids["tokens"])
        for key in ("prompt", "content"):
            as_text = self.post("/tokenize", {key: "<s>", "parse_special": False}).json()
            self.assertEqual((as_text["count"], self.post("/tokenize", {key: "<s>"}).json()["tokens"]), (3, [1]))
        self.error("/detokenize", {"tokens": [1 << 40]}, param="tokens")
        self.error("/detokenize", {"tokens": ["a"]}, param="tokens")

    def test_llama_routes(self):
        body = self.post("/completion", {"prompt": GREEDY["prompt"], "n_predict": 4, "temperature": 0}).json()
        self.assertEqual((body["content"], body["stop"]), (" Paris.", True))
        self.assertEqual(body["tokens_predicted"], 4)
        self.assertEqual(self.post("/apply-template", {"messages": [{"role": "user", "content": "Hi"}]}).json()["prompt"],
                         "<|begin_of_sentence|>User: Hi\nAssistant: ")
        self.assertEqual(self.server.get("/props").json()["total_slots"], 128)

    def test_the_description_fits_the_model(self):
        [schema] = [one["schema"] for one in self.server.get("/openapi.json").json()["paths"]["/v1/completions"]["post"]["requestBody"]
                    ["content"].values()]
        fields = schema["properties"]
        self.assertEqual(fields["model"]["enum"], [one["id"] for one in self.server.get("/v1/models").json()["data"]])
        last = fields["prompt"]["anyOf"][1]["items"]["maximum"]
        for id_, status in ((last, 200), (last + 1, 400)):
            self.assertEqual(self.server.post("/v1/completions", {"prompt": [id_], "max_tokens": 1}).status, status)
        self.assertEqual(fields["prompt"]["anyOf"][0]["minLength"], 1)
        self.assertEqual(fields["stop"]["anyOf"][1]["maxItems"], 16)

    def test_small_routes(self):
        health = self.server.get("/health")
        self.assertEqual((health.status, health.body), (200, b""))
        self.assertIn("version", self.server.get("/version").json())
        self.assertEqual(self.server.get("/v1/models/ernie-demo").json()["id"], "ernie-demo")
        self.assertEqual(self.server.get("/v1/models/x").status, 404)
        self.assertIn("/v1/completions", self.server.get("/openapi.json").json()["paths"])
        self.assertIn(b"ernie.cpp", self.server.get("/").body)
        self.assertEqual(self.server.get("/web/../x").status, 404)
        self.assertEqual(self.server.request("PUT", "/v1/completions").headers["allow"], "POST")
        self.assertEqual(self.server.request("HEAD", "/v1/models").body, b"")

    def test_cors(self):
        reply = self.server.get("/v1/models", headers={"Origin": "http://a"})
        self.assertEqual(reply.headers["access-control-allow-origin"], "*")
        preflight = self.server.request("OPTIONS", "/v1/completions", headers={
            "Origin": "http://a", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-y"})
        self.assertEqual(preflight.status, 200)
        self.assertEqual(preflight.headers["access-control-allow-headers"], "x-y")
        self.assertNotIn("access-control-allow-origin", self.server.get("/v1/models").headers)


class Metrics(OneServer):
    def test_counts(self):
        server, count, tokens = self.server, 5, 12
        prompt = list(range(20, 30))
        for _ in range(count):
            self.post("/v1/completions", {**LONG, "prompt": prompt, "max_tokens": tokens})
        self.assertEqual(server.metric("vllm:generation_tokens_total"), count * tokens)
        self.assertEqual(server.metric("vllm:prompt_tokens_total"), count * len(prompt))
        self.assertEqual(server.metric("vllm:inter_token_latency_seconds_count"), count * (tokens - 1))
        self.assertEqual(server.metric("vllm:time_to_first_token_seconds_count"), count)
        self.assertEqual(server.metric("vllm:request_success_total", finished_reason="length"), count)
        server.wait_until_idle()

    def test_labels_are_closed_sets(self):
        size = len(self.server.get("/metrics").body)
        for i in range(50):
            self.server.request(f"M{i}", f"/random/{i}")
        self.assertLess(len(self.server.get("/metrics").body), size + 2000)


    def test_time_of_the_engine(self):
        self.post("/v1/completions", {**LONG, "max_tokens": 200})
        self.server.wait_until_idle()
        busy, forward = (self.server.metric(f"ernie:engine_{part}_seconds_total") for part in ("busy", "forward"))
        self.assertGreater(forward, 0)
        self.assertGreater(busy, forward)
        time.sleep(0.2)
        self.assertLess(self.server.metric("ernie:engine_busy_seconds_total") - busy, 0.1)  # an idle engine sleeps


class Http(OneServer):
    def status_of(self, data):
        reply = self.server.raw(data, timeout=5)
        return int(reply.split(b" ", 2)[1]) if reply.startswith(b"HTTP/1.1 ") else None

    def test_framing_attacks_are_refused(self):
        body = b'{"prompt": "a"}'
        for data in (b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                     b"GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n", b"GET /health HTTP/1.1\nHost: a\n\n",
                     b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\nb\r\n\r\n", b"GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n", b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n",
                     b"GET /he alth HTTP/1.1\r\nHost: a\r\n\r\n", b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"GET /health HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\nContent-Length: 16\r\n\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: +15\r\n\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0f\r\n\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
                     b"POST /tokenize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + body,
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\r\n\r\nGARBAGE\r\n\r\n"):
            with self.subTest(data=data[:80]):
                self.assertIn(self.status_of(data), (400, 413))

    def test_limits(self):
        self.assertEqual(self.status_of(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"), 414)
        self.assertEqual(self.status_of(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70000 + b"\r\n\r\n"), 431)
        self.assertEqual(self.status_of(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n"), 431)
        self.assertEqual(self.status_of(b"POST /tokenize HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"), 413)

    def test_split_and_pipelined_requests(self):
        request = b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
        with self.server.connect() as connection:
            for byte in request:
                connection.sendall(bytes([byte]))
            self.assertIn(b"200 OK", connection.recv(4096))
            connection.sendall(request * 3)
            received = b""
            while received.count(b"200 OK") < 3:
                received += connection.recv(4096)

    def test_chunked_body_and_continue(self):
        with self.server.connect() as connection:
            connection.sendall(b"POST /tokenize HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.assertEqual(connection.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
            for part in (b"8;ext=1\r\n{\"prompt\r", b"\n7\r\n\": \"a\"}\r\n0", b"\r\nTrailer: x\r\n\r\n"):
                connection.sendall(part)
                time.sleep(0.01)
            self.assertIn(b'"count":1', connection.recv(4096))

    def test_http_1_0(self):
        reply = self.server.raw(b"GET /version HTTP/1.0\r\n\r\n")
        self.assertIn(b"Connection: close", reply)
        body = json.dumps({**GREEDY, "stream": True}).encode()
        reply = self.server.raw(b"POST /v1/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertNotIn(b"chunked", reply)
        self.assertTrue(reply.endswith(b"data: [DONE]\n\n"))

    def test_disconnect_ends_the_request(self):
        for stream in (True, False):
            body = json.dumps({**LONG, "max_tokens": 4000, "stream": stream}).encode()
            connection = self.server.connect()
            connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            connection.sendall(b"GET /version HTTP/1.1\r\n")  # bytes behind it hide nothing
            time.sleep(0.05)
            connection.close()
            before = self.server.metric("vllm:request_success_total", finished_reason="abort")
            self.server.wait_until_idle()
            self.assertGreaterEqual(self.server.metric("vllm:request_success_total", finished_reason="abort"), before)

    def test_a_slow_reader_holds_up_nobody(self):
        body = json.dumps({**LONG, "max_tokens": 3000, "stream": True, "logprobs": 5}).encode()
        with self.server.connect() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.2)
            began = time.monotonic()
            self.post("/v1/completions", GREEDY)
            self.assertLess(time.monotonic() - began, 20)


class Keys(OneServer):
    flags = ("--api-key", "secret", "--root-path", "/x/")

    def test_only_probes_are_open(self):
        paths = self.server.get("/openapi.json", headers={"Authorization": "Bearer secret"}).json()["paths"]
        open_paths = {"/", "/web/{file}", "/health", "/v1/health", "/ready", "/ping"}
        for path, methods in paths.items():
            for method in methods:
                status = self.server.request(method.upper(), path).status
                with self.subTest(path=path, method=method):
                    self.assertEqual(status != 401, path in open_paths)
        for path in ("/nope", "/x/v1/models", "//v1/models", "/health/../v1/models", "/v1/models?/health"):
            self.assertEqual(self.server.get(path).status, 401, path)

    def test_keys(self):
        for headers in ({"Authorization": "Bearer secret"}, {"Authorization": "bearer secret"}, {"X-Api-Key": "secret"}):
            self.assertEqual(self.server.get("/v1/models", headers=headers).status, 200)
            self.assertEqual(self.server.get("/x/v1/models", headers=headers).status, 200)
        for headers in ({"Authorization": "Bearer secre"}, {"Authorization": "secret"}, {"X-Api-Key": ""}):
            reply = self.server.get("/v1/models", headers=headers)
            self.assertEqual((reply.status, reply.json()["error"]["type"]), (401, "AuthenticationError"))
        self.assertNotIn("secret", self.server.log_text())


class Starting(unittest.TestCase):
    def test_environment_and_config(self):
        with tempfile.TemporaryDirectory() as directory:
            config = os.path.join(directory, "serve.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write("served-model-name: [one, two]\nmax_num_seqs: 3\npublic-metrics: true\nmax-n: 4\n")
            with Server(BINARY, "--config", config, "--max_n", "5", env={"ERNIE_ARG_API_KEY": "k"}) as server:
                self.assertEqual(server.get("/v1/models").status, 401)
                key = {"Authorization": "Bearer k"}
                self.assertEqual([m["id"] for m in server.get("/v1/models", headers=key).json()["data"]], ["one", "two"])
                self.assertEqual(server.get("/metrics").status, 200)
                self.assertEqual(server.get("/props", headers=key).json()["total_slots"], 3)
                self.assertEqual(server.post("/v1/completions", {**GREEDY, "temperature": 1, "n": 5}, headers=key).status, 200)

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "ernie.sock")
            with Server(BINARY, "--uds", path):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(path)
                connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertIn(b"200 OK", connection.recv(4096))

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            key, certificate = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                            "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
            with Server(BINARY, "--ssl-keyfile", key, "--ssl-certfile", certificate) as server:
                context = ssl.create_default_context(cafile=certificate)
                context.check_hostname = False
                with context.wrap_socket(server.connect()) as connection:
                    body = json.dumps({**GREEDY, "stream": True}).encode()
                    connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                                       % len(body) + body)
                    received = b""
                    while chunk := connection.recv(4096):
                        received += chunk
                self.assertIn(b"[DONE]", received)
                server.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # no TLS: closed, and the server lives
                with context.wrap_socket(server.connect()) as connection:
                    connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertIn(b"200 OK", connection.recv(4096))

    def test_bad_flags(self):
        for flags, words in ((["--tensor-parallel-size", "2"], "expected 1"), (["--port", "70000"], "--port"), ([""], "empty name"),
                             (["--no-such-flag"], "no-such-flag"), (["--config", "/nonexistent"], "/nonexistent"),
                             (["--allowed-origins", "x"], "--allowed-origins"), (["--ssl-keyfile", "/nonexistent"], "--ssl-certfile"),
                             (["--api-key", ""], "--api-key"), (["/nonexistent"], "/nonexistent")):
            with self.subTest(flags=flags):
                done = subprocess.run([BINARY, "serve", "--port", "0", *flags], capture_output=True, text=True, timeout=20, check=False)
                self.assertEqual(done.returncode, 2 if flags != ["--port", "70000"] else done.returncode)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)

    def test_drain_lets_streams_end(self):
        with Server(BINARY) as server:
            body = {**LONG, "max_tokens": 1500, "stream": True}

            def work(i):
                if i == 0:
                    time.sleep(0.15)
                    server.process.send_signal(signal.SIGTERM)
                    time.sleep(0.05)
                    try:
                        return server.get("/ready").status, server.post("/v1/completions", GREEDY).status
                    except OSError:
                        return 503, 503
                return server.post("/v1/completions", body).events()

            results = in_threads(4, work)
            self.assertEqual(results[0], (503, 503))
            for events in results[1:]:
                self.assertEqual(events[-1], "[DONE]")
                self.assertEqual(events[-2]["choices"][0]["finish_reason"], "length")
            self.assertEqual(server.process.wait(10), 0)

    def test_end_of_patience(self):
        with Server(BINARY, "--shutdown-timeout", "0") as server:
            def work(i):
                if i == 0:
                    time.sleep(0.2)
                    server.process.send_signal(signal.SIGTERM)
                    return server.process.wait(5)
                return server.post("/v1/completions", {**LONG, "max_tokens": 4000, "stream": True}).events()

            code, events = in_threads(2, work)
            self.assertEqual(code, 0)
            self.assertEqual(events[-1], "[DONE]")

    def test_overload_is_refused_fast(self):
        with Server(BINARY, "--max-num-seqs", "2", "--max-queued-requests", "2") as server:
            def work(_):
                began = time.monotonic()
                reply = server.post("/v1/completions", {**LONG, "max_tokens": 1000})
                return reply, time.monotonic() - began

            replies = in_threads(20, work)
            statuses = sorted(reply.status for reply, _ in replies)
            self.assertEqual(set(statuses), {200, 429})
            self.assertGreaterEqual(statuses.count(200), 4)
            for reply, _ in replies:
                if reply.status == 429:
                    self.assertEqual(reply.headers["retry-after"], "1")


if __name__ == "__main__":
    unittest.main()
