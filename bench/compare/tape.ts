/**
 * Owns checking a reader's events behind the clock: bytes are only kept, with the moment each piece came, and cut into events when
 * all are there. Else the time to parse them, which differs from format to format, would pass for the contender's.
 */

import type { Feed } from "../contenders/contender.ts";

interface Piece {
  readonly chunk: Buffer;
  readonly atMs: number;
  readonly parse: (chunk: Buffer) => void;
}

const blankLine = "\n\n";

export class Tape {
  readonly #pieces: Piece[] = [];
  readonly #found = Promise.withResolvers<void>();
  /** What is still to come, in this order. */
  readonly #awaited: Buffer[];
  /** Bytes that may be the beginning of what is awaited. */
  #left: Buffer = Buffer.alloc(0);
  #playedAtMs = 0;

  /** Full once the blank line has come that ends the event with this text, which is nowhere else in the stream. */
  constructor(lastEvent: string) {
    this.#awaited = [Buffer.from(lastEvent, "utf8"), Buffer.from(blankLine, "utf8")];
  }

  readonly feed: Feed = (chunk, parse) => {
    this.#pieces.push({ chunk, atMs: performance.now(), parse });
    this.#seek(chunk);
  };

  /** While it is played: when the piece came that is parsed just now. */
  get atMs(): number {
    return this.#playedAtMs;
  }

  /** @returns whether it was full in time. @throws what `lost` rejects with before. */
  async full(limitMs: number, lost: Promise<never>): Promise<"full" | "overdue"> {
    const { promise: overdue, resolve } = Promise.withResolvers<"overdue">();
    // A contender may never send its last event, and keep the connection open.
    const timer = setTimeout(() => resolve("overdue"), limitMs);
    return Promise.race([this.#found.promise.then(() => "full" as const), overdue, lost]).finally(() => clearTimeout(timer));
  }

  /** Parses what is on it. */
  play(): void {
    for (const { chunk, atMs, parse } of this.#pieces.splice(0)) {
      this.#playedAtMs = atMs;
      parse(chunk);
    }
  }

  #seek(chunk: Buffer): void {
    let rest = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    for (let [next] = this.#awaited; next !== undefined; [next] = this.#awaited) {
      const at = rest.indexOf(next);
      if (at === -1) {
        this.#left = rest.subarray(Math.max(0, rest.length - next.length + 1));
        return;
      }
      rest = rest.subarray(at + next.length);
      this.#awaited.shift();
    }
    this.#found.resolve();
  }
}
