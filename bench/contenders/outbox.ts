/** Owns batching by a producer: the first event goes at once, and what is handed over meanwhile goes with the next batch. */

export interface OutboxOptions {
  /** Batches that may wait for their acknowledgement. With more than one, `send` must keep their order. */
  readonly maxInFlight: number;
  readonly maxBatchChars: number;
  /** Settles when the batch is acknowledged. */
  send(events: readonly string[]): Promise<void>;
}

interface Waiter {
  readonly holds: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #waiters = new Set<Waiter>();
  #pending: string[] = [];
  #pendingChars = 0;
  #inFlight = 0;
  #failure: Error | null = null;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Settles when less than a batch is waiting. */
  async write(events: readonly string[]): Promise<void> {
    for (const event of events) {
      this.#pending.push(event);
      this.#pendingChars += event.length;
    }
    this.#pump();
    return this.#until(() => this.#pendingChars < this.#options.maxBatchChars);
  }

  async settled(): Promise<void> {
    return this.#until(() => this.#pending.length === 0 && this.#inFlight === 0);
  }

  /** A batch that is not full waits only while another is on its way. */
  #pump(): void {
    const { maxInFlight, maxBatchChars } = this.#options;
    while (this.#pending.length > 0 && this.#inFlight < maxInFlight && (this.#inFlight === 0 || this.#pendingChars >= maxBatchChars)) {
      this.#inFlight++;
      this.#options.send(this.#cutBatch()).then(
        () => this.#acknowledged(),
        (error: unknown) => this.#failed(error),
      );
    }
  }

  #cutBatch(): readonly string[] {
    let chars = 0;
    let count = 0;
    for (const event of this.#pending) {
      if (count > 0 && chars + event.length > this.#options.maxBatchChars) break;
      chars += event.length;
      count++;
    }
    const batch = this.#pending.slice(0, count);
    this.#pending = this.#pending.slice(count);
    this.#pendingChars -= chars;
    return batch;
  }

  #acknowledged(): void {
    this.#inFlight--;
    this.#pump();
    for (const waiter of this.#waiters) {
      if (!waiter.holds()) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #failed(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    for (const waiter of this.#waiters) waiter.reject(this.#failure);
    this.#waiters.clear();
  }

  async #until(holds: () => boolean): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.add({ holds, resolve, reject });
    });
  }
}
