/** Owns what is planned for each stream before each kill, and when the kill comes. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { Play, Round } from "./play.ts";
import type { Plan } from "./plans.ts";

const plans = {
  "asked for": ["write on", "duplicate", "handover"],
  "at once": ["late", "freeze", "write on"],
} as const satisfies Record<string, readonly Plan[]>;
const endings: readonly Plan[] = ["complete", "fail", "cancel"];
const mostAcks = 80;
const longestWaitMs = 300;
const limitMs = 60_000;

/** Each plan in its turn, and an end for a stream that is old. */
export function planOf(play: Play, turn: number, random: Random): Plan {
  if (play.isOld(random.between(...play.style.lifeKills))) return random.oneOf(endings);
  const own = plans[play.style.succession];
  return own[turn % own.length] ?? "write on";
}

/**
 * Settles at the moment of the kill: a random while, or number of acks, later. For three kills all that was planned is done
 * before; for the next three it is under way, but for a stream that recovers: without any progress it would soon be given up.
 */
export async function momentOf(kill: number, rounds: readonly (readonly [Play, Round])[], random: Random): Promise<void> {
  const planned = Math.floor(kill / plans["at once"].length) % 2 === 0;
  await Promise.all(
    rounds.map(async ([play, { acted, acknowledged }]) => {
      if (planned) await within(play, "what was planned is done", acted);
      else if (play.style.succession === "at once") await within(play, "something is acknowledged", acknowledged);
    }),
  );
  const plays = rounds.map(([play]) => play);
  await (random.chance(0.5) ? sleep(random.between(0, longestWaitMs)) : acksOf(plays, random.between(1, mostAcks)));
}

async function acksOf(plays: readonly Play[], count: number): Promise<void> {
  const acks = (): number => plays.reduce((sum, { history }) => sum + history.acks, 0);
  const before = acks();
  for (const limitAt = Date.now() + longestWaitMs; acks() - before < count && Date.now() < limitAt; ) await sleep(1);
}

/** Goes on with the kill where it takes too long: that is for the checker to tell, with all else. */
async function within({ history }: Play, what: string, done: Promise<void>): Promise<void> {
  const limit = new AbortController();
  const late = sleep(limitMs, "late", { signal: limit.signal }).catch(() => "in time");
  const first = await Promise.race([done, late]);
  limit.abort();
  if (first === "late") history.halts.push(`it is not so after ${limitMs} ms that ${what}`);
}
