/** Owns the way of a producer's events into the log: batch, group commit, and what goes out with each commit. */

import type { EventsFrame } from "../protocol/consumer-frames.ts";
import type { ReceivedFrame } from "../protocol/data-frame.ts";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Checkpoint } from "../protocol/producer-messages.ts";
import { Batch } from "./batch.ts";
import type { Log } from "./log.ts";
import type { Meter } from "./meter.ts";
import type { Store } from "./store.ts";

/** What must leave in the turn of a commit: the output gate holds it until the row is durable. */
export interface Committed {
  readonly frame: EventsFrame | null;
  readonly seq: number;
  /** Seq of the checkpoint stored with it, or of the one before. */
  readonly checkpoint: number | null;
}

export interface IntakeParts {
  readonly log: Log;
  readonly store: Store;
  readonly meter: Meter;
  /** The log's name. */
  readonly id: string;
  readonly intervalMs: number;
  readonly onCommit: (committed: Committed) => void;
}

/** Longer than a turn of an object that keeps up, and no reason to stay awake. */
const gatherMs = 5;

export class Intake {
  readonly #log: Log;
  readonly #store: Store;
  readonly #meter: Meter;
  readonly #intervalMs: number;
  readonly #onCommit: (committed: Committed) => void;
  readonly #batch: Batch;
  #heldCheckpoint: Checkpoint | null = null;
  /** The one before, where its event is in the batch: a later one that waits for its own event must not take its place. */
  #dueCheckpoint: Checkpoint | null = null;
  #storedCheckpoint: number | null;
  #lastCommitAt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor({ log, store, meter, id, intervalMs, onCommit }: IntakeParts) {
    this.#log = log;
    this.#store = store;
    this.#meter = meter;
    this.#intervalMs = intervalMs;
    this.#onCommit = onCommit;
    this.#batch = new Batch(id, log.tail);
    this.#storedCheckpoint = store.readCheckpoint()?.seq ?? null;
  }

  /** The highest seq received, durable or not. */
  get receivedSeq(): number {
    return this.#batch.lastSeq;
  }

  /**
   * The first events after silence commit at once; then one commit an interval, or per `commitBytes`. Nothing commits while a
   * timer runs, and a short one runs behind each commit: where the machine is late, it comes behind the messages that wait, and
   * they are one commit. By the clock alone each of them would be due, and the object would fall behind for good (measured, 2026-11).
   *
   * @throws LongstreamError `seq-gap`, `frame-too-large`; nothing of the frame is taken then.
   */
  receive(frame: ReceivedFrame): void {
    const nothingNew = frame.lastSeq <= this.#batch.lastSeq;
    if (this.#batch.overflowsWith(frame)) this.commit();
    this.#batch.append(frame);
    if (nothingNew) {
      // A producer that resends has not seen the ack.
      this.#onCommit({ frame: null, seq: this.#log.tail.seq, checkpoint: this.#storedCheckpoint });
      return;
    }
    if (this.#batch.byteLength >= limits.commitBytes) this.commit();
    else if (this.#timer === null) this.#commitWhenDue();
  }

  /**
   * Held until its event is durable, and stored in that commit.
   *
   * @throws LongstreamError `protocol-error` when a later one is stored.
   */
  hold(checkpoint: Checkpoint): void {
    if (checkpoint.seq < (this.#heldCheckpoint?.seq ?? this.#storedCheckpoint ?? 0)) {
      throw new LongstreamError("protocol-error", `Cannot store the checkpoint at ${checkpoint.seq}: a later one is stored`);
    }
    if (this.#heldCheckpoint !== null && this.#heldCheckpoint.seq <= this.#batch.lastSeq) this.#dueCheckpoint = this.#heldCheckpoint;
    this.#heldCheckpoint = checkpoint;
    if (checkpoint.seq <= this.#log.tail.seq) this.commit();
  }

  /** What was announced for events that did not come is void once another connection may send other ones. */
  forgetHeld(): void {
    this.#heldCheckpoint = null;
    this.#dueCheckpoint = null;
  }

  /** Makes everything received durable, and announces it in this same turn. */
  commit(): void {
    const row = this.#batch.row();
    const frame = row === null ? null : this.#log.append(row);
    this.#batch.clear();
    const stored = this.#storeCheckpoint();
    if (frame === null && !stored) return;
    this.#lastCommitAt = Date.now();
    this.#startTimer(Math.min(gatherMs, this.#intervalMs));
    this.#onCommit({ frame, seq: this.#log.tail.seq, checkpoint: this.#storedCheckpoint });
  }

  #commitWhenDue(): void {
    const waitMs = this.#lastCommitAt + this.#intervalMs - Date.now();
    if (waitMs <= 0) this.commit();
    else this.#startTimer(waitMs);
  }

  #startTimer(delayMs: number): void {
    if (this.#timer === null) this.#meter.hold();
    else clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#meter.release();
      if (this.#batch.byteLength > 0) this.#commitWhenDue();
    }, delayMs);
  }

  #storeCheckpoint(): boolean {
    const { seq } = this.#log.tail;
    const stored = [this.#heldCheckpoint, this.#dueCheckpoint].find((checkpoint) => checkpoint !== null && checkpoint.seq <= seq) ?? null;
    if (stored === null) return false;
    this.#store.writeCheckpoint(stored);
    this.#storedCheckpoint = stored.seq;
    this.#dueCheckpoint = null;
    if (stored === this.#heldCheckpoint) this.#heldCheckpoint = null;
    return true;
  }
}
