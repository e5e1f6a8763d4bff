"""A router of vLLM's world before two servers: `judges.py ernie router` runs this.

Everything is asked through the router, as its clients would, and the servers' own /metrics say who answered.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

from server import Endpoint, Server, in_threads

PACKAGE = "vllm-router"
GREEDY = {"model": "ernie-demo", "prompt": "The capital of France is", "max_tokens": 6, "temperature": 0}
LONG = {"model": "ernie-demo", "prompt": "Once upon a time", "max_tokens": 3900, "ignore_eos": True, "seed": 1, "stream": True,
        "stream_options": {"include_usage": True}}
CHAT = {"model": "ernie-demo", "messages": [{"role": "user", "content": "17 + 25 ="}], "temperature": 0, "max_tokens": 8}


def demand(condition, text):
    if not condition:
        raise AssertionError(text)


def wait_for(condition, text, timeout=15):
    end = time.monotonic() + timeout
    while not condition():
        demand(time.monotonic() < end, f"not within {timeout} s: {text}")
        time.sleep(0.05)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Router(Endpoint):
    """The router with a policy; it asks for the servers' health each second, and tries a failed one again after two."""

    def __init__(self, environment, policy, servers):
        self.port = free_port()
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen(
            [os.path.join(environment.directory, "bin", PACKAGE), "--host", "127.0.0.1", "--port", str(self.port), "--policy", policy,
             "--prometheus-port", str(free_port()), "--worker-startup-check-interval", "1", "--health-check-interval-secs", "1",
             "--health-failure-threshold", "1", "--health-success-threshold", "1", "--cb-timeout-duration-secs", "2",
             "--worker-urls", *(f"http://127.0.0.1:{one.port}" for one in servers)],
            stdout=self.log, stderr=subprocess.STDOUT)

    def num_healthy(self):
        try:
            return self.get("/readiness").json().get("healthy_workers", 0)
        except OSError:
            demand(self.process.poll() is None, "the router ended:\n" + self.tail())
            return 0

    def tail(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()[-3000:]

    def __enter__(self):
        try:
            wait_for(lambda: self.num_healthy() == 2, "two healthy servers", timeout=60)
        except BaseException as problem:
            self.__exit__(type(problem), problem)
            raise
        return self

    def __exit__(self, kind, problem, *unused):
        if problem:
            problem.add_note(f"with {self.process.args[6]}; the router's last words:\n{self.tail()}")
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@contextlib.contextmanager
def streamed(front, body):
    """The reply to a streamed completion; leaving the block goes away."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
    try:
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        demand(reply.status == 200, reply.status)
        try:
            yield reply
        finally:
            reply.close()
    finally:
        connection.close()


def num_answered(server):
    return server.metric("vllm:request_success_total")


def share(servers, work):
    """How many answers each server gave meanwhile."""
    before = [num_answered(one) for one in servers]
    work()
    return [int(num_answered(one) - count) for one, count in zip(servers, before)]


def same_answers(front, server):
    """What comes through the router is what the server says, good or bad."""
    for path, body in (("/v1/completions", GREEDY), ("/v1/completions", {**GREEDY, "prompt": [20, 21, 22], "logprobs": 2}),
                       ("/v1/completions", {**GREEDY, "n": 2, "temperature": 0.8, "seed": 3, "stop": ["\n"]}),
                       ("/v1/chat/completions", CHAT), ("/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": 2})):
        direct, through = (one.post(path, body) for one in (server, front))
        demand(through.status == 200, f"{path}: {through.status} {through.body[:500]}")
        demand(through.json()["choices"] == direct.json()["choices"], f"{path}: {through.body} and {direct.body}")
        pieces = [one["choices"][0] for one in front.post(path, {**body, "n": 1, "stream": True}).events()
                  if one != "[DONE]" and one["choices"]]
        text = "".join(one.get("text") or one.get("delta", {}).get("content") or "" for one in pieces)
        first = direct.json()["choices"][0]
        demand(text == (first["text"] if "text" in first else first["message"]["content"]), f"{path}: streamed {text!r}")
    wrong = [one.post("/v1/completions", {**GREEDY, "temperature": 9}) for one in (server, front)]
    demand((wrong[0].status, wrong[0].body) == (400, wrong[1].body) and wrong[1].status == 400, f"{wrong[0].body} and {wrong[1].body}")
    body = json.dumps(GREEDY)
    chunked = front.post("/v1/completions", f"{len(body):x}\r\n{body}\r\n0\r\n\r\n",
                         headers={"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    demand(chunked.status == 200, f"a chunked body: {chunked.status} {chunked.body}")
    for path in ("/v1/models", "/v1/models/ernie-demo", "/version"):
        demand(front.get(path).json().get("id") == server.get(path).json().get("id"), path)
    demand(front.get("/v1/models").json()["data"][0]["id"] == "ernie-demo", "the list of models")
    demand(front.post("/tokenize", {"prompt": "a b"}).json() == server.post("/tokenize", {"prompt": "a b"}).json(), "/tokenize")


def not_held_back(front, servers):
    """The first event comes long before the last one."""
    began = time.monotonic()
    with streamed(front, LONG) as reply:
        reply.readline()
        first = time.monotonic() - began
        demand(any(not one.is_idle() for one in servers), "the router held the stream back until it had ended")
        demand(reply.read().endswith(b"data: [DONE]\n\n"), "a stream was cut")
        whole = time.monotonic() - began
    demand(first < whole / 4, f"the first event came after {first:.3f} s of {whole:.3f} s")
    return f"first event after {first * 1e3:.0f} ms, last after {whole * 1e3:.0f} ms"


def aborted(servers):
    return sum(one.metric("vllm:request_success_total", finished_reason="abort") or 0 for one in servers)


def cancelled(front, servers):
    """A client that goes away ends its request on the server behind, streamed or not."""
    slowest, before = 0.0, aborted(servers)
    for body in (LONG, {**LONG, "stream": False, "stream_options": None}):
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=60)
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        wait_for(lambda: any(one.metric("vllm:num_requests_running") for one in servers), "a request that runs")
        connection.sock.close()
        began = time.monotonic()
        for one in servers:
            one.wait_until_idle(5)
        slowest = max(slowest, time.monotonic() - began)
    demand(aborted(servers) == before + 2, "requests of clients that had gone were answered")
    return f"idle {slowest * 1e3:.0f} ms after a client has gone"


def spread(front, servers):
    shares = share(servers, lambda: in_threads(8, lambda i: [front.post("/v1/completions", {**GREEDY, "seed": i}) for _ in range(5)]))
    demand(sum(shares) == 40 and min(shares) >= 5, f"40 requests went as {shares}")
    return f"40 requests went as {shares[0]} and {shares[1]}"


def cached(reply):
    return reply.json()["usage"]["prompt_tokens_details"]["cached_tokens"]


def keeps_prefixes_together(front, servers):
    """cache_aware: who has a prefix gets the next request with it."""
    for text in ("abcde " * 40, "97531 " * 40):
        found = []
        shares = share(servers, lambda text=text, found=found: found.extend(
            cached(front.post("/v1/completions", {**GREEDY, "prompt": text + str(i)})) for i in range(5)))
        demand(sorted(shares) == [0, 5], f"one prefix went to both: {shares}")
        demand(min(found[1:]) > 16, f"cached tokens: {found}")
    return f"{found[-1]} cached tokens"


def keeps_sessions_together(front, servers):
    """consistent_hash: the header of a session decides."""
    used = set()
    for session in range(8):
        shares = share(servers, lambda session=session: [front.post("/v1/completions", GREEDY, headers={
            "Content-Type": "application/json", "X-Session-Id": f"session-{session}"}) for _ in range(3)])
        demand(sorted(shares) == [0, 3], f"one session went to both: {shares}")
        used.add(shares.index(3))
    demand(len(used) == 2, "all sessions went to one server")
    return "8 sessions"


def num_tokens(front, started):
    """Reads a long stream to its end: its tokens, and whether it was whole."""
    with streamed(front, LONG) as reply:
        started.append(reply.readline())
        events = reply.read().decode().split("\n\n")
    demand(events[-2] == "data: [DONE]", f"a stream was cut: {events[-2:]}")
    return json.loads(events[-3][6:])["usage"]["completion_tokens"]


def survives_a_stop(front, servers, binary):
    """SIGTERM to one server: its streams end as they should, no client sees an error, and it may come back."""
    started, refused = [], []

    def load(i):
        if i < 4:
            demand(num_tokens(front, started) == LONG["max_tokens"], "a stream ended early")
            return
        wait_for(lambda: len(started) == 4, "four streams")
        demand(all(one.metric("vllm:num_requests_running") == 2 for one in servers), "the streams are not two and two")
        servers[0].process.send_signal(signal.SIGTERM)
        for _ in range(40):
            reply = front.post("/v1/completions", GREEDY)
            if reply.status != 200:
                refused.append((reply.status, reply.body))

    in_threads(5, load)
    demand(servers[0].process.wait(30) == 0, "the exit code of the stopped server")
    demand(not refused, f"refused beside a server that stops: {refused[:3]}")
    wait_for(lambda: front.num_healthy() == 1, "the router sees that one is gone")
    shares = share(servers[1:], lambda: [front.post("/v1/completions", GREEDY) for _ in range(10)])
    demand(shares == [10], f"of 10 requests the other server answered {shares}")
    with Server(binary, "--port", str(servers[0].port)) as again:
        wait_for(lambda: front.num_healthy() == 2, "the server that is back")
        spread(front, [again, servers[1]])
    return "4 streams whole and 40 requests answered beside a stop, balanced again after the restart"


def keys_pass(binary, environment):
    """Probes need no key, and a client's key reaches the server."""
    with Server(binary, "--api-key", "secret") as one, Server(binary, "--api-key", "secret") as other, \
            Router(environment, "round_robin", [one, other]) as front:
        for key, status in (("secret", 200), ("wrong", 401)):
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
            found = [front.post("/v1/completions", GREEDY, headers=headers).status, front.get("/v1/models", headers=headers).status]
            demand(found == [status, status], f"key {key!r}: {found}")
    return "keys pass"


def judge(binary, environment):
    said = []
    with Server(binary) as one, Server(binary) as other:
        servers = [one, other]
        with Router(environment, "round_robin", servers) as front:
            demand(front.get("/health").status == 200, "the router's /health")
            same_answers(front, one)
            client = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client_openai.py")
            said.append(environment.run(environment.python, client, f"http://127.0.0.1:{front.port}", "--behind-router").strip())
            said += [not_held_back(front, servers), cancelled(front, servers), spread(front, servers)]
        for policy, check in (("cache_aware", keeps_prefixes_together), ("consistent_hash", keeps_sessions_together),
                              ("power_of_two", spread), ("random", spread)):
            with Router(environment, policy, servers) as front:
                said.append(f"{policy}: {check(front, servers)}")
                cancelled(front, servers)
        with Router(environment, "round_robin", servers) as front:
            said.append(survives_a_stop(front, servers, binary))
    said.append(keys_pass(binary, environment))
    return "; ".join(said)
