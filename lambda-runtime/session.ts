/** Owns the producer's side of the protocol for one attempt; it knows nothing of sockets but three methods. */

import { decodeBodyPiece } from "../protocol/body-piece.ts";
import { encodeDataFrame } from "../protocol/data-frame.ts";
import { LongstreamError, closeCodes, errorOfClose } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { encodeMessage, parseToProducer } from "../protocol/producer-messages.ts";
import type { RequestHead, ResponseHead, ResumePoint, ToObject, ToProducer } from "../protocol/producer-messages.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import { Outbox, logStart } from "./outbox.ts";
import type { LogPoint } from "./outbox.ts";
import { Pace } from "./pace.ts";
import { RequestBody } from "./request-body.ts";
import { Stop } from "./stop.ts";
import type { ResumeMode } from "./types.ts";

/** One connection to the object. */
export interface Transport {
  send(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
  /** Without a handshake: for a connection that is believed dead. */
  abandon(): void;
}

/** What the object said when this run first dialled in. */
export interface Welcome {
  readonly attempt: number;
  readonly role: "active" | "standby";
  readonly resume: ResumePoint | null;
  readonly request: RequestHead;
  readonly leaseMs: number;
}

/** What this attempt tells the object last. */
type Farewell =
  | { readonly type: "yield" }
  | { readonly type: "end"; readonly outcome: "completed" | "failed"; readonly error: StreamFailure | null };

export interface SessionOptions {
  readonly resume: ResumeMode;
}

export class Session {
  readonly stop = new Stop();
  readonly #resumeMode: ResumeMode;
  #transport: Transport | null = null;
  /** The connection whose welcome said from where to send; before it, whatever was sent would leave a gap. */
  #greeted: Transport | null = null;
  /** Where the log stood when this attempt became active, or dialled again. */
  #activeFrom: LogPoint | null = null;
  #acknowledgedSeq = 0;
  #outbox: Outbox | null = null;
  #head: ResponseHead | null = null;
  /** Stored by a handler that has not answered yet. */
  #earlyCheckpoint: string | null = null;
  /** Of the connection there is. */
  #pace = new Pace(0);
  #windowBytes = 0;
  #role: "connecting" | "standby" | "active" = "connecting";
  /** Settled with where the log stood when this attempt became the active one. */
  readonly #active = Promise.withResolvers<ResumePoint>();
  readonly #welcomed = Promise.withResolvers<Welcome>();
  #welcome: Welcome | null = null;
  /** The client's request body, as the handler reads it. */
  readonly body = new RequestBody((from, upTo) => this.#pull(from, upTo));
  #roomWaiter: (() => void) | null = null;
  #flushing: "idle" | "scheduled" = "idle";
  readonly #handover = new AbortController();
  #readiness: "unready" | "ready" = "unready";
  #farewell: Farewell | null = null;
  /** Each connection is told once. */
  #toldHead: Transport | null = null;
  #toldFarewell: Transport | null = null;
  readonly #released = Promise.withResolvers<void>();

  constructor(options: SessionOptions) {
    this.#resumeMode = options.resume;
  }

  /** The first welcome. */
  get welcomed(): Promise<Welcome> {
    return this.#welcomed.promise;
  }

  /** Settles when this attempt is the active one. */
  get active(): Promise<ResumePoint> {
    return this.#active.promise;
  }

  /** Settles when the object let this attempt go: after its farewell was taken, or because it is not wanted. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Whether something was produced that the object has not confirmed. */
  get unsettled(): boolean {
    return this.#role === "active" && (this.#farewell !== null || !(this.#outbox?.settled ?? true));
  }

  /** Grows with what the object confirms and with the request's bytes that come: while it does, connections serve. */
  get progress(): number {
    return Math.max(this.#acknowledgedSeq, this.#activeFrom?.seq ?? 0) + this.body.received;
  }

  /** Whether the object has welcomed this run on the connection there is. */
  get greeted(): boolean {
    return this.#transport !== null && this.#transport === this.#greeted;
  }

  attach(transport: Transport): void {
    this.#transport = transport;
  }

  detach(): void {
    this.#transport = null;
  }

  /** @throws LongstreamError `protocol-error`; the connection is then of no use. */
  receive(data: string | Uint8Array): void {
    if (typeof data === "string") this.#receiveControl(parseToProducer(data));
    else this.body.take(decodeBodyPiece(data));
  }

  /** The object closed the connection for good. */
  closed(code: number, reason: string): void {
    const error = errorOfClose(reason);
    if (error !== null) {
      this.stop.give({ kind: "failed", error });
    } else if (code === closeCodes.fenced || this.#farewell === null) {
      this.stop.give({ kind: "fenced", reason });
    }
    this.#released.resolve();
  }

  /** The connection cannot be had again. */
  fail(error: LongstreamError): void {
    this.stop.give({ kind: "failed", error });
    this.#welcomed.reject(error);
    this.#released.resolve();
  }

  /** The handler's answer has come, and its first event comes behind `start`; call once, before `push`. */
  startFrom(start: LogPoint, durable: LogPoint, head: ResponseHead): void {
    const outbox = new Outbox(head.mode, start, durable, this.#windowBytes);
    this.#outbox = outbox;
    this.#head = head;
    if (this.#earlyCheckpoint !== null) outbox.hold(this.#earlyCheckpoint);
    if (this.#role === "active") outbox.open(this.#activeFrom ?? durable);
    this.#tellReady();
    this.#flush();
  }

  /** True when the next write must wait for `room()`. */
  push(payload: Uint8Array, sourceId: string): boolean {
    const outbox = this.#opened();
    outbox.push(payload, sourceId);
    this.#tellReady();
    this.#scheduleFlush();
    return outbox.full;
  }

  /** Settles when there is room in the window. */
  async room(): Promise<void> {
    this.#tellReady();
    await new Promise<void>((resolve) => {
      if (!this.#opened().full) resolve();
      else this.#roomWaiter = resolve;
    });
  }

  checkpoint(state: string): void {
    if (this.#outbox === null) {
      this.#earlyCheckpoint = state;
    } else {
      this.#outbox.hold(state);
      this.#scheduleFlush();
    }
  }

  /** Aborted once a successor was asked for. */
  get handover(): AbortSignal {
    return this.#handover.signal;
  }

  askHandover(): void {
    this.#handover.abort();
    if (this.#role === "active") this.#send({ type: "handover" });
  }

  /** Sent behind everything produced, and again after a redial until the object lets go. */
  bid(farewell: Farewell): void {
    this.#farewell = farewell;
    this.#readiness = "unready";
    this.#tellReady();
    this.#flush();
  }

  #receiveControl(message: ToProducer): void {
    switch (message.type) {
      case "welcome":
        return this.#takeWelcome(message);
      case "body-end":
        return this.body.end(message.bytes);
      case "body-failed":
        return this.body.fail({ code: message.code, message: message.message });
      case "ack":
        this.#pace.acknowledged(message.seq, performance.now());
        this.#acknowledgedSeq = Math.max(this.#acknowledgedSeq, message.seq);
        this.#outbox?.acknowledge(message.seq, message.checkpoint);
        return this.#moved();
      case "promote":
        this.#promote(message.resume);
        if (this.#handover.signal.aborted) this.#send({ type: "handover" });
        return;
      case "yield":
        return this.stop.give({ kind: "yield" });
      case "cancel":
        return this.stop.give({ kind: "cancel", reason: message.reason });
    }
  }

  #takeWelcome(message: Extract<ToProducer, { type: "welcome" }>): void {
    this.#greeted = this.#transport;
    this.#pace = new Pace(message.commitIntervalMs);
    this.#windowBytes = message.window;
    const { attempt, role, resume, request, leaseMs } = message;
    this.#welcome ??= { attempt, role, resume, request, leaseMs };
    if (role === "standby") this.#role = "standby";
    else if (this.#role === "active") this.#resume(resume);
    else this.#promote(resume ?? startOfLog);
    this.#readiness = "unready";
    this.#tellReady();
    if (this.#handover.signal.aborted && this.#role === "active") this.#send({ type: "handover" });
    this.body.reconnected();
    this.#welcomed.resolve(this.#welcome);
  }

  /** A redial of the active run: what the object has is dropped, the rest is sent again. */
  #resume(resume: ResumePoint | null): void {
    const point = resume ?? startOfLog;
    this.#activeFrom = point;
    this.#outbox?.resend(point, point.checkpoint?.seq ?? null);
    this.#moved();
  }

  #promote(resume: ResumePoint): void {
    this.#role = "active";
    this.#activeFrom = resume;
    try {
      this.#outbox?.open(resume);
    } catch (error) {
      if (!(error instanceof LongstreamError)) throw error;
      this.stop.give({ kind: "failed", error });
      // A handler that has ended already is not there to be stopped: what it bid is no longer true.
      if (this.#farewell !== null) this.#farewell = { type: "end", outcome: "failed", error: { code: error.code, message: error.message } };
    }
    this.#active.resolve(resume);
    this.#moved();
  }

  #moved(): void {
    if (this.#outbox !== null && !this.#outbox.full) {
      this.#roomWaiter?.();
      this.#roomWaiter = null;
    }
    this.#flush();
  }

  /** Batches the events of one turn into one frame, or while the object is late those of one acknowledgement; a frame's worth goes at once. */
  #scheduleFlush(): void {
    const outbox = this.#opened();
    if (outbox.unsentBytes >= limits.frameBytes) this.#flush();
    else if (this.#flushing === "idle") {
      this.#flushing = "scheduled";
      setImmediate(() => {
        this.#flushing = "idle";
        if (!outbox.inFlight || !this.#pace.late(performance.now())) this.#flush();
      });
    }
  }

  #flush(): void {
    const outbox = this.#outbox;
    const transport = this.#transport;
    if (transport === null || transport !== this.#greeted || this.#role !== "active") return;
    if (this.#head !== null && this.#toldHead !== transport) {
      this.#toldHead = transport;
      this.#send({ type: "head", ...this.#head });
    }
    if (outbox !== null) this.#empty(outbox, transport);
    if (this.#farewell === null || this.#toldFarewell === transport) return;
    this.#toldFarewell = transport;
    // Without an outbox the handler was never started: nothing was produced behind what is stored.
    if (outbox === null) this.#send({ ...this.#farewell, seq: this.#activeFrom?.seq ?? 0 });
    else this.#send({ ...truthful(this.#farewell, outbox), seq: outbox.finalSeq });
  }

  #empty(outbox: Outbox, transport: Transport): void {
    for (let next = outbox.next(); next !== null; next = outbox.next()) {
      if (next.kind === "checkpoint") {
        this.#send({ type: "checkpoint", ...next.checkpoint });
      } else {
        transport.send(encodeDataFrame(next.frame));
        this.#pace.sent(outbox.framedSeq, performance.now());
      }
    }
  }

  /** A standby is ready once it has caught up with what was durable when it came, or can do no more before its turn. */
  #tellReady(): void {
    if (this.#role !== "standby" || this.#readiness === "ready" || this.#transport === null) return;
    const outbox = this.#outbox;
    const caughtUp = outbox === null ? this.#resumeMode === "continue" : outbox.full || outbox.lastSeq >= (this.#welcome?.resume?.seq ?? 0);
    if (!caughtUp && this.#farewell === null) return;
    this.#readiness = "ready";
    this.#send({ type: "ready" });
  }

  #pull(from: number, upTo: number): void {
    // On another connection the body is asked for again, once it is welcomed.
    if (this.greeted) this.#send({ type: "pull", from, upTo });
  }

  #send(message: ToObject): void {
    this.#transport?.send(encodeMessage(message));
  }

  #opened(): Outbox {
    if (this.#outbox === null) throw new LongstreamError("protocol-error", "Cannot write: the handler has not been started");
    return this.#outbox;
  }
}

/** A replay that completed before it repeated all that is stored did not complete: it diverged. */
function truthful(farewell: Farewell, outbox: Outbox): Farewell {
  if (farewell.type === "yield" || farewell.outcome === "failed" || !outbox.repeating) return farewell;
  const message =
    `Cannot go on behind ${outbox.finalSeq}: run again, the handler ended after ${outbox.lastSeq}; ` +
    'make it deterministic, or use resume: "continue"';
  return { type: "end", outcome: "failed", error: { code: "replay-diverged", message } };
}

const startOfLog: ResumePoint = { ...logStart, sourceId: "", checkpoint: null };
