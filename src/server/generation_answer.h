#pragma once

/// Answers that are computed: whole, or as events.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/generation_result.h"
#include "server/answer.h"
#include "server/submission.h"

namespace ernie {

/// Waits for all choices and makes one reply of them.
using MakeReply =
    std::function<HttpReply(Submission& submission, std::vector<GenerationResult> results)>;
std::unique_ptr<Answer> make_whole_answer(std::unique_ptr<Submission> submission, MakeReply make);

/// Writes the events of one API. Each function appends to `out`.
class EventWriter {
 public:
  virtual ~EventWriter() = default;
  /// Before the first event of any choice.
  virtual void begin(std::string& out) { (void)out; }
  /// News of a choice; the last of it has a finish reason, which is not kError.
  virtual void update(size_t choice, const RequestOutput& news, std::string& out) = 0;
  /// All choices have ended.
  virtual void end(std::string& out) = 0;
  /// One of them ended as an error; nothing follows.
  virtual void fail(const Error& error, std::string& out) = 0;
};
/// The writer may refer to the submission.
std::unique_ptr<Answer> make_event_answer(std::unique_ptr<Submission> submission,
                                          std::unique_ptr<EventWriter> writer);

/// "data: …\n\n"
void add_event(const boost::json::value& data, std::string& out);
/// With "event: …" before it.
void add_named_event(std::string_view name, const boost::json::value& data, std::string& out);

}  // namespace ernie
