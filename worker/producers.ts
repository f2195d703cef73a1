/** Owns the object's side of producer sockets: which are open, by attempt, and what is sent to them. */

import { encodeMessage } from "../protocol/producer-messages.ts";
import type { ToProducer } from "../protocol/producer-messages.ts";
import { attach, attachmentOf, retire, trySend } from "./attachment.ts";
import type { ProducerAttachment } from "./attachment.ts";
import type { HeardAt, Producer } from "./stream-state.ts";
import { same } from "./stream-state.ts";

/** Tag of producer sockets, by which the runtime finds them after hibernation. */
export const producerTag = "producer";

export class Producers {
  readonly #sockets: () => WebSocket[];
  readonly #pingedAt: (socket: WebSocket) => number;
  /** When each socket last sent something that woke the object; pings do not. Lost on eviction, pings are not. */
  readonly #messageAt = new WeakMap<WebSocket, number>();

  constructor(sockets: () => WebSocket[], pingedAt: (socket: WebSocket) => number) {
    this.#sockets = sockets;
    this.#pingedAt = pingedAt;
  }

  add(socket: WebSocket, producer: Producer, nowMs: number): void {
    attach(socket, { kind: "producer", producer, since: nowMs, body: null });
  }

  heard(socket: WebSocket, nowMs: number): void {
    this.#messageAt.set(socket, nowMs);
  }

  heardAt(): HeardAt {
    const heard = new Map<number, number>();
    for (const [socket, { producer, since }] of this.#open()) {
      const at = Math.max(since, this.#pingedAt(socket), this.#messageAt.get(socket) ?? 0, heard.get(producer.attempt) ?? 0);
      heard.set(producer.attempt, at);
    }
    return heard;
  }

  /** Whether this very run has a socket open. */
  connected(producer: Producer): boolean {
    return this.#open().some(([, attachment]) => same(attachment.producer, producer));
  }

  /** Closes a run's older sockets when it dialled again before their loss was noticed. */
  supersede(producer: Producer, current: WebSocket, code: number): void {
    for (const [socket, attachment] of this.#open()) {
      if (socket !== current && same(attachment.producer, producer)) retire(socket, code, "the same run dialled again");
    }
  }

  /** Sockets to which more of the request body may be sent. */
  reading(): readonly (readonly [WebSocket, ProducerAttachment])[] {
    return this.#open().filter(([, { body }]) => body !== null);
  }

  send(attempt: number, message: ToProducer): void {
    for (const [socket, { producer }] of this.#open()) {
      if (producer.attempt === attempt) trySend(socket, encodeMessage(message));
    }
  }

  /** To that run alone: a duplicate that has just dialled, and is about to be fenced, is acknowledged nothing. */
  acknowledge(producer: Producer, message: Extract<ToProducer, { type: "ack" }>): void {
    for (const [socket, attachment] of this.#open()) {
      if (same(attachment.producer, producer)) trySend(socket, encodeMessage(message));
    }
  }

  close(attempt: number, code: number, reason: string): void {
    for (const [socket, { producer }] of this.#open()) {
      if (producer.attempt === attempt) retire(socket, code, reason);
    }
  }

  closeAll(code: number, reason: string): void {
    for (const [socket] of this.#open()) retire(socket, code, reason);
  }

  #open(): (readonly [WebSocket, ProducerAttachment])[] {
    return this.#sockets().flatMap((socket) => {
      const attachment = attachmentOf(socket);
      return attachment.kind === "producer" ? [[socket, attachment] as const] : [];
    });
  }
}
