#include "report/html_style.h"

namespace ernie::report {

// The series' colours keep apart for the common kinds of colour blindness and have a contrast of at
// least 3 with their background; markers and the order of bars tell the same without colour.
const char* const kHtmlStyle = R"css(
:root {
  color-scheme: light;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2129; --soft: #56606d; --line: #d9dee5; --grid: #e6eaef; --axis: #98a3b0;
  --accent: #2458a6; --stripe: #f8f9fb; --head: #eef1f5; --track: #e3e8ee;
  --pass: #0b6e62; --pass-bg: #e0f2ef; --warn: #8a5a00; --warn-bg: #fbeecf; --fail: #b3261e; --fail-bg: #fbe4e1;
  --s0: #1f5aa6; --s1: #dd7d0a; --s2: #21a38b; --s3: #731c3c; --s4: #5b5208; --s5: #5f9ad6; --s6: #b04fc8; --s7: #555d68;
}
@media screen and (prefers-color-scheme: dark) { :root {
  color-scheme: dark;
  --page: #12161b; --card: #1a2027; --ink: #e4e8ed; --soft: #a3adb9; --line: #333c47; --grid: #29313a; --axis: #65717f;
  --accent: #8ab4f0; --stripe: #1e252d; --head: #232b34; --track: #303a45;
  --pass: #5ecfbd; --pass-bg: #143630; --warn: #f0bd5a; --warn-bg: #3c2e0e; --fail: #ff8f85; --fail-bg: #4a1b18;
  --s0: #5285e6; --s1: #eda14e; --s2: #8be8cf; --s3: #d1458f; --s4: #e9dc93; --s5: #b5d3f4; --s6: #8f63e8; --s7: #8e96a1;
} }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC",
  "Noto Sans SC", "Source Han Sans SC", sans-serif; }
.page { max-width: 1240px; margin: 0 auto; padding: 28px 28px 56px; }
header { margin-bottom: 20px; }
.headline { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 18px; }
h1 { margin: 0; font-size: 27px; line-height: 1.25; letter-spacing: -0.01em; }
h2 { margin: 0 0 12px; font-size: 19px; line-height: 1.3; }
.summary { max-width: 75ch; margin: 10px 0 0; color: var(--soft); font-size: 16px; }
.badge { display: inline-flex; align-items: center; gap: 7px; padding: 4px 14px; border-radius: 999px;
  font-weight: 650; font-size: 15px; border: 1px solid currentColor; }
