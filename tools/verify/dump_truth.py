#!/usr/bin/env python3
"""Records what the transformers implementation of ERNIE-4.5 computes for a checkpoint, for
`ernie verify model --against hf-dump --truth OUT`. Needs memory for one layer, not for the model.

    dump_truth.py --model DIR --out OUT.safetensors [--prompt TEXT]... [--ids 1,2,3]... [--text FILE]

README.md beside this script describes the file and the cost.
"""

import argparse
import gc
import json
import pathlib
import shutil
import sys

import safetensors
import torch
import transformers
from transformers.masking_utils import create_causal_mask

PINNED = {"torch": "2.9.1", "transformers": "5.5.4"}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
SAFETENSORS_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int32: "I32"}
FIRST_ORDINARY_ID = 3


class Checkpoint:
  """Tensors by the names that the modules have, from one file or shards."""

  def __init__(self, directory):
    self.files = {}
    for path in sorted(directory.glob("*.safetensors")):
      file = safetensors.safe_open(path, framework="pt")
      self.files.update({name: file for name in file.keys() if "prompt" not in name})

  def has(self, name):
    return name in self.files

  def stored(self, name):
    # The statistics moved under the gate in transformers 5.
    for candidate in (name, name.replace(".mlp.gate.moe_statics.", ".mlp.moe_statics.")):
      if candidate in self.files:
        return self.files[candidate].get_tensor(candidate)
    raise SystemExit(f"the checkpoint has no tensor {name}; only the Hugging Face layout is read")

  def into(self, name, parameter):
    """Fills a parameter, from one tensor or from those of each expert."""
    if name in self.files or not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
      parameter.copy_(self.stored(name).reshape(parameter.shape))
      return
    prefix = name.rsplit(".", 1)[0]
    for e in range(parameter.shape[0]):
      if name.endswith("down_proj"):
        parameter[e].copy_(self.stored(f"{prefix}.{e}.down_proj.weight"))
      else:
        half = parameter.shape[1] // 2
        parameter[e, :half].copy_(self.stored(f"{prefix}.{e}.gate_proj.weight"))
        parameter[e, half:].copy_(self.stored(f"{prefix}.{e}.up_proj.weight"))


class Writer:
  """A safetensors file whose tensors are written as they come."""

  def __init__(self, path):
    self.path, self.data_path = path, path.with_name(path.name + ".data")
    self.data, self.header, self.size = open(self.data_path, "wb"), {}, 0

  def add(self, name, tensor):
    tensor = tensor.detach().contiguous()
    assert tensor.dtype == torch.int32 or torch.isfinite(tensor.float()).all(), name
    raw = tensor.view(torch.uint8).numpy().tobytes()
    self.header[name] = {"dtype": SAFETENSORS_NAMES[tensor.dtype], "shape": list(tensor.shape),
                         "data_offsets": [self.size, self.size + len(raw)]}
    self.size += len(raw)
    self.data.write(raw)

  def finish(self, facts):
    self.data.close()
    head = json.dumps({"__metadata__": facts, **self.header}).encode()
    head += b" " * (-len(head) % 8)
    with open(self.path, "wb") as out, open(self.data_path, "rb") as data:
      out.write(len(head).to_bytes(8, "little") + head)
      shutil.copyfileobj(data, out, 1 << 24)
    self.data_path.unlink()


def stays_f32(name):
  return name.endswith("mlp.gate.weight") or "moe_statics" in name


def materialize(module, prefix, checkpoint, dtype):
  for name, parameter in list(module.named_parameters()):
    kind = torch.float32 if stays_f32(f"{prefix}{name}") else dtype
    value = torch.empty(parameter.shape, dtype=kind)
    checkpoint.into(f"{prefix}{name}", value)
    owner, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(owner), leaf, torch.nn.Parameter(value, requires_grad=False))


def release(module):
  module.to("meta")
  gc.collect()


def build(config, dtype):
  """The model without weights: only its buffers are real."""
  with torch.device("meta"):
    model = transformers.AutoModelForCausalLM.from_config(
        config, dtype=dtype, attn_implementation="eager", experts_implementation="eager")
  assert model.config._attn_implementation == "eager"
  assert model.config._experts_implementation == "eager"
  rotary = model.model.rotary_emb
  model.model.rotary_emb = type(rotary)(config=model.config)
  assert model.model.rotary_emb.inv_freq.dtype == torch.float32
  return model.eval()


class Taps:
  """What the modules of one layer put out."""

  def __init__(self, layer):
    self.values, self.handles = {}, []
    self._watch(layer.self_attn, "attn_out", 0)
    if not hasattr(layer.mlp, "experts"):
      self._watch(layer.mlp, "mlp")
      return
    for pick, what in enumerate(("router_logits", "expert_ids", "expert_weights")):
      self._watch(layer.mlp.gate, what, pick)
    self._watch(layer.mlp.experts, "routed")
    if layer.mlp.shared_experts is not None:
      self._watch(layer.mlp.shared_experts, "shared")

  def _watch(self, module, name, pick=None):
    def keep(_module, _inputs, output):
      value = output if pick is None else output[pick]
      value = value.reshape(-1, value.shape[-1])
      self.values[name] = value.int() if name == "expert_ids" else value

    self.handles.append(module.register_forward_hook(keep))

  def close(self):
    for handle in self.handles:
      handle.remove()


