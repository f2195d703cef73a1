/** Owns what a stream that nobody reads does: nothing, or to be cancelled after a grace (`onAbandon`). */

import type { OnAbandon } from "./settings.ts";
import type { Store } from "./store.ts";

/** The grace lets a page be reloaded. It is stored, and begins anew for readers who were lost with the object's memory. */
export class Audience {
  readonly #store: Store;
  readonly #graceMs: number | null;
  readonly #readers: () => number;
  #abandonAt: number | null = null;
  /** A stream that was made without a reader waits for its first one. */
  #first: "awaited" | "known" = "awaited";

  /** `readers`: how many follow the stream now. */
  constructor(store: Store, onAbandon: OnAbandon, readers: () => number) {
    this.#store = store;
    this.#graceMs = onAbandon === "continue" ? null : onAbandon.cancelAfterMs;
    this.#readers = readers;
    const stored = this.#graceMs === null ? null : store.readAudience();
    if (stored === null) return;
    this.#first = "known";
    this.#abandonAt = stored.abandonAt;
  }

  /** When the stream is to be cancelled, milliseconds since the epoch; null while it is not. */
  get abandonAt(): number | null {
    return this.#abandonAt;
  }

  /** The first reader is on the way, and may die there. */
  expect(nowMs: number): void {
    if (this.#graceMs !== null) this.#write(nowMs + this.#graceMs);
  }

  /** After readers came or went, or may have. */
  look(nowMs: number): void {
    if (this.#graceMs === null) return;
    if (this.#readers() > 0) {
      if (this.#first === "awaited" || this.#abandonAt !== null) this.#write(null);
    } else if (this.#first === "known" && this.#abandonAt === null) this.#write(nowMs + this.#graceMs);
  }

  #write(abandonAt: number | null): void {
    this.#first = "known";
    this.#abandonAt = abandonAt;
    this.#store.writeAudience({ abandonAt });
  }
}
