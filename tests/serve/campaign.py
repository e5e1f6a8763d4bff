#!/usr/bin/env python3
"""Attacks on `ernie serve`, each with its figures. docs/reliability.md has the results.

usage: campaign.py PATH/TO/ernie [NAME ...] [--scale S] [--journal FILE]

--scale 1 is the full size, 0.02 that of the tests. A journal keeps a line for each attack that passed; with it a
second run does only the others. Exit code 1 if one does not pass.
"""

import argparse
import asyncio
import http.client
import json
import os
import random
import re
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from server import Server  # noqa: E402

GOOD = {"prompt": "The capital of France is", "max_tokens": 4, "temperature": 0}
GOOD_TEXT = " Paris."
LONG = {"prompt": "Once upon a time", "max_tokens": 3000, "seed": 1, "ignore_eos": True}


class Failed(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failed(text)


def post_bytes(path, body, host="a", extra=b""):
    return b"POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        path.encode(), host.encode(), extra, len(body), body)


def check_good(server, timeout=10):
    began = time.monotonic()
    reply = server.post("/v1/completions", GOOD, timeout=timeout)
    require(reply.status == 200 and reply.json()["choices"][0]["text"] == GOOD_TEXT, f"a good request got {reply.status}: {reply.body[:300]}")
    return time.monotonic() - began


# --- malformed requests

BAD_VALUES = [None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 1e308, -0.0, 0.5, "", "7", "a" * 5000, "\u0000", "\ud800", [],
              [[]], [None], {}, {"a": {}}, [1, "a"], ["a"] * 500, {"type": "object"}, "(" * 3000, "[" * 3000]
FIELDS = {
    "/v1/completions": ["prompt", "model", "max_tokens", "temperature", "top_p", "top_k", "min_p", "n", "frequency_penalty",
                        "presence_penalty", "repetition_penalty", "logit_bias", "logprobs", "prompt_logprobs", "echo", "seed", "stop",
                        "stop_token_ids", "include_stop_str_in_output", "ignore_eos", "min_tokens", "skip_special_tokens", "stream",
                        "stream_options", "suffix", "response_format", "structured_outputs", "allowed_token_ids", "bad_words",
                        "use_beam_search", "truncate_prompt_tokens", "return_token_ids", "return_tokens_as_token_ids", "priority",
                        "request_id", "user", "best_of", "guided_json", "guided_regex", "guided_choice", "guided_grammar"],
    "/v1/chat/completions": ["messages", "logprobs", "top_logprobs", "max_completion_tokens", "tools", "tool_choice",
                             "parallel_tool_calls", "reasoning_effort", "include_reasoning", "echo", "add_generation_prompt",
                             "continue_final_message", "chat_template", "chat_template_kwargs", "response_format", "n", "stop"],
    "/v1/responses": ["input", "instructions", "max_output_tokens", "tools", "tool_choice", "text", "reasoning", "metadata", "store",
                      "previous_response_id", "background", "truncation", "include", "top_logprobs", "stream", "conversation",
                      "prompt", "max_tool_calls", "logit_bias", "stop", "stop_token_ids", "cache_salt", "parallel_tool_calls",
                      "structured_outputs", "include_reasoning", "skip_special_tokens"],
    "/v1/messages": ["messages", "system", "max_tokens", "stop_sequences", "tools", "tool_choice", "thinking", "metadata", "stream",
                     "output_config", "cache_salt", "temperature", "top_p", "top_k", "model"],
    "/tokenize": ["prompt", "messages", "content", "add_special_tokens", "return_token_strs", "with_pieces"],
    "/detokenize": ["tokens", "model"],
    "/completion": ["prompt", "n_predict", "n_probs", "temperature", "seed", "grammar", "json_schema", "stop"],
    "/apply-template": ["messages", "tools"],
    "/v1/messages/count_tokens": ["messages", "system", "tools", "tool_choice", "output_config", "model"],
}
BASES = {
    "/v1/completions": {"prompt": "a", "max_tokens": 1}, "/completion": {"prompt": "a", "n_predict": 1},
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
    "/v1/responses": {"input": "a", "max_output_tokens": 1},
    "/v1/messages": {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
    "/v1/messages/count_tokens": {"messages": [{"role": "user", "content": "a"}]},
    "/tokenize": {"prompt": "a"}, "/detokenize": {"tokens": [20]}, "/apply-template": {"messages": [{"role": "user", "content": "a"}]},
}


def nested(rng):
    value = rng.choice(BAD_VALUES)
    for _ in range(rng.randrange(1, 4)):
        value = rng.choice([[value], {"type": value}, {"role": "user", "content": value}, {"json": value},
                            {"function": {"name": value}}, {"json_schema": {"schema": value}}])
    return value


def malformed_body(rng):
    path = rng.choice(list(FIELDS))
    body = dict(BASES[path])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        body[rng.choice(FIELDS[path])] = rng.choice(BAD_VALUES) if rng.random() < 0.8 else nested(rng)
    text = json.dumps(body).encode()
    kind = rng.random()
    if kind < 0.1 and text:  # damaged text
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
    elif kind < 0.15:
        text = text[:rng.randrange(len(text))]
    return post_bytes(path, text)


def abuse(rng):
    good = json.dumps(GOOD).encode()
    return rng.choice([
        lambda: bytes(rng.randrange(256) for _ in range(rng.randrange(1, 300))) + b"\r\n\r\n",
        lambda: post_bytes("/v1/completions", good).replace(b"Host: a\r\n", b""),
        lambda: post_bytes("/v1/completions", good, extra=b"Transfer-Encoding: chunked\r\n"),
        lambda: post_bytes("/v1/completions", good, extra=b"Content-Length: %d\r\n" % rng.randrange(1000)),
        lambda: post_bytes("/v1/completions", good, extra=b"X: " + b"y" * rng.randrange(70000) + b"\r\n"),
        lambda: post_bytes("/v1/completions", good, extra=b"X: y\r\n" * rng.randrange(300)),
        lambda: post_bytes("/" + "a" * rng.randrange(20000), good),
        lambda: post_bytes("/v1/../v1/completions", good),
        lambda: post_bytes("/v1/completions", good).replace(b"\r\n", b"\n"),
        lambda: post_bytes("/v1/completions", good).replace(b"HTTP/1.1", rng.choice([b"HTTP/0.9", b"HTTP/3", b"http/1.1", b""])),
        lambda: b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + rng.choice(
            [b"-1\r\n", b"fffffffff\r\n", b"5\r\nab", b"1\r\nabc\r\n", b"0\r\nX: y", b"\r\n", b"5;" + b"x" * 50000]),
        lambda: rng.choice([b"BREW", b"GET" * 100, b"\x00"]) + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
    ])()


def statuses(data):
    """Of all replies in a connection's bytes."""
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


def malformed(binary, scale):
    """Every field times bad values, and abuse of the protocol: no 5xx, no crash, good requests work."""
    count, rng = max(int(10000 * scale), 200), random.Random(1)
    seen = {}
    with Server(binary) as server:
        for i in range(count):
            data = abuse(rng) if rng.random() < 0.2 else malformed_body(rng)
            with server.connect(timeout=30) as connection:
                received = b""
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR) if False else None
                    connection.settimeout(0.02 if b"completions" not in data[:60] else 5)
                    while chunk := connection.recv(65536):
                        received += chunk
                        if b"\r\n\r\n" in received and (b"Content-Length: 0\r\n" in received or received[-1:] in (b"}", b"]", b"\n")):
                            break
                except (TimeoutError, ConnectionError):
                    pass
            for status in statuses(received) or [0]:
                seen[status] = seen.get(status, 0) + 1
                require(status < 500, f"request {i} got {status}: {data[:500]!r} -> {received[:500]!r}")
            if i % 100 == 99:
                check_good(server)
        check_good(server)
        server.wait_until_idle()
    return {"requests": count, "statuses": dict(sorted(seen.items()))}


# --- slow and many clients

def raise_limit(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 200), hard), hard))


