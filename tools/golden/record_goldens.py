#!/usr/bin/env python3
"""Records the golden truth under tests/golden/ with the transformers implementation of ERNIE-4.5.

Usage: record_goldens.py [--out DIR] [--only CASE ...]

Every case is a tiny random model. It is stored as a checkpoint (bf16, router in f32), loaded again in
float32 and in bfloat16, and everything the C++ tests compare is written to golden.safetensors.
Naming and meaning of each file: README.md beside this script.
"""

import argparse
import json
import pathlib
import shutil
import zlib

import numpy as np
import safetensors.torch
import torch
import transformers
from transformers import DynamicCache
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS
from transformers.models.ernie4_5 import modeling_ernie4_5 as dense_code
from transformers.models.ernie4_5_moe import modeling_ernie4_5_moe as moe_code

import variants

PINNED = {"torch": "2.9.1", "transformers": "5.5.4"}
PROMPT_LENGTHS = (24, 7, 1)
GREEDY_TOKENS = 24
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
FIRST_ORDINARY_ID = 3

BASE = dict(
    vocab_size=320, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=96, max_position_embeddings=131072, rms_norm_eps=1e-5, hidden_act="silu",
    rope_parameters={"rope_type": "default", "rope_theta": 500000.0}, use_bias=False, tie_word_embeddings=True,
)
MOE = dict(
    BASE, moe_intermediate_size=24, moe_num_experts=8, moe_k=3, moe_num_shared_experts=2,
    moe_layer_start_index=1, moe_layer_end_index=-1, moe_layer_interval=1, moe_norm_min=1e-12,
)

# Seeds are chosen so that no token stands on the border between two experts (see MIN_GAP).
CASES = {
    "moe_shared": dict(kind="moe", seed=32, config=MOE),
    "moe_no_shared": dict(
        kind="moe", seed=38,
        config=dict(MOE, moe_num_shared_experts=0, moe_layer_start_index=0, num_key_value_heads=1)),
    "moe_interval2": dict(kind="moe", seed=25, config=dict(MOE, moe_layer_interval=2)),
    "dense_head_dim": dict(kind="dense", seed=4, config=dict(BASE, head_dim=32)),
    "moe_untied": dict(
        kind="moe", seed=20, config=dict(MOE, tie_word_embeddings=False, moe_layer_end_index=2)),
    "moe_long_position": dict(
        kind="moe", seed=17, model_of="moe_shared", starts=(100003, 131008, 120001), config=MOE),
}
MIN_GAP = 3e-4
CLASSES = {
    "moe": (transformers.Ernie4_5_MoeConfig, moe_code.Ernie4_5_MoeForCausalLM, moe_code),
    "dense": (transformers.Ernie4_5Config, dense_code.Ernie4_5ForCausalLM, dense_code),
}


def stays_f32(name):
  return name.endswith("mlp.gate.weight") or "moe_statics" in name


def random_tensor(name, shape, seed):
  """The values of one parameter; depends on its name, not on the order of creation."""
  rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
  if "moe_statics" in name:
    return rng.uniform(-0.05, 0.05, shape)
  noise = rng.standard_normal(shape)
  if name.endswith("norm.weight"):
    return 1.0 + 0.1 * noise
  if name.endswith("mlp.gate.weight"):
    return 20.0 * 0.02 * noise
  if "embed_tokens" in name or "lm_head" in name:
    return 0.5 * noise
  gain = 1.0 if ("v_proj" in name or "o_proj" in name or "down_proj" in name) else 1.5
  return gain * noise / np.sqrt(shape[-1])


def make_checkpoint(case, directory):
  config_class, model_class, _ = CLASSES[case["kind"]]
  config = config_class(**case["config"])
  model = model_class(config)
  with torch.no_grad():
    for name, parameter in model.named_parameters():
      value = torch.from_numpy(np.asarray(random_tensor(name, tuple(parameter.shape), case["seed"])))
      value = value.float() if stays_f32(name) else value.float().bfloat16()
      parameter.data = value
  model.config.dtype = torch.bfloat16
  model.save_pretrained(directory)
  (directory / "generation_config.json").unlink(missing_ok=True)


