#include "grammar/schema_formula.h"

#include <algorithm>

#include "grammar/formats.h"
#include "grammar/regex_parser.h"
#include "json/text.h"

namespace ernie {

namespace json = boost::json;

uint32_t count_of(const json::value& count) {
  const auto n = count.to_number<double>();
  return n >= kUnbounded ? kUnbounded : static_cast<uint32_t>(n);
}

uint32_t types_of_name(std::string_view name) {
  if (name == "null") return kNullType;
  if (name == "boolean") return kTrueType | kFalseType;
  if (name == "string") return kStringType;
  if (name == "array") return kArrayType;
  if (name == "object") return kObjectType;
  return kNumberType;
}

KeyTest one_name(std::string_view name) {
  return {std::make_shared<const std::vector<RegexPtr>>(1, regex_text(name)), false, {}};
}

ArraySchemas array_schemas(const json::object& schema) {
  ArraySchemas found;
  if (const json::value* prefix = schema.if_contains("prefixItems")) {
    found.first = &prefix->get_array();
    found.first_key = "prefixItems";
  }
  const json::value* items = schema.if_contains("items");
  if (items != nullptr && items->is_array()) {  // as drafts before 2020 have it
    found.first = &items->get_array();
    found.first_key = "items";
    found.rest = schema.if_contains("additionalItems");
    found.rest_key = "additionalItems";
  } else if (items != nullptr) {
    found.rest = items;
    found.rest_key = "items";
  }
  if (found.rest == nullptr) {
    found.rest = schema.if_contains("unevaluatedItems");
    found.rest_key = "unevaluatedItems";
  }
  return found;
}

ContainsCount contains_count(const json::object& schema) {
  ContainsCount count;
  if (const json::value* min = schema.if_contains("minContains")) count.min = count_of(*min);
  if (const json::value* max = schema.if_contains("maxContains")) count.max = count_of(*max);
  return count;
}

const json::value* additional_schema(const json::object& schema, std::string_view& key) {
  for (const std::string_view name : {"additionalProperties", "unevaluatedProperties"}) {
    key = name;
    if (const json::value* additional = schema.if_contains(name)) return additional;
  }
  return nullptr;
}

std::vector<SchemaLiteral> SchemaFormula::Place::literals(const json::value& list,
                                                          std::string_view key) const {
  std::vector<SchemaLiteral> found;
  const json::array& array = list.get_array();
  for (size_t i = 0; i < array.size(); ++i) {
    found.push_back(formula.schema_literal(array[i], element_path(at(key), i)));
  }
  return found;
}

SchemaLiteral SchemaFormula::statement(const json::value& value, bool is_constant,
                                       const std::string& path) {
  const auto next_id = static_cast<uint32_t>(statements_.size());
  const auto [it, is_new] = ids_.try_emplace({&value, is_constant}, next_id);
  if (is_new) statements_.push_back({&value, is_constant, path});
  return it->second * 2;
}

SchemaLiteral SchemaFormula::schema_literal(const json::value& schema, const std::string& path) {
  return statement(schema, false, path);
}

SchemaLiteral SchemaFormula::never() {
  static const json::value kFalse(false);
  return schema_literal(kFalse, "$");
}

bool SchemaFormula::is_true(SchemaLiteral literal) const {
  const Statement& statement = statements_[literal / 2];
  if (statement.is_constant) return false;
  const bool is_negated = (literal & 1) != 0;
  if (statement.value->is_bool()) return statement.value->get_bool() != is_negated;
  return statement.value->is_object() && statement.value->get_object().empty() && !is_negated;
}

Result<void> SchemaFormula::check_origin(const Conjunction::Pending& pending) {
  for (const auto* at = pending.origin.get(); at != nullptr; at = at->before.get()) {
    if (at->literal / 2 == pending.literal / 2) {
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: refers to itself for the same value, so that it says nothing",
                        path_of(pending.literal));
    }
  }
  return {};
}

