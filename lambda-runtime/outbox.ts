/** Owns what was produced and is not yet durable: its order, its bound, what to send next and what to drop. Pure. */

import { seqsOf } from "../protocol/data-frame.ts";
import type { DataFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { RollingHash, emptyDigest } from "../protocol/hash.ts";
import { limits } from "../protocol/limits.ts";
import type { Checkpoint, Mode } from "../protocol/producer-messages.ts";

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
 * Events (or bytes) are numbered from where the handler starts. While the handler repeats what is durable, it is hashed
 * and dropped; behind that it is kept until it is acknowledged, and sent only while `opened`.
 */
export class Outbox {
  readonly #mode: Mode;
  readonly #windowBytes: number;
  /** Seq before the first entry. */
  #baseSeq: number;
  /** Seq of what was produced last. */
  #lastSeq: number;
  /** Hash at `#baseSeq`, kept up only until the durable point is reached. */
  readonly #replayed: RollingHash;
  #durable: LogPoint;
  #entries: Entry[] = [];
  #byteLength = 0;
  #unsentBytes = 0;
  /** Entries from the front that are framed, and the seq behind them. */
  #framedCount = 0;
  #framedSeq: number;
  #framedHash: RollingHash;
  /** `diverged`: nothing more of this attempt may reach the log. */
  #sending: "held" | "opened" | "diverged" = "held";
  #checkpoint: HeldCheckpoint | null = null;

  /** `start`: where the handler starts; `durable`: up to where the log is stored already. */
  constructor(mode: Mode, start: LogPoint, durable: LogPoint, windowBytes: number) {
    this.#mode = mode;
    this.#windowBytes = windowBytes;
    this.#baseSeq = this.#lastSeq = start.seq;
    this.#replayed = new RollingHash(mode, start.digest);
    this.#durable = durable;
    this.#framedSeq = durable.seq;
    this.#framedHash = new RollingHash(mode, durable.digest);
    if (start.seq === durable.seq) this.#compare();
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Seq to say goodbye with: never before what is stored. */
  get finalSeq(): number {
    return Math.max(this.#lastSeq, this.#durable.seq);
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

  /** Seq of what was framed last. */
  get framedSeq(): number {
    return this.#framedSeq;
  }

  /** Whether something was framed that is not acknowledged. */
  get inFlight(): boolean {
    return this.#framedCount > 0;
  }

  /** Bytes that were not framed yet. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** @throws LongstreamError `replay-diverged` when what was repeated up to the durable seq is not what is stored. */
  push(payload: Uint8Array, sourceId: string): void {
    this.#lastSeq += seqsOf(this.#mode, payload);
    const repeated = this.#entries.length === 0 ? this.#frontOf(payload, this.#durable.seq) : null;
    const fresh = repeated === null ? payload : payload.subarray(repeated.length);
    if (repeated !== null) {
      this.#replayed.update(repeated);
      this.#baseSeq += seqsOf(this.#mode, repeated);
      if (this.#baseSeq === this.#durable.seq) this.#compare();
    }
    if (fresh.length === 0) return;
    this.#entries.push({ payload: fresh, sourceId });
    this.#byteLength += fresh.length;
    this.#unsentBytes += fresh.length;
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
    this.#shift(seq, () => undefined);
  }

  /** The next message, or null when there is nothing to send. */
  next(): Outgoing | null {
    if (this.#sending !== "opened" || this.#baseSeq < this.#durable.seq) return null;
    const checkpoint = this.#dueCheckpoint();
    if (checkpoint !== null) return { kind: "checkpoint", checkpoint };
    const payloads = this.#nextPayloads();
    const last = this.#entries[this.#framedCount + payloads.length - 1];
    if (last === undefined || payloads.length === 0) return null;
    const firstSeq = this.#framedSeq + 1;
    for (const payload of payloads) {
      this.#framedHash.update(payload);
      this.#unsentBytes -= payload.length;
      this.#framedSeq += seqsOf(this.#mode, payload);
    }
    this.#framedCount += payloads.length;
    return { kind: "frame", frame: { firstSeq, digest: this.#framedHash.digest(), sourceId: last.sourceId, payloads } };
  }

  /** Up to `frameBytes`, one event at least, and never past the event of a checkpoint. */
  #nextPayloads(): Uint8Array[] {
    const held = this.#checkpoint;
    const untilSeq = held === null || held.seq <= this.#framedSeq ? this.#lastSeq : held.seq;
    const payloads: Uint8Array[] = [];
    let byteLength = 0;
    let seq = this.#framedSeq;
    for (let i = this.#framedCount; seq < untilSeq; i++) {
      const entry = this.#entries[i];
      if (entry === undefined) break;
      if (payloads.length > 0 && byteLength + entry.payload.length > limits.frameBytes) break;
      payloads.push(entry.payload);
      byteLength += entry.payload.length;
      seq += seqsOf(this.#mode, entry.payload);
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
    const hash = new RollingHash(this.#mode, this.#framedHash.digest());
    const payloads = this.#nextPayloads();
    const reached = payloads.reduce((seq, payload) => seq + seqsOf(this.#mode, payload), this.#framedSeq);
    if (reached < held.seq) return null;
    if (this.#framedSeq < held.seq) for (const payload of payloads) hash.update(payload);
    const digest = hash.digest();
    this.#checkpoint = { ...held, digest };
    return { seq: held.seq, digest, state: held.state };
  }

  #drop(durable: LogPoint): void {
    this.#durable = durable;
    // Of an event stored before its turn: the attempt before stored this one or a later one. Held on, nothing would ever settle it.
    if (this.#checkpoint !== null && this.#checkpoint.seq < durable.seq) this.#checkpoint = null;
    const before = this.#baseSeq;
    this.#shift(durable.seq, (payload) => this.#replayed.update(payload));
    if (this.#baseSeq > before && this.#baseSeq === durable.seq) this.#compare();
  }

  /** Drops entries up to `seq`; in bytes mode one may be cut there. */
  #shift(seq: number, dropped: (payload: Uint8Array) => void): void {
    let count = 0;
    for (const entry of this.#entries) {
      const front = this.#frontOf(entry.payload, seq);
      if (front === null) break;
      dropped(front);
      this.#byteLength -= front.length;
      this.#baseSeq += seqsOf(this.#mode, front);
      if (front.length < entry.payload.length) {
        this.#entries[count] = { payload: entry.payload.subarray(front.length), sourceId: entry.sourceId };
        break;
      }
      count++;
    }
    this.#entries.splice(0, count);
    this.#framedCount = Math.max(0, this.#framedCount - count);
    this.#framedSeq = Math.max(this.#framedSeq, this.#baseSeq);
  }

  /** What of a payload that comes at the base lies at or before `seq`; null for nothing. */
  #frontOf(payload: Uint8Array, seq: number): Uint8Array | null {
    const missing = seq - this.#baseSeq;
    if (missing <= 0) return null;
    return this.#mode === "events" ? payload : payload.subarray(0, missing);
  }

  #rewind(durable: LogPoint): void {
    this.#framedSeq = durable.seq;
    this.#framedCount = 0;
    this.#framedHash = new RollingHash(this.#mode, durable.digest);
    this.#unsentBytes = this.#byteLength;
    if (this.#checkpoint !== null) this.#checkpoint = { ...this.#checkpoint, digest: null };
  }

  #compare(): void {
    if (this.#replayed.digest() === this.#durable.digest) return;
    this.#sending = "diverged";
    this.#entries = [];
    this.#lastSeq = this.#baseSeq;
    this.#byteLength = 0;
    this.#checkpoint = null;
    const unit = this.#mode === "events" ? "event" : "byte";
    throw new LongstreamError(
      "replay-diverged",
      `Cannot go on from ${unit} ${this.#durable.seq}: run again, the handler produced other ${unit}s than the ${this.#durable.seq} that are stored; ` +
        'make it deterministic, let it store checkpoints, or use resume: "continue"',
    );
  }
}
