#include <algorithm>

#include "grammar/schema_formula.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// The alternatives that a statement's negation falls into: each is what it was, and something
/// more.
class Alternatives {
 public:
  Alternatives(const Conjunction& from, CompileBudget& budget) : from_(from), budget_(budget) {}

  /// Without a budget left what is added is lost; whoever takes the next step notices.
  Conjunction& add() {
    if (budget_.spend(from_.weight())) return all_.emplace_back(from_);
    return lost_ = Conjunction();
  }
  /// One for values of a type alone.
  Conjunction& add(uint32_t types) {
    Conjunction& c = add();
    c.types &= types;
    return c;
  }
  std::vector<Conjunction> take() { return std::move(all_); }

 private:
  const Conjunction& from_;
  CompileBudget& budget_;
  std::vector<Conjunction> all_;
  Conjunction lost_;
};

void refuse_counts(Alternatives& all, const json::object& schema) {
  const auto fewer = [&](std::string_view key, uint32_t types, uint32_t Conjunction::*max) {
    const json::value* count = schema.if_contains(key);
    if (count == nullptr || count_of(*count) == 0) return;
    Conjunction& c = all.add(types);
    c.*max = std::min(c.*max, count_of(*count) - 1);
  };
  const auto more = [&](std::string_view key, uint32_t types, uint32_t Conjunction::*min) {
    const json::value* count = schema.if_contains(key);
    if (count == nullptr || count_of(*count) == kUnbounded) return;
    Conjunction& c = all.add(types);
    c.*min = std::max(c.*min, count_of(*count) + 1);
  };
  fewer("minLength", kStringType, &Conjunction::max_length);
  more("maxLength", kStringType, &Conjunction::min_length);
  fewer("minItems", kArrayType, &Conjunction::max_elements);
  more("maxItems", kArrayType, &Conjunction::min_elements);
  fewer("minProperties", kObjectType, &Conjunction::max_members);
  more("maxProperties", kObjectType, &Conjunction::min_members);
}

void refuse_numbers(Alternatives& all, const json::object& schema) {
  const auto bound = [&](std::string_view key) { return schema.if_contains(key); };
  if (const auto* min = bound("minimum"))
    all.add(kNumberType).numbers.at_most(decimal_of(*min), true);
  if (const auto* max = bound("maximum")) {
    all.add(kNumberType).numbers.at_least(decimal_of(*max), true);
  }
  if (const auto* min = bound("exclusiveMinimum")) {
    all.add(kNumberType).numbers.at_most(decimal_of(*min), false);
  }
  if (const auto* max = bound("exclusiveMaximum")) {
    all.add(kNumberType).numbers.at_least(decimal_of(*max), false);
  }
  if (const auto* step = bound("multipleOf")) {
    all.add(kNumberType).numbers.multiple_of(decimal_of(*step), false);
  }
}

void refuse_types(Alternatives& all, const json::object& schema) {
  const json::value* type = schema.if_contains("type");
  if (type == nullptr) return;
  const json::array one = {*type};
  uint32_t types = 0;
  bool all_numbers = false;
  for (const json::value& name : type->is_array() ? type->get_array() : one) {
    types |= types_of_name(name.get_string());
    all_numbers = all_numbers || name.get_string() == "number";
  }
  all.add(~types);
  if ((types & kNumberType) != 0 && !all_numbers) all.add(kNumberType).numbers.integer(false);
}

}  // namespace

Result<std::vector<Conjunction>> SchemaFormula::refuse(const Conjunction& from,
                                                       const Place& place) {
  Alternatives all(from, budget_);
  const json::object& schema = place.schema;
  refuse_types(all, schema);
  refuse_counts(all, schema);
  refuse_numbers(all, schema);
  if (const json::value* pattern = place.find("pattern")) {
    ERNIE_TRY(RegexPtr parsed, pattern_of(*pattern, place.at("pattern")));
    all.add(kStringType).texts.push_back({std::move(parsed), false});
  }
  if (const json::value* format = place.find("format")) {
    ERNIE_TRY(const std::optional<RegexPtr> parsed, format_of(*format));
    if (parsed) all.add(kStringType).texts.push_back({*parsed, false});
  }
  if (const json::value* constant = place.find("const")) {
    place.add(all.add(), constant_literal(*constant, place.at("const")) ^ 1);
  }
  if (const json::value* values = place.find("enum")) {
    Conjunction& c = all.add();
    for (const json::value& value : values->get_array()) {
      place.add(c, constant_literal(value, place.at("enum")) ^ 1);
    }
  }
  Conjunctions found = all.take();
  const auto append = [&](Conjunctions more) {
    std::move(more.begin(), more.end(), std::back_inserter(found));
  };
  append(refused_arrays(from, place));
  ERNIE_TRY(Conjunctions objects, refused_objects(from, place));
  append(std::move(objects));
  ERNIE_TRY(Conjunctions combined, refused_combinations(from, place));
  append(std::move(combined));
  return found;
}

