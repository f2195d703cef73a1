/** Owns one stream under load: its producer, and a reader that follows it and is checked. */

import type { Producing, Reading, Running } from "../contenders/contender.ts";
import { Checker, eventOf } from "./contents.ts";

export interface Line {
  readonly stream: string;
  readonly producing: Producing;
  readonly checker: Checker;
}

/** Reads from the start; whatever ends the reader before the trial does is a failure. */
export async function follow(running: Running, stream: string, checker: Checker): Promise<Reading> {
  const reading = await running.read(stream, "start", checker.take);
  reading.lost.catch((error: unknown) => checker.fail(`lost its connection (${String(error)})`));
  return reading;
}

/** Settles when the first event has come through. */
export async function openLine(running: Running, stream: string, noted?: (n: number) => void): Promise<Line> {
  const producing = await running.produce(stream);
  const checker = new Checker(stream, noted);
  await follow(running, stream, checker);
  await producing.write([eventOf(stream, 1)]);
  await checker.until(1);
  return { stream, producing, checker };
}

/** Opened side by side: more at a time would measure a rush. */
const opening = 8;

/** Numbered from 0. `noted` hears which of them got which event. */
export async function openLines(running: Running, count: number, noted: (index: number, n: number) => void): Promise<readonly Line[]> {
  return inTurns(count, async (index) => openLine(running, `s-${index}`, (n) => noted(index, n)));
}

export async function inTurns<T>(count: number, open: (index: number) => Promise<T>): Promise<readonly T[]> {
  const all = new Map<number, T>();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      all.set(index, await open(index));
    }
  };
  await Promise.all(Array.from({ length: opening }, work));
  return [...all].toSorted(([a], [b]) => a - b).map(([, each]) => each);
}
