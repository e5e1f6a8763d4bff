#pragma once

/// A schema as a formula: what a value must be so that some subschemas hold of it and others do
/// not, taken apart into alternatives, in each of which everything holds at once.

#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "grammar/compile_budget.h"
#include "grammar/number_set.h"
#include "grammar/regex_tree.h"
#include "grammar/schema_document.h"

namespace ernie {

/// That a schema holds of a value, or that the value equals a given one; or that it does not: the
/// number of the statement, and of its negation (literal ^ 1).
using SchemaLiteral = uint32_t;
/// All of them hold; ascending.
using LiteralSet = std::vector<SchemaLiteral>;

/// The values of JSON; true and false apart.
enum JsonType : uint32_t {
  kNullType = 1,
  kTrueType = 2,
  kFalseType = 4,
  kNumberType = 8,
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127,
};

/// Which keys a rule is about.
struct KeyTest {
  std::shared_ptr<const std::vector<RegexPtr>> patterns;  ///< those that match any; or
  bool is_negated = false;                                ///< those that match none
  std::optional<SchemaLiteral> names;  ///< instead: those of which this holds, as a string
};
/// Of a key of that kind the value, …
struct KeyRule {
  KeyTest test;
  SchemaLiteral value = 0;
};

/// Everything that holds at once. What is said of a type that the value is not holds too.
struct Conjunction {
  struct Item {
    uint32_t index;
    SchemaLiteral value;
  };
  struct Count {
    uint32_t from;
    SchemaLiteral value;
    uint32_t min, max;
  };
  struct Text {
    RegexPtr pattern;
    bool is_matched;
  };
  /// The statements that led to one, so that one that leads to itself is seen.
  struct Origin {
    SchemaLiteral literal;
    std::shared_ptr<const Origin> before;
  };
  struct Pending {
    SchemaLiteral literal;
    std::shared_ptr<const Origin> origin;
  };

  uint32_t types = kAllTypes;
  NumberSet numbers;
  std::vector<Text> texts;
  uint32_t min_length = 0, max_length = kUnbounded;
  std::vector<Item> items;
  std::vector<Item> rests;  ///< all from an index on
  std::vector<Count> counts;
  uint32_t min_elements = 0, max_elements = kUnbounded;
  std::vector<KeyRule> rules;      ///< of every such member
  std::vector<KeyRule> witnesses;  ///< of some such member, which there must be
  std::set<std::string> required;
  uint32_t min_members = 0, max_members = kUnbounded;

  std::vector<Pending> pending;  ///< statements not yet taken apart
  std::set<SchemaLiteral> done;

  /// What a copy costs, in steps of a budget: memory is bounded by them too.
  size_t weight() const {
    const size_t num_parts = texts.size() + items.size() + rests.size() + counts.size() +
                             rules.size() + witnesses.size() + required.size() + pending.size() +
                             done.size();
    return 64 + 32 * num_parts;
  }
};

class SchemaFormula {
 public:
  SchemaFormula(SchemaDocument& document, CompileBudget& budget)
      : document_(document), budget_(budget) {}

  SchemaLiteral schema_literal(const boost::json::value& schema, const std::string& path);
  const std::string& path_of(SchemaLiteral literal) const { return statements_[literal / 2].path; }
  /// Whether it holds of everything, plainly.
  bool is_true(SchemaLiteral literal) const;
  SchemaLiteral never();

  Result<std::vector<Conjunction>> alternatives(const LiteralSet& literals);

 private:
  using Conjunctions = std::vector<Conjunction>;
  using Object = boost::json::object;
  struct Statement {
    const boost::json::value* value;
    bool is_constant;  ///< the value is this one; else it is of this schema
    std::string path;
  };
  struct Place;
  friend struct Place;

