#!/usr/bin/env python3
"""Sends the same requests to two servers and lists where the answers differ.

usage: compare_servers.py URL OTHER_URL [--seed N] [--num-requests N] [--json FILE] [--metrics] [--no-explanations]

URL is `ernie serve`, OTHER_URL another server of the OpenAI API with the same model, both under the name `demo`. Against
vLLM (0.32, its package for processors) with the demo model:

    vllm serve DIRECTORY --served-model-name demo --port 8001 --dtype bfloat16 --max-model-len 2048 --enforce-eager
        --chat-template FILE --enable-auto-tool-choice --tool-call-parser ernie45 --enable-prompt-tokens-details
        --enable-server-load-tracking
        --structured-outputs-config '{"backend": "xgrammar", "disable_any_whitespace": true}'
    ernie serve models/demo --served-model-name demo --port 8002 --max-model-len 2048

DIRECTORY holds the files of models/demo but README.md and accuracy.json; FILE is the `chat_template` that
`GET /tokenizer_info` of `ernie serve` shows.

The requests are those of compare_fields.py: each value of each field once, together with others that `--seed` picks.
Compared are status, content type, the shape of the body (which keys, of which types), error type and param, ids, finish
and stop reasons, usage, texts, calls, items and blocks, token ids and log-probabilities, and how a stream is cut into
events, in which order and under which names. Not compared are the words of errors, times, and what was drawn at random.
Log-probabilities may differ by 0.1 and a tenth, because the other server computes with bfloat16. Where greedy texts
differ, both are asked for their log-probabilities at the first token that does; less than 0.5 between the two tokens is a
near tie and no difference, but counted.

Each difference has a signature. compare_explanations.py and compare_explanations_items.py map signatures to words of
docs/serving.md. Exit code 1: a difference without explanation, words that are not in the document, or an explanation
that nothing needs.
"""

import argparse
import collections
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
from compare_answers import framing_of, places_of, send  # noqa: E402
from compare_explanations import EXPLANATIONS, METRIC_EXPLANATIONS  # noqa: E402
from compare_explanations_items import ITEM_EXPLANATIONS  # noqa: E402
from compare_fields import Request, requests_of, uses_of_fields  # noqa: E402
from compare_items import counts_of, framing_of_items, order_of, parts_of, probe_of, response_of  # noqa: E402
from compare_metrics import compare_metrics  # noqa: E402
from compare_shapes import error_differences, logprob_differences, same_prompt_logprobs, shape_differences, value_differences  # noqa: E402

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "serving.md")
MIN_USES = 3
NEAR_TIE = 0.5
# Routes whose answers are made of items or blocks.
ITEMS = ("responses", "messages")


