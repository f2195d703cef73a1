/** Owns the frames of a crash run: what the next one holds, of a random size, and what a producer says that has lost its turn. */

import { encodeDataFrame } from "../../protocol/data-frame.ts";
import { emptyDigest } from "../../protocol/hash.ts";
import { encodeMessage } from "../../protocol/producer-messages.ts";
import type { Random } from "../support/random.ts";
import { bytesOf, linesOf, stateOf } from "./contents.ts";
import type { Writer } from "./contents.ts";
import type { History } from "./history.ts";

export interface Payloads {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly payloads: readonly Uint8Array[];
}

/** Most frames are small, some are not. */
const mostEvents = [1, 1, 3, 10, 60] as const;
const mostRunBytes = [1, 50, 1_000, 8_000, 60_000] as const;
/** How far behind what was sent a fenced producer writes, so that something of it is new whatever was stored meanwhile. */
const beyondEvents = 50;
const beyondBytes = 20_000;

/** What `writer` says next. Past `mostBytes` no other payload is begun. */
export function nextPayloads({ log, mode }: History, writer: Writer, firstSeq: number, random: Random, mostBytes: number): Payloads {
  return mode === "events" ? nextEvents(log, writer, firstSeq, random, mostBytes) : nextRuns(log, writer, firstSeq, random, mostBytes);
}

function nextEvents(log: string, writer: Writer, firstSeq: number, random: Random, mostBytes: number): Payloads {
  const most = random.between(1, random.oneOf(mostEvents) + 1);
  const payloads: Buffer[] = [];
  let byteLength = 0;
  for (let seq = firstSeq; payloads.length < Math.floor(most) && byteLength < mostBytes; seq++) {
    const payload = Buffer.from(linesOf(log, seq, writer), "latin1");
    byteLength += payload.length;
    payloads.push(payload);
  }
  return { firstSeq, lastSeq: firstSeq + payloads.length - 1, payloads };
}

function nextRuns(log: string, writer: Writer, firstSeq: number, random: Random, mostBytes: number): Payloads {
  const byteLength = Math.min(mostBytes, Math.floor(random.between(1, random.oneOf(mostRunBytes) + 1)));
  const lastSeq = firstSeq + byteLength - 1;
  const whole = bytesOf(log, firstSeq, lastSeq, writer);
  const cut = Math.floor(random.next() * byteLength);
  return { firstSeq, lastSeq, payloads: [whole.subarray(0, cut), whole.subarray(cut)].filter(({ length }) => length > 0) };
}

/** Data that would be taken, a checkpoint and an end behind it: each must leave the log as it is. */
export function strayWords({ log, mode, ackedSeq, sentSeq }: History, attempt: number): readonly (string | Uint8Array)[] {
  const firstSeq = ackedSeq + 1;
  const writer = -attempt;
  const lastSeq = Math.max(ackedSeq, sentSeq) + (mode === "events" ? beyondEvents : beyondBytes);
  const events = Array.from({ length: lastSeq - ackedSeq }, (_, index) => Buffer.from(linesOf(log, firstSeq + index, writer), "latin1"));
  const payloads = mode === "events" ? events : [bytesOf(log, firstSeq, lastSeq, writer)];
  const error = { code: "handler-failed", message: `attempt ${attempt} had lost its turn` } as const;
  return [
    encodeMessage({ type: "checkpoint", seq: lastSeq, digest: emptyDigest, state: stateOf(log, lastSeq, writer) }),
    encodeDataFrame({ firstSeq, digest: emptyDigest, sourceId: "", payloads }),
    encodeMessage({ type: "end", seq: lastSeq, outcome: "failed", error }),
  ];
}
