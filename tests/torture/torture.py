#!/usr/bin/env python3
"""Makes each call that a short job depends on fail once: allocations, maps, opens, reads, writes, renames, syncs.

    tests/torture/torture.py ERNIE SHIM [JOB ...] [--every N] [--journal FILE] [--jobs 2]

SHIM is what fail_call.c becomes. A first run of a job lists its calls by function and call stack; then the job runs once for each, and that
call fails. Whatever fails, the job must end within ten seconds, either as if nothing had been or with exit code 2 and one line of its
own on standard error; and the next run without a failure must give the usual result. `--every N` tries each Nth call only, the journal
lets a campaign go on. Exit code 1 if a job broke that.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROWS = "".join(json.dumps({"custom_id": f"r{i}", "method": "POST", "url": "/v1/completions",
                           "body": {"prompt": f"{i} + 5 =", "max_tokens": 4, "seed": i}}) + "\n" for i in range(3))
LINE = re.compile(r"ernie( [a-z-]+)*: .+")


class Job:
    """A command in a directory of its own. `outputs` are what it must leave behind when nothing fails."""

    def __init__(self, name, arguments, outputs=(), inputs=None):
        self.name, self.arguments, self.outputs, self.inputs = name, arguments, outputs, inputs or {}

    def prepare(self, directory):
        for name, text in self.inputs.items():
            (directory / name).write_text(text, encoding="utf-8")

    def run(self, ernie, directory, environment):
        return subprocess.run(["setarch", "-R", ernie, *self.arguments], cwd=directory, capture_output=True, timeout=10, check=False,
                              env={**os.environ, **environment}, stdin=subprocess.DEVNULL)

    def result(self, done, directory):
        return [self.shown(done.stdout)] + [(directory / name).read_bytes() for name in self.outputs]

    def shown(self, output):
        """What of standard output is the same in each run."""
        return output


class InspectJob(Job):
    def shown(self, output):
        return re.sub(rb"(?m)^fits here .*\n", b"", output)  # depends on the memory that is free


class VerifyJob(Job):
    def shown(self, output):
        report = json.loads(output)
        return {name: value for name, value in report.items() if name not in ("seconds", "environment")}


class ServeJob(Job):
    """A server, three requests, one more that must be answered or refused, and SIGTERM."""

    REQUESTS = [("/v1/completions", {"prompt": "17 + 25 =", "max_tokens": 4, "temperature": 0}),
                ("/v1/chat/completions", {"messages": [{"role": "user", "content": "17 + 25 ="}], "max_tokens": 4, "temperature": 0,
                                          "stream": True}),
                ("/tokenize", {"prompt": "17 + 25 ="})]

    def run(self, ernie, directory, environment):
        with open(directory / "log", "wb") as log:
            server = subprocess.Popen(["setarch", "-R", ernie, *self.arguments], cwd=directory, stdout=subprocess.PIPE, stderr=log,
                                      env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
        try:
            last = self.talk(server, directory)
            # The first signal is lost where what failed is the reading of the pipe that Boost.Asio sends signals through.
            for patience in (3, 7):
                server.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(patience)
            if server.poll() is None:
                raise subprocess.TimeoutExpired(self.arguments, 10)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        return subprocess.CompletedProcess(self.arguments, server.returncode, last, (directory / "log").read_bytes())

    def talk(self, server, directory):
        """What the last request got; empty if the server has ended."""
        port = None
        end = time.monotonic() + 10
        while port is None:
            found = re.search(rb"listening on http://[^:]+:(\d+)", (directory / "log").read_bytes())
            port = int(found[1]) if found else None
            if server.poll() is not None:
                return b""
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.arguments, 10)
            time.sleep(0.002)
        for path, body in [*self.REQUESTS, self.REQUESTS[0]]:
            answer = self.ask(port, path, body)
        return answer

    def ask(self, port, path, body):
        """The text of a completion or the class of its status; what never comes is a timeout."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            read = reply.read()
            if reply.status == 200 and path == "/v1/completions":
                return json.loads(read)["choices"][0]["text"].encode()
            return str(reply.status).encode()
        except TimeoutError as problem:
            raise subprocess.TimeoutExpired(self.arguments, 10) from problem
        except (OSError, http.client.HTTPException):
            return b"closed"
        finally:
            connection.close()

    def shown(self, output):
        # A server that could not compute any more says so to each later request, until it is started anew.
        return b" 42\n" if output in (b"500", b"503") else output


