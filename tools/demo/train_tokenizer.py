#!/usr/bin/env python3
"""Trains the demo's SentencePiece tokenizer: a thousand pieces, laid out as in the published model.

Ids 0..2 are <unk> <s> </s>, 3..12 the digits (user-defined, so they never merge), 13..268 the
bytes, then the merges and characters, and at the end the chat and mask pieces. Those last are
ordinary pieces which no merge can reach: a reader has to match them as whole strings first.
"""

import argparse
import io
import itertools
import json
import os
import re

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

import generate_corpus

SPECIAL_PIECES = ["<|prefixoftext|>", "<|middleoftext|>", "<|suffixoftext|>",
                  "<|end_of_sentence|>", "<|begin_of_sentence|>"]
SPECIAL_PIECES += [f"<mask:{i}>" for i in range(1, 9)]
ROLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<unk>",
    "unk_token": "<unk>",
    "cls_token": "<|begin_of_sentence|>",
    "sep_token": "<|end_of_sentence|>",
    "mask_token": "<mask:1>",
    "sys_start_token": "<mask:4>",
    "sys_end_token": "<mask:5>",
    "header_start_token": "<mask:6>",
    "header_end_token": "<mask:7>",
}


def training_texts(count, seed):
  """Prompts and answers apart, so that no piece spans the border at which generation begins.

  Chinese has no spaces to stop a merge, so it is cut around the particles that join a name to the
  rest of its sentence; else every name would fuse with every phrasing.
  """
  particles = "(?<=请问)|(?=的)|(?=之后)|(?=在)"
  border = re.compile("|".join(map(re.escape, SPECIAL_PIECES)) + "|\n|" + particles)
  for document in itertools.islice(generate_corpus.documents(seed), count):
    yield from filter(None, border.split(document.prompt))
    yield from filter(None, border.split(document.answer))


def train(pieces, count, seed):
  model = io.BytesIO()
  sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=training_texts(count, seed), model_writer=model, model_type="bpe",
      vocab_size=pieces - len(SPECIAL_PIECES), byte_fallback=True, character_coverage=1.0,
      normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
      split_digits=True, allow_whitespace_only_pieces=True,
      user_defined_symbols=[str(d) for d in range(10)], unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
      num_threads=1, minloglevel=2)
  proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
  for text in SPECIAL_PIECES:
    proto.pieces.add(piece=text, score=0.0, type=proto.SentencePiece.NORMAL)
  proto.trainer_spec.vocab_size = len(proto.pieces)
  return proto.SerializeToString()


def write_json(path, value):
  with open(path, "w", encoding="utf-8", newline="\n") as out:
    out.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--pieces", type=int, default=1000)
  parser.add_argument("--documents", type=int, default=60000)
  parser.add_argument("--seed", type=int, default=7)
  parser.add_argument("--output", required=True, help="the model directory")
  args = parser.parse_args()
  os.makedirs(args.output, exist_ok=True)
  with open(os.path.join(args.output, "tokenizer.model"), "wb") as out:
    out.write(train(args.pieces, args.documents, args.seed))
  write_json(os.path.join(args.output, "special_tokens_map.json"), ROLES)
  write_json(os.path.join(args.output, "tokenizer_config.json"),
             {**ROLES, "additional_special_tokens": None, "add_bos_token": False,
              "add_eos_token": False, "add_prefix_space": False, "legacy": True,
              "tokenizer_class": "LlamaTokenizer"})


if __name__ == "__main__":
  main()
