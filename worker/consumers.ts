/** Owns the object's side of consumer sockets: who waits, who is level with the log, who is behind, what credit allows. */

import { encodeEventsFrame } from "../protocol/consumer-frames.ts";
import type { ConsumeRequest, ConsumerEnd, EventsFrame, ToConsumer } from "../protocol/consumer-frames.ts";
import { closeCodes } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import { attach, attachmentOf, retire, trySend } from "./attachment.ts";
import type { ConsumerAttachment, WaitingAttachment } from "./attachment.ts";
import type { Log } from "./log.ts";
import type { Placement } from "./placement.ts";

/** Tag of consumer sockets, by which the runtime finds them after hibernation. */
export const consumerTag = "consumer";

/** A new reader, and the head its stream answers with. */
export interface Admission {
  readonly log: string;
  readonly head: ResponseHead;
  readonly placement: Placement;
  readonly follow: ConsumeRequest["follow"];
}

/**
 * A consumer that is level needs no state of its own: its position is the log's end, because every commit reaches it in
 * the turn that inserts it, and both are undone together if the write fails. One that is behind costs its seq and
 * reads from the log when credit returns.
 */
export class Consumers {
  readonly #log: Log;
  readonly #ending: () => ConsumerEnd | null;
  /** As attached to the sockets, which is what hibernation keeps; decoding a thousand for each commit would cost more. */
  readonly #readers = new Map<WebSocket, ConsumerAttachment | WaitingAttachment>();

  /** `sockets`: those that outlived the object's last sleep. */
  constructor(sockets: readonly WebSocket[], log: Log, ending: () => ConsumerEnd | null) {
    this.#log = log;
    this.#ending = ending;
    for (const socket of sockets) {
      const attachment = attachmentOf(socket);
      if (attachment.kind === "consumer" || attachment.kind === "waiting") this.#readers.set(socket, attachment);
    }
  }

  get count(): number {
    return this.#readers.size;
  }

  /** Readers for whom the stream goes on. */
  get following(): number {
    let count = 0;
    for (const reader of this.#readers.values()) if ((reader.kind === "waiting" ? reader.asked.follow : reader.follow) === "live") count++;
    return count;
  }

  /** Until the stream has a head, or ends without one. */
  wait(socket: WebSocket, asked: ConsumeRequest): void {
    this.#keep(socket, { kind: "waiting", asked });
    this.#tellEnd(socket);
  }

  /** Those who waited for the head that has come. */
  waiting(): readonly (readonly [WebSocket, ConsumeRequest])[] {
    return [...this.#readers].flatMap(([socket, reader]) => (reader.kind === "waiting" ? [[socket, reader.asked] as const] : []));
  }

  /** Where the reader starts, then what is stored. Subscribing and reading are one turn. */
  admit(socket: WebSocket, { log, head, placement, follow }: Admission): void {
    switch (placement.kind) {
      case "complete":
        return this.#dismiss(socket, { type: "complete", outcome: placement.outcome });
      case "unsatisfiable":
        return this.#dismiss(socket, { type: "unsatisfiable", bytes: placement.bytes, outcome: placement.outcome });
      case "at": {
        const { seq, until, reset, extent } = placement;
        const offset = this.#log.offsetAfter(seq);
        send(socket, { type: "start", log, seq, offset, reset, head, extent });
        this.#catchUp(socket, { kind: "consumer", follow, until, upTo: offset + limits.consumerWindowBytes, behind: seq });
      }
    }
  }

  /** A commit of this turn. One encoding serves every reader that is level. */
  deliver(frame: EventsFrame): void {
    const encoded = encodeEventsFrame(frame);
    for (const [socket, reader] of this.#readers) {
      if (reader.kind === "waiting" || reader.behind !== null) continue;
      if (frame.offset >= reader.upTo) this.#keep(socket, { ...reader, behind: frame.firstSeq - 1 });
      else if (!trySend(socket, encoded)) this.#drop(socket, closeCodes.done, "closed");
    }
  }

  grant(socket: WebSocket, upTo: number): void {
    const reader = this.#readers.get(socket);
    if (reader?.kind !== "consumer") return;
    const granted = { ...reader, upTo: Math.max(upTo, reader.upTo) };
    if (granted.behind === null) this.#keep(socket, granted);
    else this.#catchUp(socket, granted);
  }

  /** The stream has an outcome: readers that have everything are told; the others are when they have. */
  finish(): void {
    for (const [socket, reader] of this.#readers) {
      if (reader.kind === "waiting" || reader.behind === null) this.#tellEnd(socket);
    }
  }

  /** Cuts every reader off without an end: the Worker aborts its clients' bodies. */
  abandon(code: number, reason: string): void {
    for (const socket of this.#readers.keys()) this.#drop(socket, code, reason);
  }

  /** Its socket is closed. */
  forget(socket: WebSocket): void {
    this.#readers.delete(socket);
  }

  #catchUp(socket: WebSocket, consumer: ConsumerAttachment): void {
    let seq = consumer.behind ?? this.#log.tail.seq;
    while (consumer.until === null || seq < consumer.until) {
      const frame = this.#log.readAfter(seq);
      if (frame === null) break;
      if (frame.offset >= consumer.upTo) return this.#keep(socket, { ...consumer, behind: seq });
      if (!trySend(socket, encodeEventsFrame(frame))) return this.#drop(socket, closeCodes.done, "closed");
      seq = frame.lastSeq;
    }
    if (consumer.until !== null) return this.#dismiss(socket, { type: "stored-end" });
    this.#keep(socket, { ...consumer, behind: null });
    this.#tellEnd(socket);
  }

  /** For a reader that has everything; does nothing while more may come. */
  #tellEnd(socket: WebSocket): void {
    const ending = this.#ending();
    if (ending !== null) this.#dismiss(socket, ending);
  }

  /** The last message to a reader. */
  #dismiss(socket: WebSocket, message: ToConsumer): void {
    send(socket, message);
    this.#drop(socket, closeCodes.done, "done");
  }

  #keep(socket: WebSocket, reader: ConsumerAttachment | WaitingAttachment): void {
    attach(socket, reader);
    this.#readers.set(socket, reader);
  }

  #drop(socket: WebSocket, code: number, reason: string): void {
    this.#readers.delete(socket);
    retire(socket, code, reason);
  }
}

function send(socket: WebSocket, message: ToConsumer): void {
  trySend(socket, JSON.stringify(message));
}