def load(kind, directory, dtype_name):
  _, model_class, _ = CLASSES[kind]
  model = model_class.from_pretrained(
      directory, dtype=DTYPES[dtype_name], attn_implementation="eager", experts_implementation="eager")
  model.eval()
  for name, parameter in model.named_parameters():
    expected = torch.float32 if stays_f32(name) else DTYPES[dtype_name]
    assert parameter.dtype == expected, (name, parameter.dtype, expected)
  assert model.model.rotary_emb.inv_freq.dtype == torch.float32
  assert model.config._attn_implementation == "eager"
  assert model.config._experts_implementation == "eager"
  return model


class EagerProof:
  """Fails unless the eager attention ran and no other experts function did."""

  def __init__(self, kind):
    self.code = CLASSES[kind][2]
    self.attention_calls = 0

  def __enter__(self):
    self.attention = self.code.eager_attention_forward
    self.experts = {name: ALL_EXPERTS_FUNCTIONS[name] for name in ("grouped_mm", "batched_mm")}

    def counted(*args, **kwargs):
      self.attention_calls += 1
      return self.attention(*args, **kwargs)

    def refused(*args, **kwargs):
      raise AssertionError("an experts implementation other than eager was called")

    self.code.eager_attention_forward = counted
    for name in self.experts:
      ALL_EXPERTS_FUNCTIONS[name] = refused
    assert "eager" not in ALL_EXPERTS_FUNCTIONS
    return self

  def __exit__(self, failed, *_):
    self.code.eager_attention_forward = self.attention
    for name in self.experts:
      del ALL_EXPERTS_FUNCTIONS[name]
    assert failed or self.attention_calls > 0


class Recorder:
  """Keeps what the modules put out during one forward pass, under the names of the golden file."""

  def __init__(self, model):
    self.values = {}
    self.handles = []
    self._watch(model.model.embed_tokens, "embed")
    self._watch(model.model.norm, "final_norm")
    for i, layer in enumerate(model.model.layers):
      self._watch(layer.self_attn, f"layer{i}.attn_out", pick=0)
      self._watch(layer, f"layer{i}.out")
      if hasattr(layer.mlp, "experts"):
        for pick, what in enumerate(("router_logits", "expert_ids", "expert_weights")):
          self._watch(layer.mlp.gate, f"layer{i}.{what}", pick)
        self._watch(layer.mlp.experts, f"layer{i}.routed")
        if layer.mlp.shared_experts is not None:
          self._watch(layer.mlp.shared_experts, f"layer{i}.shared")

  def _watch(self, module, name, pick=None):
    def keep(_module, _inputs, output):
      value = output if pick is None else output[pick]
      value = value.detach().clone()
      self.values[name] = value.reshape(-1, value.shape[-1])

    self.handles.append(module.register_forward_hook(keep))

  def close(self):
    for handle in self.handles:
      handle.remove()


def step(model, ids, first_position, cache):
  positions = torch.arange(first_position, first_position + len(ids))[None]
  ids = torch.as_tensor(ids)[None]
  return model(input_ids=ids, position_ids=positions, past_key_values=cache, use_cache=True).logits[0]


def prefill(model, ids, start):
  recorder = Recorder(model)
  logits = step(model, ids, start, DynamicCache(config=model.config))
  recorder.close()
  values = recorder.values
  for name in values:
    if name.endswith("expert_ids"):
      values[name] = values[name].int()
  values["logits"] = logits
  return values


def incremental(model, ids, start):
  cache = DynamicCache(config=model.config)
  return torch.cat([step(model, [token], start + i, cache) for i, token in enumerate(ids)])


def greedy(model, ids, start):
  cache = DynamicCache(config=model.config)
  logits = step(model, ids, start, cache)[-1]
  position = start + len(ids)
  chosen, margins = [], []
  for _ in range(GREEDY_TOKENS):
    best = logits.float().topk(2).values
    token = int(logits.argmax())
    assert logits[token] == best[0]
    chosen.append(token)
    margins.append(float(best[0] - best[1]))
    logits = step(model, [token], position, cache)[-1]
    position += 1
  return torch.tensor(chosen, dtype=torch.int32), torch.tensor(margins, dtype=torch.float32)


