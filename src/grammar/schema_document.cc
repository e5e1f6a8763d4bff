#include "grammar/schema_document.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "grammar/schema_keywords.h"
#include "json/text.h"

namespace ernie {
namespace {

namespace json = boost::json;

bool is_plain_key(std::string_view key) {
  return !key.empty() && key.size() <= 64 &&
         std::all_of(key.begin(), key.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '$' || c == '-';
         });
}

/// "%25" and the like; false if it is malformed.
bool decode_percent(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      return false;
    }
    out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return true;
}

/// "~1" is "/", "~0" is "~".
std::string unescaped(std::string_view part) {
  std::string key;
  for (size_t i = 0; i < part.size(); ++i) {
    const bool is_escape = part[i] == '~' && i + 1 < part.size();
    key += is_escape ? (part[++i] == '1' ? '/' : '~') : part[i];
  }
  return key;
}

}  // namespace

std::string member_path(const std::string& path, std::string_view key) {
  if (is_plain_key(key)) return path + "." + std::string(key);
  return path + "[" + brief(json::value(key)) + "]";
}

std::string element_path(const std::string& path, size_t index) {
  return fmt::format("{}[{}]", path, index);
}

Result<void> SchemaDocument::read(size_t max_depth) {
  struct Open {
    const json::value* value;
    std::string path;
    size_t depth;
  };
  std::vector<Open> open = {{&root_, "$", 0}};
  while (!open.empty()) {
    const Open at = std::move(open.back());
    open.pop_back();
    if (at.depth > max_depth) {
      return make_error(ErrorCode::kInvalidArgument, "$: nested deeper than {} levels", max_depth);
    }
    if (at.value->is_array()) {
      const json::array& array = at.value->get_array();
      for (size_t i = 0; i < array.size(); ++i) {
        if (array[i].is_structured()) {
          open.push_back({&array[i], element_path(at.path, i), at.depth + 1});
        }
      }
    } else if (at.value->is_object()) {
      for (const auto& [key, value] : at.value->get_object()) {
        const bool is_anchor = key == "$anchor" || key == "$dynamicAnchor";
        if (is_anchor && value.is_string()) {
          anchors_.emplace(std::string(value.get_string()), Target{at.value, at.path});
        }
        const bool is_id = key == "$id" || key == "id";
        if (is_id && value.is_string() && at.value != &root_) has_inner_ids_ = true;
        if (!value.is_structured() || key == "enum" || key == "const") continue;
        open.push_back({&value, member_path(at.path, key), at.depth + 1});
      }
    }
  }
  return {};
}

Result<void> SchemaDocument::check(const json::value& schema, const std::string& path) {
  if (!checked_.insert(&schema).second) return {};
  return check_schema_keywords(schema, path);
}

Result<SchemaDocument::Target> SchemaDocument::resolve(std::string_view reference,
                                                       const std::string& path) const {
  const std::string place = path + ".$ref";
  const auto refused = [&](std::string_view why) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: {} not supported; supported: references into "
                      "the same schema, \"#/…\" and \"#anchor\"",
                      place, why);
  };
  if (has_inner_ids_) return refused("references in a schema with inner $id are");
  if (!reference.starts_with('#')) {
    const json::value* id = root_.is_object() ? root_.get_object().if_contains("$id") : nullptr;
    const std::string_view own =
        id != nullptr && id->is_string() ? std::string_view(id->get_string()) : std::string_view();
    const size_t hash = std::min(reference.find('#'), reference.size());
    if (own.empty() || reference.substr(0, hash) != own.substr(0, own.find('#'))) {
      return refused("references to other documents are");
    }
    reference.remove_prefix(hash);
  }
  if (reference.starts_with('#')) reference.remove_prefix(1);
  std::string fragment;
  if (!decode_percent(reference, fragment)) {
    return make_error(ErrorCode::kInvalidArgument, "{}: got a malformed reference", place);
  }
  if (fragment.empty() || fragment[0] == '/') return resolve_pointer(fragment, place);
  const auto it = anchors_.find(fragment);
  if (it == anchors_.end()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: there is no anchor {}", place,
                      brief(json::value(fragment)));
  }
  return it->second;
}

Result<SchemaDocument::Target> SchemaDocument::resolve_pointer(std::string_view pointer,
                                                               const std::string& place) const {
  Target target{&root_, "$"};
  const auto missing = [&] {
    return make_error(ErrorCode::kInvalidArgument, "{}: there is nothing at {}", place,
                      brief(json::value("#" + std::string(pointer))));
  };
  std::string_view rest = pointer;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string key = unescaped(rest.substr(0, end));
    rest.remove_prefix(end);
    if (target.schema->is_object()) {
      const json::value* next = target.schema->get_object().if_contains(key);
      if (next == nullptr) return missing();
      target = {next, member_path(target.path, key)};
    } else if (target.schema->is_array()) {
      const bool is_index = !key.empty() && key.size() < 7 &&
                            key.find_first_not_of("0123456789") == std::string::npos;
      const size_t index = is_index ? std::stoul(key) : SIZE_MAX;
      if (index >= target.schema->get_array().size()) return missing();
      target = {&target.schema->get_array()[index], element_path(target.path, index)};
    } else {
      return missing();
    }
  }
  return target;
}

}  // namespace ernie
