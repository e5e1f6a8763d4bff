/** Charts of the server's /metrics, one sample a second while the page is visible. */
import { text } from "./strings.js";
import { call } from "./stream.js";

const kSamples = 120;
const kSvg = "http://www.w3.org/2000/svg";

/** The sum of each metric over its labels, but for histograms. */
export function parse_metrics(content) {
  const sums = new Map();
  for (const line of content.split("\n")) {
    const match = /^([a-zA-Z_:]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (match) sums.set(match[1], (sums.get(match[1]) ?? 0) + Number(match[2]));
  }
  return sums;
}

const rate = (now, before, name) => Math.max(0, now.get(name) - before.get(name));

/** What the charts show, from two samples that are `seconds` apart. */
export function figures_of(now, before, seconds) {
  const asked = rate(now, before, "vllm:prefix_cache_queries_total");
  return {
    throughput: rate(now, before, "vllm:generation_tokens_total") / seconds,
    running: now.get("vllm:num_requests_running"),
    waiting: now.get("vllm:num_requests_waiting"),
    kv: 100 * now.get("vllm:kv_cache_usage_perc"),
    hits: asked > 0 ? 100 * rate(now, before, "vllm:prefix_cache_hits_total") / asked : null,
  };
}

const percent = (value) => `${value.toFixed(value > 0 && value < 1 ? 2 : 0)} %`;
const charts = [
  { key: "throughput", lines: ["throughput"], unit: (value) => value.toFixed(value < 100 ? 1 : 0), least: 10 },
  { key: "queue", lines: ["running", "waiting"], unit: (value) => String(value), least: 4 },
  { key: "kv", lines: ["kv"], unit: percent, least: 1 },
  { key: "hits", lines: ["hits"], unit: percent, least: 100 },
];
const samples = [];

function svg(name, attributes) {
  const made = document.createElementNS(kSvg, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function build(parent) {
  for (const chart of charts) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const title = document.createElement("span");
    title.dataset.i18n = chart.key;
    chart.now = document.createElement("strong");
    chart.now.id = `now-${chart.key}`;
    caption.append(title, chart.now);
    chart.picture = svg("svg", { viewBox: "0 0 240 56", preserveAspectRatio: "none", role: "img" });
    chart.picture.append(svg("line", { x1: 0, x2: 240, y1: 55.5, y2: 55.5, class: "axis" }));
    chart.paths = chart.lines.map((line) => svg("path", { class: `line ${line}` }));
    chart.picture.append(...chart.paths);
    figure.append(caption, chart.picture);
    parent.append(figure);
  }
}

/** The last value there is; cache hits have none in seconds without a prompt. */
const last = (line) => samples.findLast((one) => one[line] !== null)?.[line] ?? 0;

function path_of(line, most) {
  const begin = kSamples - samples.length;
  const points = samples.map((one, i) => ({ x: (240 * (begin + i)) / (kSamples - 1), value: one[line] }));
  const known = points.filter(({ value }) => value !== null);
  return known.map(({ x, value }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${(54 - (50 * value) / most).toFixed(1)}`).join("");
}

function draw() {
  for (const chart of charts) {
    const highest = Math.max(0, ...chart.lines.flatMap((line) => samples.map((one) => one[line] ?? 0)));
    const most = Math.max(chart.least, highest);
    chart.lines.forEach((line, i) => chart.paths[i].setAttribute("d", path_of(line, most)));
    const now = chart.key === "queue" ? text("queue_text", { running: last("running"), waiting: last("waiting") })
      : chart.unit(last(chart.lines[0]));
    chart.now.textContent = now;
    const said = text("chart_text", { now, most: chart.unit(highest) });
    chart.picture.setAttribute("aria-label", `${text(chart.key)}: ${said}`);
  }
}

let before = null;

async function sample(note) {
  try {
    const now = parse_metrics(await (await call("metrics")).text());
    const at = performance.now();
    if (before) {
      samples.push(figures_of(now, before.sums, (at - before.at) / 1000));
      if (samples.length > kSamples) samples.shift();
    }
    before = { sums: now, at };
    note.hidden = true;
  } catch (problem) {
    before = null;
    note.hidden = false;
    note.textContent = text(problem.status === 401 ? "charts_key" : "charts_lost");
    return problem.status !== 401; // without a key there is no use in asking each second
  } finally {
    draw();
  }
  return true;
}

/** Begins to draw into `parent`; what it returns asks again after the key has changed. */
export function start_charts(parent, note) {
  let timer = 0;
  build(parent);
  const poll = async () => {
    timer = 0;
    if (document.hidden) return;
    if (await sample(note)) timer = setTimeout(poll, 1000);
  };
  const again = () => {
    if (!timer && !document.hidden) timer = setTimeout(poll, 0);
  };
  document.addEventListener("visibilitychange", () => {
    before = null; // a rate over the time out of sight would be none
    again();
  });
  again();
  return { again, draw };
}