def record_run(model, kind, prompts):
  tensors = {}
  with EagerProof(kind):
    for p, (start, ids) in enumerate(prompts):
      values = prefill(model, ids, start)
      values["incremental"] = incremental(model, ids, start)
      values["greedy_ids"], values["greedy_margins"] = greedy(model, ids, start)
      tensors.update({f"prompt{p}.{name}": value.contiguous() for name, value in values.items()})
  assert all(torch.isfinite(value.float()).all() for value in tensors.values())
  return tensors


def published_inverse_frequencies():
  """The table of the published models: head_dim 128, theta 500000."""
  config = transformers.Ernie4_5Config(head_dim=128, rope_parameters=BASE["rope_parameters"])
  return dense_code.Ernie4_5RotaryEmbedding.compute_default_rope_parameters(config)[0]


def make_prompts(case):
  rng = np.random.Generator(np.random.PCG64([case["seed"], 77]))
  starts = case.get("starts", (0,) * len(PROMPT_LENGTHS))
  vocabulary = case["config"]["vocab_size"]
  return [(start, rng.integers(FIRST_ORDINARY_ID, vocabulary, length).tolist())
          for start, length in zip(starts, PROMPT_LENGTHS)]


def biases(model):
  return {i: layer.mlp.gate.moe_statics.e_score_correction_bias.detach().reshape(-1)
          for i, layer in enumerate(model.model.layers) if hasattr(layer.mlp, "experts")}


def selection_figures(tensors, bias_of_layer, k, prompt_count):
  """How often the bias changes the selection, and how close the closest decision was."""
  changed, total, gap = 0, 0, np.inf
  for layer, bias in bias_of_layer.items():
    for p in range(prompt_count):
      name = f"prompt{p}.layer{layer}."
      scores = torch.softmax(tensors[name + "router_logits"], dim=-1)
      chosen = tensors[name + "expert_ids"].long().sort(dim=-1).values
      unbiased = scores.topk(k, dim=-1).indices.sort(dim=-1).values
      changed += int((chosen != unbiased).any(dim=-1).sum())
      total += chosen.shape[0]
      ranked = (scores + bias).sort(dim=-1, descending=True).values
      gap = min(gap, float((ranked[:, k - 1] - ranked[:, k]).min()))
  return {"decisions": total, "changed_by_bias": changed, "smallest_gap": float(f"{gap:.6g}")}


def flipped_tokens(runs, p):
  """Per token of prompt p: in how many layers bf16 selected other experts than f32."""
  count = torch.zeros(len(runs["f32"][f"prompt{p}.logits"]), dtype=torch.int64)
  for name, ids in runs["f32"].items():
    if name.startswith(f"prompt{p}.") and name.endswith("expert_ids"):
      other = runs["bf16"][name]
      count += (ids.sort(-1).values != other.sort(-1).values).any(-1)
  return count


def difference(a, b):
  """Error of b against a: largest, root mean square, and both relative to the range of a."""
  a, b = torch.cat(a).double(), torch.cat(b).double()
  error, span = (a - b).abs(), float(a.max() - a.min())
  figures = {
      "max_abs": float(error.max()), "rms": float(error.square().mean().sqrt()), "range": span,
      "max_rel": float(error.max()) / span, "rms_rel": float(error.square().mean().sqrt()) / span,
      "equal_fraction": float((a == b).double().mean()),
  }
  return {key: float(f"{value:.6g}") for key, value in figures.items()}


def error_figures(runs, prompt_count):
  prompts = range(prompt_count)
  flips = [flipped_tokens(runs, p) for p in prompts]
  # A token is unaffected when neither it nor an earlier one of its prompt went to other experts.
  unaffected = [count.cumsum(0) == 0 for count in flips]

  def rows(run, what, keep=None):
    values = [runs[run][f"prompt{p}.{what}"] for p in prompts]
    return values if keep is None else [value[k] for value, k in zip(values, keep)]

  return {
      "logits_std_f32": float(f"{float(torch.cat(rows('f32', 'logits')).std()):.6g}"),
      "bf16_flipped_decisions": int(sum(count.sum() for count in flips)),
      "tokens_unaffected_by_flips": int(sum(keep.sum() for keep in unaffected)),
      "logits_bf16_against_f32": difference(rows("f32", "logits"), rows("bf16", "logits")),
      "logits_bf16_against_f32_unaffected":
          difference(rows("f32", "logits", unaffected), rows("bf16", "logits", unaffected)),
      "incremental_against_prefill_f32": difference(rows("f32", "logits"), rows("f32", "incremental")),
      "incremental_against_prefill_bf16": difference(rows("bf16", "logits"), rows("bf16", "incremental")),
  }


