#pragma once

#include <string_view>

/// The pieces of the page, in order: top, style, begin, pictures, table, its rows, end, script.
namespace sluice::http {

inline constexpr std::string_view kPageTop = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sluice</title>
<link rel="icon" href="data:,">
)html";

inline constexpr std::string_view kPageStyle = R"css(
:root { color-scheme: light dark; --ink: #16232b; --soft: #55666f; --paper: #f5f7f8;
  --card: #fff; --line: #d9e0e3; --good: #0b7261; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf0; --soft: #9db0b9; --paper: #10181d; --card: #18232a;
    --line: #2c3b44; --good: #5fd0ba; --bad: #ff9d94; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; }
h1 { margin: 0; font-size: 1.6rem; letter-spacing: -.01em; }
#status { margin: 0; color: var(--soft); }
#status.live { color: var(--good); }
#status.lost { color: var(--bad); }
figure { margin: 1rem 0; overflow: hidden; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
figure img { display: block; width: 100%; max-height: 65vh; object-fit: contain;
  background: #000; color: #ccc; }
figcaption { padding: .5rem .9rem; color: var(--soft); font-variant-numeric: tabular-nums; }
#table { margin: 1rem 0; overflow-x: auto; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { padding: .8rem .9rem .2rem; text-align: left; color: var(--soft); }
th, td { padding: .5rem .9rem; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 500; font-size: .85rem; }
tbody tr { border-top: 1px solid var(--line); }
tbody th { font-weight: 600; }
small { display: block; color: var(--soft); font: .8rem/1.3 ui-monospace, monospace; }
small.trouble { color: var(--bad); white-space: normal; }
small:empty { display: none; }
footer { color: var(--soft); font-size: .9rem; }
a { color: inherit; }
@media (max-width: 34rem) {
  body { padding: 1rem .6rem; }
  th, td { padding: .45rem .4rem; font-size: .9rem; }
  thead th { font-size: .75rem; }
  caption { padding-left: .4rem; }
  small { font-size: .7rem; }
}
)css";

inline constexpr std::string_view kPageBegin = R"html(</head>
<body>
<header>
<h1>sluice</h1>
<p id="status" role="status" aria-live="polite">as of when this page was loaded</p>
</header>
<main>
)html";

inline constexpr std::string_view kPageTable =
    R"html(<div id="table" role="region" aria-labelledby="caption" tabindex="0">
<table>
<caption id="caption">Services of this process</caption>
<thead><tr><th scope="col">Service</th><th scope="col">Clients</th><th scope="col">Failed</th><th scope="col">Received</th><th scope="col">Sent</th></tr></thead>
<tbody>
)html";

inline constexpr std::string_view kPageEnd = R"html(</tbody>
</table>
</div>
</main>
<footer>The same for programs: <a href="/metrics">/metrics</a>,
<a href="/services.json">/services.json</a>, <a href="/healthz">/healthz</a></footer>
)html";

inline constexpr std::string_view kPageScript = R"js(
"use strict";
const line = document.getElementById("status");
const rows = new Map();
for (const row of document.querySelectorAll("tr[data-service]")) {
  rows.set(row.dataset.service, row);
}
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function say(text, kind) {
  put(line, text);
  line.className = kind;
}
function human(bytes) {
  if (bytes < 1000) return bytes + " B";
  let unit = 1000, power = 0;
  while (power < 5 && bytes >= unit * 1000 - unit / 20) { unit *= 1000; ++power; }
  return (Math.floor(bytes / unit * 10 + .5) / 10).toFixed(1) + " " + "kMGTPE"[power] + "B";
}
function putBytes(cell, bytes) {
  put(cell, human(bytes));
  cell.title = bytes;
}
const pictures = new Map();
for (const figure of document.querySelectorAll("figure[data-picture]")) {
  pictures.set(figure.dataset.picture, figure);
}
function play(figure) {
  figure.querySelector("img").src = document.hidden ? "data:," : figure.dataset.picture;
}
document.addEventListener("visibilitychange", () => pictures.forEach(play));
function show(service) {
  const row = rows.get(service.name);
  if (!row) return;
  const notes = row.querySelectorAll("small");
  put(notes[0], service.address);
  put(notes[1], service.trouble);
  const cells = row.querySelectorAll("td");
  put(cells[0], String(service.connections));
  put(cells[1], String(service.failures));
  putBytes(cells[2], service.bytes_in);
  putBytes(cells[3], service.bytes_out);
}
async function refresh() {
  try {
    const answer = await fetch("/services.json", { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status);
    const overview = await answer.json();
    overview.services.forEach(show);
    for (const picture of overview.pictures) {
      const figure = pictures.get(picture.path);
      if (!figure) continue;
      put(figure.querySelector("figcaption"), picture.note);
      if (line.className === "lost") play(figure);
    }
    if (overview.draining) say("about to stop", "lost");
    else say("live", "live");
  } catch {
    say("no answer from the server", "lost");
  }
}
async function run() {
  if (!document.hidden) await refresh();
  setTimeout(run, 1000);
}
run();
)js";

}  // namespace sluice::http
