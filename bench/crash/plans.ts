/** Owns what happens to a stream before the next kill, beside being written to and read: duplicates, handovers, recoveries, ends. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { Invocation } from "../support/invocations.ts";
import { strayWords } from "./frames.ts";
import { Hand } from "./hand.ts";
import type { History, StrayKind } from "./history.ts";
import { noteThawed } from "./strays.ts";

export type Plan = "write on" | "duplicate" | "handover" | "late" | "freeze" | "complete" | "fail" | "cancel";

/** What a plan may use of the stream it is carried out on. */
export interface Scene {
  readonly url: URL;
  readonly history: History;
  readonly random: Random;
  readonly commits: "soon" | "by size";
  /** Fires just before the kill: from then on nobody dials. */
  readonly dying: AbortSignal;
  /** Lets a producer write, beside whatever else goes on, for as long as it may. */
  readonly write: (hand: Hand) => void;
  /** The newest invocation, once it is of that attempt or a later one; null where the kill comes first. */
  readonly invoked: (attempt: number) => Promise<Invocation | null>;
  /** One that has no right to write tries to, with the ticket of that attempt. */
  readonly stray: (kind: StrayKind, attempt: number) => Promise<void>;
}

const longestPauseMs = 100;

/** Settles when it is carried out, or cut short by the kill. `hand` is the one that writes. */
export async function carryOut(plan: Plan, hand: Hand, scene: Scene): Promise<void> {
  if (hand.phase !== "active") return;
  switch (plan) {
    case "write on":
      return;
    case "duplicate":
      return scene.stray("duplicate", hand.attempt);
    case "late":
      return scene.stray("late", hand.attempt - 1);
    case "handover":
      return handOver(hand, scene);
    case "freeze":
      return freeze(hand, scene);
    case "complete":
      return end(hand, null, scene);
    case "fail":
      return end(hand, `attempt ${hand.attempt} failed`, scene);
    case "cancel":
      return cancel(hand, scene);
  }
}

async function handOver(hand: Hand, { url, history, write, invoked, stray }: Scene): Promise<void> {
  hand.tell({ type: "handover" });
  const next = await invoked(hand.attempt + 1);
  if (next === null) return;
  const successor = await Hand.knock(url, next, history);
  successor.tell({ type: "ready" });
  await successor.activated();
  write(successor);
  if (successor.phase === "active") await stray("late", hand.attempt);
}

/** The frozen one thaws while its successor writes, on the socket it had. */
async function freeze(hand: Hand, { url, history, dying, write, invoked, stray }: Scene): Promise<void> {
  hand.freeze();
  const next = await invoked(hand.attempt + 1);
  // Without a successor it is still the one that may write.
  if (next === null || hand.phase !== "frozen") return hand.thaw([]);
  const successor = await Hand.knock(url, next, history);
  write(successor);
  await successor.acknowledged();
  hand.thaw(strayWords(history, hand.attempt));
  await Promise.all([noteThawed(history, hand.attempt, hand.closed, dying), stray("late", hand.attempt)]);
}

async function end(hand: Hand, error: string | null, { random, commits, stray }: Scene): Promise<void> {
  await sleep(random.between(0, longestPauseMs));
  await hand.end(random, error, commits);
  await hand.closed;
  await stray("after the end", hand.attempt);
}

async function cancel(hand: Hand, { url, history, random, dying, stray }: Scene): Promise<void> {
  await sleep(random.between(0, longestPauseMs));
  if (dying.aborted) return;
  const asked = { outcome: "cancelled", message: `by hand, behind ${history.ackedSeq}` };
  history.endings.push({ ...asked, turn: history.turns.length - 1, seq: null, lastEvent: "in any commit" });
  if (!(await isAnswered(new URL(`/streams/${history.log}/cancel`, url), { reason: asked.message }))) return;
  history.outcomes.push({ ...asked, how: "the cancel was answered" });
  await hand.closed;
  await stray("after the end", hand.attempt);
}

/** False where the kill cuts the request off. */
async function isAnswered(url: URL, body: object): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}
