#include "api/output_format.h"

#include "base/utf8.h"
#include "json/parse.h"

namespace ernie {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// A schema as an object, a boolean, or either of them as JSON text.
void read_schema(JsonFields& fields, std::string_view name, const json::value& value,
                 OutputFormat& format) {
  format.kind = OutputFormat::Kind::kJsonSchema;
  format.field = name;
  if (value.is_object() || value.is_bool()) {
    format.schema = value;
    return;
  }
  if (!value.is_string()) return fields.fail_type(name, value, "a JSON schema");
  auto parsed = parse_json(view(value.get_string()));
  if (!parsed) return fields.fail(name, parsed.error().message);
  if (!parsed->is_object() && !parsed->is_bool()) {
    return fields.fail_type(name, *parsed, "a JSON schema");
  }
  format.schema = *std::move(parsed);
}

void read_text(JsonFields& fields, std::string_view name, const json::value& value,
               OutputFormat::Kind kind, OutputFormat& format) {
  format.kind = kind;
  format.field = name;
  if (!value.is_string() || value.get_string().empty()) {
    return fields.fail_type(name, value, "a string, not empty");
  }
  format.text = value.get_string();
}

void read_choices(JsonFields& fields, std::string_view name, const json::value& value,
                  OutputFormat& format) {
  format.kind = OutputFormat::Kind::kChoice;
  format.field = name;
  if (!value.is_array() || value.get_array().empty()) {
    return fields.fail_type(name, value, "a list of strings, not empty");
  }
  for (const json::value& choice : value.get_array()) {
    if (!choice.is_string() || choice.get_string().empty()) {
      return fields.fail_type(name, choice, "strings, none empty");
    }
    format.choices.emplace_back(choice.get_string());
  }
}

/// Reads one member of structured_outputs, or its older name; true if it asks for something.
bool read_kind(JsonFields& fields, std::string_view kind, std::string_view name,
               OutputFormat& format) {
  const json::value* value = fields.find(name);
  if (value == nullptr) return false;
  if (kind == "json") read_schema(fields, name, *value, format);
  if (kind == "regex") read_text(fields, name, *value, OutputFormat::Kind::kRegex, format);
  if (kind == "grammar") read_text(fields, name, *value, OutputFormat::Kind::kGrammar, format);
  if (kind == "choice") read_choices(fields, name, *value, format);
  if (kind == "structural_tag") {
    fields.fail(name, "not supported; supported: json, json_object, regex, choice, grammar");
  }
  if (kind == "json_object") {
    if (!value->is_bool()) {
      fields.fail_type(name, *value, "true or false");
      return false;
    }
    if (!value->get_bool()) return false;
    format.kind = OutputFormat::Kind::kJsonObject;
    format.field = name;
  }
  return true;
}

constexpr const char* kKinds[] = {"json",    "regex",       "choice",
                                  "grammar", "json_object", "structural_tag"};

void read_structured_outputs(JsonFields& fields, OutputFormat& format) {
  const json::value* value = fields.find("structured_outputs");
  if (value == nullptr) return;
  if (!value->is_object()) return fields.fail_type("structured_outputs", *value, "an object");
  JsonFields inner(value->get_object(), "structured_outputs.");
  int num_kinds = 0;
  for (const char* kind : kKinds) num_kinds += read_kind(inner, kind, kind, format) ? 1 : 0;
  format.field = "structured_outputs." + format.field;
  // Answers are compact always: there is no whitespace to allow or not.
  inner.ignore({"disable_any_whitespace", "disable_additional_properties", "whitespace_pattern",
                "backend", "_backend"});
  if (const auto problem = inner.finish(); !problem) return fields.fail_with(problem.error());
  if (num_kinds != 1) {
    fields.fail("structured_outputs",
                fmt::format("got {} kinds, expected one of json, json_object, regex, choice, "
                            "grammar",
                            num_kinds));
  }
}

}  // namespace

void read_response_format(JsonFields& fields, std::string_view name, const json::value& value,
                          bool flat, OutputFormat& format) {
  const json::object* object = value.if_object();
  const json::value* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr || !type->is_string()) {
    return fields.fail_type(name, value, R"(an object with a "type")");
  }
  const std::string_view kind = view(type->get_string());
  if (kind == "text") return;
  if (kind == "json_object") {
    // llama-server's clients may put a schema beside it.
    if (const json::value* schema = object->if_contains("schema")) {
      return read_schema(fields, name, *schema, format);
    }
    format.kind = OutputFormat::Kind::kJsonObject;
    format.field = name;
    return;
  }
  if (kind != "json_schema") {
    return fields.fail(name, fmt::format("type: got {}, expected text, json_object or json_schema",
                                         in_quotes(kind)));
  }
  const json::value* holder = flat ? &value : object->if_contains("json_schema");
  const json::object* schema_object = holder == nullptr ? nullptr : holder->if_object();
  const json::value* schema =
      schema_object == nullptr ? nullptr : schema_object->if_contains("schema");
  if (schema == nullptr) {
    return fields.fail(name, flat ? "got no schema" : "got no json_schema with a schema");
  }
  read_schema(fields, name, *schema, format);
}

void read_output_format(JsonFields& fields, OutputFormat& format) {
  OutputFormat by_format, by_kind;
  if (const json::value* value = fields.find("response_format")) {
    read_response_format(fields, "response_format", *value, /*flat=*/false, by_format);
  }
  read_structured_outputs(fields, by_kind);
  for (const char* kind : {"json", "regex", "choice", "grammar"}) {
    OutputFormat older;
    if (!read_kind(fields, kind, fmt::format("guided_{}", kind), older)) continue;
    if (by_kind.kind != OutputFormat::Kind::kText) {
      return fields.fail(older.field,
                         fmt::format("got it beside {}, expected one of them", by_kind.field));
    }
    by_kind = std::move(older);
  }
  const bool both =
      by_format.kind != OutputFormat::Kind::kText && by_kind.kind != OutputFormat::Kind::kText;
  if (both) {
    return fields.fail(by_kind.field, "got it beside response_format, expected one of them");
  }
  format = by_kind.kind != OutputFormat::Kind::kText ? std::move(by_kind) : std::move(by_format);
}

}  // namespace ernie
