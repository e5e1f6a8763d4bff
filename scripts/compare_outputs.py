#!/usr/bin/env python3
"""Compares what two builds of the program answer, bit for bit.

    scripts/compare_outputs.py BASE_ERNIE NEW_ERNIE

Both work through the same 200 prompts, greedy and sampled, with log-probabilities of output and
prompt and with receipts, which hold the bits of every logit. This is done with the demo and every
checkpoint of tests/golden, on every instruction set of the cpu device, in float32 and bfloat16,
with several chunk sizes and thread counts; with fewer prompts on the reference device. Receipts
that BASE wrote must be verified by NEW, and the figures of `ernie verify model` at positions beyond
100,000 must be equal. Goes on after a difference and names the first one of every run. Exit codes:
0 all equal, 1 something differs, 2 it could not run.
"""

import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests/golden"
DEMO = ROOT / "models/demo"
DTYPES = ("float32", "bfloat16")
BLOCK_SIZE = 16
NUMBER = "\0"  # stands before a number as it is written; no text of ours begins so
# What differs between two runs of one program; in a report of verify also the descriptions.
VOLATILE = {"timings"}
FIGURES = ("passed", "num_comparisons", "departure", "checks", "places", "routing", "distribution",
           "distribution_routed_alike", "distribution_original")
# Chunk sizes; a prompt's chunk of 16 tokens ends on block borders, one of 21 does not.
CHUNKINGS = (("--max-num-batched-tokens", "16", "--max-num-seqs", "5"),
             ("--max-num-batched-tokens", "21", "--max-num-seqs", "8"),
             ("--max-num-batched-tokens", "64"),
             ())
TEXTS = ("17 + 25 =", "sort 3 1 2 =", "reverse c a t =", "法国的首都是", "a", "The capital of France is")


class CannotRun(Exception):
    pass


def sampling(rng, vocab_size):
    """Fields of one prompt line: about a third of them greedy."""
    fields = {"max_tokens": rng.choice((1, 2, 5, 9, 14, 20))}
    if rng.random() < 0.8:
        fields["logprobs"] = rng.choice((0, 1, 5))
    if rng.random() < 0.5:
        fields["prompt_logprobs"] = rng.choice((0, 1, 3))
    if rng.random() < 0.5:
        fields["ignore_eos"] = True
    if rng.random() < 0.67:
        fields.update(temperature=rng.choice((0.3, 0.8, 1.0, 1.5)), seed=rng.randrange(1 << 40))
        for name, values in (("top_k", (1, 5, 40)), ("top_p", (0.1, 0.8, 0.95)),
                             ("min_p", (0.02, 0.2))):
            if rng.random() < 0.4:
                fields[name] = rng.choice(values)
    for name, values in (("repetition_penalty", (0.8, 1.2)), ("presence_penalty", (-0.5, 0.7)),
                         ("frequency_penalty", (-0.3, 0.6))):
        if rng.random() < 0.25:
            fields[name] = rng.choice(values)
    if rng.random() < 0.15:
        ids = rng.sample(range(3, vocab_size), 3)
        fields["logit_bias"] = {str(i): round(rng.uniform(-8, 8), 2) for i in ids}
    if rng.random() < 0.15:
        fields["stop_token_ids"] = rng.sample(range(3, vocab_size), 20)
    if rng.random() < 0.15:
        fields["min_tokens"] = fields["max_tokens"] // 2
    return fields


def make_prompts(count, vocab_size, with_text):
    """Prompt lines of lengths around the borders of blocks and between them."""
    rng = random.Random(20241 + vocab_size)
    borders = [n * BLOCK_SIZE + d for n in (1, 2, 3, 4, 8) for d in (-1, 0, 1)]
    lines = []
    for i in range(count):
        length = rng.choice(borders) if rng.random() < 0.6 else rng.randint(1, 100)
        prompt = [rng.randrange(3, vocab_size) for _ in range(length)]
        if with_text and i % 3 == 0:
            prompt = rng.choice(TEXTS)
        lines.append({"id": f"p{i}", "prompt": prompt, **sampling(rng, vocab_size)})
    return lines