async def trickle(port, end, counts):
    """Sends a header, or a body, or reads an answer, a byte at a time."""
    kind = random.randrange(3)
    while time.monotonic() < end:
        try:
            # From an address of their own: their long answers are in nobody else's queue.
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        except OSError:
            counts["refused"] += 1
            await asyncio.sleep(1)
            continue
        counts["opened"] += 1
        try:
            body = json.dumps({**LONG, "stream": True}).encode()
            data = post_bytes("/v1/completions", body) if kind == 2 else post_bytes("/v1/completions", b"{" + b" " * 2000)
            at = data.index(b"\r\n\r\n") + 4 if kind == 1 else len(data) if kind == 2 else 1
            writer.write(data[:at])
            for byte in data[at:]:
                if time.monotonic() > end or reader.at_eof():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(1)
            while kind == 2 and time.monotonic() < end and await reader.read(1):
                await asyncio.sleep(1)
        except OSError:
            counts["cut"] += 1
        writer.close()


def slow_clients(binary, scale):
    """2,000 slow clients for a minute leave good requests served."""
    count, seconds = max(int(2000 * scale), 40), max(60 * scale, 4)
    raise_limit(count)
    times, counts = [], {"opened": 0, "refused": 0, "cut": 0}
    with Server(binary) as server:
        alone = statistics.median(check_good(server) for _ in range(20))
        end = time.monotonic() + seconds

        async def all_of_them():
            await asyncio.gather(*(trickle(server.port, end, counts) for _ in range(count)))

        thread = threading.Thread(target=lambda: asyncio.run(all_of_them()))
        thread.start()
        while time.monotonic() < end:
            times.append(check_good(server))
            time.sleep(0.1)
        thread.join()
        server.wait_until_idle()
    return {"clients": count, "seconds": seconds, **counts, "good_requests": len(times), "alone_ms": round(alone * 1e3, 1),
            "median_ms": round(statistics.median(times) * 1e3, 1), "worst_ms": round(max(times) * 1e3, 1)}


