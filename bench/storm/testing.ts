/** Owns what the tests of the storm's checker are made of: runs, statuses, hits and a gateway that answers as it is told. */

import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { onTestFinished } from "vitest";
import { countContent } from "./contents.ts";
import type { Hit } from "./faults.ts";
import type { StreamPlan } from "./plan.ts";
import type { Attempt, Status } from "./status.ts";
import type { StreamRun } from "./verdict.ts";
import { Witness } from "./witness.ts";
import type { Tally } from "./witness.ts";

export const noTally = (): Tally => ({ connections: 0, events: 0, bytes: 0, losses: 0, duplicates: 0, alterations: 0, gapsMs: [] });

const content = countContent(3, 0);

export const plan: StreamPlan = {
  example: "count",
  path: "/api/count",
  content,
  begunBy: "async",
  readers: [{ kind: "fetch", joinAfterMs: 0, seed: 0 }],
  cancelAfterMs: null,
  cancelBy: "post",
  ambush: [],
};

/** The right events are `["s-1", '{"n":1}']` to `["s-3", '{"n":3}']`. */
export function witnessed(...events: readonly (readonly [id: string, data: string])[]): Witness {
  const witness = new Witness("s", "fetch", content, noTally());
  for (const [id, data] of events) witness.event(id, data);
  return witness;
}

/** Invoked at ten times its number of seconds, dialled in after one and lost after five. */
export function attempt(number: number, lastSeq: number, end = "lost"): Attempt {
  const invokedAt = number * 10_000;
  return { attempt: number, invokedAt, dialledAt: invokedAt + 1_000, endedAt: invokedAt + 5_000, lastSeq, end, reason: "silent" };
}

export function ended(status: Partial<Status>): Status {
  return { phase: "ended", lastSeq: 3, outcome: "completed", errorCode: null, consumers: 0, endedAtMs: 60_000, requests: 0, attempts: [], ...status };
}

export function ran(status: Status | null, witnesses: readonly Witness[] = []): StreamRun {
  return { id: "s", slot: 0, plan, begunAtMs: 0, witnesses, cancelledAtMs: null, status };
}

export function hit(fault: string, atMs: number, more: Partial<Hit> = {}): Hit {
  return { atMs, doneAtMs: atMs, fault, parameters: {}, streamId: "s", attempt: null, effect: "done", did: "", ...more };
}

export async function answering(listener: RequestListener): Promise<URL> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return new URL(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
}
