"""Writes the checkpoint of one golden case again in the other forms a loader must read."""

import json
import shutil

import numpy as np
import safetensors.numpy
import torch

FUSED = "moe_shared_fused"
SHARDED = "moe_shared_sharded"
PADDLE = "moe_shared_paddle"
SHARD_SIZE = "120KB"


def write_json(path, value):
  path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def is_readable_by_transformers(name):
  return name != PADDLE


def write_all(model, source, root):
  """Writes the three variants; returns (name, what it shows) of each."""
  notes = {
      FUSED: "stacked experts, correction bias under mlp.gate",
      SHARDED: "several shards with an index, published names",
      PADDLE: "ernie. prefix, [in, out] matrices, fused qkv and up_gate, bf16 bits stored as U16, "
              "configuration with the older keys",
  }
  for name in notes:
    shutil.rmtree(root / name, ignore_errors=True)
    (root / name).mkdir(parents=True)
  model.save_pretrained(root / FUSED, save_original_format=False)
  model.save_pretrained(root / SHARDED, max_shard_size=SHARD_SIZE)
  write_paddle(model, root / PADDLE)
  for name, note in notes.items():
    (root / name / "generation_config.json").unlink(missing_ok=True)
    write_json(root / name / "golden.json", {
        "case": name, "shows": note, "model_dir": ".", "truth": f"../{source.name}/golden.safetensors",
        "files": sorted(path.name for path in (root / name).iterdir()),
    })
  return notes.items()


def stored(tensor):
  """f32 as it is, bf16 as its bits in uint16, the way Paddle's files hold it."""
  tensor = tensor.detach().contiguous()
  if tensor.dtype == torch.bfloat16:
    return tensor.view(torch.int16).numpy().view(np.uint16)
  return tensor.numpy()


def matrix(*weights):
  """Torch matrices [out, in] side by side as one [in, out] matrix."""
  return stored(torch.cat(weights, dim=0).T)


def write_paddle(model, directory):
  out = {
      "ernie.embed_tokens.weight": stored(model.model.embed_tokens.weight),
      "ernie.norm.weight": stored(model.model.norm.weight),
  }
  for i, layer in enumerate(model.model.layers):
    prefix = f"ernie.layers.{i}."
    attention = layer.self_attn
    out[prefix + "input_layernorm.weight"] = stored(layer.input_layernorm.weight)
    out[prefix + "post_attention_layernorm.weight"] = stored(layer.post_attention_layernorm.weight)
    out[prefix + "self_attn.qkv_proj.weight"] = matrix(
        attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight)
    out[prefix + "self_attn.o_proj.weight"] = matrix(attention.o_proj.weight)
    if hasattr(layer.mlp, "experts"):
      add_moe(out, prefix + "mlp.", layer.mlp)
    else:
      add_mlp(out, prefix + "mlp.", layer.mlp)
  safetensors.numpy.save_file(out, directory / "model.safetensors")
  write_json(directory / "config.json", paddle_config(model.config))


def add_mlp(out, prefix, mlp):
  out[prefix + "up_gate_proj.weight"] = matrix(mlp.gate_proj.weight, mlp.up_proj.weight)
  out[prefix + "down_proj.weight"] = matrix(mlp.down_proj.weight)


def add_moe(out, prefix, block):
  out[prefix + "gate.weight"] = matrix(block.gate.weight)
  out[prefix + "moe_statics.e_score_correction_bias"] = stored(
      block.gate.moe_statics.e_score_correction_bias)
  for e in range(block.num_experts):
    expert = f"{prefix}experts.{e}."
    out[expert + "up_gate_proj.weight"] = matrix(block.experts.gate_up_proj[e])
    out[expert + "down_proj.weight"] = matrix(block.experts.down_proj[e])
  if block.shared_experts is not None:
    add_mlp(out, prefix + "shared_experts.", block.shared_experts)


def paddle_config(config):
  """The same model described with the keys of the older configuration files."""
  same = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
          "intermediate_size", "max_position_embeddings", "rms_norm_eps", "hidden_act", "use_bias",
          "tie_word_embeddings", "moe_intermediate_size", "moe_num_experts", "moe_k",
          "moe_num_shared_experts", "moe_layer_start_index", "moe_layer_interval",
          "bos_token_id", "eos_token_id", "pad_token_id")
  result = {key: getattr(config, key) for key in same}
  result.update({
      "architectures": ["Ernie4_5_MoeForCausalLM"], "model_type": "ernie4_5_moe",
      "rope_theta": config.rope_parameters["rope_theta"], "rope_scaling": None,
      "torch_dtype": "bfloat16", "moe_layer_end_index": -1, "moe_capacity": [8, 8, 8],
      "moe_gate": "topk", "moe_use_aux_free": True, "compression_ratio": 1.0,
  })
  return result
