#pragma once

namespace ernie::report {

/// The style sheet of to_html(). Without "<" and "&", so that it is plain XML text.
extern const char* const kHtmlStyle;

}  // namespace ernie::report
