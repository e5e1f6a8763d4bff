#include <algorithm>

#include "grammar/schema_formula.h"

namespace ernie {
namespace {

namespace json = boost::json;

uint32_t type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return kNullType;
    case json::kind::bool_:
      return value.get_bool() ? kTrueType : kFalseType;
    case json::kind::string:
      return kStringType;
    case json::kind::array:
      return kArrayType;
    case json::kind::object:
      return kObjectType;
    default:
      return kNumberType;
  }
}

bool equal_values(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return compare(decimal_of(a), decimal_of(b)) == 0;
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    const json::array &x = a.get_array(), &y = b.get_array();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), equal_values);
  }
  if (!a.is_object()) return a == b;
  const json::object &x = a.get_object(), &y = b.get_object();
  return x.size() == y.size() && std::all_of(x.begin(), x.end(), [&](const auto& member) {
           const json::value* other = y.if_contains(member.key());
           return other != nullptr && equal_values(member.value(), *other);
         });
}

/// The values that a schema names, if it names any.
std::vector<const json::value*> named_values(const json::object& schema) {
  if (const json::value* constant = schema.if_contains("const")) return {constant};
  std::vector<const json::value*> values;
  const json::value* list = schema.if_contains("enum");
  if (list == nullptr || !list->is_array()) return values;
  for (const json::value& value : list->get_array()) values.push_back(&value);
  return values;
}

/// The types that a value of the schema may have, as far as it says itself.
uint32_t types_of(const json::object& schema) {
  uint32_t types = kAllTypes;
  if (const json::value* type = schema.if_contains("type")) {
    const json::array one = {*type};
    uint32_t named = 0;
    for (const json::value& name : type->is_array() ? type->get_array() : one) {
      named |= name.is_string() ? types_of_name(name.get_string()) : uint32_t{kAllTypes};
    }
    types &= named;
  }
  if (!schema.contains("const") && !schema.contains("enum")) return types;
  uint32_t named = 0;
  for (const json::value* value : named_values(schema)) named |= type_of(*value);
  return types & named;
}

bool requires_member(const json::object& schema, std::string_view name) {
  const json::value* required = schema.if_contains("required");
  if (required == nullptr || !required->is_array()) return false;
  return std::any_of(required->get_array().begin(), required->get_array().end(),
                     [&](const json::value& v) {
                       return v.is_string() && std::string_view(v.get_string()) == name;
                     });
}

const json::value* member_schema(const json::object& schema, std::string_view name) {
  const json::value* properties = schema.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return nullptr;
  return properties->get_object().if_contains(name);
}

/// Whether no object of the schema has this member.
bool excludes_member(const json::object& schema, std::string_view name) {
  const json::value* additional = schema.if_contains("additionalProperties");
  return additional != nullptr && additional->is_bool() && !additional->get_bool() &&
         !schema.contains("patternProperties") && member_schema(schema, name) == nullptr;
}

}  // namespace

std::vector<Conjunction> SchemaFormula::equal(Conjunction from, const json::value& value,
                                              const std::string& path) {
  from.types &= type_of(value);
  if (value.is_number()) from.numbers.equal_to(decimal_of(value), true);
  if (value.is_string()) {
    from.texts.push_back({regex_text(std::string_view(value.get_string())), true});
  }
  if (value.is_array()) {
    const auto size = static_cast<uint32_t>(value.get_array().size());
    for (uint32_t i = 0; i < size; ++i) {
      from.items.push_back({i, constant_literal(value.get_array()[i], element_path(path, i))});
    }
    from.min_elements = std::max(from.min_elements, size);
    from.max_elements = std::min(from.max_elements, size);
  }
  if (value.is_object()) {
    std::vector<RegexPtr> known;
    for (const auto& [name, member] : value.get_object()) {
      KeyTest test = one_name(name);
      known.push_back(test.patterns->front());
      from.rules.push_back({std::move(test), constant_literal(member, member_path(path, name))});
      from.required.emplace(name);
    }
    from.rules.push_back(
        {{std::make_shared<const std::vector<RegexPtr>>(std::move(known)), true, {}}, never()});
  }
  Conjunctions all;
  all.push_back(std::move(from));
  return all;
}

