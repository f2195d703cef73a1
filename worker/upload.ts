/** Owns the client's request body in the object: stored as it comes, sent to producers within what they asked for. */

import { encodeBodyPiece } from "../protocol/body-piece.ts";
import { limits } from "../protocol/limits.ts";
import { encodeMessage } from "../protocol/producer-messages.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import { attach, trySend } from "./attachment.ts";
import type { ProducerAttachment } from "./attachment.ts";
import type { Store } from "./store.ts";

type UploadState =
  /** `lostAt`: when a Worker that says nothing more is taken for gone, milliseconds since the epoch. */
  | { readonly kind: "coming"; readonly lostAt: number }
  | { readonly kind: "over"; readonly failure: StreamFailure | null };

/** The body from some offset, as far as it is known. */
export type BodyRead =
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  /** More of it is on its way. */
  | { readonly kind: "later" }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly failure: StreamFailure };

export class Upload {
  readonly #store: Store;
  readonly #idleMs: number;
  #bytes: number;
  #state: UploadState;
  /**
   * `lostAt` as an alarm last stored it. Without it each alarm that wakes a sleeping object would begin the wait anew, and
   * an upload whose Worker is gone would never be found out.
   */
  #storedLostAt: number | null = null;

  /** `bodyBytes` null: the body did not come with the stream's creation. */
  constructor(store: Store, bodyBytes: number | null, idleMs: number, nowMs: number) {
    this.#store = store;
    this.#idleMs = idleMs;
    const stored = bodyBytes === null ? store.readUpload() : { bytes: bodyBytes, failure: null };
    this.#bytes = stored?.bytes ?? store.bodyBytes;
    if (stored === null) this.#storedLostAt = store.readSilence()?.lostAt ?? null;
    this.#state = stored === null ? { kind: "coming", lostAt: this.#storedLostAt ?? nowMs + idleMs } : { kind: "over", failure: stored.failure };
  }

  /** When the upload must have said something; null when it is over. */
  get lostAt(): number | null {
    return this.#state.kind === "coming" ? this.#state.lostAt : null;
  }

  /** Null while it comes, and for one that broke off. */
  get length(): number | null {
    return this.#state.kind === "over" && this.#state.failure === null ? this.#bytes : null;
  }

  /** For a reader in the object itself. */
  read(offset: number): BodyRead {
    if (offset < this.#bytes) return { kind: "piece", bytes: this.#store.bodyPiece(offset) };
    if (this.#state.kind === "coming") return { kind: "later" };
    const { failure } = this.#state;
    return failure === null ? { kind: "end" } : { kind: "failed", failure };
  }

  /** Takes a piece, or a sign of life without bytes. What was taken already is dropped: a call may be made twice. */
  take(offset: number, bytes: Uint8Array, nowMs: number): void {
    if (this.#state.kind === "over") return;
    this.#state = { kind: "coming", lostAt: nowMs + this.#idleMs };
    if (this.#storedLostAt !== null) this.#storeLostAt(null);
    const skip = this.#bytes - offset;
    if (skip < 0) return this.fail({ code: "upload-broken", message: `Cannot go on with the upload: it skips from byte ${this.#bytes} to ${offset}` });
    if (skip >= bytes.length) return;
    this.#store.appendBody(this.#bytes, bytes.slice(skip));
    this.#bytes += bytes.length - skip;
  }

  complete(): void {
    this.#end(null);
  }

  fail(failure: StreamFailure): void {
    this.#end(failure);
  }

  /** At an alarm. */
  look(nowMs: number): void {
    const { lostAt } = this;
    if (lostAt === null) return;
    if (nowMs < lostAt) return this.#storedLostAt === null ? this.#storeLostAt(lostAt) : undefined;
    this.fail({ code: "upload-broken", message: `Cannot go on with the upload: nothing came for ${this.#idleMs} ms` });
  }

  /** Sends a producer what it asked for and has not got, and how the body ended when it has all of it. */
  feed(socket: WebSocket, attachment: ProducerAttachment): void {
    const { body } = attachment;
    if (body === null) return;
    let { sent } = body;
    for (const piece of sent < Math.min(body.upTo, this.#bytes) ? this.#store.bodyFrom(sent, body.upTo) : []) {
      if (!trySend(socket, encodeBodyPiece(piece))) break;
      sent += piece.bytes.length;
    }
    const over = this.#state.kind === "over" && sent >= this.#bytes ? this.#state : null;
    attach(socket, { ...attachment, body: over === null ? { sent, upTo: body.upTo } : null });
    if (over === null) return;
    trySend(socket, encodeMessage(over.failure === null ? { type: "body-end", bytes: this.#bytes } : { type: "body-failed", ...over.failure }));
  }

  /** For a producer that was just welcomed: the first of it goes unasked. */
  begin(socket: WebSocket, attachment: ProducerAttachment): void {
    this.feed(socket, { ...attachment, body: { sent: 0, upTo: limits.bodyWindowBytes } });
  }

  /**
   * A body that is over may be asked for again, by a handler that reads it after a redial. What was sent on this socket is
   * on its way: it is asked from where the handler is, and would travel twice.
   */
  pull(socket: WebSocket, attachment: ProducerAttachment, from: number, upTo: number): void {
    this.feed(socket, { ...attachment, body: { sent: Math.max(from, attachment.body?.sent ?? from), upTo: Math.min(upTo, from + limits.bodyWindowBytes) } });
  }

  #storeLostAt(lostAt: number | null): void {
    this.#storedLostAt = lostAt;
    this.#store.writeSilence({ lostAt });
  }

  #end(failure: StreamFailure | null): void {
    if (this.#state.kind === "over") return;
    this.#state = { kind: "over", failure };
    this.#store.writeUpload({ bytes: this.#bytes, failure });
  }
}
