/**
 * Kills workerd (SIGKILL) under streams that are written to at full pace, and holds what is stored against what was seen: P1, P4.
 * The seed gives sizes and plans; the clock decides what a kill meets.
 *
 * What it cannot show: a killed process leaves what it wrote in the system's page cache, and a power loss does not. In place of
 * one, SQLite's write-ahead log is torn off in copies of the files: whatever beginning is left must be a whole one. That what was
 * acknowledged is in that beginning rests on the flush (fsync) that workerd makes before each ack (seen by strace, 2026-11).
 */

import { readOptions } from "./crash/options.ts";
import type { Options } from "./crash/options.ts";
import { crash } from "./crash/run.ts";
import { openStage } from "./crash/stage.ts";
import type { Counts, Tally } from "./crash/tally.ts";
import { missesOf } from "./crash/worth.ts";
import { machine, row, say } from "./support/figures.ts";
import { readOrExit } from "./support/options.ts";

const progressEvery = 20;

async function main({ kills, seed }: Options): Promise<void> {
  say(machine());
  say(`${kills} kills, seed ${seed}`);
  const beganAt = Date.now();
  const stage = await openStage();
  try {
    const onKill = (tally: Tally): void => {
      if (tally.kills % progressEvery === 0) say(`  ... ${tally.kills} kills, ${tally.killsUnderWay} under way, ${tally.findings.length} violations`);
    };
    const tally = await crash(stage, { kills, seed, onKill });
    report(tally, { kills, seed }, Math.round((Date.now() - beganAt) / 1_000));
  } finally {
    await stage.close();
  }
}

function report(tally: Tally, { kills, seed }: Options, seconds: number): void {
  const { counts, strays, findings, ...figures } = tally;
  const misses = missesOf(tally, kills);
  row("kills", String(tally.kills), `${tally.killsUnderWay} met a commit under way`, `${tally.killsAfterCommit} behind a commit and before its ack`, `${tally.killsBeforeCommit} lost what was not acknowledged`);
  row("streams", String(tally.streams), `${tally.turns} turns`, `${tally.successors} successors`, `${tally.outcomesSeen} outcomes seen`, `${tally.endsInOneCommit} ends in the commit of the last event`, `${tally.newborns} created in passing`);
  rowOf("events", counts.events);
  rowOf("bytes", counts.bytes);
  row("bodies read", String(tally.bodies));
  row("checkpoints", `${tally.checkpointsAnnounced} announced`, `${tally.checkpointsGiven} given to who went on`);
  for (const [kind, { refused, "cut off": cutOff, dropped, welcomed, ignored }] of Object.entries(strays)) {
    row(`fenced producers: ${kind}`, `${refused} refused`, `${cutOff} cut off by the kill`, `${dropped} dropped without one`, `${welcomed + ignored} let in`);
  }
  row("copies of files", String(tally.copies), `${tally.tornCopies} torn off within the log`);
  row("violations", String(findings.length), `${seconds} s`);
  for (const { kill, style, found, kind, what } of findings) say(`  seed ${seed}, kill ${kill}, a stream of style ${style}, ${found}: ${kind}: ${what}`);
  for (const history of new Set(findings.map((finding) => finding.history))) say(history);
  say(JSON.stringify({ seed, seconds, ...figures, ...counts, strays, violations: findings.length, misses }));
  if (misses.length > 0) say(`Cannot take this run for a proof: it lacks ${misses.join(", ")}; more kills meet more`);
  if (findings.length + misses.length > 0) process.exitCode = 1;
}

function rowOf(what: string, counts: Counts): void {
  const [stored, acknowledged, seen] = [counts.stored, counts.acknowledged, counts.seen].map((count) => count.toLocaleString("en"));
  row(what, `${stored} stored`, `${acknowledged} acknowledged`, `${seen} seen`);
  row("  not acknowledged at a kill", counts.unacknowledged.toLocaleString("en"), `${counts.storedUnacknowledged.toLocaleString("en")} stored`, `${counts.lostUnacknowledged.toLocaleString("en")} lost`);
}

await main(readOrExit(() => readOptions(process.argv.slice(2))));
