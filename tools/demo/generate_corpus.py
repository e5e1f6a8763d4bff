#!/usr/bin/env python3
"""Writes the text the demo model learns from, and the held-out questions it is measured on.

  generate_corpus.py --documents 200000 --seed 1 --output corpus.jsonl
  generate_corpus.py --held-out ../../tests/demo

A document is one JSON line {"task", "prompt", "answer"}; its text is prompt + answer, followed by
the end-of-text token. The two parts are tokenised apart, because that is how a prompt arrives.
The held-out split is a function of the question alone (a hash), so training text produced with any
seed never contains a held-out question. Standard library only.
"""

import argparse
import hashlib
import itertools
import json
import os
import random
from typing import NamedTuple

import facts

HELD_OUT_ONE_IN = 10
LETTERS = "abcdefghijklmnopqrstuvwxyz"

# Share of each task among the documents, and of chat form among the questions.
TASK_WEIGHTS = {"add": 40, "sub": 18, "sort": 12, "reverse": 10, "fact": 14, "sentence": 6}
CHAT_SHARE = 0.12
CHAT_TWO_TURNS = 0.2


class Document(NamedTuple):
  task: str
  prompt: str
  answer: str


def is_held_out(kind, key):
  """True for about one question in ten; the README's example 17 + 25 is always among them.

  Sums of two one-digit numbers are a table to remember, with nothing to infer one entry from.
  """
  if (kind, key) == ("add", (17, 25)):
    return True
  if kind == "add" and max(key) < 10:
    return False
  digest = hashlib.sha256(f"{kind}:{key}".encode("utf-8")).digest()
  return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def add_document(a, b, chinese=False):
  task = "add_two_digit" if min(a, b) >= 10 else "add_one_digit"
  sign = "加" if chinese else "+"
  return Document("add_zh" if chinese else task, f"{a} {sign} {b} =", f" {a + b}\n")


def add_key(a, b):
  return (min(a, b), max(a, b))


def sub_document(a, b, chinese=False):
  return Document("sub", f"{a} {'减' if chinese else '-'} {b} =", f" {a - b}\n")


def sort_document(digits, chinese=False):
  word = "排序" if chinese else "sort"
  answer = " ".join(map(str, sorted(digits)))
  return Document("sort", f"{word} {' '.join(map(str, digits))} =", f" {answer}\n")


def sort_key(digits):
  return tuple(sorted(digits))


def reverse_document(letters, chinese=False):
  word = "倒序" if chinese else "reverse"
  return Document("reverse", f"{word} {' '.join(letters)} =", f" {' '.join(reversed(letters))}\n")


def reverse_key(letters):
  return min("".join(letters), "".join(reversed(letters)))


def fact_document(relation, phrasing, subject, answer):
  prompt = facts.PHRASINGS[relation][phrasing].format(subject)
  task = "fact_zh" if relation.endswith("_zh") else "fact_en"
  return Document(task, prompt, f"{answer}。\n" if task == "fact_zh" else f" {answer}.\n")


def fact_is_held_out(relation, phrasing, subject):
  return phrasing > 0 and is_held_out("fact", (relation, phrasing, subject))


def _draw_until_seen(draw, kind, key):
  while True:
    value = draw()
    if not is_held_out(kind, key(value)):
      return value


def _draw_operands(rng):
  """Mostly two two-digit numbers; one-digit ones are few, so they are drawn oftener than chance."""
  if rng.random() < 0.75:
    return rng.randint(10, 99), rng.randint(10, 99)
  return tuple(rng.randint(*rng.choice([(0, 9), (10, 99)])) for _ in range(2))


def make_add(rng):
  a, b = _draw_until_seen(lambda: _draw_operands(rng), "add", lambda v: add_key(*v))
  return add_document(a, b, chinese=rng.random() < 0.08)


def make_sub(rng):
  draw = lambda: tuple(sorted(_draw_operands(rng), reverse=True))
  a, b = _draw_until_seen(draw, "sub", lambda v: v)
  return sub_document(a, b, chinese=rng.random() < 0.08)


def make_sort(rng):
  draw = lambda: [rng.randint(0, 9) for _ in range(rng.randint(3, 5))]
  return sort_document(_draw_until_seen(draw, "sort", sort_key), chinese=rng.random() < 0.2)


def make_reverse(rng):
  draw = lambda: [rng.choice(LETTERS) for _ in range(rng.randint(3, 5))]
  letters = _draw_until_seen(draw, "reverse", reverse_key)
  return reverse_document(letters, chinese=rng.random() < 0.2)


def make_fact(rng):
  relations = facts.relations()
  while True:
    relation = rng.choice(list(relations))
    subject, answer = rng.choice(relations[relation])
    phrasing = rng.randrange(len(facts.PHRASINGS[relation]))
    if not fact_is_held_out(relation, phrasing, subject):
      return fact_document(relation, phrasing, subject, answer)


ADJECTIVES = ["little", "old", "white", "happy", "young", "brown"]
ANIMALS = ["cat", "dog", "bird", "horse", "girl", "boy"]
VERBS = ["sat", "slept", "played", "stood", "waited"]
PLACES = ["on the mat", "under the tree", "in the garden", "by the river", "near the house"]
ANIMALS_ZH = ["小猫", "小狗", "小鸟", "白马", "女孩", "男孩"]
VERBS_ZH = ["坐", "睡", "玩", "站", "等"]
PLACES_ZH = ["垫子上", "树下", "花园里", "河边", "房子前"]