  SchemaLiteral statement(const boost::json::value& value, bool is_constant,
                          const std::string& path);
  SchemaLiteral constant_literal(const boost::json::value& value, const std::string& path) {
    return statement(value, true, path);
  }
  Result<void> check_origin(const Conjunction::Pending& pending);
  /// Replaces the conjunction by what it becomes when one statement is taken apart.
  Result<Conjunctions> expand(Conjunction from, const Conjunction::Pending& pending);

  // schema_formula.cc: a schema that holds
  Result<Conjunctions> require(Conjunction from, const Place& place);
  Result<void> require_types(Conjunction& in, const Place& place);
  Result<void> require_simple(Conjunction& in, const Place& place);
  void require_array(Conjunction& in, const Place& place);
  Result<void> require_object(Conjunction& in, const Place& place);
  Result<void> require_combined(Conjunctions& all, const Place& place);
  Result<void> require_one(Conjunctions& all, const Place& place);
  Result<void> require_dependencies(Conjunctions& all, const Place& place);
  void require_condition(Conjunctions& all, const Place& place);
  void require_enum(Conjunctions& all, const Place& place);
  // schema_negation.cc: one that does not
  Result<Conjunctions> refuse(const Conjunction& from, const Place& place);
  Conjunctions refused_arrays(const Conjunction& from, const Place& place);
  Result<Conjunctions> refused_objects(const Conjunction& from, const Place& place);
  Result<Conjunctions> refused_combinations(const Conjunction& from, const Place& place);
  // schema_constant.cc
  Conjunctions equal(Conjunction from, const boost::json::value& value, const std::string& path);
  Conjunctions differ(Conjunction from, const boost::json::value& value, const std::string& path);

  Result<RegexPtr> pattern_of(const boost::json::value& pattern, const std::string& path);
  Result<std::optional<RegexPtr>> format_of(const boost::json::value& format);
  Result<std::vector<KeyRule>> member_rules(const Place& place);
  bool surely_disjoint(const boost::json::value& a, const boost::json::value& b, int depth);
  bool surely_disjoint_objects(const Object& a, const Object& b, int depth);
  const boost::json::value* target_of(const boost::json::value& schema);

  SchemaDocument& document_;
  CompileBudget& budget_;
  std::vector<Statement> statements_;
  std::map<std::pair<const boost::json::value*, bool>, uint32_t> ids_;
  std::map<const boost::json::value*, RegexPtr> patterns_;
  std::map<std::string, RegexPtr, std::less<>> formats_;
};

/// A schema that is taken apart.
struct SchemaFormula::Place {
  SchemaFormula& formula;
  const boost::json::object& schema;
  const std::string& path;
  std::shared_ptr<const Conjunction::Origin> origin;

  const boost::json::value* find(std::string_view key) const { return schema.if_contains(key); }
  std::string at(std::string_view key) const { return member_path(path, key); }
  SchemaLiteral literal(const boost::json::value& sub, std::string_view key) const {
    return formula.schema_literal(sub, at(key));
  }
  std::vector<SchemaLiteral> literals(const boost::json::value& list, std::string_view key) const;
  void add(Conjunction& to, SchemaLiteral literal) const {
    to.pending.push_back({literal, origin});
  }
};

/// The subschemas of an array in their order, and that of all further elements.
struct ArraySchemas {
  const boost::json::array* first = nullptr;
  std::string_view first_key;
  const boost::json::value* rest = nullptr;
  std::string_view rest_key;
};
ArraySchemas array_schemas(const boost::json::object& schema);
/// How often "contains" must hold; min is 1 and max unbounded if nothing is said.
struct ContainsCount {
  uint32_t min = 1, max = kUnbounded;
};
ContainsCount contains_count(const boost::json::object& schema);
/// The schema of members that no other keyword is about, if there is one.
const boost::json::value* additional_schema(const boost::json::object& schema,
                                            std::string_view& key);
uint32_t count_of(const boost::json::value& count);
uint32_t types_of_name(std::string_view name);
KeyTest one_name(std::string_view name);

}  // namespace ernie
