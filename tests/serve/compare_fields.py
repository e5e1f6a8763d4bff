"""The fields of a server's requests with values that are good, at the border or wrong, and requests made of them."""

import random

from compare_cases import CAPITAL, SUM, USER, ZONE, after, bad, good, switch
from compare_fields_common import COMMON
from compare_fields_messages import COUNT_TOKENS, MESSAGES, MESSAGES_COMPANIONS
from compare_fields_responses import RESPONSES, RESPONSES_COMPANIONS

TOOLS = [{"type": "function", "function": {"name": "now", "description": "The time", "parameters": ZONE}}]
NAMED = {"type": "function", "function": {"name": "now"}}
IDS = [299, 361, 301, 492, 397, 763, 602, 298]  # CAPITAL for the demo
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
                        good("true and nothing generated", True, max_tokens=0, min_tokens=0, return_token_ids=False, stream=False),
                        good("true and nothing generated with logprobs", True, max_tokens=0, min_tokens=0, return_token_ids=False, logprobs=1)],
    "suffix": [good("null", None), good("empty", ""), bad("text", "x"), bad("number", 5)],
    "best_of": [good("1", 1), bad("2", 2), good("null", None)],
    "logprob_token_ids": [good("two", [20, 21], logprobs=1), bad("without logprobs", [20]), bad("beyond the vocabulary", [99999], logprobs=1),
                          bad("text", "x", logprobs=1)],
}
COMPLETION["structured_outputs"] = COMMON["structured_outputs"] + [
    good("choice with log-probabilities", {"choice": ["aba", "bab"]}, logprobs=2)]
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
# What goes along with a field that is under test, without touching it.
COMPANIONS = [("seed", 7), ("user", "someone"), ("top_p", 0.9), ("min_p", 0.05), ("skip_special_tokens", True), ("stop", ["zz"]),
              ("return_token_ids", True),
              ("stream", True), ("logit_bias", {"900": -10}), ("presence_penalty", 0), ("min_tokens", 1), ("not_known_anywhere", [1])]
NO_STREAM = {"prompt_logprobs", "use_beam_search", "stream_options"}
# For each route: path, what every request holds, the fields, companions.
ROUTES = {
    "completions": ("/v1/completions", {"model": "demo", "prompt": CAPITAL, "max_tokens": 8, "temperature": 0}, {**COMMON, **COMPLETION},
                    COMPANIONS),
    "chat": ("/v1/chat/completions", {"model": "demo", "messages": [USER], "max_tokens": 8, "temperature": 0}, {**COMMON, **CHAT}, COMPANIONS),
    "responses": ("/v1/responses", {"model": "demo", "input": SUM, "max_output_tokens": 8, "temperature": 0}, RESPONSES, RESPONSES_COMPANIONS),
    "messages": ("/v1/messages", {"model": "demo", "messages": [USER], "max_tokens": 8, "temperature": 0}, MESSAGES, MESSAGES_COMPANIONS),
    "count_tokens": ("/v1/messages/count_tokens", {"model": "demo", "messages": [USER]}, COUNT_TOKENS, []),
    "tokenize": ("/tokenize", {"model": "demo", "prompt": CAPITAL}, TOKENIZE, []),
    "detokenize": ("/detokenize", {"model": "demo", "tokens": IDS}, DETOKENIZE, []),
}
# Where a stream is made otherwise than a whole answer, and not only cut into pieces.
HALF_STREAMED = ("responses", "messages")
# Requests that are no combination of fields: name, method, path, body, headers.
JSON_TYPE = {"Content-Type": "application/json"}
PLAIN = [("GET " + path, "GET", path, None, {}) for path in
         ("/health", "/ping", "/version", "/load", "/v1/models", "/v1/models/demo", "/v1/nothing", "/v1/completions", "/openapi.json",
          "/metrics", "/v1/responses/resp_x", "/v1/messages")]
PLAIN += [("POST " + path, "POST", path, body, JSON_TYPE if body else {}) for path, body in
          (("/ping", None), ("/v1/models", "{}"), ("/v1/responses/resp_x/cancel", "{}"))]
PLAIN += [(f"{name} {label}", "POST", ROUTES[name][0], body, headers)
          for name in ("completions", "chat", "responses", "messages", "count_tokens", "tokenize") for label, body, headers in (
    ("body: no JSON", "{", JSON_TYPE), ("body: list", "[]", JSON_TYPE), ("body: number", "5", JSON_TYPE), ("body: null", "null", JSON_TYPE),
    ("body: nothing", "", JSON_TYPE), ("body: empty object", "{}", JSON_TYPE), ("type: text", '{"prompt": "a"}', {"Content-Type": "text/plain"}))]
PLAIN += [(f"messages without {name}", "POST", "/v1/messages", {k: v for k, v in ROUTES["messages"][1].items() if k != name}, JSON_TYPE)
          for name in ("model", "messages", "max_tokens")]


class Request:
    def __init__(self, name, method, path, body, headers, route=None, field=None, label=None):
        self.name, self.method, self.path, self.body, self.headers = name, method, path, body, headers
        self.route, self.field, self.label = route, field, label

    def is_greedy(self):
        body = self.body if isinstance(self.body, dict) else {}
        return body.get("temperature") == 0 or body.get("top_k") == 1


def combine(route, field, case, chance):
    """The request that tests a value, along with others picked by `chance`."""
    path, base, _, companions = ROUTES[route]
    body = {**base, **case.more, field: case.value}
    if field == "messages" and route == "tokenize" or "messages" in case.more:
        body.pop("prompt", None)
    if case.accepted and companions:
        for name, value in chance.sample(companions, chance.randint(0, 3)):
            if name not in body and not (name == "stream" and field in NO_STREAM):
                body[name] = value
        if route in HALF_STREAMED and chance.random() < 0.5:
            body.setdefault("stream", True)
    return Request(f"{route} {field}: {case.label}", "POST", path, body, JSON_TYPE, route, field, case.label)


def requests_of(seed, at_least):
    """Every value of the table once, what has no fields, and more until there are `at_least`. The order is the seed's."""
    chance = random.Random(seed)
    cases = [(route, field, case) for route, (_, _, fields, _) in ROUTES.items() for field, values in fields.items() for case in values]
    chosen = list(cases)
    while len(chosen) + len(PLAIN) < at_least:
        chosen.append(chance.choice(cases))
    requests = [combine(*one, chance) for one in chosen] + [Request(*plain) for plain in PLAIN]
    chance.shuffle(requests)
    return requests


def uses_of_fields(requests):
    """How many requests of a route hold each field of the table."""
    uses = {(route, field): 0 for route, (_, _, fields, _) in ROUTES.items() for field in fields}
    for request in requests:
        for field in request.body if request.route else ():
            if (request.route, field) in uses:
                uses[request.route, field] += 1
    return uses
