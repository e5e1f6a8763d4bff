#pragma once

#include <boost/json/value.hpp>
#include <optional>

#include "receipt/receipt.h"

namespace ernie {

boost::json::value line_id_to_json(const LineId& id);
/// Nothing if it is neither a string nor an integer of 64 bits.
std::optional<LineId> line_id_from_json(const boost::json::value& value);

}  // namespace ernie