def many_connections(binary, scale):
    """5,000 open connections are held, and each still answers."""
    count = max(int(5000 * scale), 100)
    raise_limit(count)
    with Server(binary) as server:
        before = server.memory_bytes()
        connections = [server.connect() for _ in range(count)]
        for connection in connections:
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in connections:
            require(b"200 OK" in connection.recv(4096), "a connection got no answer")
        check_good(server)
        grown = server.memory_bytes() - before
        for connection in connections:
            connection.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in connections:
            require(b"200 OK" in connection.recv(4096), "a connection was not held")
            connection.close()
        check_good(server)
    return {"connections": count, "kib_each": round(grown / count / 1024, 1)}


def disconnects(binary, scale):
    """Disconnects at random points leave no KV block or descriptor behind."""
    count, rng = max(int(10000 * scale), 200), random.Random(2)
    with Server(binary) as server:
        check_good(server)
        server.wait_until_idle()
        before = server.num_descriptors()
        for i in range(count):
            stream = rng.random() < 0.5
            body = json.dumps({**LONG, "max_tokens": rng.choice([5, 200, 3000]), "stream": stream, "n": rng.choice([1, 1, 3]),
                               "prompt": [rng.randrange(20, 900) for _ in range(rng.choice([1, 40, 900]))]}).encode()
            data = post_bytes("/v1/completions", body)
            connection = server.connect()
            connection.sendall(data[:rng.randrange(1, len(data))] if rng.random() < 0.3 else data)
            if rng.random() < 0.7:
                time.sleep(rng.random() * 0.01)
            if rng.random() < 0.3:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # reset
            connection.close()
            if i % 500 == 499:
                check_good(server, timeout=30)
        server.wait_until_idle(30)
        time.sleep(0.5)
        after = server.num_descriptors()
        require(after <= before + 2, f"{before} descriptors before, {after} after")
        aborted = server.metric("vllm:request_success_total", finished_reason="abort")
    return {"disconnects": count, "descriptors_before": before, "descriptors_after": after, "aborted": aborted}


# --- overload

class Load:
    """Clients in threads of another process's worth of work: closed loop."""

    def __init__(self, server, clients, body, seconds):
        self.server, self.body, self.end = server, body, time.monotonic() + seconds
        self.done, self.rejected, self.reject_times, self.strange, self.lock = 0, 0, [], [], threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, i):
        rng = random.Random(i)
        while time.monotonic() < self.end:
            began = time.monotonic()
            try:
                reply = self.server.post("/v1/completions", {**self.body, "seed": rng.randrange(1 << 30)}, timeout=120)
            except OSError:
                continue
            with self.lock:
                if reply.status == 200:
                    self.done += 1
                elif reply.status not in (429, 503):
                    self.strange.append(reply.status)
                else:
                    self.rejected += 1
                    self.reject_times.append(time.monotonic() - began)
            if reply.status != 200:
                time.sleep(0.25)

    def join(self):
        for thread in self.threads:
            thread.join()
        require(not self.strange, f"got {self.strange[:5]}")
        return self


