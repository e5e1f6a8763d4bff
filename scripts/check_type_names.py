#!/usr/bin/env python3
"""Checks that every type with a name that other files can say is defined in one file.

Two types of one qualified name break the one-definition rule where one program holds both: the linker keeps one copy of, say,
~vector<Trace>(), and the objects of the other type are freed with it. No ordinary compilation or link reports that.

Types in anonymous namespaces and in functions belong to their file alone and do not count, nor do forward declarations. An alias counts as a
definition. This is no C++ parser: it follows namespaces and classes, and skips the bodies of functions.
"""

import pathlib
import re
import sys
from typing import NamedTuple

TOKEN = re.compile(r"""
    (?P<skip> \s+ | //[^\n]*(?:\\\n[^\n]*)* | /\*.*?\*/ )
  | (?P<directive> \#(?:\\\n|/\*.*?\*/|[^\n])* )
  | (?P<raw> (?:u8|[uUL])?R"(?P<fence>[^\s()\\]{0,16})\(.*?\)(?P=fence)" )
  | (?P<text> (?:u8|[uUL])?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*') )
  | (?P<number> \.?\d(?:[eEpP][+-]|'?[\w.])* )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<sign> ::|. )
""", re.X | re.S)
CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}


class Token(NamedTuple):
    kind: str
    text: str
    line: int


class Definition(NamedTuple):
    name: str
    line: int


class Malformed(Exception):
    """The file cannot be followed, so nothing is known about it."""


