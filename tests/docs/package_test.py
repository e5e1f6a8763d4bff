#!/usr/bin/env python3
"""Installs a build into a temporary directory, runs what is there, and builds the README's program against
the package.

    package_test.py BUILD_DIRECTORY CXX_COMPILER
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(ernie REQUIRED)
add_executable(app library_example.cc)
target_link_libraries(app ernie::engine)
"""


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n"
                 f"{done.stdout}{done.stderr}")
    return done.stdout


def check_program(prefix):
    """The installed program answers, and its manual and completion are what it prints itself."""
    program, share = prefix / "bin/ernie", prefix / "share"
    answer = run(program, "run", "--quiet", "--prompt", "17 + 25 =")
    if answer != "17 + 25 = 42\n":
        sys.exit(f"got {answer!r}, expected '17 + 25 = 42\\n'")
    for path, command in {"man/man1/ernie.1": ["man"],
                          "man/man1/ernie-bench-serve.1": ["man", "bench", "serve"],
                          "bash-completion/completions/ernie": ["completion", "bash"],
                          "zsh/site-functions/_ernie": ["completion", "zsh"],
                          "fish/vendor_completions.d/ernie.fish": ["completion", "fish"]}.items():
        if not (share / path).is_file():
            sys.exit(f"share/{path}: was not installed")
        if (share / path).read_text() != run(program, *command):
            sys.exit(f"share/{path}: it is not what `ernie {' '.join(command)}` prints")
    num_pages = len(list((share / "man/man1").iterdir()))
    commands = len(re.findall(r"^  [a-z-]+ ", run(program, "--help").split("Subcommands:")[1], re.M))
    if num_pages <= commands:
        sys.exit(f"share/man/man1: {num_pages} pages, expected one for each of {commands} commands and more")


def main():
    build, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="ernie-package-") as folder:
        prefix, source = pathlib.Path(folder, "prefix"), pathlib.Path(folder, "app")
        source.mkdir()
        (source / "CMakeLists.txt").write_text(PROJECT)
        (source / "library_example.cc").write_text(
            (ROOT / "tests/docs/library_example.cc").read_text())
        run("cmake", "--install", build, "--prefix", prefix)
        check_program(prefix)
        run("cmake", "-G", "Ninja", "-S", source, "-B", source / "build",
            f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Release")
        run("cmake", "--build", source / "build")
        answer = run(source / "build/app", ROOT / "models/demo", "17 + 25 =")
        if answer != " 42\n":
            sys.exit(f"got {answer!r}, expected ' 42\\n'")
        version = run(prefix / "bin/ernie", "--version")
    print(f"installed ernie {version.strip()}, and a program built against it answers{answer}", end="")


if __name__ == "__main__":
    main()
