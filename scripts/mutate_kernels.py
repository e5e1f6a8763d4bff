#!/usr/bin/env python3
"""Changes the cpu kernels in small ways and counts which changes `ernie verify ops` notices.

    mutate_kernels.py [NUMBER] [--seed N]

Works on a copy of the sources in a temporary directory with a build of its own, so nothing here
changes. Each mutant is one changed operator, number or comparison in the files below. It is caught
if it does not compile, crashes, hangs, or makes the verification red; tried are the few fault
cases with another dtype each (a second), then for survivors the suite of the 21B model's shapes.
A survivor is printed as a diff: it is a gap in the checks, or changes nothing (then say why in
EQUIVALENT).
"""

import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = ["isa/kernel_bodies.h", "linear.cc", "attention.cc", "experts.cc", "rope.cc",
         "cpu_backend.cc"]
LANES = {"avx512": "isa/lanes_avx512.h", "avx2": "isa/lanes_avx2.h",
         "portable": "isa/lanes_portable.h"}  # verified with the instruction set that they are for
CHANGES = [(r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" / ", " * "), (r" < ", " <= "),
           (r" <= ", " < "), (r" \+= ", " -= "), (r"\bkWidth\b", "(kWidth - 1)"),
           (r"\bmax\(", "min("), (r"\bmin\(", "max("), (r"\badd\(", "sub("), (r"\bsub\(", "add("),
           (r"\bmul\(", "add("), (r"\b0\b", "1"), (r"\b1\b", "2"), (r"\b2\b", "3")]
# (file, part of the line): changes there alter speed, messages or scratch sizes, not results.
EQUIVALENT = [
    ("linear.cc", "kRowsPerTask"), ("linear.cc", "kTokensPerPass"), ("experts.cc", "kRowsPerTask"),
    ("attention.cc", ".floats("), ("experts.cc", "scratch.floats"), ("", "constexpr int kRows"),
    ("", "#include"), ("", "//"), ("", "namespace"), ("", "template"), ("", "describe"),
    ("cpu_backend.cc", "kv_bytes_per_token"), ("cpu_backend.cc", "one.num_blocks"),
    # An index is compared with itself by no sort; any score will do as the one taken off all.
    ("experts.cc", "ids[a] != ids[b]"), ("kernel_bodies.h", "lane_max = broadcast"),
    ("", "num_tasks"), ("", "fmt::"), ("", "inline"), ("", "[i, n]"), ("", "[i, k]"),
]


def runnable_isas():
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    needed = {"avx512": ["avx512f", "avx512bw", "avx512dq", "avx512vl"], "avx2": ["avx2", "fma"]}
    return [isa for isa in LANES if all(re.search(rf"\b{flag}\b", flags)
                                        for flag in needed.get(isa, []))]


def mutants(source):
    for name in FILES + [LANES[isa] for isa in runnable_isas()]:
        lines = (source / name).read_text(encoding="utf-8").splitlines(keepends=True)
        for number, line in enumerate(lines):
            if any(name.endswith(file) and part in line for file, part in EQUIVALENT):
                continue
            for pattern, replacement in CHANGES:
                for match in re.finditer(pattern, line):
                    changed = line[:match.start()] + replacement + line[match.end():]
                    yield name, number, changed


def run(command, seconds):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds,
                              check=False).returncode
    except subprocess.TimeoutExpired:
        return -1


def is_caught(build, name=""):
    isa = next((["--isa", isa] for isa, file in LANES.items() if file == name), [])
    if run(["ninja", "-C", build, "ernie"], 600) != 0:
        return "does not compile"
    for suite in (["--suite", "published", "--inject", "all"], ["--suite", "model"]):
        code = run([f"{build}/bin/ernie", "verify", "ops", "--quiet", *suite, *isa], 400)
        if code != 0:
            return f"suite {suite[1]}, exit code {code}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("number", type=int, nargs="?", default=40)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ernie-mutants-") as folder:
        tree, build = pathlib.Path(folder, "tree"), str(pathlib.Path(folder, "tree/build/release"))
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build", ".git"))
        subprocess.run(["cmake", "--preset", "release", "-S", tree, "-DERNIE_BUILD_TESTS=OFF",
                        *(["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else [])],
                       cwd=tree, check=True, capture_output=True)
        if is_caught(build):
            sys.exit("the unchanged program does not pass")
        source = tree / "src/backend/cpu"
        chosen = list(mutants(source))
        random.Random(args.seed).shuffle(chosen)
        caught = 0
        for count, (name, number, changed) in enumerate(chosen[:args.number], 1):
            path = source / name
            before = path.read_text(encoding="utf-8")
            lines = before.splitlines(keepends=True)
            original, lines[number] = lines[number], changed
            path.write_text("".join(lines), encoding="utf-8")
            reason = is_caught(build, name)
            path.write_text(before, encoding="utf-8")
            caught += reason is not None
            print(f"{count}: {name}:{number + 1}: {reason or 'SURVIVED'}\n"
                  f"  - {original.strip()}\n  + {changed.strip()}", flush=True)
        print(f"{caught} of {min(args.number, len(chosen))} mutants caught, of {len(chosen)} possible")


if __name__ == "__main__":
    main()
