#pragma once

#include <string>

#include "base/result.h"
#include "checkpoint/weight_source.h"
#include "text/tokenizer.h"

namespace ernie {

/// 16 hexadecimal digits that tell a model from its siblings without reading all of it: a checksum
/// of the shape, of the tokenizer (which may be null), and of each tensor small ones as a whole, of
/// others two pages in places that depend on the name. A 21 B model costs 50 MB of reading. It is
/// the same wherever the files lie. What is changed in a few rows of one large tensor only may go
/// unnoticed; the digests of a receipt's manifest are of all bytes.
///
/// `has_samples` is false for random weights, which follow from the shape.
/// Error: a file that has become shorter or cannot be read, memory.
Result<std::string> model_checksum(const WeightSource& weights, const Tokenizer* tokenizer,
                                   bool has_samples);

}  // namespace ernie
