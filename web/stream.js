/** Speaks to the server: the key, JSON, streams of events, and what can go wrong. */

const kKeyName = "ernie-api-key";

export const api_key = () => sessionStorage.getItem(kKeyName) ?? "";

export function set_api_key(key) {
  if (key) sessionStorage.setItem(kKeyName, key);
  else sessionStorage.removeItem(kKeyName);
}

/** A refusal of the server. `status` is 0 where it could not be reached. */
export class ApiError extends Error {
  constructor(status, message, retry_after = null) {
    super(message);
    this.status = status;
    this.retry_after = retry_after;
  }
}

async function refusal(response) {
  let message = `HTTP ${response.status}`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // A proxy in between may answer with something other than JSON.
  }
  return new ApiError(response.status, message, response.headers.get("Retry-After"));
}

/** The response to a request, relative to the page; throws ApiError, or AbortError once `signal` says so. */
export async function call(path, { body, signal } = {}) {
  const headers = {};
  if (api_key()) headers.Authorization = `Bearer ${api_key()}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, signal, cache: "no-store",
      body: body && JSON.stringify(body) });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new ApiError(0, problem.message);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** Splits text that arrives in pieces into the payloads of its events. */
export class EventSplitter {
  #pending = "";

  push(piece) {
    const lines = (this.#pending + piece).split("\n");
    this.#pending = lines.pop();
    return lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim());
  }
}

/** Posts `body` and gives each event to `take`; true if the stream came to its end. */
export async function stream(path, { body, signal, take }) {
  const response = await call(path, { body, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const splitter = new EventSplitter();
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      throw new ApiError(0, problem.message);
    }
    if (part.done) return false;
    for (const payload of splitter.push(part.value)) {
      if (payload === "[DONE]") return true;
      const event = JSON.parse(payload);
      if (event.error) throw new ApiError(event.error.code, event.error.message);
      take(event);
    }
  }
}
