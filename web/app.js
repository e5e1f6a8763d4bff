/** The page: its form, the conversation, and what goes wrong. */
import { ask, as_result, speed_of } from "./answers.js";
import { start_charts } from "./charts.js";
import { show_probabilities, TokenWriter } from "./probabilities.js";
import { compare, download } from "./receipt.js";
import { current_language, show_language, text } from "./strings.js";
import { api_key, call, set_api_key } from "./stream.js";

const element = (id) => document.getElementById(id);
const kNumbers = ["max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
  "repetition_penalty"];
let running = null; // the AbortController of what is under way
let turns = []; // messages of the chat so far
let model = null; // of /v1/models
let charts = null;

const mode = () => (element("mode-chat").checked ? "chat" : "completion");

function make(name, key, class_name = "") {
  const made = document.createElement(name);
  if (key) {
    made.dataset.i18n = key;
    made.textContent = text(key);
  }
  made.className = class_name;
  return made;
}

/** What the form asks for. The page draws the seed itself, so that every answer can be repeated. */
function request_of(prompt) {
  const body = { stream: true, stream_options: { include_usage: true }, return_receipt: true };
  for (const name of kNumbers) {
    if (element(name).value !== "") body[name] = Number(element(name).value);
  }
  body.seed = element("seed").value === "" ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(element("seed").value);
  const stops = element("stop_strings").value.split("\n").filter((line) => line !== "");
  if (stops.length > 0) body.stop = stops;
  const top = Number(element("alternatives").value);
  if (mode() === "completion") return { path: "v1/completions", body: { ...body, prompt, logprobs: top } };
  const system = element("system").value.trim();
  const messages = [...(system ? [{ role: "system", content: system }] : []), ...turns, { role: "user", content: prompt }];
  return { path: "v1/chat/completions", body: { ...body, messages, logprobs: true, top_logprobs: top } };
}

function show_problem(problem) {
  const seconds = problem.retry_after ?? "1";
  if (problem.status === 401) {
    ask_for_key();
    // Also in the dialog: what lies behind an open one is neither read nor spoken.
    element("error").textContent = element("key-error").textContent = text("error_key");
  } else if (problem.status === 429 || problem.status === 503) {
    element("error").textContent = text("error_busy", { seconds, message: problem.message });
  } else {
    element("error").textContent = problem.status === 0 ? text("error_network")
      : text("error_other", { message: problem.message });
  }
}

function ask_for_key() {
  element("key-input").value = api_key();
  element("key-error").textContent = "";
  if (!element("key-dialog").open) element("key-dialog").showModal();
}

/** An entry of the conversation, with its parts. */
function add_entry(who, class_name) {
  element("empty").hidden = true;
  const entry = make("article", "", `entry ${class_name}`);
  entry.append(make("h4", who));
  element("conversation").append(entry);
  return entry;
}

function add_writer(entry, class_name) {
  const part = make("div", "", class_name);
  entry.append(part);
  return new TokenWriter(part);
}

/** Keeps the end of the conversation in sight, once a frame: measuring at each token would make long answers slow. */
function follow_end() {
  const box = element("conversation");
  let waits = false;
  box.scrollTop = box.scrollHeight;
  let last = box.scrollTop;
  return () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      if (box.scrollTop < last - 4) return; // the reader has scrolled up
      box.scrollTop = box.scrollHeight;
      last = box.scrollTop;
    });
  };
}

/** Shows the answer to `request` as it comes. */
async function show_answer(request, entry, signal) {
  const writers = {};
  const received = { count: 0 };
  const follow = follow_end();
  try {
    const answer = await ask(request, signal, ({ kind, piece, tokens }) => {
      if (!writers[kind]) {
        if (kind === "reasoning") entry.append(make("h5", "reasoning"));
        writers[kind] = add_writer(entry, kind === "reasoning" ? "reasoning" : "answer");
      }
      writers[kind].write(piece, tokens);
      received.count += tokens.length;
      follow();
    });
    return answer;
  } catch (problem) {
    problem.received = received.count;
    throw problem;
  } finally {
    for (const writer of Object.values(writers)) writer.finish();
  }
}

function finish(answer, entry) {
  const values = { ...speed_of(answer), seed: answer.request.body.seed, reason: answer.reason };
  const line = text(answer.complete ? "done" : "cut", values);
  element("status").textContent = line;
  const note = make("p", "", "note");
  note.textContent = line;
  entry.append(note);
  element("spoken").textContent = answer.text;
  if (answer.complete && answer.receipt) add_receipt(answer, entry);
}

function add_receipt(answer, entry) {
  const row = make("div", "", "actions");
  const check = make("button", "check", "quiet check");
  const save = make("button", "download", "quiet download");
  const result = make("div", "", "receipt");
  result.setAttribute("role", "status");
  check.type = save.type = "button";
  check.addEventListener("click", () => work(async (signal) => {
    result.textContent = text("checking");
    try {
      show_checks(result, answer, await compare(answer, await ask(answer.request, signal, () => {})));
    } catch (problem) {
      result.textContent = "";
      throw problem;
    }
  }));
  save.addEventListener("click", () => download(as_result(answer)));
  row.append(check, save);
  entry.append(row, result);
}

