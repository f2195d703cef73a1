/** Owns the contents of the load: every event is known from its stream and number, and every reader is held to that. */

/** Characters of an event, all of them ASCII. */
export const eventBytes = 40;

const filler = "abcdefghijklmnopqrstuvwxyz".repeat(3);

/** Event `n` of a stream, counted from 1. Differs from every other one in more than its number. */
export function eventOf(stream: string, n: number): string {
  const head = `${n}:${stream}:`;
  const turn = n % 26;
  return head + filler.slice(turn, turn + eventBytes - head.length);
}

export function eventsOf(stream: string, first: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => eventOf(stream, first + index));
}

/** What was waited for did not come in time; what came was right. */
export class Overdue extends Error {}

/** Holds one reader to its stream: each event right, in order and once. */
export class Checker {
  readonly #stream: string;
  readonly #noted: (n: number) => void;
  #taken = 0;
  #failure: Error | null = null;
  #stir: (() => void) | null = null;
  #wanted = 0;

  /** `noted` hears of each right event in the turn in which it comes. */
  constructor(stream: string, noted: (n: number) => void = () => undefined) {
    this.#stream = stream;
    this.#noted = noted;
  }

  get taken(): number {
    return this.#taken;
  }

  readonly take = (data: string): void => {
    if (this.#failure !== null) return;
    const next = this.#taken + 1;
    if (data !== eventOf(this.#stream, next)) return this.fail(`got ${JSON.stringify(data.slice(0, 60))} where event ${next} was next`);
    this.#taken = next;
    this.#noted(next);
    if (next >= this.#wanted) this.#wake();
  };

  /** What was taken stays taken; whoever waits, or asks later, is told. */
  fail(what: string): void {
    this.#end(new Error(this.#because(what)));
  }

  /** Settles once event `n` is taken. One caller at a time. */
  async until(n: number, limitMs = 30_000): Promise<void> {
    const overdue = setTimeout(() => this.#end(new Overdue(this.#because(`has ${this.#taken} of ${n} events after ${limitMs} ms`))), limitMs);
    try {
      while (this.#failure === null && this.#taken < n) {
        await new Promise<void>((resolve) => {
          this.#wanted = n;
          this.#stir = resolve;
        });
      }
      this.insistRight();
    } finally {
      clearTimeout(overdue);
    }
  }

  /** @throws Error where anything that came was wrong. */
  insistRight(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #because(what: string): string {
    return `Cannot report: the reader of ${this.#stream} ${what}`;
  }

  #end(failure: Error): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #wake(): void {
    this.#stir?.();
    this.#stir = null;
  }
}
