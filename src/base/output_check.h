#pragma once

/// Whether what a command writes would destroy what it reads.

#include <string>
#include <vector>

#include "base/result.h"

namespace ernie {

/// Error: an output, or the OUTPUT.tmp that it is written to at first, is the same file as an
/// input, whatever their names. Of an input that is a directory all files in it count. "-" is
/// standard input; empty names are nothing, and so are inputs that do not exist.
Result<void> check_outputs(const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs);

/// For what is replaced by a new file as a whole. Error: the path leads to something that is no
/// regular file.
Result<void> check_replaceable(const std::string& output);

}  // namespace ernie
