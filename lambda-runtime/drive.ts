/** Owns running a handler's answer into the session, a chunk at a time, until it ends or the attempt must stop. */

import { setImmediate as nextTurn } from "node:timers/promises";
import type { ChunkSource } from "./chunks.ts";
import type { Session } from "./session.ts";
import type { StopReason } from "./stop.ts";

export type DriveEnd =
  | { readonly kind: "completed" }
  | { readonly kind: "threw"; readonly thrown: unknown }
  | { readonly kind: "stopped"; readonly reason: StopReason };

/** A handler that never waits would keep timers, pings and acks from running. */
const chunksPerTurn = 256;

/** Stops between two chunks: one that is being made when the attempt must stop is dropped, and its successor makes it. */
export async function drive(source: ChunkSource, session: Session, firstSourceId: string): Promise<DriveEnd> {
  let sourceId = firstSourceId;
  for (let count = 1; ; count++) {
    const step = await session.stop.orStop(source.next());
    if ("stopped" in step) return { kind: "stopped", reason: step.stopped };
    if (step.done.done === true) return { kind: "completed" };
    const chunk = step.done.value;
    sourceId = chunk.sourceId ?? sourceId;
    if (session.push(chunk.payload, sourceId)) {
      const room = await session.stop.orStop(session.room());
      if ("stopped" in room) return { kind: "stopped", reason: room.stopped };
    }
    if (count % chunksPerTurn === 0) await nextTurn();
  }
}
