/** Owns what was observed of one stream from outside: what was sent, acknowledged and seen. The checker holds the log against it. */

import type { Mode } from "./contents.ts";
import type { Outcome, Stretch, Fault } from "./transcript.ts";

export interface Checkpoint {
  readonly seq: number;
  readonly state: string;
}

/** An attempt was told that it is the active one, and behind what it goes on; a redial begins another turn. */
export interface Turn {
  readonly attempt: number;
  readonly behind: number;
  /** Null on the very first dial. */
  readonly digest: string | null;
  readonly checkpoint: Checkpoint | null;
  /** What had been acknowledged before. */
  readonly acked: { readonly seq: number; readonly checkpoint: number };
}

/** A checkpoint that was announced before the frame that ends with its event. */
export interface Announcement {
  readonly turn: number;
  readonly seq: number;
}

/** One body that somebody read. */
export interface Seen {
  readonly by: string;
  readonly stretches: readonly Stretch[];
  readonly faults: readonly Fault[];
  readonly lastSeq: number;
  readonly end: "clean" | "cut";
}

/** The end of the stream, as somebody entitled asked for it. */
export interface Ending extends Outcome {
  /** The index of the turn in which it was. */
  readonly turn: number;
  /** The stream's last event; null for a cancel, which comes behind whatever is stored. */
  readonly seq: number | null;
  /** Whether one commit must have had both: the last event was not due before the end came. */
  readonly lastEvent: "in the same commit" | "in any commit";
}

export interface SeenOutcome extends Outcome {
  readonly how: string;
}

export type StrayKind = "late" | "duplicate" | "thawed" | "after the end";

/**
 * What became of a producer that had no right to write, and tried. Without a word it was `cut off` by a kill, or `dropped` by a
 * gateway that nobody killed; `ignored`: its socket stayed open, or was closed for another reason.
 */
export type Answer = "refused" | "cut off" | "dropped" | "welcomed" | "ignored";

export interface Try {
  readonly kind: StrayKind;
  readonly attempt: number;
  readonly answer: Answer;
  readonly detail: string;
}

export interface History {
  readonly log: string;
  readonly mode: Mode;
  /** Highest seq in an ack, or behind which a producer was told to go on. */
  ackedSeq: number;
  ackedCheckpoint: number;
  acks: number;
  /** Highest seq sent in the current turn. */
  sentSeq: number;
  /** What a frame of an attempt said that the log's digest is behind its last event, by `<attempt>@<seq>`. */
  readonly digests: Map<string, string>;
  readonly turns: Turn[];
  readonly announced: Announcement[];
  readonly seen: Seen[];
  readonly endings: Ending[];
  readonly outcomes: SeenOutcome[];
  readonly tries: Try[];
  /** What kept a producer from writing that was entitled to, in words. */
  readonly halts: string[];
}

export function newHistory(log: string, mode: Mode): History {
  return {
    log,
    mode,
    ackedSeq: 0,
    ackedCheckpoint: 0,
    acks: 0,
    sentSeq: 0,
    digests: new Map(),
    turns: [],
    announced: [],
    seen: [],
    endings: [],
    outcomes: [],
    tries: [],
    halts: [],
  };
}

/** Being told to go on behind an event is an acknowledgement too: the producer forgets what is before. */
export function noteTurn(history: History, turn: Omit<Turn, "acked">): void {
  history.turns.push({ ...turn, acked: { seq: history.ackedSeq, checkpoint: history.ackedCheckpoint } });
  raise(history, turn.behind, turn.checkpoint?.seq ?? null);
  history.sentSeq = turn.behind;
}

export function noteAck(history: History, seq: number, checkpoint: number | null): void {
  history.acks++;
  raise(history, seq, checkpoint);
}

function raise(history: History, seq: number, checkpoint: number | null): void {
  history.ackedSeq = Math.max(history.ackedSeq, seq);
  history.ackedCheckpoint = Math.max(history.ackedCheckpoint, checkpoint ?? 0);
}

/** For a report: all of it but the digests. */
export function describeHistory({ digests, ...rest }: History): string {
  return JSON.stringify({ ...rest, digests: digests.size }, null, 1);
}
