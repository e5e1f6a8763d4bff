#!/usr/bin/env python3
"""`ernie verify model`: green on the recorded checkpoints and against the reference, red when a
weight, a rounding point or the correction bias is another one.

    verify_model_test.py PROGRAM
"""

import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
SCHEMA = json.loads((ROOT / "docs/schema/verify-model.schema.json").read_text(encoding="utf-8"))
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float), "null": type(None)}
OWN_MODEL = ("moe_shared", "moe_no_shared", "moe_interval2", "dense_head_dim", "moe_untied",
             "moe_shared_fused", "moe_shared_sharded", "moe_shared_paddle")


def problems(value, schema, where="$"):
    """What of `value` is not as `schema` says: the words that this schema uses."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "oneOf" in schema:
        each = [problems(value, choice, where) for choice in schema["oneOf"]]
        return [] if each.count([]) == 1 else [f"{where}: not one of the kinds"] + sum(each, [])
    found = []
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(isinstance(value, TYPES[t]) and isinstance(value, bool) == (t == "boolean")
                         for t in types):
        return [f"{where}: {value!r} is no {types}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is none of {schema['enum']}")
    if value is not None and "minimum" in schema and value < schema["minimum"]:
        found.append(f"{where}: {value} is too small")
    if value is not None and "maximum" in schema and value > schema["maximum"]:
        found.append(f"{where}: {value} is too large")
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += problems(item, schema.get("items", {}), f"{where}[{i}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where}: no {key}" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            if key in properties:
                found += problems(item, properties[key], f"{where}.{key}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}: unknown {key}")
    return found


class Safetensors:
    """A file whose values can be changed one by one."""

    def __init__(self, path):
        self.path = path
        self.bytes = bytearray(path.read_bytes())
        self.begin = 8 + struct.unpack("<Q", self.bytes[:8])[0]
        self.header = json.loads(self.bytes[8:self.begin])

    def change(self, name, index, function):
        entry = self.header[name]
        at = self.begin + entry["data_offsets"][0]
        if entry["dtype"] == "BF16":
            at += 2 * index
            old = struct.unpack("<f", b"\0\0" + self.bytes[at:at + 2])[0]
            self.bytes[at:at + 2] = struct.pack("<f", function(old))[2:]
        else:
            at += 4 * index
            old = struct.unpack("<f", self.bytes[at:at + 4])[0]
            self.bytes[at:at + 4] = struct.pack("<f", function(old))
        self.path.write_bytes(self.bytes)


class VerifyModelTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ernie-verify-model-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return pathlib.Path(self.folder.name) / name

    def verify(self, *args, code=0):
        command = [PROGRAM, "verify", "model", "--quiet", *map(str, args)]
        done = subprocess.run(command, cwd=self.folder.name, capture_output=True, text=True,
                              timeout=300, check=False)
        self.assertEqual(done.returncode, code, f"{args}: {done.stdout[-3000:]}{done.stderr}")
        return done

    def figures(self, *args, code=0):
        figures = json.loads(self.verify("--json", "-", *args, code=code).stdout)
        self.assertEqual(problems(figures, SCHEMA), [])
        self.assertEqual(figures["passed"], code == 0)
        self.assertGreater(figures["num_comparisons"], 0)
        return figures

    def copy(self, name="moe_shared"):
        target = self.path("changed")
        shutil.copytree(GOLDEN / name, target)
        return target, Safetensors(target / "model.safetensors")

    def departure(self, *args):
        return self.figures(*args, code=1)["departure"]

    def test_recorded_truth(self):
        for name in OWN_MODEL:
            for device, dtype in (("cpu", "float32"), ("cpu", "bfloat16"),
                                  ("reference", "float32"), ("reference", "bfloat16")):
                with self.subTest(name=name, device=device, dtype=dtype):
                    figures = self.figures("--model", GOLDEN / name, "--device", device,
                                           "--dtype", dtype)
                    self.assertTrue(figures["truth_is_recorded"])
                    self.assertIsNone(figures["departure"])
                    self.assertTrue(figures["canary"]["caught"])
                    run = "bf16" if (device, dtype) == ("reference", "bfloat16") else "f32"
                    self.assertIn(f"run {run}", figures["truth"])

    def test_long_positions(self):
        self.figures("--model", GOLDEN / "moe_shared", "--truth", GOLDEN / "moe_long_position",
                     "--dtype", "float32")

    def test_storage_in_bfloat16_is_held_against_the_original(self):
        figures = self.figures("--model", GOLDEN / "moe_untied", "--dtype", "bfloat16")
        self.assertIn("distribution_original", figures)
        names = [check["name"] for check in figures["checks"]]
        self.assertIn("original_logits", names)
        self.assertIn("original_kl_mean", names)

    def test_demo_against_the_reference(self):
        text = self.path("text.txt")
        text.write_text("17 + 25 = 42\nreverse c a t =\n t a c\n" * 3, encoding="utf-8")
        for dtype in ("float32", "bfloat16"):
            figures = self.figures("--dtype", dtype, "--text", text, "--window", 32,
                                   "--num-tokens", 80, "--random-tokens", "9,1")
            self.assertEqual(figures["truth_activations"], "F64")
            self.assertGreater(figures["text"]["num_predicted"], 40)
            self.assertLess(figures["text"]["perplexity_truth"], 5000)

    def test_another_device_and_seed(self):
        self.figures("--against", "cpu", "--device", "reference", "--dtype", "float32",
                     "--random-tokens", "6", "--seed", 5)

    def test_the_oracle_has_the_weights_that_the_device_stores(self):
        config = json.loads((GOLDEN / "moe_shared/config.json").read_text(encoding="utf-8"))
        config["dtype"] = "float32"
        self.path("config.json").write_text(json.dumps(config), encoding="utf-8")
        for device in ("cpu", "reference"):
            self.figures("--load-format", "dummy", "--model", self.path("config.json"), "--device",
                         device, "--dtype", "bfloat16", "--random-tokens", "9")

    def test_streamed_layers_give_the_same_bits(self):
        arguments = ("--model", GOLDEN / "moe_untied", "--dtype", "bfloat16")
        whole, streamed = self.figures(*arguments), self.figures(*arguments, "--stream")
        self.assertEqual(whole["places"], streamed["places"])

    def test_a_changed_weight(self):
        for name, index, stage, layer in (
                ("model.layers.2.self_attn.v_proj.weight", 77, "attention", 2),
                ("model.layers.2.mlp.experts.5.up_proj.weight", 100, "routed", 2),
                ("model.layers.3.mlp.shared_experts.down_proj.weight", 5, "shared", 3),
                ("model.layers.2.mlp.gate.weight", 9, "router_logits", 2),
                ("model.norm.weight", 3, "final_norm", 4)):
            with self.subTest(name=name):
                model, file = self.copy()
                # The smallest change that bfloat16 can express.
                file.change(name, index, lambda x: x * (1 + 2**-7))
                got = self.departure("--model", model, "--dtype", "float32")
                self.assertEqual((got["stage"], got["layer"]), (stage, layer))
                shutil.rmtree(model)

    def test_a_changed_weight_under_stored_bfloat16(self):
        model, file = self.copy()
        file.change("model.layers.2.mlp.experts.5.up_proj.weight", 100, lambda x: x * (1 + 2**-7))
        got = self.departure("--model", model, "--dtype", "bfloat16")
        self.assertEqual((got["stage"], got["layer"]), ("routed", 2))

    def test_a_changed_correction_bias(self):
        model, file = self.copy()
        name = next(n for n in file.header if n.startswith("model.layers.2.") and "statics" in n)
        file.change(name, 4, lambda x: x + 0.05)
        for dtype in ("float32", "bfloat16"):
            got = self.departure("--model", model, "--dtype", dtype)
            self.assertEqual((got["stage"], got["layer"]), ("expert_ids", 2))
        shown = self.verify("--model", model, code=1).stdout
        self.assertIn("the choice of experts of layer 2", shown)

    def test_a_changed_rounding_point(self):
        got = self.departure("--model", GOLDEN / "dense_head_dim", "--device", "reference",
                             "--dtype", "bfloat16", "--inject",
                             "rms_norm: weight applied before the rounding")
        self.assertEqual((got["stage"], got["layer"]), ("attention", 0))
        got = self.departure("--model", GOLDEN / "moe_shared", "--dtype", "float32", "--inject",
                             "linear: inputs in TF32")
        self.assertEqual((got["stage"], got["layer"]), ("attention", 0))
        got = self.departure("--model", GOLDEN / "moe_shared", "--truth",
                             GOLDEN / "moe_long_position", "--dtype", "float32", "--inject",
                             "rope_table: angle in double, not the model's float32")
        self.assertEqual((got["stage"], got["layer"]), ("attention", 0))

    def test_reports_in_both_languages(self):
        shown = self.verify("--model", GOLDEN / "moe_shared", "--lang", "zh", "--html", "r.html",
                            "--markdown", "r.md").stdout
        self.assertIn("模型验证", shown)
        self.assertIn("<svg", self.path("r.html").read_text(encoding="utf-8"))
        self.assertIn("逐阶段", self.path("r.md").read_text(encoding="utf-8"))

    def test_what_cannot_run_is_exit_2(self):
        plain = self.path("plain")
        shutil.copytree(GOLDEN / "moe_shared", plain,
                        ignore=shutil.ignore_patterns("golden.*"))
        for args, word in (
                (("--model", plain, "--against", "golden"), "no golden.json"),
                (("--against", "abacus"), "abacus"),
                (("--model", plain, "--truth", GOLDEN / "moe_untied/model.safetensors"), "prompt0"),
                (("--model", GOLDEN / "moe_shared", "--prompt", "x"), "--against"),
                (("--inject", "nothing"), "expected one of"),
                (("--model", self.path("absent")), "absent")):
            with self.subTest(args=args):
                self.assertIn(word, self.verify(*args, code=2).stderr)

    def test_no_memory_is_one_line(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
        done = subprocess.run([PROGRAM, "verify", "model", "--model", "0.3b", "--load-format",
                               "dummy", "--random-tokens", "3", "--threads", "2", "--quiet"],
                              text=True, capture_output=True, timeout=300, check=False,
                              preexec_fn=limit)
        if "Sanitizer" in done.stderr:
            self.skipTest("a sanitizer needs more address space than that")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"\A.*(memory|allocate).*\n\Z")

    def test_a_recording_that_lacks_everything_is_no_success(self):
        model, _ = self.copy()
        truth = Safetensors(model / "golden.safetensors")
        keep = {n: e for n, e in truth.header.items()
                if n in ("prompt0.ids", "prompt0.positions") or n == "f32.prompt0.layer1.expert_ids"}
        data, header = b"", {}
        for name, entry in keep.items():
            begin, end = (truth.begin + x for x in entry["data_offsets"])
            header[name] = {**entry, "data_offsets": [len(data), len(data) + end - begin]}
            data += truth.bytes[begin:end]
        head = json.dumps(header).encode()
        (model / "golden.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + data)
        shown = self.verify("--model", model, "--dtype", "float32", "--json", "-", code=1).stdout
        verdicts = {check["name"]: check["passed"] for check in json.loads(shown)["checks"]}
        self.assertFalse(verdicts["comparisons"])


if __name__ == "__main__":
    unittest.main()
