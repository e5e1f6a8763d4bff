#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/weight_source.h"
#include "receipt/sha256.h"
#include "text/tokenizer.h"

namespace ernie {

struct TensorDigest {
  std::string name;
  FormatId format = FormatId::kF32;
  Shape shape;
  Digest digest{};  ///< of name, format, shape and bytes
};

/// What a model is, tensor by tensor, so that two of them can be compared without either.
/// docs/receipts.md has the bytes that each digest is taken of.
struct ModelManifest {
  std::string config;                 ///< to_json() of its ModelConfig
  std::vector<TensorDigest> tensors;  ///< ascending by name
  std::optional<Digest> tokenizer;    ///< of every id's bytes; absent without a tokenizer
};

/// Reads and digests every tensor as the source stores it, several at a time on `num_threads`
/// threads (0: every processor). `tokenizer` may be null. Error: out of memory.
Result<ModelManifest> make_manifest(const WeightSource& weights, const Tokenizer* tokenizer,
                                    int num_threads);

/// Of every id's bytes, and which ids are special.
Digest digest_tokenizer(const Tokenizer& tokenizer);

/// Of config and tensors; the tokenizer stands beside it in receipts.
Digest model_digest(const ModelManifest& manifest);

/// In what `got` is another model than `expected`, one line each: fields of the config, tensors
/// that differ or that only one of them has (the first few by name), the tokenizer. Empty if they
/// are the same.
std::vector<std::string> differences(const ModelManifest& got, const ModelManifest& expected);

}  // namespace ernie
