#!/usr/bin/env python3
"""Trains the demo model: a small ERNIE-4.5 MoE, with the transformers implementation, on the CPU.

  train_demo.py --model ../../models/demo --minutes 40

The tokenizer must already lie in the model directory. Progress goes to standard error.
"""

import argparse
import math
import os
import sys
import time

import torch
from torch.nn import functional
from transformers import Ernie4_5_MoeConfig, Ernie4_5_MoeForCausalLM

import checkpoint
import demo_data
import evaluate


def make_config():
  return Ernie4_5_MoeConfig(
      vocab_size=1024, hidden_size=128, intermediate_size=384, num_hidden_layers=4,
      num_attention_heads=4, num_key_value_heads=2, moe_intermediate_size=128, moe_num_experts=8,
      moe_k=2, moe_num_shared_experts=1, moe_layer_start_index=1, max_position_embeddings=131072,
      rms_norm_eps=1e-5, tie_word_embeddings=True, initializer_range=0.05,
      rope_parameters={"rope_type": "default", "rope_theta": 500000.0})


def make_model(start_from):
  kernels = {"attn_implementation": "sdpa", "experts_implementation": "eager"}
  if start_from:
    return Ernie4_5_MoeForCausalLM.from_pretrained(start_from, dtype=torch.float32, **kernels)
  return Ernie4_5_MoeForCausalLM._from_config(make_config(), **kernels)


class Balancer:
  """Keeps the experts evenly used through the correction bias alone, without an auxiliary loss."""

  def __init__(self, model):
    self.routers = [m.mlp.gate for m in model.model.layers if hasattr(m.mlp, "gate")]
    self.loads = [None] * len(self.routers)
    for i, router in enumerate(self.routers):
      router.moe_statics.e_score_correction_bias.requires_grad_(False)
      router.register_forward_hook(lambda _m, _a, out, i=i: self._count(i, out[1]))

  def _count(self, i, selected):
    experts = self.routers[i].weight.shape[0]
    self.loads[i] = torch.bincount(selected.flatten(), minlength=experts).float()

  @torch.no_grad()
  def step(self, rate):
    for router, load in zip(self.routers, self.loads):
      bias = router.moe_statics.e_score_correction_bias
      bias += rate * torch.sign(load.mean() - load)
      bias -= bias.mean()

  def spread(self):
    """Largest share of one expert over the even share, over all layers."""
    return max((load.max() / load.mean()).item() for load in self.loads)


def orthogonalise(update):
  """Newton-Schulz iteration towards the nearest orthogonal matrix, over the last two axes."""
  x = update / (update.norm(dim=(-2, -1), keepdim=True) + 1e-7)
  tall = x.shape[-2] > x.shape[-1]
  x = x.mT if tall else x
  for _ in range(5):
    gram = x @ x.mT
    x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
  return x.mT if tall else x


class Muon(torch.optim.Optimizer):
  """Momentum with orthogonalised updates, for matrices and stacks of matrices (experts)."""

  def __init__(self, params, lr, momentum=0.95, weight_decay=0.0):
    super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

  @torch.no_grad()
  def step(self):
    for group in self.param_groups:
      for p in group["params"]:
        buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
        buffer.lerp_(p.grad, 1 - group["momentum"])
        update = orthogonalise(p.grad.lerp(buffer, group["momentum"]))
        scale = math.sqrt(max(1.0, p.shape[-2] / p.shape[-1]))
        p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)


def make_optimizers(model, args):
  matrices, rest = [], []
  for name, p in model.named_parameters():
    if p.requires_grad:
      is_matrix = p.ndim >= 2 and "embed" not in name and "gate.weight" not in name
      (matrices if is_matrix else rest).append(p)
  return [Muon(matrices, args.muon_lr, weight_decay=args.weight_decay),
          torch.optim.AdamW(rest, args.lr, betas=(0.9, 0.98), weight_decay=0.0)]


def weighted_loss(logits, ids, weights):
  losses = functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(),
                                    reduction="none")
  w = weights[:, 1:].flatten()
  return (losses * w).sum() / w.sum()


def schedule(progress, warmup=0.02):
  """Linear warm-up, then a half cosine down to zero; progress runs from 0 to 1."""
  if progress < warmup:
    return progress / warmup
  return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def train(model, tokenizer, args):
  balancer = Balancer(model)
  optimizers = make_optimizers(model, args)
  data = demo_data.batches(tokenizer, args.seed, args.rows, args.length)
  start, step, running = time.monotonic(), 0, None
  while True:
    progress = step / args.steps if args.steps else (time.monotonic() - start) / (args.minutes * 60)
    if progress >= 1:
      return step
    factor = schedule(progress)
    ids, weights = next(data)
    loss = weighted_loss(model(input_ids=ids, use_cache=False).logits, ids, weights)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, lr in zip(optimizers, (args.muon_lr, args.lr)):
      optimizer.param_groups[0]["lr"] = lr * factor
      optimizer.step()
      optimizer.zero_grad(set_to_none=True)
    balancer.step(args.bias_rate * factor)
    running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
    step += 1
    if step % args.report == 0:
      report(model, tokenizer, args, step, running, balancer.spread(), time.monotonic() - start)


def report(model, tokenizer, args, step, loss, spread, seconds):
  scores = evaluate.score(model, tokenizer, evaluate.load_rows(args.held_out), every=args.sparse)
  text = " ".join(f"{task}={right}/{rows}" for task, (right, rows) in scores.items())
  print(f"step {step} {seconds:.0f}s loss {loss:.4f} spread {spread:.2f} {text}",
        file=sys.stderr, flush=True)


def parse_arguments():
  here = os.path.dirname(os.path.abspath(__file__))
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--model", required=True, help="directory with tokenizer.model; output")
  parser.add_argument("--start-from", help="continue from the checkpoint in this directory")
  parser.add_argument("--held-out", default=os.path.join(here, "../../tests/demo/heldout.jsonl"))
  parser.add_argument("--steps", type=int, default=0, help="exact length; replaces --minutes")
  parser.add_argument("--minutes", type=float, default=40)
  parser.add_argument("--threads", type=int, default=1)
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--rows", type=int, default=64)
  parser.add_argument("--length", type=int, default=64)
  parser.add_argument("--lr", type=float, default=3e-3)
  parser.add_argument("--muon-lr", type=float, default=0.02)
  parser.add_argument("--weight-decay", type=float, default=0.05)
  parser.add_argument("--bias-rate", type=float, default=3e-3)
  parser.add_argument("--report", type=int, default=250, help="steps between progress lines")
  parser.add_argument("--sparse", type=int, default=4, help="progress scores every n-th row")
  return parser.parse_args()


def main():
  args = parse_arguments()
  torch.manual_seed(args.seed)
  torch.set_num_threads(args.threads)
  tokenizer = demo_data.Tokenizer(os.path.join(args.model, "tokenizer.model"))
  model = make_model(args.start_from)
  steps = train(model, tokenizer, args)
  print(f"{steps} steps", file=sys.stderr)
  checkpoint.write(model, args.model)


if __name__ == "__main__":
  main()
