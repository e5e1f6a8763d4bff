#include <unistd.h>

#include <boost/json/value_from.hpp>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include "base/utf8.h"
#include "cli/client_flags.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/flag_group.h"
#include "cli/penalty_flags.h"
#include "cli/typed_lines.h"
#include "jobs/chat_partner.h"
#include "json/text.h"

namespace ernie {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";
constexpr const char* kHelp =
    "/clear        forget the conversation; also /reset\n"
    "/system TEXT  begin anew with this system message\n"
    "/exit         leave; also /quit and Ctrl-D\n"
    "/help         this\n"
    "\"\"\"           begins a text of several lines, and ends it\n"
    "Ctrl-C stops an answer.\n";

struct ChatFlags {
  EngineFlags engine;
  ClientFlags client;
  std::string served_model, system, question;
  SamplingParams params;
  bool stats = false;
};

/// Answers on standard output. A terminal sees reasoning dimmed and nothing that it would obey.
class AnswerPrinter {
 public:
  bool print(std::string_view text, bool is_reasoning) {
    if (!is_terminal_) return is_reasoning || put(text);
    if (is_reasoning != is_dim_ && has_colour_) put(is_reasoning ? "\x1b[2m" : "\x1b[0m");
    if (!is_reasoning && is_dim_) put("\n");
    is_dim_ = is_reasoning;
    return put(visible_text(text, "\n\t"));
  }

  /// Ends the line, if there is one.
  void finish() {
    if (is_dim_ && has_colour_) put("\x1b[0m");
    is_dim_ = false;
    if (!is_at_start_) put("\n");
  }

  bool failed() const { return std::ferror(stdout) != 0; }

 private:
  bool put(std::string_view text) {
    if (text.empty()) return true;
    is_at_start_ = text.ends_with('\n');
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
           std::fflush(stdout) == 0;
  }

  static bool wants_colour() {
    const char* no_color = std::getenv("NO_COLOR");
    return no_color == nullptr || *no_color == '\0';
  }

  const bool is_terminal_ = ::isatty(STDOUT_FILENO) != 0;
  const bool has_colour_ = wants_colour();
  bool is_dim_ = false, is_at_start_ = true;
};

/// One conversation, a text of the user at a time.
class Conversation {
 public:
  Conversation(ChatPartner& partner, const ChatFlags& flags)
      : partner_(partner), shows_stats_(flags.stats), system_(flags.system) {
    clear();
  }

  void clear() {
    messages_.clear();
    if (!system_.empty()) messages_.push_back({"system", system_, "", {}});
  }
  void clear(std::string system) {
    system_ = std::move(system);
    clear();
  }

  /// Prints the answer. An error takes the question back, as does an answer that was stopped before
  /// it began.
  Result<void> ask(std::string question, const Interrupt& interrupt) {
    if (!is_utf8(question)) {
      return make_error(ErrorCode::kInvalidArgument, "got a text that is not UTF-8");
    }
    messages_.push_back({"user", std::move(question), "", {}});
    auto reply = partner_.answer(messages_, interrupt, [this](std::string_view text, bool thought) {
      return printer_.print(text, thought);
    });
    printer_.finish();
    if (reply && printer_.failed()) reply = Error{ErrorCode::kIo, "standard output: cannot write"};
    if (!reply || (reply->was_stopped && reply->text.empty())) {
      messages_.pop_back();
      return reply ? Result<void>() : reply.error();
    }
    if (shows_stats_) print_stats(*reply);
    messages_.push_back({"assistant", std::move(reply->text), "", {}});
    return {};
  }

  const AnswerPrinter& printer() const { return printer_; }

 private:
  static void print_stats(const ChatReply& reply) {
    const double decoding_s = reply.total_s - reply.first_token_s;
    const auto num_decoded = static_cast<double>(reply.num_output_tokens - 1);
    std::fprintf(stderr, "[%lld tokens, first after %.0f ms, %.1f tokens/s]\n",
                 static_cast<long long>(reply.num_output_tokens), reply.first_token_s * 1e3,
                 decoding_s > 0 ? num_decoded / decoding_s : 0.0);
  }

