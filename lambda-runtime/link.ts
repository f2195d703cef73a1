/** Owns keeping one attempt connected: dialling, dialling again, and noticing a connection that is dead but open. */

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

export class Link {
  readonly #invocation: Invocation;
  readonly #run: string;
  readonly #session: Session;
  /** Epoch milliseconds after which dialling again is pointless: this invocation will be over. */
  readonly #deadlineAt: number;
  readonly #over = new AbortController();
  #leaseMs = assumedLeaseMs;
  #current: { readonly transport: Transport; readonly closed: Promise<void> } | null = null;
  #heardAt = 0;
  /** When the object last said something; a pong does not count. */
  #movedAt = 0;
  #protocolErrors = 0;
  #pinger: ReturnType<typeof setInterval> | null = null;

  constructor(invocation: Invocation, run: string, session: Session, deadlineAt: number) {
    this.#invocation = invocation;
    this.#run = run;
    this.#session = session;
    this.#deadlineAt = deadlineAt;
  }

  /** Dials in and from then on keeps the session connected; what cannot be mended is told to the session. */
  async connect(): Promise<void> {
    const patienceMs = Math.max(0, Math.min(this.#leaseMs, this.#deadlineAt - Date.now()));
    try {
      await pRetry(() => this.#dial(), {
        ...redialTiming,
        retries: Number.POSITIVE_INFINITY,
        maxRetryTime: patienceMs,
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
        if (this.#pinger === null) this.keepAlive(this.#leaseMs);
        this.#heardAt = this.#movedAt = Date.now();
        this.#current = { transport, closed: closed.promise };
        this.#session.attach(transport);
      },
      message: (data) => this.#receive(data),
      pong: () => {
        this.#heardAt = Date.now();
      },
      close: (code, reason) => {
        closed.resolve();
        this.#lost(code, reason);
      },
    });
  }

  #receive(data: string | Uint8Array): void {
    this.#heardAt = this.#movedAt = Date.now();
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
      this.connect().catch((error: unknown) => this.#giveUp(error));
    }
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
    if (current === null) return;
    const patienceMs = (this.#leaseMs * 2) / 3;
    // Silence is no fault while there is nothing to say.
    if (!this.#session.unsettled) this.#movedAt = Date.now();
    const silent = Date.now() - this.#heardAt > patienceMs;
    const stuck = this.#session.unsettled && Date.now() - this.#movedAt > patienceMs;
    if (silent || stuck) return current.transport.abandon();
    this.#protocolErrors = 0;
    current.transport.send(ping);
  }
}
