/** Owns the inspector's page: HTML, style and script, constant but for the nonce of their content security policy. */

const style = `
:root { color-scheme: light dark; --paper: light-dark(#f6f5f1, #111614); --card: light-dark(#fff, #1a211f); --ink: light-dark(#1b2321, #e7ecea);
  --soft: light-dark(#56625e, #9fada8); --line: light-dark(#dcdfda, #2e3835); --accent: light-dark(#0b6b63, #5fd0c0);
  --bad: light-dark(#a8281c, #ff9a8c); --mono: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; max-width: 64rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 3vw, 2rem); }
h1, h2, p, dl, dd, ol { margin: 0; padding: 0; }
h1 { font-size: 1.25rem; font-weight: 650; overflow-wrap: anywhere; }
h1 code { font-size: 1.125rem; }
h2 { font-size: 0.9375rem; font-weight: 650; }
code, pre { font: 0.875em/1.5 var(--mono); }
section { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.5rem; padding: 0.9rem 1rem; border: 1px solid var(--line); border-radius: 12px; background: var(--card); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.6rem 1.25rem; }
dt, th, .soft { color: var(--soft); font-size: 0.8125rem; font-weight: 400; }
dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
#phase { font-weight: 650; color: var(--accent); }
.failed #phase, #error { color: var(--bad); }
.long { grid-column: 1 / -1; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; white-space: nowrap; }
td:last-child { min-width: 20rem; white-space: normal; }
#tail { height: 22rem; overflow: auto; list-style: none; font: 0.8125rem/1.5 var(--mono); }
#tail li { display: grid; grid-template-columns: 5rem minmax(0, 1fr); gap: 0.75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
#tail b { color: var(--accent); font-weight: 600; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/** It reads the tail with fetch, not with EventSource: that shows only events of names it was told beforehand. */
const script = `
"use strict";
const path = location.pathname;
const pollMs = 1000, tailEvents = 50, maxRows = 200, maxChars = 2000;
const at = (id) => document.getElementById(id);
const put = (id, text) => { if (at(id).textContent !== String(text)) at(id).textContent = text; };
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const time = (ms) => new Date(ms).toISOString().slice(11, 23);
const day = (text) => text.slice(0, 10) + " " + text.slice(11, 19);
const n = (value) => Number(value).toLocaleString("en");
let tailing = false;

async function watch() {
  for (;;) {
    const response = await fetch(path + "/status").catch(() => null);
    if (response?.status === 404) return put("phase", "removed");
    if (response?.ok) {
      const status = await response.json();
      show(status);
      if (status.outcome !== null) return;
    }
    await wait(pollMs);
  }
}

function show(status) {
  const { id, outcome, error, cost } = status;
  document.title = (outcome ?? status.phase) + ": stream " + id;
  document.body.className = outcome === "failed" || outcome === "expired" ? "failed" : "";
  put("id", id);
  put("phase", outcome ?? status.phase);
  put("attempt", status.attempt);
  put("cursors", status.lastSeq === 0 ? "none yet" : id + "-" + status.firstSeq + " to " + id + "-" + status.lastSeq);
  put("content", status.mode === null ? "not known yet" : status.mode + ", " + status.status + " " + (status.contentType ?? ""));
  put("bytes", n(status.bytes));
  put("readers", n(status.consumers));
  put("created", day(status.createdAt));
  put("ended", status.endedAt === null ? "not yet" : day(status.endedAt));
  put("cost", n(cost.commits) + " commits, " + n(cost.rowsWritten) + " rows written");
  at("error").hidden = error === null;
  if (error !== null) put("error", error.code + ": " + error.message);
  at("attempts").replaceChildren(...status.attempts.map(row));
  begin(status);
}

function row({ attempt, invokedAt, dialledAt, endedAt, lastSeq, reason }) {
  const cells = [
    attempt,
    time(invokedAt),
    dialledAt === null ? "not yet" : "after " + n(dialledAt - invokedAt) + " ms",
    endedAt === null ? "goes on" : time(endedAt),
    lastSeq === null ? "" : n(lastSeq),
    reason ?? "",
  ];
  const line = document.createElement("tr");
  line.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return line;
}

function begin({ mode, lastSeq, outcome }) {
  if (mode === null || tailing) return;
  tailing = true;
  at("links").hidden = false;
  if (mode === "events") tail(Math.max(0, lastSeq - tailEvents));
}