def receipts_of(ernie):
    """A file of results with receipts, and its manifest, for `verify receipt`."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "in").write_text(ROWS, encoding="utf-8")
        subprocess.run([ernie, "run-batch", "--quiet", "-t", "1", "--receipts", "-i", "in", "-o", "out"], cwd=path, check=True)
        return {"out": (path / "out").read_text(encoding="utf-8"), "out.model.json": (path / "out.model.json").read_text(encoding="utf-8")}


def jobs_of(ernie):
    return [
        Job("run", ["run", "--quiet", "-t", "1", "-p", "17 + 25 =", "-n", "4"]),
        Job("run-batch", ["run-batch", "--quiet", "-t", "1", "-i", "in", "-o", "out"], ["out"], {"in": ROWS}),
        InspectJob("inspect", ["inspect", str(ROOT / "models/demo")]),
        VerifyJob("verify receipt", ["verify", "receipt", "--quiet", "-t", "1", "out", "--json", "-"], [], receipts_of(ernie)),
        ServeJob("serve", ["serve", "--port", "0", "-t", "1", "--max-model-len", "256"]),
    ]


def complaint(done, expected, result):
    """What is wrong with a run in which a call failed, or nothing."""
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0 or done.returncode > 2:
        return f"ended with {done.returncode}: {said[-300:]}"
    if done.returncode == 2:
        lines = said.splitlines()
        return None if lines and LINE.fullmatch(lines[-1]) else f"said {said[-300:]!r}"
    try:
        is_other = done.returncode == 0 and result() != expected
    except (OSError, ValueError) as problem:
        return f"ended with 0, and its result cannot be read: {problem}"
    return "ended with 0 and another result" if is_other else None


def try_call(job, ernie, shim, call, expected):
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        job.prepare(directory)
        try:
            done = job.run(ernie, directory, {"LD_PRELOAD": shim, "ERNIE_FAIL": call})
            wrong = complaint(done, expected, lambda: job.result(done, directory))
            if wrong:
                return wrong
            again = job.run(ernie, directory, {})
        except subprocess.TimeoutExpired:
            return "did not end"
        if again.returncode != 0 or job.result(again, directory) != expected:
            return f"the next run ended with {again.returncode}: {again.stderr.decode('utf-8', 'replace')[-300:]}"
    return None


def calls_of(job, ernie, shim):
    """The calls of a run without failures, and its result."""
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        job.prepare(directory)
        log = directory / "calls"
        done = job.run(ernie, directory, {"LD_PRELOAD": shim, "ERNIE_CALLS": str(log)})
        if done.returncode != 0:
            sys.exit(f"{job.name}: ended with {done.returncode} when nothing failed: {done.stderr.decode('utf-8', 'replace')}")
        return log.read_text(encoding="ascii").splitlines(), job.result(done, directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("ernie", type=os.path.abspath)
    parser.add_argument("shim", type=os.path.abspath)
    parser.add_argument("names", nargs="*", metavar="JOB")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--journal", type=pathlib.Path)
    options = parser.parse_args()
    if shutil.which("setarch") is None:
        sys.exit("setarch is not installed")
    passed = set(options.journal.read_text(encoding="utf-8").splitlines()) if options.journal and options.journal.exists() else set()
    failed = 0
    for job in jobs_of(options.ernie):
        if options.names and job.name not in options.names:
            continue
        calls, expected = calls_of(job, options.ernie, options.shim)
        chosen = [call for call in calls[::options.every] + [c for c in calls if not c.startswith("malloc")] if f"{job.name} {call}" not in passed]
        chosen = list(dict.fromkeys(chosen))
        wrong = {}
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            tries = {pool.submit(try_call, job, options.ernie, options.shim, call, expected): call for call in chosen}
            for done in concurrent.futures.as_completed(tries):
                call = tries[done]
                if done.result():
                    wrong[call] = done.result()
                elif options.journal:
                    with open(options.journal, "a", encoding="utf-8") as file:
                        file.write(f"{job.name} {call}\n")
        print(f"{job.name}: {len(calls)} calls, {len(chosen)} tried, {len(wrong)} broke it", flush=True)
        for call, what in list(wrong.items())[:20]:
            print(f"  {call}: {what}", flush=True)
        failed += len(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
