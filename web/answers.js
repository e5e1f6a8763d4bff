/** Asks for an answer and keeps what came: text, tokens, receipt, times. */
import { stream } from "./stream.js";
import { tokens_of } from "./probabilities.js";

/** Streams the answer to `request` {path, body}; `take` gets {kind, piece, tokens} of each chunk. */
export async function ask(request, signal, take) {
  const answer = { request, text: "", tokens: [], receipt: null, usage: null, reason: null, complete: false, id: "",
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
    if (piece !== "" && answer.first === null) answer.first = performance.now();
    take({ kind: thought ? "reasoning" : "text", piece, tokens });
  } });
  answer.ended = performance.now();
  return answer;
}

/** Milliseconds to the first text, and tokens a second behind it. */
export function speed_of(answer) {
  const count = answer.usage?.completion_tokens ?? answer.tokens.length;
  const first = answer.first ?? answer.ended;
  const seconds = (answer.ended - first) / 1000;
  return { count, first: Math.round(first - answer.began),
    speed: count > 1 && seconds > 0 ? ((count - 1) / seconds).toFixed(1) : "–" };
}

/** The answer as a line of run-batch's results, which `ernie verify receipt` reads. */
export function as_result(answer) {
  const chat = answer.request.path.includes("chat");
  const message = { role: "assistant", content: answer.text };
  const choice = { index: 0, ...(chat ? { message } : { text: answer.text }), logprobs: null, finish_reason: answer.reason };
  const body = { id: answer.id, object: chat ? "chat.completion" : "text_completion", model: answer.model,
    choices: [choice], usage: answer.usage, ernie_receipt: answer.receipt };
  return { id: answer.id, custom_id: answer.id, response: { status_code: 200, request_id: answer.id, body }, error: null };
}