def tokens_of(source: str) -> list[Token]:
    tokens, line, at = [], 1, 0
    while at < len(source):
        match = TOKEN.match(source, at)
        kind = match.lastgroup if match.lastgroup != "fence" else "raw"
        if kind != "skip":
            tokens.append(Token(kind, match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    return tokens


def keyword_of(token: Token) -> str:
    """"if" of "#ifdef X", "else" of "#elif Y"; "" of what is no conditional."""
    found = re.match(r"#\s*(if|el|endif)", token.text) if token.kind == "directive" else None
    return {"if": "if", "el": "else", "endif": "endif"}[found.group(1)] if found else ""


def branch_counts(tokens: list[Token]) -> list[int]:
    """Of each conditional, in the order of their beginnings."""
    counts, order = [], []
    for keyword in map(keyword_of, tokens):
        if keyword == "if":
            order.append(len(counts))
            counts.append(1)
        elif keyword == "else" and order:
            counts[order[-1]] += 1
        elif keyword == "endif" and order:
            order.pop()
    return counts


def alternative(tokens: list[Token], counts: list[int], wanted: int) -> list[Token]:
    """What is left of a file if each conditional that has so many branches takes that one, the others their first."""
    left, stack, next_group = [], [], 0  # stack: [branch where we are, branch that is taken]
    for token in tokens:
        keyword = keyword_of(token)
        if keyword == "if":
            stack.append([0, wanted if wanted < counts[next_group] else 0])
            next_group += 1
        elif keyword == "else" and stack:
            stack[-1][0] += 1
        elif keyword == "endif" and stack:
            stack.pop()
        if token.kind != "directive" and all(at == taken for at, taken in stack):
            left.append(token)
    return left


def definitions_of(source: str) -> list[Definition]:
    """Under every condition, in the order of their lines."""
    tokens = tokens_of(source)
    counts = branch_counts(tokens)
    found = [d for i in range(max(counts, default=1)) for d in Parser(alternative(tokens, counts, i)).parse()]
    return sorted(dict.fromkeys(found), key=lambda definition: definition.line)


class Parser:
    """Collects the qualified names of the types that one file defines."""

    def __init__(self, tokens: list[Token]):
        self.tokens = tokens
        self.at = 0
        self.scopes: list[str | None] = []  # names; None: visible in this file alone
        self.found: list[Definition] = []

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at].text if at < len(self.tokens) else ""

    def take(self) -> Token:
        if self.at >= len(self.tokens):
            raise Malformed("it ends inside a declaration")
        self.at += 1
        return self.tokens[self.at - 1]

    def skip_balanced(self) -> str:
        """From an opening sign to behind its closing one; returns what lies between."""
        opening = self.take()
        closing, parts = CLOSING[opening.text], []
        while self.peek() != closing:
            if self.at >= len(self.tokens):
                raise Malformed(f"line {opening.line}: \"{opening.text}\" is not closed")
            if self.peek() in CLOSING and (self.peek() != "<" or opening.text == "<"):
                inner = self.peek()
                parts.append(inner + self.skip_balanced() + CLOSING[inner])
            else:
                parts.append(self.take().text)
        self.take()
        return " ".join(parts)

    def skip_attributes(self) -> None:
        while self.peek() == "alignas" or self.peek() == self.peek(1) == "[":
            if self.peek() == "alignas":
                self.take()
            self.skip_balanced()

    def define(self, name: str, line: int) -> None:
        if None not in self.scopes:
            self.found.append(Definition("::".join([*self.scopes, name]), line))

    def parse(self) -> list[Definition]:
        self.parse_scope(is_file=True)
        return self.found

    def parse_scope(self, is_file: bool = False) -> None:
        """Declarations up to the scope's closing brace, which is taken."""
        while self.at < len(self.tokens):
            if self.peek() == "}":
                if is_file:
                    raise Malformed(f"line {self.take().line}: \"}}\" closes nothing")
                self.take()
                return
            self.parse_declaration()
        if not is_file:
            raise Malformed("a brace is not closed")

    def parse_inside(self, names: list[str | None]) -> None:
        self.take()
        self.scopes += names
        self.parse_scope()
        del self.scopes[len(self.scopes) - len(names):]

    def parse_declaration(self) -> None:
        """One declaration, or a part of one that says nothing about types."""
        word = self.peek()
        if word == "namespace":
            self.parse_namespace()
        elif word in ("struct", "class", "union"):
            self.parse_class()
        elif word == "enum":
            self.parse_enum()
        elif word == "using":
            self.parse_using()
        elif word == "typedef":
            self.parse_typedef()
        elif word == "extern" and self.peek(2) == "{":
            self.take(), self.take()
            self.parse_inside([])
        elif word in ("(", "[", "{"):
            self.skip_balanced()
        else:
            self.take()

    def parse_namespace(self) -> None:
        self.take()
        self.skip_attributes()
        names: list[str | None] = []
        while self.peek() not in ("{", "=", ";"):
            token = self.take()
            if token.kind == "word" and token.text != "inline":
                names.append(token.text)
        if self.peek() == "{":
            self.parse_inside(names or [None])

    def name_of_class(self) -> str:
        """"" if it has none."""
        parts = []
        while self.tokens[self.at:] and self.tokens[self.at].kind == "word" and self.peek() != "final":
            parts.append(self.take().text)
            if self.peek() == "<":
                parts[-1] += "<" + self.skip_balanced() + ">"
            if self.peek() != "::":
                break
            self.take()
        return "::".join(parts)

    def parse_class(self) -> None:
        line = self.take().line
        self.skip_attributes()
        name = self.name_of_class()
        if self.peek() == "final":
            self.take()
        if self.peek() == ":":
            while self.peek() not in ("{", ";"):
                self.skip_balanced() if self.peek() in ("(", "<") else self.take()
        if self.peek() != "{":
            return  # declared, or named in front of a variable or function
        if name:
            self.define(name, line)
        self.parse_inside([name or None])

    def parse_enum(self) -> None:
        line = self.take().line
        if self.peek() in ("class", "struct"):
            self.take()
        self.skip_attributes()
        name = self.name_of_class()
        if self.peek() == ":":
            while self.peek() not in ("{", ";"):
                self.take()
        if self.peek() == "{":
            if name:
                self.define(name, line)
            self.skip_balanced()

    def parse_using(self) -> None:
        line = self.take().line
        name = self.take().text
        self.skip_attributes()
        if self.peek() == "=":
            self.define(name, line)
            self.skip_to_semicolon()

    def parse_typedef(self) -> None:
        line = self.take().line
        begin = self.at
        self.skip_to_semicolon()
        declared = [token.text for token in self.tokens[begin:self.at - 1]]
        pointer = re.search(r"\( (?:\w+ :: )?\* (\w+) \)", " ".join(declared))
        names = [text for text in declared if re.fullmatch(r"[A-Za-z_]\w*", text)]
        self.define(pointer.group(1) if pointer else names[-1], line)

    def skip_to_semicolon(self) -> None:
        while self.peek() != ";":
            if self.peek() in ("(", "[", "{"):
                self.skip_balanced()
            else:
                self.take()
        self.take()


def files_of(folders: list[pathlib.Path]) -> list[pathlib.Path]:
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix in (".h", ".cc") and p.is_file())


def problems_of(files: list[pathlib.Path], root: pathlib.Path) -> list[str]:
    places: dict[str, dict[str, int]] = {}  # by name: file, line of its first definition there
    problems = []
    for path in files:
        relative = path.relative_to(root).as_posix()
        try:
            definitions = definitions_of(path.read_text(encoding="utf-8"))
        except Malformed as error:
            problems.append(f"{relative}: {error}")
            continue
        for definition in definitions:
            places.setdefault(definition.name, {}).setdefault(relative, definition.line)
    for name, where in sorted(places.items()):
        if len(where) > 1:
            listed = ", ".join(f"{file}:{line}" for file, line in where.items())
            problems.append(f"{name}: defined in {len(where)} files, expected 1: {listed}")
    return problems


def main(root: pathlib.Path) -> int:
    files = files_of([root / "src", root / "tests"])
    problems = problems_of(files, root)
    print("\n".join(problems) if problems else f"type names of {len(files)} files are each defined once")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(__file__).resolve().parent.parent))