class Comparison:
    def __init__(self, ours, other):
        self.ours, self.other = ours, other
        self.num_near_ties = self.num_same_texts = 0

    def is_near_tie(self, request):
        """Whether the first token that differs was as likely as the other server's, nearly. Two tokens may have one text."""
        probe = probe_of(request)
        if probe is None:
            return False
        route, path, body = probe
        asked = Request(request.name, "POST", path, body, request.headers, route)
        answers = [send(url, asked) for url in (self.ours, self.other)]
        if any(answer.status != 200 for answer in answers):
            return False
        mine, theirs = (parts_of(route, answer) for answer in answers)
        for index, choice in mine.items():
            for one, other in zip(choice["logprobs"], theirs.get(index, {"logprobs": []})["logprobs"]):
                if one[0] != other[0]:
                    return other[0] in one[2] and abs(one[1] - one[2][other[0]]) < NEAR_TIE
        return False

    def compare(self, request):
        """The signatures of the differences between two answers."""
        mine, theirs = send(self.ours, request), send(self.other, request)
        if mine.status != theirs.status:
            return [f"{request.name}: status {mine.status} here, {theirs.status} there"]
        found = []
        if mine.type.split(";")[0] != theirs.type.split(";")[0]:
            found.append(f"{request.name}: content type {mine.type or 'absent'} here, {theirs.type or 'absent'} there")
        if mine.status >= 400:
            return found + list(error_differences(request, mine, theirs))
        if request.path in ("/openapi.json", "/metrics"):
            return found
        if request.route in ITEMS:
            try:
                return found or self.compare_items(request, mine, theirs)
            except (KeyError, IndexError) as problem:
                return [f"{request.name}: an answer lacks {problem}"]
        if mine.is_stream and theirs.is_stream:
            found += self.compare_streams(request, mine, theirs)
        elif mine.json is not None and theirs.json is not None:
            found += shape_differences(f"{request.route or request.path} answer", mine.json, theirs.json)
        elif bool(mine.body) != bool(theirs.body):
            found.append(f"{request.name}: body of {len(mine.body)} bytes here, {len(theirs.body)} there")
        if request.route in ("completions", "chat"):
            found += self.compare_choices(request, mine, theirs)
        else:
            found += value_differences(request.name, mine.json, theirs.json)
        return found

    def compare_items(self, request, mine, theirs):
        """Of a route whose answers are made of items or blocks."""
        errors = [sum(event["type"] == "error" for event in answer.bodies()) if answer.is_stream else 0 for answer in (mine, theirs)]
        if errors != [0, 0]:
            return [f"{request.name}: errors in the stream: {errors[0]} here, {errors[1]} there"] if errors[0] != errors[1] else []
        found = []
        if mine.is_stream and theirs.is_stream:
            parts = [parts_of(request.route, answer)[0] for answer in (mine, theirs)]
            has_same_text = all(parts[0][name] == parts[1][name] for name in ("text", "calls"))
            found += item_stream_differences(request, mine, theirs, has_same_text)
        else:
            found += shape_differences(f"{request.route} answer", without_end(mine.json), without_end(theirs.json))
        if request.route == "responses":
            found += value_differences("responses response", *(members_of(response_of(answer)) for answer in (mine, theirs)))
        return found + self.compare_choices(request, mine, theirs)

    def compare_choices(self, request, mine, theirs):
        found = []
        ours, other = parts_of(request.route, mine), parts_of(request.route, theirs)
        if sorted(ours) != sorted(other):
            return [f"{request.name}: choices {sorted(ours)} here, {sorted(other)} there"]
        if not request.is_greedy():
            return found
        same = [ours[i]["text"] == other[i]["text"] and ours[i]["calls"] == other[i]["calls"] for i in ours]
        same_ids = [ours[i]["token_ids"] == other[i]["token_ids"] or not ours[i]["token_ids"] or not other[i]["token_ids"] for i in ours]
        if not all(same + same_ids) and self.is_near_tie(request):
            self.num_near_ties += 1
            return found
        if not all(same):
            i = same.index(False)
            return [f"{request.name}: text {ours[i]['text']!r} {ours[i]['calls'] or ''} here, {other[i]['text']!r} {other[i]['calls'] or ''} there"]
        self.num_same_texts += 1
        for i, choice in ours.items():
            for name in ("role", "items", "finish_reason", "stop_reason", "token_ids"):
                if choice[name] != other[i][name]:
                    found.append(f"{request.name}: {name} {choice[name]} here, {other[i][name]} there")
            found += logprob_differences(request.name, choice["logprobs"], other[i]["logprobs"])
        usage, other_usage = (counts_of(request.route, answer) for answer in (mine, theirs))
        if usage != other_usage:
            found.append(f"{request.name}: usage {usage} here, {other_usage} there")
        for name in ("prompt_token_ids", "prompt_logprobs"):
            for one, two in zip(places_of(mine, name), places_of(theirs, name)):
                if name == "prompt_token_ids" and one != two:
                    found.append(f"{request.name}: {name} {one} here, {two} there")
                if name == "prompt_logprobs" and not same_prompt_logprobs(one, two):
                    found.append(f"{request.name}: {name} differ")
        return found

    def compare_streams(self, request, mine, theirs):
        ours, other = framing_of(mine), framing_of(theirs)
        for name in ours:
            if ours[name] != other[name]:
                yield f"{request.route} stream: {name}: {ours[name]} here, {other[name]} there"
        yield from shape_differences(f"{request.route} stream", mine.bodies(), theirs.bodies())


def members_of(body):
    """What a response says of its request: not how it ended, which depends on the text."""
    return {name: value for name, value in body.items() if name not in ("output", "usage", "status", "incomplete_details")}


def without_end(event):
    """Of a response and its events; others stay as they are."""
    if "response" in event:
        return {**event, "response": without_end(event["response"])}
    return {name: value for name, value in event.items() if name != "incomplete_details"}


