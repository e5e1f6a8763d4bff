#!/usr/bin/env python3
"""Receipts of the real program: what they hold, and that every kind of change is found and named.

    receipts_test.py PROGRAM

receipt_format.py reads them by docs/receipts.md alone.
"""

import copy
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import json_schema  # noqa: E402
import receipt_format  # noqa: E402

PROGRAM = os.path.abspath(sys.argv.pop(1))
ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = str(ROOT / "models/demo")
SCHEMA = json.loads((ROOT / "docs/schema/verify-receipt.schema.json").read_text("utf-8"))


def batch_row(custom_id, chat=False, **body):
    url = "/v1/chat/completions" if chat else "/v1/completions"
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


BATCH = [
    batch_row("greedy", prompt="17 + 25 =", temperature=0),
    batch_row("über \"x\"", prompt="reverse c a t =", temperature=0.9, top_k=50, top_p=0.95,
              min_p=0.01, seed=-5, max_tokens=12, ignore_eos=True),
    batch_row("chat", chat=True, messages=[{"role": "user", "content": "12 + 30 ="}],
              logprobs=True, top_logprobs=3),
    batch_row("bad", prompt="x", min_p=9),
    batch_row("penalties", prompt=[4, 10, 270, 752], repetition_penalty=1.3, presence_penalty=0.5,
              frequency_penalty=-0.0, logit_bias={"5": 2.5, "6": -100}, max_tokens=20,
              min_tokens=8, stop=["zz", "你"], stop_token_ids=[900]),
    batch_row("echo", prompt="sort 3 1 2 =", echo=True, logprobs=2, temperature=0, max_tokens=6),
    batch_row("echo ids", prompt=[1, 4, 10, 270], echo=True, logprobs=0, prompt_logprobs=1,
              max_tokens=3),
    batch_row("nothing", prompt="9 + 9 =", max_tokens=0, prompt_logprobs=2),
]


class ReceiptTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="ernie-receipts-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.write_lines("batch.jsonl", BATCH)
        code, _, err = cls.ernie("run-batch", "--receipts", "-i", "batch.jsonl", "-o",
                                 "answers.jsonl", "--max-model-len", "128")
        assert code == 1, err  # one row is an error
        cls.answers = cls.read_lines("answers.jsonl")

    @classmethod
    def ernie(cls, *args, **options):
        done = subprocess.run([PROGRAM, *args, "--quiet"], cwd=cls.folder, capture_output=True,
                              text=True, check=False, timeout=120, **options)
        return done.returncode, done.stdout, done.stderr

    @classmethod
    def write_lines(cls, name, rows):
        with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as file:
            file.writelines((row if isinstance(row, str) else
                             json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)

    @classmethod
    def read_lines(cls, name):
        with open(os.path.join(cls.folder, name), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def verify(self, name, *args):
        return self.ernie("verify", "receipt", name, *args)

    def check(self, rows, line, expected, *args):
        """Verifies changed rows; only `line` departs, and each of `expected` is said of it."""
        self.write_lines("changed.jsonl", rows)
        code, out, err = self.verify("changed.jsonl", "--manifest", "answers.jsonl.model.json",
                                     *args)
        self.assertEqual(code, 1, out + err)
        verdicts = out.splitlines()
        departing = [verdict for verdict in verdicts if ": departs: " in verdict]
        self.assertEqual(len(departing), 1, out)
        self.assertTrue(departing[0].startswith(f"line {line}"), out)
        for text in expected:
            self.assertIn(text, departing[0])

    def changed(self, line, change):
        """A copy of the answers in which `change` was applied to a line's body."""
        rows = copy.deepcopy(self.answers)
        change(rows[line - 1]["response"]["body"])
        return rows


class Format(ReceiptTest):
    def receipts(self):
        for row in self.answers:
            body = row["response"]["body"]
            if "ernie_receipt" in body:
                yield row, body, body["ernie_receipt"]

    def test_chain_is_that_of_the_document(self):
        count = 0
        for row, _, receipt in self.receipts():
            self.assertEqual(receipt["id"], row["custom_id"])
            self.assertEqual(receipt_format.seal(receipt), (receipt["marks"], receipt["head"]))
            count += 1
        self.assertEqual(count, len(BATCH) - 1)

    def test_contents_are_those_of_the_answer(self):
        for row, body, receipt in self.receipts():
            choice, usage = body["choices"][0], body["usage"]
            text = choice["text"] if "text" in choice else choice["message"]["content"]
            self.assertEqual(receipt["text"], receipt_format.sha(text.encode()).hex())
            self.assertEqual(receipt["finish_reason"], choice["finish_reason"])
            self.assertEqual(len(receipt["token_ids"]), usage["completion_tokens"])
            self.assertEqual(len(receipt["prompt_ids"]), usage["prompt_tokens"])
            asked = BATCH[receipt["row"] - 1]["body"]
            self.assertEqual(BATCH[receipt["row"] - 1]["custom_id"], row["custom_id"])
            for name, value in receipt["params"].items():
                if name in asked and name not in ("seed", "logit_bias", "logprobs"):
                    self.assertEqual(value, asked[name], name)
        by_id = {row["custom_id"]: receipt for row, _, receipt in self.receipts()}
        self.assertEqual(by_id["über \"x\""]["params"]["seed"], str(2**64 - 5))
        self.assertEqual(by_id["penalties"]["params"]["logit_bias"], [[5, 2.5], [6, -100]])

    def test_manifest_is_that_of_the_weights(self):
        with open(os.path.join(self.folder, "answers.jsonl.model.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual(receipt_format.model_digest(manifest), manifest["model"])
        for _, _, receipt in self.receipts():
            self.assertEqual(receipt["model"], manifest["model"])
            self.assertEqual(receipt["tokenizer"], manifest["tokenizer"])
        with open(os.path.join(DEMO, "model.safetensors"), "rb") as file:
            data = file.read()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        header.pop("__metadata__", None)
        self.assertEqual(sorted(header), [tensor["name"] for tensor in manifest["tensors"]])
        for tensor in manifest["tensors"]:
            entry = header[tensor["name"]]
            begin, end = entry["data_offsets"]
            # A vector may be stored with a dimension of one in front.
            self.assertEqual([d for d in tensor["shape"] if d > 1],
                             [d for d in entry["shape"] if d > 1])
            self.assertEqual(
                receipt_format.tensor_digest(tensor["name"], entry["dtype"], tensor["shape"],
                                             data[8 + size + begin:8 + size + end]),
                tensor["sha256"])

    def test_the_same_job_gives_the_same_bytes_in_any_batch(self):
        self.ernie("run-batch", "--receipts", "-i", "batch.jsonl", "-o", "again.jsonl",
                   "--max-model-len", "128", "--max-num-seqs", "1", "--threads", "1")
        again = self.read_lines("again.jsonl")
        receipts = [[row["response"]["body"].get("ernie_receipt") for row in rows]
                    for rows in (self.answers, again)]
        self.assertEqual(*receipts)


class Verified(ReceiptTest):
    def test_in_another_process_with_other_threads_and_kernels(self):
        for flags in ([], ["--threads", "1", "--isa", "portable", "--max-num-seqs", "1"],
                      ["--input", "batch.jsonl", "--threads", "3", "--block-size", "4"],
                      ["--model", DEMO, "--mmap", "--max-num-batched-tokens", "16"]):
            code, out, err = self.verify("answers.jsonl", *flags)
            self.assertEqual(code, 0, out + err)
            self.assertIn("8 lines: 7 verified, 0 depart, 1 errors", out)
            self.assertIn("line 4: an error, nothing to verify", out)
            self.assertIn('line 8, "nothing": verified, 0 tokens', out)

    def test_answers_of_an_earlier_program(self):
        """tests/data/receipts was made with commit b2b9cb0 and the demo model, which is trained
        anew only with these files made anew."""
        data = ROOT / "tests/data/receipts"
        for name, num_answers in (("prompts", 3), ("batch", 2)):
            code, out, err = self.verify(str(data / f"{name}.results.jsonl"), "--input",
                                         str(data / f"{name}.jsonl"))
            self.assertEqual(code, 0, out + err)
            self.assertIn(f"3 lines: {num_answers} verified, 0 depart", out)

    def test_a_prompt_file(self):
        self.write_lines("prompts.jsonl", [
            {"id": "sum", "prompt": "17 + 25 ="}, {"prompt": "2 + 2 =", "seed": 7}, "bad",
            {"messages": [{"role": "user", "content": "1 + 1 ="}], "temperature": 0,
             "logprobs": 1}])
        for extra in ([], ["--chat", "--system", "be brief"]):
            self.ernie("run", "--prompt-file", "prompts.jsonl", "--output", "results.jsonl",
                       "--receipts", "--temperature", "0.8", "--top-p", "0.9", "--seed", "3",
                       "--token-ids", *extra)
            code, out, err = self.verify("results.jsonl", "--input", "prompts.jsonl", "--threads",
                                         "1", *extra)
            self.assertEqual(code, 0, out + err)
            self.assertIn("4 lines: 3 verified, 0 depart, 1 errors", out)
        rows = self.read_lines("results.jsonl")
        self.assertEqual(receipt_format.seal(rows[1]["ernie_receipt"])[1],
                         rows[1]["ernie_receipt"]["head"])
        rows[0]["token_ids"][0] += 1
        self.check(rows, 1, ["token_ids[0]: got "])
        code, out, _ = self.verify("results.jsonl", "--input", "prompts.jsonl")
        self.assertEqual(code, 1)
        self.assertIn("prompt: token ", out, "without --chat these are other prompts")

    def test_one_prompt(self):
        code, out, err = self.ernie("run", "--prompt", "17 + 25 =", "--receipts", "--output",
                                    "one.jsonl")
        self.assertEqual((code, out), (0, "17 + 25 = 42\n"), err)
        code, out, _ = self.verify("one.jsonl")
        self.assertEqual((code, out.splitlines()[0]), (0, "line 1, 1: verified, 5 tokens"))
        for flags in (["--receipts"], ["--output", "x"]):
            code, out, err = self.ernie("run", "--prompt", "17 + 25 =", *flags)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("--receipts", err)


class Departing(ReceiptTest):
    def test_answers(self):
        def text(body):
            body["choices"][0]["text"] += " "

        def finish(body):
            body["choices"][0]["finish_reason"] = "length"

        def usage(body):
            body["usage"]["completion_tokens"] += 1

        def logprob(body):
            body["choices"][0]["logprobs"]["content"][1]["top_logprobs"][2]["logprob"] += 0.5

        def message(body):
            body["choices"][0]["message"]["content"] = "43"

        def addition(body):
            body["choices"][0]["note"] = 1

        def removal(body):
            del body["usage"]

        for line, change, expected in (
                (1, text, 'choices[0].text: got " 42\\n ", recomputed " 42\\n"'),
                (6, text, "choices[0].text: got "), (7, text, "choices[0].text: got "),
                (1, finish, 'choices[0].finish_reason: got "length", recomputed "stop"'),
                (5, usage, "usage.completion_tokens: got "),
                (3, logprob, "choices[0].logprobs.content[1].top_logprobs[2].logprob: got "),
                (3, message, 'choices[0].message.content: got "43", recomputed "42"'),
                (1, addition, "choices[0].note: got 1, recomputed nothing"),
                (1, removal, "usage: is not there")):
            with self.subTest(line=line, change=change.__name__):
                self.check(self.changed(line, change), line, [expected])

    def test_tokens(self):
        def token(body):
            body["ernie_receipt"]["token_ids"][2] += 1

        def logit(body):
            bits = int(body["ernie_receipt"]["logits"][1], 16) ^ 1
            body["ernie_receipt"]["logits"][1] = f"{bits:08x}"

        def row(body):
            digest = body["ernie_receipt"]["row_digests"][4]
            first = "0" if digest[0] != "0" else "1"
            body["ernie_receipt"]["row_digests"][4] = first + digest[1:]

        def shorter(body):
            for name in ("token_ids", "logits", "row_digests"):
                body["ernie_receipt"][name].pop()

        def longer(body):
            for name in ("token_ids", "logits", "row_digests"):
                body["ernie_receipt"][name].append(body["ernie_receipt"][name][0])

        for line, change, expected in (
                (1, token, "departs: token 2: got id 6, recomputed id 5"),
                (5, token, "departs: token 2: got id"),
                (1, logit, "departs: token 1 (id 7): its logit: got "),
                (2, row, "departs: token 4 (id "), (2, row, "a logit of another token"),
                (1, shorter, "departs: token 4: the receipt ends, recomputed id 2"),
                (1, longer, "departs: token 5: got id 752, recomputed an end"),
                (5, longer, "recomputed an end")):
            with self.subTest(line=line, change=change.__name__):
                self.check(self.changed(line, change), line, [expected])
                # Even if its maker knew the format.
                rows = self.changed(line, change)
                receipt = rows[line - 1]["response"]["body"]["ernie_receipt"]
                receipt["marks"], receipt["head"] = receipt_format.seal(receipt)
                self.check(rows, line, [expected])

    def test_parameters(self):
        other = {"temperature": 0.5, "top_k": 3, "logit_bias": [[5, 2.5], [6, -99]], "seed": "6",
                 "max_tokens": 21, "ignore_eos": True, "stop": ["zz"], "stop_token_ids": [],
                 "logprobs": 4, "echo": True, "max_model_len": 127}
        for name, value in other.items():
            with self.subTest(name=name):
                rows = self.changed(5, lambda body: body["ernie_receipt"]["params"].update(
                    {name: value}))
                self.check(rows, 5, [f"{name}: changed after the receipt was made"])
                receipt = rows[4]["response"]["body"]["ernie_receipt"]
                receipt["marks"], receipt["head"] = receipt_format.seal(receipt)
                if name != "max_model_len":
                    self.check(rows, 5, [f"{name}: got "], "--input", "batch.jsonl")

    def test_prompt(self):
        def prompt(body):
            body["ernie_receipt"]["prompt_ids"][1] += 1

        rows = self.changed(1, prompt)
        self.check(rows, 1, ["prompt_ids: changed", "token 0"])
        receipt = rows[0]["response"]["body"]["ernie_receipt"]
        receipt["marks"], receipt["head"] = receipt_format.seal(receipt)
        self.check(rows, 1, ["prompt: token 1: got id 11, the input has id 10"], "--input",
                   "batch.jsonl")
        other = copy.deepcopy(BATCH)
        other[0]["body"]["prompt"] = "17 + 25 = "
        other[0]["body"]["top_k"] = 9
        self.write_lines("other.jsonl", other)
        self.check(self.answers, 1, ["prompt: token 7: got the end, the input has id ",
                                     "top_k: got 0, the input has 9"], "--input", "other.jsonl")

    def test_rest_of_the_receipt(self):
        for name, value, expected in (("numerics", "cpu F32", "numerics: got "),
                                      ("row", 9, "row: changed"), ("num_rows", 7, "num_rows: ch"),
                                      ("model", "0" * 64, "model: got the digest 0000"),
                                      ("tokenizer", None, "tokenizer: this one"),
                                      ("finish_reason", "length", "finish_reason: got "),
                                      ("stop_reason", "x", "stop_reason: got "),
                                      ("text", "0" * 64, "text: not the one"),
                                      ("marks", "", "id: changed"), ("head", "0" * 64, "head: not"),
                                      ("version", 2, "version: got 2"), ("id", "x", "id: the line"),
                                      ("logits", [], "logits: got 0 elements"),
                                      ("logits", ["00000000x"], "hexadecimal digits"),
                                      ("token_ids", [10**6] * 5, "token 0: got id 1000000"),
                                      ("token_ids", 5, "token_ids: got 5, expected a list"),
                                      ("prompt_ids", [], "cannot be computed again"),
                                      ("prompt_ids", [-1], "cannot be computed again"),
                                      ("head", None, "head: is not there"),
                                      ("more", 1, "more: unknown field")):
            with self.subTest(name=name, value=value):
                self.check(self.changed(1, lambda body: body["ernie_receipt"].update(
                    {name: value})), 1, [expected])
        for name, value in (("temperature", -5), ("max_tokens", -1), ("top_p", 0),
                            ("min_tokens", 2**31 - 1), ("max_model_len", -2**63),
                            ("stop_token_ids", [10**9]), ("seed", "x"), ("stop", "x"),
                            ("logit_bias", [[5]]), ("logit_bias", [[5, None]])):
            with self.subTest(name=name, value=value):
                self.check(self.changed(1, lambda body: body["ernie_receipt"]["params"].update(
                    {name: value})), 1, [name + ": "])

    def test_exchanged_receipts(self):
        rows = copy.deepcopy(self.answers)
        bodies = [rows[i]["response"]["body"] for i in (0, 1)]
        bodies[0]["ernie_receipt"], bodies[1]["ernie_receipt"] = (
            bodies[1]["ernie_receipt"], bodies[0]["ernie_receipt"])
        self.write_lines("changed.jsonl", rows)
        code, out, _ = self.verify("changed.jsonl")
        self.assertEqual(code, 1)
        self.assertIn('id: the line is "greedy", its receipt is that of "über \\"x\\""', out)
        self.assertEqual(out.count("departs"), 2)

    def test_lines(self):
        self.check([self.answers[0], "{", *self.answers[2:]], 2, ["not valid JSON"])
        self.check([self.answers[0], {"a": 1}, *self.answers[2:]], 2, ["no line of `run`"])
        self.check([self.answers[0], BATCH[1], *self.answers[2:]], 2, ["no line of `run`"])
        rows = copy.deepcopy(self.answers)
        del rows[0]["response"]["body"]["ernie_receipt"]
        self.check(rows, 1, ["receipt: there is none"])
        rows = copy.deepcopy(self.answers)
        rows[0]["response"]["status_code"] = 500
        self.check(rows, 1, ["answer: there is none, but a receipt"])
        for rows, count, what in ((self.answers[:-1], 7, "the file ends after 7 of 8 rows"),
                                  (self.answers[1:], 7, "row: the receipt is that of row 2"),
                                  (self.answers + self.answers[:1], 9, "that of row 1, but stands"),
                                  (self.answers[::-1], 8, "in another order")):
            self.write_lines("changed.jsonl", rows)
            code, out, _ = self.verify("changed.jsonl")
            self.assertEqual(code, 1, out)
            self.assertIn(what, out)
            self.assertIn(f"\n{count} lines: ", out)
        self.write_lines("changed.jsonl", self.answers[4:6])
        code, out, err = self.verify("changed.jsonl", "--part", "--input", "batch.jsonl")
        self.assertEqual(code, 0, out + err)
        self.write_lines("longer.jsonl", BATCH + BATCH[:1])
        code, out, err = self.verify("answers.jsonl", "--input", "longer.jsonl")
        self.assertEqual(code, 1)
        self.assertIn("the input has more rows", out)
        whole = pathlib.Path(self.folder, "answers.jsonl").read_bytes()
        pathlib.Path(self.folder, "changed.jsonl").write_bytes(whole[:-100])
        code, out, _ = self.verify("changed.jsonl")
        self.assertEqual(code, 1)
        self.assertIn("line 8: departs: not valid JSON", out)

    def test_what_cannot_run_and_what_checks_nothing(self):
        self.write_lines("none.jsonl", [self.answers[3]])
        self.write_lines("empty.jsonl", [])
        for name in ("none.jsonl", "empty.jsonl"):
            code, out, _ = self.verify(name)
            self.assertEqual(code, 1)
            self.assertIn("no receipt was checked", out)
        for args in (["absent"], ["answers.jsonl", "--input", "absent"], [],
                     ["answers.jsonl", "--model", "absent"],
                     ["answers.jsonl", "--manifest", "absent"],
                     ["answers.jsonl", "--manifest", "batch.jsonl"]):
            code, out, err = self.ernie("verify", "receipt", *args)
            self.assertEqual((code, out), (2, ""), args)
            self.assertTrue(err, args)


class Reports(ReceiptTest):
    def read_json(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return json.load(file)

    def test_of_answers_that_hold(self):
        code, out, err = self.verify("answers.jsonl", "--json", "r.json", "--html", "r.html",
                                     "--markdown", "r.md")
        self.assertEqual(code, 0, out + err)
        self.assertIn('line 1, "greedy": verified, 5 tokens', out)
        self.assertIn("with a bit of line 1, token 2 changed: noticed, as it must be", out)
        result = self.read_json("r.json")
        self.assertEqual(json_schema.problems(result, SCHEMA), [])
        self.assertEqual([result[name] for name in ("passed", "lines", "verified", "departing",
                                                    "without_answer")], [True, 8, 7, 0, 1])
        tokens = sum(len(row["response"]["body"]["ernie_receipt"]["token_ids"])
                     for row in self.answers if "ernie_receipt" in row["response"]["body"])
        self.assertEqual(result["tokens"], tokens)
        self.assertTrue(result["canary"]["caught"])
        self.assertIn("its logit: got ", result["canary"]["finding"])
        self.assertIn("PASS", pathlib.Path(self.folder, "r.md").read_text("utf-8"))

    def test_of_answers_that_depart(self):
        def two_fields(body):
            body["choices"][0]["text"] += " "
            body["ernie_receipt"]["params"]["top_k"] = 9

        rows = self.changed(1, two_fields)[:-1]
        rows[4] = "{"
        self.write_lines("changed.jsonl", rows)
        code, out, err = self.verify("changed.jsonl", "--json", "-", "--lang", "zh")
        self.assertEqual(code, 1, err)
        result = json.loads(out)
        self.assertEqual(json_schema.problems(result, SCHEMA), [])
        self.assertFalse(result["passed"])
        self.assertEqual(result["file_findings"], ["the file ends after 7 of 8 rows"])
        self.assertEqual([line["line"] for line in result["departing_lines"]], [1, 5])
        self.assertEqual(result["departing_lines"][0]["id"], '"greedy"')
        self.assertEqual(set(result["kinds"]), {"top_k", "choices", "line"})


class OtherWeights(ReceiptTest):
    """A checkpoint that `ernie dummy` wrote, and a copy in which one bit differs."""

    def make_job(self):
        shutil.rmtree(os.path.join(self.folder, "model"), ignore_errors=True)
        subprocess.run([PROGRAM, "dummy", "model", "--config", "tiny"], cwd=self.folder,
                       capture_output=True, check=True)
        self.write_lines("prompts.jsonl", [{"prompt": "17 + 25 =", "max_tokens": 8}] * 3)
        code, _, err = self.ernie("run", "--model", "model", "--tokenizer", DEMO, "--prompt-file",
                                  "prompts.jsonl", "--output", "results.jsonl", "--receipts")
        self.assertEqual(code, 0, err)

    def flip_bit(self, name):
        shutil.rmtree(os.path.join(self.folder, "copy"), ignore_errors=True)
        shutil.copytree(os.path.join(self.folder, "model"), os.path.join(self.folder, "copy"))
        with open(os.path.join(self.folder, "copy/model.safetensors"), "r+b") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            begin, end = json.loads(file.read(size))[name]["data_offsets"]
            at = 8 + size + (begin + end) // 2
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))

    def test_one_flipped_bit_is_named(self):
        self.make_job()
        flags = ["--tokenizer", DEMO, "--threads", "1"]
        code, out, err = self.verify("results.jsonl", "--model", "model", *flags)
        self.assertEqual(code, 0, out + err)
        for name in ("model.layers.2.mlp.experts.5.up_proj.weight", "model.norm.weight",
                     "model.layers.1.mlp.moe_statics.e_score_correction_bias"):
            self.flip_bit(name)
            code, out, err = self.verify("results.jsonl", "--model", "copy", *flags)
            self.assertEqual(code, 1, out + err)
            self.assertEqual(out.count("tensors differ: " + name), 3, out)
            os.rename(*(os.path.join(self.folder, f) for f in ("results.jsonl.model.json", "m")))
            code, out, err = self.verify("results.jsonl", "--model", "copy", *flags)
            os.rename(*(os.path.join(self.folder, f) for f in ("m", "results.jsonl.model.json")))
            self.assertEqual(code, 1)
            self.assertIn("without a manifest beside the results no tensor can be named", out)

    def test_another_model_tokenizer_or_config(self):
        self.make_job()
        code, out, _ = self.verify("results.jsonl")
        self.assertEqual(code, 1)
        self.assertIn("model: config: ", out)
        code, out, _ = self.verify("results.jsonl", "--model", "model", "--tokenizer",
                                   str(ROOT / "tests/data/tokenizer_tiny"))
        self.assertEqual(code, 1)
        self.assertIn("tokenizer: this one gives other texts", out)


if __name__ == "__main__":
    unittest.main()
