"""The Messages API as `anthropic` uses it. usage: client_anthropic.py URL"""

import json
import sys

import anthropic

client = anthropic.Anthropic(base_url=sys.argv[1], api_key="x", max_retries=0)
MESSAGES = [{"role": "user", "content": "Hi"}]
TOOL = {"name": "get_time", "description": "The time", "input_schema": {
    "type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}}
checks = 0


def check(condition, text):
    global checks
    checks += 1
    assert condition, text


for more in ({}, {"system": "Be brief."}, {"system": [{"type": "text", "text": "Be brief."}]}, {"extra_body": {"temperature": 0.5}}, {"extra_body": {"top_p": 0.9}},
             {"extra_body": {"top_k": 5}}, {"stop_sequences": ["zz"]}, {"metadata": {"user_id": "me"}}, {"tools": [TOOL]}, {"tools": [TOOL], "tool_choice": {"type": "none"}}):
    message = client.messages.create(model="ernie-demo", max_tokens=6, messages=MESSAGES, **more)
    check(message.stop_reason in ("end_turn", "max_tokens", "stop_sequence") and message.usage.output_tokens > 0, (more, message))
    with client.messages.stream(model="ernie-demo", max_tokens=6, messages=MESSAGES, **more) as stream:
        text = "".join(stream.text_stream)
        check(stream.get_final_message().content[0].text == text, more)
forced = client.messages.create(model="ernie-demo", max_tokens=60, messages=MESSAGES, tools=[TOOL], tool_choice={"type": "tool", "name": "get_time"})
check(forced.content[-1].type == "tool_use" and forced.content[-1].input["zone"] in ("UTC", "CET"), forced)
history = MESSAGES + [{"role": "assistant", "content": [b.model_dump() for b in forced.content if b.type == "tool_use"]},
                      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": forced.content[-1].id, "content": "12:00"},
                                                   {"type": "text", "text": "So?"}]}]
check(client.messages.create(model="ernie-demo", max_tokens=6, messages=history, tools=[TOOL]).role == "assistant", "history")
with client.messages.stream(model="ernie-demo", max_tokens=60, messages=MESSAGES, tools=[TOOL],
                            tool_choice={"type": "tool", "name": "get_time", "disable_parallel_tool_use": True}) as stream:
    kinds = [event.type for event in stream]
    final = stream.get_final_message()
    check(final.stop_reason == "tool_use" and final.content[-1].input["zone"] in ("UTC", "CET"), final)
    check(kinds[0] == "message_start" and kinds[-1] == "message_stop" and "input_json" in kinds, kinds)
many = client.messages.create(model="ernie-demo", max_tokens=200, messages=MESSAGES, tools=[TOOL],
                              tool_choice={"type": "any", "disable_parallel_tool_use": True})
check([block.type for block in many.content] == ["tool_use"], many)
begun = client.messages.create(model="ernie-demo", max_tokens=8, extra_body={"temperature": 0}, messages=[
    {"role": "user", "content": "17 + 25 ="}, {"role": "assistant", "content": "4"}])
check(begun.content[0].text == "2", begun)
formatted = client.messages.create(model="ernie-demo", max_tokens=60, messages=MESSAGES,
                                   extra_body={"output_config": {"format": {"type": "json_schema", "schema": TOOL["input_schema"]}}})
check(json.loads(formatted.content[0].text)["zone"] in ("UTC", "CET"), formatted)
stopped = client.messages.create(model="ernie-demo", max_tokens=8, extra_body={"temperature": 0}, stop_sequences=["2"], messages=[
    {"role": "user", "content": "17 + 25 ="}])
check((stopped.stop_reason, stopped.stop_sequence, stopped.content[0].text) == ("stop_sequence", "2", "4"), stopped)
count = client.messages.count_tokens(model="ernie-demo", messages=MESSAGES).input_tokens
check(count > 0, count)
for bad in ({"model": "nope"}, {"max_tokens": 0}, {"messages": []}):
    try:
        client.messages.create(**{"model": "ernie-demo", "max_tokens": 5, "messages": MESSAGES, **bad})
        check(False, f"{bad} was accepted")
    except anthropic.APIStatusError as error:
        check(error.body["type"] == "error" and error.status_code in (400, 404), error.body)
print(f"{checks} checks")
