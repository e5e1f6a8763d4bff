#include "api/line_id.h"

namespace ernie {

boost::json::value line_id_to_json(const LineId& id) {
  return std::visit([](const auto& x) { return boost::json::value(x); }, id);
}

std::optional<LineId> line_id_from_json(const boost::json::value& value) {
  if (value.is_string()) return LineId(std::string(value.get_string()));
  if (value.is_int64()) return LineId(value.get_int64());
  return std::nullopt;
}

}  // namespace ernie
