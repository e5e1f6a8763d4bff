#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "grammar/grammar_test_support.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

/// What a schema means, read straight from the specification; knows only what the generator makes.
bool is_valid(const json::value& schema, const json::value& value);

bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) {
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(),
                      b.get_array().end(), same);
  }
  if (!a.is_object()) return a == b;
  const json::object &x = a.get_object(), &y = b.get_object();
  return x.size() == y.size() && std::all_of(x.begin(), x.end(), [&](const auto& member) {
           return y.contains(member.key()) && same(member.value(), y.at(member.key()));
         });
}

bool has_type(std::string_view type, const json::value& v) {
  if (type == "null") return v.is_null();
  if (type == "boolean") return v.is_bool();
  if (type == "string") return v.is_string();
  if (type == "array") return v.is_array();
  if (type == "object") return v.is_object();
  if (!v.is_number()) return false;
  return type == "number" || v.to_number<double>() == std::floor(v.to_number<double>());
}

bool valid_number(const json::object& schema, double x) {
  if (const auto* min = schema.if_contains("minimum"); min && x < min->to_number<double>())
    return false;
  if (const auto* max = schema.if_contains("exclusiveMaximum");
      max && x >= max->to_number<double>())
    return false;
  if (const auto* step = schema.if_contains("multipleOf")) {
    return std::fmod(x, step->to_number<double>()) == 0;
  }
  return true;
}

bool valid_array(const json::object& schema, const json::array& array) {
  if (const auto* min = schema.if_contains("minItems");
      min && array.size() < static_cast<size_t>(min->to_number<int64_t>()))
    return false;
  if (const auto* max = schema.if_contains("maxItems");
      max && array.size() > static_cast<size_t>(max->to_number<int64_t>()))
    return false;
  const auto* first = schema.if_contains("prefixItems");
  const size_t num_first = first ? first->as_array().size() : 0;
  for (size_t i = 0; i < array.size(); ++i) {
    if (i < num_first && !is_valid(first->as_array()[i], array[i])) return false;
    if (i >= num_first && schema.contains("items") && !is_valid(schema.at("items"), array[i]))
      return false;
  }
  if (const auto* some = schema.if_contains("contains")) {
    const auto n = std::count_if(array.begin(), array.end(),
                                 [&](const auto& v) { return is_valid(*some, v); });
    if (n < 1) return false;
    if (const auto* max = schema.if_contains("maxContains"); max && n > max->to_number<int64_t>())
      return false;
  }
  return true;
}

bool valid_object(const json::object& schema, const json::object& object) {
  if (const auto* min = schema.if_contains("minProperties");
      min && object.size() < static_cast<size_t>(min->to_number<int64_t>()))
    return false;
  if (const auto* max = schema.if_contains("maxProperties");
      max && object.size() > static_cast<size_t>(max->to_number<int64_t>()))
    return false;
  if (const auto* names = schema.if_contains("required")) {
    for (const auto& name : names->as_array()) {
      if (!object.contains(name.as_string())) return false;
    }
  }
  for (const auto& [key, value] : object) {
    bool is_known = false;
    if (const auto* properties = schema.if_contains("properties")) {
      if (const auto* sub = properties->as_object().if_contains(key)) {
        is_known = true;
        if (!is_valid(*sub, value)) return false;
      }
    }
    if (const auto* patterns = schema.if_contains("patternProperties")) {
      for (const auto& [pattern, sub] : patterns->as_object()) {  // each pattern is one letter
        if (std::string_view(key).find(std::string_view(pattern)) == std::string_view::npos)
          continue;
        is_known = true;
        if (!is_valid(sub, value)) return false;
      }
    }
    if (!is_known && schema.contains("additionalProperties") &&
        !is_valid(schema.at("additionalProperties"), value))
      return false;
    if (schema.contains("propertyNames") && !is_valid(schema.at("propertyNames"), json::value(key)))
      return false;
  }
  return true;
}

