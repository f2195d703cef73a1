/** Owns writing the logs that the rest of the benchmark reads. */

import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { insist, megabytes, row } from "../support/figures.ts";
import { HandProducer, openStream } from "../support/hand-producer.ts";
import type { Invocation } from "../support/invocations.ts";
import { eventBytes, logBytes, payloadOf } from "../support/long-log.ts";
import type { Bench } from "./bench.ts";

export interface WrittenLog {
  readonly dialled: Invocation;
  readonly events: number;
  /** SHA-256 of the log's bytes. */
  readonly digest: string;
  /** The same bytes, as the Worker's plain file of that name. */
  readonly fileName: string;
}

/** As many as fill a frame as the runtime cuts it. */
const eventsPerFrame = 140;

/** The stream stays open, and its producer is gone: it can dial again. */
export async function writeLog(bench: Bench, fileName: string, events: number): Promise<WrittenLog> {
  const dialled = await openStream(bench.stack, "/silent");
  const producer = await HandProducer.dial(bench.stack, dialled);
  const beganAt = performance.now();
  while (producer.lastSeq < events) {
    const count = Math.min(eventsPerFrame, events - producer.lastSeq);
    const first = producer.lastSeq + 1;
    await producer.send(Array.from({ length: count }, (_, index) => payloadOf(dialled.streamId, first + index)));
  }
  await producer.allAcked();
  const seconds = (performance.now() - beganAt) / 1_000;
  producer.hangUp();
  await checkStatus(bench, dialled.streamId, events);
  row(
    `${events.toLocaleString("en")} events of ${eventBytes} bytes`,
    `${Math.round(events / seconds).toLocaleString("en")} events/s`,
    `${megabytes((events * eventBytes) / seconds)}/s durable`,
    `${seconds.toFixed(1)} s`,
  );
  return { dialled, events, fileName, digest: await writeFile(bench, dialled.streamId, fileName, events) };
}

async function checkStatus({ stack }: Bench, id: string, events: number): Promise<void> {
  const status: unknown = await (await fetch(new URL(`/streams/${id}/status`, stack.worker.url))).json();
  insist(typeof status === "object" && status !== null && "lastSeq" in status && "bytes" in status, "the status is no status");
  insist(status.lastSeq === events && status.bytes === events * eventBytes, `the log has ${String(status.lastSeq)} events and ${String(status.bytes)} bytes`);
}

async function writeFile({ filesDir }: Bench, log: string, name: string, events: number): Promise<string> {
  const hash = createHash("sha256");
  const file = createWriteStream(join(filesDir, name));
  for (let first = 1; first <= events; first += eventsPerFrame) {
    const bytes = logBytes(log, first, Math.min(first + eventsPerFrame - 1, events));
    hash.update(bytes);
    if (!file.write(bytes)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
  return hash.digest("hex");
}
