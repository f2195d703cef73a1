/** Owns measuring a full replay by one reader, next to a plain file of the same bytes from the same workerd. */

import { createHash } from "node:crypto";
import { behindPreamble, openBody } from "../support/body.ts";
import { insist, median, megabytes, row } from "../support/figures.ts";
import { eventBytes } from "../support/long-log.ts";
import type { Bench } from "./bench.ts";
import type { WrittenLog } from "./write.ts";

const rounds = 3;

/** In turn, so that a busy moment of the machine falls on all of them. */
export async function measureCatchUp(bench: Bench, log: WrittenLog): Promise<void> {
  const ways = [
    { what: "replay of the log", path: `/streams/${log.dialled.streamId}?live=false`, preamble: true },
    { what: "a plain file of the same bytes", path: `/bench/file/${log.fileName}`, preamble: false },
    { what: "the same, chunk by chunk through a Worker", path: `/bench/copy/${log.fileName}`, preamble: false },
  ].map((way) => ({ ...way, seconds: new Array<number>() }));
  for (let round = 0; round < rounds; round++) {
    for (const { path, preamble, seconds } of ways) seconds.push(await readWhole(bench, log, path, preamble));
  }
  const [replay = 0] = ways.map(({ seconds }) => median(seconds));
  for (const { what, seconds } of ways) {
    const taken = median(seconds);
    row(
      what,
      `${megabytes((log.events * eventBytes) / taken)}/s`,
      `${Math.round(log.events / taken).toLocaleString("en")} events/s`,
      `${(taken / replay).toFixed(2)} of the replay's time`,
      `rounds ${seconds.map((each) => each.toFixed(2)).join(" ")} s`,
    );
  }
}

async function readWhole({ stack }: Bench, log: WrittenLog, path: string, preamble: boolean): Promise<number> {
  const hash = createHash("sha256");
  let byteLength = 0;
  const count = (chunk: Buffer): void => {
    hash.update(chunk);
    byteLength += chunk.length;
  };
  const take = preamble ? behindPreamble(count) : count;
  const beganAt = performance.now();
  const body = await openBody(new URL(path, stack.worker.url));
  for await (const chunk of body) if (Buffer.isBuffer(chunk)) take(chunk);
  const seconds = (performance.now() - beganAt) / 1_000;
  insist(byteLength === log.events * eventBytes && hash.digest("hex") === log.digest, `${path} brought ${byteLength} bytes, or not the right ones`);
  return seconds;
}
