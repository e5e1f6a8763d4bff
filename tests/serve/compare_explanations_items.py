"""The same as compare_explanations.py, for /v1/responses and /v1/messages."""

from compare_explanations import MILDER, STRICTER

RESPONSE = r"responses (answer |response\.\w+ in a stream \[\]\.response\.)"
CONTENT = r"(answer output\[\]\.content\[\]|response\.completed in a stream \[\]\.response\.output\[\]\.content\[\])"
COUNTED = "(messages|count_tokens)"

ITEM_EXPLANATIONS = [
    # The shape of responses.
    (RESPONSE + r"(error|store): .* here, absent there", "members of a response that the API always has"),
    (RESPONSE + r"(metadata|reasoning|text|text\.format): object here, (null|absent) there", "members of a response that the API always has"),
    (RESPONSE + r"(reasoning\.(effort|summary)|text\.format\.type): (null|text) here, absent there", "members of a response that the API always has"),
    (RESPONSE + r"top_logprobs: number here, null there", "members of a response that the API always has"),
    (r"responses " + CONTENT + r"\.logprobs: list here, null there", "members of a response that the API always has"),
    (r"responses response\.(content_part|output_item)\.done in a stream .*\.logprobs: list here, null there",
     "members of a response that the API always has"),
    (RESPONSE + "(frequency|presence)_penalty: absent here, number there", "members of a response that only vLLM has"),
    (RESPONSE + r"usage\.(in|out)put_tokens_details\.(\w+_per_turn|tool_output_tokens): absent here, (list|number) there",
     "members of a response that only vLLM has"),
    (RESPONSE + r"text\.format\.(name|schema|strict): absent here, .* there", "`text` of a response with a forced tool"),
    (r"responses response: text\.format\.type 'text' here, 'json_schema' there", "`text` of a response with a forced tool"),
    (RESPONSE + "max_output_tokens: null here, number there", "`max_output_tokens`, `tool_choice`, `temperature`, `top_p`"),
    ("responses response: (max_output_tokens 8 here, 1|tool_choice 'auto' here, 'none'|temperature 0.005 here, 0.01|top_p 0.9 here, 1.0) there",
     "`max_output_tokens`, `tool_choice`, `temperature`, `top_p`"),
    ("responses response: service_tier 'auto' here, 'default' there", "`service_tier` of a response"),
    # How they end.
    ("responses stream: events response.incomplete here alone, response.completed there alone", "an answer that was cut off"),
    (r"responses .*: items \['(message|function_call) incomplete'\] here, \['(message|function_call) completed'\] there",
     "an answer that was cut off"),
    (r"responses response\.output_text\.delta in a stream \[\]\.logprobs\[\](\.top_logprobs\[\])?\.bytes: list here, absent there",
     "log-probabilities of a response in a stream"),
    (r"responses .*: 3 log-probabilities here, 2 there", "log-probabilities of a response in a stream"),
    # Errors of responses.
    ("error type: (BadRequestError|NotFoundError) here, invalid_request_error there", "`type` of an error of stored responses"),
    ("error param: None here, response_id there", "`type` of an error of stored responses"),
    ("error param: (field here, max_tokens|place in field here, structured_outputs|input here, body.input) there", "`param` of an error"),
    # What responses refuse or accept.
    ("responses previous_response_id: unknown: status 400 here, 404 there", "stored responses, `background`"),
    (f"responses conversation: .*: {STRICTER}", "`conversation`"),
    (f"responses (tools|tool_choice): web search: {STRICTER}", "tools that the server would run"),
    (f"responses (max_output_tokens: (digits|true)|top_logprobs: text): {STRICTER}", "integers as text (`\"5\"`, `true`)"),
    (f"responses priority: 1: {STRICTER}", "`priority` without `--scheduling-policy priority`"),
    (f"responses stop: empty: {STRICTER}", "`stop` that is empty in a response"),
    (f"responses (text: no name|tools: of a chat): {MILDER}", "a format without a name, tools as in a chat"),
    (f"responses (include|reasoning|service_tier): unknown: {MILDER}", "known fields that mean nothing here, with a wrong value"),
    (f"messages (chat_template_kwargs|kv_transfer_params|vllm_xargs|metadata): text: {MILDER}",
     "known fields that mean nothing here, with a wrong value"),
    (f"responses (chat_template_kwargs|kv_transfer_params|vllm_xargs|prompt_cache_key|session_id): (text|number|list): {MILDER}",
     "known fields that mean nothing here, with a wrong value"),
    (f"responses (background|priority|request_id|service_tier|tool_choice|tools|truncation): null: {MILDER}", "null for a number or an id"),
    ("responses (background|truncation): null in a stream: status 200 here, broken off there", "null for a number or an id"),
    (f"(responses max_output_tokens|messages max_tokens): beyond the context: {MILDER}", "`max_tokens` beyond the context"),
    (f"(responses stop|messages stop_sequences): 5 texts: {MILDER}", "| `stop` | 4 strings | 16 |"),
    # Other responses.
    ("responses truncation: auto and too long: text .*", "`truncation` that is `auto`"),
    ("responses input: incomplete assistant last: text .*", "an unfinished item at the end of `input`"),
    ("responses input: (a call and its output|a text and a call|an output of parts|output without a call|two calls and their outputs): text .*",
     "tools and their results in a chat"),
    ("responses tool_choice: auto: text .*", "tools and their results in a chat"),
    ("responses tool_choice: named.*: usage .*", "tools and their results in a chat"),
    ("responses tool_choice: required in a stream: usage .*", "tools and their results in a chat"),
    (r"responses (tool_choice: required|parallel_tool_calls: false with required): text '' \[\['now', '\{\"zone\":\"CET\"\}'\]\] here, "
     r"'' \[\['now', '\{\"zone\": \"CET\"\}'\]\] there", "arguments of required calls"),
    ("(responses input|messages messages): a control token: text .*", "text of control tokens in messages"),
    ("count_tokens messages: a control token: .*", "text of control tokens in messages"),
    ("responses text: json_object: text .* here, .*User.* there", "control tokens in structured output"),
    ("responses structured_outputs: json as text: text '1.0'.* here, '1'.* there", "integers in structured output"),
    # Errors of messages.
    ("messages error body: error, type here, error there, status 40[04]", "errors of messages"),
    ("messages error code: (absent here, number|None here, 40[04]) there", "errors of messages"),
    (r"messages error param: None here, (body|body\.[\w ]+|field) there", "errors of messages"),
    ("messages error type: invalid_request_error here, (Bad Request|BadRequestError) there", "errors of messages"),
    ("messages error type: not_found_error here, NotFoundError there", "errors of messages"),
    # What messages refuse or accept.
    (f"{COUNTED} messages: call without a name: {STRICTER}", "what a message cannot be read without"),
    (f"{COUNTED} system: image: {STRICTER}", "what a message cannot be read without"),
    (f"messages output_config: format without a schema: {STRICTER}", "what a message cannot be read without"),
    (f"{COUNTED} tool_choice: (any|named) without tools: {STRICTER}", "what a message cannot be read without"),
    (f"messages max_tokens: (digits|true): {STRICTER}", "integers as text (`\"5\"`, `true`)"),
    (f"{COUNTED} model: (null|empty): {MILDER}", "`model` of a message that is missing"),
    (f"messages without model: {MILDER}", "`model` of a message that is missing"),
    (f"{COUNTED} (thinking|output_config): (unknown|unknown effort|text|no budget|a budget.*): {MILDER}", "`thinking` and `effort` of a message"),
    ("messages thinking: a budget in a stream: errors in the stream: 0 here, 1 there", "`thinking` and `effort` of a message"),
    (f"count_tokens messages: too long: {MILDER}", "a conversation longer than the context"),
    (f"messages tool_choice: named and cut off: {MILDER}", "a forced call that was cut off"),
    # Other messages.
    ("count_tokens answer context_management: absent here, object there", "members of messages and counts"),
    ("messages answer stop_sequence: null here, absent there", "members of messages and counts"),
    (r"messages message_start in a stream \[\]\.message\.usage\.cache_\w+: number here, absent there", "members of messages and counts"),
    (f"{COUNTED} messages: (assistant last|block of assistant last): (text|input_tokens) .*", "the assistant's text at the end of messages"),
    (f"{COUNTED} messages: no blocks of assistant: (usage|input_tokens) .*", "a message without blocks"),
    (f"{COUNTED} system: two blocks: (usage|input_tokens) .*", "several blocks of `system`"),
    (f"{COUNTED} messages: (a call|a result|a text and a call|two calls).*: (text|input_tokens) .*", "tools and their results in a chat"),
    (f"{COUNTED} tool_choice: (auto|any|named).*: (text|usage|input_tokens) .*", "tools and their results in a chat"),
]