.pass { color: var(--pass); } .warn { color: var(--warn); } .fail { color: var(--fail); }
.badge.pass, td .pill.pass { background: var(--pass-bg); }
.badge.warn, td .pill.warn { background: var(--warn-bg); }
.badge.fail, td .pill.fail { background: var(--fail-bg); }
nav ol { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0; padding: 0; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
nav { margin-bottom: 20px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px;
  margin-bottom: 20px; scroll-margin-top: 12px; min-width: 0; }
section > p { max-width: 80ch; }
section > :last-child { margin-bottom: 0; }
p { margin: 0 0 12px; }
p.verdict { padding: 8px 14px; border-radius: 6px; border-left: 4px solid currentColor; max-width: none; }
p.verdict.pass { background: var(--pass-bg); } p.verdict.warn { background: var(--warn-bg); }
p.verdict.fail { background: var(--fail-bg); }
p.verdict span { color: var(--ink); }
dl { columns: 2 400px; column-gap: 40px; margin: 0; font-size: 14px; }
dl div { display: grid; grid-template-columns: 10.5em minmax(0, 1fr); gap: 14px; padding: 2px 0; break-inside: avoid; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0 0 22px; }
figcaption, caption { font-weight: 600; text-align: left; padding: 0 0 8px; }
.scroll { overflow: auto; margin-bottom: 18px; border: 1px solid var(--line); border-radius: 8px; }
.scroll.long { max-height: 82vh; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
tbody tr:last-child > * { border-bottom: 0; }
tbody tr:nth-child(even) > * { background: var(--stripe); }
thead th { position: sticky; top: 0; z-index: 2; background: var(--head); font-weight: 600; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tbody th { font-weight: 500; background: var(--card); position: sticky; left: 0; z-index: 1; }
thead th:first-child { left: 0; z-index: 3; }
.num { text-align: right; white-space: nowrap; }
td.pass, td.warn, td.fail { font-weight: 550; }
.prose { min-width: 15em; }
.pill { display: inline-block; padding: 0 9px; border-radius: 999px; font-weight: 600; font-size: 13px; white-space: nowrap; }
.meter { display: flex; align-items: center; gap: 10px; justify-content: flex-end; }
.track { flex: 0 0 84px; height: 9px; border-radius: 3px; background: var(--track); position: relative; }
.fill { display: block; height: 100%; border-radius: 3px; background: var(--s0); }
.pass .fill { background: var(--s2); } .warn .fill { background: var(--s1); } .fail .fill { background: var(--fail); }
.over { position: absolute; right: -10px; top: 50%; transform: translateY(-50%); font-size: 12px; line-height: 1; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 0 0 8px; padding: 0; font-size: 13.5px; }
.legend li { display: inline-flex; align-items: center; gap: 7px; }
.plot { overflow-x: auto; }
.plot svg { display: block; width: 100%; min-width: 800px; height: auto; }
svg text { fill: var(--soft); font-size: 12px; }
svg .name { fill: var(--ink); } svg .strong { fill: var(--ink); font-weight: 600; }
svg .halo { paint-order: stroke; stroke: var(--card); stroke-width: 3.5px; stroke-linejoin: round; }
details { margin-top: 6px; font-size: 14px; } summary { color: var(--accent); cursor: pointer; width: max-content; }
.grid { stroke: var(--grid); } .axis { stroke: var(--axis); } .band { fill: var(--stripe); }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
.s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .s6 { --c: var(--s6); } .s7 { --c: var(--s7); }
.bar { fill: var(--c); } .bar.off { fill-opacity: 0.35; stroke: var(--fail); stroke-dasharray: 3 2; }
.curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.mark { fill: var(--c); stroke: var(--card); stroke-width: 1; }
.hit { fill: transparent; }
.sign text { fill: var(--fail); font-weight: 700; } .none text { fill: var(--soft); font-size: 10px; }
.reference { stroke: var(--ink); stroke-width: 1.4; stroke-dasharray: 6 4; }
.limit { stroke: var(--ink); stroke-width: 1.8; } .leader { stroke: var(--soft); stroke-width: 0.8; }
@media (max-width: 640px) {
  .page { padding: 16px 12px 32px; } section { padding: 14px 12px; border-radius: 8px; } h1 { font-size: 22px; }
  dl div { grid-template-columns: 1fr; gap: 0; padding: 0 0 6px; } th, td { padding: 5px 9px; }
  .track { flex-basis: 56px; }
}
@page { size: A4; margin: 14mm 12mm; }
@media print {
  :root { --page: #ffffff; }
  body { font-size: 10pt; } .page { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav { display: none; }
  section { border: 0; padding: 0; margin-bottom: 18px; border-radius: 0; }
  h1, h2, figcaption, .legend { break-after: avoid; }
  figure.chart, tr, p, dl div { break-inside: avoid; }
  .scroll, .scroll.long, .plot { overflow: visible; max-height: none; }
  .plot svg { min-width: 0; }
  table { font-size: 8.5pt; } th, td { padding: 3px 6px; } thead th, tbody th { position: static; } thead th { white-space: normal; }
  thead { display: table-header-group; }
  .prose { min-width: 0; } .scroll { border: 0; } details { display: none; }
  td, tbody th { overflow-wrap: break-word; }
  .many table { font-size: 7pt; } .many th, .many td { padding: 2px 4px; } .many .track { flex-basis: 28px; } .many .meter { gap: 5px; }
  .track { flex-basis: 50px; } .pill { font-size: 8pt; padding: 0 6px; } .legend { font-size: 9pt; }
  svg text { font-size: 13px; } h1 { font-size: 18pt; } h2 { font-size: 13pt; } .summary { font-size: 11pt; } dl { font-size: 9pt; columns: 2 280px; column-gap: 24px; }
  dl div { grid-template-columns: 8.8em minmax(0, 1fr); gap: 10px; }
}
)css";

}  // namespace ernie::report
