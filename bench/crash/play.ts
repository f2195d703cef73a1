/** Owns the life of one stream over the kills: who writes to it, who reads it, and what is noted of both. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { Invocation } from "../support/invocations.ts";
import { maxAttempt } from "./contents.ts";
import { lost } from "./dial.ts";
import { Hand } from "./hand.ts";
import { newHistory } from "./history.ts";
import type { History, StrayKind } from "./history.ts";
import { carryOut } from "./plans.ts";
import type { Plan, Scene } from "./plans.ts";
import { follow } from "./readers.ts";
import { createStream, invocationsOf } from "./stage.ts";
import type { Stage, Style } from "./stage.ts";
import { stray } from "./strays.ts";

/** Each settles at the kill at the latest. */
export interface Round {
  /** Something was acknowledged. */
  readonly acknowledged: Promise<void>;
  /** The plan is carried out. */
  readonly acted: Promise<void>;
  /** Nothing of it is left. */
  readonly over: Promise<void>;
}

/** Released, fenced. */
const usualCodes: ReadonlySet<number> = new Set([1000, 4409]);
/** Of what comes between two kills: workerd is killed by nobody else. */
const noKill = new AbortController().signal;
const pollMs = 10;
const limitMs = 30_000;

export class Play {
  readonly style: Style;
  readonly history: History;
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #inFlightBytes: number;
  /** Of this round. */
  #writing: Promise<void>[] = [];
  #followed = 0;
  #rounds = 0;

  private constructor(stage: Stage, style: Style, streamId: string, random: Random) {
    this.style = style;
    this.history = newHistory(streamId, style.mode);
    this.#stage = stage;
    this.#random = random;
    this.#inFlightBytes = random.between(...style.inFlightBytes);
  }

  static async begin(stage: Stage, style: Style, random: Random): Promise<Play> {
    const streamId = await createStream(stage.stack.worker.url, style);
    if (streamId === null) throw new Error(`Cannot begin a stream of style ${style.name}: it was not accepted`);
    return new Play(stage, style, streamId, random);
  }

  /** It lived through that many kills, or further attempts could not be told apart in its bytes. */
  isOld(lifeKills: number): boolean {
    return this.#rounds >= lifeKills || this.#attempt > maxAttempt / 2;
  }

  run(plan: Plan, dying: AbortSignal): Round {
    this.#rounds++;
    const acknowledged = Promise.withResolvers<void>();
    const acted = Promise.withResolvers<void>();
    const play = async (): Promise<void> => {
      const hand = await this.#enter(plan, dying);
      if (hand === null) return;
      this.#write(hand, dying);
      const reading = this.#read(dying);
      await hand.acknowledged();
      acknowledged.resolve();
      await carryOut(plan, hand, this.#sceneOf(dying));
      acted.resolve();
      await Promise.all([reading, ...this.#writing]);
      this.#writing = [];
    };
    const over = play().finally(() => {
      acknowledged.resolve();
      acted.resolve();
    });
    return { acknowledged: acknowledged.promise, acted: acted.promise, over };
  }

  /** What has ended lets nobody in any more. */
  async knockAfterTheEnd(): Promise<void> {
    await this.#stray("after the end", this.#attempt, noKill);
  }

  /** Stands for the current attempt, or for the next one where that is not let in any more; null where the kill comes first. */
  async #enter(plan: Plan, dying: AbortSignal): Promise<Hand | null> {
    // One whose welcome was never heard of may not have been there yet, and has every right to come.
    const known = this.#attempt > 0 && this.#latest()?.attempt === this.#attempt;
    if (known && plan === "duplicate" && !dying.aborted) await this.#stray("duplicate", this.#attempt, dying);
    if (known && plan === "late") {
      // Its successor is stored as made, and has not dialled in.
      if ((await this.#invoked(this.#attempt + 1, dying)) === null) return null;
      await this.#stray("late", this.#attempt, dying);
    }
    for (const limitAt = Date.now() + limitMs; !dying.aborted && Date.now() < limitAt; await sleep(pollMs)) {
      const latest = this.#latest();
      const hand = latest === null ? null : await Hand.knock(this.#url, latest, this.history);
      if (hand?.phase === "active") return hand;
      hand?.hangUp();
    }
    if (!dying.aborted) this.history.halts.push(`behind ${this.history.ackedSeq}, none of its attempts was let in for ${limitMs} ms`);
    return null;
  }

  #sceneOf(dying: AbortSignal): Scene {
    return {
      url: this.#url,
      history: this.history,
      random: this.#random,
      commits: this.style.commits,
      dying,
      write: (hand) => this.#write(hand, dying),
      invoked: async (attempt) => this.#invoked(attempt, dying),
      stray: async (kind, attempt) => (dying.aborted ? undefined : this.#stray(kind, attempt, dying)),
    };
  }

  #write(hand: Hand, dying: AbortSignal): void {
    this.#writing.push(this.#writeOut(hand, dying));
  }

  async #writeOut(hand: Hand, dying: AbortSignal): Promise<void> {
    await hand.write(this.#random, this.#inFlightBytes);
    const { code, reason } = await hand.closed;
    const { endings, outcomes, halts } = this.history;
    const ending = endings.at(-1);
    const killed = code === lost && dying.aborted;
    if (!usualCodes.has(code) && !killed) halts.push(`attempt ${hand.attempt} was closed with ${code} ${reason}`);
    // To be released is to be told that the end is stored.
    if (code === 1000 && reason === "done" && ending !== undefined) outcomes.push({ ...ending, how: `attempt ${hand.attempt} was released` });
  }

  async #read(dying: AbortSignal): Promise<void> {
    if (dying.aborted) return;
    const joined = Math.floor(this.#random.next() * (this.history.ackedSeq + 1));
    const [followed] = await Promise.all([
      follow(this.#url, this.history, "a follower", this.#followed),
      follow(this.#url, this.history, "one who joined", joined),
    ]);
    this.#followed = followed;
  }

  async #stray(kind: StrayKind, attempt: number, dying: AbortSignal): Promise<void> {
    const invocation = invocationsOf(this.#stage, this.history.log).find((each) => each.attempt === attempt);
    if (invocation !== undefined) await stray(this.#url, this.history, kind, invocation, dying);
  }

  async #invoked(attempt: number, dying: AbortSignal): Promise<Invocation | null> {
    while (!dying.aborted) {
      const latest = this.#latest();
      if (latest !== null && latest.attempt >= attempt) return latest;
      await sleep(pollMs);
    }
    return null;
  }

  #latest(): Invocation | null {
    return invocationsOf(this.#stage, this.history.log)[0] ?? null;
  }

  /** The latest that was told it may write. */
  get #attempt(): number {
    return this.history.turns.at(-1)?.attempt ?? 0;
  }

  get #url(): URL {
    return this.#stage.stack.worker.url;
  }
}
