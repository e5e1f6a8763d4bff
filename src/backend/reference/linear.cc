#include "backend/reference/reference_backend.h"
#include "backend/reference/values.h"

namespace ernie::reference {

void ReferenceBackend::do_linear(const Tensor& x, const Operand& operand, const Tensor& out) {
  const auto& weight = static_cast<const Matrix&>(operand);
  Row& row = room_.out;
  row.resize(static_cast<size_t>(weight.dim(0)));
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const Row& input = read_row(x, t, room_.row);
    for (size_t o = 0; o < row.size(); ++o) {
      row[o] = weight.dot(static_cast<int64_t>(o), input);
    }
    write_row(out, t, row);
  }
}

}  // namespace ernie::reference
