/** Owns whether small frames wait for an acknowledgement: an object that is late takes one larger frame for less than many small ones. */

/** Beyond the way there and back, and a whole commit interval. */
const lateMs = 100;
/** The longest way there and back that is believed: an object that is late from the start must not pass for one that is far away. */
const longestWayMs = 250;

/** Of one connection, on a clock that is never set. Times one frame at a time: the oldest that was sent after the one timed before was acknowledged. */
export class Pace {
  readonly #intervalMs: number;
  /** The shortest time an acknowledgement took: those of the first events after silence wait for no interval. */
  #wayMs = longestWayMs;
  #lastMs = 0;
  #timed: { readonly seq: number; readonly sentAt: number } | null = null;

  /** `intervalMs`: how long the object may let an event wait for others before it commits. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** A frame that ends with `seq` was sent. */
  sent(seq: number, nowMs: number): void {
    this.#timed ??= { seq, sentAt: nowMs };
  }

  acknowledged(seq: number, nowMs: number): void {
    if (this.#timed === null || seq < this.#timed.seq) return;
    this.#lastMs = Math.max(0, nowMs - this.#timed.sentAt);
    this.#wayMs = Math.min(this.#wayMs, this.#lastMs);
    this.#timed = null;
  }

  /** Whether the object was late with its last acknowledgement, or is with the next. */
  late(nowMs: number): boolean {
    const waitedMs = this.#timed === null ? 0 : nowMs - this.#timed.sentAt;
    return Math.max(this.#lastMs, waitedMs) > this.#wayMs + this.#intervalMs + lateMs;
  }
}
