/** Owns the reasons for which an attempt stops before its handler is through, and the one wait that notices them. */

import type { LongstreamError } from "../protocol/errors.ts";

export type StopReason =
  /** Hand over: the object asked, or the time limit is near. */
  | { readonly kind: "yield" }
  | { readonly kind: "cancel"; readonly reason: string }
  /** Another attempt has the stream, or it has ended: leave quietly. */
  | { readonly kind: "fenced"; readonly reason: string }
  /** The stream was told, or cannot be: the invocation fails with this. */
  | { readonly kind: "failed"; readonly error: LongstreamError };

/** The first reason counts. */
export class Stop {
  #reason: StopReason | null = null;
  /** One slot: a `Promise.race` a turn against a promise that seldom settles would pile up its reactions. */
  #waiter: (() => void) | null = null;

  get reason(): StopReason | null {
    return this.#reason;
  }

  give(reason: StopReason): void {
    // A yield that was begun can still turn into a cancel or a fence; those are final.
    if (this.#reason !== null && this.#reason.kind !== "yield") return;
    this.#reason = reason;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.();
  }

  /** Settles like `work`, or with the reason as soon as there is one. One call at a time. */
  async orStop<T>(work: Promise<T>): Promise<{ readonly done: T } | { readonly stopped: StopReason }> {
    return new Promise((resolve, reject) => {
      const stopped = (): void => {
        if (this.#reason !== null) resolve({ stopped: this.#reason });
      };
      this.#waiter = stopped;
      stopped();
      work.then((done) => resolve({ done }), reject);
    });
  }
}
