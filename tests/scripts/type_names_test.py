#!/usr/bin/env python3
"""scripts/check_type_names.py: what counts as a definition, and what it says of two."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import check_type_names  # noqa: E402


def names(source: str) -> list[str]:
    return [definition.name for definition in check_type_names.definitions_of(source)]


class Definitions(unittest.TestCase):
    def test_every_kind_of_type(self):
        self.assertEqual(names("struct A {}; class B final : public A {}; union C { int x; };"
                               "enum D { kX }; enum class E : int { kY }; using F = int; typedef long G; typedef void (*H)(int);"),
                         list("ABCDEFGH"))

    def test_names_are_qualified(self):
        self.assertEqual(names("namespace a::b { namespace c { class D { struct E {}; enum F { kX }; using G = E; }; } struct H {}; } struct I {};"),
                         ["a::b::c::D", "a::b::c::D::E", "a::b::c::D::F", "a::b::c::D::G", "a::b::H", "I"])
        self.assertEqual(names("namespace a { struct B::C { int x; }; }"), ["a::B::C"])

    def test_declarations_do_not_count(self):
        self.assertEqual(names("struct A; class B; enum class C : int; friend class D; template <typename T> struct E;"), [])
        self.assertEqual(names("struct A f(struct B* b); struct stat* g(); using namespace std; using std::max; namespace x = a::b;"), [])

    def test_what_is_local_to_a_file_does_not_count(self):
        self.assertEqual(names("namespace a { namespace { struct B { struct C {}; }; using D = B; } struct E {}; }"), ["a::E"])

    def test_what_is_local_to_a_function_does_not_count(self):
        self.assertEqual(names("int f() { struct A {}; using B = A; return 0; } struct C { void g() { enum D { kX }; } };"
                               "auto h = [] { struct E {}; }; C::C() : x_{1} { struct F {}; } struct G {};"), ["C", "G"])

    def test_templates_and_attributes(self):
        self.assertEqual(names("template <typename T, typename U = std::vector<std::vector<T>>> struct A {};"
                               "template <> struct A<int, float> {}; template <typename T> using B = A<T>;"
                               "class [[nodiscard]] C {}; struct alignas(64) D : E<int, F>, G {}; enum class [[nodiscard]] H { kX };"),
                         ["A", "A<int , float>", "B", "C", "D", "H"])

    def test_unnamed_types(self):
        self.assertEqual(names("struct A { struct { int x; } y; union { int u; struct B {}; }; enum { kZ }; };"), ["A"])

    def test_text_comments_and_directives_are_not_read(self):
        self.assertEqual(names('// struct A {\n/* struct B { */ const char* c = "struct D {";\nconst char e = \'{\'; auto r = R"x(" struct F {}; )" )x";\n'
                               "#define G struct G { \\\n  int x; }\n  #if 1  // struct H {\n#endif\nconstexpr int i = 1'000'000; struct J {};"), ["J"])

    def test_lines(self):
        found = check_type_names.definitions_of('int a;\n/* x\n y */ const char* b = R"(\n)";\n\nstruct C {};\n')
        self.assertEqual([(d.name, d.line) for d in found], [("C", 6)])

    def test_every_branch_of_a_conditional(self):
        # Each closes the same brace.
        self.assertEqual(names("namespace a {\n#if X\nstruct A {};\n}\n#elif Y\nstruct B {};\n}\n#else\n#ifdef Z\nstruct C {};\n#endif\n}\n#endif\n"
                               "struct D {};"), ["a::A", "a::B", "a::C", "D"])

    def test_subscripts_are_no_attributes(self):
        self.assertEqual(names("int x = a[b[i]]; struct A { int y = a[b[0]]; struct B {}; };"), ["A", "A::B"])

    def test_what_cannot_be_followed_is_an_error(self):
        for source in ("struct A {", "} struct A {};", "int f() {", "namespace a {", "using A = int", "int f("):
            with self.subTest(source), self.assertRaises(check_type_names.Malformed):
                names(source)


class Files(unittest.TestCase):
    def check(self, files: dict[str, str]) -> tuple[int, list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, "src", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                status = check_type_names.main(pathlib.Path(folder))
            return status, output.getvalue().splitlines()

    def test_one_name_in_two_files(self):
        status, lines = self.check({"a/one.h": "\nnamespace n { struct Trace {}; }", "b/two.cc": "namespace n {\nclass Trace;\nusing Trace = int; }"})
        self.assertEqual((status, lines), (1, ["n::Trace: defined in 2 files, expected 1: src/a/one.h:2, src/b/two.cc:3"]))

    def test_test_files_count(self):
        self.assertEqual(self.check({"one.h": "struct A {};", "one_test.cc": "struct A {};"})[0], 1)

    def test_other_namespaces_and_local_types(self):
        status, lines = self.check({"one.h": "namespace n { struct A {}; }", "two.h": "namespace m { struct A {}; }",
                                    "three.cc": "namespace n { namespace { struct A {}; } }", "four.h": "namespace n { struct A; }",
                                    "five.h": "#if X\nstruct B {};\n#else\nstruct B { int x; };\n#endif"})
        self.assertEqual((status, lines), (0, ["type names of 5 files are each defined once"]))

    def test_a_file_that_cannot_be_followed(self):
        self.assertEqual(self.check({"one.h": "int f();\nstruct A {"}), (1, ["src/one.h: a brace is not closed"]))

    def test_no_files(self):
        self.assertEqual(self.check({})[0], 1)


if __name__ == "__main__":
    unittest.main()
