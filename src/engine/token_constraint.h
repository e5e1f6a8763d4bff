#pragma once

#include <cstdint>
#include <span>

namespace ernie {

/// Decides, token by token, what the output of one request may be: a grammar, a choice, a schema.
/// Used on the engine's thread alone, beside all other requests of a step, so its functions must be
/// fast, bounded and must not throw.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  /// Clears the bits of the tokens that cannot come next; the others stay as they are. Token t is
  /// bit t % 64 of word t / 64. End tokens are none of its business: see can_end().
  virtual void restrict_to_allowed(std::span<uint64_t> allowed) = 0;
  /// Whether the output is complete as it is, so that an end token may be drawn.
  virtual bool can_end() const = 0;
  /// Takes the token that was drawn. False if it was not allowed: then nothing has changed.
  virtual bool accept(int32_t token_id) = 0;
};

}  // namespace ernie
