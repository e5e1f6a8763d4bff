"""The fields of /v1/messages and /v1/messages/count_tokens with their values."""

from compare_cases import DRAW, SCHEMA, SUM, USER, ZONE, after, bad, good, number
from compare_fields_common import COMMON

TOOL = {"name": "now", "description": "The time", "input_schema": ZONE}
TOOLS = [TOOL]
NAMED = {"type": "tool", "name": "now"}
CALL = {"type": "tool_use", "id": "c1", "name": "now", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "12"}
FORMAT = {"format": {"type": "json_schema", "schema": SCHEMA}}


def block(content):
    return {"type": "text", "text": content}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


THINKING = {"type": "thinking", "thinking": "So.", "signature": ""}
CONVERSATIONS = [
    good("user", [USER]), good("blocks", [user(block(SUM))]), good("two blocks", [user(block("Add."), block(SUM))]),
    good("cached block", [user({**block(SUM), "cache_control": {"type": "ephemeral"}})]),
    good("three turns", after({"role": "assistant", "content": "42"}, {"role": "user", "content": "25 + 17 ="})),
    good("three turns of blocks", after(assistant(block("42")), user(block("25 + 17 =")))),
    good("assistant last", after({"role": "assistant", "content": "4"})), good("block of assistant last", after(assistant(block("4")))),
    good("thinking", after(assistant(THINKING, block("42")), USER)),
    good("hidden thinking", after(assistant({"type": "redacted_thinking", "data": "AAAA"}, block("42")), USER)),
    good("system among them", after({"role": "assistant", "content": "42"}, {"role": "system", "content": "Add."}, USER)),
    good("system of blocks among them", after({"role": "assistant", "content": "42"}, {"role": "system", "content": [block("Add.")]}, USER)),
    good("a call and its result", after(assistant(CALL), user(RESULT))),
    good("a text and a call", after(assistant(block("Let me see."), CALL), user(RESULT))),
    good("two calls and their results", after(assistant(CALL, {**CALL, "id": "c2"}), user(RESULT, {**RESULT, "tool_use_id": "c2"}, block(SUM)))),
    good("a result of blocks", after(assistant(CALL), user({**RESULT, "content": [block("12"), block("30")]}))),
    good("a result that failed", after(assistant(CALL), user({**RESULT, "is_error": True}))),
    good("a result without content", after(assistant(CALL), user({"type": "tool_result", "tool_use_id": "c1"}))),
    good("a control token", [{"role": "user", "content": "a<|end_of_sentence|>b"}]),
    good("no blocks of assistant", after(assistant(), USER)), good("empty block", [user(block(""), block(SUM))]),
    bad("none", []), bad("text", "x"), bad("null", None), bad("list of text", ["x"]), bad("no role", [{"content": "x"}]),
    bad("no content", [{"role": "user"}]), bad("content null", [{"role": "user", "content": None}]),
    bad("content of number", [{"role": "user", "content": 5}]), bad("list of number", [{"role": "user", "content": [5]}]),
    bad("unknown role", [{"role": "judge", "content": "x"}, USER]), bad("role tool", [{"role": "tool", "content": "x"}, USER]),
    bad("unknown block", [user({"type": "x"})]), bad("block without text", [user({"type": "text"})]),
    bad("block of number", [user({"type": "text", "text": 5})]),
    bad("call without a name", after(assistant({"type": "tool_use", "id": "c1", "input": {}}))),
    bad("call with input of text", after(assistant({**CALL, "input": "x"}), user(RESULT))),
    bad("image", [user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}})]),
    bad("document", [user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}})]),
    bad("too long", [{"role": "user", "content": "a b " * 3000}])]
SYSTEM = [good("text", "Add."), good("empty", ""), good("blocks", [block("Add.")]), good("two blocks", [block("Add."), block("Be brief.")]),
          good("cached block", [{**block("Add."), "cache_control": {"type": "ephemeral"}}]), good("none", []), good("null", None), bad("number", 5),
          bad("list of text", ["x"]), bad("image", [{"type": "image", "source": {}}])]
TOOL_LISTS = [good("one", TOOLS, tool_choice={"type": "none"}), good("custom", [{**TOOL, "type": "custom"}], tool_choice={"type": "none"}),
              good("none", []), good("null", None), bad("text", "x"), bad("list of text", ["x"]), bad("no name", [{"input_schema": ZONE}]),
              bad("no schema", [{"name": "now"}]), bad("schema of text", [{**TOOL, "input_schema": "x"}]),
              bad("of a chat", [{"type": "function", "function": {"name": "now", "parameters": ZONE}}]),
              bad("web search", [{"type": "web_search_20250305", "name": "web_search"}])]