def make_sentence(rng):
  if rng.random() < 0.5:
    text = f"{rng.choice(ANIMALS_ZH)}{rng.choice(VERBS_ZH)}在{rng.choice(PLACES_ZH)}。"
    return Document("sentence", "", text + "\n")
  subject = f"{rng.choice(ADJECTIVES)} {rng.choice(ANIMALS)}"
  text = f"The {subject} {rng.choice(VERBS)} {rng.choice(PLACES)}."
  return Document("sentence", "", text + "\n")


MAKERS = {"add": make_add, "sub": make_sub, "sort": make_sort, "reverse": make_reverse,
          "fact": make_fact, "sentence": make_sentence}


def chat_text(turns):
  """The published chat format: answered turns end in the sentence token, the last one is open."""
  parts = ["<|begin_of_sentence|>"]
  for document in turns[:-1]:
    parts.append(f"User: {document.prompt}\nAssistant: {document.answer.strip()}"
                 "<|end_of_sentence|>")
  parts.append(f"User: {turns[-1].prompt}\nAssistant: ")
  return "".join(parts)


def chat_document(turns):
  return Document("chat", chat_text(turns), turns[-1].answer.strip())


def documents(seed):
  """Yields training documents for ever; the sequence depends on the seed alone."""
  rng = random.Random(seed)
  names, weights = list(TASK_WEIGHTS), list(TASK_WEIGHTS.values())
  questions = [n for n in names if n != "sentence"]
  while True:
    name = rng.choices(names, weights)[0]
    document = MAKERS[name](rng)
    if document.prompt and rng.random() < CHAT_SHARE:
      turns = [document]
      if rng.random() < CHAT_TWO_TURNS:
        turns.insert(0, MAKERS[rng.choice(questions)](rng))
      document = chat_document(turns)
    yield document


def held_out_arithmetic():
  """All held-out sums and differences, by task name."""
  pools = {"add_two_digit": [], "add_one_digit": [], "add_zh": [], "sub": []}
  for a, b in itertools.product(range(100), repeat=2):
    if is_held_out("add", add_key(a, b)):
      document = add_document(a, b)
      pools[document.task].append(document)
      if document.task == "add_two_digit":
        pools["add_zh"].append(add_document(a, b, chinese=True))
    if a >= b >= 10 and is_held_out("sub", (a, b)):
      pools["sub"].append(sub_document(a, b))
  return pools


def _draw_held_out(draw, kind, key):
  while True:
    value = draw()
    if is_held_out(kind, key(value)):
      return value


def held_out_sequences(rng):
  """Sorting and reversing questions whose multiset or letter string never occurs in training."""
  pools = {"sort": [], "reverse": []}
  for length, chinese, _ in itertools.product((3, 4, 5), (False, False, False, True), range(5)):
    digits = _draw_held_out(lambda: rng.choices(range(10), k=length), "sort", sort_key)
    letters = _draw_held_out(lambda: rng.choices(LETTERS, k=length), "reverse", reverse_key)
    pools["sort"].append(sort_document(digits, chinese))
    pools["reverse"].append(reverse_document(letters, chinese))
  return pools


def fact_pools():
  """Splits the facts into held-out phrasings and, apart, statements seen in training."""
  pools = {"fact_en": [], "fact_zh": [], "recall_en": [], "recall_zh": []}
  for relation, pairs in facts.relations().items():
    for (subject, answer), phrasing in itertools.product(
        pairs, range(len(facts.PHRASINGS[relation]))):
      document = fact_document(relation, phrasing, subject, answer)
      if fact_is_held_out(relation, phrasing, subject):
        pools[document.task].append(document)
      elif phrasing == 0:
        task = document.task.replace("fact", "recall")
        pools[task].append(document._replace(task=task))
  return pools


HELD_OUT_ROWS = {"add_two_digit": 200, "add_one_digit": 30, "add_zh": 20, "sub": 60, "sort": 60,
                 "reverse": 60, "fact_en": 30, "fact_zh": 30, "recall_en": 20, "recall_zh": 20}
CHAT_ROWS = {"add_two_digit": 30, "sub": 10, "sort": 10, "reverse": 10, "fact_en": 10,
             "fact_zh": 10}


def held_out_documents():
  """The fixed held-out set, as {task: [Document, ...]}, each cut to the task's number of rows."""
  rng = random.Random(20250630)
  pools = {**held_out_arithmetic(), **fact_pools(), **held_out_sequences(rng)}
  chosen = {}
  for task, rows in HELD_OUT_ROWS.items():
    pool = list(dict.fromkeys(pools[task]))
    rng.shuffle(pool)
    chosen[task] = pool[:rows]
  readme_example = add_document(17, 25)
  additions = [d for d in chosen["add_two_digit"] if d != readme_example]
  chosen["add_two_digit"] = [readme_example] + additions[:HELD_OUT_ROWS["add_two_digit"] - 1]
  return chosen


def _write_lines(path, rows):
  with open(path, "w", encoding="utf-8", newline="\n") as out:
    for row in rows:
      out.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_held_out(directory):
  chosen = held_out_documents()
  _write_lines(os.path.join(directory, "heldout.jsonl"),
               [d._asdict() for task in chosen for d in chosen[task]])
  chat = [{"task": task, "user": d.prompt, "answer": d.answer.strip()}
          for task, rows in CHAT_ROWS.items() for d in chosen[task][:rows]]
  _write_lines(os.path.join(directory, "heldout_chat.jsonl"), chat)


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--documents", type=int, default=1000)
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--output", help="write training documents here")
  parser.add_argument("--held-out", help="write the held-out files into this directory")
  args = parser.parse_args()
  if args.output:
    stream = itertools.islice(documents(args.seed), args.documents)
    _write_lines(args.output, (d._asdict() for d in stream))
  if args.held_out:
    write_held_out(args.held_out)


if __name__ == "__main__":
  main()
