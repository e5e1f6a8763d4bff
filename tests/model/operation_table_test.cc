// Every operation that a step of a model calls, as its description has it, on every device in every
// variant beside the reference: whole models, and the parts of ranks, empty ones among them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/registry.h"
#include "base/rng.h"
#include "model/model_operations.h"

namespace ernie::testing {
namespace {

/// Sums of a few hundred products in float32 lanes, relative to the largest value.
constexpr double kTolerance = 5e-6;

/// The operands of an operation on one device. The same seed gives the same numbers on each.
class Operands {
 public:
  Operands(Backend& backend, const Operation& operation) : backend_(backend) {
    for (const OperandSpec& spec : operation.operands) make(spec);
  }
  std::span<const Argument> arguments() const { return arguments_; }

  /// The numbers of every tensor; none for weights and caches.
  std::vector<std::vector<double>> values() const {
    std::vector<std::vector<double>> all;
    for (const Argument& argument : arguments_) {
      all.emplace_back();
      if (argument.tensor.data == nullptr) continue;
      const Tensor& tensor = argument.tensor;
      std::vector<std::byte> bytes(tensor.num_bytes());
      EXPECT_TRUE(backend_.copy_out(tensor, bytes.data()));
      for (int64_t i = 0; i < tensor.shape.num_elements(); ++i) {
        all.back().push_back(tensor.dtype == DType::kI32
                                 ? reinterpret_cast<const int32_t*>(bytes.data())[i]
                                 : static_cast<double>(load_float(tensor.dtype, bytes.data(), i)));
      }
    }
    return all;
  }

 private:
  std::vector<float> noise(int64_t count, double scale) {
    std::vector<float> values(static_cast<size_t>(count));
    ++stream_;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(scale) * philox_normal(1, stream_, i)[0];
    }
    return values;
  }

  HostMatrix matrix(int64_t rows, int64_t columns) {
    HostTensor tensor = HostTensor::allocate(DType::kF32, {rows, columns});
    const double scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(columns, 1)));
    std::ranges::copy(noise(rows * columns, scale), tensor.mutable_values<float>().begin());
    return tensor;
  }

  std::vector<int32_t> ids(const OperandSpec& spec) const {
    if (spec.contents == Contents::kGiven) return spec.values;
    std::vector<int32_t> values(static_cast<size_t>(spec.shape.num_elements()));
    const auto columns =
        spec.shape.rank() == 1 ? values.size() : static_cast<size_t>(spec.shape[1]);
    for (size_t i = 0; i < values.size(); ++i) {
      // A stride that is prime to every limit here gives different ones within a row.
      const auto mixed = static_cast<int64_t>(i % columns * 7 + i / columns * 3);
      values[i] =
          static_cast<int32_t>(spec.limit > 0 ? mixed % spec.limit : static_cast<int64_t>(i));
    }
    return values;
  }

  void add_tensor(DType dtype, const Shape& shape, const void* values) {
    Tensor tensor{nullptr, dtype, shape};
    memory_.push_back(backend_.allocate(tensor.num_bytes()).value());
    tensor.data = memory_.back().get();
    backend_.copy_in(values, tensor);
    arguments_.push_back({.tensor = tensor});
  }

  void add_operand(Result<OperandPtr> operand) {
    operands_.push_back(std::move(operand).value());
    arguments_.push_back({.operand = operands_.back().get()});
  }

  void make(const OperandSpec& spec) {
    const Shape& shape = spec.shape;
    switch (spec.kind) {
      case OperandKind::kActivation:
      case OperandKind::kFloat32:
        return add_tensor(DType::kF32, shape, noise(shape.num_elements(), 1).data());
      case OperandKind::kIds:
        return add_tensor(DType::kI32, shape, ids(spec).data());
      case OperandKind::kMatrix:
        return add_operand(
            backend_.prepare_matrix(std::array{matrix(shape[0], shape[1])}, spec.matrix_use));
      case OperandKind::kVector:
        return add_operand(backend_.prepare_vector(matrix(1, shape[0]), spec.vector_use));
      case OperandKind::kExperts: {
        std::vector<ExpertMatrices> experts;
        for (int64_t e = 0; e < shape[0]; ++e) {
          experts.push_back(
              {matrix(shape[2], shape[1]), matrix(shape[2], shape[1]), matrix(shape[1], shape[2])});
        }
        return add_operand(backend_.prepare_experts(shape, experts));
      }
      case OperandKind::kCache:
        return add_cache(shape);
    }
  }

  /// One layer, every slot written with rows of noise.
  void add_cache(const Shape& shape) {
    caches_.push_back(
        backend_.allocate_kv_cache({1, shape[0], shape[1], shape[2], shape[3]}).value());
    const QkvLayout layout{shape[2], shape[2], shape[3]};
    const int64_t num_slots = shape[0] * shape[1];
    const size_t first = arguments_.size();
    std::vector<int32_t> slots(static_cast<size_t>(num_slots));
    for (size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<int32_t>(i);
    add_tensor(DType::kF32, {num_slots, layout.row_size()},
               noise(num_slots * layout.row_size(), 1).data());
    add_tensor(DType::kI32, {num_slots}, slots.data());
    backend_.store_kv(arguments_[first].tensor, layout, arguments_[first + 1].tensor,
                      *caches_.back(), 0);
    arguments_.resize(first);
    arguments_.push_back({.cache = caches_.back().get()});
  }

  Backend& backend_;
  uint64_t stream_ = 0;
  std::vector<std::shared_ptr<void>> memory_;
  std::vector<OperandPtr> operands_;
  std::vector<std::unique_ptr<KvCache>> caches_;
  std::vector<Argument> arguments_;
};

