#!/usr/bin/env python3
"""Clients, proxies and checkers that others wrote, against `ernie serve` with the demo model.

usage: judges.py PATH/TO/ernie [NAME ...] [--environment DIRECTORY]
       judges.py --list

Each judge brings its packages: Python ones go into a virtual environment (kept in DIRECTORY), Debian ones (nginx,
haproxy, prometheus) must be installed, and so must vLLM: its package wants other versions than the rest, so that
DIRECTORY is best one of its own. A judge whose package is not there is reported as skipped, with the reason.
Exit code 1 if one finds something.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import venv

sys.path.insert(0, os.path.dirname(__file__))
import router_judge  # noqa: E402
from server import Server  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


class Skipped(Exception):
    pass


class Environment:
    def __init__(self, directory):
        self.directory = directory
        self.python = os.path.join(directory, "bin", "python")
        self.used = []  # packages and programs of the judge at work
        if not os.path.exists(self.python):
            venv.create(directory, with_pip=True)

    def install(self, *packages):
        done = subprocess.run([self.python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skipped(f"cannot install {' '.join(packages)}: {done.stderr.strip().splitlines()[-1:]}")
        self.used += [one.split("[")[0] for one in packages]

    def need(self, program):
        path = shutil.which(program) or shutil.which(program, path=f"/usr/sbin:/usr/local/sbin:{self.directory}/bin")
        if path is None:
            raise Skipped(f"{program} is not installed")
        self.used.append(path)
        return path

    def versions(self):
        """Of what has been used since the last call."""
        frozen = subprocess.run([self.python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=False).stdout
        packages = {name.lower().replace("_", "-"): version for name, _, version in (one.partition("==") for one in frozen.splitlines())}
        said = [f"{one} {packages.get(one.lower(), '?')}" if "/" not in one else
                f"{os.path.basename(one)} {packages.get(os.path.basename(one)) or version_of(one)}" for one in self.used]
        self.used = []
        return ", ".join(said)

    def run(self, *words, timeout=1200, env=None, cwd=None):
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd,
                              env={**os.environ, **(env or {})})
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words[:4]))} … ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout


def version_of(program):
    for flag in ("-v", "--version"):
        done = subprocess.run([program, flag], capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        if found:
            return found[0]
    return "?"


def openai(binary, environment):
    environment.install("openai", "anthropic")
    with Server(binary) as server:
        return environment.run(environment.python, os.path.join(HERE, "client_openai.py"), f"http://127.0.0.1:{server.port}").strip()


def anthropic(binary, environment):
    environment.install("openai", "anthropic")
    with Server(binary) as server:
        return environment.run(environment.python, os.path.join(HERE, "client_anthropic.py"), f"http://127.0.0.1:{server.port}").strip()


def schemathesis(binary, environment):
    environment.install("schemathesis")
    with Server(binary, "--max-model-len", "512", "--max-num-seqs", "32") as server, tempfile.TemporaryDirectory() as directory:
        out = environment.run(os.path.join(environment.directory, "bin", "st"), "run", f"http://127.0.0.1:{server.port}/openapi.json",
                              "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
                              "--max-examples", "60", "--no-color", "--seed", "1", cwd=directory)  # it leaves files where it runs
        server.wait_until_idle()
    if "mostly rejected" in out:
        raise AssertionError("the description lets requests be made that the server refuses:\n" + out[out.find("mostly rejected"):][:600])
    return " ".join(line.strip() for line in out.splitlines() if "generated," in line)


LM_EVAL_TASK = """task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: {kind}
doc_to_text: "{{{{question}}}}"
{rest}
"""


def write_lm_eval_tasks(directory):
    data = os.path.join(directory, "data.jsonl")
    capitals = ["Paris", "Berlin", "Rome", "Madrid"]
    with open(data, "w", encoding="utf-8") as file:
        for i, country in enumerate(["France", "Germany", "Italy", "Spain"] * 5):
            file.write(json.dumps({"question": f"The capital of {country} is", "choices": capitals, "answer": i % 4,
                                   "text": " " + capitals[i % 4]}) + "\n")
    choice = 'doc_to_choice: "{{choices}}"\ndoc_to_target: answer\nmetric_list: [{metric: acc}, {metric: acc_norm}]'
    generate = ('doc_to_target: "{{text}}"\ngeneration_kwargs: {until: ["."], max_gen_toks: 16, do_sample: false, temperature: 0}\n'
                'metric_list: [{metric: exact_match}]')
    for name, kind, rest in (("demo_choice", "multiple_choice", choice), ("demo_generate", "generate_until", generate)):
        with open(os.path.join(directory, name + ".yaml"), "w", encoding="utf-8") as file:
            file.write(LM_EVAL_TASK.format(name=name, data=data, kind=kind, rest=rest))


def lm_eval(binary, environment):
    """The same figures twice: loglikelihood and generation."""
    environment.install("lm-eval[api]", "tenacity", "aiohttp")
    results = []
    with Server(binary) as server, tempfile.TemporaryDirectory() as tasks:
        write_lm_eval_tasks(tasks)
        for i in range(2):
            output = os.path.join(tasks, f"output{i}")
            environment.run(os.path.join(environment.directory, "bin", "lm_eval"), "--model", "local-completions", "--model_args",
                            f"model=ernie-demo,base_url=http://127.0.0.1:{server.port}/v1/completions,num_concurrent=4,"
                            "tokenized_requests=False,tokenizer_backend=remote", "--tasks", "demo_choice,demo_generate",
                            "--include_path", tasks, "--output_path", output, env={"HF_DATASETS_CACHE": tasks, "HF_HUB_OFFLINE": "1"})
            found = [os.path.join(path, name) for path, _, names in os.walk(output) for name in names if name.endswith(".json")]
            with open(found[0], encoding="utf-8") as file:
                results.append(json.load(file)["results"])
    if results[0] != results[1]:
        raise AssertionError(f"{results[0]} and then {results[1]}")
    return json.dumps(results[0])[:400]


def promtool(binary, environment):
    program = environment.need("promtool")
    with Server(binary) as server:
        server.post("/v1/completions", {"prompt": "a", "max_tokens": 3})
        done = subprocess.run([program, "check", "metrics"], input=server.get("/metrics").body, capture_output=True, check=False)
        problems = [line for line in (done.stdout + done.stderr).decode().splitlines()
                    # vLLM's own names: a histogram of a name that ends in _total.
                    if "iteration_tokens_total" not in line and "non-histogram and non-summary" not in line
                    and "should not contain ':'" not in line and line.strip()]
        if problems:
            raise AssertionError("\n".join(problems))
    return "no problem but those of vLLM's names"


def prometheus(binary, environment):
    """A real scrape."""
    program = environment.need("prometheus")
    with Server(binary) as server, tempfile.TemporaryDirectory() as directory:
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: ernie, static_configs: "
                       f"[{{targets: ['127.0.0.1:{server.port}']}}]}}]\n")
        process = subprocess.Popen([program, f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
                                    "--web.listen-address=127.0.0.1:19090"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server.post("/v1/completions", {"prompt": "a", "max_tokens": 3, "ignore_eos": True})
            for _ in range(30):
                time.sleep(1)
                found = subprocess.run(["curl", "-s", "http://127.0.0.1:19090/api/v1/query?query=vllm:generation_tokens_total"],
                                       capture_output=True, text=True, check=False).stdout
                if '"3"' in found:
                    return "scraped"
        finally:
            process.kill()
            process.wait()
    raise AssertionError("nothing was scraped")


def behind_proxy(server, start, port):
    """Streams come token by token through a proxy, and a client that leaves is noticed behind it."""
    import http.client
    process = start()
    try:
        time.sleep(1)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        body = json.dumps({"prompt": "Once upon a time", "max_tokens": 3000, "ignore_eos": True, "stream": True, "seed": 1})
        connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        began = time.monotonic()
        reply.read1(100)
        first = time.monotonic() - began
        if server.is_idle():
            raise AssertionError("the proxy held the stream back until it had ended")
        # Closing only the connection object would leave the socket to the reply.
        reply.close()
        connection.close()
        server.wait_until_idle(5)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "a", "max_tokens": 200, "ignore_eos": True, "stream": True}),
                           {"Content-Type": "application/json"})
        if not connection.getresponse().read().endswith(b"data: [DONE]\n\n"):
            raise AssertionError("a stream was cut")
        return f"first bytes {first * 1e3:.1f} ms after the head, cancellation arrives"
    finally:
        process.terminate()
        process.wait()


def nginx(binary, environment):
    program = environment.need("nginx")
    with Server(binary) as server, tempfile.TemporaryDirectory() as directory:
        config = os.path.join(directory, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"daemon off; pid {directory}/pid; error_log {directory}/error.log; events {{}}\nhttp {{ access_log off; "
                       f"client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f; "
                       f"uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;\n server {{ listen 127.0.0.1:18080; location / {{ "
                       f"proxy_pass http://127.0.0.1:{server.port}; proxy_http_version 1.1; }} }} }}\n")
        return behind_proxy(server, lambda: subprocess.Popen([program, "-c", config, "-p", directory], stderr=subprocess.DEVNULL), 18080)


def haproxy(binary, environment):
    program = environment.need("haproxy")
    with Server(binary) as server, tempfile.TemporaryDirectory() as directory:
        config = os.path.join(directory, "haproxy.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write("defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\nfrontend f\n bind "
                       f"127.0.0.1:18081\n default_backend b\nbackend b\n option httpchk GET /health\n server s 127.0.0.1:{server.port} check\n")
        return behind_proxy(server, lambda: subprocess.Popen([program, "-f", config], stderr=subprocess.DEVNULL), 18081)


def guidellm(binary, environment):
    """A whole run of another load generator."""
    environment.install("guidellm", "sentencepiece", "protobuf")
    with Server(binary) as server, tempfile.TemporaryDirectory() as directory:
        output = os.path.join(directory, "out.json")
        environment.run(os.path.join(environment.directory, "bin", "guidellm"), "run", "--backend",
                        f"kind=openai_http,target=http://127.0.0.1:{server.port},model=ernie-demo", "--profile", "kind=concurrent,streams=4",
                        "--constraint", "kind=max_duration,seconds=8", "--data", "kind=synthetic_text,prompt_tokens=32,output_tokens=16",
                        "--tokenizer", "kind=hf_auto,model=" + os.path.join(HERE, "..", "..", "models", "demo"),
                        "--output", f"kind=json,path={output}", "--disable-console-interactive", timeout=300, env={"HF_HUB_OFFLINE": "1"})
        with open(output, encoding="utf-8") as file:
            totals = json.load(file)["benchmarks"][0]["metrics"]["request_totals"]
        if totals["errored"] or not totals["successful"]:
            raise AssertionError(str(totals))
    return json.dumps(totals)


def vllm_bench(binary, environment):
    """vLLM's own load generator, completions and chats."""
    program = environment.need("vllm")
    said = []
    with Server(binary) as server, tempfile.TemporaryDirectory() as directory:
        for backend, path in (("openai", "/v1/completions"), ("openai-chat", "/v1/chat/completions")):
            environment.run(program, "bench", "serve", "--backend", backend, "--base-url", f"http://127.0.0.1:{server.port}", "--endpoint", path,
                            "--model", "ernie-demo", "--tokenizer", os.path.join(HERE, "..", "..", "models", "demo"), "--ignore-eos",
                            "--dataset-name", "random", "--random-input-len", "64", "--random-output-len", "32", "--num-prompts", "100",
                            "--max-concurrency", "8", "--save-result", "--result-dir", directory, "--result-filename", backend,
                            env={"HF_HUB_OFFLINE": "1"})
            with open(os.path.join(directory, backend), encoding="utf-8") as file:
                result = json.load(file)
            if (result["completed"], result["failed"], result["total_output_tokens"]) != (100, 0, 3200):
                raise AssertionError(f"{backend}: {result['completed']} answers, {result['failed']} failed, {result['total_output_tokens']} tokens")
            said.append(f"{backend}: 100 answers, 3200 tokens")
    return "; ".join(said)