Result<std::vector<Conjunction>> SchemaFormula::alternatives(const LiteralSet& literals) {
  std::vector<Conjunction> open(1), finished;
  for (const SchemaLiteral literal : literals) open[0].pending.push_back({literal, nullptr});
  while (!open.empty()) {
    if (!budget_.spend(open.back().weight()) ||
        open.size() + finished.size() > budget_.limits().max_alternatives) {
      return too_complex(literals.empty() ? "$" : path_of(literals[0]));
    }
    Conjunction next = std::move(open.back());
    open.pop_back();
    if (next.types == 0) continue;
    if (next.pending.empty()) {
      finished.push_back(std::move(next));
      continue;
    }
    const Conjunction::Pending pending = std::move(next.pending.back());
    next.pending.pop_back();
    ERNIE_TRY_VOID(check_origin(pending));
    if (next.done.contains(pending.literal ^ 1)) continue;  // it holds and it does not
    if (!next.done.insert(pending.literal).second) {
      open.push_back(std::move(next));
      continue;
    }
    ERNIE_TRY(Conjunctions expanded, expand(std::move(next), pending));
    for (Conjunction& c : expanded) open.push_back(std::move(c));
  }
  return finished;
}

Result<std::vector<Conjunction>> SchemaFormula::expand(Conjunction from,
                                                       const Conjunction::Pending& pending) {
  const Statement statement = statements_[pending.literal / 2];
  const bool is_negated = (pending.literal & 1) != 0;
  if (statement.is_constant) {
    return is_negated ? differ(std::move(from), *statement.value, statement.path)
                      : equal(std::move(from), *statement.value, statement.path);
  }
  ERNIE_TRY_VOID(document_.check(*statement.value, statement.path));
  Conjunctions all;
  if (statement.value->is_bool()) {
    if (statement.value->get_bool() != is_negated) all.push_back(std::move(from));
    return all;
  }
  const Place place{*this, statement.value->get_object(), statement.path,
                    std::make_shared<const Conjunction::Origin>(
                        Conjunction::Origin{pending.literal, pending.origin})};
  return is_negated ? refuse(from, place) : require(std::move(from), place);
}

Result<std::vector<Conjunction>> SchemaFormula::require(Conjunction from, const Place& place) {
  ERNIE_TRY_VOID(require_types(from, place));
  ERNIE_TRY_VOID(require_simple(from, place));
  require_array(from, place);
  ERNIE_TRY_VOID(require_object(from, place));
  Conjunctions all;
  all.push_back(std::move(from));
  require_enum(all, place);
  ERNIE_TRY_VOID(require_combined(all, place));
  ERNIE_TRY_VOID(require_dependencies(all, place));
  require_condition(all, place);
  return all;
}

Result<void> SchemaFormula::require_types(Conjunction& in, const Place& place) {
  const json::value* type = place.find("type");
  if (type == nullptr) return {};
  const json::array one = {*type};
  uint32_t types = 0;
  bool all_numbers = false;
  for (const json::value& name : type->is_array() ? type->get_array() : one) {
    types |= types_of_name(name.get_string());
    all_numbers = all_numbers || name.get_string() == "number";
  }
  in.types &= types;
  if ((types & kNumberType) != 0 && !all_numbers) in.numbers.integer(true);
  return {};
}

Result<RegexPtr> SchemaFormula::pattern_of(const json::value& pattern, const std::string& path) {
  const auto it = patterns_.find(&pattern);
  if (it != patterns_.end()) return it->second;
  ERNIE_TRY(RegexPtr parsed, parse_regex(pattern.get_string(), budget_.limits(), path));
  return patterns_[&pattern] = regex_search(std::move(parsed));
}

Result<std::optional<RegexPtr>> SchemaFormula::format_of(const json::value& format) {
  const std::string name(format.get_string());
  const auto text = format_pattern(name);
  if (!text) return std::optional<RegexPtr>();
  const auto it = formats_.find(name);
  if (it != formats_.end()) return std::optional(it->second);
  ERNIE_TRY(RegexPtr parsed, parse_regex(*text, budget_.limits(), "format"));
  return std::optional(formats_[name] = std::move(parsed));
}

Result<void> SchemaFormula::require_simple(Conjunction& in, const Place& place) {
  const auto raise = [&](std::string_view key, uint32_t& min) {
    if (const json::value* count = place.find(key)) min = std::max(min, count_of(*count));
  };
  const auto lower = [&](std::string_view key, uint32_t& max) {
    if (const json::value* count = place.find(key)) max = std::min(max, count_of(*count));
  };
  raise("minLength", in.min_length);
  lower("maxLength", in.max_length);
  raise("minItems", in.min_elements);
  lower("maxItems", in.max_elements);
  raise("minProperties", in.min_members);
  lower("maxProperties", in.max_members);
  if (const json::value* bound = place.find("minimum"))
    in.numbers.at_least(decimal_of(*bound), false);
  if (const json::value* bound = place.find("maximum"))
    in.numbers.at_most(decimal_of(*bound), false);
  if (const json::value* bound = place.find("exclusiveMinimum")) {
    in.numbers.at_least(decimal_of(*bound), true);
  }
  if (const json::value* bound = place.find("exclusiveMaximum")) {
    in.numbers.at_most(decimal_of(*bound), true);
  }
  if (const json::value* step = place.find("multipleOf")) {
    in.numbers.multiple_of(decimal_of(*step), true);
  }
  if (const json::value* pattern = place.find("pattern")) {
    ERNIE_TRY(RegexPtr parsed, pattern_of(*pattern, place.at("pattern")));
    in.texts.push_back({std::move(parsed), true});
  }
  if (const json::value* format = place.find("format")) {
    ERNIE_TRY(const std::optional<RegexPtr> parsed, format_of(*format));
    if (parsed) in.texts.push_back({*parsed, true});
  }
  return {};
}

