#include "receipt/hash_chain.h"

#include "receipt/byte_writer.h"

namespace ernie {

HashChain::HashChain(std::string_view genesis) : link_(sha256(std::as_bytes(std::span(genesis)))) {}

void HashChain::add(std::string_view name, std::string_view payload) {
  ByteWriter writer;
  writer.add(link_).add_text(name).add(static_cast<uint64_t>(payload.size()));
  sha_.update(writer.bytes());
  sha_.update(payload);
  link_ = sha_.finish();
}

}  // namespace ernie
