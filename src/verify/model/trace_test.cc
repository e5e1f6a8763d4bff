#include "verify/model/trace.h"

#include <gtest/gtest.h>

#include <new>

namespace ernie::verify::model {
namespace {

/// Throws as an allocation in the middle of a check would.
void run_out_of_memory(std::vector<PassTrace> traces) {
  for (PassTrace& trace : traces) {
    trace.ids = trace.positions = {0, 1, 2};
    trace.taps[{0, Tap::kAttention}] = {3, 1, {0.5, 1.5, 2.5}};
  }
  if (!traces.empty()) throw std::bad_alloc();
}

// Unwinding calls functions that are inlined elsewhere. If another file of the program has a type
// of the same name, the linker may have kept the destructor of that one.
TEST(Traces, OfTheModelAreFreedAsWhatTheyAre) {
  EXPECT_THROW(run_out_of_memory(std::vector<PassTrace>(3)), std::bad_alloc);
}

}  // namespace
}  // namespace ernie::verify::model
