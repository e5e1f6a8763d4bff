#include "grammar/schema_keywords.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "grammar/schema_document.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

enum class Form : uint8_t {
  kAnything,  // annotations, and what other functions check
  kSchema,
  kSchemas,  // a list of at least one
  kSchemaMap,
  kSchemaOrList,
  kCount,
  kNumber,
  kStep,  // a number above 0
  kText,
  kNames,
  kNameLists,     // an object of lists of names
  kDependencies,  // an object of schemas and lists of names
  kTypes,
  kValues,  // a list
  kFlag,
};

struct Keyword {
  std::string_view name;
  Form form;
};

constexpr std::array kKeywords = {
    Keyword{"type", Form::kTypes},
    Keyword{"enum", Form::kValues},
    Keyword{"const", Form::kAnything},
    Keyword{"properties", Form::kSchemaMap},
    Keyword{"required", Form::kNames},
    Keyword{"additionalProperties", Form::kSchema},
    Keyword{"patternProperties", Form::kSchemaMap},
    Keyword{"propertyNames", Form::kSchema},
    Keyword{"minProperties", Form::kCount},
    Keyword{"maxProperties", Form::kCount},
    Keyword{"dependentRequired", Form::kNameLists},
    Keyword{"dependentSchemas", Form::kSchemaMap},
    Keyword{"dependencies", Form::kDependencies},
    Keyword{"items", Form::kSchemaOrList},
    Keyword{"prefixItems", Form::kSchemas},
    Keyword{"additionalItems", Form::kSchema},
    Keyword{"minItems", Form::kCount},
    Keyword{"maxItems", Form::kCount},
    Keyword{"contains", Form::kSchema},
    Keyword{"minContains", Form::kCount},
    Keyword{"maxContains", Form::kCount},
    Keyword{"minLength", Form::kCount},
    Keyword{"maxLength", Form::kCount},
    Keyword{"pattern", Form::kText},
    Keyword{"format", Form::kText},
    Keyword{"minimum", Form::kNumber},
    Keyword{"maximum", Form::kNumber},
    Keyword{"exclusiveMinimum", Form::kNumber},
    Keyword{"exclusiveMaximum", Form::kNumber},
    Keyword{"multipleOf", Form::kStep},
    Keyword{"allOf", Form::kSchemas},
    Keyword{"anyOf", Form::kSchemas},
    Keyword{"oneOf", Form::kSchemas},
    Keyword{"not", Form::kSchema},
    Keyword{"if", Form::kSchema},
    Keyword{"then", Form::kSchema},
    Keyword{"else", Form::kSchema},
    Keyword{"$ref", Form::kText},
    Keyword{"$defs", Form::kAnything},
    Keyword{"definitions", Form::kAnything},
};
// Two that are supported where they mean the same as others.
constexpr std::array kConditional = {
    Keyword{"unevaluatedProperties", Form::kSchema},
    Keyword{"unevaluatedItems", Form::kSchema},
    Keyword{"uniqueItems", Form::kFlag},
};
constexpr std::array<std::string_view, 25> kAnnotations = {"$schema",
                                                           "$id",
                                                           "id",
                                                           "$comment",
                                                           "$anchor",
                                                           "$dynamicAnchor",
                                                           "$vocabulary",
                                                           "title",
                                                           "description",
                                                           "default",
                                                           "example",
                                                           "examples",
                                                           "deprecated",
                                                           "readOnly",
                                                           "writeOnly",
                                                           "contentEncoding",
                                                           "contentMediaType",
                                                           "contentSchema",
                                                           "discriminator",
                                                           "externalDocs",
                                                           "xml",
                                                           "strict",
                                                           "name",
                                                           "markdownDescription",
                                                           "enumDescriptions"};

std::string supported_keywords() {
  std::string names;
  for (const Keyword& keyword : kKeywords) {
    if (!names.empty()) names += ", ";
    names += keyword.name;
  }
  return names;
}

bool is_schema(const json::value& value) { return value.is_bool() || value.is_object(); }

bool all_schemas(const json::value& value) {
  return value.is_array() && !value.get_array().empty() &&
         std::all_of(value.get_array().begin(), value.get_array().end(), is_schema);
}

bool is_names(const json::value& value) {
  return value.is_array() && std::all_of(value.get_array().begin(), value.get_array().end(),
                                         [](const json::value& v) { return v.is_string(); });
}

template <typename Check>
bool all_members(const json::value& value, Check check) {
  return value.is_object() &&
         std::all_of(value.get_object().begin(), value.get_object().end(),
                     [&](const auto& member) { return check(member.value()); });
}

bool is_type_name(const json::value& value) {
  constexpr std::array<std::string_view, 7> kTypes = {"null",   "boolean", "object", "array",
                                                      "number", "string",  "integer"};
  return value.is_string() && std::find(kTypes.begin(), kTypes.end(),
                                        std::string_view(value.get_string())) != kTypes.end();
}

