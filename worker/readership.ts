/** Owns the readers of one stream: when each begins and where, what reaches them, and what it means that nobody reads. */

import type { ConsumeRequest, ConsumerEnd, EventsFrame } from "../protocol/consumer-frames.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import type { Outcome } from "../protocol/sse.ts";
import { Audience } from "./audience.ts";
import { Consumers } from "./consumers.ts";
import type { Log } from "./log.ts";
import { place } from "./placement.ts";
import type { OnAbandon } from "./settings.ts";
import type { Store } from "./store.ts";

/** What of the stream decides about its readers, as it is now. */
export interface ReadershipView {
  /** Null until the handler has answered. */
  readonly head: ResponseHead | null;
  readonly outcome: Outcome | null;
}

export interface ReadershipParts {
  /** Readers' sockets that outlived the object's last sleep. */
  readonly sockets: readonly WebSocket[];
  /** The log's name. */
  readonly id: string;
  readonly log: Log;
  readonly store: Store;
  readonly onAbandon: OnAbandon;
  readonly maxConsumers: number;
  readonly view: () => ReadershipView;
  readonly ending: () => ConsumerEnd | null;
  /** The time at which the stream is given up has changed. */
  readonly onChange: () => void;
}

export class Readership {
  readonly #id: string;
  readonly #consumers: Consumers;
  readonly #audience: Audience;
  readonly #log: Log;
  readonly #maxConsumers: number;
  readonly #view: () => ReadershipView;
  readonly #onChange: () => void;

  constructor({ sockets, id, log, store, onAbandon, maxConsumers, view, ending, onChange }: ReadershipParts) {
    this.#id = id;
    this.#log = log;
    this.#maxConsumers = maxConsumers;
    this.#view = view;
    this.#onChange = onChange;
    this.#consumers = new Consumers(sockets, log, ending);
    this.#audience = new Audience(store, onAbandon, () => this.#consumers.following);
  }

  get count(): number {
    return this.#consumers.count;
  }

  /** Whether one more must wait. Those of what is stored are counted apart: a handler reads its history by them. */
  isCrowdedFor({ follow }: ConsumeRequest): boolean {
    const { count, following } = this.#consumers;
    return (follow === "live" ? following : count - following) >= this.#maxConsumers;
  }

  /** When a stream without readers is given up, milliseconds since the epoch; null while it is not to be. */
  get abandonAt(): number | null {
    return this.#view().outcome === null ? this.#audience.abandonAt : null;
  }

  /** The first reader is on the way, and may die there. */
  expect(nowMs: number): void {
    this.#audience.expect(nowMs);
  }

  /** A reader begins, or waits for the head. */
  consume(socket: WebSocket, asked: ConsumeRequest): void {
    const { head } = this.#view();
    if (head === null) this.#consumers.wait(socket, asked);
    else this.#admit(socket, asked, head);
    this.look();
  }

  /** The head has come. */
  admitWaiting(head: ResponseHead): void {
    for (const [socket, asked] of this.#consumers.waiting()) this.#admit(socket, asked, head);
  }

  grant(socket: WebSocket, upTo: number): void {
    this.#consumers.grant(socket, upTo);
  }

  /** A commit of this turn. */
  deliver(frame: EventsFrame): void {
    this.#consumers.deliver(frame);
    this.look();
  }

  /** A reader's socket is closed. */
  left(socket: WebSocket): void {
    this.#consumers.forget(socket);
    this.look();
  }

  /** The stream has an outcome. */
  finish(): void {
    this.#consumers.finish();
  }

  /** Cuts every reader off without an end. */
  abandon(code: number, reason: string): void {
    this.#consumers.abandon(code, reason);
  }

  /** Readers came or went, or may have: the last one, perhaps. */
  look(): void {
    if (this.#view().outcome !== null) return;
    const before = this.#audience.abandonAt;
    this.#audience.look(Date.now());
    if (this.#audience.abandonAt !== before) this.#onChange();
  }

  #admit(socket: WebSocket, asked: ConsumeRequest, head: ResponseHead): void {
    const placement = place(asked, { log: this.#id, mode: head.mode, seq: this.#log.tail.seq, outcome: this.#view().outcome });
    this.#consumers.admit(socket, { log: this.#id, head, placement, follow: asked.follow });
  }
}
