"""Writes a trained model the way the published ERNIE-4.5 checkpoints are laid out."""

import json
import os

import torch
from safetensors.torch import save_file


def published_tensors(model):
  """Per-expert names; router and correction bias in float32, everything else in bfloat16."""
  tensors = {}
  for name, value in model.state_dict().items():
    value = value.detach()
    if name == "lm_head.weight":
      continue
    if name.endswith(".mlp.gate.weight"):
      tensors[name] = value.float().contiguous()
    elif name.endswith(".e_score_correction_bias"):
      tensors[name.replace(".mlp.gate.", ".mlp.")] = value.float().contiguous()
    elif ".mlp.experts." in name:
      tensors.update(_split_experts(name, value.bfloat16()))
    else:
      tensors[name] = value.bfloat16().contiguous()
  return tensors


def _split_experts(name, stacked):
  prefix, kind = name.rsplit(".", 1)
  split = {}
  for expert, matrix in enumerate(stacked):
    parts = {"down_proj": matrix}
    if kind == "gate_up_proj":
      parts = dict(zip(("gate_proj", "up_proj"), matrix.chunk(2)))
    for part, value in parts.items():
      split[f"{prefix}.{expert}.{part}.weight"] = value.contiguous()
  return split


def published_config(config):
  keys = ["hidden_act", "hidden_size", "intermediate_size", "max_position_embeddings",
          "moe_intermediate_size", "moe_k", "moe_layer_end_index", "moe_layer_interval",
          "moe_layer_start_index", "moe_num_experts", "moe_num_shared_experts",
          "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps",
          "use_bias", "vocab_size"]
  return {
      "architectures": ["Ernie4_5_MoeForCausalLM"],
      "model_type": "ernie4_5_moe",
      "torch_dtype": "bfloat16",
      "bos_token_id": 1,
      "eos_token_id": 2,
      "pad_token_id": 0,
      **{key: getattr(config, key) for key in keys},
      "moe_use_aux_free": True,
      "rope_theta": 500000.0,
      "rope_scaling": None,
      "tie_word_embeddings": True,
      "use_cache": True,
  }


def _write_json(path, value):
  with open(path, "w", encoding="utf-8", newline="\n") as out:
    out.write(json.dumps(value, indent=2) + "\n")


def write(model, directory):
  """Writes config.json, generation_config.json and model.safetensors into `directory`."""
  os.makedirs(directory, exist_ok=True)
  _write_json(os.path.join(directory, "config.json"), published_config(model.config))
  _write_json(os.path.join(directory, "generation_config.json"),
              {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "do_sample": False})
  save_file(published_tensors(model), os.path.join(directory, "model.safetensors"),
            metadata={"format": "pt"})
