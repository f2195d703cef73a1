/** Owns what a producer sends: the next frame and its digest, checkpoints before it, and the pace that acks allow. */

import { encodeDataFrame } from "../../protocol/data-frame.ts";
import { RollingHash } from "../../protocol/hash.ts";
import { encodeMessage } from "../../protocol/producer-messages.ts";
import type { ResumePoint } from "../../protocol/producer-messages.ts";
import type { Random } from "../support/random.ts";
import { stateOf } from "./contents.ts";
import { nextPayloads } from "./frames.ts";
import type { Payloads } from "./frames.ts";
import type { History } from "./history.ts";

/** At most what the log adds to an event: its id and a blank line. */
const idBytes = 64;
/** At full pace up to here: a round that lasts must not make a log that takes long to read. */
const fullPaceBytes = 500_000;
const bytesEachMs = 200;
const longestPauseMs = 50;

export class Outgoing {
  readonly #attempt: number;
  readonly #history: History;
  readonly #send: (data: string | Uint8Array) => void;
  readonly #unacked: { readonly lastSeq: number; readonly byteLength: number }[] = [];
  readonly #beganAt = Date.now();
  #hash: RollingHash;
  #lastSeq = 0;
  #unackedBytes = 0;
  #sentBytes = 0;

  constructor(attempt: number, history: History, send: (data: string | Uint8Array) => void) {
    this.#attempt = attempt;
    this.#history = history;
    this.#send = send;
    this.#hash = new RollingHash(history.mode);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** As large as they are in the log, or larger. */
  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  /** How long to wait before the next frame. */
  get pauseMs(): number {
    const dueMs = (this.#sentBytes - fullPaceBytes) / bytesEachMs - (Date.now() - this.#beganAt);
    return Math.min(Math.max(0, Math.floor(dueMs)), longestPauseMs);
  }

  goOn(resume: ResumePoint | null): void {
    this.#lastSeq = resume?.seq ?? 0;
    this.#hash = new RollingHash(this.#history.mode, resume?.digest);
  }

  next(random: Random, mostBytes: number): Payloads {
    return nextPayloads(this.#history, this.#attempt, this.#lastSeq + 1, random, mostBytes);
  }

  /** A checkpoint behind the last event of a frame that is not sent yet. */
  announce({ lastSeq, payloads }: Payloads): void {
    const { log, mode, announced, turns } = this.#history;
    const hash = new RollingHash(mode, this.#hash.digest());
    for (const payload of payloads) hash.update(payload);
    announced.push({ turn: turns.length - 1, seq: lastSeq });
    this.#send(encodeMessage({ type: "checkpoint", seq: lastSeq, digest: hash.digest(), state: stateOf(log, lastSeq, this.#attempt) }));
  }

  send({ firstSeq, lastSeq, payloads }: Payloads): void {
    for (const payload of payloads) this.#hash.update(payload);
    const digest = this.#hash.digest();
    const frame = encodeDataFrame({ firstSeq, digest, sourceId: "", payloads });
    const byteLength = frame.length + payloads.length * idBytes;
    this.#unacked.push({ lastSeq, byteLength });
    this.#unackedBytes += byteLength;
    this.#sentBytes += byteLength;
    this.#lastSeq = lastSeq;
    this.#history.sentSeq = lastSeq;
    this.#history.digests.set(`${this.#attempt}@${lastSeq}`, digest);
    this.#send(frame);
  }

  acknowledge(seq: number): void {
    while ((this.#unacked[0]?.lastSeq ?? Number.POSITIVE_INFINITY) <= seq) this.#unackedBytes -= this.#unacked.shift()?.byteLength ?? 0;
  }
}
