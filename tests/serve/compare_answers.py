"""An answer of a server, whole or streamed, taken apart for a comparison."""

import http.client
import json
import urllib.parse


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.type = headers.get("content-type", "")
        self.is_stream = self.type.startswith("text/event-stream")
        self.events, self.names = [], []
        try:
            self.json = None if self.is_stream or not body else json.loads(body)
        except ValueError:
            self.json = None
        if self.is_stream:
            self.read_events(body.decode("utf-8", "replace"))

    def read_events(self, text):
        """Payloads, and what their `event:` lines call them; comments are none."""
        for lines in (block.split("\n") for block in text.split("\n\n")):
            for data in (line[6:] for line in lines if line.startswith("data: ")):
                self.events.append(data if data == "[DONE]" else json.loads(data))
                self.names += [line[7:] for line in lines if line.startswith("event: ")]

    def bodies(self):
        """The one body, or those of the events of a stream."""
        return [event for event in self.events if event != "[DONE]"] if self.is_stream else [self.json]


def send(url, request, body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    body = request.body if body is None else body
    data = json.dumps(body) if isinstance(body, dict) else body
    try:
        connection.request(request.method, request.path, data, request.headers)
        reply = connection.getresponse()
        headers = {k.lower(): v for k, v in reply.getheaders()}
        try:
            return Answer(reply.status, headers, reply.read())
        except http.client.IncompleteRead:
            return Answer("broken off", headers, b"")
    finally:
        connection.close()


def choices_of(answer):
    """The choices of an answer, those of a stream put together, by index: text, finish_reason, stop_reason, token ids,
    log-probabilities as (token, value, {token: value})."""
    choices = {}
    for part in [choice for body in answer.bodies() for choice in body.get("choices", [])]:
        choice = choices.setdefault(part["index"], {"text": "", "role": None, "calls": [], "items": [], "finish_reason": None,
                                                    "stop_reason": None, "token_ids": [], "logprobs": []})
        message = part.get("message") or part.get("delta") or {}
        choice["role"] = message.get("role") or choice["role"]
        choice["text"] += part.get("text") or message.get("content") or ""
        for call in message.get("tool_calls") or []:
            if call["function"].get("name"):
                choice["calls"].append([call["function"]["name"], ""])
            choice["calls"][-1][1] += call["function"].get("arguments") or ""
        choice["token_ids"] += part.get("token_ids") or []
        choice["logprobs"] += logprobs_of(part.get("logprobs") or {})
        for name in ("finish_reason", "stop_reason"):
            choice[name] = part.get(name) if part.get(name) is not None else choice[name]
    return choices


def logprobs_of(lists):
    if "content" in lists:
        return [(one["token"], one["logprob"], {top["token"]: top["logprob"] for top in one["top_logprobs"]}) for one in lists["content"] or []]
    return list(zip(lists.get("tokens", []), lists.get("token_logprobs", []), lists.get("top_logprobs", [])))


def usage_of(answer):
    found = [body["usage"] for body in answer.bodies() if body.get("usage")]
    return {k: v for k, v in found[-1].items() if isinstance(v, int)} if found else None


def places_of(answer, name):
    """The values of a member of the body or of its choices, of a stream those that are there."""
    holders = answer.bodies() + [choice for body in answer.bodies() for choice in body.get("choices", [])]
    return [holder[name] for holder in holders if holder.get(name) is not None]


def framing_of(answer):
    """How a stream is cut, in terms that do not depend on how fast tokens came."""
    events = answer.bodies()
    parts = [choice for event in events for choice in event.get("choices", [])]
    ends = [part for part in parts if part.get("finish_reason") is not None]
    with_usage = [event for event in events if event.get("usage")]
    first = parts[0] if parts else {}
    begins = [next(part for part in parts if part["index"] == index) for index in {part["index"] for part in parts}]
    with_ids = [part for part in parts if part.get("prompt_token_ids")]
    return {
        "last event is [DONE]": bool(answer.events) and answer.events[-1] == "[DONE]",
        "events that end a choice, for each": len(ends) / max(1, len({part["index"] for part in parts})),
        "last event has usage and no choices": bool(events) and bool(events[-1].get("usage")) and events[-1]["choices"] == [],
        "usage in": "none" if not with_usage else "all" if len(with_usage) == len(events) else "last" if with_usage == events[-1:] else "some",
        "first delta": first.get("delta"),
        "errors": sum("error" in event for event in events),
        "parts of a choice that have the prompt's ids": "first" if all(part in begins for part in with_ids) else "others",
    }
