#pragma once

#include <string>
#include <string_view>

namespace ernie::report {

/// Text that may stand in an element or in a quoted attribute of HTML, SVG and XML: cleaned as
/// clean_text() does, and < > & " ' written as character references.
std::string xml_text(std::string_view text);

}  // namespace ernie::report
