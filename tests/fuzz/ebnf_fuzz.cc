// A source of this kind with any bytes, and an output drawn from what it compiles to.

#include "grammar_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ernie::fuzzing;
  const auto [source, choices] = source_and_choices(data, size);
  check(ernie::compile_ebnf(source, small_limits()), choices);
  return 0;
}
