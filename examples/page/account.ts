/** Owns the account of what this page received: text, position, duplicates, losses, and when. Knows no page and no network. */

import { parseCursor } from "../../protocol/cursor.ts";

/** Events that arrived together: one commit, unless what was stored is replayed. */
export interface Tick {
  readonly atMs: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** One connection of this page; null while it lasts. */
export interface Link {
  readonly openedAtMs: number;
  readonly lostAtMs: number | null;
}

/** A point of time at which this page came back, or at which something was done to the stream. */
export interface Note {
  readonly kind: "reconnect" | "reload" | "fault" | "eviction";
  readonly atMs: number;
  /** What this page had got by then. */
  readonly afterSeq: number;
  readonly text: string;
}

export interface AccountState {
  readonly id: string;
  text: string;
  cursor: string | null;
  lastSeq: number;
  events: number;
  /** Events with a seq that was there already. */
  duplicates: number;
  /** Seqs that were passed over. */
  lost: number;
  ticks: Tick[];
  links: Link[];
  notes: Note[];
}

export type Taken = "new" | "duplicate";

/** Events of one commit arrive in one write; commits are tens of milliseconds apart. */
const burstMs = 10;
/** A quarter of an hour of commits; past it, old ones are drawn two as one. */
const maxTicks = 20_000;
const maxNotes = 500;

export class Account {
  readonly state: AccountState;
  #lastEventAtMs = -Infinity;

  constructor(state: AccountState) {
    this.state = state;
  }

  static of(id: string): Account {
    return new Account({ id, text: "", cursor: null, lastSeq: 0, events: 0, duplicates: 0, lost: 0, ticks: [], links: [], notes: [] });
  }

  /** An event that is there already changes nothing but its count. */
  take(cursor: string, text: string, atMs: number): Taken {
    const { state } = this;
    const seq = parseCursor(cursor)?.seq ?? state.lastSeq + 1;
    if (seq <= state.lastSeq) {
      state.duplicates++;
      return "duplicate";
    }
    state.lost += seq - state.lastSeq - 1;
    state.events++;
    state.lastSeq = seq;
    state.cursor = cursor;
    state.text += text;
    this.#tick(seq, atMs);
    return "new";
  }

  /** What follows begins behind `first`; at the start of a log, what was received of another one counts no more. */
  reset(first: string): "again" | "behind" {
    const seq = parseCursor(first)?.seq ?? 0;
    const { state } = this;
    state.cursor = first;
    if (seq > 0) return "behind";
    Object.assign(state, { text: "", lastSeq: 0, events: 0, ticks: [] });
    return "again";
  }

  /** The first connection is no coming back, whatever `how` says. */
  opened(atMs: number, how: "reconnect" | "reload"): void {
    const { state } = this;
    if (state.links.length > 0) this.note({ kind: how, atMs, text: how === "reload" ? "this page was loaded again" : "this page lost its connection and came back" });
    state.links = [...state.links, { openedAtMs: atMs, lostAtMs: null }].slice(-maxNotes);
  }

  /** Also where the browser tries again and again: the first time counts. */
  closed(atMs: number): void {
    const last = this.state.links.at(-1);
    if (last !== undefined && last.lostAtMs === null) this.state.links.splice(-1, 1, { ...last, lostAtMs: atMs });
  }

  note(note: Omit<Note, "afterSeq">): void {
    const { state } = this;
    state.notes = [...state.notes, { ...note, afterSeq: state.lastSeq }].slice(-maxNotes);
  }

  #tick(seq: number, atMs: number): void {
    const { ticks } = this.state;
    const last = ticks.at(-1);
    const together = last !== undefined && atMs - this.#lastEventAtMs <= burstMs;
    this.#lastEventAtMs = atMs;
    if (together) ticks.splice(-1, 1, { ...last, lastSeq: seq });
    else ticks.push({ atMs, firstSeq: seq, lastSeq: seq });
    if (ticks.length > maxTicks) this.state.ticks = halved(ticks);
  }
}

/**
 * How long nothing came behind the event `seq`: null while nothing has, and where it cannot be told because the event
 * behind it arrived together with it.
 */
export function pauseAfter(ticks: readonly Tick[], seq: number): number | null {
  const next = ticks[firstBehind(ticks, seq)];
  const before = ticks[firstBehind(ticks, seq) - 1];
  if (next === undefined || before === undefined || next.firstSeq <= seq) return null;
  return next.atMs - before.atMs;
}

export function longestPause(ticks: readonly Tick[]): number {
  let longestMs = 0;
  for (const [index, { atMs }] of ticks.entries()) longestMs = Math.max(longestMs, atMs - (ticks[index - 1]?.atMs ?? atMs));
  return longestMs;
}

/** Index of the first tick that holds an event behind `seq`. */
function firstBehind(ticks: readonly Tick[], seq: number): number {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ticks[middle]?.lastSeq ?? Infinity) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function halved(ticks: readonly Tick[]): Tick[] {
  const half = (ticks.length >>> 2) * 2;
  const merged = ticks.slice(0, half).flatMap((tick, index) => (index % 2 === 0 ? [{ ...tick, lastSeq: ticks[index + 1]?.lastSeq ?? tick.lastSeq }] : []));
  return [...merged, ...ticks.slice(half)];
}
