"""Answers of /v1/responses and /v1/messages, whole or streamed, taken apart for a comparison."""

import json

from compare_answers import choices_of, usage_of

DELTAS = ("response.output_text.delta", "response.reasoning_text.delta", "response.function_call_arguments.delta")
ENDS = ("response.completed", "response.incomplete", "response.failed")
DELTA_TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


def new_choice():
    return {"text": "", "role": "assistant", "calls": [], "items": [], "finish_reason": None, "stop_reason": None, "token_ids": [],
            "logprobs": []}


def text_of_item(item):
    """All that an item of a response says."""
    return item.get("arguments") or "".join(part["text"] for part in item.get("content") or [])


def logprobs_of_parts(parts):
    return [(one["token"], one["logprob"], {top["token"]: top["logprob"] for top in one["top_logprobs"]})
            for part in parts for one in part.get("logprobs") or []]


def response_of(answer):
    """The response itself, of a stream the last one."""
    return [event["response"] for event in answer.events if event != "[DONE]" and event["type"] in ENDS][-1] if answer.is_stream else answer.json


def streamed_items(answer):
    """What the deltas of a stream add up to, and the items that it calls done."""
    built, done = {}, {}
    for event in answer.bodies():
        if event["type"] == "response.output_item.added":
            built[event["output_index"]] = {**event["item"], "text": "", "logprobs": []}
        elif event["type"] in DELTAS:
            built[event["output_index"]]["text"] += event["delta"]
            built[event["output_index"]]["logprobs"] += logprobs_of_parts([event])
        elif event["type"] == "response.output_item.done":
            done[event["output_index"]] = event["item"]
    return [built[index] for index in sorted(built)], [done[index] for index in sorted(done)]


def items_of_response(answer):
    """The items of a response with `text` and `logprobs`; of a stream with those of the deltas."""
    items = response_of(answer)["output"]
    if not answer.is_stream:
        return [{**item, "text": text_of_item(item), "logprobs": logprobs_of_parts(item.get("content") or [])} for item in items]
    built, _ = streamed_items(answer)
    return [{**one, "status": item.get("status")} for one, item in zip(built, items)]


def choice_of_response(answer):
    response, choice = response_of(answer), new_choice()
    choice["finish_reason"] = (response.get("incomplete_details") or {}).get("reason") or response["status"]
    for item in items_of_response(answer):
        choice["items"].append(f"{item['type']} {item.get('status')}")
        choice["logprobs"] += item["logprobs"]
        if item["type"] == "function_call":
            choice["calls"].append([item["name"], item["text"]])
        else:
            choice["text"] += item["text"]
    return choice


def message_of(answer):
    """The message itself, of a stream what its events add up to: blocks, how it ended, usage."""
    if not answer.is_stream:
        return answer.json
    message, blocks = {}, {}
    for event in answer.bodies():
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            blocks[event["index"]] = {**event["content_block"], "streamed": ""}
        elif event["type"] == "content_block_delta":
            blocks[event["index"]]["streamed"] += event["delta"].get(DELTA_TEXTS.get(event["delta"]["type"]), "")
        elif event["type"] == "message_delta":
            message = {**message, **event["delta"], "usage": {**message["usage"], **event["usage"]}}
    return {**message, "content": list(blocks.values())}


def arguments_of(block):
    """As one text, however a server writes JSON."""
    if "streamed" not in block:
        return json.dumps(block["input"], sort_keys=True)
    try:
        return json.dumps(json.loads(block["streamed"]), sort_keys=True)
    except ValueError:
        return block["streamed"]


def choice_of_message(answer):
    message, choice = message_of(answer), new_choice()
    choice["finish_reason"], choice["stop_reason"] = message.get("stop_reason"), message.get("stop_sequence")
    for block in message["content"]:
        choice["items"].append(block["type"])
        if block["type"] == "tool_use":
            choice["calls"].append([block["name"], arguments_of(block)])
        else:
            choice["text"] += block.get("streamed", block.get("text") or block.get("thinking") or "")
    return choice


def usage_of_response(answer):
    return {name: value for name, value in response_of(answer)["usage"].items() if isinstance(value, int)}


def usage_of_message(answer):
    """Which of the prompt's tokens were cached depends on what went before: they count as one."""
    usage = message_of(answer)["usage"]
    return {"input": sum(value for name, value in usage.items() if name.endswith("input_tokens")), "output": usage["output_tokens"]}


def runs_of(names):
    """Without repetitions in a row: in how many pieces a text came."""
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def order_of(answer):
    return runs_of([event["type"] for event in answer.bodies() if event["type"] != "ping"])


def framing_of_items(answer):
    """How a stream is cut, in terms that do not depend on how fast tokens came."""
    events = answer.bodies()
    framing = {"ends with [DONE]": answer.events[-1:] == ["[DONE]"],
               "names of events are their types": answer.names == [event["type"] for event in events]}
    if any("sequence_number" in event for event in events):
        built, done = streamed_items(answer)
        framing["numbered from 0"] = [event.get("sequence_number") for event in events] == list(range(len(events)))
        framing["deltas, items and response agree"] = (
            response_of(answer)["output"] == done and [item["text"] for item in built] == [text_of_item(item) for item in done])
    else:
        starts = [event["index"] for event in events if event["type"] == "content_block_start"]
        framing["blocks numbered from 0"] = starts == list(range(len(starts)))
    return framing


def parts_of(route, answer):
    """The choices of an answer of any route that generates, by index."""
    if route == "responses":
        return {0: choice_of_response(answer)}
    return {0: choice_of_message(answer)} if route == "messages" else choices_of(answer)


def counts_of(route, answer):
    return usage_of_response(answer) if route == "responses" else usage_of_message(answer) if route == "messages" else usage_of(answer)


def probe_of(request):
    """Route, path and body that ask for the same tokens with their log-probabilities; None if there is no such body."""
    body = {name: value for name, value in request.body.items() if name not in ("stream", "stream_options", "echo", "logprobs", "top_logprobs")}
    if request.route == "completions":
        return "completions", request.path, {**body, "logprobs": 20, "return_tokens_as_token_ids": True}
    if request.route == "chat":
        return "chat", request.path, {**body, "logprobs": True, "top_logprobs": 20, "return_tokens_as_token_ids": True}
    if request.route == "responses":
        return "responses", request.path, {**body, "include": ["message.output_text.logprobs"], "top_logprobs": 20}
    # The Messages API has no log-probabilities, but a chat with the same texts has.
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    if body.get("tools") or body.get("output_config") or not all(isinstance(one["content"], str) for one in system + body["messages"]):
        return None
    sampling = {"stop" if name == "stop_sequences" else name: value for name, value in body.items()
                if name in ("model", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences")}
    return "chat", "/v1/chat/completions", {**sampling, "messages": system + body["messages"], "logprobs": True, "top_logprobs": 20,
                                            "return_tokens_as_token_ids": True}
