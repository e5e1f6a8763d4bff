"use strict";

const element = (id) => document.getElementById(id);
let running = null; // the AbortController of the answer under way

function requestOf(mode) {
  const number = (id) => Number(element(id).value);
  const body = { temperature: number("temperature"), max_tokens: number("max_tokens"), stream: true,
    stream_options: { include_usage: true } };
  if (element("seed").value !== "") body.seed = number("seed");
  const prompt = element("prompt").value;
  if (mode === "chat") return ["v1/chat/completions", { ...body, messages: [{ role: "user", content: prompt }] }];
  return ["v1/completions", { ...body, prompt }];
}

/** Calls `take` with each event of a stream. */
async function readEvents(response, take) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (pending + value).split("\n");
    pending = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data: ") && line !== "data: [DONE]") take(JSON.parse(line.slice(6)));
    }
  }
}

async function send() {
  const [path, body] = requestOf(element("mode").value);
  const headers = { "Content-Type": "application/json" };
  if (element("key").value) headers.Authorization = `Bearer ${element("key").value}`;
  const began = performance.now();
  const answer = element("answer");
  answer.textContent = "";
  let first = 0, usage = null;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: running.signal });
  if (!response.ok) throw new Error((await response.json()).error.message);
  await readEvents(response, (event) => {
    if (event.error) throw new Error(event.error.message);
    usage = event.usage ?? usage;
    const choice = event.choices[0];
    const text = choice?.text ?? choice?.delta?.content ?? "";
    if (text && !first) first = performance.now();
    answer.append(text); // as text, never as HTML
  });
  const seconds = (performance.now() - first) / 1000;
  const count = usage?.completion_tokens ?? 0;
  element("status").textContent =
    `${count} tokens, first after ${Math.round(first - began)} ms, ${(count / seconds).toFixed(1)} tokens/s`;
}

async function start() {
  running = new AbortController();
  element("send").disabled = true;
  element("stop").disabled = false;
  element("status").textContent = "";
  try {
    await send();
  } catch (problem) {
    element("status").textContent = problem.name === "AbortError" ? "Stopped." : problem.message;
  } finally {
    running = null;
    element("send").disabled = false;
    element("stop").disabled = true;
  }
}

element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!running) start();
});
element("stop").addEventListener("click", () => running?.abort());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});
