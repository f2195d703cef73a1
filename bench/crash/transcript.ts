/** Owns reading a log as a client gets it: who wrote what, and whatever is not the next event, whole and unaltered. */

import { idLineOf, linesOf, nobody, readEvent, readerOfBytes } from "./contents.ts";
import type { Mode, Writer } from "./contents.ts";

/** Events, or bytes, in a row by one writer. */
export interface Stretch {
  readonly first: number;
  readonly last: number;
  readonly writer: Writer;
}

export type FaultKind = "altered" | "gap" | "twice" | "reset" | "gone";

export interface Fault {
  readonly kind: FaultKind;
  readonly what: string;
}

/** As a client is told it: the error's message, or the reason of a cancel; null for a stream that completed. */
export interface Outcome {
  readonly outcome: string;
  readonly message: string | null;
}

const maxFaults = 5;
const blankLine = "\n\n";

export class Transcript {
  readonly faults: Fault[] = [];
  readonly #log: string;
  readonly #stretches: Stretch[] = [];
  readonly #take: (chunk: Buffer) => void;
  readonly #writerAt: (position: number, byte: number) => Writer;
  #lastSeq: number;
  #rest = "";
  #outcome: Outcome | null = null;

  /** Of what follows `behind`. */
  constructor(log: string, mode: Mode, behind: number) {
    this.#log = log;
    this.#lastSeq = behind;
    this.#writerAt = readerOfBytes(log);
    this.#take = mode === "events" ? (chunk) => this.#takeText(chunk) : (chunk) => this.#takeBytes(chunk);
  }

  get stretches(): readonly Stretch[] {
    return this.#stretches;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** From the body's own end event. */
  get outcome(): Outcome | null {
    return this.#outcome;
  }

  feed(chunk: Buffer): void {
    this.#take(chunk);
  }

  /** No more comes of what should have come whole. */
  close(): void {
    if (this.#rest !== "") this.#fault("altered", `the body ends within an event, with ${JSON.stringify(this.#rest.slice(0, 80))}`);
  }

  #takeText(chunk: Buffer): void {
    this.#rest += chunk.toString("latin1");
    let from = 0;
    for (let end = this.#rest.indexOf(blankLine); end !== -1; end = this.#rest.indexOf(blankLine, from)) {
      this.#takeBlock(this.#rest.slice(from, end));
      from = end + blankLine.length;
    }
    this.#rest = this.#rest.slice(from);
  }

  #takeBlock(block: string): void {
    if (block.startsWith(":")) return;
    if (block.startsWith("event: longstream.end\n")) {
      this.#outcome = readEnd(block);
      return;
    }
    if (block.startsWith("event: longstream.")) return this.#fault("reset", `the reader was told ${block.slice(0, 200)}`);
    const event = readEvent(block);
    if (event === null || block !== linesOf(this.#log, event.seq, event.writer) + idLineOf(this.#log, event.seq)) {
      return this.#fault("altered", `behind ${this.#lastSeq} comes ${JSON.stringify(block.slice(0, 120))}`);
    }
    this.#step(event.seq, event.seq, event.writer);
  }

  #takeBytes(chunk: Buffer): void {
    const base = this.#lastSeq + 1;
    let from = 0;
    while (from < chunk.length) {
      const writer = this.#writerAt(base + from, chunk[from] ?? 0);
      let to = from + 1;
      while (to < chunk.length && this.#writerAt(base + to, chunk[to] ?? 0) === writer) to++;
      if (writer === nobody) this.#fault("altered", `byte ${base + from} is not the one that was written there`);
      this.#step(base + from, base + to - 1, writer);
      from = to;
    }
  }

  #step(first: number, last: number, writer: Writer): void {
    const next = this.#lastSeq + 1;
    if (first < next) return this.#fault("twice", `${first} comes again behind ${this.#lastSeq}`);
    if (first > next) this.#fault("gap", `${first} comes behind ${this.#lastSeq}`);
    this.#lastSeq = last;
    const before = this.#stretches.at(-1);
    if (before?.writer === writer && before.last === first - 1) this.#stretches.splice(-1, 1, { first: before.first, last, writer });
    else this.#stretches.push({ first, last, writer });
  }

  #fault(kind: FaultKind, what: string): void {
    if (this.faults.length < maxFaults) this.faults.push({ kind, what });
  }
}

function readEnd(block: string): Outcome {
  const [, json = "null"] = /^data: (.*)$/m.exec(block) ?? [];
  return readOutcome(JSON.parse(json)) ?? { outcome: `unreadable: ${json}`, message: null };
}

/** From `{"outcome", "error"?}`, in an end event, a status and a stored state alike; null where there is none yet. */
export function readOutcome(value: unknown): Outcome | null {
  if (typeof value !== "object" || value === null || !("outcome" in value) || typeof value.outcome !== "string") return null;
  const error: unknown = "error" in value ? value.error : null;
  const message = typeof error === "object" && error !== null && "message" in error ? String(error.message) : null;
  return { outcome: value.outcome, message };
}
