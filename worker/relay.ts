/** Owns one open body: writes what consumer sockets bring, heals a lost socket, and ends or aborts truthfully (P3). */

import pRetry from "p-retry";
import type { ConsumerEnd, ConsumerStart, EventsFrame } from "../protocol/consumer-frames.ts";
import type { From } from "../protocol/cursor.ts";
import { LongstreamError, describe } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { BodyFormat } from "./body-format.ts";
import type { Connection } from "./reading.ts";
import type { ConsumerLink, Received } from "./consumer-link.ts";

export interface RelayOptions {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly format: BodyFormat;
  readonly reconnect: (from: From) => Promise<Connection>;
  readonly heartbeatMs: number;
  /** How long one write may wait for a client that does not read. */
  readonly maxStallMs: number;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** A lost socket is healed within about two seconds, or the body is aborted and the client comes back by itself. */
const reconnectTries = { retries: 6, minTimeout: 25, factor: 2, maxTimeout: 1_000 };

/**
 * Between the last bytes and an abort that is meant. Many clients drop what they have received and not yet read when
 * the connection fails (measured: undici), and then would miss `longstream.end`, `retry:`, or the head of the answer.
 */
const lingerMs = 1_000;

/** Sockets in a row that brought nothing; more would be a loop, not a cure. */
const maxFruitlessLinks = 5;

/** Where the client is: the next event it must get is `seq + 1`. */
interface Place {
  readonly log: string;
  readonly seq: number;
}

/** What became of one consumer socket. */
type LinkEnd = "finished" | "cut" | "lost";

/**
 * Workerd reports a body that is aborted as an uncaught exception of the Worker, unless the error counts as a lost
 * connection: it does when it is marked `retryable` (measured, 2026-11).
 */
export function asDisconnect(message: string): Error {
  return Object.assign(new LongstreamError("unavailable", message), { retryable: true });
}

/** Until the client had time to read what was written; the signal ends it early. */
export async function linger(signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, lingerMs);
    signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}

const encoder = new TextEncoder();

export class Relay {
  readonly #options: RelayOptions;
  #place: Place = { log: "", seq: 0 };
  /** Credit last granted, a log offset. */
  #upTo = 0;
  /** When a write last began or ended. */
  #lastWriteAt = Date.now();
  #writing = 0;
  #fruitlessLinks = 0;
  #client: "there" | "gone" = "there";

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** `link` has said where it starts. Settles when the body is closed or aborted; never rejects. */
  async run(start: ConsumerStart, first: ConsumerLink): Promise<void> {
    const { writer, signal, heartbeatMs, format } = this.#options;
    let link = first;
    const leave = (): void => {
      this.#client = "gone";
      link.close();
    };
    signal.addEventListener("abort", leave, { once: true });
    // An idle body notices that its client left only when written to.
    writer.closed.catch(leave);
    const beat = setInterval(() => this.#beat(), heartbeatMs / 2);
    try {
      this.#place = { log: start.log, seq: start.seq };
      this.#upTo = start.offset + limits.consumerWindowBytes;
      await this.#write(format.opening(start));
      for (;;) {
        const end = await this.#follow(link);
        if (end === "finished") return await writer.close();
        if (end === "cut" || this.#left()) return await writer.abort(asDisconnect("the body is cut off"));
        link.close();
        if (++this.#fruitlessLinks > maxFruitlessLinks) throw new LongstreamError("unavailable", "Cannot go on with this body: its sockets bring nothing");
        link = await this.#reopen();
        // While there was no link to close.
        if (this.#left()) link.close();
      }
    } catch (error) {
      // The client left, or the object could not be reached again: either way this body must not look complete.
      await writer.abort(asDisconnect(describe(error))).catch(() => undefined);
    } finally {
      clearInterval(beat);
      signal.removeEventListener("abort", leave);
      link.close();
    }
  }

  #left(): boolean {
    return this.#client === "gone";
  }

  async #follow(link: ConsumerLink): Promise<LinkEnd> {
    for (;;) {
      const received = await link.next();
      const end = await this.#take(received, link);
      if (end !== null) return end;
    }
  }

  async #take(received: Received, link: ConsumerLink): Promise<LinkEnd | null> {
    switch (received.type) {
      case "start":
        this.#startAgain(received);
        return null;
      case "events":
        return this.#events(received, link);
      case "end":
        return this.#end(received);
      case "stored-end":
        return "finished";
      case "complete":
      case "unsatisfiable":
        // Told only to those who begin.
      case "lost":
        return "lost";
    }
  }

  /** On a healed socket the object must stand exactly where this body does. */
  #startAgain(start: ConsumerStart): void {
    this.#upTo = start.offset + limits.consumerWindowBytes;
    if (start.log === this.#place.log && start.seq === this.#place.seq && start.reset === null) return;
    throw new LongstreamError("unavailable", "Cannot go on with this body: the log is not the one it began with");
  }

  async #events(frame: EventsFrame, link: ConsumerLink): Promise<LinkEnd | null> {
    const { format } = this.#options;
    const place = this.#place;
    if (frame.firstSeq !== place.seq + 1) return "lost";
    await this.#writeBytes(format.cut(frame));
    this.#place = { log: place.log, seq: frame.lastSeq };
    this.#fruitlessLinks = 0;
    if (format.until !== null && frame.lastSeq >= format.until) return "finished";
    const taken = frame.offset + frame.bytes.length;
    if (this.#upTo - taken < limits.consumerWindowBytes / 2) {
      this.#upTo = taken + limits.consumerWindowBytes;
      link.grant(this.#upTo);
    }
    return null;
  }

  /**
   * `completed` and `cancelled` close the body. `failed` and `expired` abort it: clients that know no control events
   * read a clean end as a complete answer.
   */
  async #end(end: ConsumerEnd): Promise<LinkEnd> {
    const { format, signal } = this.#options;
    if (end.seq !== this.#place.seq) return "lost";
    await this.#write(format.closing(end, this.#place.log));
    if (end.outcome === "completed" || end.outcome === "cancelled") return "finished";
    await linger(signal);
    return "cut";
  }

  async #reopen(): Promise<ConsumerLink> {
    const from: From = { kind: "cursor", ...this.#place };
    const connection = await pRetry(() => this.#options.reconnect(from), { ...reconnectTries, signal: this.#options.signal });
    if (connection.kind === "open") return connection.link;
    throw new LongstreamError("stream-not-found", "Cannot go on with this body: the stream was removed");
  }

  #beat(): void {
    const { writer, format, heartbeatMs, maxStallMs } = this.#options;
    const quietMs = Date.now() - this.#lastWriteAt;
    if (this.#writing > 0) {
      // It can come back with its cursor; until then it must not keep a socket and a window.
      if (quietMs >= maxStallMs) writer.abort(asDisconnect("the client does not read")).catch(() => undefined);
      return;
    }
    if (quietMs < heartbeatMs) return;
    // A failed write rejects `closed` as well, which ends the relay.
    this.#write(format.heartbeat).catch(() => undefined);
  }

  async #write(text: string): Promise<void> {
    if (text !== "") return this.#writeBytes(encoder.encode(text));
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    this.#writing++;
    this.#lastWriteAt = Date.now();
    try {
      await this.#options.writer.write(bytes);
    } finally {
      this.#writing--;
      this.#lastWriteAt = Date.now();
    }
  }
}