void SchemaFormula::require_array(Conjunction& in, const Place& place) {
  const ArraySchemas schemas = array_schemas(place.schema);
  uint32_t num_first = 0;
  if (schemas.first != nullptr) {
    for (const json::value& item : *schemas.first) {
      const std::string path = element_path(place.at(schemas.first_key), num_first);
      in.items.push_back({num_first++, schema_literal(item, path)});
    }
  }
  if (schemas.rest != nullptr) {
    in.rests.push_back({num_first, place.literal(*schemas.rest, schemas.rest_key)});
  }
  const json::value* contains = place.find("contains");
  if (contains == nullptr) return;
  const ContainsCount count = contains_count(place.schema);
  const SchemaLiteral literal = place.literal(*contains, "contains");
  if (count.max == 0) {
    in.rests.push_back({0, literal ^ 1});
    if (count.min > 0) in.types &= ~kArrayType;
  } else if (count.min > 0 || count.max != kUnbounded) {
    in.counts.push_back({0, literal, count.min, count.max});
  }
}

/// What "properties" and its companions say of members.
Result<std::vector<KeyRule>> SchemaFormula::member_rules(const Place& place) {
  std::vector<KeyRule> rules;
  std::vector<RegexPtr> known;
  if (const json::value* properties = place.find("properties")) {
    for (const auto& [name, schema] : properties->get_object()) {
      KeyTest test = one_name(name);
      known.push_back(test.patterns->front());
      rules.push_back(
          {std::move(test), schema_literal(schema, member_path(place.at("properties"), name))});
    }
  }
  if (const json::value* patterns = place.find("patternProperties")) {
    for (const auto& [pattern, schema] : patterns->get_object()) {
      const std::string path = member_path(place.at("patternProperties"), pattern);
      RegexPtr& search = patterns_[&schema];
      if (search == nullptr) {
        ERNIE_TRY(RegexPtr parsed, parse_regex(pattern, budget_.limits(), path));
        search = regex_search(std::move(parsed));
      }
      known.push_back(search);
      rules.push_back({{std::make_shared<const std::vector<RegexPtr>>(1, search), false, {}},
                       schema_literal(schema, path)});
    }
  }
  std::string_view key;
  if (const json::value* additional = additional_schema(place.schema, key)) {
    rules.push_back({{std::make_shared<const std::vector<RegexPtr>>(std::move(known)), true, {}},
                     place.literal(*additional, key)});
  }
  return rules;
}

Result<void> SchemaFormula::require_object(Conjunction& in, const Place& place) {
  ERNIE_TRY(const std::vector<KeyRule> rules, member_rules(place));
  for (const KeyRule& rule : rules) {
    if (!is_true(rule.value)) in.rules.push_back(rule);
  }
  if (const json::value* required = place.find("required")) {
    for (const json::value& name : required->get_array()) {
      in.required.emplace(name.get_string());
    }
  }
  if (const json::value* names = place.find("propertyNames")) {
    // A key of which it does not hold cannot have any value.
    const SchemaLiteral literal = place.literal(*names, "propertyNames");
    if (!is_true(literal)) in.rules.push_back({{nullptr, false, literal ^ 1}, never()});
  }
  return {};
}

void SchemaFormula::require_enum(Conjunctions& all, const Place& place) {
  if (const json::value* constant = place.find("const")) {
    place.add(all[0], constant_literal(*constant, place.at("const")));
  }
  const json::value* values = place.find("enum");
  if (values == nullptr) return;
  // The strings are one automaton; each other value is an alternative.
  const Conjunction from = std::move(all[0]);
  all.clear();
  std::vector<RegexPtr> texts;
  for (const json::value& value : values->get_array()) {
    if (!budget_.spend(from.weight())) return;  // noticed by whoever takes the next step
    if (value.is_string()) {
      texts.push_back(regex_text(std::string_view(value.get_string())));
      continue;
    }
    all.push_back(from);
    place.add(all.back(), constant_literal(value, place.at("enum")));
  }
  if (texts.empty()) return;
  all.push_back(from);
  all.back().types &= kStringType;
  all.back().texts.push_back({regex_choice(std::move(texts)), true});
}

