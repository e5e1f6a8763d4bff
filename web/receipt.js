/** Checks an answer against a second one for the same request, and against its receipt. */

const equal = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const pick = (receipt, names) => names.map((name) => receipt[name]);

/** Lower-case hex, or null where the browser has none to offer: a page over HTTP from another machine. */
async function sha256(content) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What was compared of two answers {text, tokens, receipt}: [{key, values, same}]. */
export async function compare(first, again) {
  const [a, b] = [first.receipt, again.receipt];
  const checks = [
    { key: "receipt_text", values: { count: [...first.text].length }, same: first.text === again.text },
    { key: "receipt_logprobs", values: { count: first.tokens.length }, same: equal(first.tokens, again.tokens) },
    { key: "receipt_ids", values: { count: a.token_ids.length, prompt: a.prompt_ids.length },
      same: equal(pick(a, ["token_ids", "prompt_ids"]), pick(b, ["token_ids", "prompt_ids"])) },
    { key: "receipt_rows", values: { count: a.row_digests.length },
      same: equal(pick(a, ["row_digests", "logits"]), pick(b, ["row_digests", "logits"])) },
    { key: "receipt_identity", values: {},
      same: equal(pick(a, ["model", "tokenizer", "numerics", "params"]), pick(b, ["model", "tokenizer", "numerics", "params"])) },
    { key: "receipt_end", values: {},
      same: equal(pick(a, ["finish_reason", "stop_reason", "text"]), pick(b, ["finish_reason", "stop_reason", "text"])) },
  ];
  const hash = first.text_is_whole ? await sha256(first.text) : null;
  if (hash !== null) checks.push({ key: "receipt_hash", values: {}, same: hash === a.text });
  return checks;
}

/** Offers `answer` as a file that `ernie verify receipt` reads. */
export function download(answer) {
  const address = URL.createObjectURL(new Blob([`${JSON.stringify(answer)}\n`], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${answer.id}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