/// Every operation of the tiny model, whole and in parts, for decodes, prompts and chunks.
std::vector<Operation> all_operations() {
  ModelConfig config = *preset_model_config("tiny");
  std::vector<Operation> all;
  const auto add = [&](Shard shard, const std::vector<QuerySpan>& sequences, int64_t rows) {
    for (Operation& operation : model_operations(config, shard, sequences, rows)) {
      all.push_back(std::move(operation));
    }
  };
  for (const Shard shard : {Shard{0, 1}, Shard{1, 2}, Shard{2, 3}, Shard{7, 8}}) {
    add(shard, {{1, 33}, {1, 1}, {1, 17}}, 3);
    add(shard, {{5, 5}, {3, 20}}, 1);
  }
  return all;
}

class OperationTable : public ::testing::TestWithParam<DeviceInfo> {};

TEST_P(OperationTable, ComputesWhatTheReferenceDoes) {
  const auto device =
      make_backend(GetParam().name,
                   {.dtype = DType::kF32, .num_threads = 2, .isa = GetParam().variant})
          .value();
  const auto oracle = make_backend(oracle_device(), {.dtype = DType::kF32}).value();
  for (const Operation& operation : all_operations()) {
    SCOPED_TRACE(fmt::format("{} ({}), {}", operation.name, operation.op, operation.shape));
    const Operands got(*device, operation), want(*oracle, operation);
    operation.call(*device, got.arguments());
    operation.call(*oracle, want.arguments());
    const auto got_values = got.values(), want_values = want.values();
    for (size_t i = 0; i < want_values.size(); ++i) {
      // What a fused operation leaves in its scratch is its own.
      if (operation.operands[i].num_touched == 0) continue;
      double largest = 1e-30, worst = 0;
      for (size_t j = 0; j < want_values[i].size(); ++j) {
        const double difference = std::abs(got_values[i][j] - want_values[i][j]);
        largest = std::max(largest, std::abs(want_values[i][j]));
        worst = difference <= worst ? worst : std::isnan(difference) ? INFINITY : difference;
      }
      const bool is_ids = operation.operands[i].kind == OperandKind::kIds;
      EXPECT_LE(worst / largest, is_ids ? 0 : kTolerance) << "operand " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, OperationTable, ::testing::ValuesIn(devices()),
                         [](const auto& test) { return test.param.name + test.param.variant; });

TEST(OperationTable, NamesOfAStepAreUnique) {
  for (const Shard shard : {Shard{0, 1}, Shard{3, 8}}) {
    std::vector<std::string> names;
    for (const Operation& operation :
         model_operations(*preset_model_config("21b"), shard, {{1, 100}}, 1)) {
      names.push_back(operation.name);
    }
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  }
}

TEST(OperationTable, AnEighthOfTheModelIsAnEighthOfItsWork) {
  const ModelConfig config = *preset_model_config("21b");
  const auto arithmetic = [&](Shard shard, std::string_view name) {
    for (const Operation& operation : model_operations(config, shard, {{1, 100}}, 1)) {
      if (operation.name == name) return operation.arithmetic;
    }
    return 0.0;
  };
  for (const char* name : {"dense layer, gate and up", "shared expert, down", "output head"}) {
    EXPECT_DOUBLE_EQ(8 * arithmetic({0, 8}, name), arithmetic({0, 1}, name)) << name;
  }
  // 3 of 20 query heads and 1 of 4 key/value heads: 5 of 28 rows.
  EXPECT_DOUBLE_EQ(arithmetic({0, 8}, "qkv projection") / 5,
                   arithmetic({0, 1}, "qkv projection") / 28);
}

}  // namespace
}  // namespace ernie::testing
