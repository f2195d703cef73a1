/** Owns what the page shows of one stream beside its timeline: state, text, counters, the list of what happened. */

import { longestPause } from "./account.ts";
import type { AccountState } from "./account.ts";
import { find, html, plural, write } from "./element.ts";
import type { Happening } from "./happenings.ts";
import { clock } from "./lanes.ts";
import type { Ending } from "./stream.ts";
import type { Status } from "./status.ts";

/** Of the stream, as the style sheet knows it too. */
export type State = "idle" | "connecting" | "streaming" | "reconnecting" | "completed" | "cancelled" | "failed";

const stateNames: Readonly<Record<State, string>> = {
  idle: "Ready",
  connecting: "Connecting",
  streaming: "Streaming",
  reconnecting: "Reconnecting",
  completed: "Completed",
  cancelled: "Stopped",
  failed: "Failed",
};

const phaseNames: Readonly<Record<string, string>> = {
  pending: "waits for a Lambda to dial in",
  backoff: "waits to invoke again",
  live: "a Lambda writes",
  detached: "the Lambda's socket is gone",
  handing: "a successor is invoked",
  standby: "a successor stands by",
  ended: "",
};

const answer = find("answer", HTMLElement);
const box = find("scroll", HTMLElement);
const notice = find("notice", HTMLElement);
const list = find("happenings", HTMLOListElement);
let shown = document.createTextNode("");

export function showState(state: State, events: number): void {
  document.body.dataset["state"] = state;
  write("state", stateNames[state]);
  answer.setAttribute("aria-busy", String(state === "connecting" || state === "streaming" || state === "reconnecting"));
  speak(events === 0 ? stateNames[state] : `${stateNames[state]}, ${plural(events, "token")}`);
}

export function showEnding({ outcome, reason }: Ending, events: number): void {
  if (outcome === "completed" || outcome === "cancelled") return showState(outcome, events);
  showState("failed", events);
  if (outcome === "expired") write("state", "Expired");
  tell(reason ?? `The stream has ${outcome}.`);
}

/** Beside the state, for those who see it and those who do not. */
export function tell(text: string): void {
  notice.textContent = text;
  notice.hidden = false;
  speak(text);
}

export function hush(): void {
  notice.hidden = true;
}

export function showText(text: string): void {
  shown = document.createTextNode(text);
  answer.replaceChildren(shown);
  box.scrollTop = box.scrollHeight;
}

/** How near the end counts as reading along. */
const nearEndPx = 48;

/** Keeps the newest line in sight for a reader who is at the end, and leaves one alone who scrolled back. */
export function addText(text: string): void {
  const readingAlong = box.scrollHeight - box.scrollTop - box.clientHeight < nearEndPx;
  shown.appendData(text);
  if (readingAlong) box.scrollTop = box.scrollHeight;
}

export function showCounters(account: AccountState, status: Status | null): void {
  const counts: Readonly<Record<string, number>> = {
    events: account.events,
    duplicates: account.duplicates,
    lost: account.lost,
    commits: status?.commits ?? 0,
    rows: status?.rowsWritten ?? 0,
    bytes: status?.bytes ?? 0,
    readers: status?.readers ?? 0,
  };
  for (const [id, count] of Object.entries(counts)) {
    write(id, count.toLocaleString("en"));
    find(id, HTMLElement).dataset["zero"] = String(count === 0);
  }
  write("pause", `${longestPause(account.ticks).toLocaleString("en")} ms`);
  write("cursor", account.cursor ?? "none yet");
  write("phase", phaseNames[status?.phase ?? "ended"] ?? "");
}

/** The newest first. It is also what the timeline is in words. */
export function showHappenings(happenings: readonly Happening[], startMs: number): void {
  const items = happenings.toReversed().map(({ kind, atMs, pauseMs, text }) => {
    const pause = pauseMs === null ? "" : `, ${pauseMs.toLocaleString("en")} ms pause`;
    return [clock(Math.max(0, atMs - startMs)), kind, `${text}${pause}`] as const;
  });
  const key = JSON.stringify(items);
  if (list.dataset["key"] === key) return;
  list.dataset["key"] = key;
  list.replaceChildren(
    ...items.map(([at, kind, text]) => html("li", { class: kind }, html("time", {}, at), html("span", {}, html("strong", {}, kind), ` ${text}`))),
  );
}

function speak(text: string): void {
  find("spoken", HTMLElement).textContent = text;
}
