/** Owns one existing stream inside its object: turns callbacks into events, steps the state, carries effects out. */

import type { ReceivedFrame } from "../protocol/data-frame.ts";
import type { ConsumerEnd } from "../protocol/consumer-frames.ts";
import { LongstreamError, closeCodes } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { encodeMessage } from "../protocol/producer-messages.ts";
import type { ResponseHead, ResumePoint } from "../protocol/producer-messages.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import { attachmentOf, retire } from "./attachment.ts";
import type { ProducerAttachment } from "./attachment.ts";
import { account } from "./attempts.ts";
import type { AttemptRecord } from "./attempts.ts";
import { consumerTag } from "./consumers.ts";
import { checkHead, impliedHead } from "./head.ts";
import { Intake } from "./intake.ts";
import type { Committed } from "./intake.ts";
import { Log } from "./log.ts";
import type { Meter } from "./meter.ts";
import { Producers, producerTag } from "./producers.ts";
import { Readership } from "./readership.ts";
import { Reception } from "./reception.ts";
import type { Store, StreamDescription } from "./store.ts";
import { activeOf, nextAlarmAt } from "./stream-state.ts";
import type { Circumstances, Effect, HeardAt, Producer, StreamEvent, StreamState } from "./stream-state.ts";
import { toStatus } from "./stream-status.ts";
import type { StreamStatus } from "./stream-status.ts";
import { Upload } from "./upload.ts";
import { step } from "./stream-step.ts";
import { Upstream } from "./upstream.ts";
import type { UpstreamHost, UpstreamPort } from "./upstream.ts";
import { sourceOf } from "./upstream-target.ts";

/** What the stream asks of the object around it. */
export interface StreamHost {
  readonly sockets: (tag: string) => WebSocket[];
  readonly pingedAt: (socket: WebSocket) => number;
  readonly sql: SqlStorage;
  readonly meter: Meter;
  readonly setAlarm: (at: number) => void;
  /** Starts the invocation; a refusal comes back through `invokeFailed`. */
  readonly invoke: (attempt: number) => void;
  readonly upstream: UpstreamHost;
  /** Removes everything that is stored. */
  readonly remove: () => void;
}

export class Stream {
  readonly description: StreamDescription;
  readonly readers: Readership;
  readonly #host: StreamHost;
  readonly #store: Store;
  readonly #log: Log;
  readonly #intake: Intake;
  readonly #producers: Producers;
  readonly #upload: Upload;
  readonly #reception: Reception;
  readonly #meter: Meter;
  /** Of a route that names one: it produces in the place of sockets. */
  readonly #upstream: Upstream | null;
  #state: StreamState;
  #attempts: readonly AttemptRecord[];
  /** Null until the handler has answered. */
  #head: ResponseHead | null;
  #alarmAt: number | null = null;

  constructor(host: StreamHost, store: Store, description: StreamDescription, { state, attempts }: { readonly state: StreamState; readonly attempts: readonly AttemptRecord[] }) {
    const { id, kind, onAbandon, settings } = description;
    this.description = description;
    this.#host = host;
    this.#store = store;
    this.#meter = host.meter;
    this.#state = state;
    this.#attempts = attempts;
    this.#head = kind === "events" ? impliedHead : store.readHead();
    this.#log = new Log(host.sql, id, host.meter, () => this.#head?.mode ?? "events");
    this.#producers = new Producers(() => host.sockets(producerTag), host.pingedAt);
    this.readers = new Readership({
      sockets: host.sockets(consumerTag),
      id,
      log: this.#log,
      store,
      onAbandon,
      maxConsumers: settings.maxConsumers,
      view: () => ({ head: this.#head, outcome: this.#state.phase === "ended" ? this.#state.outcome : null }),
      ending: () => this.#ending(),
      onChange: () => this.#arm(),
    });
    this.#upload = new Upload(store, description.request.bodyBytes, settings.uploadIdleMs, Date.now());
    host.meter.resume([this.#log.readCost()]);
    this.#intake = new Intake({
      log: this.#log,
      store,
      meter: host.meter,
      id,
      intervalMs: settings.commitIntervalMs,
      onCommit: (committed) => this.#announce(committed),
    });
    this.#reception = new Reception({
      state: () => this.#state,
      mode: () => this.#head?.mode ?? null,
      receivedSeq: () => this.#intake.receivedSeq,
      keepHead: (head) => this.#keepHead(head),
      take: (frame) => this.#take(frame),
      hold: (checkpoint) => this.#intake.hold(checkpoint),
      pull: (socket, attachment, from, upTo) => this.#upload.pull(socket, attachment, from, upTo),
      dispatch: (event, socket) => this.#dispatch(event, socket),
    });
    const { target } = description;
    this.#upstream = "upstream" in target ? new Upstream(target, description, host.upstream, this.#upstreamPort()) : null;
  }