bool is_count(const json::value& value) {
  if (value.is_int64()) return value.get_int64() >= 0;
  if (value.is_uint64()) return true;
  if (!value.is_double()) return false;
  const double x = value.get_double();
  return x >= 0 && x < 1e15 && x == static_cast<double>(static_cast<int64_t>(x));
}

/// What a keyword expects, if the value is not that.
std::string_view problem_of(Form form, const json::value& value) {
  const auto unless = [](bool holds, std::string_view expected) {
    return holds ? std::string_view() : expected;
  };
  switch (form) {
    case Form::kAnything:
      return {};
    case Form::kSchema:
      return unless(is_schema(value), "a schema");
    case Form::kSchemas:
      return unless(all_schemas(value), "a list of schemas, at least one");
    case Form::kSchemaMap:
      return unless(all_members(value, is_schema), "an object of schemas");
    case Form::kSchemaOrList: {
      const bool is_empty = value.is_array() && value.get_array().empty();
      return unless(is_schema(value) || is_empty || all_schemas(value), "a schema");
    }
    case Form::kCount:
      return unless(is_count(value), "an integer of at least 0");
    case Form::kNumber:
      return unless(value.is_number(), "a number");
    case Form::kStep:
      return unless(value.is_number() && value.to_number<double>() > 0, "a number above 0");
    case Form::kText:
      return unless(value.is_string(), "a string");
    case Form::kNames:
      return unless(is_names(value), "a list of strings");
    case Form::kNameLists:
      return unless(all_members(value, is_names), "an object of lists");
    case Form::kDependencies: {
      const auto either = [](const json::value& v) { return is_names(v) || is_schema(v); };
      return unless(all_members(value, either), "an object of lists and schemas");
    }
    case Form::kTypes: {
      const bool is_list =
          value.is_array() && !value.get_array().empty() &&
          std::all_of(value.get_array().begin(), value.get_array().end(), is_type_name);
      return unless(is_list || is_type_name(value),
                    "null, boolean, object, array, number, integer, "
                    "string or a list of these");
    }
    case Form::kValues:
      return unless(value.is_array(), "a list of values");
    case Form::kFlag:
      return unless(value.is_bool(), "true or false");
  }
  return {};
}

template <size_t N>
const Keyword* find_keyword(const std::array<Keyword, N>& keywords, std::string_view name) {
  const auto it = std::find_if(keywords.begin(), keywords.end(),
                               [&](const Keyword& keyword) { return keyword.name == name; });
  return it == keywords.end() ? nullptr : &*it;
}

bool is_annotation(std::string_view name) {
  return name.starts_with("x-") ||
         std::find(kAnnotations.begin(), kAnnotations.end(), name) != kAnnotations.end();
}

bool has_any(const json::object& schema, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return schema.contains(name); });
}

/// Why a keyword that depends on others cannot be taken here.
std::string_view conditional_problem(const json::object& schema, std::string_view name,
                                     const json::value& value) {
  if (name == "uniqueItems") {
    const json::value* most = schema.if_contains("maxItems");
    const bool is_trivial = most != nullptr && most->is_int64() && most->get_int64() <= 1;
    return !value.get_bool() || is_trivial ? "" : "true is not supported";
  }
  if (value.is_bool() && value.get_bool()) return "";
  const bool is_applied_in_place = has_any(
      schema, {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependencies"});
  if (is_applied_in_place || (name == "unevaluatedItems" && schema.contains("contains"))) {
    return "not supported beside schemas that apply to the same value";
  }
  return "";
}

}  // namespace

Result<void> check_schema_keywords(const json::value& schema, const std::string& path) {
  if (schema.is_bool()) return {};
  if (!schema.is_object()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected a schema", path,
                      brief(schema));
  }
  for (const auto& [key, value] : schema.get_object()) {
    const std::string_view name = key;
    if (is_annotation(name)) continue;
    const Keyword* keyword = find_keyword(kKeywords, name);
    const Keyword* conditional = find_keyword(kConditional, name);
    if (keyword == nullptr && conditional == nullptr) {
      return make_error(ErrorCode::kUnsupported, "{}: not supported; supported: {}",
                        member_path(path, name), supported_keywords());
    }
    const auto expected = problem_of((keyword ? keyword : conditional)->form, value);
    if (!expected.empty()) {
      return make_error(ErrorCode::kInvalidArgument, "{}: got {}, expected {}",
                        member_path(path, name), brief(value), expected);
    }
    if (conditional == nullptr) continue;
    const auto problem = conditional_problem(schema.get_object(), name, value);
    if (!problem.empty()) {
      return make_error(ErrorCode::kUnsupported, "{}: {}; supported: {}", member_path(path, name),
                        problem, supported_keywords());
    }
  }
  return {};
}

}  // namespace ernie
