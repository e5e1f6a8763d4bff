#include <gtest/gtest.h>

#include "api/openai_json.h"
#include "fake_engine.h"
#include "json/parse.h"

namespace ernie {
namespace {

Result<ApiRequest> completion(std::string_view text) {
  return parse_completion_body(parse_json(text)->get_object());
}
Result<ApiRequest> chat(std::string_view text) {
  return parse_chat_body(parse_json(text)->get_object());
}
std::string problem_of(const Result<ApiRequest>& request) {
  return request ? "" : request.error().message;
}

TEST(CompletionBody, ReadsEveryField) {
  const auto request = completion(R"({
    "model": "m", "prompt": "p", "echo": true, "max_tokens": 3, "min_tokens": 2,
    "temperature": 0.5, "top_k": 4, "top_p": 0.25, "min_p": 0.125, "repetition_penalty": 1.5,
    "presence_penalty": -1, "frequency_penalty": 2, "logit_bias": {"5": 1.5, "6": -100},
    "seed": -1, "stop": ["a", "b"], "stop_token_ids": [8], "ignore_eos": true,
    "include_stop_str_in_output": true, "skip_special_tokens": false, "logprobs": 2,
    "prompt_logprobs": 1, "n": 1, "best_of": 1, "stream": false, "user": "u", "suffix": null,
    "metadata": {"a": [1]}, "stream_options": null, "response_format": {"type": "text"}})");
  ASSERT_TRUE(request) << problem_of(request);
  const SamplingParams& p = request->params;
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(std::get<std::string>(request->prompt), "p");
  EXPECT_TRUE(request->echo && request->has_seed && p.ignore_eos && p.include_stop_in_output);
  EXPECT_FALSE(p.skip_special_tokens);
  EXPECT_EQ(p.max_tokens, 3);
  EXPECT_EQ(p.min_tokens, 2);
  EXPECT_EQ(p.temperature, 0.5f);
  EXPECT_EQ(p.top_k, 4);
  EXPECT_EQ(p.top_p, 0.25f);
  EXPECT_EQ(p.min_p, 0.125f);
  EXPECT_EQ(p.repetition_penalty, 1.5f);
  EXPECT_EQ(p.presence_penalty, -1.0f);
  EXPECT_EQ(p.frequency_penalty, 2.0f);
  EXPECT_EQ(p.logit_bias, (std::vector<std::pair<int32_t, float>>{{5, 1.5f}, {6, -100.0f}}));
  EXPECT_EQ(p.seed, UINT64_MAX);
  EXPECT_EQ(p.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(p.stop_token_ids, std::vector<int32_t>{8});
  EXPECT_EQ(p.logprobs, 2);
  EXPECT_EQ(p.prompt_logprobs, 1);
}

TEST(CompletionBody, DefaultsAreThoseOfTheApi) {
  const auto request = completion(R"({"prompt":"p","max_tokens":null,"temperature":null})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->params.max_tokens, 16);
  EXPECT_EQ(request->params.temperature, 1.0f);
  EXPECT_FALSE(request->has_seed || request->params.logprobs || request->params.prompt_logprobs);
}

TEST(CompletionBody, PromptForms) {
  const auto ids = [](std::string_view prompt) {
    const auto request = completion(fmt::format(R"({{"prompt":{}}})", prompt));
    const auto* list = request ? std::get_if<std::vector<TokenId>>(&request->prompt) : nullptr;
    return list == nullptr ? std::vector<TokenId>{} : *list;
  };
  EXPECT_EQ(ids("[5,6]"), (std::vector<TokenId>{5, 6}));
  EXPECT_EQ(ids("[5]"), std::vector<TokenId>{5});
  EXPECT_EQ(ids("[[5,6]]"), (std::vector<TokenId>{5, 6}));
  EXPECT_EQ(std::get<std::string>(completion(R"({"prompt":["x"]})")->prompt), "x");
  for (const auto prompt : {R"(["a","b"])", "[[1],[2]]", "[]", "[[]]", "7", "true", "{}", "[-1]",
                            "[1.5]", "[1,\"a\"]", "[3000000000]", "\"\"", "[[[1]]]"}) {
    EXPECT_TRUE(
        problem_of(completion(fmt::format(R"({{"prompt":{}}})", prompt))).starts_with("prompt: "))
        << prompt;
  }
}

TEST(CompletionBody, EveryFieldRefusesOtherTypes) {
  const std::vector<std::string> fields{"max_tokens",
                                        "min_tokens",
                                        "temperature",
                                        "top_k",
                                        "top_p",
                                        "min_p",
                                        "repetition_penalty",
                                        "presence_penalty",
                                        "frequency_penalty",
                                        "logit_bias",
                                        "seed",
                                        "stop",
                                        "stop_token_ids",
                                        "ignore_eos",
                                        "include_stop_str_in_output",
                                        "skip_special_tokens",
                                        "logprobs",
                                        "prompt_logprobs",
                                        "n",
                                        "best_of",
                                        "stream",
                                        "response_format",
                                        "echo",
                                        "model"};
  for (const std::string& field : fields) {
    for (const auto value : {R"({"x":[]})", "[{}]", "[true]", "-1e999"}) {
      const auto problem =
          problem_of(completion(fmt::format(R"({{"prompt":"p","{}":{}}})", field, value)));
      EXPECT_TRUE(problem.starts_with(field)) << field << " = " << value << ": " << problem;
    }
  }
}

TEST(CompletionBody, RefusesWhatIsNotSupported) {
  EXPECT_EQ(problem_of(completion("{}")), "prompt: expected a prompt");
  EXPECT_EQ(problem_of(completion(R"({"prompt":"p","n":2})")), "n: got 2, only 1 is supported");
  EXPECT_EQ(problem_of(completion(R"({"prompt":"p","foo":null})")), "foo: unknown field");
  EXPECT_TRUE(problem_of(completion(R"({"prompt":"p","stream":true})")).starts_with("stream: "));
  EXPECT_TRUE(problem_of(completion(R"({"prompt":"p","suffix":"x"})")).starts_with("suffix: "));
  EXPECT_TRUE(problem_of(completion(R"({"prompt":"p","stop":[""]})")).starts_with("stop: "));
  EXPECT_TRUE(problem_of(completion(R"({"prompt":"p","logit_bias":{"a":1}})"))
                  .starts_with("logit_bias: got the key a,"));
  EXPECT_TRUE(problem_of(completion(R"({"prompt":"p","logit_bias":{"1":"2"}})"))
                  .starts_with("logit_bias: "));
}

TEST(ChatBody, ReadsMessagesInEveryForm) {
  const auto request = chat(R"({"messages":[
      {"role":"developer","content":"s"},
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"n"},
      {"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[]},
      {"role":"user","content":"c"}],
      "max_tokens":5,"max_completion_tokens":7,"logprobs":true,"top_logprobs":3})");
  ASSERT_TRUE(request) << problem_of(request);
  const auto& messages = std::get<std::vector<ChatMessage>>(request->prompt);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[1].content, "a\nb");
  EXPECT_EQ(messages[2].reasoning_content, "r");
  EXPECT_EQ(messages[3].content, "c");
  EXPECT_EQ(request->params.max_tokens, 7);
  EXPECT_EQ(request->params.logprobs, 3);
}