def first_difference(base, new, path=""):
    """Where two JSON values differ first, as text, or None. Numbers are compared as written."""
    if type(base) is not type(new):
        return f"{path}: base {brief(base)}, new {brief(new)}"
    if isinstance(base, dict):
        base = {k: v for k, v in base.items() if k not in VOLATILE}
        new = {k: v for k, v in new.items() if k not in VOLATILE}
        for key in itertools.chain(base, (k for k in new if k not in base)):
            where = f"{path}.{key}" if path else key
            if key not in base or key not in new:
                return f"{where}: only in {'base' if key in base else 'new'}"
            found = first_difference(base[key], new[key], where)
            if found:
                return found
        return None
    if isinstance(base, list):
        for i, (x, y) in enumerate(zip(base, new)):
            found = first_difference(x, y, f"{path}[{i}]")
            if found:
                return found
        if len(base) != len(new):
            return f"{path}: base has {len(base)} elements, new {len(new)}"
        return None
    return None if base == new else f"{path}: base {brief(base)}, new {brief(new)}"


def brief(value):
    text = value[1:] if is_number(value) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


def exact_json(text):
    """Numbers keep their spelling, so that -0.0 is not 0 and no digit is lost."""
    return json.loads(text, parse_float=lambda s: NUMBER + s, parse_int=lambda s: NUMBER + s)


def is_number(value):
    return isinstance(value, str) and value.startswith(NUMBER)


def compare_lines(base, new):
    """(lines that differ, the first difference as prompt, token and field)."""
    bases, news = base.splitlines(), new.splitlines()
    count, first = 0, None
    for x, y in zip(bases, news):
        x, y = exact_json(x), exact_json(y)
        found = first_difference(x, y)
        if found is None:
            continue
        count += 1
        if first is None:
            # A token tells more than the text that it is part of.
            found = first_difference(x.get("token_ids"), y.get("token_ids"), "token_ids") or found
            token = re.search(r"\[(\d+)\]", found.split(": ")[0])
            where = f", token {token[1]}" if token else ""
            first = f"prompt {x.get('id')}{where}, {found}"
    if len(bases) != len(news):
        count += abs(len(bases) - len(news))
        first = first or f"base wrote {len(bases)} lines, new {len(news)}"
    return count, first


class Case:
    """One command that both programs run on the same prompts."""

    def __init__(self, name, model, lines, flags):
        self.name, self.model, self.lines, self.flags = name, model, lines, flags
        self.key = re.sub(r"\W+", "-", name)

    def model_flags(self):
        # The golden checkpoints have no tokenizer. Their vocabularies are parts of the demo's.
        return ["--model", self.model, "--tokenizer", DEMO] if self.model else []


