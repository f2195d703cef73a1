/** Owns the streams that are created while workerd is killed: one that a client was told of is there afterwards. */

import { setTimeout as sleep } from "node:timers/promises";
import { createStream } from "./stage.ts";
import type { Stage, Style } from "./stage.ts";

const mostEach = 25;
const pauseMs = 60;

/** Creates one after the other until the kill, and gives those that were answered. */
export async function bear({ stack }: Stage, style: Style, dying: AbortSignal): Promise<readonly string[]> {
  const born: string[] = [];
  for (let count = 0; count < mostEach && !dying.aborted; count++) {
    const streamId = await createStream(stack.worker.url, style);
    if (streamId !== null) born.push(streamId);
    await sleep(pauseMs);
  }
  return born;
}

/** Those that are gone. The others are removed: nobody writes to them. */
export async function missingOf({ stack }: Stage, born: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    born.map(async (streamId) => {
      const response = await fetch(new URL(`/streams/${streamId}`, stack.worker.url), { method: "DELETE" });
      await response.body?.cancel();
      return response.status === 204 ? [] : [`${streamId}: ${response.status}`];
    }),
  );
  return found.flat();
}
