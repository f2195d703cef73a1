/** Owns keeping one attempt connected: dialling, dialling again, and noticing a connection that is dead but open. */

import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { LongstreamError, closeCodes, describe, errorTable } from "../protocol/errors.ts";
import type { Invocation } from "../protocol/invocation.ts";
import { ping } from "../protocol/producer-messages.ts";
import type { Session, Transport } from "./session.ts";
import { dial, quietClose } from "./socket.ts";

/** First try at once; the jitter keeps the producers of one restart apart. */
const redialTiming = { minTimeout: 50, factor: 2, maxTimeout: 2_000, randomize: true };
/** Lease until the object has told its own. */
const assumedLeaseMs = 30_000;
const closeWaitMs = 1_000;
/** Connections in a row that the object closed for a protocol error before a ping was due. One can be a gap after a restart; more are a bug. */
const maxProtocolErrors = 3;
/** Pings in a row that bring nothing, or nothing of what is waited for, before a connection is given up. */
const maxPings = 2;

export class Link {
  readonly #invocation: Invocation;
  readonly #run: string;
  readonly #session: Session;
  /** Epoch milliseconds after which dialling again is pointless: this invocation will be over. */
  readonly #deadlineAt: number;
  readonly #over = new AbortController();
  #leaseMs = assumedLeaseMs;
  #current: { readonly transport: Transport; readonly closed: Promise<void> } | null = null;
  /** Pings since anything was heard. Counted, not timed: a loop that was blocked heard nothing either. */
  #unanswered = 0;
  /** Pings since the object said something, while something waits for it; a pong does not count. */
  #unmoved = 0;
  #protocolErrors = 0;
  /** Connections lost at one progress of the session, and when the first of them was (`performance.now()`). */
  #setbacks: { readonly count: number; readonly sinceMs: number; readonly progress: number } | null = null;
  #pinger: ReturnType<typeof setInterval> | null = null;

  constructor(invocation: Invocation, run: string, session: Session, deadlineAt: number) {
    this.#invocation = invocation;
    this.#run = run;
    this.#session = session;
    this.#deadlineAt = deadlineAt;
  }

  /** Dials in and from then on keeps the session connected; what cannot be mended is told to the session. */
  async connect(): Promise<void> {
    try {
      await pRetry(() => this.#dial(), {
        ...redialTiming,
        retries: Number.POSITIVE_INFINITY,
        maxRetryTime: this.#patienceMs(),
        signal: this.#over.signal,
        shouldRetry: ({ error }) => !(error instanceof LongstreamError) || errorTable[error.code].retry,
      });
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** The object's lease, by which pings are paced. */
  keepAlive(leaseMs: number): void {
    this.#leaseMs = leaseMs;
    if (this.#pinger !== null) clearInterval(this.#pinger);
    this.#pinger = setInterval(() => this.#ping(), leaseMs / 3);
  }

  /** Closes for good. Waits for the handshake, but not long: a frozen environment must not keep a socket. */
  async close(): Promise<void> {
    this.#over.abort();
    if (this.#pinger !== null) clearInterval(this.#pinger);
    const current = this.#current;
    if (current === null) return;
    current.transport.close(quietClose.code, quietClose.reason);
    const timer = setTimeout(() => current.transport.abandon(), closeWaitMs);
    await current.closed;
    clearTimeout(timer);
  }

  async #dial(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    await dial(this.#invocation, this.#run, {
      open: (transport) => {
        // The link was closed meanwhile: nobody would close this connection.
        if (this.#over.signal.aborted) return transport.abandon();
        // From the start: a connection may die before its welcome.
        this.keepAlive(this.#leaseMs);
        this.#unanswered = this.#unmoved = 0;
        this.#current = { transport, closed: closed.promise };
        this.#session.attach(transport);
      },
      message: (data) => this.#receive(data),
      pong: () => {
        this.#unanswered = 0;
      },
      close: (code, reason) => {
        closed.resolve();
        this.#lost(code, reason);
      },
    });
  }

  #receive(data: string | Uint8Array): void {
    this.#unanswered = this.#unmoved = 0;
    try {
      this.#session.receive(data);
    } catch (error) {
      if (!(error instanceof LongstreamError)) throw error;
      this.#session.fail(error);
    }
  }

  #lost(code: number, reason: string): void {
    this.#current = null;
    this.#session.detach();
    if (this.#over.signal.aborted) return;
    if (code === closeCodes.done || code === closeCodes.fenced || code === closeCodes.limit) {
      this.#over.abort();
      this.#session.closed(code, reason);
    } else if (code === closeCodes.protocolError && ++this.#protocolErrors >= maxProtocolErrors) {
      this.#giveUp(new LongstreamError("protocol-error", reason));
    } else {
      this.#redial().catch((error: unknown) => this.#giveUp(error));
    }
  }

  /** At once after progress, then ever later: what is dialled and dropped again and again must not be dialled as fast as it goes. */
  async #redial(): Promise<void> {
    const { progress } = this.#session;
    const { count, sinceMs } = this.#setbacks?.progress === progress ? this.#setbacks : { count: 0, sinceMs: performance.now() };
    this.#setbacks = { count: count + 1, sinceMs, progress };
    if (count > 0) {
      const patienceMs = this.#patienceMs();
      if (patienceMs === 0) throw new Error(`${count + 1} connections in a row were lost before they served anything`);
      await sleep(Math.min(backoffMs(count), patienceMs), undefined, { signal: this.#over.signal });
    }
    await this.connect();
  }

  /** How long dialling still makes sense: the object believes in this run for a lease, and the invocation ends. */
  #patienceMs(): number {
    const lostMs = this.#setbacks === null ? 0 : performance.now() - this.#setbacks.sinceMs;
    return Math.max(0, Math.min(this.#leaseMs - lostMs, this.#deadlineAt - Date.now()));
  }

  #giveUp(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    if (error instanceof LongstreamError && error.code === "stream-not-found") {
      this.#session.closed(closeCodes.fenced, error.message);
    } else {
      const message = `Cannot stay connected to the gateway: ${describe(error)}`;
      this.#session.fail(error instanceof LongstreamError ? error : new LongstreamError("unavailable", message));
    }
  }

  /**
   * The object answers a ping without waking, so two of them without an answer mean that nobody is there; and answers
   * alone, while something waits to be acknowledged, that the object lost it.
   */
  #ping(): void {
    const current = this.#current;
    // Behind one turn of the loop: where it was blocked, what has come lies unread.
    setImmediate(() => {
      if (current === null || current !== this.#current) return;
      // Silence is no fault while there is nothing to say.
      if (!this.#session.unsettled) this.#unmoved = 0;
      if (Math.max(this.#unanswered, this.#unmoved) >= maxPings) return current.transport.abandon();
      // It stayed until a ping was due.
      if (this.#session.greeted) this.#setbacks = null;
      this.#protocolErrors = 0;
      this.#unanswered++;
      this.#unmoved++;
      current.transport.send(ping);
    });
  }
}

/** Before the dial that follows `count` connections without progress, as between dials that are refused. */
function backoffMs(count: number): number {
  const { minTimeout, factor, maxTimeout } = redialTiming;
  return Math.min(minTimeout * factor ** (count - 1) * (1 + Math.random()), maxTimeout);
}
