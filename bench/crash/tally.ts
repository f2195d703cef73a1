/** Owns the figures of a crash run: what the kills met, what was at stake, and what was found wrong. */

import { lastSeqOf } from "./checker.ts";
import type { Stored, Violation } from "./checker.ts";
import type { Mode } from "./contents.ts";
import type { Answer, History, StrayKind } from "./history.ts";

/** Of events, or of bytes where the log is one of bytes. */
export interface Counts {
  /** In the logs in the end. */
  stored: number;
  acknowledged: number;
  /** By readers, counted for each of them. */
  seen: number;
  /** Sent and not acknowledged when workerd was killed; afterwards some was found stored, and the rest lost. Both are legal. */
  unacknowledged: number;
  storedUnacknowledged: number;
  lostUnacknowledged: number;
}

/** A stream, as a kill met it. */
export interface Met {
  readonly mode: Mode;
  readonly ackedSeq: number;
  readonly sentSeq: number;
  readonly storedSeq: number;
}

export interface Finding extends Violation {
  readonly kill: number;
  readonly style: string;
  readonly found: string;
  /** As JSON. */
  readonly history: string;
}

export class Tally {
  kills = 0;
  /** That met a commit under way: something was sent and not acknowledged. */
  killsUnderWay = 0;
  /** Of these, such as came between a commit and its acknowledgement. */
  killsAfterCommit = 0;
  /** And such as lost what nobody had been told of. */
  killsBeforeCommit = 0;
  readonly counts: Readonly<Record<Mode, Counts>> = { events: noCounts(), bytes: noCounts() };
  streams = 0;
  turns = 0;
  /** That took over from another. */
  successors = 0;
  checkpointsAnnounced = 0;
  /** Given to a producer that came or came back. */
  checkpointsGiven = 0;
  outcomesSeen = 0;
  /** Ends that were told so that their last event's commit must have them, and came to be. */
  endsInOneCommit = 0;
  bodies = 0;
  newborns = 0;
  copies = 0;
  /** Copies without some of their end. */
  tornCopies = 0;
  readonly strays: Readonly<Record<StrayKind, Record<Answer, number>>> = {
    late: noAnswers(),
    duplicate: noAnswers(),
    thawed: noAnswers(),
    "after the end": noAnswers(),
  };
  readonly findings: Finding[] = [];

  addKill(met: readonly Met[]): void {
    this.kills++;
    const shares = met.map(({ mode, ackedSeq, sentSeq, storedSeq }) => {
      const unacknowledged = Math.max(0, sentSeq - ackedSeq);
      const stored = Math.min(unacknowledged, Math.max(0, storedSeq - ackedSeq));
      const counts = this.counts[mode];
      counts.unacknowledged += unacknowledged;
      counts.storedUnacknowledged += stored;
      counts.lostUnacknowledged += unacknowledged - stored;
      return { unacknowledged, stored };
    });
    if (shares.some(({ unacknowledged }) => unacknowledged > 0)) this.killsUnderWay++;
    if (shares.some(({ stored }) => stored > 0)) this.killsAfterCommit++;
    if (shares.some(({ unacknowledged, stored }) => stored < unacknowledged)) this.killsBeforeCommit++;
  }

  /** A stream that is done with. */
  addStream({ mode, ackedSeq, seen, turns, announced, endings, outcomes, tries }: History, stored: Stored): void {
    const counts = this.counts[mode];
    counts.stored += lastSeqOf(stored);
    counts.acknowledged += ackedSeq;
    for (const { stretches } of seen) counts.seen += stretches.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    this.streams++;
    this.turns += turns.length;
    this.successors += Math.max(0, new Set(turns.map(({ attempt }) => attempt)).size - 1);
    this.checkpointsAnnounced += announced.length;
    this.checkpointsGiven += turns.filter(({ checkpoint }) => checkpoint !== null).length;
    this.outcomesSeen += outcomes.length;
    if (stored.outcome !== null && endings.at(-1)?.lastEvent === "in the same commit") this.endsInOneCommit++;
    this.bodies += seen.length;
    for (const { kind, answer } of tries) this.strays[kind][answer]++;
  }
}

function noCounts(): Counts {
  return { stored: 0, acknowledged: 0, seen: 0, unacknowledged: 0, storedUnacknowledged: 0, lostUnacknowledged: 0 };
}

function noAnswers(): Record<Answer, number> {
  return { refused: 0, "cut off": 0, dropped: 0, welcomed: 0, ignored: 0 };
}
