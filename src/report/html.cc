#include "report/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "report/chart_table.h"
#include "report/html_style.h"
#include "report/svg_chart.h"
#include "report/text_width.h"
#include "report/words.h"
#include "report/xml_text.h"

namespace ernie::report {
namespace {

constexpr int kLongCellWidth = 18;     // columns; wider text is broken into lines
constexpr size_t kManyColumns = 8;     // more of them are printed smaller
constexpr size_t kLongTableRows = 24;  // from here on a table scrolls under its own headings

const char* class_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      return "fail";
    case Verdict::kNone:
      break;
  }
  return "";
}

class Writer {
 public:
  explicit Writer(Language language) : language_(language) {}

  void write(const Report& report) {
    const bool zh = language_ == Language::kChinese;
    line(fmt::format("<!DOCTYPE html>\n<html lang=\"{}\" xmlns=\"http://www.w3.org/1999/xhtml\">",
                     zh ? "zh-CN" : "en"));
    line("<head>\n<meta charset=\"utf-8\"/>");
    line("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
    line("<title>" + phrase(report.title) + "</title>");
    line(std::string("<style>") + kHtmlStyle + "</style>\n</head>\n<body>\n<div class=\"page\">");
    write_header(report);
    write_contents(report);
    line("<main>");
    for (size_t i = 0; i < report.sections.size(); ++i) write_section(report.sections[i], i + 1);
    write_environment(report);
    line("</main>\n</div>\n</body>\n</html>");
  }
  std::string take() { return std::move(out_); }

 private:
  void write_header(const Report& report) {
    line("<header>\n<div class=\"headline\">\n<h1>" + phrase(report.title) + "</h1>");
    if (report.verdict != Verdict::kNone) {
      line(fmt::format("<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span>{}</span>",
                       class_of(report.verdict), verdict_sign(report.verdict),
                       verdict_word(report.verdict, language_)));
    }
    line("</div>");
    const std::string summary = phrase(report.summary);
    if (!summary.empty()) line("<p class=\"summary\">" + summary + "</p>");
    line("</header>");
  }

  void write_contents(const Report& report) {
    if (report.sections.size() < 2) return;
    line(fmt::format("<nav aria-label=\"{}\">\n<ol>", kContentsWord.in(language_)));
    for (size_t i = 0; i < report.sections.size(); ++i) {
      line(fmt::format("<li><a href=\"#section-{}\">{}</a></li>", i + 1,
                       phrase(report.sections[i].heading)));
    }
    if (!report.environment.empty()) {
      line("<li><a href=\"#environment\">" + phrase(kEnvironmentWord) + "</a></li>");
    }
    line("</ol>\n</nav>");
  }

  void write_environment(const Report& report) {
    if (report.environment.empty()) return;
    line("<section id=\"environment\">\n<h2>" + phrase(kEnvironmentWord) + "</h2>\n<dl>");
    for (const auto& [name, value] : report.environment) {
      line("<div><dt>" + phrase(name) + "</dt><dd>" + xml_text(value) + "</dd></div>");
    }
    line("</dl>\n</section>");
  }

  void write_section(const Section& section, size_t number) {
    line(fmt::format("<section id=\"section-{}\">\n<h2>{}</h2>", number, phrase(section.heading)));
    for (const Block& block : section.blocks) {
      std::visit([this](const auto& content) { write(content); }, block);
    }
    line("</section>");
  }

  void write(const Paragraph& paragraph) {
    if (paragraph.verdict == Verdict::kNone) {
      line("<p>" + phrase(paragraph.text) + "</p>");
    } else {
      line(fmt::format("<p class=\"verdict {}\">{} <span>{}</span></p>",
                       class_of(paragraph.verdict), verdict_sign(paragraph.verdict),
                       phrase(paragraph.text)));
    }
  }

  void write(const Table& table) {
    const std::string caption = phrase(table.caption);
    if (table.folded) {
      line(fmt::format("<details><summary>{} ({})</summary>", caption, table.rows.size()));
      write_grid(table);
      line("</details>");
      return;
    }
    line("<figure>");
    if (!caption.empty()) line("<figcaption>" + caption + "</figcaption>");
    write_grid(table);
    line("</figure>");
  }

  void write_grid(const Table& table) {
    line(fmt::format("<div class=\"scroll{}{}\" tabindex=\"0\">\n<table>\n<thead>\n<tr>",
                     table.rows.size() > kLongTableRows ? " long" : "",
                     table.columns.size() > kManyColumns ? " many" : ""));
    for (const Column& column : table.columns) {
      line(fmt::format("<th scope=\"col\"{}>{}</th>", column.numeric ? " class=\"num\"" : "",
                       phrase(column.heading)));
    }
    line("</tr>\n</thead>\n<tbody>");
    for (const auto& row : table.rows) write_row(row, table.columns);
    line("</tbody>\n</table>\n</div>");
  }

  void write_row(const std::vector<Cell>& row, const std::vector<Column>& columns) {
    out_ += "<tr>";
    for (size_t c = 0; c < columns.size(); ++c) {
      const Cell cell = c < row.size() ? row[c] : Cell{};
      if (c == 0 && !columns[c].numeric && cell.verdict == Verdict::kNone && cell.bar < 0) {
        out_ += "<th scope=\"row\">" + phrase(cell.text) + "</th>";
      } else {
        write_cell(cell, columns[c].numeric);
      }
    }
    line("</tr>");
  }

  void write_cell(const Cell& cell, bool numeric) {
    const bool wide = display_width(cell.text.in(language_)) > kLongCellWidth;
    std::vector<const char*> classes;
    if (numeric) classes.push_back("num");
    if (!numeric && wide) classes.push_back("prose");
    if (cell.verdict != Verdict::kNone) classes.push_back(class_of(cell.verdict));
    out_ += classes.empty() ? "<td>" : fmt::format("<td class=\"{}\">", fmt::join(classes, " "));
    out_ += cell.bar >= 0 ? meter(cell) : content_of(cell);
    out_ += "</td>";
  }

  std::string content_of(const Cell& cell) const {
    const std::string own = phrase(cell.text);
    const std::string sign = verdict_sign(cell.verdict);
    if (cell.verdict == Verdict::kNone) return own;
    if (own.empty()) {
      return fmt::format("<span class=\"pill {}\">{} {}</span>", class_of(cell.verdict), sign,
                         verdict_word(cell.verdict, language_));
    }
    return cell.verdict == Verdict::kPass ? own : sign + " " + own;
  }

  std::string meter(const Cell& cell) const {
    const bool over = cell.bar > 1;
    const double percent = std::isfinite(cell.bar) ? std::min(cell.bar, 1.0) * 100 : 100;
    return fmt::format(
        "<div class=\"meter\"><span>{}</span><span class=\"track\">"
        "<span class=\"fill\" style=\"width:{:.1f}%\"></span>{}</span></div>",
        content_of(cell), percent,
        over ? "<span class=\"over\" aria-hidden=\"true\">▶</span>" : "");
  }

  void write(const Chart& chart) {
    const std::string id = fmt::format("chart-{}", ++num_charts_);
    line(fmt::format("<figure class=\"chart\">\n<figcaption id=\"{}\">{}</figcaption>", id,
                     phrase(chart.title)));
    line(chart_legend(chart, language_));
    line("<div class=\"plot\" tabindex=\"0\">" + svg_chart(chart, language_, id) + "</div>");
    if (const std::optional<Table> table = chart_table(chart)) {
      line("<details><summary>" + phrase(kDataWord) + "</summary>");
      write_grid(*table);
      line("</details>");
    }
    line("</figure>");
  }

  std::string phrase(const Text& text) const { return xml_text(text.in(language_)); }
  void line(const std::string& text) { out_ += text + "\n"; }

  Language language_;
  std::string out_;
  int num_charts_ = 0;
};

}  // namespace

std::string to_html(const Report& report, Language language) {
  Writer writer(language);
  writer.write(report);
  return writer.take();
}

}  // namespace ernie::report