  /** First turn of a stream that was just created, with a reader on the way or without. */
  begin(effects: readonly Effect[], reader: "expected" | "none"): void {
    for (const effect of effects) this.#carryOut(effect, null);
    if (reader === "expected") this.readers.expect(Date.now());
    this.#arm();
  }

  /**
   * First turn after the object woke: sockets stayed (hibernation) or are gone (restart). Nothing can be lost where
   * they stayed, since the timer of an open batch keeps the object awake.
   */
  wake(): void {
    if (this.#state.phase === "ended") return;
    this.readers.look();
    if (this.#upload.lostAt !== null) this.#arm();
    const lost = this.#upstream?.wake() ?? null;
    if (lost !== null) return this.#dispatch(lost, null);
    const active = activeOf(this.#state);
    if (active === null || this.#producers.connected(active)) return;
    const reason = `the object restarted, and attempt ${active.attempt}'s socket is gone`;
    this.#dispatch({ type: "drop", producer: active, reason }, null);
  }

  dial(socket: WebSocket, producer: Producer): void {
    this.#producers.add(socket, producer, Date.now());
    this.#dispatch({ type: "dial", producer }, socket);
  }

  /** Whether a reader who came by `route` may have this stream; null is its own path. */
  isOf(route: string | null): boolean {
    return route === null || route === this.description.route;
  }

  receive(socket: WebSocket, { producer }: ProducerAttachment, message: string | ArrayBuffer): void {
    this.#meter.add({ messagesIn: 1 });
    this.#producers.heard(socket, Date.now());
    this.#reception.receive(socket, producer, message);
  }

  /** Its socket is retired already. */
  dropped(socket: WebSocket, { producer }: ProducerAttachment, reason: string): void {
    if (!this.#producers.connected(producer)) this.#dispatch({ type: "drop", producer, reason }, socket);
  }

  invokeFailed(attempt: number, reason: string, retry: boolean): void {
    this.#dispatch({ type: "invoke-failed", attempt, reason, retry }, null);
  }

  cancel(attempt: number | null, reason: string): void {
    this.#dispatch({ type: "cancel", attempt, reason }, null);
  }

  ring(): void {
    this.#alarmAt = null;
    const { abandonAt } = this.readers;
    if (abandonAt !== null && Date.now() >= abandonAt) this.cancel(null, "nobody reads it any more");
    this.#upload.look(Date.now());
    this.#feed();
    this.#dispatch({ type: "time", heardAt: this.#heardAt() }, null);
  }

  /** Before the storage goes. Readers are cut off, never ended: nothing says that they have everything. */
  abandon(reason: string): void {
    this.readers.abandon(closeCodes.notFound, reason);
    this.#dispatch({ type: "cancel", attempt: null, reason }, null);
    this.#producers.closeAll(closeCodes.fenced, reason);
  }

  /** A piece of the request body, in order; `part` says whether more follows. False when nobody wants the rest. */
  upload(offset: number, bytes: Uint8Array, part: "more" | "last"): boolean {
    if (this.#state.phase === "ended") return false;
    this.#upload.take(offset, bytes, Date.now());
    if (part === "last") this.#upload.complete();
    this.#feed();
    this.#arm();
    return this.#upload.lostAt !== null;
  }

  breakUpload(failure: StreamFailure): void {
    this.#upload.fail(failure);
    this.#feed();
  }

  status(): StreamStatus {
    return toStatus({
      description: this.description,
      state: this.#state,
      head: this.#head,
      tail: this.#log.tail,
      attempts: this.#attempts,
      consumers: this.readers.count,
      cost: this.#meter.cost,
    });
  }

  /** More of the request body may be there, or its end. */
  #feed(): void {
    for (const [socket, attachment] of this.#producers.reading()) this.#upload.feed(socket, attachment);
    this.#upstream?.feed();
  }

  #ending(): ConsumerEnd | null {
    if (this.#state.phase !== "ended") return null;
    return { type: "end", seq: this.#log.tail.seq, outcome: this.#state.outcome, error: this.#state.error };
  }

  #take(frame: ReceivedFrame): void {
    this.#intake.receive(frame);
    const { maxStreamBytes } = this.description.settings;
    const { offset } = this.#log.tail;
    if (offset > maxStreamBytes) {
      throw new LongstreamError("stream-too-large", `Cannot go on with the stream: its log has ${offset} bytes, and maxStreamBytes is ${maxStreamBytes}`);
    }
  }

  /** The first one stands: what readers were told cannot change. */
  #keepHead(head: ResponseHead): void {
    checkHead(head, this.#head, this.description.kind);
    if (this.#head !== null) return;
    this.#store.writeHead(head);
    this.#head = head;
    this.readers.admitWaiting(head);
  }

  /** In the turn of the insert: the output gate holds all of this until the row is durable (P1). */
  #announce({ frame, seq, checkpoint }: Committed): void {
    if (frame !== null) this.readers.deliver(frame);
    const active = activeOf(this.#state);
    if (active !== null) this.#producers.acknowledge(active, { type: "ack", seq, checkpoint });
  }

  /** Synchronous from reading the state to storing it: no other callback can come between. */
  #dispatch(event: StreamEvent, socket: WebSocket | null): void {
    this.#intake.commit();
    const at = this.#circumstances();
    const { state, effects } = step(this.#state, event, at);
    if (state !== this.#state) {
      this.#attempts = account(this.#attempts, { before: this.#state, event, after: state, nowMs: at.nowMs, tailSeq: at.tailSeq });
      this.#store.writeState(state, this.#attempts);
      this.#state = state;
    }
    for (const effect of effects) this.#carryOut(effect, socket);
    this.#upstream?.follow(state);
    if (!effects.some((effect) => effect.do === "delete")) this.#arm();
  }

  #carryOut(effect: Effect, socket: WebSocket | null): void {
    switch (effect.do) {
      case "invoke":
        return this.#upstream === null ? this.#host.invoke(effect.attempt) : this.#upstream.start(effect.attempt);
      case "welcome":
        return socket === null ? undefined : this.#welcome(socket, effect.role);
      case "refuse":
        return socket === null ? undefined : retire(socket, closeCodes.fenced, effect.reason);
      case "fence":
        return this.#producers.close(effect.attempt, closeCodes.fenced, effect.reason);
      case "release":
        return this.#producers.close(effect.attempt, closeCodes.done, effect.reason);
      case "ask-yield":
        return this.#producers.send(effect.attempt, { type: "yield", withinMs: effect.withinMs });
      case "promote":
        this.#intake.forgetHeld();
        return this.#producers.send(effect.attempt, { type: "promote", resume: this.#resumePoint() });
      case "cancel":
        this.#producers.send(effect.attempt, { type: "cancel", reason: effect.reason });
        return this.#producers.close(effect.attempt, closeCodes.done, "cancelled");
      case "finish":
        return this.readers.finish();
      case "delete":
        return this.#host.remove();
    }
  }

  #welcome(socket: WebSocket, role: "active" | "standby"): void {
    const producer = role === "standby" && this.#state.phase === "standby" ? this.#state.standby : activeOf(this.#state);
    if (producer === null) return;
    if (role === "active") this.#intake.forgetHeld();
    this.#producers.supersede(producer, socket, closeCodes.fenced);
    const fresh = producer.attempt === 1 && this.#log.tail.seq === 0;
    socket.send(
      encodeMessage({
        type: "welcome",
        attempt: producer.attempt,
        role,
        resume: fresh ? null : this.#resumePoint(),
        request: this.description.request,
        window: limits.windowBytes,
        leaseMs: this.description.settings.leaseMs,
        commitIntervalMs: this.description.settings.commitIntervalMs,
      }),
    );
    const attachment = attachmentOf(socket);
    if (attachment.kind === "producer") this.#upload.begin(socket, attachment);
  }

  #resumePoint(): ResumePoint {
    const { seq, digest, sourceId } = this.#log.tail;
    return { seq, digest, sourceId, checkpoint: this.#store.readCheckpoint() };
  }

  #heardAt(): HeardAt {
    return this.#upstream?.heardAt() ?? this.#producers.heardAt();
  }

  #upstreamPort(): UpstreamPort {
    return {
      state: () => this.#state,
      head: () => this.#head,
      settle: () => {
        this.#intake.commit();
        const { seq, digest, sourceId } = this.#log.tail;
        return { seq, digest, place: sourceId, firstPlace: this.#log.readFirstSourceId(), mode: this.#log.mode };
      },
      body: this.#upload,
      dispatch: (event) => this.#dispatch(event, null),
      keepHead: (head) => this.#keepHead(head),
      receive: (frame) => this.#take(frame),
    };
  }

  /** An alarm that rings early is set again, so only an earlier one is worth a row. */
  #arm(): void {
    const own = this.#state.phase === "ended" ? [] : [this.readers.abandonAt, this.#upload.lostAt].filter((at) => at !== null);
    const at = Math.min(nextAlarmAt(this.#state, this.#heardAt(), this.#circumstances()), ...own);
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.#host.setAlarm(at);
  }

  #circumstances(): Circumstances {
    const { settings, createdAt, target } = this.description;
    return { nowMs: Date.now(), settings, tailSeq: this.#log.tail.seq, createdAt, source: sourceOf(target) };
  }
}
