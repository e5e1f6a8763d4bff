"""Why answers differ from vLLM's: patterns of signatures of compare_servers.py, and words of docs/serving.md that say it."""

GENERATE = "(completions|chat)"
IGNORED = ("(add_special_tokens|spaces_between_special_tokens|length_penalty|session_id|stream_interval|vllm_xargs|kv_transfer_params|documents|"
           "chat_template_kwargs|reasoning_effort)")
STRICTER = "status 400 here, 200 there"
MILDER = "status 200 here, 400 there"

EXPLANATIONS = [
    # The shape of answers.
    (".* (answer|stream) .*: absent here, null there", "members that say nothing"),
    (r"(completions|chat) (answer|stream) (\[\]\.)?system_fingerprint: absent here, text there", "`system_fingerprint`"),
    (r"(completions|chat) (answer|stream) .*created_cache_tokens: absent here, .*number there", "with a flag, along with `created_cache_tokens`"),
    (r"(detokenize answer content|/v1/models answer data\[\]\.meta): .* here, absent there", "members that vLLM lacks"),
    (r"(completions answer choices\[\]|chat answer)\.?\s?prompt_logprobs: absent here, list there", "`prompt_logprobs` with `echo`"),
    (r"completions stream \[\]\.choices\[\]\.prompt_token_ids: absent here, list(/null)? there", "in a stream also `prompt_token_ids`"),
    (r"chat (answer|stream \[\]\.?) ?\.?prompt_text: absent here, text there", "`return_prompt_text`"),
    (r"chat answer choices\[\]\.message\.content: null here, text there", "`content` beside required calls"),
    ("chat .*role assistant here, user there", "`role` without a generation prompt"),
    ("chat stream: first delta: .*'assistant'.* here, .*'user'.* there", "`role` without a generation prompt"),
    # Errors.
    ("error type: BadRequestError here, Bad Request there", "`type` of an error for a wrong JSON type"),
    ("error param: (field|place in field) here, (None|field|place in field|body.(field|place in field|prompt)|input_tokens|logprobs) there",
     "`param` of an error"),
    ("error param: (messages|prompt) here, (body.(messages|prompt)|input_tokens) there", "`param` of an error"),
    ("error param: None here, (body|body.1|field) there", "`param` of an error"),
    ("error body: error here, detail there, status (404|405)", "unknown route or method"),
    (f"{GENERATE} (structured_outputs|response_format): .*: status 400 here, 500 there", "error of a route's own status"),
    # Refused here.
    (f"{GENERATE} (max_tokens: digits|max_tokens: true|logprobs: true): {STRICTER}", "integers as text (`\"5\"`, `true`)"),
    (f"{GENERATE} n: 17: {STRICTER}", "prompts in a body, `n`"),
    (f"{GENERATE} (best_of|use_beam_search): .*: {STRICTER}", "`suffix`, `best_of` other than `n`, beam search"),
    (f"{GENERATE} priority: 1: {STRICTER}", "`priority` without `--scheduling-policy priority`"),
    (f"{GENERATE} (logprob_token_ids: two|repetition_detection: an object): {STRICTER}", "`logprob_token_ids`, `repetition_detection`"),
    (f"chat messages: (no content|unknown role): {STRICTER}", "unknown roles, content that is missing"),
    (f"detokenize tokens: beyond the vocabulary: {STRICTER}", "ids beyond the vocabulary in `/detokenize`"),
    # Accepted here.
    (f"{GENERATE} {IGNORED}: .*: {MILDER}", "known fields that mean nothing here, with a wrong value"),
    (f"chat return_prompt_text: text: {MILDER}", "`return_prompt_text`"),
    (f"{GENERATE} (n|min_tokens|priority|request_id): null: {MILDER}", "null for a number or an id"),
    (f"{GENERATE} max_tokens: beyond the context: {MILDER}", "`max_tokens` beyond the context"),
    (f"{GENERATE} stop: 5 texts: {MILDER}", "| `stop` | 4 strings | 16 |"),
    (f"completions suffix: empty: {MILDER}", "`suffix` that is empty"),
    ("GET /v1/models/demo: status 200 here, 404 there", "`/v1/models/NAME`"),
    # Other answers.
    ("completions echo: true and nothing generated.*: usage .*'completion_tokens': 0.* here, .*'completion_tokens': 1.* there",
     "`echo` with `max_tokens` 0"),
    ("completions echo: true.*: text 'The capital of France is(.*)'  here, '\\1'  there", "`echo` with `return_token_ids`"),
    ("chat min_tokens: 3: text '420'.* here, '42User.* there", "end of a turn"),
    ("chat messages: a tool's result: text .*", "tools and their results in a chat"),
    ("chat (tools|tool_choice|parallel_tool_calls): .*: (prompt_token_ids|token_ids|usage) .*", "tools and their results in a chat"),
    (r"chat (answer|stream \[\])\.? ?choices\[\]\.token_ids: list here, null there", "`token_ids` with `include_reasoning` false"),
    (r"chat include_reasoning: false.*: token_ids \[7, 5, 2\] here, \[\] there", "`token_ids` with `include_reasoning` false"),
    (r"chat tool_choice: required.*: text '' \[\['now', '\{\"zone\":\"CET\"\}'\]\] here, '' \[\['now', '\{\"zone\": \"CET\"\}'\]\] there",
     "arguments of required calls"),
    ("chat messages: a control token: .*", "text of control tokens in messages"),
    (f"{GENERATE} response_format: json_object: text .* here, .*User.* there", "control tokens in structured output"),
    (f"{GENERATE} structured_outputs: json as text: text '1.0'.* here, '1'.* there", "integers in structured output"),
    (f"{GENERATE} structured_outputs: choice with log-probabilities: .*(log-probabilit|likeliest).*", "log-probabilities of structured output"),
    ("tokenize return_token_strs: true: token_strs .*", "`token_strs` of `/tokenize`"),
]
METRIC_EXPLANATIONS = [
    ("metric ernie:engine_.*_seconds_total: here alone", "two counters of its own"),
    ("metric .*_created: there alone", "`_created` times"),
    ("metric (python_|http_request_duration_highr|http_(request|response)_size).*: there alone", "metrics of Python, sizes of bodies"),
    ("metric vllm:(external_prefix_cache|mm_cache|prompt_tokens_cached_by_source|estimated_|admission_rejections|tool_call_parser_invocations|"
     "request_num_preemptions).*: there alone", "metrics of Python, sizes of bodies"),
    ("metric vllm:request_success_total: values of finished_reason .*repetition.* there", "`logprob_token_ids`, `repetition_detection`"),
    ("metric vllm:cache_config_info: labels .*", "labels of `vllm:cache_config_info`"),
]
