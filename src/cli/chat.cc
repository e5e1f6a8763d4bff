#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>

#include "cli/client_flags.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "jobs/chat_partner.h"

namespace ernie {
namespace {

constexpr const char* kHelp =
    "/clear  forget the conversation\n/exit   leave, as Ctrl-D does\n/help   this\n"
    "Ctrl-C stops an answer.\n";

struct ChatFlags {
  EngineFlags engine;
  ClientFlags client;
  std::string served_model, system, question;
  SamplingParams params;
  bool stats = false;
};

/// One conversation, a line of the user at a time.
class Conversation {
 public:
  Conversation(ChatPartner& partner, const ChatFlags& flags) : partner_(partner), flags_(flags) {
    clear();
  }

  void clear() {
    messages_.clear();
    if (!flags_.system.empty()) messages_.push_back({"system", flags_.system, "", {}});
  }

  /// Prints the answer. An error takes the question back.
  Result<void> ask(std::string question) {
    messages_.push_back({"user", std::move(question), "", {}});
    const Interrupt interrupt;
    SamplingParams params = flags_.params;
    params.seed += messages_.size();
    auto reply = partner_.answer(messages_, params, interrupt, [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    });
    if (!reply) {
      messages_.pop_back();
      return reply.error();
    }
    std::fputs(reply->text.ends_with('\n') ? "" : "\n", stdout);
    if (flags_.stats) print_stats(*reply);
    messages_.push_back({"assistant", std::move(reply->text), "", {}});
    return {};
  }

 private:
  static void print_stats(const ChatReply& reply) {
    const double decoding_s = reply.total_s - reply.first_token_s;
    const auto num_decoded = static_cast<double>(reply.num_output_tokens - 1);
    std::fprintf(stderr, "[%lld tokens, first after %.0f ms, %.1f tokens/s]\n",
                 static_cast<long long>(reply.num_output_tokens), reply.first_token_s * 1e3,
                 decoding_s > 0 ? num_decoded / decoding_s : 0.0);
  }

  ChatPartner& partner_;
  const ChatFlags& flags_;
  std::vector<ChatMessage> messages_;
};

int talk(Conversation& conversation, const std::string& name) {
  const bool is_terminal = ::isatty(STDIN_FILENO) != 0;
  if (is_terminal) std::printf("Chatting with %s. /help lists the commands.\n", name.c_str());
  int exit_code = 0;
  std::string line;
  while (true) {
    if (is_terminal) std::printf("> ");
    std::fflush(stdout);
    if (!std::getline(std::cin, line) || line == "/exit") break;
    if (line.empty()) continue;
    if (line == "/clear") {
      conversation.clear();
    } else if (line == "/help") {
      std::fputs(kHelp, stdout);
    } else if (const auto asked = conversation.ask(line); !asked) {
      std::fprintf(stderr, "ernie chat: %s\n", asked.error().message.c_str());
      if (!is_terminal) exit_code = 1;
    }
  }
  if (is_terminal) std::printf("\n");
  return exit_code;
}

Result<std::unique_ptr<ChatPartner>> find_partner(const ChatFlags& flags,
                                                  const EngineLoader& loader) {
  if (!flags.client.url.empty()) {
    ERNIE_TRY(ServerAddress server, server_address(flags.client));
    return make_remote_partner(std::move(server), flags.served_model);
  }
  ERNIE_TRY(LoadedEngine loaded, loader.open_and_load(flags.engine));
  return make_local_partner(std::move(loaded));
}

void add_chat_flags(CLI::App& app, ChatFlags& flags) {
  SamplingParams& params = flags.params;
  params.max_tokens = std::numeric_limits<int32_t>::max();
  app.add_option("-q,--quick", flags.question, "Ask this, print the answer and end");
  app.add_option("--system", flags.system, "The system message");
  app.add_option("--model-name", flags.served_model,
                 "With --url: the server's model (default: the first that it names)");
  app.add_option("--temperature", params.temperature, "Of sampling; 0: the likeliest token")
      ->check(CLI::Range(0.0f, 2.0f))
      ->capture_default_str();
  app.add_option("--top-p", params.top_p, "Smallest set of tokens of this probability")
      ->check(CLI::Range(0.0f, 1.0f))
      ->capture_default_str();
  app.add_option("--max-tokens", params.max_tokens, "Longest answer (default: what fits)")
      ->check(CLI::Range(1, std::numeric_limits<int32_t>::max()));
  app.add_flag("--stats", flags.stats, "Tokens, time to the first and tokens/s of each answer");
}

}  // namespace

Command add_chat_command(CLI::App& app, const EngineLoader& loader) {
  const auto flags = std::make_shared<ChatFlags>();
  flags->engine.log_level = "warn";
  add_client_flags(app, flags->client, "A server with the OpenAI API (default: a model here)");
  add_chat_flags(app, *flags);
  add_engine_flags(app, flags->engine);
  return [&app, &loader, flags]() -> Result<int> {
    start_log(app, flags->engine);
    flags->params.seed = flags->engine.seed;
    ERNIE_TRY(const auto partner, find_partner(*flags, loader));
    Conversation conversation(*partner, *flags);
    if (flags->question.empty()) return talk(conversation, partner->name());
    ERNIE_TRY_VOID(conversation.ask(flags->question));
    return 0;
  };
}

}  // namespace ernie