bool valid_combined(const json::object& schema, const json::value& value) {
  const auto count = [&](std::string_view key) {
    const auto& list = schema.at(key).as_array();
    return std::count_if(list.begin(), list.end(),
                         [&](const auto& s) { return is_valid(s, value); });
  };
  if (schema.contains("allOf") && count("allOf") != std::ssize(schema.at("allOf").as_array()))
    return false;
  if (schema.contains("anyOf") && count("anyOf") == 0) return false;
  if (schema.contains("oneOf") && count("oneOf") != 1) return false;
  if (schema.contains("not") && is_valid(schema.at("not"), value)) return false;
  if (!schema.contains("if")) return true;
  return is_valid(schema.at(is_valid(schema.at("if"), value) ? "then" : "else"), value);
}

bool is_valid(const json::value& any, const json::value& value) {
  if (any.is_bool()) return any.get_bool();
  const json::object& schema = any.as_object();
  if (const auto* type = schema.if_contains("type"); type && !has_type(type->as_string(), value))
    return false;
  if (const auto* constant = schema.if_contains("const"); constant && !same(*constant, value))
    return false;
  if (const auto* values = schema.if_contains("enum")) {
    const auto& list = values->as_array();
    if (std::none_of(list.begin(), list.end(), [&](const auto& v) { return same(v, value); }))
      return false;
  }
  if (value.is_number() && !valid_number(schema, value.to_number<double>())) return false;
  if (value.is_string()) {  // all in ASCII
    const std::string_view text = value.get_string();
    if (const auto* max = schema.if_contains("maxLength");
        max && text.size() > static_cast<size_t>(max->to_number<int64_t>()))
      return false;
    if (const auto* min = schema.if_contains("minLength");
        min && text.size() < static_cast<size_t>(min->to_number<int64_t>()))
      return false;
    if (const auto* part = schema.if_contains("pattern");
        part && text.find(std::string_view(part->as_string())) == std::string_view::npos)
      return false;
  }
  if (value.is_array() && !valid_array(schema, value.get_array())) return false;
  if (value.is_object() && !valid_object(schema, value.get_object())) return false;
  return valid_combined(schema, value);
}

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  unsigned below(unsigned n) { return random_() % n; }
  bool often() { return below(3) != 0; }
  std::string letters() {
    std::string text;
    for (unsigned n = below(3); n > 0; --n) text += "abc"[below(3)];
    return text;
  }

  json::value value(int depth) {
    switch (below(depth > 0 ? 8 : 5)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return json::string(letters());
      case 3:
        return static_cast<int64_t>(below(7)) - 2;
      case 4:
        return static_cast<double>(below(16)) / 4 - 1;
      case 5: {
        json::array array;
        for (unsigned n = below(4); n > 0; --n) array.push_back(value(depth - 1));
        return array;
      }
      default: {
        json::object object;
        for (unsigned n = below(4); n > 0; --n) object[letters()] = value(depth - 1);
        return object;
      }
    }
  }

  json::value schema(int depth) {
    if (below(12) == 0) return often();
    json::object s;
    if (below(2) == 0) {
      static constexpr const char* kTypes[] = {"null",   "boolean", "string", "array",
                                               "object", "number",  "integer"};
      s["type"] = kTypes[below(7)];
    }
    for (unsigned n = 1 + below(3); n > 0; --n) add_keyword(s, depth);
    return s;
  }

 private:
  json::array schemas(int depth) {
    json::array list;
    for (unsigned n = 1 + below(3); n > 0; --n) list.push_back(schema(depth));
    return list;
  }
  void add_keyword(json::object& s, int depth) {
    switch (below(depth > 0 ? 22 : 8)) {
      case 0:
        s["const"] = value(1);
        break;
      case 1:
        s["enum"] = json::array{value(1), value(1), value(0)};
        break;
      case 2:
        s["minimum"] = static_cast<int64_t>(below(5)) - 2;
        break;
      case 3:
        s["exclusiveMaximum"] = static_cast<double>(below(9)) / 2 - 1;
        break;
      case 4:
        s["multipleOf"] = below(2) == 0 ? 0.5 : 2.0;
        break;
      case 5:
        s["maxLength"] = below(3);
        break;
      case 6:
        s["minLength"] = below(3);
        break;
      case 7:
        s["pattern"] = std::string(1, "abc"[below(3)]);
        break;
      case 8:
        s["minItems"] = below(3);
        break;
      case 9:
        s["maxItems"] = below(4);
        break;
      case 10:
        s["items"] = schema(depth - 1);
        break;
      case 11:
        s["prefixItems"] = schemas(depth - 1);
        break;
      case 12:
        s["contains"] = schema(depth - 1);
        if (often()) s["maxContains"] = 1 + below(2);
        break;
      case 13:
        s["required"] = json::array{json::string(letters())};
        break;
      case 14:
        s["properties"] = json::object{{letters(), schema(depth - 1)}, {"a", schema(depth - 1)}};
        break;
      case 15:
        s["additionalProperties"] = schema(depth - 1);
        break;
      case 16:
        s["patternProperties"] = json::object{{std::string(1, "abc"[below(3)]), schema(depth - 1)}};
        break;
      case 17:
        s[below(2) == 0 ? "minProperties" : "maxProperties"] = below(3);
        break;
      case 18:
        s["propertyNames"] = schema(0);
        break;
      case 19:
        s[below(2) == 0 ? "anyOf" : "oneOf"] = schemas(depth - 1);
        break;
      case 20:
        s[below(2) == 0 ? "allOf" : "anyOf"] = schemas(depth - 1);
        break;
      default:
        if (below(2) == 0) {
          s["not"] = schema(depth - 1);
        } else {
          s["if"] = schema(depth - 1);
          s["then"] = schema(depth - 1);
          s["else"] = schema(depth - 1);
        }
    }
  }

  std::mt19937 random_;
};

