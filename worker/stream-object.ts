/** Owns the Durable Object of one stream: its callbacks, upgrades and calls, handed to the stream that lives in it. */

import { DurableObject } from "cloudflare:workers";
import { parseConsumeRequest, parseCredit } from "../protocol/consumer-frames.ts";
import { LongstreamError, closeCodes, describe } from "../protocol/errors.ts";
import { headerNames, objectPaths } from "../protocol/http.ts";
import { ping, pong } from "../protocol/producer-messages.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import { attachmentOf, retire } from "./attachment.ts";
import { account } from "./attempts.ts";
import type { AttemptRecord } from "./attempts.ts";
import { readAccess } from "./config.ts";
import type { Env } from "./env.ts";
import { consumerTag } from "./consumers.ts";
import { invokeFunction } from "./lambda.ts";
import { Meter } from "./meter.ts";
import { producerTag } from "./producers.ts";
import { Store } from "./store.ts";
import type { StreamDescription } from "./store.ts";
import type { StreamState } from "./stream-state.ts";
import { begin } from "./stream-step.ts";
import { Stream } from "./stream.ts";
import type { StreamStatus } from "./stream-status.ts";
import { signTicket } from "./ticket.ts";
import { secretsOf, sourceOf } from "./upstream-target.ts";

const alarmRetryMs = 5_000;

export class StreamObject extends DurableObject<Env> {
  readonly #meter = new Meter();
  readonly #store: Store;
  /** Null for an id that nobody created or whose log was removed: every request is then answered 404. */
  #stream: Stream | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new Store(ctx.storage.sql, this.#meter);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(ping, pong));
    if (!this.#store.exists) return;
    const description = this.#store.readDescription();
    const stored = this.#store.readState();
    if (description === null || stored === null) return;
    this.#meter.resume([stored.cost]);
    this.#stream = this.#open(description, stored.state, stored.attempts);
    this.#stream.wake();
  }

  /** Stores the stream and invokes its first attempt. False when the id is taken. */
  create(description: StreamDescription, body: Uint8Array<ArrayBuffer>, reader: "expected" | "none"): boolean {
    if (this.#store.exists) return false;
    this.#meter.add({ requests: 1 });
    this.#store.create(description, body);
    const { settings, createdAt, target } = description;
    const { state, effects } = begin({ nowMs: Date.now(), settings, tailSeq: 0, createdAt, source: sourceOf(target) });
    const attempts = account([], { before: null, event: null, after: state, nowMs: createdAt, tailSeq: 0 });
    this.#store.writeState(state, attempts);
    this.#stream = this.#open(description, state, attempts);
    this.#stream.begin(effects, reader);
    return true;
  }

  /** A piece of the request body; durable when it answers. False when the rest is not wanted. */
  upload(offset: number, bytes: Uint8Array, part: "more" | "last"): boolean {
    this.#meter.add({ requests: 1 });
    return this.#orAbort(() => this.#stream?.upload(offset, bytes, part) ?? false);
  }

  breakUpload(failure: StreamFailure): void {
    this.#meter.add({ requests: 1 });
    this.#orAbort(() => this.#stream?.breakUpload(failure));
  }

  status(): StreamStatus | null {
    return this.#stream?.status() ?? null;
  }

  /** Durable before it answers. Null when there is no such stream. */
  cancel(attempt: number | null, reason: string): StreamStatus | null {
    this.#orAbort(() => this.#stream?.cancel(attempt, reason));
    return this.status();
  }

  /** False when there is no such stream. */
  remove(): boolean {
    if (this.#stream === null) return false;
    this.#stream.abandon("the stream was deleted");
    this.#stream = null;
    this.ctx.waitUntil(this.ctx.storage.deleteAll());
    return true;
  }

  override fetch(request: Request): Response {
    const { pathname } = new URL(request.url);
    const stream = this.#stream;
    if (stream === null) return new Response(null, { status: 404 });
    this.#meter.add({ requests: 1 });
    return this.#orAbort(() => (pathname === objectPaths.producer ? this.#acceptProducer(stream, request) : this.#acceptConsumer(stream, request)));
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const stream = this.#stream;
    const attachment = attachmentOf(socket);
    if (stream === null || attachment.kind === "closed") return;
    this.#orAbort(() => {
      if (attachment.kind === "producer") stream.receive(socket, attachment, message);
      else {
        this.#meter.add({ messagesIn: 1 });
        grant(stream, socket, message);
      }
    });
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#lose(socket, `its socket closed with ${code}${reason === "" ? "" : ` (${reason})`}`);
  }

