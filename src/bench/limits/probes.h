#pragma once

/// Loops that do nothing but use one resource of a processor as fast as it goes. Each lives in a
/// file compiled for its instruction set; limits.cc chooses those that this processor has.

#include <cstdint>

namespace ernie::bench {

/// Reads num_bytes once, front to back, and returns something that depends on all of them. data
/// aligned to 64 bytes, num_bytes a multiple of 256.
uint64_t read_portable(const void* data, uint64_t num_bytes);
uint64_t read_avx2(const void* data, uint64_t num_bytes);
uint64_t read_avx512(const void* data, uint64_t num_bytes);

/// Independent chains of one arithmetic step, enough of them to hide its latency. A round is
/// kChains steps; num_rounds >= 1.
constexpr int64_t kChains = 12;

/// One step: c = c * a + b on float32 lanes.
double fma_f32_portable(int64_t num_rounds);
double fma_f32_avx2(int64_t num_rounds);
double fma_f32_avx512(int64_t num_rounds);

/// One step: vdpbf16ps, pairs of bfloat16 products added to float32 lanes.
double dot_bf16_avx512(int64_t num_rounds);

/// One step: products of four 8-bit integers added to int32 lanes. AVX2 has no one instruction for
/// it and takes vpmaddubsw, vpmaddwd and vpaddd.
double dot_int8_avx2(int64_t num_rounds);
double dot_int8_avxvnni(int64_t num_rounds);
double dot_int8_avx512vnni(int64_t num_rounds);

/// Lanes of the portable step, four registers of four lanes on the baseline of every 64-bit
/// processor.
constexpr int64_t kPortableLanes = 4;

}  // namespace ernie::bench
