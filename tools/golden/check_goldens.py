#!/usr/bin/env python3
"""Recomputes the golden recordings with numpy alone and compares.

Usage: check_goldens.py [--root DIR] [CASE ...]

Shares nothing with transformers or with the C++ code: own safetensors reader, own reading of the three
checkpoint layouts, own forward pass. In float64 it confirms the float32 recordings; with bf16 rounding
after every operation that rounds (see README.md) it confirms the bfloat16 recordings. Exit status 1 on
any disagreement.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

F32_LOGITS_TOLERANCE = 1e-5
BF16_LOGITS_TOLERANCE = 1e-2
BF16_EQUAL_FRACTION = 0.98


# ---- files ----------------------------------------------------------------------------------------

def widen(bits):
  return (bits.astype(np.uint32) << 16).view(np.float32)


def read_safetensors(path):
  raw = path.read_bytes()
  header_length = int.from_bytes(raw[:8], "little")
  header = json.loads(raw[8:8 + header_length])
  header.pop("__metadata__", None)
  plain = {"F32": np.float32, "I32": np.int32, "I64": np.int64}
  result = {}
  for name, entry in header.items():
    begin, end = entry["data_offsets"]
    data = raw[8 + header_length + begin:8 + header_length + end]
    if entry["dtype"] in ("BF16", "U16"):
      value = widen(np.frombuffer(data, np.uint16))
    else:
      value = np.frombuffer(data, plain[entry["dtype"]])
    result[name] = value.reshape(entry["shape"])
  return result


def read_checkpoint(directory):
  index = directory / "model.safetensors.index.json"
  if not index.exists():
    return read_safetensors(directory / "model.safetensors")
  result, places = {}, json.loads(index.read_text())["weight_map"]
  for file in sorted(set(places.values())):
    shard = read_safetensors(directory / file)
    assert set(shard) == {name for name, place in places.items() if place == file}, file
    result.update(shard)
  return result


def published_names(tensors, config):
  """Any of the layouts as published names and [out, in] matrices."""
  if any(name.startswith("ernie.") for name in tensors):
    return from_paddle(tensors, config)
  result = {}
  for name, value in tensors.items():
    name = name.replace("mlp.gate.moe_statics", "mlp.moe_statics")
    if name.endswith("experts.gate_up_proj"):
      half = value.shape[1] // 2
      for e in range(value.shape[0]):
        base = name.replace("gate_up_proj", str(e))
        result[base + ".gate_proj.weight"] = value[e, :half]
        result[base + ".up_proj.weight"] = value[e, half:]
    elif name.endswith("experts.down_proj"):
      for e in range(value.shape[0]):
        result[name.replace("down_proj", f"{e}.down_proj.weight")] = value[e]
    else:
      result[name] = value
  return result


def from_paddle(tensors, config):
  q_rows = config["num_attention_heads"] * head_dim_of(config)
  kv_rows = config["num_key_value_heads"] * head_dim_of(config)
  result = {}
  for name, value in tensors.items():
    name = "model." + name.removeprefix("ernie.")
    if "qkv_proj" in name:
      parts = np.split(value.T, [q_rows, q_rows + kv_rows])
      for letter, part in zip("qkv", parts):
        result[name.replace("qkv_proj", letter + "_proj")] = part
    elif "up_gate_proj" in name:
      gate, up = np.split(value.T, 2)
      result[name.replace("up_gate_proj", "gate_proj")] = gate
      result[name.replace("up_gate_proj", "up_proj")] = up
    elif name.endswith(("o_proj.weight", "down_proj.weight", "mlp.gate.weight")):
      result[name] = value.T
    else:
      result[name] = value
  return result


# ---- configuration --------------------------------------------------------------------------------

def head_dim_of(config):
  return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def theta_of(config):
  return config["rope_parameters"]["rope_theta"] if "rope_parameters" in config else config["rope_theta"]


def is_moe(config, i):
  if not config.get("moe_num_experts"):
    return False
  end = config.get("moe_layer_end_index", -1)
  end = config["num_hidden_layers"] - 1 if end in (-1, None) else end
  return (i + 1) % config["moe_layer_interval"] == 0 and config["moe_layer_start_index"] <= i <= end


# ---- numerics -------------------------------------------------------------------------------------

class Exact:
  """Everything in float64 and nothing rounded."""
  dtype = np.float64

  @staticmethod
  def store(x):
    return x


class Bfloat16:
  """Element-wise work in float32, sums in float64, store() rounds to the nearest bfloat16."""
  dtype = np.float32

  @staticmethod
  def store(x):
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return (((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) << 16).view(np.float32)


def softmax(x):
  e = np.exp(x - x.max(axis=-1, keepdims=True))
  return e / e.sum(axis=-1, keepdims=True)


def inverse_frequencies(config):
  """float32 at every step: at large positions its roundings are visible."""
  dim = head_dim_of(config)
  exponents = np.arange(0, dim, 2).astype(np.float32) / np.float32(dim)
  powers = (np.float64(theta_of(config)) ** exponents.astype(np.float64)).astype(np.float32)
  return np.float32(1) / powers


class Forward:
  """One prompt through the model; `seen` collects the values under their golden names."""

  def __init__(self, tensors, config, numerics):
    self.weights = tensors
    self.config = config
    self.n = numerics
    self.seen = {}

  def dot(self, x, weight):
    """x · weightᵀ, rounded once."""
    return self.n.store((x.astype(np.float64) @ weight.astype(np.float64).T).astype(self.n.dtype))

  def linear(self, x, name):
    return self.dot(x, self.weights[name + ".weight"])

  def norm(self, x, name):
    x = x.astype(self.n.dtype)
    scale = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.n.dtype(self.config["rms_norm_eps"]))
    return self.n.store(self.weights[name + ".weight"].astype(self.n.dtype) * self.n.store(x * scale))

  def rotate(self, x, angles):
    cos = np.cos(angles)[:, None].astype(self.n.dtype)
    sin = np.sin(angles)[:, None].astype(self.n.dtype)
    result = np.empty_like(x)
    result[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    result[..., 1::2] = x[..., 1::2] * cos + x[..., 0::2] * sin
    return self.n.store(result)

  def attention(self, x, prefix, angles):
    dim, count = head_dim_of(self.config), x.shape[0]
    q, k, v = (self.linear(x, f"{prefix}.{c}_proj").reshape(count, -1, dim) for c in "qkv")
    q, k = self.rotate(q, angles), self.rotate(k, angles)
    group = q.shape[1] // k.shape[1]
    hidden = np.triu(np.ones((count, count), bool), 1)
    heads = []
    for h in range(q.shape[1]):
      scores = self.n.store(self.dot(q[:, h], k[:, h // group]) * self.n.dtype(np.float32(dim ** -0.5)))
      p = self.n.store(softmax(np.where(hidden, -np.inf, scores)))
      heads.append(self.dot(p, v[:, h // group].T))
    return self.linear(np.concatenate(heads, axis=-1), prefix + ".o_proj")

  def swiglu(self, x, prefix):
    gate, up = self.linear(x, prefix + ".gate_proj"), self.linear(x, prefix + ".up_proj")
    active = self.n.store(gate / (1 + np.exp(-gate)))
    return self.linear(self.n.store(active * up), prefix + ".down_proj")

  def route(self, x, prefix, i):
    logits = (x.astype(np.float64) @ self.weights[prefix + ".gate.weight"].astype(np.float64).T)
    scores = softmax(logits.astype(self.n.dtype))
    biased = scores + self.weights[prefix + ".moe_statics.e_score_correction_bias"].reshape(-1)
    ids = np.argsort(-biased, axis=-1, kind="stable")[:, :self.config["moe_k"]]
    chosen = np.take_along_axis(scores, ids, axis=-1)
    chosen = chosen / np.maximum(chosen.sum(axis=-1, keepdims=True), self.config.get("moe_norm_min", 1e-12))
    self.seen[f"layer{i}.router_logits"] = logits
    self.seen[f"layer{i}.expert_ids"] = ids
    self.seen[f"layer{i}.expert_weights"] = self.n.store(chosen.astype(self.n.dtype))
    return ids, self.seen[f"layer{i}.expert_weights"]

  def moe(self, x, prefix, i):
    ids, weights = self.route(x, prefix, i)
    routed = np.zeros_like(x)
    for e in range(self.config["moe_num_experts"]):
      token, rank = np.nonzero(ids == e)
      if token.size:
        part = self.n.store(self.swiglu(x[token], f"{prefix}.experts.{e}") * weights[token, rank][:, None])
        routed[token] = self.n.store(routed[token] + part)
    self.seen[f"layer{i}.routed"] = routed
    if not self.config["moe_num_shared_experts"]:
      return routed
    shared = self.seen[f"layer{i}.shared"] = self.swiglu(x, prefix + ".shared_experts")
    return self.n.store(routed + shared)

  def run(self, ids, positions):
    angles = (positions.astype(np.float32)[:, None] * inverse_frequencies(self.config)).astype(np.float64)
    embedding = self.weights["model.embed_tokens.weight"]
    x = self.seen["embed"] = embedding[ids].astype(self.n.dtype)
    for i in range(self.config["num_hidden_layers"]):
      prefix = f"model.layers.{i}"
      out = self.attention(self.norm(x, prefix + ".input_layernorm"), prefix + ".self_attn", angles)
      self.seen[f"layer{i}.attn_out"] = out
      x = self.n.store(x + out)
      m = self.norm(x, prefix + ".post_attention_layernorm")
      block = self.moe(m, prefix + ".mlp", i) if is_moe(self.config, i) else self.swiglu(m, prefix + ".mlp")
      x = self.seen[f"layer{i}.out"] = self.n.store(x + block)
    x = self.seen["final_norm"] = self.norm(x, "model.norm")
    head = embedding if self.config["tie_word_embeddings"] else self.weights["lm_head.weight"]
    self.seen["logits"] = self.dot(x, head)
    return self.seen


# ---- comparison -----------------------------------------------------------------------------------

class Comparison:
  """Errors are relative to the range of the recorded tensor."""

  def __init__(self, golden, run):
    self.golden, self.run = golden, run
    self.equal = self.values = self.decisions = self.different = self.greedy_wrong = 0
    self.logits = self.other = 0.0

  def recorded(self, p):
    start = f"{self.run}.prompt{p}."
    return {name.removeprefix(start): value for name, value in self.golden.items() if name.startswith(start)}

  def add_selection(self, ours, recorded):
    self.decisions += len(ours)
    self.different += int((np.sort(ours) != np.sort(recorded)).any(axis=-1).sum())

  def add_values(self, name, ours, recorded):
    error = np.abs(ours - recorded).max() / (recorded.max() - recorded.min())
    if name in ("logits", "incremental"):
      self.logits = max(self.logits, error)
    else:
      self.other = max(self.other, error)
    if not name.endswith("router_logits"):  # float32 in both runs, so equal bits are not expected.
      self.equal += int((ours == recorded).sum())
      self.values += ours.size

  def add_greedy(self, rows, ids, margins):
    """rows: our logits where each of `ids` was chosen."""
    span = rows.max() - rows.min()
    sure = margins > (F32_LOGITS_TOLERANCE if self.run == "f32" else BF16_LOGITS_TOLERANCE) * span
    self.greedy_wrong += int((rows.argmax(axis=-1) != ids)[sure].sum())
    top = np.sort(rows, axis=-1)
    self.add_margin(np.abs(top[:, -1] - top[:, -2] - margins).max() / span)

  def add_margin(self, error):
    self.other = max(self.other, error)


def compare(run, numerics, tensors, config, golden):
  result = Comparison(golden, run)
  for p in range(sum(name.endswith(".positions") for name in golden)):
    recorded = result.recorded(p)
    prompt, greedy = golden[f"prompt{p}.ids"], recorded.pop("greedy_ids")
    first = golden[f"prompt{p}.positions"][0]
    positions = first + np.arange(len(prompt) + len(greedy) - 1)
    seen = Forward(tensors, config, numerics).run(np.concatenate([prompt, greedy[:-1]]), positions)
    result.add_greedy(seen["logits"][len(prompt) - 1:], greedy, recorded.pop("greedy_margins"))
    seen["incremental"] = seen["logits"]
    assert set(recorded) == set(seen), set(recorded) ^ set(seen)
    for name, value in seen.items():
      value = value[:len(prompt)]
      if name.endswith("expert_ids"):
        result.add_selection(value, recorded[name])
      elif not name.endswith("expert_weights") or np.array_equal(
          seen[name.replace("weights", "ids")][:len(prompt)], recorded[name.replace("weights", "ids")]):
        result.add_values(name, value, recorded[name])
  return result


def check_case(directory):
  summary = json.loads((directory / "golden.json").read_text())
  model_dir = directory / summary["model_dir"]
  config = json.loads((model_dir / "config.json").read_text())
  tensors = published_names(read_checkpoint(model_dir), config)
  golden = read_safetensors(directory / summary["truth"])
  for name, dim in (("rope.inv_freq", head_dim_of(config)), ("rope.inv_freq_published", 128)):
    assert np.array_equal(golden[name], inverse_frequencies(dict(config, head_dim=dim))), name
  f32 = compare("f32", Exact, tensors, config, golden)
  bf16 = compare("bf16", Bfloat16, tensors, config, golden)
  good = f32.logits <= F32_LOGITS_TOLERANCE and f32.different == 0 and f32.greedy_wrong == 0
  good = good and bf16.logits <= BF16_LOGITS_TOLERANCE and bf16.different == 0 and bf16.greedy_wrong == 0
  good = good and bf16.equal >= BF16_EQUAL_FRACTION * bf16.values
  print(f"{'ok  ' if good else 'FAIL'} {directory.name}")
  for name, run in (("f32", f32), ("bf16", bf16)):
    print(f"     {name:4s} logits {run.logits:.1e}, other {run.other:.1e}, selections {run.different} of "
          f"{run.decisions} differ, greedy {run.greedy_wrong} wrong, equal values {run.equal / run.values:.5f}")
  return good


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
  parser.add_argument("--root", type=pathlib.Path, default=default)
  parser.add_argument("cases", nargs="*")
  arguments = parser.parse_args()
  names = arguments.cases or sorted(path.parent.name for path in arguments.root.glob("*/golden.json"))
  results = [check_case(arguments.root / name) for name in names]
  return 0 if results and all(results) else 1


if __name__ == "__main__":
  sys.exit(main())