std::vector<Conjunction> SchemaFormula::refused_arrays(const Conjunction& from,
                                                       const Place& place) {
  Alternatives all(from, budget_);
  const ArraySchemas schemas = array_schemas(place.schema);
  uint32_t num_first = 0;
  if (schemas.first != nullptr) {
    for (const json::value& item : *schemas.first) {
      const std::string path = element_path(place.at(schemas.first_key), num_first);
      Conjunction& c = all.add(kArrayType);
      c.items.push_back({num_first++, schema_literal(item, path) ^ 1});
      c.min_elements = std::max(c.min_elements, num_first);
    }
  }
  if (schemas.rest != nullptr) {
    const SchemaLiteral literal = place.literal(*schemas.rest, schemas.rest_key);
    if (!is_true(literal)) {
      all.add(kArrayType).counts.push_back({num_first, literal ^ 1, 1, kUnbounded});
    }
  }
  if (const json::value* contains = place.find("contains")) {
    const ContainsCount count = contains_count(place.schema);
    const SchemaLiteral literal = place.literal(*contains, "contains");
    if (count.min == 1) {
      all.add(kArrayType).rests.push_back({0, literal ^ 1});
    } else if (count.min > 1) {
      all.add(kArrayType).counts.push_back({0, literal, 0, count.min - 1});
    }
    if (count.max != kUnbounded) {
      all.add(kArrayType).counts.push_back({0, literal, count.max + 1, kUnbounded});
    }
  }
  return all.take();
}

Result<std::vector<Conjunction>> SchemaFormula::refused_objects(const Conjunction& from,
                                                                const Place& place) {
  Alternatives all(from, budget_);
  ERNIE_TRY(const std::vector<KeyRule> rules, member_rules(place));
  const json::value* properties = place.find("properties");
  const size_t num_named = properties != nullptr ? properties->get_object().size() : 0;
  for (size_t i = 0; i < rules.size(); ++i) {
    if (is_true(rules[i].value)) continue;
    if (!budget_.spend(64)) return too_complex(place.path);
    Conjunction& c = all.add(kObjectType);
    if (i < num_named) {
      c.required.emplace(
          (properties->get_object().begin() + static_cast<std::ptrdiff_t>(i))->key());
      c.rules.push_back({rules[i].test, rules[i].value ^ 1});
    } else {
      c.witnesses.push_back({rules[i].test, rules[i].value ^ 1});
    }
  }
  if (const json::value* required = place.find("required")) {
    for (const json::value& name : required->get_array()) {
      all.add(kObjectType).rules.push_back({one_name(name.get_string()), never()});
    }
  }
  if (const json::value* names = place.find("propertyNames")) {
    const SchemaLiteral literal = place.literal(*names, "propertyNames");
    all.add(kObjectType).witnesses.push_back({{nullptr, false, literal ^ 1}, never() ^ 1});
  }
  for (const std::string_view key : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const json::value* dependencies = place.find(key);
    if (dependencies == nullptr) continue;
    for (const auto& [name, needs] : dependencies->get_object()) {
      if (!needs.is_array()) {
        Conjunction& c = all.add(kObjectType);
        c.required.emplace(name);
        place.add(c, schema_literal(needs, member_path(place.at(key), name)) ^ 1);
        continue;
      }
      for (const json::value& other : needs.get_array()) {
        Conjunction& c = all.add(kObjectType);
        c.required.emplace(name);
        c.rules.push_back({one_name(other.get_string()), never()});
      }
    }
  }
  return all.take();
}

Result<std::vector<Conjunction>> SchemaFormula::refused_combinations(const Conjunction& from,
                                                                     const Place& place) {
  Alternatives all(from, budget_);
  if (const json::value* reference = place.find("$ref")) {
    ERNIE_TRY(const auto target, document_.resolve(reference->get_string(), place.path));
    place.add(all.add(), schema_literal(*target.schema, target.path) ^ 1);
  }
  if (const json::value* schemas = place.find("allOf")) {
    for (const SchemaLiteral literal : place.literals(*schemas, "allOf")) {
      place.add(all.add(), literal ^ 1);
    }
  }
  if (const json::value* schemas = place.find("anyOf")) {
    Conjunction& c = all.add();
    for (const SchemaLiteral literal : place.literals(*schemas, "anyOf")) place.add(c, literal ^ 1);
  }
  if (const json::value* schemas = place.find("oneOf")) {  // none, or two
    const std::vector<SchemaLiteral> literals = place.literals(*schemas, "oneOf");
    Conjunction& none = all.add();
    for (const SchemaLiteral literal : literals) place.add(none, literal ^ 1);
    for (size_t i = 0; i < literals.size(); ++i) {
      for (size_t j = i + 1; j < literals.size(); ++j) {
        if (!budget_.spend(256)) return too_complex(place.at("oneOf"));
        Conjunction& two = all.add();
        place.add(two, literals[i]);
        place.add(two, literals[j]);
      }
    }
  }
  if (const json::value* schema = place.find("not")) {
    place.add(all.add(), place.literal(*schema, "not"));
  }
  const json::value* condition = place.find("if");
  if (condition == nullptr) return all.take();
  for (const std::string_view key : {"then", "else"}) {
    const json::value* schema = place.find(key);
    if (schema == nullptr) continue;
    Conjunction& c = all.add();
    place.add(c, place.literal(*schema, key) ^ 1);
    place.add(c, place.literal(*condition, "if") ^ (key == "else" ? 1 : 0));
  }
  return all.take();
}

}  // namespace ernie