TEST(SchemaRandom, AgreesWithTheSpecification) {
  Generator make(5);
  int num_supported = 0, num_valid = 0, num_refused = 0;
  for (int i = 0; i < 1500; ++i) {
    const json::value schema = make.schema(2);
    const auto grammar = compile_json_schema(schema);
    const bool is_void = !grammar && grammar.error().message.find("no value") != std::string::npos;
    num_supported += grammar.has_value();
    num_refused += !grammar && !is_void;
    for (int k = 0; k < 30; ++k) {
      const json::value value = make.value(2);
      const bool want = is_valid(schema, value);
      EXPECT_FALSE(is_void && want) << json_text(schema) << " and " << json_text(value);
      if (!grammar) continue;
      num_valid += want;
      EXPECT_EQ(testing::admits(*grammar, json_text(value), k == 0), want)
          << json_text(schema) << " and " << json_text(value);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(num_supported, 900);
  EXPECT_GT(num_valid, 5000);
  EXPECT_LT(num_refused, 150);
}

/// Draws tokens evenly: what comes out must be valid, and it must always go on.
TEST(SchemaRandom, WalksEndInValidValues) {
  Generator make(6);
  int num_ended = 0, num_stuck = 0;
  for (int i = 0; i < 300; ++i) {
    const json::value schema = make.schema(2);
    const auto grammar = compile_json_schema(schema);
    if (!grammar) continue;
    const auto constraint = make_constraint(*grammar, testing::demo_vocabulary());
    std::string text;
    for (int step = 0; step < 200; ++step) {
      const auto mask = testing::mask_of(*constraint, testing::demo_vocabulary()->vocab_size());
      std::vector<TokenId> allowed;
      for (TokenId id = 0; id < testing::demo_vocabulary()->vocab_size(); ++id) {
        if (testing::is_allowed(mask, id)) allowed.push_back(id);
      }
      if (constraint->can_end() && (allowed.empty() || make.below(3) == 0)) {
        const auto value = parse_json(text);
        const bool may_overflow = text.find_first_of("eE") != std::string::npos;
        ASSERT_TRUE(value || may_overflow) << text;
        if (!value) break;
        EXPECT_TRUE(text.find('\\') != std::string::npos || text.size() > 60 ||
                    is_valid(schema, *value) ||
                    std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; }))
            << json_text(schema) << " and " << text;
        ++num_ended;
        break;
      }
      if (allowed.empty()) {
        ++num_stuck;
        ADD_FAILURE() << json_text(schema) << " stuck behind " << text;
        break;
      }
      const TokenId next = allowed[make.below(static_cast<unsigned>(allowed.size()))];
      ASSERT_TRUE(constraint->accept(next)) << json_text(schema) << " and " << text;
      text += testing::demo_tokenizer()->token_bytes(next);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(num_ended, 100);
}

}  // namespace
}  // namespace ernie
