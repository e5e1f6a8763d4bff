#include "grammar/array_endings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "grammar/grammar_test_support.h"

namespace ernie {
namespace {

constexpr NodeId kSome = 7;

/// All ways, one element after the other.
bool has_ending(const ArrayShape& shape, uint32_t num_elements, std::vector<uint32_t> counts,
                uint32_t num_more) {
  const size_t num_counters = shape.counters.size();
  bool is_end = num_elements >= shape.min_elements && num_elements <= shape.max_elements;
  for (size_t c = 0; c < num_counters; ++c) {
    if (counts[c] > shape.counters[c].max) return false;
    is_end = is_end && counts[c] >= shape.counters[c].min;
  }
  if (is_end || num_more == 0) return is_end;
  const auto& row = shape.elements[std::min<size_t>(num_elements, shape.elements.size() - 1)];
  for (uint32_t set = 0; set < row.size(); ++set) {
    if (row[set] == kNoNode) continue;
    std::vector<uint32_t> after = counts;
    for (size_t c = 0; c < num_counters; ++c) after[c] += set >> c & 1;
    if (has_ending(shape, num_elements + 1, after, num_more - 1)) return true;
  }
  return false;
}

ArrayShape random_shape(std::mt19937& random) {
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  ArrayShape shape;
  for (uint32_t c = 1 + below(ArrayShape::kMaxCounters); c > 0; --c) {
    const uint32_t min = below(3);
    shape.counters.push_back({0, min, below(2) == 0 ? kUnbounded : min + below(2)});
  }
  for (uint32_t rows = 1 + below(3); rows > 0; --rows) {
    std::vector<NodeId> row(size_t{1} << shape.counters.size());
    for (NodeId& node : row) node = below(3) == 0 ? kSome : kNoNode;
    shape.elements.push_back(row);
  }
  shape.min_elements = below(5);
  shape.max_elements = below(2) == 0 ? kUnbounded : below(8);
  return shape;
}

/// One that is possible, drawn; false if there is none.
bool add_element(const ArrayShape& shape, uint32_t index, std::vector<uint32_t>& counts,
                 std::mt19937& random) {
  const auto& row = shape.elements[std::min<size_t>(index, shape.elements.size() - 1)];
  if (std::count(row.begin(), row.end(), kSome) == 0) return false;
  size_t set = 0;
  do set = random() % row.size();
  while (row[set] == kNoNode);
  for (size_t c = 0; c < counts.size(); ++c) counts[c] += set >> c & 1;
  return true;
}

TEST(ArrayEndings, AreThoseThatTryingAllWaysFinds) {
  std::mt19937 random(3);
  int num_with = 0, num_without = 0;
  for (int i = 0; i < 4000; ++i) {
    const ArrayShape shape = random_shape(random);
    const ArrayEndings endings(shape, [](NodeId node) { return node == kSome; });
    std::vector<uint32_t> counts(shape.counters.size());
    for (uint32_t n = 0; n <= std::min<uint32_t>(shape.max_elements, 9); ++n) {
      // Two listed elements, then six that count.
      const uint32_t num_more = std::min<uint32_t>(shape.max_elements - n, 8);
      const bool expected = has_ending(shape, n, counts, num_more);
      (expected ? num_with : num_without)++;
      ASSERT_EQ(endings.can_end(n, counts), expected) << "case " << i << ", " << n << " elements";
      if (!add_element(shape, n, counts, random)) break;
    }
  }
  EXPECT_GT(num_with, 1000);
  EXPECT_GT(num_without, 1000);
}

TEST(ArrayEndings, ASchemaWithoutOneHasNoValue) {
  for (
      const char* schema :
      {R"({"enum":[[1,1]],"contains":{"const":1},"maxContains":1})",
       R"({"prefixItems":[{"const":1},{"const":1}],"minItems":2,"contains":{"const":1},"maxContains":1,"type":"array"})",
       R"({"type":"array","items":{"enum":[1,2]},"maxItems":2,"allOf":[
          {"contains":{"const":1},"minContains":2},{"contains":{"const":2}}]})"}) {
    const auto grammar = compile_json_schema(parse_json(schema).value());
    ASSERT_FALSE(grammar) << schema;
    EXPECT_NE(grammar.error().message.find("no value"), std::string::npos);
  }
}

TEST(ArrayEndings, ElementsAreAllowedOnlyWhereTheOthersStillFit) {
  testing::expect_exact_masks(
      testing::schema_grammar(
          R"({"type":"array","items":{"enum":[0,1]},"contains":{"const":1},"minContains":2,"maxItems":3})"),
      "[0,1,1]");
  const auto grammar = testing::schema_grammar(
      R"({"type":"array","prefixItems":[true,{"const":1},{"const":1}],"items":false,"minItems":3,
          "contains":{"const":1},"maxContains":2})");
  testing::expect_exact_masks(grammar, "[0,1,1]");
  // A first 1 would be the first of three.
  const auto constraint = make_constraint(grammar, testing::demo_vocabulary());
  EXPECT_TRUE(constraint->accept(testing::byte_token('[')));
  EXPECT_TRUE(constraint->accept(testing::byte_token('1')));
  EXPECT_FALSE(constraint->accept(testing::byte_token(',')));
}

TEST(ArrayEndings, LongCountsAreBoundedByTheBudget) {
  EXPECT_NE(testing::schema_grammar(
                R"({"type":"array","contains":{"const":1},"minContains":1000,"maxItems":1000000})"),
            nullptr);
  const auto grammar = compile_json_schema(
      parse_json(
          R"({"type":"array","contains":{"const":1},"minContains":10000,"maxContains":10000})")
          .value());
  ASSERT_FALSE(grammar);
  EXPECT_NE(grammar.error().message.find("too complex"), std::string::npos);
}

}  // namespace
}  // namespace ernie
