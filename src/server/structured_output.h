#pragma once

#include <memory>

#include "api/server_request.h"
#include "engine/request.h"

namespace ernie {

/// Makes of what requests ask for the constraints on their tokens. Thread-safe.
class StructuredOutput {
 public:
  /// The tokenizer may be null: then no request can have a constraint.
  StructuredOutput(std::shared_ptr<const Tokenizer> tokenizer, int64_t vocab_size);
  ~StructuredOutput();

  /// Makes constraints for choices of one request, one at each call.
  using Factory = std::function<std::shared_ptr<TokenConstraint>()>;
  /// Null if the request asks for none. `thinks`: an answer begins with reasoning, which is free.
  /// Error: the field, and what is wrong with it or not supported.
  Result<Factory> factory(const ServerRequest& request, bool thinks);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ernie
