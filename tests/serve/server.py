"""Starts `ernie serve` for tests, and speaks HTTP to it with nothing but the standard library."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def events(self):
        """The payloads of a stream of events, as JSON but for [DONE]."""
        data = [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]
        return [one if one == "[DONE]" else json.loads(one) for one in data]


class Endpoint:
    """Whatever speaks HTTP on a port of this machine."""

    port = None

    def connect(self, timeout=60):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = {} if headers is None else dict(headers)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, path, body, **kwargs):
        return self.request("POST", path, body, **kwargs)


class Server(Endpoint):
    """A server on a free port, from start to stop."""

    def __init__(self, binary, *flags, env=None, wait=True):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ERNIE_ARG_", "VLLM_"))}
        self.process = subprocess.Popen(
            [binary, "serve", "--port", "0", "--kv-cache-memory-bytes", str(64 << 20), "--max-model-len", "4096", *flags],
            stdout=self.log, stderr=subprocess.STDOUT, env={**environment, **(env or {})})
        self.address = None
        self.wait_for_log(r"listening on (\S+)")
        if wait:
            self.wait_for_log(r"ready after")

    def log_text(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def wait_for_log(self, pattern, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = re.search(pattern, self.log_text())
            if found:
                if found.groups() and "://" in found[1]:
                    self.address = found[1]
                    self.port = int(found[1].rsplit(":", 1)[1])
                return found
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
            time.sleep(0.005)
        raise RuntimeError(f"no {pattern!r} in {timeout} s:\n{self.log_text()}")

    def raw(self, data, timeout=10):
        """Sends bytes and reads until the server closes or says nothing for a while."""
        with self.connect(timeout) as connection:
            connection.sendall(data)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionError):
                pass
            return received

    def metric(self, name, **labels):
        """The sum of a metric's values whose labels fit."""
        total, found = 0.0, False
        for line in self.get("/metrics").body.decode().split("\n"):
            match = re.match(r"([a-zA-Z_:]+)\{(.*)\} (\S+)$", line)
            if match and match[1] == name and all(f'{k}="{v}"' in match[2] for k, v in labels.items()):
                total, found = total + float(match[3]), True
        return total if found else None

    def is_idle(self):
        used = self.metric("vllm:kv_cache_usage_perc")
        return self.metric("vllm:num_requests_running") == 0 and self.metric("vllm:num_requests_waiting") == 0 and not used

    def wait_until_idle(self, timeout=20):
        end = time.monotonic() + timeout
        while not self.is_idle():
            if time.monotonic() > end:
                raise RuntimeError("the server does not come to rest:\n" + self.get("/metrics").body.decode()[:2000])
            time.sleep(0.02)

    def num_descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self, sig=signal.SIGTERM, timeout=60):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        if os.path.exists(self.log.name):
            os.unlink(self.log.name)


def in_threads(count, work):
    """Runs work(0) … work(count - 1) at the same time; their results, or the first exception."""
    results, problems = [None] * count, []

    def run(i):
        try:
            results[i] = work(i)
        except BaseException as problem:  # pylint: disable=broad-except
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return results
