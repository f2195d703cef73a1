/** Owns the count of what a stream costs, over its whole life. */

/** Billed quantities of one stream. */
export interface Cost {
  readonly commits: number;
  readonly rowsWritten: number;
  /** WebSocket messages received; twenty are billed as one request. */
  readonly messagesIn: number;
  /** Calls, upgrades and alarms. */
  readonly requests: number;
  /**
   * Time in which the object could not hibernate, because a timer or a call of its own was pending. The turns between
   * measure nothing: a Worker's clock stands still while it computes.
   */
  readonly activeMs: number;
}

const nothing: Cost = { commits: 0, rowsWritten: 0, messagesIn: 0, requests: 0, activeMs: 0 };

/** Counts on in memory; what it says is stored with every commit and every change of state, at no extra row. */
export class Meter {
  #cost: Cost = nothing;
  /** Timers and calls that are pending. */
  #pending = 0;
  #pendingSince = 0;

  get cost(): Cost {
    const ongoing = this.#pending === 0 ? 0 : Date.now() - this.#pendingSince;
    return { ...this.#cost, activeMs: this.#cost.activeMs + ongoing };
  }

  /** After the object woke: what was stored last. Counted since: this very wake's. */
  resume(stored: readonly (Cost | null)[]): void {
    for (const cost of stored) {
      if (cost !== null && cost.commits >= this.#cost.commits && cost.rowsWritten >= this.#cost.rowsWritten) this.#cost = cost;
    }
  }

  add(counted: Partial<Omit<Cost, "activeMs">>): void {
    const { commits = 0, rowsWritten = 0, messagesIn = 0, requests = 0 } = counted;
    const before = this.#cost;
    this.#cost = {
      commits: before.commits + commits,
      rowsWritten: before.rowsWritten + rowsWritten,
      messagesIn: before.messagesIn + messagesIn,
      requests: before.requests + requests,
      activeMs: before.activeMs,
    };
  }

  /** Something that keeps the object in memory begins. */
  hold(): void {
    if (this.#pending++ === 0) this.#pendingSince = Date.now();
  }

  release(): void {
    if (--this.#pending > 0) return;
    this.#cost = { ...this.#cost, activeMs: this.#cost.activeMs + Date.now() - this.#pendingSince };
  }
}
