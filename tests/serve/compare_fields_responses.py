"""The fields of /v1/responses with their values."""

from compare_cases import SCHEMA, SUM, USER, ZONE, after, bad, good, number, switch, text, with_name
from compare_fields_common import COMMON

TOOL = {"type": "function", "name": "now", "description": "The time", "parameters": ZONE}
TOOLS = [TOOL]
NAMED = {"type": "function", "name": "now"}
CALL = {"type": "function_call", "call_id": "c1", "name": "now", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "12"}
LOGPROBS = ["message.output_text.logprobs"]
FORMAT = {"type": "json_schema", "name": "x", "schema": SCHEMA}


def item(role, kind, content, **more):
    return {"type": "message", "role": role, "content": [{"type": kind, "text": content}], **more}


def answered(content, **more):
    return item("assistant", "output_text", content, **more)


SHARED = ("model", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed", "stop",
          "stop_token_ids", "include_stop_str_in_output", "ignore_eos", "skip_special_tokens", "logit_bias", "stream", "structured_outputs",
          "priority", "request_id", "user", "cache_salt", "session_id", "vllm_xargs", "kv_transfer_params", "not_a_field")
RESPONSES = {name: with_name(COMMON[name], "max_tokens", "max_output_tokens") for name in SHARED}
RESPONSES |= {
    "max_output_tokens": COMMON["max_tokens"],
    "input": [
        good("text", SUM), good("user", [USER]), good("message", [{"type": "message", **USER}]), good("parts", [item("user", "input_text", SUM)]),
        good("two parts", [{**USER, "content": [{"type": "input_text", "text": part} for part in ("Add.", SUM)]}]),
        good("system and user", [{"role": "system", "content": "Add."}, USER]), good("developer", [{"role": "developer", "content": "Add."}, USER]),
        good("three turns", after({"role": "assistant", "content": "42"}, {"role": "user", "content": "25 + 17 ="})),
        good("three turns of items", [item("user", "input_text", SUM), answered("42", id="msg_1", status="completed"),
                                      {**USER, "content": "25 + 17 ="}]),
        good("assistant last", after(answered("4", id="msg_1", status="completed"))),
        good("incomplete assistant last", after(answered("4", id="msg_1", status="incomplete"))),
        good("reasoning", after({"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "So."}]},
                                answered("42"), USER)),
        good("reasoning without content", after({"type": "reasoning", "id": "rs_1", "summary": []}, answered("42"), USER)),
        good("a call and its output", after(CALL, OUTPUT)),
        good("two calls and their outputs", after(CALL, {**CALL, "call_id": "c2"}, OUTPUT, {**OUTPUT, "call_id": "c2"}, USER)),
        good("a text and a call", after(answered("Let me see."), CALL, OUTPUT)),
        good("an output of parts", after(CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "12"}]})),
        good("a control token", [{"role": "user", "content": "a<|end_of_sentence|>b"}]),
        bad("empty", ""), bad("no items", []), bad("null", None), bad("number", 5), bad("list of text", ["x"]), bad("list of number", [5]),
        bad("no role", [{"content": "x"}]), bad("no content", [{"role": "user"}]), bad("content of number", [{"role": "user", "content": 5}]),
        bad("unknown role", [{"role": "judge", "content": "x"}, USER]), bad("unknown type", [{"type": "x"}]),
        bad("reference", [{"type": "item_reference", "id": "msg_1"}]), bad("call without a name", after({"type": "function_call", "call_id": "c1"})),
        bad("output without a call", after({"type": "function_call_output", "output": "12"})),
        bad("image", [{"role": "user", "content": [{"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"}]}]),
        bad("too long", "a b " * 3000)],
    "instructions": text("Add.") + [good("empty", "")],
    "tools": [good("one", TOOLS, tool_choice="none"), good("strict", [{**TOOL, "strict": True}], tool_choice="none"), good("none", []),
              bad("null", None), bad("text", "x"), bad("no name", [{"type": "function", "parameters": ZONE}]),
              bad("unknown type", [{"type": "x", "name": "now"}]),
              bad("of a chat", [{"type": "function", "function": {"name": "now", "parameters": ZONE}}]), bad("web search", [{"type": "web_search"}])],
    "tool_choice": [good("none", "none", tools=TOOLS), good("auto", "auto", tools=TOOLS),
                    good("required", "required", tools=TOOLS, max_output_tokens=60, stream=False),
                    good("required in a stream", "required", tools=TOOLS, max_output_tokens=60, stream=True),
                    good("named", NAMED, tools=TOOLS, max_output_tokens=60, stream=False),
                    good("named in a stream", NAMED, tools=TOOLS, max_output_tokens=60, stream=True),
                    good("named and cut off", NAMED, tools=TOOLS, max_output_tokens=2, stream=False),
                    good("named and cut off in a stream", NAMED, tools=TOOLS, max_output_tokens=2, stream=True),
                    good("auto without tools", "auto"), good("none without tools", "none"), bad("null", None),
                    bad("required without tools", "required"),
                    bad("unknown", "x", tools=TOOLS), bad("unknown name", {**NAMED, "name": "then"}, tools=TOOLS),
                    bad("no name", {"type": "function"}, tools=TOOLS), bad("number", 5, tools=TOOLS),
                    bad("web search", {"type": "web_search_preview"}, tools=TOOLS)],
    "parallel_tool_calls": switch() + [good("null", None), good("false with required", False, tools=TOOLS, tool_choice="required",
                                                                max_output_tokens=60, stream=False)],
    "max_tool_calls": [good("null", None), good("3", 3), bad("text", "x")],
    "text": [good("text", {"format": {"type": "text"}}), good("null", None), good("nothing", {}), good("verbosity", {"verbosity": "low"}),
             good("json_schema", {"format": FORMAT}, max_output_tokens=40, stream=False),
             good("json_schema in a stream", {"format": FORMAT}, max_output_tokens=40, stream=True),
             good("strict json_schema", {"format": {**FORMAT, "strict": True}}, max_output_tokens=40),
             good("json_object", {"format": {"type": "json_object"}}), bad("no schema", {"format": {"type": "json_schema", "name": "x"}}),
             bad("no name", {"format": {"type": "json_schema", "schema": SCHEMA}}), bad("unknown", {"format": {"type": "x"}}),
             bad("format of text", {"format": "text"}), bad("number", 5),
             bad("beside structured_outputs", {"format": FORMAT}, structured_outputs={"regex": "a"})],
    "include": [good("none", []), good("null", None), good("logprobs", LOGPROBS), good("logprobs in a stream", LOGPROBS, stream=True),
                good("encrypted reasoning", ["reasoning.encrypted_content"]), bad("unknown", ["x"]), bad("text", "x")],
    "top_logprobs": [good("0", 0, include=LOGPROBS), good("3", 3, include=LOGPROBS), good("3 in a stream", 3, include=LOGPROBS, stream=True),
                     good("20", 20, include=LOGPROBS), good("null", None), good("2 alone", 2), bad("21", 21, include=LOGPROBS),
                     bad("-1", -1, include=LOGPROBS), bad("-2", -2, include=LOGPROBS), bad("text", "2", include=LOGPROBS)],
    "reasoning": [good("low", {"effort": "low"}), good("null", None), good("nothing", {}), bad("unknown", {"effort": "x"}), bad("number", 5)],
    "include_reasoning": switch(),
    "metadata": [good("one", {"a": "b"}), good("none", {}), good("null", None), bad("text", "x"), bad("number in it", {"a": 1})],
    "store": switch() + [good("null", None)],
    "background": [good("false", False), good("null", None, stream=False), good("null in a stream", None, stream=True),
                   bad("true", True), bad("true without store", True, store=False), bad("text", "x")],
    "previous_response_id": [good("null", None), bad("unknown", "resp_x"), bad("number", 5)],
    "conversation": [good("null", None), bad("unknown", "conv_x"), bad("an object", {"id": "conv_x"})],
    "prompt": [good("null", None), bad("a template", {"id": "pmpt_x"}), bad("text", "x")],
    "truncation": [good("disabled", "disabled"), good("auto", "auto"), good("auto and too long", "auto", input="a b " * 3000),
                   good("null", None, stream=False),
                   good("null in a stream", None, stream=True),
                   bad("unknown", "x"), bad("number", 5)],
    "service_tier": [good("auto", "auto"), good("default", "default"), bad("null", None), bad("unknown", "x")],
    "stream_options": [good("no padding", {"include_obfuscation": False}, stream=True),
                       good("no padding and no stream", {"include_obfuscation": False}), good("null", None)],
    "prompt_cache_key": text("a"),
    "safety_identifier": [good("a name", "me"), good("another", "you"), good("null", None)],
    "chat_template_kwargs": [good("an object", {"enable_thinking": False}), good("null", None), bad("text", "x")],
}
# What goes along with a field that is under test, without touching it.
RESPONSES_COMPANIONS = [("seed", 7), ("user", "someone"), ("top_p", 0.9), ("min_p", 0.05), ("stop", ["zz"]), ("stream", True),
                        ("logit_bias", {"900": -10}), ("presence_penalty", 0), ("metadata", {"a": "b"}), ("store", False),
                        ("not_known_anywhere", [1])]
