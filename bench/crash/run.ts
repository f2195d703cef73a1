/** Owns a crash run: several streams side by side, written to at full pace, and workerd killed under them again and again. */

import { Random } from "../support/random.ts";
import { checkHeard, checkKept, checkTries, checkWhole, lastSeqOf } from "./checker.ts";
import type { Stored, Violation } from "./checker.ts";
import { Disk, hold } from "./disk.ts";
import type { DiskCopy } from "./disk.ts";
import { describeHistory } from "./history.ts";
import type { History } from "./history.ts";
import { bear, missingOf } from "./newborns.ts";
import { Play } from "./play.ts";
import { momentOf, planOf } from "./schedule.ts";
import { plainStyle, styles } from "./stage.ts";
import type { Stage } from "./stage.ts";
import { askStored } from "./stored.ts";
import { Tally } from "./tally.ts";
import type { Met } from "./tally.ts";

export interface CrashOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onKill?: (tally: Tally) => void;
}

export async function crash(stage: Stage, options: CrashOptions): Promise<Tally> {
  const run = new CrashRun(stage, options.seed);
  for (let kill = 1; kill <= options.kills; kill++) {
    await run.kill(kill);
    options.onKill?.(run.tally);
  }
  await run.finish(options.kills);
  return run.tally;
}

/** What is stored of a stream, once the gateway is back. */
interface Found {
  readonly play: Play;
  readonly stored: Stored;
}

class CrashRun {
  readonly tally = new Tally();
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #disk: Disk;
  #plays: readonly Play[] = [];
  readonly #ended: Play[] = [];

  constructor(stage: Stage, seed: number) {
    this.#stage = stage;
    this.#random = new Random(seed);
    this.#disk = new Disk(stage.objectsDir);
  }

  async kill(kill: number): Promise<void> {
    this.#plays = await this.#fill();
    const dying = new AbortController();
    const births = bear(this.#stage, plainStyle, dying.signal);
    const rounds = this.#plays.map((play, slot) => [play, play.run(planOf(play, kill + slot, this.#random), dying.signal)] as const);
    const over = Promise.all(rounds.map(async ([, round]) => round.over));
    await Promise.race([momentOf(kill, rounds, this.#random), over]);
    dying.abort();
    const copies = await this.#bringDown(kill);
    await over;
    await this.#judge(kill, copies, await births);
  }

  /** Those that live go on; what is stored of the others is looked at for the last time. */
  async finish(kill: number): Promise<void> {
    for (const play of [...this.#plays, ...this.#ended]) {
      const stored = await this.#stored(play, "after all kills");
      this.#report(kill, play, stored, checkKept(play.history, stored));
      this.tally.addStream(play.history, stored);
    }
  }

  async #fill(): Promise<readonly Play[]> {
    return Promise.all(
      styles.map(async (style) => this.#plays.find((play) => play.style === style) ?? Play.begin(this.#stage, style, new Random(this.#random.next() * 2 ** 32))),
    );
  }

  /** Every other kill is a stop first, so that the files can be read as the kill leaves them. */
  async #bringDown(kill: number): Promise<readonly DiskCopy[]> {
    const { worker } = this.#stage.stack;
    if (kill % 2 === 0) {
      await worker.restart();
      return [];
    }
    await hold(worker.pid);
    const copies = this.#disk.read(this.#plays.map(({ history }) => history), this.#random);
    await worker.restart();
    return copies;
  }

  async #judge(kill: number, copies: readonly DiskCopy[], born: readonly string[]): Promise<void> {
    const { tally } = this;
    const found: readonly Found[] = await Promise.all(this.#plays.map(async (play) => ({ play, stored: await this.#stored(play, "by its gateway") })));
    tally.addKill(found.map(({ play: { history }, stored }) => metOf(history, stored)));
    const broken = found.filter(({ play, stored }) => {
      const copy = copies.filter(({ history }) => history === play.history);
      const heard = this.#report(kill, play, stored, [...checkHeard(play.history), ...checkKept(play.history, stored)]);
      return heard + copy.reduce((sum, each) => sum + this.#judgeCopy(kill, play, each), 0) > 0;
    });
    for (const gone of await missingOf(this.#stage, born)) {
      tally.findings.push({ kill, kind: "gone", what: gone, style: "newborn", found: "by its gateway", history: "" });
    }
    tally.newborns += born.length;
    // It has been told, and would be again at every kill.
    this.#plays = this.#plays.filter((play) => !broken.some((other) => other.play === play));
    await this.#retire(kill, found.filter(({ stored }) => stored.outcome !== null));
  }

  #judgeCopy(kill: number, play: Play, { whole, torn }: DiskCopy): number {
    this.tally.copies++;
    this.tally.tornCopies += torn.filter((part) => lastSeqOf(part) < lastSeqOf(whole)).length;
    const inWhole = this.#report(kill, play, whole, checkKept(play.history, whole));
    return torn.reduce((sum, part) => sum + this.#report(kill, play, part, checkWhole(play.history, part)), inWhole);
  }

  /** What has ended lets nobody in any more, and is looked at again after all kills. */
  async #retire(kill: number, over: readonly Found[]): Promise<void> {
    const ended = over.filter(({ play }) => this.#plays.includes(play));
    await Promise.all(ended.map(async ({ play }) => play.knockAfterTheEnd()));
    for (const { play, stored } of ended) {
      // Its earlier tries were in order, or it would not be here.
      this.#report(kill, play, stored, checkTries(play.history));
      // They take most of the memory, and no more turns come to be compared with them.
      play.history.digests.clear();
      this.#ended.push(play);
    }
    this.#plays = this.#plays.filter((play) => !this.#ended.includes(play));
  }

  async #stored({ history }: Play, found: string): Promise<Stored> {
    return askStored(this.#stage.stack.worker.url, history, found);
  }

  /** How many there are. */
  #report(kill: number, { style, history }: Play, { found }: Stored, violations: readonly Violation[]): number {
    for (const violation of violations) this.tally.findings.push({ ...violation, kill, found, style: style.name, history: describeHistory(history) });
    return violations.length;
  }
}

/** Where the end was asked for already, what was not acknowledged may be lost to that. */
function metOf({ mode, ackedSeq, sentSeq, turns, endings }: History, stored: Stored): Met {
  const ending = endings.some(({ turn }) => turn === turns.length - 1);
  return { mode, ackedSeq, sentSeq: ending ? ackedSeq : sentSeq, storedSeq: lastSeqOf(stored) };
}
