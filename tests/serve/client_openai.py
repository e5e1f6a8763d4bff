"""Every endpoint and field that `openai` knows and the server has. usage: client_openai.py URL [--behind-router]"""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="x", max_retries=0)
MODEL = client.models.list().data[0].id
assert client.models.retrieve(MODEL).id == MODEL
PROMPT = "The capital of France is"
MESSAGES = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "get_time", "description": "The time", "parameters": {
    "type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}}}]
checks = 0


def check(condition, text):
    global checks
    checks += 1
    assert condition, text


def text_of(stream):
    return "".join(chunk.choices[0].text for chunk in stream if chunk.choices)


def chat_text_of(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


greedy = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=6, temperature=0)
check(greedy.choices[0].text == " Paris.\n", greedy)
check(greedy.usage.total_tokens == greedy.usage.prompt_tokens + greedy.usage.completion_tokens, greedy.usage)
check(text_of(client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=6, temperature=0, stream=True)) == " Paris.\n", "stream")
for field, value in {"best_of": 1, "echo": True, "frequency_penalty": 0.5, "logit_bias": {"20": -5}, "logprobs": 3, "n": 1, "presence_penalty": 0.5,
                     "seed": 3, "stop": ["zz"], "suffix": None, "top_p": 0.9, "user": "me", "extra_body": {"min_tokens": 2, "top_k": 5}}.items():
    reply = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=4, temperature=0.7, **{field: value})
    check(reply.choices[0].finish_reason in ("stop", "length"), (field, reply))
    with_stream = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=4, temperature=0.7, stream=True, **{field: value})
    check(list(with_stream)[-1].choices[0].finish_reason in ("stop", "length"), field)
chunks = list(client.completions.create(model=MODEL, prompt=[PROMPT, "a"], max_tokens=4, n=2, seed=1, stream=True,
                                        stream_options={"include_usage": True}))
check({c.index for chunk in chunks for c in chunk.choices} == {0, 1, 2, 3}, "choices")
check(chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices, "usage")

for field, value in {"frequency_penalty": 0.5, "logit_bias": {"20": -5}, "logprobs": True, "top_logprobs": 2, "max_completion_tokens": 4, "n": 2,
                     "presence_penalty": 0.5, "seed": 3, "stop": ["zz"], "top_p": 0.9, "user": "me", "response_format": {"type": "text"},
                     "metadata": {"a": "b"}, "store": False, "parallel_tool_calls": True, "tools": TOOLS, "service_tier": "auto",
                     "reasoning_effort": "low"}.items():
    more = {"logprobs": True} if field == "top_logprobs" else {}
    reply = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=4, **{field: value}, **more)
    check(reply.choices[0].message.role == "assistant", (field, reply))
    list(client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=4, stream=True, **{field: value}, **more))
whole = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8, seed=5)
check(chat_text_of(client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=8, seed=5, stream=True)) ==
      whole.choices[0].message.content, "chat stream")

named = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=TOOLS, max_tokens=60,
                                       tool_choice={"type": "function", "function": {"name": "get_time"}})
call = named.choices[0].message.tool_calls[0]
check(call.function.name == "get_time" and call.function.arguments in ('{"zone":"UTC"}', '{"zone":"CET"}'), named)
required = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=TOOLS, tool_choice="required", max_tokens=400)
if required.choices[0].finish_reason != "length":
    check(required.choices[0].finish_reason == "tool_calls" and required.choices[0].message.tool_calls, required)
schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["a"], "additionalProperties": False}
formatted = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=40, response_format={
    "type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}})
formatted_value = json.loads(formatted.choices[0].message.content)  # 2.0 is an integer of JSON Schema
check(list(formatted_value) == ["a"] and formatted_value["a"] in range(10), formatted)
for extra in ({"structured_outputs": {"regex": "[ab]{3}"}}, {"structured_outputs": {"choice": ["aba", "bab"]}},
              {"structured_outputs": {"grammar": 'root ::= [ab] [ab] [ab]'}}):
    reply = client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=20, extra_body=extra)
    check(len(reply.choices[0].text) == 3 and set(reply.choices[0].text) <= set("ab"), (extra, reply))

