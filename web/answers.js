/** Asks for an answer and keeps what came: text, tokens, receipt, times. */
import { stream } from "./stream.js";
import { tokens_of } from "./probabilities.js";

/** Streams the answer to `request` {path, body}; `take` gets {kind, piece, tokens} of each chunk. */
export async function ask(request, signal, take) {
  const answer = { request, text: "", tokens: [], logprobs: [], receipt: null, usage: null, reason: null, complete: false, id: "",
    text_is_whole: true, began: performance.now(), first: null, ended: null };
  answer.complete = await stream(request.path, { body: request.body, signal, take: (event) => {
    answer.id ||= event.id;
    answer.model = event.model;
    answer.usage = event.usage ?? answer.usage;
    answer.receipt = event.ernie_receipt ?? answer.receipt;
    const choice = event.choices?.[0];
    if (!choice) return;
    answer.reason = choice.finish_reason ?? answer.reason;
    const thought = choice.delta?.reasoning_content;
    const piece = thought ?? choice.text ?? choice.delta?.content ?? "";
    const tokens = tokens_of(choice);
    if (thought || choice.delta?.tool_calls) answer.text_is_whole = false;
    if (!thought) answer.text += piece;
    answer.tokens.push(...tokens);
    if (choice.logprobs) answer.logprobs.push(choice.logprobs);
    if (piece !== "" && answer.first === null) answer.first = performance.now();
    take({ kind: thought ? "reasoning" : "text", piece, tokens });
  } });
  answer.ended = performance.now();
  return answer;
}

/** Milliseconds to the first text, and tokens a second behind it; none if the rest came within 20 ms. */
export function speed_of(answer) {
  const count = answer.usage?.completion_tokens ?? answer.tokens.length;
  const first = answer.first ?? answer.ended;
  const seconds = (answer.ended - first) / 1000;
  return { count, first: Math.round(first - answer.began),
    speed: count > 1 && seconds > 0.02 ? ((count - 1) / seconds).toFixed(1) : "–" };
}

/** Puts the log-probabilities of a stream's chunks together: each member is a list. */
function join_logprobs(parts) {
  if (parts.length === 0) return null;
  return Object.fromEntries(Object.keys(parts[0]).map((name) => [name, parts.flatMap((one) => one[name])]));
}

/**
 * The answer as a line of run-batch's results, which `ernie verify receipt` recomputes as a whole. Hence a line has what
 * the model decided and no more: no time, no cached tokens.
 */
export function as_result(answer) {
  const chat = answer.request.path.includes("chat");
  const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
  const said = chat ? { message: { role: "assistant", content: answer.text } } : { text: answer.text };
  const choice = { index: 0, ...said, logprobs: join_logprobs(answer.logprobs), finish_reason: answer.reason,
    stop_reason: answer.receipt.stop_reason || null };
  const body = { id: answer.id, object: chat ? "chat.completion" : "text_completion", created: 0, model: answer.model,
    choices: [choice], usage: { prompt_tokens, completion_tokens, total_tokens }, ernie_receipt: answer.receipt };
  return { id: answer.id, custom_id: answer.id, response: { status_code: 200, request_id: answer.id, body }, error: null };
}
