#!/usr/bin/env python3
"""scripts/check_includes.py: which directions it refuses."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_includes  # noqa: E402


def problems(name: str, *includes: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "src")
        path = source / name
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"#include {target}\n" for target in includes), encoding="utf-8")
        return check_includes.problems_of(path, source)


class Folders(unittest.TestCase):
    def test_allowed(self):
        self.assertEqual(problems("engine/a.cc", "<vector>", '"engine/b.h"', '"kv/c.h"', '"base/d.h"'), [])

    def test_upwards(self):
        self.assertEqual(len(problems("kv/a.cc", '"engine/b.h"')), 1)
        self.assertEqual(len(problems("base/a.h", '"kv/b.h"')), 1)

    def test_no_path_from_src(self):
        self.assertEqual(len(problems("kv/a.cc", '"b.h"')), 1)

    def test_devices_keep_apart(self):
        self.assertEqual(len(problems("backend/cpu/a.cc", '"backend/reference/b.h"')), 1)
        self.assertEqual(problems("backend/registry.cc", '"backend/reference/b.h"', '"backend/cpu/b.h"'), [])

    def test_instruction_sets(self):
        self.assertEqual(problems("backend/cpu/isa/avx2.cc", "<immintrin.h>", '"backend/cpu/isa/a.h"'), [])
        self.assertEqual(len(problems("backend/cpu/isa/avx2.cc", "<vector>")), 1)


class Parts(unittest.TestCase):
    def test_allowed(self):
        self.assertEqual(problems("verify/ops/a.cc", '"verify/ops/cases/b.h"', '"verify/faults/c.h"', '"verify/d.h"'), [])

    def test_checkers_keep_apart(self):
        for part in ("ops", "model", "determinism"):
            for other in {"ops", "model", "determinism"} - {part}:
                with self.subTest(f"{part} {other}"):
                    self.assertEqual(len(problems(f"verify/{part}/x/a.cc", f'"verify/{other}/b.h"')), 1)

    def test_what_is_shared_includes_no_part(self):
        self.assertEqual(problems("verify/a.h", '"verify/ops/b.h"'),
                         ["src/verify/a.h: includes verify/ops/b.h: expected itself, or what lies in verify/"])

    def test_faults_include_no_checker(self):
        self.assertEqual(len(problems("verify/faults/a.h", '"verify/ops/b.h"')), 1)

    def test_an_unknown_part(self):
        self.assertEqual(len(problems("verify/other/a.h")), 1)


class SharedFolders(unittest.TestCase):
    def test_a_folder_named_after_a_fixture(self):
        with tempfile.TemporaryDirectory() as folder:
            for place in ("src/a", "tests/b"):
                pathlib.Path(folder, place).mkdir(parents=True)
                pathlib.Path(folder, place, "own_test.cc").write_text("const TestDirectory folder_;", encoding="utf-8")
            self.assertEqual(check_includes.shared_folders_of(pathlib.Path(folder)), [])
            pathlib.Path(folder, "tests/b/shared_test.cc").write_text('testing::TempDir() + "b"', encoding="utf-8")
            self.assertEqual(len(check_includes.shared_folders_of(pathlib.Path(folder))), 1)


if __name__ == "__main__":
    unittest.main()
