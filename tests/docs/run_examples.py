#!/usr/bin/env python3
"""Runs the examples of the documents and compares what they print.

    run_examples.py build/release/bin/ernie [DOCUMENT...]

Taken are the fenced blocks marked `console`. In them `$ command` is run, together with the lines of
its here-document if it has one, and the lines after it are what it must print on standard output;
"…" stands for any part of a line, and alone on a line for any lines. The commands of one document run
one after another in one temporary directory, in which models/ and tests/ are those of the
repository. Exit status 0 is expected, so an example of a failure ends in `; echo $?` or the like.

Blocks marked `sh` are not run, but every flag that they give to a subcommand must be in its --help.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "README.zh-CN.md", "docs/tour.md", "docs/receipts.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
HERE_DOCUMENT = re.compile(r"<<'(\w+)'")


def blocks(text, language):
    """(number of the first line, contents) of every fenced block in that language."""
    for match in FENCE.finditer(text):
        if match[1] == language:
            yield text.count("\n", 0, match.start()) + 2, match[2]


def examples(text):
    """(line number, command, expected lines) of a document, in order."""
    for first_line, block in blocks(text, "console"):
        lines, found = block.splitlines(), []
        i = 0
        while i < len(lines):
            if not lines[i].startswith("$ "):
                if not found:
                    raise ValueError(f"line {first_line + i}: expected a command")
                found[-1][2].append(lines[i])
                i += 1
                continue
            command, number = [lines[i][2:]], first_line + i
            delimiter = HERE_DOCUMENT.search(lines[i])
            i += 1
            while delimiter and command[-1] != delimiter[1]:
                command.append(lines[i])
                i += 1
            found.append((number, "\n".join(command), []))
        yield from found


def pattern(expected):
    parts = []
    for line in expected:
        if line == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(part) for part in line.split("…")) + r"\n")
    return re.compile("".join(parts))


def run_document(name, environment):
    """The number of examples and of failures."""
    count = failures = 0
    with tempfile.TemporaryDirectory(prefix="ernie-docs-") as folder:
        for shared in ("models", "tests"):
            os.symlink(ROOT / shared, os.path.join(folder, shared))
        for line, command, expected in examples((ROOT / name).read_text(encoding="utf-8")):
            count += 1
            done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  encoding="utf-8", errors="replace", timeout=300, check=False)
            if done.returncode == 0 and pattern(expected).fullmatch(done.stdout):
                continue
            failures += 1
            print(f"{name}:{line}: $ {command}\n--- expected\n" + "\n".join(expected) +
                  f"\n--- got, exit status {done.returncode}\n{done.stdout}--- standard error\n"
                  f"{done.stderr}---")
    return count, failures


def unknown_flags(name, environment):
    """Flags of `ernie …` in sh blocks that the program does not have."""
    helps = {}
    for line, block in blocks((ROOT / name).read_text(encoding="utf-8"), "sh"):
        for offset, text in enumerate(block.replace("\\\n", "\\").splitlines()):
            match = re.search(r"(?:\bernie (run-batch|run|inspect|dummy|tokenize|verify \w+|bench \w+)|scripts/run\.sh)\b", text)
            if not match:
                continue
            subcommand = match[1] or "run"
            if subcommand not in helps:
                helps[subcommand] = subprocess.run(
                    ["ernie", *subcommand.split(), "--help"], env=environment, capture_output=True, text=True,
                    check=True).stdout
            for flag in re.findall(r"(?<=\s)--?[a-z][a-z-]*", text[match.end():].split("#")[0]):
                if not re.search(rf"(?<![\w-]){flag}(?![\w-])", helps[subcommand]):
                    yield f"{name}:{line + offset}: ernie {subcommand} has no {flag}"


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    environment = dict(os.environ, PATH=f"{program.parent}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
    failed = 0
    for name in sys.argv[2:] or DOCUMENTS:
        count, failures = run_document(name, environment)
        flags = list(unknown_flags(name, environment))
        print("\n".join(flags + [f"{name}: {count} examples, {failures} failed"]))
        failed += failures + len(flags) + (count == 0)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