response = client.responses.create(model=MODEL, input="Hi", max_output_tokens=5, instructions="Be brief.", temperature=0.5,
                                   extra_body={"seed": 1})
check(response.status in ("completed", "incomplete") and response.output[0].type == "message", response)
with client.responses.stream(model=MODEL, input=[{"role": "user", "content": "Hi"}], max_output_tokens=5) as stream:
    kinds = [event.type for event in stream]
    check(kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds)

flat = [{"type": "function", "name": "get_time", "parameters": TOOLS[0]["function"]["parameters"], "strict": True}]
forced = {"tools": flat, "tool_choice": {"type": "function", "name": "get_time"}}
called = client.responses.create(model=MODEL, input="Hi", max_output_tokens=60, **forced)
check(called.output[0].type == "function_call" and json.loads(called.output[0].arguments)["zone"] in ("UTC", "CET"), called)
with client.responses.stream(model=MODEL, input="Hi", max_output_tokens=60, **forced) as stream:
    kinds = [event.type for event in stream]
    final = stream.get_final_response()
    check(final.output[0].parsed_arguments["zone"] in ("UTC", "CET") and "response.function_call_arguments.done" in kinds, (final, kinds))
cut = client.responses.create(model=MODEL, input="Hi", max_output_tokens=2, **forced)
check((cut.status, cut.output[0].status, cut.incomplete_details.reason) == ("incomplete", "incomplete", "max_output_tokens"), cut)
turn = [{"role": "user", "content": "Hi"}, *[item.to_dict() for item in called.output],
        {"type": "function_call_output", "call_id": called.output[0].call_id, "output": "12:00"}]
check(client.responses.create(model=MODEL, input=turn, tools=flat, max_output_tokens=5).output, "history")
likely = client.responses.create(model=MODEL, input="17 + 25 =", max_output_tokens=5, temperature=0, top_logprobs=2,
                                 include=["message.output_text.logprobs"])
check(likely.output_text == "42" and len(likely.output[0].content[0].logprobs[0].top_logprobs) == 2, likely)
check(likely.usage.input_tokens_details.cache_write_tokens == 0 and likely.usage.output_tokens_details.reasoning_tokens == 0, likely.usage)
shaped = client.responses.create(model=MODEL, input="Hi", max_output_tokens=40, text={"format": {
    "type": "json_schema", "name": "x", "schema": schema, "strict": True}})
check(json.loads(shaped.output_text)["a"] in range(10), shaped)
for expected, bad in ((openai.BadRequestError, {"previous_response_id": "resp_x"}), (openai.BadRequestError, {"background": True}),
                      (openai.BadRequestError, {"input": []}), (openai.NotFoundError, {"model": "nope"})):
    try:
        client.responses.create(**{"model": MODEL, "input": "Hi", **bad})
        check(False, f"{bad} was accepted")
    except expected as error:
        check(error.body["message"], error.body)
for method in (client.responses.retrieve, client.responses.cancel):
    try:
        method("resp_x")
        check(False, "a response was stored")
    except openai.NotFoundError as error:
        check(error.body["message"], error.body)

for expected, bad in ((openai.NotFoundError, {"model": "nope"}), (openai.BadRequestError, {"temperature": 9}),
                      (openai.BadRequestError, {"prompt": ""}), (openai.BadRequestError, {"max_tokens": -1})):
    if "--behind-router" in sys.argv and "max_tokens" in bad:
        continue  # the router refuses it itself, in a form of its own
    try:
        client.completions.create(**{"model": MODEL, "prompt": PROMPT, **bad})
        check(False, f"{bad} was accepted")
    except expected as error:
        check(error.body["message"] and error.body["code"] == error.status_code, error.body)
print(f"{checks} checks")