class Comparison:
    def __init__(self, base, new, folder, self_test):
        self.base, self.new, self.folder, self.self_test = base, new, folder, self_test
        self.isas = self.runnable_isas()

    def runnable_isas(self):
        """An instruction set that nobody has makes the program list those of this machine."""
        done = subprocess.run([self.new, "run", "--quiet", "--prompt", "1", "--isa", "?"],
                              capture_output=True, text=True, check=False)
        found = re.search(r"this machine runs: ([\w, ]+)", done.stderr)
        if not found:
            raise CannotRun(f"no list of instruction sets in: {done.stderr.strip()}")
        return found[1].split(", ")

    def new_flags(self, flags):
        """What NEW is run with: the same, but for a self-test the other dtype."""
        other = dict(zip(DTYPES, reversed(DTYPES)))
        return [other.get(flag, flag) for flag in flags] if self.self_test else flags

    def answers(self, program, case, tag, flags):
        """The path of the result lines that `program` writes."""
        source = self.folder / f"{case.key}.jsonl"
        source.write_text("".join(json.dumps(line) + "\n" for line in case.lines), encoding="utf-8")
        output = self.folder / f"{case.key}.{tag}.out"
        command = [program, "run", "--quiet", "--prompt-file", source, "--output", output,
                   "--token-ids", "--receipts", "--max-model-len", "256", *flags]
        done = subprocess.run(command + case.model_flags(), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise CannotRun(f"{' '.join(map(str, command))}: exit code {done.returncode}: "
                            f"{done.stderr.strip()[-500:]}")
        return output

    def answers_differ(self, case):
        """None, or what differs: the answers, or BASE's receipts recomputed by NEW."""
        threads = ("--threads", str(1 + sum(map(ord, case.key)) % 3))
        base = self.answers(self.base, case, "base", (*case.flags, "--threads", "1"))
        new = self.answers(self.new, case, "new", (*self.new_flags(case.flags), *threads))
        count, first = compare_lines(base.read_text(encoding="utf-8"),
                                     new.read_text(encoding="utf-8"))
        if count:
            return f"{count} of {len(case.lines)} lines differ; {first}"
        return self.receipts_depart(case, base) if "receipts" in case.name else None

    def receipts_depart(self, case, output):
        command = [self.new, "verify", "receipt", "--quiet", output, "--input",
                   self.folder / f"{case.key}.jsonl", *case.flags]
        done = subprocess.run(command + case.model_flags(), capture_output=True, text=True,
                              check=False)
        if done.returncode == 0:
            return None
        lines = [line for line in done.stdout.splitlines() if "verified" not in line]
        return f"receipts of base: exit code {done.returncode}: {(lines or [done.stderr])[0]}"

    def long_positions_differ(self, flags):
        """The figures of moe_long_position, which needs positions that a prompt cannot have."""
        command = ["verify", "model", "--quiet", "--json", "-", "--model", GOLDEN / "moe_shared",
                   "--truth", GOLDEN / "moe_long_position"]
        reports = []
        for program, own_flags in ((self.base, flags), (self.new, self.new_flags(flags))):
            done = subprocess.run([program, *command, *own_flags], capture_output=True, text=True,
                                  check=False)
            if not done.stdout.startswith("{"):
                raise CannotRun(f"verify model: {done.stderr.strip()[-500:]}")
            report = exact_json(done.stdout)
            reports.append({name: report.get(name) for name in FIGURES})
        return first_difference(*reports)


def checkpoints():
    """(name, directory or None for the demo, size of the vocabulary)."""
    found = [("demo", None, 1000)]
    for config in sorted(GOLDEN.glob("*/config.json")):
        vocab_size = json.loads(config.read_text(encoding="utf-8"))["vocab_size"]
        found.append((config.parent.name, config.parent, vocab_size))
    return found


def make_cases(isas, count):
    """Every checkpoint on every instruction set in both dtypes; chunk sizes take turns, so that each
    checkpoint meets all of them."""
    cases = []
    for name, model, vocab_size in checkpoints():
        lines = make_prompts(count, vocab_size, model is None)
        configurations = list(itertools.product(isas, DTYPES))
        for i, (isa, dtype) in enumerate(configurations):
            receipts = " receipts" if i < len(DTYPES) else ""
            flags = ("--isa", isa, "--dtype", dtype)
            cases.append(Case(f"{name} cpu {isa} {dtype}{receipts}", model, lines,
                              (*flags, *CHUNKINGS[i % len(CHUNKINGS)])))
        for dtype, chunking in zip(DTYPES, CHUNKINGS):
            cases.append(Case(f"{name} reference {dtype}", model, lines[:max(1, count // 10)],
                              ("--device", "reference", "--dtype", dtype, *chunking)))
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE_ERNIE", type=pathlib.Path)
    parser.add_argument("new", metavar="NEW_ERNIE", type=pathlib.Path)
    parser.add_argument("--num-prompts", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--self-test", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ernie-compare-") as folder:
        comparison = Comparison(args.base.resolve(), args.new.resolve(), pathlib.Path(folder),
                                args.self_test)
        jobs = [(case.name, lambda case=case: comparison.answers_differ(case))
                for case in make_cases(comparison.isas, args.num_prompts)]
        for isa, dtype in itertools.product(comparison.isas, DTYPES):
            flags = ["--isa", isa, "--dtype", dtype]
            jobs.append((f"moe_long_position cpu {isa} {dtype}",
                         lambda flags=flags: comparison.long_positions_differ(flags)))
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as executor:
            results = [(name, what) for (name, _), what
                       in zip(jobs, executor.map(lambda job: job[1](), jobs))]
    different = [(name, what) for name, what in results if what]
    for name, what in different[:3] if args.self_test else different:
        print(f"{name}: {what}")
    print(f"{len(results)} runs ({', '.join(comparison.isas)}), {len(different)} differ, "
          f"{time.monotonic() - start:.0f} s")
    if args.self_test:
        # Every run was done in the other dtype: one that does not differ compares nothing.
        return 0 if len(different) == len(results) else 1
    return 1 if different else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CannotRun, OSError) as error:
        print(f"compare_outputs.py: {error}", file=sys.stderr)
        sys.exit(2)
