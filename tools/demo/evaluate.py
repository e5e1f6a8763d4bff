#!/usr/bin/env python3
"""Measures the demo model on the held-out questions, in float32 and bfloat16 arithmetic.

  evaluate.py --model ../../models/demo --output ../../models/demo/accuracy.json

An answer counts when the greedy continuation, up to and including its newline, is exact.
"""

import argparse
import collections
import json
import os

import torch
from transformers import Ernie4_5_MoeForCausalLM

import demo_data
import generate_corpus

MAX_NEW_TOKENS = 24


def load_rows(path):
  with open(path, encoding="utf-8") as lines:
    return [json.loads(line) for line in lines]


def load_chat_rows(path):
  """Chat questions as plain rows; their answer ends with the end-of-text token, not a newline."""
  rows = []
  for row in load_rows(path):
    turn = generate_corpus.Document("chat", row["user"], row["answer"])
    document = generate_corpus.chat_document([turn])
    rows.append({"task": "chat", "prompt": document.prompt, "answer": document.answer})
  return rows


@torch.no_grad()
def continue_greedily(model, prompts):
  """Continuations of equally long prompts, without a cache; stops when all reached end of text."""
  ids = torch.tensor(prompts)
  length = ids.shape[1]
  done = torch.zeros(len(prompts), dtype=torch.bool)
  for _ in range(MAX_NEW_TOKENS):
    token = model(input_ids=ids, use_cache=False).logits[:, -1].float().argmax(-1)
    ids = torch.cat([ids, token[:, None]], dim=1)
    done |= token == demo_data.EOS
    if done.all():
      break
  return [row[:row.index(demo_data.EOS)] if demo_data.EOS in row else row
          for row in ids[:, length:].tolist()]


def score(model, tokenizer, rows, every=1):
  """Returns {task: (right, rows)}; prompts of one length share a batch."""
  by_length = collections.defaultdict(list)
  for row in rows[::every]:
    prompt = tokenizer.encode(row["prompt"])
    by_length[len(prompt)].append((row, prompt))
  counts = collections.OrderedDict((row["task"], [0, 0]) for row in rows)
  for group in by_length.values():
    outputs = continue_greedily(model, [prompt for _, prompt in group])
    for (row, _), output in zip(group, outputs):
      counts[row["task"]][0] += tokenizer.decode(output) == row["answer"]
      counts[row["task"]][1] += 1
  return {task: tuple(c) for task, c in counts.items()}


def measure(directory, dtype, rows, tokenizer):
  model = Ernie4_5_MoeForCausalLM.from_pretrained(
      directory, dtype=dtype, attn_implementation="eager", experts_implementation="eager").eval()
  return score(model, tokenizer, rows)


def summary(scores):
  right, total = (sum(c[i] for c in scores.values()) for i in (0, 1))
  tasks = {task: {"right": r, "rows": n, "accuracy": round(r / n, 4)}
           for task, (r, n) in scores.items()}
  return {"accuracy": round(right / total, 4), "right": right, "rows": total, "tasks": tasks}


def main():
  here = os.path.dirname(os.path.abspath(__file__))
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--model", required=True)
  parser.add_argument("--held-out-dir", default=os.path.join(here, "../../tests/demo"))
  parser.add_argument("--output", help="write the figures here as JSON")
  parser.add_argument("--threads", type=int, default=1)
  args = parser.parse_args()
  torch.set_num_threads(args.threads)
  tokenizer = demo_data.Tokenizer(os.path.join(args.model, "tokenizer.model"))
  plain = load_rows(os.path.join(args.held_out_dir, "heldout.jsonl"))
  chat = load_chat_rows(os.path.join(args.held_out_dir, "heldout_chat.jsonl"))
  result = {}
  for name in ("float32", "bfloat16"):
    dtype = getattr(torch, name)
    result[name] = {"heldout": summary(measure(args.model, dtype, plain, tokenizer)),
                    "heldout_chat": summary(measure(args.model, dtype, chat, tokenizer))}
  text = json.dumps(result, indent=2) + "\n"
  print(text, end="")
  if args.output:
    with open(args.output, "w", encoding="utf-8", newline="\n") as out:
      out.write(text)


if __name__ == "__main__":
  main()
