/** Owns measuring the time from a request to its first byte and to its first event, wherever in a log it begins. */

import { setTimeout as sleep } from "node:timers/promises";
import { openBody, behindPreamble } from "../support/body.ts";
import { insist, row, spread } from "../support/figures.ts";
import { eventBytes, logBytes } from "../support/long-log.ts";
import type { Bench } from "./bench.ts";
import type { WrittenLog } from "./write.ts";

const shares = [0, 0.25, 0.5, 0.75, 0.9999];
const samples = 100;
const coldSamples = 20;
/** For the last reader's leftovers, so that each request is measured by itself. */
const pauseMs = 15;

interface Arrival {
  readonly bodyMs: number;
  readonly eventMs: number;
}

interface Place {
  readonly what: string;
  readonly log: WrittenLog;
  readonly seq: number;
  readonly arrivals: Arrival[];
}

export async function measureFirstByte(bench: Bench, logs: readonly WrittenLog[]): Promise<void> {
  const floorMs: number[] = [];
  const warm = await measure(bench, logs, samples, async ({ fileName }) => {
    await sleep(pauseMs);
    floorMs.push(await readFile(bench, fileName));
    await sleep(pauseMs);
  });
  for (const { what, arrivals } of warm) row(`${what}: first event`, ...spread(arrivals.map(({ eventMs }) => eventMs)));
  row("all of them: first body byte", ...spread(warm.flatMap(({ arrivals }) => arrivals.map(({ bodyMs }) => bodyMs))));
  row("in turn with a plain file: first byte", ...spread(floorMs));
  const cold = await measure(bench, logs, coldSamples, async ({ dialled }) => bench.stack.worker.evict(dialled.streamId, "hibernate"));
  for (const { what, arrivals } of cold) row(`${what}, object asleep: first event`, ...spread(arrivals.map(({ eventMs }) => eventMs)));
}

/** All places in turn, again and again, so that a busy moment of the machine falls on all of them. */
async function measure(bench: Bench, logs: readonly WrittenLog[], count: number, before: (log: WrittenLog) => Promise<void>): Promise<readonly Place[]> {
  const places = logs.flatMap((log) =>
    shares.map((share): Place => {
      const seq = Math.min(Math.floor(log.events * share), log.events - 1);
      return { what: `${log.fileName} log at ${share * 100} %`, log, seq, arrivals: [] };
    }),
  );
  for (let round = 0; round < count; round++) {
    for (const place of places) {
      await before(place.log);
      place.arrivals.push(await readFirst(bench, place));
    }
  }
  return places;
}

async function readFirst({ stack }: Bench, { log, seq }: Place): Promise<Arrival> {
  const { streamId } = log.dialled;
  const beganAt = performance.now();
  const body = await openBody(new URL(`/streams/${streamId}`, stack.worker.url), { cursor: `${streamId}-${seq}`, events: true });
  let bodyMs = 0;
  let eventMs = 0;
  let seen = Buffer.alloc(0);
  const take = behindPreamble((chunk) => {
    if (eventMs === 0) eventMs = performance.now() - beganAt;
    seen = Buffer.concat([seen, chunk]);
  });
  for await (const chunk of body) {
    if (bodyMs === 0) bodyMs = performance.now() - beganAt;
    if (Buffer.isBuffer(chunk)) take(chunk);
    if (seen.length >= eventBytes) break;
  }
  body.destroy();
  insist(seen.subarray(0, eventBytes).equals(logBytes(streamId, seq + 1, seq + 1)), `behind ${seq} came ${seen.toString("utf8", 0, eventBytes)}`);
  return { bodyMs, eventMs };
}

/** What the connection and the way to the Worker take anyway. */
async function readFile({ stack }: Bench, name: string): Promise<number> {
  const beganAt = performance.now();
  const body = await openBody(new URL(`/bench/file/${name}`, stack.worker.url));
  let tookMs = 0;
  for await (const chunk of body) {
    insist(Buffer.isBuffer(chunk) && chunk.length > 0, "the plain file came without a byte");
    tookMs = performance.now() - beganAt;
    break;
  }
  return tookMs;
}