TEST(ChatBody, RefusesDefectsByName) {
  const auto messages = [](std::string_view list) {
    return problem_of(chat(fmt::format(R"({{"messages":{}}})", list)));
  };
  EXPECT_EQ(problem_of(chat("{}")), "messages: expected a prompt");
  EXPECT_TRUE(messages("[]").starts_with("messages: "));
  EXPECT_TRUE(messages("{}").starts_with("messages: "));
  EXPECT_TRUE(messages("[1]").starts_with("messages[0]: "));
  EXPECT_TRUE(messages(R"([{"content":"x"}])").starts_with("messages[0].role: "));
  EXPECT_TRUE(messages(R"([{"role":"user"}])").starts_with("messages[0].content: "));
  EXPECT_TRUE(messages(R"([{"role":"user","content":[{"type":"image_url","image_url":"u"}]}])")
                  .starts_with("messages[0].content: "));
  EXPECT_TRUE(messages(R"([{"role":"user","content":"x"},{"role":"user","content":"x","z":1}])")
                  .starts_with("messages[1].z: unknown"));
  EXPECT_TRUE(messages(R"([{"role":"assistant","content":"x","tool_calls":[{}]}])")
                  .starts_with("messages[0].tool_calls[0]: got "));
  const std::string ok = R"("messages":[{"role":"user","content":"x"}])";
  EXPECT_TRUE(problem_of(chat("{" + ok + R"(,"top_logprobs":1})")).starts_with("top_logprobs: "));
  EXPECT_TRUE(problem_of(chat("{" + ok + R"(,"logprobs":1})")).starts_with("logprobs: "));
  EXPECT_TRUE(problem_of(chat("{" + ok + R"(,"prompt":"x"})")).starts_with("prompt: unknown"));
}

TEST(GenerationRequest, TokenisesEveryPromptForm) {
  const auto tokenizer = make_fake_tokenizer();
  ApiRequest request;
  request.prompt = "ab";
  request.echo = true;
  request.params.logprobs = 4;
  request.params.prompt_logprobs = 1;
  const auto text = to_generation_request(request, tokenizer.get(), ChatTemplateKind::kErnie45);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->prompt_ids, (std::vector<TokenId>{100, 101}));
  EXPECT_EQ(text->params.prompt_logprobs, 4)
      << "an echoed prompt's logprobs come with the answer's";

  request.prompt = std::vector<TokenId>{9};
  EXPECT_EQ(to_generation_request(request, nullptr, {})->prompt_ids, std::vector<TokenId>{9});

  request.prompt = std::vector<ChatMessage>{{"user", "x", "", {}}};
  const auto chat = to_generation_request(request, tokenizer.get(), ChatTemplateKind::kErnie45);
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->params.stop_token_ids,
            std::vector<int32_t>{*tokenizer->special_id("<|end_of_sentence|>")});

  request.prompt = "";
  EXPECT_FALSE(to_generation_request(request, tokenizer.get(), {}));
  request.prompt = "x";
  EXPECT_FALSE(to_generation_request(request, nullptr, {}));
}

}  // namespace
}  // namespace ernie
