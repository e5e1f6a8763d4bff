#!/usr/bin/env python3
"""Checks that what the documents name is there: files, functions, links, tests, and the table of
folders against the one that scripts/check_includes.py enforces."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True
import check_includes  # noqa: E402

DOCUMENTS = sorted([ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")] +
                   list((ROOT / "docs").rglob("*.md")))
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
PATH = re.compile(r"(src|tests|scripts|tools|docs|models|cmake)/[\w./-]*")
NAME = re.compile(r"(?:[A-Z]\w*::)?([a-z]\w*)\(\)")
ROW = re.compile(r"^\| `([\w/]+)/` \|.*\| ([^|]*) \|$", re.M)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
FILTER = re.compile(r"--gtest_filter='([^']*)'")


def sources():
    files = [p for folder in ("src", "tests") for p in (ROOT / folder).rglob("*")
             if p.suffix in (".h", ".cc")]
    return "\n".join(p.read_text(encoding="utf-8") for p in files)


def problems_of(document, code):
    text = document.read_text(encoding="utf-8")
    for target, _ in LINK.findall(text):
        if "://" not in target and not (document.parent / target).exists():
            yield f"link to {target}, which is not there"
    for quoted in CODE.findall(text):
        if PATH.fullmatch(quoted) and not (ROOT / quoted).exists():
            yield f"`{quoted}` is not there"
        name = NAME.fullmatch(quoted)
        if name and not re.search(rf"\b{name[1]}\(", code):
            yield f"`{quoted}` is in no source"
    for test_filter in FILTER.findall(text):
        for part in test_filter.split(":"):
            suite, _, test = part.partition(".")
            if not re.search(rf"\b{suite.strip('*')}", code) or test.strip("*/") not in code:
                yield f"no test matches {part}"


def table_problems():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    documented = {folder: [] if names == "—" else re.findall(r"\w+", names)
                  for folder, names in ROW.findall(text)}
    parts = {f"{folder}/{part}": allowed for folder, rows in check_includes.PARTS.items() for part, allowed in rows.items()}
    checked = check_includes.ALLOWED | parts
    for folder, allowed in checked.items():
        if sorted(documented.get(folder, ["?"])) != sorted(allowed):
            yield (f"docs/architecture.md: {folder} includes {documented.get(folder)}, "
                   f"scripts/check_includes.py allows {allowed}")
    for folder in documented.keys() - checked.keys():
        yield f"docs/architecture.md: {folder} is no folder that scripts/check_includes.py knows"


def readme_problems():
    """Both languages show the same commands, and the library's example is the one that is compiled."""
    english, chinese = ([(ROOT / name).read_text(encoding="utf-8") for name in
                         ("README.md", "README.zh-CN.md")])
    example = (ROOT / "tests/docs/library_example.cc").read_text(encoding="utf-8")
    if f"```cpp\n{example}```" not in (ROOT / "docs/library.md").read_text(encoding="utf-8"):
        yield "docs/library.md: its example is not tests/docs/library_example.cc"
    if CONSOLE.findall(english) != CONSOLE.findall(chinese):
        yield "README.zh-CN.md: its console blocks are not those of README.md"


def main():
    code = sources()
    problems = [f"{document.relative_to(ROOT)}: {problem}" for document in DOCUMENTS
                for problem in problems_of(document, code)]
    problems += table_problems()
    problems += readme_problems()
    print("\n".join(problems) if problems else f"{len(DOCUMENTS)} documents agree with the sources")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
