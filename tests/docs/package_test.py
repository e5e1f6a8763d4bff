#!/usr/bin/env python3
"""Installs a build into a temporary directory and builds the README's program against the package.

    package_test.py BUILD_DIRECTORY CXX_COMPILER
"""

import pathlib
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


def main():
    build, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="ernie-package-") as folder:
        prefix, source = pathlib.Path(folder, "prefix"), pathlib.Path(folder, "app")
        source.mkdir()
        (source / "CMakeLists.txt").write_text(PROJECT)
        (source / "library_example.cc").write_text(
            (ROOT / "tests/docs/library_example.cc").read_text())
        run("cmake", "--install", build, "--prefix", prefix)
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
