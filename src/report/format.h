#pragma once

/// Figures as people read them. All of these are the same in every language.

#include <cstdint>
#include <string>
#include <string_view>

namespace ernie::report {

/// `digits` significant digits without trailing zeros after a point: "0", "0.0123", "12.3"; up to
/// a million all digits before the point: "12345". Below 1e-3 and from 1e6 on scientific:
/// "1.23e-7". "∞", "-∞" and "NaN" if not finite.
std::string format_number(double value, int digits = 3);

/// With a prefix of the International System before the unit: format_si(0.0123, "s") is "12.3 ms",
/// format_si(2.1e10, "B/s") is "21 GB/s". From pico to tera; beyond that like format_number.
std::string format_si(double value, std::string_view unit, int digits = 3);

/// With binary prefixes, as memory is counted: "512 B", "32 KiB", "1.5 GiB".
std::string format_bytes(uint64_t bytes);

/// 0.0734 is "7.34%".
std::string format_percent(double share, int digits = 3);

}  // namespace ernie::report
