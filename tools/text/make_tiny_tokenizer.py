#!/usr/bin/env python3
"""Makes tests/data/tokenizer_tiny: a small tokenizer laid out as the published one, with every oddity
that an encoder has to get right.

Beyond what a trained model has: scores come in groups of three equal ones, so that ties between
pieces occur; some characters have no piece of their own while larger pieces contain them; one
user-defined piece has several characters; special pieces are ordinary ones that no merge reaches.
Needs the package sentencepiece with protobuf; the result was made with version 0.2.3.
"""

import argparse
import io
import json
import os
import random

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

SPECIAL_PIECES = ["<|end_of_sentence|>", "<|begin_of_sentence|>"]
SPECIAL_PIECES += [f"<mask:{i}>" for i in range(1, 9)]
ROLES = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>", "unk_token": "<unk>",
         "cls_token": "<|begin_of_sentence|>", "sep_token": "<|end_of_sentence|>",
         "mask_token": "<mask:1>"}
PLACEHOLDERS = ["<|IMAGE_PLACEHOLDER|>", "<|LOC_1|>", "<|LOC_10|>", "<|LOC_1|>|>"]
WITHOUT_PIECE = "khv京"


def training_text(seed):
  rng = random.Random(seed)
  words = ("the then there other mother banana ananas cat catch hat that abab baba aaaa aa "
           "naïve café Hello World over lower lowest hovering knock").split()
  chinese = "北京是中国的首都，上海是城市。 中国人在北京。 首都在哪里？".split()
  for _ in range(4000):
    kind = rng.random()
    if kind < 0.6:
      yield "".join(rng.choice(words) + " " * rng.choice([1, 1, 1, 2, 3, 4, 8])
                    for _ in range(rng.randint(1, 6)))
    elif kind < 0.85:
      yield "".join(rng.choice(chinese) for _ in range(3))
    else:
      yield "".join(rng.choice("ab") for _ in range(12)) + rng.choice([";\r", " {\r", "()", "==>"])


def train(seed):
  model = io.BytesIO()
  sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=training_text(seed), model_writer=model, model_type="bpe", vocab_size=430,
      byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity",
      add_dummy_prefix=False, remove_extra_whitespaces=False, split_digits=True,
      allow_whitespace_only_pieces=True, user_defined_symbols=[*"0123456789", "==>"],
      unk_id=0, bos_id=1, eos_id=2, pad_id=-1, num_threads=1, minloglevel=2)
  proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
  normal = proto.SentencePiece.NORMAL
  kept = [p for p in proto.pieces if p.type != normal or p.piece not in WITHOUT_PIECE]
  for piece in kept:
    if piece.type == normal:
      piece.score = float(-(-int(piece.score) // 3))
  kept = [sentencepiece_model_pb2.ModelProto.SentencePiece.FromString(p.SerializeToString())
          for p in kept]
  del proto.pieces[:]
  proto.pieces.extend(kept)
  for text in SPECIAL_PIECES:
    proto.pieces.add(piece=text, score=0.0, type=normal)
  proto.trainer_spec.vocab_size = len(proto.pieces)
  return proto


def write_json(directory, name, value):
  with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as out:
    out.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--seed", type=int, default=3)
  parser.add_argument("--output", default="tests/data/tokenizer_tiny")
  args = parser.parse_args()
  os.makedirs(args.output, exist_ok=True)
  proto = train(args.seed)
  with open(os.path.join(args.output, "tokenizer.model"), "wb") as out:
    out.write(proto.SerializeToString())
  first = len(proto.pieces)
  write_json(args.output, "added_tokens.json",
             {text: first + i for i, text in enumerate(PLACEHOLDERS)})
  write_json(args.output, "special_tokens_map.json",
             {**ROLES, "additional_special_tokens": PLACEHOLDERS[:-1]})
  write_json(args.output, "tokenizer_config.json",
             {**ROLES, "sys_start_token": "<mask:4>", "sys_end_token": {"content": "<mask:5>"},
              "additional_special_tokens": None, "add_bos_token": False})


if __name__ == "__main__":
  main()
