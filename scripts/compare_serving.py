#!/usr/bin/env python3
"""Servers in turn under the same load, with the client of one of them.

    scripts/compare_serving.py ERNIE --server NAME=COMMAND [--server NAME=COMMAND ...] [--rounds 3]
        [--clients 1,4,16,64] [--prefix-len 0,1024] [--json FILE]

Each COMMAND is a shell line that serves on the port that stands for {port}; all are started once and then idle while another is
measured. A round measures every case (number of clients, length of the shared prefix) on every server, the order changing from round
to round; figures are medians over the rounds, ratios those of the first server to each other one. The load is `ERNIE bench serve`:
random ids, 128 in and 64 out unless told otherwise, greedy, to the end of the output. Exit codes: 0 measured, 2 it could not run.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

FIGURES = (("output tok/s", lambda got: got["output_tokens_per_s"], "{:.1f}"), ("TTFT p50 ms", lambda got: got["ttft"]["median_s"] * 1e3, "{:.0f}"),
           ("ITL p50 ms", lambda got: got["itl"]["median_s"] * 1e3, "{:.1f}"))


class Peer:
    """A server from start to stop."""

    def __init__(self, text, folder):
        self.name, _, command = text.partition("=")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(folder / f"{self.name}.log", "w", encoding="utf-8")
        began = time.monotonic()
        # A session of its own: a shell passes no signal on to what it started.
        self.process = subprocess.Popen(command.replace("{port}", str(self.port)), shell=True, stdout=self.log, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.wait_until_ready()
        print(f"{self.name}: ready after {time.monotonic() - began:.1f} s", file=sys.stderr)

    def wait_until_ready(self):
        end = time.monotonic() + 600
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.name} is not ready; what it wrote ends with\n{pathlib.Path(self.log.name).read_text(encoding='utf-8')[-2000:]}")

    def measure(self, ernie, clients, prefix_len, options):
        command = [ernie, "bench", "serve", "--url", self.url, "--num-prompts", str(max(4, options.prompts_per_client * clients)),
                   "--max-concurrency", str(clients), "--num-warmups", "1", "--input-len", str(options.input_len),
                   "--output-len", str(options.output_len), "--random-prefix-len", str(prefix_len), "--vocab-size", str(options.vocab_size),
                   "--seed", str(options.seed), "--json", "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):  # 1: some requests had errors
            raise RuntimeError(f"{self.name}: {done.stderr}")
        got = json.loads(done.stdout)
        if got["completed"] == 0:
            raise RuntimeError(f"{self.name}: no request was answered: {got['errors']}")
        return got

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def measure_all(peers, options):
    """{(clients, prefix_len): {name: [result of each round]}}"""
    results = {}
    for round_ in range(options.rounds):
        for prefix_len in options.prefix_len:
            for clients in options.clients:
                for peer in peers if round_ % 2 == 0 else reversed(peers):
                    # The next round asks for other prompts: what a server cached of this one must not help it.
                    options.seed = 1000 * round_ + clients + prefix_len
                    got = peer.measure(options.ernie, clients, prefix_len, options)
                    results.setdefault((clients, prefix_len), {}).setdefault(peer.name, []).append(got)
                    print(f"  round {round_ + 1}, prefix {prefix_len}, {clients} clients, {peer.name}: "
                          f"{got['output_tokens_per_s']:.1f} tok/s", file=sys.stderr)
    return results


def table_of(results):
    lines = ["| clients | shared prefix | server | " + " | ".join(name for name, *_ in FIGURES) +
             " | failed | first server to this one, tok/s |", "|---" * (5 + len(FIGURES)) + "|"]
    for (clients, prefix_len), servers in results.items():
        first = None
        for name, rounds in servers.items():
            medians = [statistics.median(map(figure, rounds)) for _, figure, _ in FIGURES]
            first = first or medians[0]
            cells = [form.format(value) for value, (_, _, form) in zip(medians, FIGURES)]
            failed = sum(got["failed"] for got in rounds)
            lines.append(f"| {clients} | {prefix_len} | {name} | {' | '.join(cells)} | {failed} | {first / medians[0]:.2f} |")
    return "\n".join(lines)


def main():
    def numbers(text):
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ernie")
    parser.add_argument("--server", action="append", required=True, metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=numbers, default=[1, 4, 16, 64])
    parser.add_argument("--prefix-len", type=numbers, default=[0, 1024])
    parser.add_argument("--input-len", type=int, default=128)
    parser.add_argument("--output-len", type=int, default=64)
    parser.add_argument("--prompts-per-client", type=int, default=2)
    parser.add_argument("--vocab-size", type=int, default=0, help="of the model, where a server does not say it")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    peers = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for text in options.server:
                peers.append(Peer(text, pathlib.Path(folder)))
            results = measure_all(peers, options)
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
            return 2
        finally:
            for peer in peers:
                peer.stop()
    print(table_of(results))
    if options.json:
        rows = [{"clients": clients, "prefix_len": prefix_len, "servers": servers} for (clients, prefix_len), servers in results.items()]
        pathlib.Path(options.json).write_text(json.dumps(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
