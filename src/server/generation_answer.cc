#include "server/generation_answer.h"

#include "json/text.h"
#include "server/replies.h"

namespace ernie {
namespace {

Error error_of(const std::string& message) { return {ErrorCode::kInternal, message, ""}; }

class WholeAnswer final : public Answer {
 public:
  WholeAnswer(std::unique_ptr<Submission> submission, MakeReply make)
      : submission_(std::move(submission)),
        make_(std::move(make)),
        results_(submission_->num_choices()) {}

  bool is_event_stream() const override { return false; }
  HttpReply head() const override {
    HttpReply head = reply_;
    head.body.clear();
    return head;
  }
  std::optional<Piece> next() override {
    while (num_ended_ < results_.size()) {
      auto news = submission_->stream(num_ended_).try_next();
      if (!news) return std::nullopt;
      if (!results_[num_ended_].append(*std::move(news))) continue;
      submission_->note_end(results_[num_ended_]);
      ++num_ended_;
    }
    reply_ = make_reply();
    return Piece{std::move(reply_.body), true};
  }

 private:
  HttpReply make_reply() {
    for (const GenerationResult& result : results_) {
      if (result.finish_reason == FinishReason::kError) {
        return error_reply(error_of(result.error));
      }
    }
    return make_(*submission_, std::move(results_));
  }

  std::unique_ptr<Submission> submission_;
  MakeReply make_;
  std::vector<GenerationResult> results_;
  size_t num_ended_ = 0;
  HttpReply reply_;
};

class EventAnswer final : public Answer {
 public:
  EventAnswer(std::unique_ptr<Submission> submission, std::unique_ptr<EventWriter> writer)
      : submission_(std::move(submission)), writer_(std::move(writer)) {}

  bool is_event_stream() const override { return true; }
  HttpReply head() const override {
    return {200,
            "text/event-stream; charset=utf-8",
            "",
            {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}};
  }
  std::optional<Piece> next() override {
    Piece piece;
    for (size_t i = 0; i < submission_->num_choices() && !piece.is_last; ++i) {
      TokenStream& stream = submission_->stream(i);
      if (!stream.ended()) take(i, stream, piece);
    }
    if (!piece.is_last && num_ended_ == submission_->num_choices()) {
      writer_->end(piece.bytes);
      piece.is_last = true;
    }
    if (piece.bytes.empty() && !piece.is_last) return std::nullopt;
    return piece;
  }

 private:
  void take(size_t choice, TokenStream& stream, Piece& piece) {
    const auto news = stream.try_next();
    if (!news) return;
    if (news->finish_reason) {
      ++num_ended_;
      submission_->note_end(*news);
    }
    if (news->finish_reason == FinishReason::kError) {
      writer_->fail(error_of(news->error), piece.bytes);
      piece.is_last = true;
      return;
    }
    if (!has_begun_) writer_->begin(piece.bytes);
    has_begun_ = true;
    writer_->update(choice, *news, piece.bytes);
  }

  std::unique_ptr<Submission> submission_;
  std::unique_ptr<EventWriter> writer_;
  size_t num_ended_ = 0;
  bool has_begun_ = false;
};

}  // namespace

std::unique_ptr<Answer> make_whole_answer(std::unique_ptr<Submission> submission, MakeReply make) {
  return std::make_unique<WholeAnswer>(std::move(submission), std::move(make));
}

std::unique_ptr<Answer> make_event_answer(std::unique_ptr<Submission> submission,
                                          std::unique_ptr<EventWriter> writer) {
  return std::make_unique<EventAnswer>(std::move(submission), std::move(writer));
}

void add_event(const boost::json::value& data, std::string& out) {
  out += "data: ";
  out += json_text(data);
  out += "\n\n";
}

void add_named_event(std::string_view name, const boost::json::value& data, std::string& out) {
  out += "event: ";
  out += name;
  out += '\n';
  add_event(data, out);
}

}  // namespace ernie
