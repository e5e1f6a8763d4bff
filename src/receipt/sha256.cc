#include "receipt/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace ernie {

struct Sha256::Impl {
  // Only lack of memory can make these calls fail.
  Impl() : context(EVP_MD_CTX_new()) {
    ERNIE_CHECK(context != nullptr, "no memory for a digest");
    begin();
  }
  ~Impl() { EVP_MD_CTX_free(context); }
  Impl(const Impl&) = delete;
  void begin() {
    ERNIE_CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "libcrypto has no SHA-256");
  }

  EVP_MD_CTX* context;
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  const int ok = EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size());
  ERNIE_CHECK(ok == 1, "digest of {} bytes", bytes.size());
}

Digest Sha256::finish() {
  Digest digest;
  const int ok =
      EVP_DigestFinal_ex(impl_->context, reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  ERNIE_CHECK(ok == 1, "digest");
  impl_->begin();
  return digest;
}

Digest sha256(std::span<const std::byte> bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.finish();
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<size_t>(byte >> 4)];
    text += kDigits[std::to_integer<size_t>(byte & std::byte{15})];
  }
  return text;
}

bool from_hex(std::string_view text, std::span<std::byte> out) {
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  if (text.size() != 2 * out.size()) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = value(text[2 * i]), low = value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::byte>(high << 4 | low);
  }
  return true;
}

}  // namespace ernie
