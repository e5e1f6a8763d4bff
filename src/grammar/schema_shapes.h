#pragma once

#include <functional>
#include <map>

#include "grammar/compiled_grammar.h"
#include "grammar/schema_formula.h"

namespace ernie {

/// Makes of what holds at once the shapes that a matcher reads. The values within are asked for as
/// nodes; whether there are any is not known yet.
class ShapeMaker {
 public:
  using FindNode = std::function<NodeId(LiteralSet)>;
  ShapeMaker(SchemaFormula& formula, CompileBudget& budget, FindNode find_node)
      : formula_(formula), budget_(budget), find_node_(std::move(find_node)) {}

  /// Adds what the values of the conjunction are; `place` stands before an error.
  Result<void> add(const Conjunction& all, const std::string& place, ValueNode& node);

 private:
  class KeyRules;
  Result<void> add_string(const Conjunction& all, const std::string& place, ValueNode& node);
  Result<void> add_array(const Conjunction& all, const std::string& place, ValueNode& node);
  std::vector<NodeId> element_row(const Conjunction& all, uint32_t index);
  Result<void> add_object(const Conjunction& all, const std::string& place, ValueNode& node);

  SchemaFormula& formula_;
  CompileBudget& budget_;
  FindNode find_node_;
};

}  // namespace ernie
