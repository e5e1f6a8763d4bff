"""The fields of a server's requests with values that are good, at the border or wrong, and requests made of them."""

import random

CAPITAL = "The capital of France is"
SUM = "17 + 25 ="
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["b", "c"]}}, "required": ["a"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "now", "description": "The time", "parameters": {
    "type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}}}]
NAMED = {"type": "function", "function": {"name": "now"}}
IDS = [299, 361, 301, 492, 397, 763, 602, 298]  # CAPITAL for the demo


class Case:
    """One value of a field. `more`: other members that it needs. `accepted`: whether it can have companions."""

    def __init__(self, label, value, accepted=True, **more):
        self.label, self.value, self.accepted, self.more = label, value, accepted, more


def good(label, value, **more):
    return Case(label, value, True, **more)


def bad(label, value, **more):
    return Case(label, value, False, **more)


def switch(**more):
    return [good("true", True, **more), good("false", False, **more), bad("text", "x", **more), bad("list", [], **more)]


def number(goods, bads, **more):
    return [good(str(v), v, **more) for v in goods] + [bad(str(v), v, **more) for v in bads] + [bad("text", "x"), good("null", None)]


def text(*goods):
    return [good(v or "empty", v) for v in goods] + [bad("number", 5), bad("list", []), good("null", None)]


DRAW = {"temperature": 0.9, "seed": 3}
COMMON = {
    "model": [good("its name", "demo"), good("null", None), good("empty", ""), bad("unknown", "nope"), bad("number", 5)],
    "max_tokens": [good("1", 1), good("12", 12), good("null", None), bad("0", 0), bad("-1", -1), bad("1.5", 1.5), bad("text", "x"),
                   bad("digits", "5"), bad("true", True), bad("beyond the context", 100000)],
    "temperature": number([0, 0.7, 2, 0.005], [2.1, -1, 1e400]),
    "top_p": number([0.5, 1, 0.0001], [0, 1.5, -1], **DRAW),
    "top_k": number([0, -1, 1, 5], [-2, 1.5], **DRAW),
    "min_p": number([0, 0.1, 1], [-0.1, 1.1], **DRAW),
    "presence_penalty": number([0, 0.5, -2], [2.5, -3]),
    "frequency_penalty": number([0, 0.5, -2], [2.5, -3]),
    "repetition_penalty": number([1, 1.1], [0, -1]),
    "n": [good("1", 1), good("2 drawn", 2, **DRAW), good("3 drawn", 3, **DRAW), bad("2 greedy", 2), bad("0", 0), bad("-1", -1),
          bad("text", "x"), bad("null", None), bad("17", 17, **DRAW), bad("20000", 20000, **DRAW)],
    "seed": number([0, 1, -1, 2**63 - 1], [2**63, 1.5]),
    "stop": [good("text", "."), good("two", [".", "zz"]), good("none", []), good("null", None), bad("empty", ""), bad("list of empty", [""]),
             bad("number", 5), bad("list of number", [5]), bad("5 texts", ["q1", "q2", "q3", "q4", "q5"]), bad("17 texts", ["q"] * 17)],
    "stop_token_ids": [good("one", [3]), good("none", []), good("null", None), bad("text", "x"), bad("list of text", ["x"]),
                       bad("negative", [-1]), bad("beyond the vocabulary", [99999])],
    "include_stop_str_in_output": switch(stop=["."]),
    "ignore_eos": switch(max_tokens=12),
    "min_tokens": number([0, 3], [-1, 20, 1.5], max_tokens=12),
    "skip_special_tokens": switch(),
    "spaces_between_special_tokens": switch(),
    "logit_bias": [good("one", {"20": -5}), good("none", {}), good("null", None), good("beyond 100", {"20": -200}),
                   bad("beyond the vocabulary", {"99999": 1}), bad("negative id", {"-1": 1}), bad("key of letters", {"x": 1}),
                   bad("text", {"20": "x"}), bad("number", 5)],
    "stream": [good("true", True), good("false", False), good("null", None), bad("text", "x")],
    "stream_options": [good("usage", {"include_usage": True}, stream=True), good("no usage", {"include_usage": False}, stream=True),
                       good("continuous", {"include_usage": True, "continuous_usage_stats": True}, stream=True),
                       good("continuous alone", {"continuous_usage_stats": True}, stream=True), good("nothing", {}, stream=True),
                       good("null", None), bad("without stream", {"include_usage": True}), bad("nothing without stream", {}),
                       bad("text", {"include_usage": "x"}, stream=True), bad("number", 5, stream=True)],
    "return_token_ids": switch(),
    "prompt_logprobs": [good("0", 0), good("2", 2), good("null", None), bad("-1", -1), bad("-2", -2), bad("21", 21), bad("text", "2"),
                        bad("1 with stream", 1, stream=True), good("0 with stream", 0, stream=True)],
    "allowed_token_ids": [good("some", list(range(2, 60))), good("null", None), bad("none", []), bad("beyond the vocabulary", [99999]),
                          bad("negative", [-1]), bad("text", "x")],
    "bad_words": [good("one", ["Paris"]), good("none", []), bad("empty", [""]), bad("number", [5]), bad("text", "x"),
                  bad("129", [f"q{i}" for i in range(129)])],
    "truncate_prompt_tokens": [good("3", 3), good("-1", -1), good("null", None), bad("0", 0), bad("-2", -2), bad("beyond the context", 99999),
                               bad("text", "x")],
    "truncation_side": [good("left", "left", truncate_prompt_tokens=3), good("right", "right", truncate_prompt_tokens=3),
                        good("null", None, truncate_prompt_tokens=3), bad("unknown", "middle"), bad("number", 5)],
    "response_format": [good("text", {"type": "text"}), good("null", None),
                        good("json_schema", {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, max_tokens=40),
                        good("json_object", {"type": "json_object"}, max_tokens=8), bad("no schema", {"type": "json_schema"}),
                        bad("unknown", {"type": "x"}), bad("number", 5), bad("nothing", {})],
    "structured_outputs": [good("choice", {"choice": ["aba", "bab"]}), good("regex", {"regex": "[ab]{3}"}),
                           good("json", {"json": SCHEMA}, max_tokens=40),
                           good("json as text", {"json": '{"enum": [1, 2]}'}), good("grammar", {"grammar": "root ::= [ab] [ab]"}),
                           good("null", None), bad("two kinds", {"regex": "a", "choice": ["a"]}), bad("nothing", {}), bad("text", "x"),
                           bad("open regex", {"regex": "("}), bad("bad grammar", {"grammar": "root :: x"}), bad("no choices", {"choice": []}),
                           bad("choice of number", {"choice": [5]}), bad("regex of number", {"regex": 5}),
                           bad("structural tag", {"structural_tag": "x"})],
    "priority": [good("0", 0), bad("1", 1), bad("text", "x"), bad("null", None)],
    "request_id": [good("a name", "abc"), bad("number", 5), bad("list", []), bad("null", None)],
    "user": text("me", ""),
    "add_special_tokens": switch(),
    "use_beam_search": [good("false", False), bad("true", True), bad("text", "x")],
    "length_penalty": [good("1", 1.0), good("2", 2.0), bad("text", "x")],
    "cache_salt": text("salt"),
    "session_id": text("a", ""),
    "stream_interval": [good("1", 1, stream=True), good("4", 4, stream=True), bad("0", 0, stream=True), bad("text", "x")],
    "vllm_xargs": [good("an object", {"a": 1}), good("null", None), bad("text", "x")],
    "thinking_token_budget": [good("null", None), bad("5", 5), bad("text", "x")],
    "repetition_detection": [good("null", None), bad("an object", {"max_pattern_size": 2, "min_count": 3}), bad("text", "x")],
    "kv_transfer_params": [good("null", None), good("an object", {"a": 1}), bad("text", "x")],
    "not_a_field": [good("number", 5), good("text", "x"), good("list", [])],
}
COMPLETION = {
    "prompt": [good("text", SUM), good("texts", [CAPITAL, SUM]), good("ids", IDS), good("lists of ids", [IDS, [30]]),
               good("one text in a list", [SUM]),
               bad("empty", ""), bad("no texts", []), bad("empty text in a list", [CAPITAL, ""]), bad("empty ids in a list", [[]]),
               bad("negative id", [-1]),
               bad("id beyond the vocabulary", [99999]), bad("null", None), bad("number", 5), bad("mixed", ["a", 5]),
               bad("too long", [20] * 3000)],
    "logprobs": [good("0", 0), good("1", 1), good("5", 5), good("20", 20), good("null", None), bad("21", 21), bad("-1", -1), bad("-2", -2),
                 bad("text", "2"), bad("true", True), bad("1.5", 1.5)],
    "return_tokens_as_token_ids": switch(logprobs=2),
    "echo": switch() + [good("true with logprobs", True, logprobs=2), good("true with token ids", True, return_token_ids=True, stream=False),
                        good("true in a stream", True, stream=True),
                        good("true and nothing generated", True, max_tokens=0, min_tokens=0, return_token_ids=False),
                        good("true and nothing generated with logprobs", True, max_tokens=0, min_tokens=0, return_token_ids=False, logprobs=1)],
    "suffix": [good("null", None), good("empty", ""), bad("text", "x"), bad("number", 5)],
    "best_of": [good("1", 1), bad("2", 2), good("null", None)],
    "logprob_token_ids": [good("two", [20, 21], logprobs=1), bad("without logprobs", [20]), bad("beyond the vocabulary", [99999], logprobs=1),
                          bad("text", "x", logprobs=1)],
}
COMPLETION["structured_outputs"] = COMMON["structured_outputs"] + [
    good("choice with log-probabilities", {"choice": ["aba", "bab"]}, logprobs=2)]
USER = {"role": "user", "content": SUM}


def after(*messages):
    return [USER, *messages]


CHAT = {
    "messages": [
        good("user", [USER]), good("system and user", [{"role": "system", "content": "Add."}, USER]),
        good("three turns", after({"role": "assistant", "content": "42"}, {"role": "user", "content": "25 + 17 ="})),
        good("parts", [{"role": "user", "content": [{"type": "text", "text": SUM}]}]),
        good("developer", [{"role": "developer", "content": "Add."}, USER]), good("assistant last", after({"role": "assistant", "content": "4"})),
        good("content null", after({"role": "assistant", "content": None}, USER)), good("a name", [{**USER, "name": "me"}]),
        good("a tool's result", after(
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function",
                                                                   "function": {"name": "now", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "12"})),
        good("a control token", [{"role": "user", "content": "a<|end_of_sentence|>b"}], return_token_ids=True),
        good("unknown role", [{"role": "judge", "content": "x"}, USER]), bad("none", []), bad("text", "x"), bad("null", None),
        bad("no role", [{"content": "x"}]), bad("no content", [{"role": "user"}]), bad("content of number", [{"role": "user", "content": 5}]),
        bad("image", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]),
        bad("list of text", ["x"]), bad("too long", [{"role": "user", "content": "a b " * 3000}])],
    "logprobs": switch() + [good("null", None)],
    "top_logprobs": [good("0", 0, logprobs=True), good("3", 3, logprobs=True), good("20", 20, logprobs=True), good("null", None, logprobs=True),
                     bad("21", 21, logprobs=True), bad("-1", -1, logprobs=True), bad("-2", -2, logprobs=True), bad("2 without logprobs", 2),
                     bad("text", "2", logprobs=True)],
    "return_tokens_as_token_ids": switch(logprobs=True, top_logprobs=2),
    "echo": [good("true", True, messages=after({"role": "assistant", "content": "4"}), add_generation_prompt=False, continue_final_message=True),
             good("false", False), bad("text", "x")],
    "max_completion_tokens": [good("1", 1), good("12", 12), good("null", None), bad("0", 0), bad("-1", -1), bad("text", "x")],
    "tools": [good("one", TOOLS, tool_choice="none"), good("null", None), bad("none", []), bad("text", "x"),
              bad("no name", [{"type": "function", "function": {}}]),
              bad("unknown type", [{"type": "x", "function": {"name": "now"}}])],
    "tool_choice": [good("none", "none", tools=TOOLS), good("required", "required", tools=TOOLS, max_tokens=60, stream=False),
                    good("named", NAMED, tools=TOOLS, max_tokens=60, stream=False),
                    good("named in a stream", NAMED, tools=TOOLS, max_tokens=60, stream=True),
                    good("required in a stream", "required", tools=TOOLS, max_tokens=60, stream=True),
                    good("null", None), bad("auto without tools", "auto"), bad("required without tools", "required"),
                    bad("unknown", "x", tools=TOOLS),
                    bad("unknown name", {"type": "function", "function": {"name": "then"}}, tools=TOOLS),
                    bad("no name", {"type": "function", "function": {}}, tools=TOOLS), bad("number", 5, tools=TOOLS),
                    bad("named beside a format", NAMED, tools=TOOLS, structured_outputs={"regex": "a"})],
    "parallel_tool_calls": switch() + [good("null", None)],
    "reasoning_effort": [good("low", "low"), good("null", None), bad("unknown", "x"), bad("number", 5)],
    "include_reasoning": switch() + [good("false with token ids", False, return_token_ids=True, stream=False)],
    "add_generation_prompt": switch() + [good("false in a stream", False, stream=True)],
    "continue_final_message": [good("true", True, messages=after({"role": "assistant", "content": "4"}), add_generation_prompt=False),
                               good("false", False),
                               bad("true with a generation prompt", True, messages=after({"role": "assistant", "content": "4"}),
                                   add_generation_prompt=True),
                               bad("text", "x")],
    "chat_template": [bad("a template", "{{ messages }}"), good("null", None), bad("number", 5)],
    "chat_template_kwargs": [good("an object", {"enable_thinking": False}), good("null", None), bad("text", "x")],
    "return_prompt_text": [good("true", True, stream=False), good("true in a stream", True, stream=True), good("null", None), bad("text", "x")],
    "documents": [good("one", [{"title": "a", "text": "b"}]), good("null", None), bad("text", "x")],
    "logprob_token_ids": [good("two", [20, 21], logprobs=True), bad("without logprobs", [20]), bad("text", "x", logprobs=True)],
}
TOKENIZE = {
    "prompt": [good("text", CAPITAL), good("empty", ""), good("with a special token", "a</s>b"), good("other scripts", "法国 é \U0001F600"),
               bad("number", 5), bad("list", ["a"]), bad("null", None)],
    "model": [good("its name", "demo"), good("null", None), bad("unknown", "nope")],
    "add_special_tokens": switch(),
    "return_token_strs": switch() + [good("null", None)],
    "messages": [good("user", [USER]), bad("text", "x"), bad("none", [])],
    "add_generation_prompt": switch(messages=[USER]),
}
DETOKENIZE = {
    "tokens": [good("some", IDS), good("none", []), good("special", [1, 20, 2]), bad("text", "x"), bad("list of text", ["x"]),
               bad("negative", [-1]), bad("beyond the vocabulary", [99999]),
               bad("null", None)],
    "model": [good("its name", "demo"), good("null", None), bad("unknown", "nope")],
}
ROUTES = {
    "completions": ("/v1/completions", {"model": "demo", "prompt": CAPITAL, "max_tokens": 8, "temperature": 0}, {**COMMON, **COMPLETION}),
    "chat": ("/v1/chat/completions", {"model": "demo", "messages": [USER], "max_tokens": 8, "temperature": 0}, {**COMMON, **CHAT}),
    "tokenize": ("/tokenize", {"model": "demo", "prompt": CAPITAL}, TOKENIZE),
    "detokenize": ("/detokenize", {"model": "demo", "tokens": IDS}, DETOKENIZE),
}
# Requests that are no combination of fields: name, method, path, body, headers.
JSON_TYPE = {"Content-Type": "application/json"}
PLAIN = [("GET " + path, "GET", path, None, {}) for path in
         ("/health", "/ping", "/version", "/load", "/v1/models", "/v1/models/demo", "/v1/nothing", "/v1/completions", "/openapi.json",
          "/metrics")]
PLAIN += [("POST /ping", "POST", "/ping", None, {}), ("POST /v1/models", "POST", "/v1/models", "{}", JSON_TYPE)]
PLAIN += [(f"{name} {label}", "POST", ROUTES[name][0], body, headers) for name in ("completions", "chat", "tokenize") for label, body,
          headers in (
    ("body: no JSON", "{", JSON_TYPE), ("body: list", "[]", JSON_TYPE), ("body: number", "5", JSON_TYPE), ("body: null", "null", JSON_TYPE),
    ("body: nothing", "", JSON_TYPE), ("body: empty object", "{}", JSON_TYPE), ("type: text", '{"prompt": "a"}', {"Content-Type": "text/plain"}))]
# What goes along with a field that is under test, without touching it.
COMPANIONS = [("seed", 7), ("user", "someone"), ("top_p", 0.9), ("min_p", 0.05), ("skip_special_tokens", True), ("stop", ["zz"]),
              ("return_token_ids", True),
              ("stream", True), ("logit_bias", {"900": -10}), ("presence_penalty", 0), ("min_tokens", 1), ("not_known_anywhere", [1])]
NO_STREAM = {"prompt_logprobs", "use_beam_search", "stream_options"}


class Request:
    def __init__(self, name, method, path, body, headers, route=None, field=None, label=None):
        self.name, self.method, self.path, self.body, self.headers = name, method, path, body, headers
        self.route, self.field, self.label = route, field, label

    def is_greedy(self):
        body = self.body if isinstance(self.body, dict) else {}
        return body.get("temperature") == 0 or body.get("top_k") == 1


def combine(route, field, case, chance):
    """The request that tests a value, along with others picked by `chance`."""
    path, base, _ = ROUTES[route]
    body = {**base, **case.more, field: case.value}
    if field == "messages" and route == "tokenize" or "messages" in case.more:
        body.pop("prompt", None)
    if case.accepted and route in ("completions", "chat"):
        for name, value in chance.sample(COMPANIONS, chance.randint(0, 3)):
            if name not in body and not (name == "stream" and field in NO_STREAM):
                body[name] = value
    return Request(f"{route} {field}: {case.label}", "POST", path, body, JSON_TYPE, route, field, case.label)


def requests_of(seed, at_least):
    """Every value of the table once, what has no fields, and more until there are `at_least`. The order is the seed's."""
    chance = random.Random(seed)
    cases = [(route, field, case) for route, (_, _, fields) in ROUTES.items() for field, values in fields.items() for case in values]
    chosen = list(cases)
    while len(chosen) + len(PLAIN) < at_least:
        chosen.append(chance.choice(cases))
    requests = [combine(*one, chance) for one in chosen] + [Request(*plain) for plain in PLAIN]
    chance.shuffle(requests)
    return requests


def uses_of_fields(requests):
    """How many requests of a route hold each field of the table."""
    uses = {(route, field): 0 for route, (_, _, fields) in ROUTES.items() for field in fields}
    for request in requests:
        for field in request.body if request.route else ():
            if (request.route, field) in uses:
                uses[request.route, field] += 1
    return uses