  ChatPartner& partner_;
  const bool shows_stats_;
  std::string system_;
  std::vector<ChatMessage> messages_;
  AnswerPrinter printer_;
};

/// The conversation with whoever types, from its first line to its last.
class Talk {
 public:
  explicit Talk(Conversation& conversation) : conversation_(conversation) {}

  /// The exit code.
  Result<int> run(const std::string& name) {
    if (is_terminal_) {
      std::printf("Chatting with %s. /help lists the commands.\n", visible_text(name).c_str());
    }
    while (!is_over_) {
      std::string text;
      if (read_text(text)) take(std::move(text));
      if (conversation_.printer().failed()) {
        return Error{ErrorCode::kIo, "standard output: cannot write"};
      }
    }
    return exit_code_;
  }

 private:
  void show(const char* text) const {
    if (!is_terminal_) return;
    std::fputs(text, stdout);
    std::fflush(stdout);
  }

  /// A line, or those between two marks of quotes. False: nothing to answer, or the end.
  bool read_text(std::string& text) {
    if (read_line(false, text) != TypedLines::Kind::kLine) return false;
    if (!text.starts_with(kQuotes)) return true;
    text.erase(0, kQuotes.size());
    bool is_whole = true;
    std::string line;
    while (!text.ends_with(kQuotes)) {
      const auto kind = read_line(true, line);
      if (kind == TypedLines::Kind::kTooLong) {
        is_whole = false;  // the rest of it are no questions of their own
        continue;
      }
      if (kind != TypedLines::Kind::kLine) return false;
      if (text.size() + line.size() >= TypedLines::kMaxBytes) {
        if (is_whole) complain("the text in quotes is too long");
        is_whole = false;
        text.clear();
      }
      text += '\n';
      text += line;
    }
    text.resize(text.size() - kQuotes.size());
    return is_whole;
  }

  TypedLines::Kind read_line(bool in_quotes, std::string& line) {
    show(in_quotes ? "... " : "> ");
    const auto kind = lines_.next(interrupt_, line);
    const bool was_warned = std::exchange(is_warned_, false);
    if (kind == TypedLines::Kind::kTooLong) complain("the line is too long");
    if (kind == TypedLines::Kind::kLine && line.ends_with('\r')) line.pop_back();
    if (kind == TypedLines::Kind::kEnd) {
      if (in_quotes) complain("the text in quotes has no end");
      end(exit_code_);
    }
    if (kind == TypedLines::Kind::kInterrupted && !end_after_signal(was_warned)) {
      show("\n(Ctrl-D, /exit or Ctrl-C once more leaves.)\n");
      is_warned_ = true;
    }
    return kind;
  }

  /// False if the signal means no more than to stop what goes on now.
  bool end_after_signal(bool was_warned) {
    constexpr int kCtrlC = 130;
    const bool is_end = !is_terminal_ || was_warned || interrupt_.exit_code() != kCtrlC;
    if (is_end) end(interrupt_.exit_code());
    interrupt_.reset();
    return is_end;
  }

  void end(int exit_code) {
    is_over_ = true;
    exit_code_ = exit_code;
    show("\n");
  }

  void complain(const std::string& problem) {
    std::fprintf(stderr, "ernie chat: %s\n", visible_text(problem).c_str());
    if (!is_terminal_) exit_code_ = 1;
  }

  void take(std::string text) {
    if (text.empty()) return;
    if (text.front() == '/' && text.find('\n') == std::string::npos) return command(text);
    const auto asked = conversation_.ask(std::move(text), interrupt_);
    if (!asked && !conversation_.printer().failed()) complain(asked.error().message);  // else run()
    if (interrupt_.raised()) end_after_signal(false);
  }

  void command(const std::string& text) {
    const std::string name = text.substr(0, text.find(' '));
    if (name == "/exit" || name == "/quit") {
      end(exit_code_);
    } else if (name == "/clear" || name == "/reset") {
      conversation_.clear();
    } else if (name == "/system") {
      conversation_.clear(name.size() < text.size() ? text.substr(name.size() + 1) : "");
    } else if (name == "/help") {
      std::fputs(kHelp, stdout);
      std::fflush(stdout);
    } else {
      complain(name + ": no such command; /help lists them, and a space before it sends it");
    }
  }