  override webSocketError(socket: WebSocket, error: unknown): void {
    this.#lose(socket, `its socket failed (${describe(error)})`);
  }

  override async alarm(): Promise<void> {
    this.#meter.add({ requests: 1 });
    try {
      this.#stream?.ring();
    } catch (error) {
      // The platform gives up after a few tries, and then nothing would ring for this stream again.
      await this.ctx.storage.setAlarm(Date.now() + alarmRetryMs);
      await this.ctx.storage.sync();
      this.#restart(error);
    }
  }

  /** What memory holds may be half of a turn now: start again from what is stored. */
  #orAbort<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      this.#restart(error);
      throw error;
    }
  }

  #restart(error: unknown): void {
    console.error("Cannot go on with what is in memory", error);
    this.ctx.abort(describe(error));
  }

  /** The close handshake needs an answer here, or the peer can hang in it (2026-11). */
  #lose(socket: WebSocket, what: string): void {
    const attachment = attachmentOf(socket);
    retire(socket, closeCodes.done, "closed");
    this.#orAbort(() => {
      if (attachment.kind === "producer") this.#stream?.dropped(socket, attachment, `attempt ${attachment.producer.attempt}: ${what}`);
      else if (attachment.kind !== "closed") this.#stream?.readers.left(socket);
    });
  }

  #acceptProducer(stream: Stream, request: Request): Response {
    const attempt = Number(request.headers.get(headerNames.attempt));
    const run = request.headers.get(headerNames.producer) ?? "";
    const [client, server] = this.#accept(producerTag);
    stream.dial(server, { attempt, run });
    return new Response(null, { status: 101, webSocket: client });
  }

  #acceptConsumer(stream: Stream, request: Request): Response {
    const asked = parseConsumeRequest(request.headers.get(headerNames.consume) ?? "");
    if (!stream.isOf(asked.route)) return new Response(null, { status: 404 });
    if (stream.readers.isCrowdedFor(asked)) return new Response(null, { status: 503 });
    const [client, server] = this.#accept(consumerTag);
    stream.readers.consume(server, asked);
    return new Response(null, { status: 101, webSocket: client });
  }

  #accept(tag: string): [client: WebSocket, server: WebSocket] {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [tag]);
    return [client, server];
  }

  #open(description: StreamDescription, state: StreamState, attempts: readonly AttemptRecord[]): Stream {
    const { ctx } = this;
    return new Stream(
      {
        sockets: (tag) => ctx.getWebSockets(tag),
        pingedAt: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0,
        sql: ctx.storage.sql,
        meter: this.#meter,
        setAlarm: (at) => {
          this.#meter.add({ rowsWritten: 1 });
          ctx.waitUntil(ctx.storage.setAlarm(at));
        },
        invoke: (attempt) => ctx.waitUntil(this.#invoke(description, attempt)),
        upstream: {
          access: () => ({ lambda: readAccess(this.env), secret: secretsOf(this.env) }),
          sync: async () => ctx.storage.sync(),
          keep: (work) => {
            this.#meter.hold();
            ctx.waitUntil(work.finally(() => this.#meter.release()));
          },
          restart: (error) => this.#restart(error),
        },
        remove: () => this.remove(),
      },
      this.#store,
      description,
      { state, attempts },
    );
  }

  async #invoke(description: StreamDescription, attempt: number): Promise<void> {
    const { id, target, url, settings } = description;
    // Asked by the stream itself.
    if ("upstream" in target) return;
    this.#meter.hold();
    try {
      const ticket = await signTicket({ stream: id, attempt, expiresAt: Date.now() + settings.ticketMs }, this.env.TICKET_SECRET);
      const invocation = { longstream: 1, stream: id, attempt, url, ticket } as const;
      const result = await invokeFunction(target, invocation, readAccess(this.env), settings.attemptStartMs);
      if (!result.accepted) this.#orAbort(() => this.#stream?.invokeFailed(attempt, result.reason, result.retry));
    } finally {
      this.#meter.release();
    }
  }
}

function grant(stream: Stream, socket: WebSocket, message: string | ArrayBuffer): void {
  try {
    stream.readers.grant(socket, parseCredit(typeof message === "string" ? message : "").upTo);
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    retire(socket, closeCodes.protocolError, error.message);
  }
}
