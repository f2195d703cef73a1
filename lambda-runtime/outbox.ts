/** Owns what was produced and is not yet durable: its order, its bound, what to send next and what to drop. Pure. */

import type { DataFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { RollingHash, emptyDigest } from "../protocol/hash.ts";
import { limits } from "../protocol/limits.ts";
import type { Checkpoint } from "../protocol/producer-messages.ts";

/** A point of the log. */
export interface LogPoint {
  readonly seq: number;
  readonly digest: string;
}

/** What goes out next: a checkpoint goes before the frame that ends with its event, so that one commit takes both. */
export type Outgoing =
  | { readonly kind: "frame"; readonly frame: DataFrame }
  | { readonly kind: "checkpoint"; readonly checkpoint: Checkpoint };

interface Entry {
  readonly payload: Uint8Array;
  readonly sourceId: string;
}

interface HeldCheckpoint {
  readonly seq: number;
  readonly state: string;
  /** Null until it was sent. */
  readonly digest: string | null;
}

export const logStart: LogPoint = { seq: 0, digest: emptyDigest };

/**
 * Events are numbered from where the handler starts. While the handler repeats what is durable, events are hashed and
 * dropped; behind that they are kept until they are acknowledged, and sent only while `opened`.
 */
export class Outbox {
  readonly #windowBytes: number;
  /** Seq of the event before the first entry. */
  #baseSeq: number;
  /** Hash at `#baseSeq`, kept up only until the durable point is reached. */
  readonly #replayed: RollingHash;
  #durable: LogPoint;
  #entries: Entry[] = [];
  #byteLength = 0;
  #unsentBytes = 0;
  #framedSeq: number;
  #framedHash: RollingHash;
  /** `diverged`: nothing more of this attempt may reach the log. */
  #sending: "held" | "opened" | "diverged" = "held";
  #checkpoint: HeldCheckpoint | null = null;

  /** `start`: where the handler starts; `durable`: up to where the log is stored already. */
  constructor(start: LogPoint, durable: LogPoint, windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#baseSeq = start.seq;
    this.#replayed = new RollingHash(start.digest);
    this.#durable = durable;
    this.#framedSeq = durable.seq;
    this.#framedHash = new RollingHash(durable.digest);
    if (start.seq === durable.seq) this.#compare();
  }

  /** Seq of the event produced last. */
  get lastSeq(): number {
    return this.#baseSeq + this.#entries.length;
  }

  /** Seq to say goodbye with: never before what is stored. */
  get finalSeq(): number {
    return Math.max(this.lastSeq, this.#durable.seq);
  }

  /** Whether the handler has not yet repeated all that is stored. */
  get repeating(): boolean {
    return this.lastSeq < this.#durable.seq;
  }

  /** Whether the next write must wait. */
  get full(): boolean {
    return this.#byteLength >= this.#windowBytes;
  }

  /** Everything produced is durable. */
  get settled(): boolean {
    return this.#entries.length === 0 && this.#checkpoint === null;
  }

  /** Bytes that were not framed yet. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** @throws LongstreamError `replay-diverged` when what was repeated up to the durable seq is not what is stored. */
  push(payload: Uint8Array, sourceId: string): void {
    if (this.#entries.length === 0 && this.#baseSeq < this.#durable.seq) {
      this.#replayed.update(payload);
      this.#baseSeq++;
      if (this.#baseSeq === this.#durable.seq) this.#compare();
      return;
    }
    this.#entries.push({ payload, sourceId });
    this.#byteLength += payload.length;
    this.#unsentBytes += payload.length;
  }

  /** Bound to the event produced last. An older one that was not sent yet is superseded. */
  hold(state: string): void {
    // The attempt before stored this one or a later one, or none was needed.
    if (this.repeating) return;
    this.#checkpoint = { seq: this.lastSeq, state, digest: null };
  }

  /**
   * From now on this attempt may send. `durable` is where the log stands; what was produced up to it is dropped.
   *
   * @throws LongstreamError `replay-diverged`.
   */
  open(durable: LogPoint): void {
    if (this.#sending === "held") this.#sending = "opened";
    this.#drop(durable);
    this.#rewind(durable);
  }

  /** The other side has everything up to `durable` and lost what came after: it is sent again. */
  resend(durable: LogPoint, storedCheckpoint: number | null): void {
    this.acknowledge(durable.seq, storedCheckpoint);
    this.#rewind(durable);
  }

  acknowledge(seq: number, storedCheckpoint: number | null): void {
    const held = this.#checkpoint;
    // One that was not sent yet cannot be what was stored, though it may be of the same event.
    if (held !== null && held.digest !== null && storedCheckpoint !== null && storedCheckpoint >= held.seq) this.#checkpoint = null;
    const count = Math.min(seq - this.#baseSeq, this.#entries.length);
    if (count <= 0) return;
    for (const entry of this.#entries.splice(0, count)) this.#byteLength -= entry.payload.length;
    this.#baseSeq += count;
    this.#framedSeq = Math.max(this.#framedSeq, this.#baseSeq);
  }

  /** The next message, or null when there is nothing to send. */
  next(): Outgoing | null {
    if (this.#sending !== "opened" || this.#baseSeq < this.#durable.seq) return null;
    const checkpoint = this.#dueCheckpoint();
    if (checkpoint !== null) return { kind: "checkpoint", checkpoint };
    const payloads = this.#nextPayloads();
    const last = this.#entries[this.#framedSeq - this.#baseSeq + payloads.length - 1];
    if (last === undefined || payloads.length === 0) return null;
    const firstSeq = this.#framedSeq + 1;
    for (const payload of payloads) {
      this.#framedHash.update(payload);
      this.#unsentBytes -= payload.length;
    }
    this.#framedSeq += payloads.length;
    return { kind: "frame", frame: { firstSeq, digest: this.#framedHash.digest(), sourceId: last.sourceId, payloads } };
  }

  /** Up to `frameBytes`, one event at least, and never past the event of a checkpoint. */
  #nextPayloads(): Uint8Array[] {
    const from = this.#framedSeq - this.#baseSeq;
    const held = this.#checkpoint;
    const until = held === null || held.seq <= this.#framedSeq ? this.#entries.length : held.seq - this.#baseSeq;
    const payloads: Uint8Array[] = [];
    let byteLength = 0;
    for (let i = from; i < until; i++) {
      const entry = this.#entries[i];
      if (entry === undefined) break;
      if (payloads.length > 0 && byteLength + entry.payload.length > limits.frameBytes) break;
      payloads.push(entry.payload);
      byteLength += entry.payload.length;
    }
    return payloads;
  }

  /** A checkpoint is due when the next frame ends with its event, or when its event was sent before it was made. */
  #dueCheckpoint(): Checkpoint | null {
    const held = this.#checkpoint;
    if (held === null || held.digest !== null) return null;
    if (held.seq < this.#framedSeq) {
      // Of an event that was durable when this attempt got its turn: the one before stored it or a later one, if any.
      this.#checkpoint = null;
      return null;
    }
    const hash = new RollingHash(this.#framedHash.digest());
    const payloads = this.#nextPayloads();
    if (this.#framedSeq + payloads.length < held.seq) return null;
    if (this.#framedSeq < held.seq) for (const payload of payloads) hash.update(payload);
    const digest = hash.digest();
    this.#checkpoint = { ...held, digest };
    return { seq: held.seq, digest, state: held.state };
  }

  #drop(durable: LogPoint): void {
    this.#durable = durable;
    const count = Math.min(durable.seq - this.#baseSeq, this.#entries.length);
    if (count <= 0) return;
    for (const entry of this.#entries.splice(0, count)) {
      this.#replayed.update(entry.payload);
      this.#byteLength -= entry.payload.length;
    }
    this.#baseSeq += count;
    if (this.#baseSeq === durable.seq) this.#compare();
  }

  #rewind(durable: LogPoint): void {
    this.#framedSeq = durable.seq;
    this.#framedHash = new RollingHash(durable.digest);
    this.#unsentBytes = this.#byteLength;
    if (this.#checkpoint !== null) this.#checkpoint = { ...this.#checkpoint, digest: null };
  }

  #compare(): void {
    if (this.#replayed.digest() === this.#durable.digest) return;
    this.#sending = "diverged";
    this.#entries = [];
    this.#byteLength = 0;
    this.#checkpoint = null;
    throw new LongstreamError(
      "replay-diverged",
      `Cannot go on from event ${this.#durable.seq}: run again, the handler produced other events than the ${this.#durable.seq} that are stored; ` +
        'make it deterministic, let it store checkpoints, or use resume: "continue"',
    );
  }
}