def record_case(name, case, root):
  directory = root / name
  model_dir = root / case.get("model_of", name)
  shutil.rmtree(directory, ignore_errors=True)
  directory.mkdir(parents=True)
  if "model_of" not in case:
    make_checkpoint(case, directory)
  prompts = make_prompts(case)
  runs, selection, inv_freq = {}, {}, None
  for dtype_name in DTYPES:
    model = load(case["kind"], model_dir, dtype_name)
    inv_freq = model.model.rotary_emb.inv_freq
    runs[dtype_name] = record_run(model, case["kind"], prompts)
    if case["kind"] == "moe":
      figures = selection_figures(runs[dtype_name], biases(model), case["config"]["moe_k"], len(prompts))
      assert figures["changed_by_bias"] > 0 and figures["smallest_gap"] > MIN_GAP, (name, figures)
      selection[dtype_name] = figures
  tensors = {f"{run}.{key}": value for run, values in runs.items() for key, value in values.items()}
  for p, (start, ids) in enumerate(prompts):
    tensors[f"prompt{p}.ids"] = torch.tensor(ids, dtype=torch.int32)
    tensors[f"prompt{p}.positions"] = torch.arange(start, start + len(ids), dtype=torch.int32)
  tensors["rope.inv_freq"] = inv_freq.clone()
  tensors["rope.inv_freq_published"] = published_inverse_frequencies()
  safetensors.torch.save_file(tensors, directory / "golden.safetensors")
  write_summary(directory, name, case, selection, error_figures(runs, len(prompts)))


def write_summary(directory, name, case, selection, errors):
  model_dir = "../" + case["model_of"] if "model_of" in case else "."
  summary = {
      "case": name, "versions": PINNED, "seed": case["seed"], "config": case["config"],
      "class": CLASSES[case["kind"]][1].__name__, "model_dir": model_dir,
      "truth": "golden.safetensors", "prompt_lengths": PROMPT_LENGTHS,
      "prompt_starts": case.get("starts", (0,) * len(PROMPT_LENGTHS)), "greedy_tokens": GREEDY_TOKENS,
      "files": sorted(path.name for path in directory.iterdir()), "selection": selection, "errors": errors,
  }
  variants.write_json(directory / "golden.json", summary)
  print(json.dumps({key: summary[key] for key in ("case", "selection", "errors")}))


def record_variants(root):
  source = root / "moe_shared"
  model = load("moe", source, "bf16")
  model.config.dtype = torch.bfloat16
  truth = prefill(model, [5, 6, 7], 0)["logits"]
  for name, note in variants.write_all(model, source, root):
    if variants.is_readable_by_transformers(name):
      again = prefill(load("moe", root / name, "bf16"), [5, 6, 7], 0)["logits"]
      assert torch.equal(truth, again), name
    print(f"{name}: {note}")


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
  parser.add_argument("--out", type=pathlib.Path, default=default)
  parser.add_argument("--only", nargs="*", default=None, help="record these cases, no variants")
  arguments = parser.parse_args()
  found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
  assert found == PINNED, f"needs {PINNED}, found {found}"
  torch.set_num_threads(1)
  torch.use_deterministic_algorithms(True)
  transformers.logging.set_verbosity_error()
  transformers.utils.logging.disable_progress_bar()
  with torch.no_grad():
    for name, case in CASES.items():
      if arguments.only is None or name in arguments.only:
        record_case(name, case, arguments.out)
    if arguments.only is None:
      record_variants(arguments.out)


if __name__ == "__main__":
  main()