function show_checks(result, answer, checks) {
  const same = checks.every((one) => one.same);
  const title = make("p", "", same ? "good" : "bad");
  title.textContent = text(same ? "receipt_same" : "receipt_differs", { seed: answer.request.body.seed });
  const list = document.createElement("ul");
  for (const one of checks) {
    const item = make("li", "", one.same ? "good" : "bad");
    item.textContent = `${text(one.key, one.values)}: ${text(one.same ? "receipt_equal" : "receipt_unequal")}`;
    list.append(item);
  }
  result.replaceChildren(title, list, make("p", "receipt_limits"));
}

/** Does one thing at a time that Stop ends; problems are shown. */
async function work(task) {
  if (running) return;
  running = new AbortController();
  set_busy(true);
  element("error").textContent = element("spoken").textContent = "";
  try {
    await task(running.signal);
  } catch (problem) {
    if (problem.name === "AbortError") element("status").textContent = text("stopped", { count: problem.received ?? 0 });
    else if (problem.status === undefined) throw problem;
    else {
      element("status").textContent = "";
      show_problem(problem);
    }
  } finally {
    running = null;
    set_busy(false);
  }
}

function set_busy(busy) {
  // Not `disabled`: a button that has the focus would lose it to nobody.
  for (const id of ["send", "reset"]) element(id).setAttribute("aria-disabled", String(busy));
  element("stop").setAttribute("aria-disabled", String(!busy));
  element("conversation").setAttribute("aria-busy", String(busy));
}

function send() {
  const prompt = element("prompt").value;
  if (prompt.trim() === "") {
    element("error").textContent = text("error_empty");
    element("prompt").focus();
    return;
  }
  work(async (signal) => {
    const request = request_of(prompt);
    const chat = mode() === "chat";
    add_entry(chat ? "you" : "prompt_given", "given").append(Object.assign(make("div", "", "answer"), { textContent: prompt }));
    const entry = add_entry("answer", "got");
    element("status").textContent = text("working");
    if (chat) element("prompt").value = "";
    try {
      const answer = await show_answer(request, entry, signal);
      finish(answer, entry);
      if (chat) turns.push({ role: "user", content: prompt }, { role: "assistant", content: answer.text });
    } catch (problem) {
      if (chat && element("prompt").value === "") element("prompt").value = prompt;
      throw problem;
    } finally {
      element("conversation").scrollTop = element("conversation").scrollHeight;
    }
  });
}

function reset() {
  turns = [];
  for (const one of document.querySelectorAll(".entry")) one.remove();
  element("empty").hidden = false;
  for (const id of ["error", "status", "spoken"]) element(id).textContent = "";
}

function show_mode() {
  running?.abort(); // else its answer would become a turn of a chat that is no longer shown
  reset();
  element("system-row").hidden = mode() !== "chat";
  element("prompt-label").dataset.i18n = mode() === "chat" ? "message" : "text";
  element("prompt-label").textContent = text(element("prompt-label").dataset.i18n);
  if (mode() === "completion" && element("prompt").value === "") element("prompt").value = "The capital of France is";
}

function show_model() {
  if (!model) return;
  const context = new Intl.NumberFormat(current_language()).format(model.max_model_len);
  element("model").textContent = text("model", { name: model.id, context });
  element("demo").hidden = model.root !== "ernie-demo";
}

async function load_model() {
  try {
    model = (await (await call("v1/models")).json()).data[0];
    show_model();
  } catch (problem) {
    show_problem(problem);
  }
}

function switch_language(language) {
  show_language(language);
  element("language").textContent = language === "zh" ? "English" : "中文";
  element("language").lang = language === "zh" ? "en" : "zh";
  show_model();
  charts?.draw();
}

function listen() {
  element("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running) send();
  });
  element("stop").addEventListener("click", () => running?.abort());
  element("reset").addEventListener("click", () => {
    if (running) return;
    reset();
    element("prompt").focus();
  });
  for (const id of ["mode-chat", "mode-completion"]) element(id).addEventListener("change", show_mode);
  element("language").addEventListener("click", () => switch_language(current_language() === "zh" ? "en" : "zh"));
  element("key-open").addEventListener("click", ask_for_key);
  element("key-cancel").addEventListener("click", () => element("key-dialog").close());
  element("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    set_api_key(element("key-input").value.trim());
    element("key-dialog").close();
    element("error").textContent = "";
    load_model();
    charts.again();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") running?.abort();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element("form").requestSubmit();
  });
}

switch_language(current_language());
listen();
if (matchMedia("(max-width: 60rem)").matches) element("settings").open = false;
show_probabilities(element("conversation"), element("details"));
charts = start_charts(element("charts"), element("charts-note"));
switch_language(current_language()); // the charts' captions as well
load_model();