def run(config, checkpoint, run_name, prompts, writer):
  """Every prompt through the first layer, then every prompt through the second, and so on."""
  dtype = DTYPES[run_name]
  model = build(config, dtype)
  inner = model.model
  materialize(inner.embed_tokens, "model.embed_tokens.", checkpoint, dtype)
  states, ropes, masks = [], [], []
  for p, (ids, with_taps) in enumerate(prompts):
    hidden = inner.embed_tokens(torch.tensor([ids]))
    positions = torch.arange(len(ids))[None]
    states.append(hidden)
    ropes.append((positions, inner.rotary_emb(hidden, positions)))
    masks.append(create_causal_mask(config=model.config, inputs_embeds=hidden, attention_mask=None,
                                    past_key_values=None, position_ids=positions))
    if with_taps:
      writer.add(f"{run_name}.prompt{p}.embed", hidden[0])
  for i, layer in enumerate(inner.layers):
    materialize(layer, f"model.layers.{i}.", checkpoint, dtype)
    taps = Taps(layer)
    for p, (_, with_taps) in enumerate(prompts):
      states[p] = layer(states[p], attention_mask=masks[p], position_ids=ropes[p][0],
                        position_embeddings=ropes[p][1])
      if with_taps:
        for name, value in taps.values.items():
          writer.add(f"{run_name}.prompt{p}.layer{i}.{name}", value)
        writer.add(f"{run_name}.prompt{p}.layer{i}.out", states[p][0])
    taps.close()
    release(layer)
    print(f"\r{run_name}: layer {i + 1} of {len(inner.layers)}", end="", file=sys.stderr)
  print(file=sys.stderr)
  materialize(inner.norm, "model.norm.", checkpoint, dtype)
  head = inner.embed_tokens
  if checkpoint.has("lm_head.weight") and not config.tie_word_embeddings:
    head = model.lm_head
    materialize(head, "lm_head.", checkpoint, dtype)
  for p, (_, with_taps) in enumerate(prompts):
    normed = inner.norm(states[p])[0]
    if with_taps:
      writer.add(f"{run_name}.prompt{p}.final_norm", normed)
    writer.add(f"{run_name}.prompt{p}.logits", torch.nn.functional.linear(normed, head.weight))


def make_prompts(arguments, config):
  """(token ids, whether to record more than the logits)"""
  tokenizer = None
  if arguments.prompt or arguments.text:
    tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.tokenizer or arguments.model)
  encode = lambda text: tokenizer.encode(text, add_special_tokens=False)  # noqa: E731
  prompts = [(encode(text), True) for text in arguments.prompt]
  prompts += [([int(x) for x in ids.split(",")], True) for ids in arguments.ids]
  if not prompts:
    generator = torch.Generator().manual_seed(arguments.seed)
    prompts = [(torch.randint(FIRST_ORDINARY_ID, config.vocab_size, (length,),
                              generator=generator).tolist(), True)
               for length in arguments.random_tokens]
  if arguments.text:
    ids = encode(arguments.text.read_text(encoding="utf-8"))[:arguments.num_tokens]
    prompts += [(ids[i:i + arguments.window], False) for i in range(0, len(ids), arguments.window)]
  assert all(ids for ids, _ in prompts), "a prompt has no tokens"
  return prompts


def parse():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--model", type=pathlib.Path, required=True)
  parser.add_argument("--tokenizer", type=pathlib.Path, help="default: the model's")
  parser.add_argument("--out", type=pathlib.Path, required=True)
  parser.add_argument("--run", choices=sorted(DTYPES), action="append",
                      help="may be given twice; default: both")
  parser.add_argument("--prompt", action="append", default=[])
  parser.add_argument("--ids", action="append", default=[], help="token ids, 1,2,3")
  parser.add_argument("--random-tokens", type=int, nargs="*", default=[24, 7, 1],
                      help="lengths of prompts of random tokens, without --prompt and --ids")
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--text", type=pathlib.Path, help="a file of which only logits are recorded")
  parser.add_argument("--num-tokens", type=int, default=1024, help="of --text, at most")
  parser.add_argument("--window", type=int, default=256, help="tokens of --text in one prompt")
  parser.add_argument("--threads", type=int, default=0, help="0: PyTorch's choice")
  return parser.parse_args()


def main():
  arguments = parse()
  found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
  if found != PINNED:
    raise SystemExit(f"needs {PINNED}, found {found}")
  if arguments.threads:
    torch.set_num_threads(arguments.threads)
  torch.use_deterministic_algorithms(True)
  transformers.logging.set_verbosity_error()
  config = transformers.AutoConfig.from_pretrained(arguments.model)
  checkpoint = Checkpoint(arguments.model)
  prompts = make_prompts(arguments, config)
  writer = Writer(arguments.out)
  for p, (ids, _) in enumerate(prompts):
    writer.add(f"prompt{p}.ids", torch.tensor(ids, dtype=torch.int32))
    writer.add(f"prompt{p}.positions", torch.arange(len(ids), dtype=torch.int32))
  with torch.no_grad():
    for run_name in arguments.run or ["f32", "bf16"]:
      run(config, checkpoint, run_name, prompts, writer)
  writer.finish({**found, "model": str(arguments.model)})


if __name__ == "__main__":
  main()
