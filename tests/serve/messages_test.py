#!/usr/bin/env python3
"""What clients of the Messages API see, beyond the first steps of serve_test.py.

usage: messages_test.py PATH/TO/ernie [unittest arguments]
"""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from server import Server  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
USER = {"role": "user", "content": "17 + 25 ="}
BODY = {"model": "ernie-demo", "messages": [USER], "max_tokens": 8, "temperature": 0}
ZONE = {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}
TOOLS = [{"name": "now", "input_schema": ZONE}]
NAMED = {"type": "tool", "name": "now"}


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARY)
        cls.addClassCleanup(cls.server.__exit__)

    def post(self, more, status=200, path="/v1/messages"):
        reply = self.server.post(path, {**BODY, **more})
        self.assertEqual(reply.status, status, reply.body[:500])
        return reply

    def answer(self, **more):
        return self.post(more).json()

    def events(self, **more):
        return self.post({**more, "stream": True}).events()

    def refused(self, words, **more):
        """Here and where tokens are counted."""
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            error = self.post(more, 400, path).json()
            self.assertEqual((error["type"], error["error"]["type"]), ("error", "invalid_request_error"))
            self.assertIn(words, error["error"]["message"])

    def count(self, messages):
        return self.post({"messages": messages}, path="/v1/messages/count_tokens").json()["input_tokens"]

    def test_an_answer_goes_on_where_the_assistants_text_ends(self):
        self.assertEqual(self.answer()["content"][0]["text"], "42")
        for begun in ("4", [{"type": "text", "text": "4"}]):
            messages = [USER, {"role": "assistant", "content": begun}]
            self.assertEqual(self.answer(messages=messages)["content"], [{"type": "text", "text": "2"}])
            deltas = [event["delta"].get("text", "") for event in self.events(messages=messages) if event["type"] == "content_block_delta"]
            self.assertEqual("".join(deltas), "2")

    def test_output_config_format(self):
        schema = {"type": "object", "properties": {"a": {"enum": ["b", "c"]}}, "required": ["a"], "additionalProperties": False}
        form = {"format": {"type": "json_schema", "schema": schema}}
        self.assertIn(json.loads(self.answer(output_config=form, max_tokens=40)["content"][0]["text"]), ({"a": "b"}, {"a": "c"}))
        self.refused("output_config.format", output_config={"format": {"type": "json_schema"}})
        self.refused("output_config.format", output_config={"format": {"type": "x", "schema": schema}})
        error = self.post({"output_config": {"format": {"type": "json_schema", "schema": {"type": 5}}}}, 400).json()["error"]
        self.assertIn("output_config.format", error["message"])

    def test_one_call_at_most(self):
        def num_calls(one):
            bodies = [{"tools": TOOLS, "tool_choice": {"type": "any", "disable_parallel_tool_use": one}, "max_tokens": 400, "temperature": 1,
                       "seed": seed} for seed in range(8)]
            return [len(self.answer(**body)["content"]) for body in bodies]

        self.assertGreater(max(num_calls(False)), 1)
        self.assertEqual(max(num_calls(True)), 1)
        self.refused("tool_choice", tools=TOOLS, tool_choice={"type": "any", "disable_parallel_tool_use": "x"})

    def test_tools_need_a_schema_and_run_at_the_clients(self):
        self.refused("tools.0", tools=[{"name": "now"}])
        self.refused("tools.0.type", tools=[{"type": "web_search_20250305", "name": "web_search"}])
        self.post({"tools": [{**TOOLS[0], "type": "custom"}], "tool_choice": {"type": "none"}})
        self.post({"tool_choice": {"type": "auto"}})

    def test_a_call_that_was_cut_off_is_none(self):
        more = {"tools": TOOLS, "tool_choice": NAMED, "max_tokens": 60}
        call = self.answer(**more)["content"][0]
        self.assertEqual((call["type"], call["name"]), ("tool_use", "now"))
        for cut, reason, sequence in (({"stop_sequences": ["zone"]}, "stop_sequence", "zone"), ({"max_tokens": 2}, "max_tokens", None)):
            whole = self.answer(**{**more, **cut})
            self.assertEqual((whole["content"], whole["stop_reason"], whole["stop_sequence"]),
                             ([{"type": "text", "text": ""}], reason, sequence))
            ends = [event["delta"] for event in self.events(**{**more, **cut}) if event["type"] == "message_delta"]
            self.assertEqual(ends, [{"stop_reason": reason, "stop_sequence": sequence}])
        whole = self.answer(**more, stop_sequences=["}"])
        self.assertNotEqual(whole["stop_reason"], "tool_use")

    def test_system_among_the_messages(self):
        self.assertGreater(self.count([USER, {"role": "system", "content": "Add."}, USER]), self.count([USER, USER]))
        self.assertEqual(self.count([USER, {"role": "system", "content": [{"type": "text", "text": "Add."}]}, USER]),
                         self.count([USER, {"role": "system", "content": "Add."}, USER]))
        self.refused("messages.0", messages=[{"role": "tool", "content": "x"}])

    def test_hidden_thinking_of_another_service_is_left_out(self):
        hidden = {"type": "redacted_thinking", "data": "AAAA"}
        text = {"type": "text", "text": "42"}
        self.assertEqual(self.count([USER, {"role": "assistant", "content": [hidden, text]}, USER]),
                         self.count([USER, {"role": "assistant", "content": [text]}, USER]))

    def test_cached_prefixes_are_those_of_the_salt(self):
        def cached(**more):
            return self.answer(system="abcde " * 40, **more)["usage"]["cache_read_input_tokens"]

        for salt in ("a", "b"):
            self.assertEqual(cached(cache_salt=salt), 0)
            self.assertGreater(cached(cache_salt=salt), 16)

    def test_errors_name_the_field_that_was_sent(self):
        for field, value in {"stop_sequences": ".", "system": 5, "messages": [], "tools": "x"}.items():
            message = self.post({field: value}, 400).json()["error"]["message"]
            self.assertTrue(message.startswith(f"{field}:"), message)
        self.assertIn("stop_sequences:", self.post({"stop_sequences": [""]}, 400).json()["error"]["message"])
        self.refused("messages", messages=[{"role": "user", "content": []}])

    def test_tokens_are_counted_of_a_model_that_there_is(self):
        error = self.post({"model": "nope"}, 404, "/v1/messages/count_tokens").json()["error"]
        self.assertEqual(error["type"], "not_found_error")


if __name__ == "__main__":
    unittest.main()
