/** Owns the object's side of consumer sockets: who is level with the log, who is behind, and what credit allows. */

import { encodeEventsFrame } from "../protocol/consumer-frames.ts";
import type { ConsumeRequest, EventsFrame, ToConsumer } from "../protocol/consumer-frames.ts";
import { closeCodes } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Outcome, StreamFailure } from "../protocol/sse.ts";
import { attach, attachmentOf, retire, trySend } from "./attachment.ts";
import type { ConsumerAttachment } from "./attachment.ts";
import type { Log } from "./log.ts";

/** Tag of consumer sockets, by which the runtime finds them after hibernation. */
export const consumerTag = "consumer";

export interface Ending {
  readonly outcome: Outcome;
  readonly error: StreamFailure | null;
}

/**
 * A consumer that is level needs no state of its own: its position is the log's end, because every commit reaches it in
 * the turn that inserts it, and both are undone together if the write fails. One that is behind costs its seq and
 * reads from the log when credit returns.
 */
export class Consumers {
  readonly #sockets: () => WebSocket[];
  readonly #log: Log;
  readonly #ending: () => Ending | null;

  constructor(sockets: () => WebSocket[], log: Log, ending: () => Ending | null) {
    this.#sockets = sockets;
    this.#log = log;
    this.#ending = ending;
  }

  get count(): number {
    return this.#open().length;
  }

  /** A new reader, already accepted: where it starts, then what is stored. Subscribing and reading are one turn. */
  welcome(socket: WebSocket, start: Extract<ToConsumer, { type: "start" }>, follow: ConsumeRequest["follow"]): void {
    const upTo = start.offset + limits.consumerWindowBytes;
    const until = follow === "stored" ? this.#log.tail.seq : null;
    const consumer: ConsumerAttachment = { kind: "consumer", until, upTo, behind: start.seq };
    attach(socket, consumer);
    send(socket, start);
    this.#catchUp(socket, consumer);
  }

  /** A commit of this turn. One encoding serves every reader that is level. */
  deliver(frame: EventsFrame): void {
    const encoded = encodeEventsFrame(frame);
    for (const [socket, consumer] of this.#open()) {
      if (consumer.behind !== null) continue;
      if (frame.offset >= consumer.upTo) attach(socket, { ...consumer, behind: frame.firstSeq - 1 });
      else if (!trySend(socket, encoded)) retire(socket, closeCodes.done, "closed");
    }
  }

  grant(socket: WebSocket, consumer: ConsumerAttachment, upTo: number): void {
    const granted = { ...consumer, upTo: Math.max(upTo, consumer.upTo) };
    if (granted.behind === null) attach(socket, granted);
    else this.#catchUp(socket, granted);
  }

  /** The stream has an outcome: readers that have everything are told; the others are when they have. */
  finish(): void {
    for (const [socket, consumer] of this.#open()) {
      if (consumer.behind === null) this.#end(socket, consumer);
    }
  }

  /** Cuts every reader off without an end: the Worker aborts its clients' bodies. */
  abandon(code: number, reason: string): void {
    for (const [socket] of this.#open()) retire(socket, code, reason);
  }

  #catchUp(socket: WebSocket, consumer: ConsumerAttachment): void {
    let seq = consumer.behind ?? this.#log.tail.seq;
    while (consumer.until === null || seq < consumer.until) {
      const frame = this.#log.readAfter(seq);
      if (frame === null) break;
      if (frame.offset >= consumer.upTo) {
        attach(socket, { ...consumer, behind: seq });
        return;
      }
      if (!trySend(socket, encodeEventsFrame(frame))) return retire(socket, closeCodes.done, "closed");
      seq = frame.lastSeq;
    }
    attach(socket, { ...consumer, behind: null });
    this.#end(socket, consumer);
  }

  /** For a reader that has everything; does nothing while more may come. */
  #end(socket: WebSocket, consumer: ConsumerAttachment): void {
    const ending = this.#ending();
    if (consumer.until !== null) send(socket, { type: "stored-end" });
    else if (ending !== null) send(socket, { type: "end", seq: this.#log.tail.seq, outcome: ending.outcome, error: ending.error });
    else return;
    retire(socket, closeCodes.done, "done");
  }

  #open(): (readonly [WebSocket, ConsumerAttachment])[] {
    return this.#sockets().flatMap((socket) => {
      const attachment = attachmentOf(socket);
      return attachment.kind === "consumer" ? [[socket, attachment] as const] : [];
    });
  }
}

function send(socket: WebSocket, message: ToConsumer): void {
  trySend(socket, JSON.stringify(message));
}
