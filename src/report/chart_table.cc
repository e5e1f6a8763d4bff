#include "report/chart_table.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "report/format.h"

namespace ernie::report {
namespace {

constexpr size_t kMaxRows = 64;

Text x_name(const Chart& chart, double x) {
  const bool is_category = x >= 0 && x < static_cast<double>(chart.categories.size());
  return is_category ? chart.categories[static_cast<size_t>(x)] : Text(format_number(x, 6));
}

Table table_by_x(const Chart& chart, const std::vector<const Series*>& data) {
  Table table{.columns = {{chart.x.label, chart.categories.empty()}}};
  std::map<double, std::vector<Cell>> rows;
  for (size_t s = 0; s < data.size(); ++s) {
    table.columns.push_back({data[s]->name, true});
    for (const Point& point : data[s]->points) {
      if (std::isnan(point.x)) continue;  // has no place in an order
      std::vector<Cell>& row = rows[point.x];
      row.resize(data.size());
      row[s].text = format_number(point.y);
    }
  }
  for (auto& [x, cells] : rows) {
    std::vector<Cell> row = {{x_name(chart, x)}};
    row.insert(row.end(), cells.begin(), cells.end());
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table table_of_points(const Chart& chart, const std::vector<const Series*>& data) {
  Table table{.columns = {{""}, {""}, {chart.x.label, true}, {chart.y.label, true}}};
  for (const Series* series : data) {
    for (const Point& point : series->points) {
      table.rows.push_back(
          {{series->name}, {point.label}, {x_name(chart, point.x)}, {format_number(point.y)}});
    }
  }
  return table;
}

}  // namespace

std::optional<Table> chart_table(const Chart& chart) {
  std::vector<const Series*> data;
  bool has_points = false;
  for (const Series& series : chart.series) {
    if (series.kind == SeriesKind::kLimit) continue;
    data.push_back(&series);
    has_points = has_points || series.kind == SeriesKind::kPoints;
  }
  Table table = has_points ? table_of_points(chart, data) : table_by_x(chart, data);
  if (table.rows.empty() || table.rows.size() > kMaxRows) return std::nullopt;
  return table;
}

}  // namespace ernie::report