CHOICES = [good("none", {"type": "none"}, tools=TOOLS), good("auto", {"type": "auto"}, tools=TOOLS), good("null", None),
           bad("text", "auto", tools=TOOLS), bad("unknown", {"type": "x"}, tools=TOOLS), bad("nothing", {}, tools=TOOLS),
           bad("no name", {"type": "tool"}, tools=TOOLS), bad("unknown name", {**NAMED, "name": "then"}, tools=TOOLS),
           bad("any without tools", {"type": "any"}), bad("named without tools", NAMED)]
THINKINGS = [good("disabled", {"type": "disabled"}), good("adaptive", {"type": "adaptive"}), good("null", None), bad("unknown", {"type": "x"}),
             bad("no budget", {"type": "enabled"}), bad("text", "x")]
OUTPUT_CONFIGS = [good("nothing", {}), good("null", None), good("effort", {"effort": "low"}),
                  bad("unknown effort", {"effort": "x"}), bad("text", "x")]
MESSAGES = {
    "model": COMMON["model"],
    "max_tokens": COMMON["max_tokens"],
    "messages": CONVERSATIONS,
    "system": SYSTEM,
    "stop_sequences": [good("one", ["."]), good("two", ["2", "zz"]), good("none", []), good("null", None), bad("text", "."), bad("empty", [""]),
                       bad("number in it", [5]), bad("5 texts", ["q1", "q2", "q3", "q4", "q5"]), bad("17 texts", ["q"] * 17)],
    "stream": COMMON["stream"],
    "temperature": number([0, 0.7, 1], [2.1, -1]),
    "top_p": number([0.5, 1], [0, 1.5], **DRAW),
    "top_k": number([1, 5, 0], [-2, 1.5], **DRAW),
    "tools": TOOL_LISTS,
    "tool_choice": CHOICES + [good("any", {"type": "any"}, tools=TOOLS, max_tokens=60, stream=False),
                              good("any in a stream", {"type": "any"}, tools=TOOLS, max_tokens=60, stream=True),
                              good("any and one call", {"type": "any", "disable_parallel_tool_use": True}, tools=TOOLS, max_tokens=60),
                              bad("text for one call", {"type": "any", "disable_parallel_tool_use": "x"}, tools=TOOLS),
                              good("named", NAMED, tools=TOOLS, max_tokens=60, stream=False),
                              good("named in a stream", NAMED, tools=TOOLS, max_tokens=60, stream=True),
                              bad("named and cut off", NAMED, tools=TOOLS, max_tokens=2, stream=False),
                              bad("named and cut off in a stream", NAMED, tools=TOOLS, max_tokens=2, stream=True)],
    "metadata": [good("a user", {"user_id": "me"}), good("none", {}), good("null", None), bad("text", "x")],
    "thinking": THINKINGS + [good("a budget", {"type": "enabled", "budget_tokens": 1024}, max_tokens=1100, stop_sequences=["2"], stream=False),
                             good("a budget in a stream", {"type": "enabled", "budget_tokens": 1024}, max_tokens=1100, stop_sequences=["2"],
                                  stream=True),
                             bad("a budget too small", {"type": "enabled", "budget_tokens": 5}),
                             bad("a budget beyond max_tokens", {"type": "enabled", "budget_tokens": 1024})],
    "output_config": OUTPUT_CONFIGS + [good("json_schema", FORMAT, max_tokens=40, stream=False),
                                       good("json_schema in a stream", FORMAT, max_tokens=40, stream=True),
                                       bad("format without a schema", {"format": {"type": "json_schema"}}),
                                       bad("schema of text", {"format": {"type": "json_schema", "schema": "x"}}),
                                       bad("unknown format", {"format": {"type": "x", "schema": SCHEMA}})],
    "cache_salt": COMMON["cache_salt"],
    "service_tier": [good("auto", "auto"), good("standard_only", "standard_only"), good("null", None)],
    "chat_template_kwargs": [good("an object", {"enable_thinking": False}), good("null", None), bad("text", "x")],
    "vllm_xargs": COMMON["vllm_xargs"],
    "kv_transfer_params": COMMON["kv_transfer_params"],
    "not_a_field": COMMON["not_a_field"],
}
COUNT_TOKENS = {
    "model": COMMON["model"],
    "messages": CONVERSATIONS,
    "system": SYSTEM,
    "tools": TOOL_LISTS,
    "tool_choice": CHOICES,
    "thinking": THINKINGS,
    "output_config": OUTPUT_CONFIGS,
}
# What goes along with a field that is under test, without touching it.
MESSAGES_COMPANIONS = [("top_p", 0.9), ("top_k", 40), ("stop_sequences", ["zz"]), ("stream", True), ("metadata", {"user_id": "someone"}),
                       ("not_known_anywhere", [1])]
