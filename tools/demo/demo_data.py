"""Turns documents into token rows: shared by training and evaluation."""

import re

import sentencepiece
import torch

import generate_corpus

EOS = 2
SPECIALS = ["<|end_of_sentence|>", "<|begin_of_sentence|>"]


class Tokenizer:
  """The demo tokenizer, with the chat pieces matched as whole strings before any merge."""

  def __init__(self, path):
    self.model = sentencepiece.SentencePieceProcessor(model_file=path)
    self.splitter = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")

  def encode(self, text):
    ids = []
    for part in self.splitter.split(text):
      ids += [self.model.piece_to_id(part)] if part in SPECIALS else self.model.encode(part)
    return ids

  def decode(self, ids):
    """Text with its leading space kept; SentencePiece itself would only strip a dummy prefix."""
    return self.model.decode(ids)


def packed_rows(tokenizer, seed, length, prompt_weight, sentence_weight):
  """Yields (ids, weights) rows that start with a document and hold as many as fit.

  Weights are per predicted token: small on prompts, whose operands nobody can foresee.
  """
  ids, weights = [], []
  for document in generate_corpus.documents(seed):
    prompt, answer = tokenizer.encode(document.prompt), tokenizer.encode(document.answer) + [EOS]
    if len(prompt) + len(answer) > length:
      continue
    if len(ids) + len(prompt) + len(answer) > length:
      padding = length - len(ids)
      yield ids + [0] * padding, weights + [0.0] * padding
      ids, weights = [], []
    answer_weight = sentence_weight if document.task == "sentence" else 1.0
    ids = ids + prompt + answer
    weights = weights + [prompt_weight] * len(prompt) + [answer_weight] * len(answer)


def batches(tokenizer, seed, rows, length, prompt_weight=0.05, sentence_weight=0.3):
  """Yields (ids [rows, length], weights [rows, length]) for ever."""
  stream = packed_rows(tokenizer, seed, length, prompt_weight, sentence_weight)
  while True:
    chunk = [next(stream) for _ in range(rows)]
    yield torch.tensor([c[0] for c in chunk]), torch.tensor([c[1] for c in chunk])