async function tail(from) {
  at("tail-part").hidden = false;
  let cursor = null;
  for (;;) {
    const headers = { accept: "text/event-stream", ...(cursor === null ? {} : { "last-event-id": cursor }) };
    const response = await fetch(path + "?from=" + from, { headers }).catch(() => null);
    if (response?.status === 204) return put("following", "at its end");
    if (response?.status === 404) return put("following", "removed");
    if (response?.ok) {
      put("following", "live");
      let ended = false;
      for await (const block of blocks(response.body)) {
        cursor = block.id ?? cursor;
        if (block.data === null) continue;
        add(block);
        ended = block.name === "longstream.end";
      }
      if (ended) return put("following", "at its end");
    }
    put("following", "reconnecting");
    await wait(pollMs);
  }
}

async function* blocks(body) {
  let rest = "";
  try {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\\n\\n");
      rest = parts.pop();
      yield* parts.map(parse);
    }
  } catch {
    // Cut off; what was whole has been given.
  }
}

function parse(text) {
  const block = { id: null, name: null, data: null };
  for (const line of text.split("\\n")) {
    const [, field, value] = /^(\\w+):? ?(.*)$/.exec(line) ?? [];
    if (field === "id") block.id = value;
    if (field === "event") block.name = value;
    if (field === "data") block.data = block.data === null ? value : block.data + "\\n" + value;
  }
  return block;
}

function add({ id, name, data }) {
  const list = at("tail");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const item = document.createElement("li");
  const seq = Object.assign(document.createElement("span"), { className: "soft", textContent: name === "longstream.reset" ? "" : (id ?? "").split("-").at(-1) });
  const body = document.createElement("span");
  if (name !== null) body.append(Object.assign(document.createElement("b"), { textContent: name + " " }));
  body.append(data.length > maxChars ? data.slice(0, maxChars) + " ... (" + n(data.length) + " characters)" : data);
  item.append(seq, body);
  list.append(item);
  if (list.childElementCount > maxRows) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

watch();
`;

const body = `
<main>
  <h1>Stream <code id="id"></code></h1>
  <section aria-label="State">
    <dl>
      <div><dt>State</dt><dd id="phase" role="status">asking ...</dd></div>
      <div><dt>Attempt</dt><dd id="attempt"></dd></div>
      <div><dt>Readers</dt><dd id="readers"></dd></div>
      <div><dt>Answer</dt><dd id="content"></dd></div>
      <div><dt>Bytes</dt><dd id="bytes"></dd></div>
      <div><dt>Cost</dt><dd id="cost"></dd></div>
      <div><dt>Created (UTC)</dt><dd id="created"></dd></div>
      <div><dt>Ended (UTC)</dt><dd id="ended"></dd></div>
      <div class="long"><dt>Cursors</dt><dd id="cursors"></dd></div>
    </dl>
    <p id="error" hidden></p>
    <p id="links" hidden><a href="?live=false">What is stored now</a> &middot; <a href="?live=true" download>Download, up to its end</a></p>
  </section>
  <section aria-labelledby="attempts-title">
    <h2 id="attempts-title">Attempts</h2>
    <div class="wide" role="region" aria-labelledby="attempts-title" tabindex="0">
      <table>
        <thead><tr><th scope="col">Number</th><th scope="col">Invoked (UTC)</th><th scope="col">Dialled in</th><th scope="col">Ended (UTC)</th><th scope="col">Last seq</th><th scope="col">Why it ended</th></tr></thead>
        <tbody id="attempts"></tbody>
      </table>
    </div>
  </section>
  <section id="tail-part" aria-labelledby="tail-title" hidden>
    <h2 id="tail-title">Tail <span class="soft" id="following"></span></h2>
    <ol id="tail" tabindex="0" aria-labelledby="tail-title"></ol>
  </section>
</main>`;

const missing = `
<main>
  <h1>There is no such stream</h1>
  <section>
    <p>It was never created, or its log was removed: a stream is kept for a day after its end, if its route does not say otherwise.</p>
    <p class="soft">The id is the last part of this page's address. It is also in the <code>Stream-Id</code> header of the answer that created a stream.</p>
  </section>
</main>`;

export function inspectorPage(nonce: string): string {
  return page(nonce, "Stream", `${body}\n<script nonce="${nonce}">${script}</script>`);
}

export function missingPage(nonce: string): string {
  return page(nonce, "No such stream", missing);
}

function page(nonce: string, title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style nonce="${nonce}">${style}</style>
</head>
<body>${content}</body>
</html>
`;
}
