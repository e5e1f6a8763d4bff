#!/usr/bin/env python3
"""The JSON Schema test suite against the grammars: every valid instance admitted token by token in compact form, every other refused.

    tests/serve/json_schema_suite.py [--suite DIR] [--program build/release/tests/grammar/grammar_suite] [--verbose]

DIR is the folder of a draft (json/tests/draft2020-12 of the source package of `jsonschema`); without it that package is downloaded by pip.
Prints what is supported by keyword file; fails if one answer is wrong.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGE = "jsonschema==4.23.0"
# Formats that are only annotations here, as the specification has it by default.
FORMATS = {"date", "time", "date-time", "duration", "ipv4", "ipv6", "hostname", "email", "uuid", "uri", "uri-reference", "json-pointer",
           "relative-json-pointer"}
# The suite's answers that are decisions of ours, by file and description: documented in docs/structured-output.md.
DECISIONS: dict[str, str] = {
    "valid leap second, large positive time-offset": "leap seconds are known in UTC only",
    "valid leap second, positive time-offset": "leap seconds are known in UTC only",
    "valid leap second, negative time-offset": "leap seconds are known in UTC only",
    "valid leap second, large negative time-offset": "leap seconds are known in UTC only",
    "a valid date-time with a leap second, with minus offset": "leap seconds are known in UTC only",
    "no validation: invalid number, but it still validates": "$schema is an annotation: every keyword counts",
    "comparison works for high numbers": "a bound with more than 15 digits is a double, within one unit in its last place",
    "comparison works for very negative numbers": "a bound with more than 15 digits is a double, within one unit in its last place",
}


def download(folder: str) -> pathlib.Path:
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps", "--dest", folder, PACKAGE], check=True)
    with tarfile.open(next(pathlib.Path(folder).glob("jsonschema-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(pathlib.Path(folder).glob("jsonschema-*/json/tests/draft2020-12"))


def has_lone_surrogate(text: str) -> bool:
    return any(0xD800 <= ord(c) <= 0xDFFF for c in text)


def cases_of(path: pathlib.Path):
    """(description, schema, [(description, texts, is valid)])"""
    for group in json.loads(path.read_text(encoding="utf-8")):
        tests = []
        for test in group["tests"]:
            texts = {json.dumps(test["data"], separators=(",", ":"), ensure_ascii=ascii) for ascii in (True, False)}
            texts = sorted(t for t in texts if not has_lone_surrogate(t))
            tests.append((test["description"], texts, test["valid"]))
        yield group["description"], group["schema"], tests


def files_of(suite: pathlib.Path) -> list[pathlib.Path]:
    # format.json says that formats are annotations; here most are checked, as optional/format/ wants it.
    main = [p for p in sorted(suite.glob("*.json")) if p.name != "format.json"]
    optional = [suite / "optional" / f"{name}.json" for name in ("bignum", "float-overflow", "non-bmp-regex", "ecmascript-regex", "anchor",
                                                              "no-schema", "dependencies-compatibility")]
    formats = [p for p in sorted((suite / "optional" / "format").glob("*.json")) if p.stem in FORMATS]
    return main + [p for p in optional if p.is_file()] + formats


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/tests/grammar/grammar_suite")
    parser.add_argument("--verbose", action="store_true", help="list what is not supported, and why")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        suite = options.suite or download(folder)
        groups = [(path, *group) for path in files_of(suite) for group in cases_of(path)]
    lines = [json.dumps({"schema": schema, "texts": [t for _, texts, _ in tests for t in texts]}) for _, _, schema, tests in groups]
    done = subprocess.run([options.program, ROOT / "models/demo"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return 1
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    wrong = 0
    for (path, description, schema, tests), line in zip(groups, done.stdout.splitlines(), strict=True):
        answer, count = json.loads(line), counts[path.stem]
        if "error" in answer:
            # A schema that nothing satisfies is refused, which is right if the suite has no valid instance of it.
            is_void = "there is no value" in answer["error"] and not any(valid for _, _, valid in tests)
            count["void" if is_void else "unsupported"] += 1
            if options.verbose and not is_void:
                print(f"unsupported: {path.stem}: {description}: {answer['error'][:150]}")
            continue
        count["supported"] += 1
        admitted = iter(answer["admitted"])
        for test, texts, valid in tests:
            for text in texts:
                count["texts"] += 1
                if next(admitted) == valid:
                    continue
                if test in DECISIONS:
                    count["decisions"] += 1
                    continue
                wrong += 1
                print(f"WRONG: {path.stem}: {description}: {test}: {text[:200]} is {'valid' if valid else 'invalid'}; schema {json.dumps(schema)[:300]}")
    print(f"{'file':28} {'supported':>9} {'no value':>8} {'refused':>8} {'texts':>6} {'decisions':>9}")
    for name, count in counts.items():
        print(f"{name:28} {count['supported']:9} {count['void']:8} {count['unsupported']:8} {count['texts']:6} {count['decisions']:9}")
    total = sum(counts.values(), collections.Counter())
    print(f"{'all':28} {total['supported']:9} {total['void']:8} {total['unsupported']:8} {total['texts']:6} {total['decisions']:9}")
    print(f"{wrong} wrong answers")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
