// Reading back what ops_json.cc wrote.

#include <algorithm>
#include <limits>

#include "bench/ops_json.h"
#include "json/fields.h"

namespace ernie::bench {
namespace {

namespace json = boost::json;

// Each notes in `fields` what is missing or of another type; what it returns then is of no use.

const json::value* required(JsonFields& fields, std::string_view key, std::string_view expected) {
  const json::value* value = fields.find(key);
  if (value == nullptr) fields.fail(key, fmt::format("got nothing, expected {}", expected));
  return value;
}

double number(JsonFields& fields, std::string_view key) {
  constexpr double kMax = std::numeric_limits<double>::max();
  return required(fields, key, "a number") == nullptr ? 0 : fields.number({key}, -kMax, kMax, 0);
}

int64_t count(JsonFields& fields, std::string_view key) {
  return fields.integer({key}, 0, std::numeric_limits<int64_t>::max());
}

std::string text(JsonFields& fields, std::string_view key) {
  required(fields, key, "a string");
  return fields.text({key}).value_or("");
}

/// What `read` makes of the object in the field.
template <typename Read>
auto object(JsonFields& fields, std::string_view key, const Read& read) {
  static const json::object kEmpty;
  const json::value* value = required(fields, key, "an object");
  const json::object* found = value == nullptr ? nullptr : value->if_object();
  if (value != nullptr && found == nullptr) fields.fail_type(key, *value, "an object");
  const JsonFields::Place& at = fields.place();
  JsonFields inner(found == nullptr ? kEmpty : *found,
                   {at.file, fmt::format("{}{}.", at.path, key), at.code});
  auto result = read(inner);
  // Of a field that is no object there is no more to say.
  for (const Error& problem : inner.problems()) {
    if (found != nullptr) fields.fail_with(problem);
  }
  return result;
}

/// What `read` makes of each object of the list in the field.
template <typename Read>
auto objects(JsonFields& fields, std::string_view key, const Read& read) {
  std::vector<decltype(read(fields))> results;
  const json::value* value = required(fields, key, "a list");
  const json::array* list = value == nullptr ? nullptr : value->if_array();
  if (value != nullptr && list == nullptr) fields.fail_type(key, *value, "a list");
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    // A list's elements as the members of an object, so that problems name them.
    const std::string name = fmt::format("{}[{}]", key, i);
    const json::object element{{name, (*list)[i]}};
    JsonFields one(element, fields.place());
    results.push_back(object(one, name, read));
    for (const Error& problem : one.problems()) fields.fail_with(problem);
  }
  return results;
}

std::vector<double> numbers(JsonFields& fields, std::string_view key) {
  std::vector<double> values;
  const json::value* value = required(fields, key, "a list of numbers");
  if (value == nullptr) return values;
  const json::array* list = value->if_array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    if ((*list)[i].is_number()) values.push_back((*list)[i].to_number<double>());
  }
  if (list == nullptr || values.size() != list->size()) {
    fields.fail_type(key, *value, "a list of numbers");
  }
  return values;
}

uint64_t seed(JsonFields& fields) {
  const json::value* value = required(fields, "seed", "an integer");
  if (value == nullptr) return 0;
  if (const uint64_t* large = value->if_uint64()) return *large;
  return static_cast<uint64_t>(count(fields, "seed"));
}

Glimpses glimpses(JsonFields& fields) {
  return {numbers(fields, "read_gb_per_s"), numbers(fields, "peak_gflop_per_s")};
}

OpResult row(JsonFields& fields) {
  OpResult row{.op = text(fields, "op"),
               .name = text(fields, "name"),
               .shape = text(fields, "shape"),
               .tokens = number(fields, "tokens"),
               .cost = {number(fields, "operations"), number(fields, "bytes")},
               .num_copies = count(fields, "copies"),
               .calls_per_sample = count(fields, "calls_per_sample"),
               .samples = numbers(fields, "samples_s"),
               .glimpses = object(fields, "glimpses", glimpses)};
  const auto is_positive = [](double x) { return x > 0; };
  if (fields.ok() && (row.samples.empty() || !std::ranges::all_of(row.samples, is_positive))) {
    fields.fail("samples_s", "expected times above 0, at least one");
  }
  if (fields.find("published") != nullptr) {
    row.published = object(fields, "published", [](JsonFields& figure) {
      return PublishedFigure{number(figure, "mean_ms"), number(figure, "sd_ms"),
                             number(figure, "tokens_per_s")};
    });
  }
  return row;
}

PeakRate peak(JsonFields& fields) {
  return {text(fields, "name"), text(fields, "isa"), number(fields, "gop_per_s_one_thread"),
          number(fields, "gop_per_s")};
}

MachineLimits limits(JsonFields& fields) {
  MachineLimits limits{.num_threads = static_cast<int>(fields.integer({"threads"}, 1, 1 << 14)),
                       .buffer_bytes = static_cast<size_t>(count(fields, "buffer_bytes")),
                       .one_read_gb_per_s = number(fields, "read_gb_per_s_one_thread"),
                       .all_read_gb_per_s = number(fields, "read_gb_per_s"),
                       .peaks = objects(fields, "peaks", peak)};
  if (fields.ok() && limits.peaks.empty()) fields.fail("peaks", "expected at least one");
  return limits;
}

SavedOpRun saved_run(JsonFields& fields) {
  SavedOpRun saved = object(fields, "environment", [](JsonFields& environment) {
    return SavedOpRun{.cpu_model = text(environment, "cpu_model"),
                      .commit = text(environment, "commit"),
                      .date_utc = text(environment, "date_utc")};
  });
  saved.run = {
      .suite = text(fields, "suite"),
      .device = text(fields, "device"),
      .dtype = text(fields, "dtype"),
      .isa = text(fields, "isa"),
      .options = {number(fields, "seconds_per_op"), number(fields, "limits_seconds"), seed(fields)},
      .working_set_bytes = static_cast<size_t>(count(fields, "working_set_bytes")),
      .limits = object(fields, "limits", limits),
      .results = objects(fields, "rows", row)};
  return saved;
}

}  // namespace

Result<SavedOpRun> ops_from_json(const json::value& value, const std::string& name) {
  const json::object* object = value.if_object();
  const json::value* format = object != nullptr ? object->if_contains("format") : nullptr;
  if (format == nullptr || !format->is_string() || format->get_string() != kOpsFormat) {
    return make_error(ErrorCode::kCorruptData,
                      "{}: expected what `ernie bench ops --json` wrote, got another kind of file",
                      name);
  }
  JsonFields fields(*object, {name + ": ", "", ErrorCode::kCorruptData});
  SavedOpRun saved = saved_run(fields);
  if (!fields.ok()) return fields.problems().front();
  return saved;
}

}  // namespace ernie::bench
