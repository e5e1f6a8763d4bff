#include "server/metrics_text.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>

namespace ernie {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class TextWriter {
 public:
  void write(const prometheus::MetricFamily& family);
  std::string take() { return fmt::to_string(out_); }

 private:
  void append(std::string_view text) { out_.append(text.data(), text.data() + text.size()); }
  void append_escaped(std::string_view text);
  void append_number(double value);
  void append_number(uint64_t value) { fmt::format_to(std::back_inserter(out_), "{}", value); }
  void set_labels(const prometheus::ClientMetric& metric);
  template <class Number>
  void write_line(std::string_view name, std::string_view suffix, Number value);
  void write_bucket(std::string_view name, double upper_bound, uint64_t count);
  void write_histogram(std::string_view name, const prometheus::ClientMetric::Histogram& histogram);

  fmt::memory_buffer out_;
  std::string labels_;  // of the current metric, as a="b",c="d"
};

void TextWriter::append_escaped(std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      append("\\n");
    } else {
      if (c == '\\' || c == '"') out_.push_back('\\');
      out_.push_back(c);
    }
  }
}

void TextWriter::append_number(double value) {
  if (std::isnan(value)) return append("NaN");
  if (std::isinf(value)) return append(value > 0 ? "+Inf" : "-Inf");
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void TextWriter::set_labels(const prometheus::ClientMetric& metric) {
  const size_t begin = out_.size();
  for (const auto& [name, value] : metric.label) {
    if (out_.size() > begin) out_.push_back(',');
    append(name);
    append("=\"");
    append_escaped(value);
    out_.push_back('"');
  }
  labels_.assign(out_.data() + begin, out_.size() - begin);
  out_.resize(begin);
}

template <class Number>
void TextWriter::write_line(std::string_view name, std::string_view suffix, Number value) {
  append(name);
  append(suffix);
  if (!labels_.empty()) {
    out_.push_back('{');
    append(labels_);
    out_.push_back('}');
  }
  out_.push_back(' ');
  append_number(value);
  out_.push_back('\n');
}

void TextWriter::write_bucket(std::string_view name, double upper_bound, uint64_t count) {
  append(name);
  append("_bucket{");
  append(labels_);
  append(labels_.empty() ? "le=\"" : ",le=\"");
  append_number(upper_bound);
  append("\"} ");
  append_number(count);
  out_.push_back('\n');
}

void TextWriter::write_histogram(std::string_view name,
                                 const prometheus::ClientMetric::Histogram& histogram) {
  write_line(name, "_count", histogram.sample_count);
  write_line(name, "_sum", histogram.sample_sum);
  double last = -kInfinity;
  for (const auto& bucket : histogram.bucket) {
    write_bucket(name, bucket.upper_bound, bucket.cumulative_count);
    last = bucket.upper_bound;
  }
  if (last != kInfinity) write_bucket(name, kInfinity, histogram.sample_count);
}

void TextWriter::write(const prometheus::MetricFamily& family) {
  using prometheus::MetricType;
  const char* type = family.type == MetricType::Counter     ? "counter"
                     : family.type == MetricType::Histogram ? "histogram"
                                                            : "gauge";
  fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", family.name, family.help,
                 family.name, type);
  for (const prometheus::ClientMetric& metric : family.metric) {
    set_labels(metric);
    if (family.type == MetricType::Histogram) {
      write_histogram(family.name, metric.histogram);
    } else {
      const bool is_counter = family.type == MetricType::Counter;
      write_line(family.name, "", is_counter ? metric.counter.value : metric.gauge.value);
    }
  }
}

}  // namespace

std::string metrics_text(const std::vector<prometheus::MetricFamily>& families) {
  TextWriter writer;
  for (const prometheus::MetricFamily& family : families) writer.write(family);
  return writer.take();
}

}  // namespace ernie
