#include "receipt/model_manifest.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/thread_pool.h"
#include "receipt/byte_writer.h"

namespace ernie {
namespace {

constexpr size_t kMaxNamed = 3;

Result<TensorDigest> digest_tensor(const WeightSource& weights, const TensorSpec& spec) {
  ERNIE_TRY(const HostMatrix matrix, weights.read(spec.name));
  TensorDigest out{spec.name, matrix.format().id, spec.shape, {}};
  ByteWriter head;
  head.add_text("ernie tensor 1").add_text(out.name).add_text(weight_format(out.format).name);
  head.add(static_cast<uint32_t>(out.shape.rank()));
  for (const int64_t dim : out.shape.dims()) head.add(dim);
  Sha256 sha;
  sha.update(head.bytes());
  sha.update(matrix.bytes());
  out.digest = sha.finish();
  return out;
}

/// The fields of a config.json that has one on each line.
std::map<std::string, std::string> config_fields(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t begin = line.find('"'), close = line.find("\": ");
    if (begin == std::string_view::npos || close == std::string_view::npos) continue;
    if (line.ends_with(',')) line.remove_suffix(1);
    fields.emplace(line.substr(begin + 1, close - begin - 1), line.substr(close + 3));
  }
  return fields;
}

void add_config_differences(const ModelManifest& got, const ModelManifest& expected,
                            std::vector<std::string>& out) {
  const auto a = config_fields(got.config), b = config_fields(expected.config);
  std::set<std::string> names;
  for (const auto* fields : {&a, &b}) {
    for (const auto& [name, value] : *fields) names.insert(name);
  }
  const auto value_in = [](const auto& fields, const std::string& name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string("nothing") : found->second;
  };
  for (const std::string& name : names) {
    const std::string left = value_in(a, name), right = value_in(b, name);
    if (left != right)
      out.push_back(fmt::format("config: {}: got {}, expected {}", name, left, right));
  }
}

void add_tensor_differences(const ModelManifest& got, const ModelManifest& expected,
                            std::vector<std::string>& out) {
  std::map<std::string, const TensorDigest*> others;
  for (const TensorDigest& tensor : expected.tensors) others.emplace(tensor.name, &tensor);
  std::vector<std::string> names;
  for (const TensorDigest& tensor : got.tensors) {
    const auto node = others.extract(tensor.name);
    if (!node) {
      names.push_back(tensor.name + " (not expected)");
    } else if (node.mapped()->digest != tensor.digest) {
      const bool same_form =
          node.mapped()->format == tensor.format && node.mapped()->shape == tensor.shape;
      names.push_back(tensor.name + (same_form ? "" : " (of another format or shape)"));
    }
  }
  for (const auto& [name, tensor] : others) names.push_back(name + " (absent)");
  if (names.empty()) return;
  const size_t num_named = std::min(names.size(), kMaxNamed);
  out.push_back(fmt::format("{} of {} tensors differ: {}{}", names.size(), expected.tensors.size(),
                            fmt::join(names.begin(), names.begin() + num_named, ", "),
                            num_named < names.size() ? ", …" : ""));
}

}  // namespace

Digest digest_tokenizer(const Tokenizer& tokenizer) {
  Sha256 sha;
  sha.update(ByteWriter().add_text("ernie tokenizer 1").bytes());
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    sha.update(
        ByteWriter().add_text(tokenizer.token_bytes(id)).add(tokenizer.is_special(id)).bytes());
  }
  return sha.finish();
}

Result<ModelManifest> make_manifest(const WeightSource& weights, const Tokenizer* tokenizer,
                                    int num_threads) {
  std::vector<TensorSpec> specs = model_tensors(weights.config());
  std::sort(specs.begin(), specs.end(), [](auto& a, auto& b) { return a.name < b.name; });
  ModelManifest manifest{to_json(weights.config()), std::vector<TensorDigest>(specs.size()), {}};
  if (tokenizer != nullptr) manifest.tokenizer = digest_tokenizer(*tokenizer);
  std::vector<std::optional<Error>> errors(specs.size());
  ThreadPool pool(num_threads > 0 ? num_threads : available_processors());
  pool.run(static_cast<int64_t>(specs.size()), ThreadPool::kMuchWork, [&](int64_t i, int) {
    const auto index = static_cast<size_t>(i);
    auto tensor = digest_tensor(weights, specs[index]);
    if (tensor) {
      manifest.tensors[index] = *std::move(tensor);
    } else {
      errors[index] = tensor.error();
    }
  });
  for (const auto& error : errors) {
    if (error) return *error;
  }
  return manifest;
}

Digest model_digest(const ModelManifest& manifest) {
  ByteWriter writer;
  writer.add_text("ernie model 1").add_text(manifest.config);
  for (const TensorDigest& tensor : manifest.tensors) writer.add(tensor.digest);
  return sha256(std::as_bytes(std::span(writer.bytes())));
}

std::vector<std::string> differences(const ModelManifest& got, const ModelManifest& expected) {
  std::vector<std::string> out;
  add_config_differences(got, expected, out);
  add_tensor_differences(got, expected, out);
  if (got.tokenizer != expected.tokenizer) {
    out.emplace_back("the tokenizer gives other texts for the ids");
  }
  return out;
}

}  // namespace ernie
