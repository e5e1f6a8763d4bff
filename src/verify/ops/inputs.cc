#include "verify/ops/inputs.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "verify/error_budget.h"

namespace ernie::verify::ops {
namespace {

double student_t3(Random& random) {
  double chi_squared = 0;
  for (int i = 0; i < 3; ++i) {
    const double x = random.normal();
    chi_squared += x * x;
  }
  return random.normal() / std::sqrt(chi_squared / 3 + 1e-9);
}

double draw(InputClass input, Random& random) {
  switch (input) {
    case InputClass::kHeavyTail:
      return student_t3(random);
    case InputClass::kPositive:
      return std::abs(random.normal()) + 0.1;
    case InputClass::kInteger:
      return static_cast<double>(random.between(-3, 3));
    case InputClass::kSmall:
      return 1e-4 * random.normal();
    case InputClass::kLarge:
      return 1e4 * random.normal();
    case InputClass::kSubnormal:
      return 1e-40 * random.normal();
    case InputClass::kZeros:
      return 0;
    default:
      return random.normal();
  }
}

/// What a class does to a whole matrix beyond the distribution of its elements.
void shape_rows(InputClass input, int64_t rows, int64_t columns, std::vector<double>& values,
                Random& random) {
  const auto at = [&](int64_t row, int64_t column) -> double& {
    return values[static_cast<size_t>(row * columns + column)];
  };
  if (input == InputClass::kOutliers) {
    const int64_t count = std::min<int64_t>(8, columns), first = random.below(columns);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t column = (first + i * columns / count) % columns;
      for (int64_t row = 0; row < rows; ++row) at(row, column) *= 30;
    }
  } else if (input == InputClass::kCancellation) {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < columns / 2; ++i) at(row, columns - 1 - i) = -at(row, i);
    }
  } else if (input == InputClass::kSpike) {
    for (int64_t row = 0; row < rows; ++row) at(row, random.below(columns)) = 1e4;
  } else if (input == InputClass::kNonfinite) {
    constexpr double kValues[] = {NAN, INFINITY, -INFINITY};
    at(random.below(rows), random.below(columns)) = kValues[random.below(3)];
  }
}

}  // namespace

std::string_view input_class_name(InputClass input) {
  constexpr std::string_view kNames[] = {"normal",     "heavy tail", "outliers", "positive",
                                         "cancelling", "integer",    "small",    "large",
                                         "subnormal",  "spike",      "zeros",    "non-finite"};
  return kNames[static_cast<size_t>(input)];
}

std::vector<double> make_values(InputClass input, int64_t rows, int64_t columns, DType dtype,
                                Random& random) {
  std::vector<double> values(static_cast<size_t>(rows * columns));
  for (double& x : values) x = draw(input, random);
  if (!values.empty()) shape_rows(input, rows, columns, values, random);
  if (dtype == DType::kF32) {
    for (double& x : values) x = static_cast<double>(static_cast<float>(x));
  } else {
    for (double& x : values) x = round_to(dtype, x);
  }
  return values;
}

bool is_exact(InputClass input) {
  return input == InputClass::kInteger || input == InputClass::kZeros;
}

bool is_inexact(InputClass input) { return !is_exact(input) && input != InputClass::kSubnormal; }

HostMatrix host_matrix(const std::vector<double>& values, const Shape& shape, DType dtype) {
  ERNIE_CHECK(shape.num_elements() == static_cast<int64_t>(values.size()), "{} for {}",
              values.size(), to_string(shape));
  HostTensor tensor = HostTensor::allocate(DType::kF32, shape);
  std::transform(values.begin(), values.end(), tensor.mutable_values<float>().begin(),
                 [](double x) { return static_cast<float>(x); });
  return tensor.converted(dtype);
}

}  // namespace ernie::verify::ops
