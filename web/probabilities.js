/** Tokens with their probabilities: both shapes of the API, spans in the page, and what is shown about one. */
import { text } from "./strings.js";

/** The tokens of a choice of a chunk as [{token, logprob, top: [{token, logprob}]}]. */
export function tokens_of(choice) {
  const logprobs = choice.logprobs;
  if (!logprobs) return [];
  if (logprobs.content) {
    return logprobs.content.map(({ token, logprob, top_logprobs }) => ({ token, logprob,
      top: (top_logprobs ?? []).map((one) => ({ token: one.token, logprob: one.logprob })) }));
  }
  return (logprobs.tokens ?? []).map((token, i) => ({ token, logprob: logprobs.token_logprobs[i],
    top: Object.entries(logprobs.top_logprobs?.[i] ?? {}).map(([other, logprob]) => ({ token: other, logprob })) }));
}

const percent = (logprob) => {
  const value = 100 * Math.exp(logprob);
  return value > 0 && value < 0.01 ? "< 0.01 %" : `${value.toFixed(2)} %`;
};

function level(logprob) {
  const probability = Math.exp(logprob);
  return probability > 0.9 ? "sure" : probability > 0.5 ? "likely" : probability > 0.1 ? "unsure" : "unlikely";
}

/** Pieces of text, each with its tokens: one apiece where tokens spell the text; `rest` is tokens without text. */
export function pieces_of(piece, tokens) {
  let spelled = "";
  for (let count = 1; count <= tokens.length; ++count) {
    spelled += tokens[count - 1].token;
    if (spelled === piece) {
      const pieces = tokens.slice(0, count).map((one) => ({ text: one.token, tokens: [one] }));
      return { pieces, rest: tokens.slice(count) };
    }
  }
  return { pieces: [{ text: piece, tokens }], rest: [] };
}

/** Writes tokens into an element as they come. */
export class TokenWriter {
  #held = []; // tokens whose bytes are not yet a whole character

  constructor(element) {
    this.element = element;
    element.setAttribute("role", "group");
    element.dataset.i18nLabel = "tokens";
    element.setAttribute("aria-label", text("tokens"));
  }

  write(piece, tokens) {
    const all = [...this.#held, ...tokens];
    if (piece === "") {
      this.#held = all;
      return;
    }
    const { pieces, rest } = pieces_of(piece, all);
    this.#held = rest;
    for (const one of pieces) this.#append(one.text, one.tokens);
  }

  /** What is left belongs to the token that ended the answer, which has no text. */
  finish() {
    if (this.#held.length === 0) return;
    const span = this.#append("■", this.#held);
    span.classList.add("end");
    span.setAttribute("role", "img");
    span.setAttribute("aria-label", text("end_token"));
    this.#held = [];
  }

  #append(piece, tokens) {
    const span = document.createElement("span");
    span.textContent = piece; // never as HTML
    span.className = "token";
    if (tokens.length > 0) {
      span.classList.add(level(Math.min(...tokens.map((one) => one.logprob))));
      span.tabIndex = this.element.querySelector(".token[tabindex]") ? -1 : 0;
      span.ernie_tokens = tokens;
    }
    this.element.append(span);
    return span;
  }
}

function element(name, content, ...classes) {
  const made = document.createElement(name);
  made.textContent = content;
  made.classList.add(...classes);
  return made;
}

const shown = (token) => JSON.stringify(token).slice(1, -1).replaceAll(" ", "␣");

function table_of({ token, top }) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const key of ["token_column", "percent_column", "log_column"]) {
    const cell = element("th", text(key));
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const other of [...top].sort((a, b) => b.logprob - a.logprob)) {
    const row = body.insertRow();
    if (other.token === token) row.className = "chosen";
    row.insertCell().append(element("code", shown(other.token)));
    row.insertCell().textContent = percent(other.logprob);
    row.insertCell().textContent = other.logprob.toFixed(3);
  }
  return table;
}

function fill(box, tokens) {
  box.replaceChildren();
  for (const one of tokens) {
    const line = document.createElement("p");
    line.append(element("code", shown(one.token)), ` ${text("probability", { percent: percent(one.logprob) })}`);
    box.append(line);
    if (one.top.length > 0) box.append(table_of(one));
  }
}

function place(box, span) {
  box.hidden = false;
  const at = span.getClientRects()[0];
  const left = Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8));
  const below = at.bottom + box.offsetHeight + 8 <= innerHeight;
  box.style.left = `${left}px`;
  box.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - box.offsetHeight - 4)}px`;
}

function step(span, key) {
  const all = [...span.parentElement.querySelectorAll(".token[tabindex]")];
  const at = all.indexOf(span);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + 10, ArrowUp: at - 10, Home: 0, End: all.length - 1 }[key];
  if (to === undefined) return false;
  const next = all[Math.max(0, Math.min(all.length - 1, to))];
  span.tabIndex = -1; // one stop for the Tab key in each answer
  next.tabIndex = 0;
  next.focus();
  return true;
}

/** Shows, in `box`, the token of `region` that the pointer or the focus is on. */
export function show_probabilities(region, box) {
  const token = (event) => event.target.closest?.(".token[tabindex]");
  const hide = () => {
    box.hidden = true;
    region.querySelector("[aria-describedby]")?.removeAttribute("aria-describedby");
  };
  const show = (event) => {
    const span = token(event);
    if (!span) return;
    hide();
    fill(box, span.ernie_tokens);
    place(box, span);
    span.setAttribute("aria-describedby", box.id); // spoken when the focus comes
  };
  region.addEventListener("mouseover", show);
  region.addEventListener("mouseout", hide);
  region.addEventListener("focusin", show);
  region.addEventListener("focusout", hide);
  region.addEventListener("keydown", (event) => {
    if (token(event) && step(token(event), event.key)) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  const follow = () => { // a focus that scrolls its token into view must not lose the details
    const focused = document.activeElement;
    if (!box.hidden && region.contains(focused) && focused.ernie_tokens) place(box, focused);
    else hide();
  };
  addEventListener("scroll", follow, { capture: true, passive: true });
}
