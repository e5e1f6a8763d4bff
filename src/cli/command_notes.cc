#include "cli/command_notes.h"

#include <map>

namespace ernie {
namespace {

using Entry = CommandNotes::Entry;

struct Notes {
  std::string one;  ///< when the exit status is 1, if it ever is
  bool is_interruptible = false;
  std::vector<Entry> examples;
};

const std::map<std::string, Notes>& all_notes() {
  static const std::map<std::string, Notes> notes{
      {"ernie",
       {.one = "Some of the work failed: rows, checks or requests.",
        .is_interruptible = true,
        .examples = {{R"(ernie run --prompt "17 + 25 =")", "Ask the demo model in the program"},
                     {"ernie serve ~/models/ERNIE-4.5-0.3B-PT", "Serve a checkpoint"}}}},
      {"ernie run",
       {.one = "Some rows of the file have errors.",
        .is_interruptible = true,
        .examples = {{R"(ernie run --prompt "17 + 25 =")", "Ask the demo model in the program"},
                     {R"(ernie run --model DIR --chat --prompt "Why is the sky blue?" )"
                      "--temperature 0.8 --top-p 0.8",
                      "A user's turn for a checkpoint, sampled"},
                     {"ernie run --prompt-file prompts.jsonl --output results.jsonl",
                      "Work through a file of prompts"}}}},
      {"ernie run-batch",
       {.one = "Some rows of the file have errors.",
        .is_interruptible = true,
        .examples = {{"ernie run-batch -i requests.jsonl -o results.jsonl --model DIR",
                      "Work through a batch file; the same command goes on after a crash"},
                     {"ernie run-batch -i requests.jsonl -o results.jsonl --url "
                      "http://127.0.0.1:8000",
                      "Have a server do it"}}}},
      {"ernie serve",
       {.examples = {{"ernie serve", "Serve the demo on port 8000 of this machine"},
                     {"ernie serve DIR --host 0.0.0.0 --port 80 --max-model-len 8192",
                      "Serve a checkpoint to the network"},
                     {"ERNIE_ARG_PORT=80 ernie serve --config serve.yaml",
                      "Flags from the environment and from a file"}}}},
      {"ernie chat",
       {.one = "Input was no terminal, and a question had no answer.",
        .is_interruptible = true,
        .examples = {{"ernie chat --model DIR", "Talk to a checkpoint"},
                     {R"(ernie chat --url http://127.0.0.1:8000 -q "What is 17 + 25?")",
                      "Ask a server once"}}}},
      {"ernie inspect",
       {.examples = {{"ernie inspect DIR", "What a checkpoint is, without reading its weights"}}}},
      {"ernie dummy",
       {.examples = {{"ernie dummy big --config 21b --sparse",
                      "The headers of the 21B model, with weights that take no room"}}}},
      {"ernie tokenize",
       {.examples = {{R"(echo '"17 + 25 ="' | ernie tokenize)", "The ids of a text"},
                     {"echo '[19, 3]' | ernie tokenize --decode", "The text of ids"}}}},
      {"ernie verify",
       {.one = "Something that was checked is not as it should be.",
        .is_interruptible = true,
        .examples = {{"ernie verify ops --suite published", "Check the operations of this machine"},
                     {"ernie verify model --model DIR", "Check a whole model"}}}},
      {"ernie verify ops",
       {.one = "An operation failed, or an injected fault was not noticed.",
        .examples = {{"ernie verify ops --suite full --isa all --html ops.html",
                      "Every case on every instruction set, with a report"}}}},
      {"ernie verify model",
       {.one = "The model departs from what it was held against.",
        .examples = {{"ernie verify model --model DIR --against reference",
                      "Layer by layer against the computation in double"}}}},
      {"ernie verify determinism",
       {.one = "Bits differed.",
        .examples = {{"ernie verify determinism --model DIR",
                      "The same requests in any company, chunks and threads"}}}},
      {"ernie verify receipt",
       {.one = "Something departs, or there was no receipt at all.",
        .is_interruptible = true,
        .examples = {{"ernie verify receipt results.jsonl --input prompts.jsonl --model DIR",
                      "Recompute what was answered"}}}},
      {"ernie bench",
       {.one = "A request to the server failed.",
        .is_interruptible = true,
        .examples = {{"ernie bench ops", "Each operation beside the machine's limits"},
                     {"ernie bench throughput --model DIR", "Many requests at once"}}}},
      {"ernie bench ops",
       {.examples = {{"ernie bench ops --op linear --html ops.html",
                      "Matrix products alone, with a report"}}}},
      {"ernie bench latency",
       {.examples = {{"ernie bench latency --model DIR --batch-size 1,8 --depth 0,4096",
                      "Two batches at two depths"}}}},
      {"ernie bench throughput",
       {.examples = {{"ernie bench throughput --model DIR --num-prompts 64 --max-num-seqs 16",
                      "64 random prompts, 16 at a time"}}}},
      {"ernie bench serve",
       {.one = "A request was not answered.",
        .is_interruptible = true,
        .examples = {{"ernie bench serve --url http://127.0.0.1:8000 --num-prompts 200 "
                      "--request-rate 4 --goodput ttft:500",
                      "Four requests a second, and how many began within half a second"}}}},
      {"ernie completion",
       {.examples = {{"source <(ernie completion bash)", "Complete in the shell that runs"}}}},
      {"ernie man",
       {.examples = {{"ernie man bench serve | man -l -", "Read a page"},
                     {"ernie man --output-dir ~/.local/share/man/man1", "Install all pages"}}}},
  };
  return notes;
}

/// What exit status 0 and 2 say, where it is something of a command's own.
std::string meaning_of(const std::string& command, int status) {
  if (command == "ernie serve" && status == 0) {
    return "A signal ended it, after the running answers or the time that they had.";
  }
  if (command == "ernie inspect" && status == 2) {
    return "The checkpoint would be refused, or the flags are wrong.";
  }
  return status == 0 ? "Done." : "It could not run: one line on standard error says why.";
}

}  // namespace

CommandNotes notes_of(const std::string& command) {
  const auto found = all_notes().find(command);
  const Notes notes = found == all_notes().end() ? Notes{} : found->second;
  CommandNotes result{.exits = {{"0", meaning_of(command, 0)}}, .examples = notes.examples};
  if (!notes.one.empty()) result.exits.push_back({"1", notes.one});
  result.exits.push_back({"2", meaning_of(command, 2)});
  if (notes.is_interruptible) {
    result.exits.push_back(
        {"130, 143", "Ctrl-C, or SIGTERM, ended it; in general 128 and the signal's number."});
  }
  return result;
}

}  // namespace ernie
