// A JSON schema with any bytes, and an output drawn from what it compiles to.

#include <boost/json/value.hpp>

#include "grammar_walk.h"
#include "json/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ernie::fuzzing;
  const auto [source, choices] = source_and_choices(data, size);
  const auto schema = ernie::parse_json(source);
  if (schema) check(ernie::compile_json_schema(*schema, small_limits()), choices);
  return 0;
}
