#pragma once

/// Errors as values. A function that can fail for a reason outside the program (a bad file, flag or
/// request, no memory at start) returns Result<T>; its message is one line: what, where, got,
/// expected.

#include <fmt/format.h>

#include <boost/system/result.hpp>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace ernie {

enum class ErrorCode {
  kInvalidArgument,  ///< a flag or a request field has a value that it must not have
  kNotFound,         ///< a file, a tensor or a name does not exist
  kCorruptData,      ///< a file contradicts its format or itself
  kUnsupported,      ///< valid, but this program cannot do it
  kOutOfMemory,      ///< a size known beforehand does not fit
  kIo,               ///< the operating system refused to read or write
  kInternal,         ///< this program cannot use what it computed itself
  kCancelled,        ///< the user asked to stop
  kDeviceLost,       ///< a device stopped working; nothing more can be computed on it
  kQueueFull,        ///< too many requests at once; later there may be room
  kShuttingDown,     ///< no request is taken any more
};

struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;  ///< all that a user reads, on one line
  std::string field;    ///< of a request or a file that is wrong: "messages[2].role"; "": none
};

/// Called by boost::system::result only if `value()` is used without looking at `has_value()`.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::runtime_error(error.message);
}

template <typename T>
using Result = boost::system::result<T, Error>;

template <typename... Args>
[[nodiscard]] Error make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

/// The error of a field: "FIELD: " and the text.
template <typename... Args>
[[nodiscard]] Error field_error(ErrorCode code, std::string field,
                                fmt::format_string<Args...> format, Args&&... args) {
  std::string message = field + ": ";
  fmt::format_to(std::back_inserter(message), format, std::forward<Args>(args)...);
  return Error{code, std::move(message), std::move(field)};
}

}  // namespace ernie

#define ERNIE_CONCAT_INNER(a, b) a##b
#define ERNIE_CONCAT(a, b) ERNIE_CONCAT_INNER(a, b)

/// ERNIE_TRY(auto config, parse(text)): declares `config` from the value, or returns the error.
#define ERNIE_TRY(declaration, expression) \
  ERNIE_TRY_INNER(ERNIE_CONCAT(ernie_result_, __LINE__), declaration, expression)
#define ERNIE_TRY_INNER(result, declaration, expression) \
  auto result = (expression);                            \
  if (!result) return std::move(result).error();         \
  declaration = *std::move(result)

/// The same for Result<void>.
#define ERNIE_TRY_VOID(expression)                             \
  do {                                                         \
    auto ernie_result = (expression);                          \
    if (!ernie_result) return std::move(ernie_result).error(); \
  } while (false)
