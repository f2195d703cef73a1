/** Measures readers: first byte, catch-up, memory and cancel, on a log of a million events. `--quick` does a fiftieth. */

import { startBench } from "./readers/bench.ts";
import { measureCancel } from "./readers/cancel.ts";
import { measureCatchUp } from "./readers/catch-up.ts";
import { measureFirstByte } from "./readers/first-byte.ts";
import { measureMemory } from "./readers/memory.ts";
import { writeLog } from "./readers/write.ts";
import { machine, say } from "./support/figures.ts";

const quickShrink = 50;
const longEvents = 1_000_000;
const shortEvents = 1_000;

async function main(shrink: number): Promise<void> {
  const bench = await startBench(shrink);
  try {
    say(`${machine()}${shrink === 1 ? "" : `; all at 1/${shrink}: for trying, not for quoting`}`);
    say("Client, producer and Lambda host are one Node process beside workerd; no proxy between. Each body is checked byte by byte.");
    say("\nWriting, by one producer as fast as its window of 256 KiB allows");
    const long = await writeLog(bench, "long", longEvents / shrink);
    const short = await writeLog(bench, "short", shortEvents);
    say("\nFirst byte of GET /streams/{id} behind a cursor, a new connection each");
    await measureFirstByte(bench, [long, short]);
    say("\nThe whole long log to one reader, in turn with a plain file; medians");
    await measureCatchUp(bench, long);
    say("\nCancel of running streams, the handler in a process of its own");
    await measureCancel(bench);
    say("\nSlow readers from the start of the long log, while its producer writes on and a fast reader follows; a new workerd");
    await measureMemory(bench, long);
  } finally {
    await bench.close();
  }
}

await main(process.argv.includes("--quick") ? quickShrink : 1);