def item_stream_differences(request, mine, theirs, has_same_text):
    ours, other = framing_of_items(mine), framing_of_items(theirs)
    for name in sorted(set(ours) | set(other)):
        if ours.get(name) != other.get(name):
            yield f"{request.route} stream: {name}: {ours.get(name)} here, {other.get(name)} there"
    orders = order_of(mine), order_of(theirs)
    alone = [sorted(set(one) - set(two)) for one, two in (orders, orders[::-1])]
    if any(alone) and has_same_text:
        yield f"{request.route} stream: events {', '.join(alone[0]) or 'none'} here alone, {', '.join(alone[1]) or 'none'} there alone"
    elif orders[0] != orders[1] and has_same_text:
        yield f"{request.route} stream: events {', '.join(orders[0])} here, {', '.join(orders[1])} there"
    for kind in sorted(set(orders[0]) & set(orders[1])):
        bodies = ([without_end(event) for event in answer.bodies() if event["type"] == kind] for answer in (mine, theirs))
        yield from shape_differences(f"{request.route} {kind} in a stream", *bodies)


class Explanations:
    def __init__(self, table):
        with open(DOCUMENT, encoding="utf-8") as file:
            document = " ".join(file.read().split())
        self.table = [(re.compile(pattern + r"$"), words) for pattern, words in table]
        self.missing = sorted({words for _, words in table if " ".join(words.split()) not in document})
        self.used = collections.Counter()

    def find(self, signature):
        for pattern, words in self.table:
            if pattern.match(signature):
                self.used[pattern.pattern] += 1
                return words
        return None

    def stale(self):
        return [pattern.pattern[:-1] for pattern, _ in self.table if pattern.pattern not in self.used]


def report(differences, explanations):
    """Prints the groups; how many have no explanation."""
    groups = collections.defaultdict(list)
    for name, signature in differences:
        groups[signature].append(name)
    unexplained = []
    for signature, names in sorted(groups.items()):
        words = explanations.find(signature)
        if words is None:
            unexplained.append(signature)
        print(f"{'explained' if words else 'UNEXPLAINED'} ({len(names)}) {signature}" + (f"  <- {words}" if words else f"  e.g. {names[0]}"))
    for words in explanations.missing:
        print(f"NOT IN docs/serving.md: {words}")
    return groups, unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("url")
    parser.add_argument("other_url")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--num-requests", type=int, default=150, help="at least so many; each value of the table is used in any case")
    parser.add_argument("--only", help="a regular expression that the names of requests must hold")
    parser.add_argument("--json", help="write requests, differences and figures to this file")
    parser.add_argument("--metrics", action="store_true", help="compare the two pages of metrics, too")
    parser.add_argument("--no-explanations", action="store_true", help="no difference is expected")
    options = parser.parse_args()
    requests = requests_of(options.seed, options.num_requests)
    uses = uses_of_fields(requests)
    rare = [f"{route} {field}" for (route, field), count in uses.items() if count < MIN_USES]
    print(f"{len(requests)} requests, {len(uses)} fields of {len({route for route, _ in uses})} routes, each in at least {min(uses.values())}")
    if rare:
        sys.exit(f"fields in fewer than {MIN_USES} requests: {', '.join(rare)}")
    if options.only:
        requests = [request for request in requests if re.search(options.only, request.name)]
    comparison = Comparison(options.url, options.other_url)
    differences = [(request.name, signature) for request in requests for signature in comparison.compare(request)]
    table = [] if options.no_explanations else EXPLANATIONS + ITEM_EXPLANATIONS + (METRIC_EXPLANATIONS if options.metrics else [])
    if options.metrics:
        differences += [("metrics", signature) for signature in compare_metrics(options.url, options.other_url)]
    explanations = Explanations(table)
    groups, unexplained = report(differences, explanations)
    stale = [] if options.only else explanations.stale()
    for pattern in stale:
        print(f"NEEDED BY NOTHING: {pattern}")
    print(f"{len(requests)} requests: {comparison.num_same_texts} greedy answers with equal texts, {comparison.num_near_ties} near ties; "
          f"{len(groups)} different differences in {len({name for name, _ in differences})} requests, {len(groups) - len(unexplained)} explained, "
          f"{len(unexplained)} not; {len(stale)} explanations needed by nothing")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"seed": options.seed, "num_requests": len(requests), "num_same_texts": comparison.num_same_texts,
                       "num_near_ties": comparison.num_near_ties, "unexplained": unexplained, "stale": stale,
                       "differences": {signature: {"requests": names, "explanation": explanations.find(signature)} for signature,
                                       names in groups.items()}},
                      file, indent=1, ensure_ascii=False)
    return 1 if unexplained or explanations.missing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