def overload(binary, scale):
    """20 times as many clients as the server computes for: goodput stays, refusals are quick."""
    seconds = max(30 * scale, 4)
    body = {"prompt": "Once upon a time", "max_tokens": 200, "ignore_eos": True}
    flags = ("--max-num-seqs", "8", "--max-queued-requests", "8")
    # A few seconds on a machine that does other things say less: they have wider bounds and three tries.
    least, longest, tries = (0.9, 0.1, 1) if scale >= 1 else (0.5, 1, 3)
    with Server(binary, *flags) as server:
        for _ in range(tries):
            peak = Load(server, 8, body, seconds).join().done / seconds
            over = Load(server, 160, body, seconds).join()
            goodput = over.done / seconds
            check_good(server)
            require(over.rejected > 0, "nothing was refused")
            share = goodput / peak
            p99 = sorted(over.reject_times)[int(0.99 * len(over.reject_times))]
            figures = {"peak_per_s": round(peak, 1), "goodput_per_s": round(goodput, 1), "share": round(share, 3), "rejected": over.rejected,
                       "reject_median_ms": round(statistics.median(over.reject_times) * 1e3, 1), "reject_p99_ms": round(p99 * 1e3, 1)}
            if share >= least and p99 <= longest:
                return figures
    raise Failed(f"overload: {figures}")


