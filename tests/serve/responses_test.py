#!/usr/bin/env python3
"""What clients of the Responses API see, beyond the first steps of serve_test.py.

usage: responses_test.py PATH/TO/ernie [unittest arguments]
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from server import Server  # noqa: E402

BINARY = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "ernie"
SUM = "17 + 25 ="
USER = {"role": "user", "content": SUM}
BODY = {"input": SUM, "max_output_tokens": 8, "temperature": 0}
LOGPROBS = {"include": ["message.output_text.logprobs"]}
ZONE = {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}
NAMED = {"tools": [{"type": "function", "name": "now", "parameters": ZONE}], "tool_choice": {"type": "function", "name": "now"}}
CALL = {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "12"}


class Responses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BINARY)
        cls.addClassCleanup(cls.server.__exit__)

    def post(self, status=200, path="/v1/responses", **more):
        reply = self.server.post(path, {**BODY, **more})
        self.assertEqual(reply.status, status, reply.body[:500])
        return reply

    def answer(self, **more):
        return self.post(**more).json()

    def events(self, **more):
        return self.post(**more, stream=True).events()

    def refused(self, field, status=400, **more):
        error = self.post(status, **more).json()["error"]
        self.assertEqual(error["param"], field, error["message"])
        self.assertTrue(error["message"].startswith(f"{field}:"), error["message"])

    def input_tokens(self, items):
        return self.answer(input=items)["usage"]["input_tokens"]

    def test_log_probabilities(self):
        part = self.answer(**LOGPROBS, top_logprobs=2)["output"][0]["content"][0]
        self.assertEqual("".join(one["token"] for one in part["logprobs"][:2]), part["text"])
        self.assertEqual(sorted(part["logprobs"][0]), ["bytes", "logprob", "token", "top_logprobs"])
        self.assertEqual({len(one["top_logprobs"]) for one in part["logprobs"]}, {2})
        events = self.events(**LOGPROBS, top_logprobs=2)
        deltas = [one for event in events if event["type"] == "response.output_text.delta" for one in event["logprobs"]]
        [done] = [event for event in events if event["type"] == "response.output_text.done"]
        self.assertEqual(deltas, part["logprobs"])
        self.assertEqual(done["logprobs"], part["logprobs"])
        self.assertEqual(events[-1]["response"]["output"][0]["content"][0]["logprobs"], part["logprobs"])
        self.assertEqual(self.answer(top_logprobs=2)["output"][0]["content"][0]["logprobs"], [])
        self.refused("top_logprobs", top_logprobs=21)
        self.refused("include", include="x")

    def test_an_item_that_was_cut_off_is_incomplete(self):
        for more, kind in (({"max_output_tokens": 1}, "message"), ({**NAMED, "max_output_tokens": 2}, "function_call")):
            whole, streamed = self.answer(**more), self.events(**more)[-1]
            self.assertEqual(streamed["type"], "response.incomplete")
            for response in (whole, streamed["response"]):
                self.assertEqual([(item["type"], item["status"]) for item in response["output"]], [(kind, "incomplete")])
                self.assertEqual(response["incomplete_details"], {"reason": "max_output_tokens"})
        self.assertEqual(self.answer()["output"][0]["status"], "completed")

    def test_items_of_one_turn_are_one_message(self):
        alone = self.input_tokens([USER, CALL, OUTPUT])
        two = self.input_tokens([USER, CALL, {**CALL, "call_id": "c2"}, OUTPUT])
        apart = self.input_tokens([USER, CALL, OUTPUT, CALL, OUTPUT]) - self.input_tokens([USER, CALL, OUTPUT, OUTPUT])
        self.assertLess(two - alone, apart)
        said = {"role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]}
        messages = [USER, {"role": "assistant", "content": "Let me see.", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}]}, {"role": "tool", "content": "12"}]
        chat = self.server.post("/v1/chat/completions", {"messages": messages, "max_tokens": 1}).json()
        self.assertEqual(self.input_tokens([USER, said, CALL, OUTPUT]), chat["usage"]["prompt_tokens"])

    def test_fields_that_change_the_answer_do_so(self):
        plain = self.answer()["output"][0]["content"][0]["text"]
        [first] = self.server.post("/v1/chat/completions", {"messages": [USER], "max_tokens": 1, "temperature": 0,
                                                            "return_token_ids": True}).json()["choices"][0]["token_ids"]
        for more in ({"logit_bias": {str(first): -100}}, {"stop_token_ids": [first]}, {"stop": "2", "include_stop_str_in_output": False}):
            self.assertNotEqual(self.answer(**more)["output"][0]["content"][0]["text"], plain, more)
        self.assertEqual(self.answer(stop="2", include_stop_str_in_output=True)["output"][0]["content"][0]["text"], plain)
        for salt in ("a", "b"):
            cached = [self.answer(input="abcde " * 40, cache_salt=salt)["usage"]["input_tokens_details"]["cached_tokens"] for _ in range(2)]
            self.assertEqual(cached[0], 0)
            self.assertGreater(cached[1], 16)

    def test_truncation(self):
        long = "a b " * 5000
        self.refused("input", input=long)
        response = self.answer(input=long, truncation="auto")
        self.assertEqual((response["truncation"], response["usage"]["input_tokens"]), ("auto", 4096 - 8))
        self.assertEqual(self.answer()["truncation"], "disabled")
        self.refused("truncation", truncation="x")

    def test_what_the_response_says_of_its_request(self):
        response = self.answer(temperature=0.7, top_p=0.9, text={"verbosity": "low"}, max_tool_calls=3, metadata={"a": "b"}, seed=1)
        self.assertEqual((response["temperature"], response["top_p"]), (0.7, 0.9))
        self.assertEqual(response["text"], {"verbosity": "low", "format": {"type": "text"}})
        self.assertEqual((response["max_tool_calls"], response["metadata"], response["top_logprobs"]), (3, {"a": "b"}, 0))
        self.assertEqual(response["usage"]["input_tokens_details"]["cache_write_tokens"], 0)

    def test_errors_name_the_field_that_was_sent(self):
        for field, value in {"instructions": 5, "metadata": "x", "reasoning": 5, "max_tool_calls": "x", "background": "x", "store": "x",
                             "max_output_tokens": -1, "input": []}.items():
            self.refused(field, **{field: value})
        self.refused("metadata", metadata={"a": 1})
        self.refused("input[1].role", input=[USER, {"role": "judge", "content": "x"}])
        self.refused("input[0]", input=[{"type": "function_call", "call_id": "c1"}])
        self.refused("tools[0].name", tools=[{"type": "function", "name": "a b"}])
        form = {"format": {"type": "json_schema", "name": "x", "schema": ZONE}}
        self.refused("text.format", text=form, structured_outputs={"regex": "a"})
        self.refused("text.format", text=form, **NAMED)
        self.refused("tool_choice", tool_choice="required")

    def test_nothing_is_stored_that_could_be_cancelled(self):
        self.post(404, "/v1/responses/resp_x/cancel")
        self.assertEqual(self.server.get("/v1/responses/resp_x").status, 404)

    def test_no_instructions(self):
        self.assertEqual(self.answer(instructions="")["usage"], self.answer()["usage"])


if __name__ == "__main__":
    unittest.main()