std::vector<Conjunction> SchemaFormula::differ(Conjunction from, const json::value& value,
                                               const std::string& path) {
  Conjunctions all;
  const uint32_t type = type_of(value);
  Conjunction lost;
  const auto within = [&]() -> Conjunction& {
    if (!budget_.spend(from.weight())) return lost = Conjunction();  // noticed by the next step
    Conjunction& c = all.emplace_back(from);
    c.types &= type;
    return c;
  };
  if (value.is_array()) {
    const auto size = static_cast<uint32_t>(value.get_array().size());
    for (uint32_t i = 0; i < size; ++i) {
      Conjunction& c = within();
      c.min_elements = std::max(c.min_elements, i + 1);
      c.items.push_back({i, constant_literal(value.get_array()[i], element_path(path, i)) ^ 1});
    }
    Conjunction& longer = within();
    longer.min_elements = std::max(longer.min_elements, size + 1);
    if (size > 0) {
      Conjunction& shorter = within();
      shorter.max_elements = std::min(shorter.max_elements, size - 1);
    }
    from.types &= ~type;
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.get_object()) {
      Conjunction& other = within();
      other.required.emplace(name);
      other.rules.push_back(
          {one_name(name), constant_literal(member, member_path(path, name)) ^ 1});
      within().rules.push_back({one_name(name), never()});
    }
    Conjunction& more = within();
    more.min_members =
        std::max(more.min_members, static_cast<uint32_t>(value.get_object().size()) + 1);
    from.types &= ~type;
  } else if (value.is_number()) {
    from.numbers.equal_to(decimal_of(value), false);
  } else if (value.is_string()) {
    from.texts.push_back({regex_text(std::string_view(value.get_string())), false});
  } else {
    from.types &= ~type;
  }
  all.push_back(std::move(from));
  return all;
}

/// The schema that a reference leads to, if it does so at once.
const json::value* SchemaFormula::target_of(const json::value& schema) {
  const json::value* at = &schema;
  for (int i = 0; i < 8 && at->is_object(); ++i) {
    const json::value* reference = at->get_object().if_contains("$ref");
    if (reference == nullptr || !reference->is_string()) break;
    const auto target = document_.resolve(reference->get_string(), "$");
    if (!target) break;
    at = target->schema;
  }
  return at;
}

/// Whether no value can be of both, seen without taking them apart: without it schemas of which one
/// must hold would multiply.
bool SchemaFormula::surely_disjoint(const json::value& first, const json::value& second,
                                    int depth) {
  const json::value &a = *target_of(first), &b = *target_of(second);
  if (depth > 4 || !a.is_object() || !b.is_object() || !budget_.spend(64)) return false;
  const json::object &x = a.get_object(), &y = b.get_object();
  const uint32_t types = types_of(x) & types_of(y);
  if (types == 0) return true;
  const auto of_x = named_values(x), of_y = named_values(y);
  if (!of_x.empty() && !of_y.empty()) {
    if (!budget_.spend(of_x.size() * of_y.size())) return false;
    return std::none_of(of_x.begin(), of_x.end(), [&](const json::value* v) {
      return std::any_of(of_y.begin(), of_y.end(),
                         [&](const json::value* w) { return equal_values(*v, *w); });
    });
  }
  return types == kObjectType && surely_disjoint_objects(x, y, depth);
}

bool SchemaFormula::surely_disjoint_objects(const Object& a, const Object& b, int depth) {
  const auto lacks = [&](const Object& with, const Object& without) {
    const json::value* required = with.if_contains("required");
    if (required == nullptr || !required->is_array()) return false;
    return std::any_of(required->get_array().begin(), required->get_array().end(),
                       [&](const json::value& name) {
                         return name.is_string() && excludes_member(without, name.get_string());
                       });
  };
  if (lacks(a, b) || lacks(b, a)) return true;
  const json::value* properties = a.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return false;
  return std::any_of(properties->get_object().begin(), properties->get_object().end(),
                     [&](const auto& member) {
                       const json::value* other = member_schema(b, member.key());
                       if (other == nullptr || !requires_member(a, member.key()) ||
                           !requires_member(b, member.key())) {
                         return false;
                       }
                       return surely_disjoint(member.value(), *other, depth + 1);
                     });
}

}  // namespace ernie
