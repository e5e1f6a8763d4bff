#!/usr/bin/env python3
"""Checks that every #include in src/ goes in the direction that docs/architecture.md allows, and that tests take their folders from
base/test_directory.h: a folder named after a fixture belongs to all its tests, which CTest runs side by side."""

import pathlib
import re
import sys

# folder -> the folders it may include besides itself
ALLOWED = {
    "base": [],
    "json": ["base"],
    "client": ["json", "base"],
    "checkpoint": ["json", "base"],
    "text": ["json", "base"],
    "backend": ["base"],
    "model": ["checkpoint", "backend", "base"],
    "kv": ["base"],
    "engine": ["kv", "model", "text", "backend", "checkpoint", "base"],
    "grammar": ["engine", "text", "json", "base"],
    "receipt": ["engine", "text", "checkpoint", "base"],
    "api": ["receipt", "engine", "text", "checkpoint", "json", "base"],
    "jobs": ["client", "api", "receipt", "engine", "model", "text", "backend", "checkpoint", "json", "base"],
    "server": ["grammar", "jobs", "api", "receipt", "engine", "model", "text", "backend", "checkpoint", "json", "base"],
    "report": ["base"],
    "verify": ["receipt", "report", "engine", "kv", "model", "text", "backend", "checkpoint", "json", "base"],
    "bench": ["client", "report", "engine", "kv", "model", "text", "backend", "checkpoint", "json", "base"],
    "cli": ["client", "server", "jobs", "api", "receipt", "verify", "bench", "report", "engine", "kv", "model", "text", "backend", "checkpoint", "json", "base"],
}
# Folders with parts that keep apart: part -> the other parts it may include. What lies in the folder itself is shared by all and includes none.
PARTS = {"verify": {"faults": [], "ops": ["faults"], "model": ["faults"], "determinism": []}}
DEVICES = {"reference", "cpu"}  # folders of backend/: none may include another
# Folders of files compiled for an instruction set, and what in them is not: an inline function of any other header could be emitted with
# instructions that not every processor has, and be the copy that the linker keeps.
ISA_FOLDERS = {"backend/cpu/isa": {"select.cc", "select.h"},
               "bench/limits": {"select.cc", "select.h", "limits.cc", "limits.h"}}
ISA_HEADERS = {"cstdint", "immintrin.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def problems_of(path: pathlib.Path, source: pathlib.Path) -> list[str]:
    relative = path.relative_to(source)
    folder = relative.parts[0]
    found = []
    if folder in PARTS and len(relative.parts) > 2 and relative.parts[1] not in PARTS[folder]:
        found.append(f"src/{relative}: expected one of the parts of {folder}: {', '.join(PARTS[folder])}")
    for kind, target in INCLUDE.findall(path.read_text(encoding="utf-8")):
        where = f"src/{relative}: includes {target}"
        parent = relative.parent.as_posix()
        if parent in ISA_FOLDERS and relative.name not in ISA_FOLDERS[parent]:
            exempt = {f"{parent}/{name}" for name in ISA_FOLDERS[parent]}
            own = target.startswith(parent) and target not in exempt
            if not own and target not in ISA_HEADERS:
                found.append(f"{where}: expected only intrinsics, <cstdint> and {parent}")
        if kind == "<":
            continue
        other = target.split("/")[0]
        if other not in ALLOWED:
            found.append(f"{where}: expected a path from src/")
        elif other != folder and other not in ALLOWED[folder]:
            found.append(f"{where}: {folder} may include only {', '.join(ALLOWED[folder]) or 'itself'}")
        if folder == other and folder in PARTS:
            parts, part, other_part = PARTS[folder], relative.parts[1], target.split("/")[1]
            if other_part in parts and other_part not in [part, *parts.get(part, [])]:
                allowed = [f"{folder}/{name}" for name in parts.get(part, [])]
                found.append(f"{where}: expected itself, {', '.join([*allowed, f'or what lies in {folder}/'])}")
        device, other_device = relative.parts[1], (target.split("/") + [""])[1]
        if folder == other == "backend" and device in DEVICES:
            if other_device in DEVICES and other_device != device:
                found.append(f"{where}: a device may not include another")
    return found


def shared_folders_of(root: pathlib.Path) -> list[str]:
    tests = [p for folder in ("src", "tests") for p in (root / folder).rglob("*") if p.suffix in (".h", ".cc") and p.is_file()]
    return [f"{p.relative_to(root)}: uses TempDir(): expected a TestDirectory" for p in sorted(tests)
            if "TempDir()" in p.read_text(encoding="utf-8")]


def main() -> int:
    source = pathlib.Path(__file__).resolve().parent.parent / "src"
    files = [p for p in source.rglob("*") if p.suffix in (".h", ".cc") and p.is_file()]
    # Tests may look into everything below their own folder's level.
    checked = [p for p in files if not p.stem.endswith("_test")]
    problems = [problem for path in sorted(checked) for problem in problems_of(path, source)]
    problems += shared_folders_of(source.parent)
    print("\n".join(problems) if problems else f"includes of {len(checked)} files go the right way")
    return 1 if problems or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
