/** Owns a reader's place in a log of batches: the server's token of the last whole batch, and the events taken behind it. */

/**
 * Servers that store what came together as one entry give a token for each entry only. A reader that counts can resume in
 * the middle of one, and gets each event once.
 */
export class Place {
  readonly #start: string;
  #token: string;
  #behind = 0;
  /** Events behind the token that were taken before this connection. */
  #skip: number;

  /** `start` is the token of the place before the first batch. @throws Error for a position that `toString` did not make. */
  constructor(position: string, start: string) {
    const [, token, behind] = /^(.*)\+(\d+)$/.exec(position === "" ? `${start}+0` : position) ?? [];
    if (token === undefined) throw new Error(`Cannot resume behind ${position}: it is not a position`);
    this.#start = start;
    this.#token = token;
    this.#skip = Number(behind);
  }

  get token(): string {
    return this.#token;
  }

  /** Whether an event that came is one to pass on. */
  step(): "new" | "seen" {
    this.#behind++;
    return this.#behind > this.#skip ? "new" : "seen";
  }

  /** All that came up to now is behind this token. */
  moveTo(token: string): void {
    this.#token = token;
    this.#behind = 0;
    this.#skip = 0;
  }

  /** As a position: "" before the first event. */
  toString(): string {
    if (this.#token === this.#start && this.#behind === 0 && this.#skip === 0) return "";
    return `${this.#token}+${Math.max(this.#behind, this.#skip)}`;
  }
}
