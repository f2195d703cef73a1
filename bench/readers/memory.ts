/** Owns measuring what slow readers of a long log cost: memory of workerd, and the pace of everybody else. */

import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage } from "node:http";
import { openBody } from "../support/body.ts";
import { insist, megabytes, row } from "../support/figures.ts";
import { HandProducer } from "../support/hand-producer.ts";
import { eventBytes, logBytes } from "../support/long-log.ts";
import { mostOf, watchMemory } from "../support/memory.ts";
import type { MemoryWatch } from "../support/memory.ts";
import type { Bench } from "./bench.ts";
import { LiveReader, runLive } from "./live.ts";
import type { WrittenLog } from "./write.ts";

const phaseMs = 40_000;
const slowBytesPerSecond = 50_000;
const slowStepMs = 50;
const crowd = 50;

/**
 * With and without slow readers in turn: the first time shows what the allocator takes when it first meets a replay and
 * keeps, the second what slow readers need.
 */
export async function measureMemory(bench: Bench, log: WrittenLog): Promise<void> {
  const { stack } = bench;
  const lastsMs = Math.max(4_000, phaseMs / bench.shrink);
  await stack.worker.restart();
  const producer = await HandProducer.dial(stack, log.dialled);
  insist(producer.lastSeq === log.events, `workerd came back with ${producer.lastSeq} events`);
  const reader = await LiveReader.open(stack.worker.url, log.dialled.streamId, producer.lastSeq);
  const live = runLive(producer);
  const watch = watchMemory(() => stack.worker.pid);
  const phase = async (what: string): Promise<number> => observe(what, lastsMs, reader, watch);

  await phase("warming up");
  for (const time of ["first", "second"]) {
    const without = await phase(`no slow reader, the ${time} time`);
    const [stalled, slow] = await Promise.all([openIdle(bench, log), openIdle(bench, log)]);
    const slowly = readSlowly(slow, log, lastsMs);
    const withTwo = await phase("one stalled, one at 50 KB/s");
    row("  growth of workerd by the two", megabytes(withTwo - without), `the log has ${megabytes(log.events * eventBytes)}`);
    row("  read and right at 50 KB/s", megabytes(await slowly));
    for (const each of [stalled, slow]) each.destroy();
  }
  const before = mostOf(watch.samples);
  const many = await Promise.all(Array.from({ length: crowd }, async () => openIdle(bench, log)));
  const withCrowd = await phase(`${crowd} stalled`);
  row("  growth of workerd by each", megabytes((withCrowd - before) / crowd));
  for (const each of many) each.destroy();
  await phase("after they left");

  watch.stop();
  await live.stop();
  await reader.until(producer.lastSeq);
  producer.hangUp();
}

/** @returns the most memory workerd had meanwhile. */
async function observe(what: string, lastsMs: number, reader: LiveReader, watch: MemoryWatch): Promise<number> {
  const from = watch.samples.length;
  reader.forget();
  await sleep(lastsMs);
  const most = mostOf(watch.samples.slice(from));
  row(what, `workerd at most ${megabytes(most)}`, `the fast reader: ${reader.pace(lastsMs)}`);
  return most;
}

/** Opened at the start of the log, and not read. */
async function openIdle({ stack }: Bench, log: WrittenLog): Promise<IncomingMessage> {
  const body = await openBody(new URL(`/streams/${log.dialled.streamId}`, stack.worker.url));
  body.on("error", () => undefined);
  return body;
}

/** @returns how many bytes of the log came, each of them the right one. */
async function readSlowly(body: IncomingMessage, log: WrittenLog, lastsMs: number): Promise<number> {
  const stepBytes = (slowBytesPerSecond * slowStepMs) / 1_000;
  const parts: Buffer[] = [];
  for (const endAt = performance.now() + lastsMs; performance.now() < endAt; await sleep(slowStepMs)) {
    const part: unknown = body.read(stepBytes);
    if (Buffer.isBuffer(part)) parts.push(part);
  }
  const all = Buffer.concat(parts);
  const events = all.subarray(all.indexOf("\n\n") + 2);
  const expected = logBytes(log.dialled.streamId, 1, Math.ceil(events.length / eventBytes));
  insist(events.length > 0 && expected.subarray(0, events.length).equals(events), "the slow reader got the wrong bytes");
  return events.length;
}