Result<void> SchemaFormula::require_combined(Conjunctions& all, const Place& place) {
  if (const json::value* reference = place.find("$ref")) {
    ERNIE_TRY(const auto target, document_.resolve(reference->get_string(), place.path));
    for (Conjunction& c : all) place.add(c, schema_literal(*target.schema, target.path));
  }
  if (const json::value* schemas = place.find("allOf")) {
    for (const SchemaLiteral literal : place.literals(*schemas, "allOf")) {
      for (Conjunction& c : all) place.add(c, literal);
    }
  }
  if (const json::value* schema = place.find("not")) {
    for (Conjunction& c : all) place.add(c, place.literal(*schema, "not") ^ 1);
  }
  if (const json::value* schemas = place.find("anyOf")) {
    Conjunctions split;
    for (const Conjunction& c : all) {
      for (const SchemaLiteral literal : place.literals(*schemas, "anyOf")) {
        if (!budget_.spend(c.weight())) return too_complex(place.at("anyOf"));
        split.push_back(c);
        place.add(split.back(), literal);
      }
    }
    all = std::move(split);
  }
  return require_one(all, place);
}

/// One holds, and none of the others that could hold beside it.
Result<void> SchemaFormula::require_one(Conjunctions& all, const Place& place) {
  const json::value* schemas = place.find("oneOf");
  if (schemas == nullptr) return {};
  const json::array& list = schemas->get_array();
  const std::vector<SchemaLiteral> literals = place.literals(*schemas, "oneOf");
  std::vector<std::vector<SchemaLiteral>> cases(literals.size());
  for (size_t i = 0; i < literals.size(); ++i) {
    // The last one is taken apart first: the one that holds rules out most.
    for (size_t j = 0; j < literals.size(); ++j) {
      if (!budget_.spend(256)) return too_complex(place.at("oneOf"));
      if (j != i && !surely_disjoint(list[i], list[j], 0)) cases[i].push_back(literals[j] ^ 1);
    }
    cases[i].push_back(literals[i]);
  }
  Conjunctions split;
  for (const Conjunction& c : all) {
    for (const auto& together : cases) {
      if (!budget_.spend(c.weight() + together.size())) return too_complex(place.at("oneOf"));
      split.push_back(c);
      for (const SchemaLiteral literal : together) place.add(split.back(), literal);
    }
  }
  all = std::move(split);
  return {};
}

Result<void> SchemaFormula::require_dependencies(Conjunctions& all, const Place& place) {
  for (const std::string_view key : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const json::value* dependencies = place.find(key);
    if (dependencies == nullptr) continue;
    for (const auto& [name, needs] : dependencies->get_object()) {
      Conjunctions split;
      for (const Conjunction& c : all) {
        if (!budget_.spend(2 * c.weight()) || split.size() > budget_.limits().max_alternatives) {
          return too_complex(place.at(key));
        }
        split.push_back(c);
        split.back().rules.push_back({one_name(name), never()});
        split.push_back(c);
        Conjunction& with = split.back();
        with.types &= kObjectType;
        with.required.emplace(name);
        if (needs.is_array()) {
          for (const json::value& other : needs.get_array()) {
            with.required.emplace(other.get_string());
          }
        } else {
          place.add(with, schema_literal(needs, member_path(place.at(key), name)));
        }
      }
      all = std::move(split);
    }
  }
  return {};
}

void SchemaFormula::require_condition(Conjunctions& all, const Place& place) {
  const json::value *condition = place.find("if"), *then = place.find("then"),
                    *otherwise = place.find("else");
  if (condition == nullptr || (then == nullptr && otherwise == nullptr)) return;
  const SchemaLiteral holds = place.literal(*condition, "if");
  Conjunctions split;
  for (const Conjunction& c : all) {
    split.push_back(c);
    if (then != nullptr) place.add(split.back(), place.literal(*then, "then"));
    place.add(split.back(), holds);
    split.push_back(c);
    if (otherwise != nullptr) place.add(split.back(), place.literal(*otherwise, "else"));
    place.add(split.back(), holds ^ 1);
  }
  all = std::move(split);
}

}  // namespace ernie
