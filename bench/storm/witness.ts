/** Owns what one reader saw of a stream, and the judgement of every event and byte as it comes (P2, P3). */

import type { Content } from "./contents.ts";

export type Outcome = "completed" | "cancelled" | "failed" | "expired";

/** What `longstream.end` says. */
export interface Told {
  readonly outcome: Outcome;
  readonly errorCode: string | null;
}

/** What a storm counts, over all its readers. */
export interface Tally {
  connections: number;
  events: number;
  bytes: number;
  losses: number;
  duplicates: number;
  alterations: number;
  readonly gapsMs: number[];
}

export interface Note {
  readonly atMs: number;
  readonly text: string;
}

/** Enough to see how a reader came to where it is. */
const maxNotes = 60;

export class Witness {
  readonly streamId: string;
  readonly kind: string;
  readonly notes: Note[] = [];
  readonly violations: string[] = [];
  readonly #content: Content;
  readonly #tally: Tally;
  #lastAtMs: number | null = null;
  /** Events, or bytes, seen so far. */
  seen = 0;
  /** Null until a `longstream.end` was read. */
  told: Told | null = null;
  /** Null until the reader was told that this was all; `ended` where a clean end said so and named no outcome. */
  end: Outcome | "ended" | null = null;

  constructor(streamId: string, kind: string, content: Content, tally: Tally) {
    this.streamId = streamId;
    this.kind = kind;
    this.#content = content;
    this.#tally = tally;
  }

  get cursor(): string {
    return `${this.streamId}-${this.seen}`;
  }

  note(text: string): void {
    this.notes.push({ atMs: Date.now(), text: `${text} (behind ${this.seen})` });
    if (this.notes.length > maxNotes) this.notes.shift();
  }

  connecting(how: string): void {
    this.#tally.connections++;
    this.note(`connects ${how}`);
  }

  violate(what: string): void {
    const text = `the ${this.kind} reader of ${this.streamId}: ${what}, behind ${this.seen}`;
    // One break may show in every event that follows it.
    if (this.violations.length < 5) this.violations.push(text);
    this.note(`VIOLATION ${what}`);
  }

  event(id: string, data: string): void {
    const [, log, number] = /^(.+)-(\d+)$/.exec(id) ?? [];
    const seq = Number(number);
    if (log !== this.streamId) return this.violate(`got an event with the id ${JSON.stringify(id)}`);
    this.#tally.events++;
    this.#gap();
    if (this.told !== null) this.violate(`got event ${seq} after longstream.end`);
    if (seq <= this.seen) {
      this.#tally.duplicates++;
      return this.violate(`got event ${seq} again`);
    }
    if (seq !== this.seen + 1) {
      this.#tally.losses += seq - this.seen - 1;
      this.violate(`got event ${seq} where ${this.seen + 1} is due`);
    }
    this.#checkData(seq, data);
    this.seen = seq;
  }

  bytes(chunk: Uint8Array): void {
    this.#tally.bytes += chunk.length;
    this.checkBytes(this.seen, chunk);
    this.seen += chunk.length;
  }

  checkBytes(from: number, chunk: Uint8Array): void {
    const wrong = chunk.findIndex((byte, index) => byte !== this.#content.byteAt(from + index));
    const beyond = from + chunk.length > this.#content.total;
    if (wrong === -1 && !beyond) return;
    this.#tally.alterations++;
    this.violate(beyond ? `got ${from + chunk.length} bytes of ${this.#content.total}` : `the byte at ${from + wrong} is another`);
  }

  /** It may be told again, where its connection was cut within the first telling. */
  tell(told: Told): void {
    if (this.told !== null && this.told.outcome !== told.outcome) this.violate(`was told ${told.outcome} after ${this.told.outcome}`);
    this.told = told;
    this.note(`reads longstream.end: ${told.outcome}`);
  }

  finish(end: Outcome | "ended"): void {
    if (this.told !== null && this.told.outcome !== end) this.violate(`ended as ${end} after longstream.end told it ${this.told.outcome}`);
    this.end = end;
    this.note(`is told ${end}`);
  }

  #checkData(seq: number, data: string): void {
    if (seq <= this.#content.total && data === this.#content.dataOf(seq)) return;
    this.#tally.alterations++;
    this.violate(`event ${seq} is ${JSON.stringify(data.slice(0, 60))}`);
  }

  #gap(): void {
    const nowMs = performance.now();
    if (this.#lastAtMs !== null) this.#tally.gapsMs.push(nowMs - this.#lastAtMs);
    this.#lastAtMs = nowMs;
  }
}
