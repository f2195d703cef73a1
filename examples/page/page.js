// @ts-check
/** Owns the page: one prompt, one EventSource, and what is shown of it. Reconnecting is the browser's own work. */

/**
 * The state of the stream, as the style sheet knows it too.
 * @typedef {"idle" | "connecting" | "streaming" | "reconnecting" | "completed" | "cancelled" | "failed"} State
 */

/**
 * One question and its answer.
 * @typedef {object} Run
 * @property {EventSource} source
 * @property {Text} text Where the answer grows.
 * @property {number} tokens
 * @property {number} opened How often the browser has connected.
 * @property {string} cursor Last event id.
 * @property {boolean} stopAsked Stop was pressed, perhaps before the first event told which stream this is.
 */

const form = element("ask", HTMLFormElement);
const field = element("prompt", HTMLTextAreaElement);
const sendButton = element("send", HTMLButtonElement);
const stopButton = element("stop", HTMLButtonElement);
const answer = element("answer", HTMLElement);
const notice = element("notice", HTMLElement);
const spoken = element("spoken", HTMLElement);

/** @type {Run | null} */
let current = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (current === null) ask(field.value);
});

field.addEventListener("keydown", (event) => {
  // While an input method composes a character, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

stopButton.addEventListener("click", () => {
  if (current === null || current.stopAsked) return;
  current.stopAsked = true;
  write("state", "Stopping");
  cancel(current);
});

/** @param {string} question */
function ask(question) {
  const source = new EventSource(`/api/tokens?prompt=${encodeURIComponent(question)}`);
  /** @type {Run} */
  const run = { source, text: document.createTextNode(""), tokens: 0, opened: 0, cursor: "", stopAsked: false };
  current = run;
  begin(run);
  source.addEventListener("open", () => connected(run));
  source.addEventListener("message", (event) => take(run, event));
  source.addEventListener("error", () => broken(run));
  source.addEventListener("longstream.reset", (event) => reset(run, event));
  source.addEventListener("longstream.end", (event) => end(run, event));
}

/** @param {Run} run */
function begin(run) {
  answer.replaceChildren(run.text);
  answer.setAttribute("aria-busy", "true");
  notice.hidden = true;
  show(run, "connecting", "Connecting");
  toggle(stopButton, sendButton);
}

/** @param {Run} run */
function connected(run) {
  run.opened++;
  show(run, "streaming", run.stopAsked ? "Stopping" : "Streaming");
}

/**
 * @param {Run} run
 * @param {MessageEvent<string>} event
 */
function take(run, event) {
  run.text.appendData(JSON.parse(event.data).token);
  run.tokens++;
  run.cursor = event.lastEventId;
  count(run);
  follow();
  if (run.stopAsked && run.tokens === 1) cancel(run);
}

/** @param {Run} run */
function broken(run) {
  if (run.source.readyState === EventSource.CONNECTING) {
    if (run.opened > 0) show(run, "reconnecting", "Reconnecting");
    return;
  }
  // Only an answer that is no event stream makes a browser give up.
  finish(run, "failed", "Refused", "The gateway refused this request. Its answer is in the network panel of the browser.");
}

/**
 * The gateway could not go on from the last event, and what follows starts somewhere else.
 * @param {Run} run
 * @param {MessageEvent<string>} event
 */
function reset(run, event) {
  const { reason, first } = JSON.parse(event.data);
  const fromStart = String(first).endsWith("-0");
  if (fromStart) {
    run.text.data = "";
    run.tokens = 0;
    count(run);
  }
  tell(`The stream was reset (${reason}). ${fromStart ? "The answer starts again." : "A part of the answer is missing here."}`);
}

/**
 * @param {Run} run
 * @param {MessageEvent<string>} event
 */
function end(run, event) {
  const { outcome, error } = JSON.parse(event.data);
  run.cursor = event.lastEventId;
  if (outcome === "completed") finish(run, "completed", "Completed", "");
  else if (outcome === "cancelled") finish(run, "cancelled", "Stopped", "");
  else finish(run, "failed", outcome === "expired" ? "Expired" : "Failed", error?.message ?? `The stream has ${outcome}.`);
}

/**
 * @param {Run} run
 * @param {State} state
 * @param {string} name
 * @param {string} problem
 */
function finish(run, state, name, problem) {
  run.source.close();
  current = null;
  answer.setAttribute("aria-busy", "false");
  show(run, state, name);
  if (problem !== "") {
    tell(problem);
    spoken.textContent = `${name}. ${problem}`;
  }
  toggle(sendButton, stopButton);
}

/**
 * Ends the answer at its source, and the end then arrives like any other. Closing the EventSource would only leave:
 * the answer would go on without a reader.
 * @param {Run} run
 */
function cancel(run) {
  const id = run.cursor.slice(0, run.cursor.lastIndexOf("-"));
  if (id === "") return;
  fetch(`/streams/${id}/cancel`, { method: "POST" })
    .then(({ ok, status }) => (ok ? undefined : notStopped(run, `the gateway answered ${status}`)))
    .catch((error) => notStopped(run, String(error)));
}

/**
 * @param {Run} run
 * @param {string} reason
 */
function notStopped(run, reason) {
  if (current !== run) return;
  run.stopAsked = false;
  write("state", run.source.readyState === EventSource.OPEN ? "Streaming" : "Reconnecting");
  tell(`Cannot stop the answer: ${reason}. Press Stop to try again.`);
}

/**
 * @param {Run} run
 * @param {State} state
 * @param {string} name
 */
function show(run, state, name) {
  document.body.dataset["state"] = state;
  write("state", name);
  count(run);
  spoken.textContent = run.tokens === 0 ? name : `${name}, ${plural(run.tokens, "token")}`;
}

/** @param {Run} run */
function count({ tokens, opened, cursor }) {
  write("tokens", String(tokens));
  write("reconnects", plural(Math.max(0, opened - 1), "time"));
  write("cursor", cursor === "" ? "none yet" : cursor);
}

/** @param {string} text */
function tell(text) {
  notice.textContent = text;
  notice.hidden = false;
  spoken.textContent = text;
}

/**
 * A button that is disabled while it has the focus would drop it to the top of the page.
 * @param {HTMLButtonElement} on
 * @param {HTMLButtonElement} off
 */
function toggle(on, off) {
  const focused = document.activeElement === off;
  on.disabled = false;
  if (focused) on.focus();
  off.disabled = true;
}

/** @type {"waiting" | "idle"} */
let following = "idle";
/** How near the end of the page counts as reading along. */
const nearEndPx = 160;

/** Keeps the newest line in sight for a reader who is at the end, and leaves one alone who scrolled back. */
function follow() {
  if (following === "waiting") return;
  following = "waiting";
  const page = document.documentElement;
  const readingAlong = page.scrollHeight - page.scrollTop - page.clientHeight < nearEndPx;
  requestAnimationFrame(() => {
    following = "idle";
    if (readingAlong) page.scrollTop = page.scrollHeight;
  });
}

/**
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  element(id, HTMLElement).textContent = text;
}

/**
 * @param {number} n
 * @param {string} noun
 */
function plural(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function element(id, type) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`Cannot find #${id} in the page`);
}
