#pragma once

/// The kinds of numbers that operations are tried on. Easy inputs hide faults: small uniform
/// numbers have no cancellation, no outliers, no ties.

#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/host_matrix.h"
#include "verify/random.h"

namespace ernie::verify::ops {

enum class InputClass {
  kNormal,
  kHeavyTail,     ///< Student's t with 3 degrees of freedom
  kOutliers,      ///< 8 columns 30 times as large
  kPositive,      ///< no cancellation
  kCancellation,  ///< the second half of a row is the first with the other sign
  kInteger,       ///< small integers: every sum is exact
  kSmall,         ///< 1e-4 times normal
  kLarge,         ///< 1e4 times normal
  kSubnormal,     ///< 1e-40 times normal
  kSpike,         ///< one value of a row is 1e4
  kZeros,
  kNonfinite,  ///< one NaN or infinity in one row, which must stay in it
};
std::string_view input_class_name(InputClass input);

/// Values [rows, columns] of a class, each already a number of `dtype`.
std::vector<double> make_values(InputClass input, int64_t rows, int64_t columns, DType dtype,
                                Random& random);

/// Whether sums over such values are exact in float32, so that equality is expected.
bool is_exact(InputClass input);
/// Whether sums over such values must be rounded, so that equality is suspect.
bool is_inexact(InputClass input);

/// A host tensor of F32 or BF16 with these values, which are numbers of that type.
HostMatrix host_matrix(const std::vector<double>& values, const Shape& shape, DType dtype);

}  // namespace ernie::verify::ops