def router(binary, environment):
    environment.install(router_judge.PACKAGE, "openai")
    return router_judge.judge(binary, environment)


JUDGES = {f.__name__: f for f in (openai, anthropic, schemathesis, lm_eval, guidellm, promtool, prometheus, nginx, haproxy, vllm_bench, router)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--environment", default=os.path.expanduser("~/.cache/ernie-judges"))
    parser.add_argument("--list", action="store_true", help="the names of the judges, and no more")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(JUDGES))
        return 0
    for name in arguments.names:
        if name not in JUDGES:
            parser.error(f"no judge {name!r}; --list shows them")
    if arguments.binary is None:
        parser.error("the path of ernie is missing")
    environment = Environment(os.path.abspath(arguments.environment))
    failed = 0
    for name in arguments.names or JUDGES:
        try:
            said = JUDGES[name](arguments.binary, environment)
            print(f"{name}: passed ({environment.versions()}): {said}", flush=True)
        except Skipped as reason:
            environment.used = []
            print(f"{name}: skipped: {reason}", flush=True)
        except Exception as problem:  # pylint: disable=broad-except
            failed += 1
            said = "\n".join([str(problem), *getattr(problem, "__notes__", [])])
            print(f"{name}: FAILED ({environment.versions()}): {said}", flush=True)
            if not isinstance(problem, AssertionError):
                traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