  Conversation& conversation_;
  Interrupt interrupt_{Interrupt::CtrlC::kEndsAnswer};  // at all times: a signal between two lines must not end the program
  TypedLines lines_;
  const bool is_terminal_ = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
  bool is_over_ = false, is_warned_ = false;
  int exit_code_ = 0;
};

/// What was given: where nothing was, a server has defaults of its own.
boost::json::object given_fields(const CLI::App& app, const ChatFlags& flags) {
  const SamplingParams& params = flags.params;
  boost::json::object fields;
  const auto add = [&](const char* flag, const char* field, boost::json::value value) {
    if (app.count(flag) > 0) fields[field] = std::move(value);
  };
  add("--temperature", "temperature", shortest_decimal(params.temperature));
  add("--top-p", "top_p", shortest_decimal(params.top_p));
  add("--top-k", "top_k", params.top_k);
  add("--min-p", "min_p", shortest_decimal(params.min_p));
  add("--repetition-penalty", "repetition_penalty", shortest_decimal(params.repetition_penalty));
  add("--presence-penalty", "presence_penalty", shortest_decimal(params.presence_penalty));
  add("--frequency-penalty", "frequency_penalty", shortest_decimal(params.frequency_penalty));
  add("--max-tokens", "max_tokens", params.max_tokens);
  add("--stop", "stop", boost::json::value_from(params.stop));
  add("--seed", "seed", flags.engine.seed);
  return fields;
}

Result<std::unique_ptr<ChatPartner>> find_partner(const CLI::App& app, const ChatFlags& flags,
                                                  const EngineLoader& loader) {
  if (!flags.client.url.empty()) {
    ERNIE_TRY(ServerAddress server, server_address(flags.client));
    return make_remote_partner(std::move(server), flags.served_model, given_fields(app, flags));
  }
  ERNIE_TRY(LoadedEngine loaded, loader.open_and_load(flags.engine));
  return make_local_partner(std::move(loaded), flags.params);
}

void add_sampling_flags(CLI::App& app, SamplingParams& params) {
  const FlagGroup group(app, "Sampling");
  params.max_tokens = std::numeric_limits<int32_t>::max();
  app.add_option("--temperature", params.temperature, "Of sampling; 0: the likeliest token")
      ->check(CLI::Range(0.0f, 2.0f))
      ->capture_default_str();
  app.add_option("--top-p", params.top_p, "Smallest set of tokens of this probability")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str();
  app.add_option("--top-k", params.top_k, "Only the k likeliest; 0: all")->capture_default_str();
  app.add_option("--min-p", params.min_p, "Only above this share of the likeliest's probability")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str();
  add_penalty_flags(app, params);
  app.add_option("--stop", params.stop, "Text that ends an answer; may be given several times")
      ->allow_extra_args(false);
  app.add_option("--max-tokens", params.max_tokens, "Longest answer (default: what fits)")
      ->check(CLI::Range(1, std::numeric_limits<int32_t>::max()));
}

Result<int> chat(const CLI::App& app, ChatFlags& flags, const EngineLoader& loader) {
  flags.params.seed = flags.engine.seed;
  ERNIE_TRY(const auto partner, find_partner(app, flags, loader));
  Conversation conversation(*partner, flags);
  if (flags.question.empty()) return Talk(conversation).run(partner->name());
  const Interrupt interrupt;
  ERNIE_TRY_VOID(conversation.ask(flags.question, interrupt));
  return interrupt.raised() ? interrupt.exit_code() : 0;
}

}  // namespace

Command add_chat_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<ChatFlags>();
  flags->engine.log_level = "warn";
  add_client_flags(app, flags->client, "A server with the OpenAI API (default: a model here)");
  app.add_option("-q,--quick", flags->question, "Ask this, print the answer and end");
  app.add_option("--system", flags->system, "The system message");
  app.add_option("--model-name", flags->served_model,
                 "With --url: the server's model (default: the first that it names)");
  app.add_flag("--stats", flags->stats, "Tokens, time to the first and tokens/s of each answer");
  add_sampling_flags(app, flags->params);
  add_engine_flags(app, flags->engine);
  app.get_option("--url")->excludes(app.get_option("--model"));
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    return chat(app, *flags, loader);
  };
}

}  // namespace ernie
