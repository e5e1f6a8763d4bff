#!/usr/bin/env python3
"""What a user sees of `ernie tokenize`.

    tokenize_test.py PROGRAM
"""

import json
import os
import subprocess
import sys
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/tokenizer_tiny")


def tokenize(text, *flags):
    if isinstance(text, str):
        text = text.encode()
    done = subprocess.run([PROGRAM, "tokenize", *flags], input=text, capture_output=True,
                          timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class TokenizeTest(unittest.TestCase):
    def test_a_line_for_a_line_and_back(self):
        texts = ["", "17 + 25 =", "a\nb\t\u0000\"\\", "北京😀", "</s><|end_of_sentence|>"]
        for flags in ([], ["--tokenizer", TINY], ["--tokenizer", TINY + "/tokenizer.model"]):
            for encode, decode in (([], []), (["--special"], ["--special"])):
                code, ids, _ = tokenize("".join(json.dumps(t) + "\n" for t in texts),
                                        *flags, *encode)
                self.assertEqual(code, 0)
                self.assertEqual(ids.count("\n"), len(texts))
                code, back, _ = tokenize(ids, "--decode", *flags, *decode)
                self.assertEqual(code, 0)
                self.assertEqual([json.loads(line) for line in back.splitlines()], texts)

    def test_special_tokens_only_when_asked(self):
        line = '"<|LOC_1|>"'
        self.assertEqual(tokenize(line, "--tokenizer", TINY, "--special")[1], "[437]\n")
        self.assertGreater(len(json.loads(tokenize(line, "--tokenizer", TINY)[1])), 1)
        self.assertEqual(tokenize("[437]", "--tokenizer", TINY, "--decode")[1], '""\n')

    def test_blank_lines_and_line_ends(self):
        code, out, _ = tokenize('\n"a"\r\n  \n"a"', "--tokenizer", TINY)
        self.assertEqual((code, out.count("\n")), (0, 2))

    def test_stops_at_the_first_bad_line(self):
        string, ids = "a JSON string", "a JSON array of token ids"
        for line, flags, message in (
                ('5', [], f"got a JSON int64, expected {string}"),
                ('"a', [], f"got incomplete JSON, expected {string}"),
                ('"a" "b"', [], f"got extra data, expected {string}"),
                ('"\\ud800"', [], f"got syntax error, expected {string}"),
                (b'"\xff"', [], f"got syntax error, expected {string}"),
                ('"x"', ["--decode"], f"got a JSON string, expected {ids}"),
                ('[1, 440]', ["--decode"],
                 "item 1: got 440, expected a token id from 0 to 439"),
                ('[-1]', ["--decode"], "item 0: got -1, expected a token id from 0 to 439"),
                ('[1.0]', ["--decode"],
                 "item 0: got another JSON value, expected a token id from 0 to 439")):
            line = line if isinstance(line, bytes) else line.encode()
            good = b"[3]\n" if flags else b'"0"\n'
            code, out, err = tokenize(good + line + b"\n" + good, "--tokenizer", TINY, *flags)
            self.assertEqual((code, out), (2, '"0"\n' if flags else "[3]\n"), line)
            self.assertEqual(err, f"ernie tokenize: <stdin>: line 2: {message}\n")

    def test_too_long_a_line(self):
        code, out, err = tokenize(b'"' + b"a" * (64 << 20) + b'"', "--tokenizer", TINY)
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(
            err, "ernie tokenize: <stdin>: line 1: got more than 67108864 bytes, expected at most as many\n")

    def test_a_missing_tokenizer(self):
        code, _, err = tokenize("", "--tokenizer", "/nonexistent")
        self.assertEqual(code, 2)
        self.assertEqual(err, "ernie tokenize: /nonexistent: cannot open: No such file or "
                              "directory\n")


if __name__ == "__main__":
    unittest.main()
