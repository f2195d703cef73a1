/** Owns the rules of whose turn it is (P4): which attempt an event belongs to, and what a producer is told when its turn begins. */

import type { Violation } from "./checker.ts";
import { nobody, stateOf } from "./contents.ts";
import type { Writer } from "./contents.ts";
import type { Checkpoint, History, Turn } from "./history.ts";
import type { Stretch } from "./transcript.ts";

/** An event belongs to the latest attempt whose turn began before it. */
function ownerOf(turns: readonly Turn[], seq: number): Writer {
  return Math.max(nobody, ...turns.filter(({ behind }) => behind < seq).map(({ attempt }) => attempt));
}

export function writtenByOthers(turns: readonly Turn[], stretches: readonly Stretch[]): Violation[] {
  return stretches.flatMap(({ first, last, writer }) => {
    const owners = [ownerOf(turns, first), ownerOf(turns, last)];
    if (owners.every((owner) => owner === writer)) return [];
    return [{ kind: "fenced-wrote", what: `${first} to ${last} are by ${writer}, and it was the turn of ${owners.join(" and ")}` }];
  });
}

export function turnsKept({ log, turns, digests }: History): Violation[] {
  return turns.flatMap((turn, index) => {
    const { attempt, behind, digest, checkpoint, acked } = turn;
    const before = turns.slice(0, index);
    const found = checkpointTrue(log, before, checkpoint, behind);
    if (before.some((other) => other.attempt > attempt)) found.push({ kind: "fenced-let-in", what: `attempt ${attempt} was made the active one again` });
    if (behind < acked.seq) found.push({ kind: "turn-went-back", what: `attempt ${attempt} is to go on behind ${behind}, and ${acked.seq} was acknowledged` });
    if (behind > 0 && (digest === null || digests.get(`${ownerOf(before, behind)}@${behind}`) !== digest)) {
      found.push({ kind: "digest-foreign", what: `attempt ${attempt} is to go on behind ${behind} with the digest ${digest}` });
    }
    if ((checkpoint?.seq ?? 0) < acked.checkpoint) {
      found.push({ kind: "checkpoint-lost", what: `attempt ${attempt} is given that at ${checkpoint?.seq ?? "none"}, and that at ${acked.checkpoint} was acknowledged` });
    }
    return found;
  });
}

/** A checkpoint is bound to an event of the log, and says what was stored with that event. */
export function checkpointTrue(log: string, turns: readonly Turn[], checkpoint: Checkpoint | null, lastSeq: number): Violation[] {
  if (checkpoint === null) return [];
  const { seq, state } = checkpoint;
  if (seq > lastSeq) return [{ kind: "checkpoint-ahead", what: `it is at ${seq}, and the log ends with ${lastSeq}` }];
  return state === stateOf(log, seq, ownerOf(turns, seq)) ? [] : [{ kind: "checkpoint-altered", what: `that at ${seq} is ${state.slice(0, 80)}` }];
}