def greedy_client(binary, scale):
    """A client that asks for the dearest thing allowed does not hold others beyond their share.

    Another one's request of four tokens begins with the next step and moves with each, so it takes about six; what a
    step costs is bounded by --max-num-batched-tokens and --max-num-seqs.
    """
    seconds = max(30 * scale, 3)
    schema = {"type": "object", "properties": {f"p{i}": {"enum": [f"{i}-{j}" for j in range(20)]} for i in range(100)}}
    kinds = [
        {"prompt": [20 + i % 900 for i in range(3000)], "max_tokens": 1000, "n": 16, "logprobs": 20, "ignore_eos": True},
        {"prompt": "", "max_tokens": 4000, "n": 8, "ignore_eos": True},
        {"prompt": [[20 + (i * j) % 900 for i in range(3000)] for j in range(1, 16)], "max_tokens": 1, "prompt_logprobs": 20},
        {"prompt": "a", "max_tokens": 1000, "n": 16, "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
    ]
    with Server(binary, "--public-metrics", "--api-key", "b", "--api-key", "greedy") as server:
        def ask(key, body, timeout=60):
            return server.post("/v1/completions", body, headers={"Authorization": f"Bearer {key}"}, timeout=timeout)

        def measure(seconds):
            """What short requests take: seconds and steps."""
            times, steps = [], []
            end = time.monotonic() + seconds
            while time.monotonic() < end or not times:
                first, began = server.metric("vllm:iteration_tokens_total_count"), time.monotonic()
                require(ask("b", GOOD).status == 200, "not served")
                times.append(time.monotonic() - began)
                steps.append(server.metric("vllm:iteration_tokens_total_count") - first)
                time.sleep(0.02)
            return times, steps

        def attack(i):
            while not stop.is_set():
                try:
                    ask("greedy", {**kinds[i % len(kinds)], "seed": i})
                except OSError:
                    pass

        alone, _ = measure(seconds / 4)
        stop = threading.Event()
        for i in range(64):
            threading.Thread(target=attack, args=(i,), daemon=True).start()
        time.sleep(min(seconds / 3, 3))
        times, steps = measure(seconds)
        stop.set()
    figures = {"alone_ms": round(statistics.median(alone) * 1e3, 1), "median_ms": round(statistics.median(times) * 1e3, 1),
               "worst_ms": round(max(times) * 1e3, 1), "median_steps": statistics.median(steps), "worst_steps": max(steps),
               "good_requests": len(times)}
    require(figures["median_steps"] <= 8 and figures["worst_steps"] <= 12, f"beyond its share: {figures}")
    return figures


def sigterms(binary, scale):
    """A signal under load truncates no stream within the window."""
    count, rng = max(int(200 * scale), 5), random.Random(3)
    ended = refused = 0
    for i in range(count):
        with Server(binary) as server:
            results = []

            def work(j, server=server, results=results):
                body = {**LONG, "max_tokens": 300, "stream": True, "seed": j}
                while True:
                    try:
                        reply = server.post("/v1/completions", body)
                    except (OSError, ConnectionError):
                        results.append("closed")
                        return
                    except Exception as problem:  # pylint: disable=broad-except
                        results.append(f"truncated: {problem!r}")
                        return
                    if reply.status != 200:
                        results.append("refused")
                        return
                    events = reply.events()
                    whole = events and events[-1] == "[DONE]" and events[-2]["choices"][0]["finish_reason"] == "length"
                    results.append("whole" if whole else f"truncated: {reply.body[-200:]!r}")

            threads = [threading.Thread(target=work, args=(j,)) for j in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.05 + rng.random() * 0.3)
            code = server.stop()
            for thread in threads:
                thread.join()
            require(code == 0, f"signal {i}: exit code {code}")
            bad = [result for result in results if result.startswith("truncated")]
            require(not bad, f"signal {i}: {bad[:1]}")
            ended += results.count("whole")
            refused += results.count("refused") + results.count("closed")
    return {"signals": count, "whole_streams": ended, "refused_or_closed": refused}


def soak(binary, scale):
    """Mixed load: memory, descriptors, threads and blocks return to where they were."""
    seconds, rng = max(3600 * scale, 8), random.Random(4)
    with Server(binary) as server:
        def resources():
            server.wait_until_idle(60)
            time.sleep(1)
            return server.memory_bytes(), server.num_descriptors(), len(os.listdir(f"/proc/{server.process.pid}/task"))

        counts = {"good": 0, "bad": 0, "cancelled": 0}
        lock = threading.Lock()

        problems = []

        def work(seed, end):
            try:
                ask(random.Random(seed), end)
            except (Failed, OSError, http.client.HTTPException) as problem:
                problems.append(repr(problem))

        def ask(mine, end):
            while time.monotonic() < end:
                body = {"prompt": [mine.randrange(20, 900) for _ in range(mine.randrange(1, 300))], "max_tokens": mine.randrange(1, 200),
                        "seed": mine.randrange(1 << 30), "stream": mine.random() < 0.5, "logprobs": mine.choice([None, 3])}
                kind = mine.random()
                if mine.random() < 0.1:
                    body["structured_outputs"] = {"regex": mine.choice(["[a-z ]{3,40}", "(yes|no)", "[0-9]+(\\.[0-9]{2})?"])}
                if kind < 0.05:
                    body[mine.choice(FIELDS["/v1/completions"])] = mine.choice([-1, "x", {}, 1e30])
                if kind > 0.8:
                    data = post_bytes("/v1/completions", json.dumps(body).encode())
                    try:
                        with server.connect() as connection:
                            connection.sendall(data)
                            time.sleep(mine.random() * 0.02)
                    except OSError:
                        pass
                    what = "cancelled"
                else:
                    status = server.post("/v1/completions", body).status
                    require(status < 500, f"got {status}")
                    what = "good" if status == 200 else "bad"
                with lock:
                    counts[what] += 1

        def run(duration):
            end = time.monotonic() + duration
            threads = [threading.Thread(target=work, args=(rng.random(), end)) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            require(not problems, f"{len(problems)} clients ended: {problems[:3]}")

        run(min(seconds / 4, 120))  # pools and arenas have their size after this
        before = resources()
        run(seconds)
        after = resources()
        require(after[0] < before[0] * 1.1 + (8 << 20), f"memory {before[0]} before, {after[0]} after")
        require(after[1] <= before[1] + 2 and after[2] <= before[2], f"{before} before, {after} after")
    return {"seconds": seconds, **counts, "memory_mib": [round(x[0] / 2**20, 1) for x in (before, after)],
            "descriptors": [before[1], after[1]], "threads": [before[2], after[2]]}


def repeats(binary, scale):
    """One request, repeated under random load, has one answer."""
    count = max(int(1000 * scale), 30)
    body = {"prompt": "Once upon a time", "max_tokens": 40, "seed": 9, "logprobs": 3, "ignore_eos": True}
    answers = set()
    with Server(binary, "--kv-cache-memory-bytes", str(4 << 20), "--max-model-len", "2048", "--max-num-seqs", "32") as server:
        stop = threading.Event()

        def noise(seed):
            mine = random.Random(seed)
            while not stop.is_set():
                server.post("/v1/completions", {
                    "prompt": [mine.randrange(20, 900) for _ in range(mine.randrange(1, 800))] if mine.random() < 0.7 else "Once upon a time, ",
                    "max_tokens": mine.randrange(1, 100), "n": mine.choice([1, 1, 4])})

        threads = [threading.Thread(target=noise, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        try:
            i = 0
            # On a busy machine the noise comes slowly.
            while i < count or (i < 20 * count and server.metric("vllm:num_preemptions_total") == 0):
                i += 1
                if i % 2:
                    choice = server.post("/v1/completions", body).json()["choices"][0]
                    answers.add(json.dumps([choice["text"], choice["logprobs"]]))
                else:
                    choices = [e["choices"][0] for e in server.post("/v1/completions", {**body, "stream": True}).events()[:-1]]
                    lists = {name: [x for c in choices for x in c["logprobs"][name]] for name in choices[0]["logprobs"]}
                    answers.add(json.dumps(["".join(c["text"] for c in choices), lists]))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        preemptions = server.metric("vllm:num_preemptions_total")
    with Server(binary, "--no-enable-prefix-caching", "--threads", "1", "--max-num-batched-tokens", "128") as server:
        choice = server.post("/v1/completions", body).json()["choices"][0]
        answers.add(json.dumps([choice["text"], choice["logprobs"]]))
    require(len(answers) == 1, f"{len(answers)} answers")
    require(preemptions > 0, "nobody was preempted")
    return {"repeats": i, "answers": len(answers), "preemptions": preemptions}


def polling(binary, scale):
    """Probes and a scraper 50 times a second beside a running generation of the 0.3B shape do not slow it."""
    rounds = max(int(10 * scale), 2)

    def poll(server, stop):
        # By hand: http.client takes as long for a request as the server.
        with server.connect() as connection:
            due = time.monotonic()
            while not stop.is_set():
                poll_once(connection)
                due += 0.02
                time.sleep(max(0, due - time.monotonic()))
                polls.append(due)

    def poll_once(connection):
        for path in (b"/health", b"/metrics"):
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            received = connection.recv(1 << 16)
            head, _, body = received.partition(b"\r\n\r\n")
            require(head.startswith(b"HTTP/1.1 200"), f"{path} got {head[:100]}")
            left = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1]) - len(body)
            while left > 0:
                left -= len(connection.recv(1 << 16))

    def median_ms(server):
        command = [binary, "bench", "serve", "--url", f"http://127.0.0.1:{server.port}", "--num-prompts", "1", "--num-warmups", "0", "--max-concurrency", "1",
                   "--input-len", "16", "--output-len", "128", "--vocab-size", "103424", "--extra-body", '{"return_token_ids": true}', "--json", "-"]
        return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)["itl"]["median_s"] * 1e3

    times, polls = {False: [], True: []}, []
    with Server(binary, "--load-format", "dummy", "--model", "0.3b", "--max-model-len", "512") as server:
        median_ms(server)
        for i in range(2 * rounds):
            polled = i % 2 == (i // 2) % 2  # without, with, with, without, ...
            stop = threading.Event()
            poller = threading.Thread(target=poll, args=(server, stop))
            if polled:
                poller.start()
            times[polled].append(median_ms(server))
            stop.set()
            if polled:
                poller.join()
    without, with_ = (statistics.median(times[polled]) for polled in (False, True))
    figures = {"rounds": rounds, "polls": len(polls), "itl_p50_ms": round(without, 3), "polled_ms": round(with_, 3), "ratio": round(with_ / without, 4)}
    require(len(polls) > rounds, f"hardly polled: {figures}")
    require(scale < 1 or with_ < 1.03 * without, f"polling: {figures}")
    return figures


ATTACKS = {f.__name__: f for f in (malformed, slow_clients, many_connections, disconnects, overload, greedy_client, sigterms, repeats, soak, polling)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("names", nargs="*", choices=[*ATTACKS, []])
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--journal")
    arguments = parser.parse_args()
    passed = {}
    if arguments.journal and os.path.exists(arguments.journal):
        with open(arguments.journal, encoding="utf-8") as file:
            passed = {entry["attack"]: entry for entry in map(json.loads, file)}
    failed = 0
    for name in arguments.names or ATTACKS:
        if name in passed:
            print(f"{name}: passed before: {passed[name]}")
            continue
        began = time.monotonic()
        try:
            figures = ATTACKS[name](arguments.binary, arguments.scale)
        except (Failed, RuntimeError, OSError) as problem:
            print(f"{name}: FAILED: {problem}", flush=True)
            failed += 1
            continue
        print(f"{name}: {json.dumps(figures)} in {time.monotonic() - began:.1f} s", flush=True)
        if arguments.journal:
            with open(arguments.journal, "a", encoding="utf-8") as file:
                file.write(json.dumps({"attack": name, "scale": arguments.scale, **figures}) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
