/** Owns the tests of the record of faults: what counts as a hit. */

import { describe, expect, test } from "vitest";
import { Faults, hitsOf, partLate } from "./faults.ts";
import type { FaultPlan } from "./plan.ts";
import { answering, hit } from "./testing.ts";

async function bring(fault: string, status: number): Promise<Faults> {
  const control = await answering((_request, response) => response.writeHead(status).end("what it did"));
  const faults = new Faults(control.origin);
  const plan: FaultPlan = { atMs: 0, fault, slot: 0, parameters: {} };
  await faults.bring([plan], () => "s", new AbortController().signal);
  return faults;
}

describe("a fault", () => {
  test("that was answered is a hit, one that found nothing is none, and of a 500 it is not known", async () => {
    const [done, missed, unknown] = [await bring("kill-lambda", 200), await bring("kill-lambda", 404), await bring("kill-lambda", 500)];
    expect(done.hits).toMatchObject([{ fault: "kill-lambda", streamId: "s", attempt: null, effect: "done", did: "what it did" }]);
    expect([missed.hits, missed.misses]).toEqual([[], 1]);
    expect([unknown.hits, unknown.misses]).toMatchObject([[{ effect: "unknown" }], 0]);
  });

  test("that is not answered is not known to be done", async () => {
    const control = await answering((request) => request.destroy());
    const faults = new Faults(control.origin);
    await faults.bring([{ atMs: 0, fault: "abort-stream", slot: 0, parameters: {} }], () => "s", new AbortController().signal);
    expect(faults.hits).toMatchObject([{ effect: "unknown", did: "no answer in time" }]);
  });

  test("that is armed hits when a call takes it, that stream and attempt alone", async () => {
    expect(await bring("delay-invocation", 200)).toMatchObject({ hits: [], misses: 0 });
    const call = { kind: "delay", functionName: "count", requestId: "r", atMs: 5 } as const;
    const hits = hitsOf([{ ...call, payload: { longstream: 1, stream: "s", attempt: 2 } }, { ...call, payload: { of: "nobody" } }]);
    expect(hits).toMatchObject([{ fault: "delay-invocation", atMs: 5, streamId: "s", attempt: 2, effect: "done" }]);
  });

  test("on a stream that had ended hit nothing, but for its readers", () => {
    const [evicted, aborted, dropped, restart] = [hit("evict-stream", 2_000), hit("abort-stream", 900), hit("drop-consumers", 2_000), hit("restart-worker", 2_000, { streamId: null })];
    expect(partLate([evicted, aborted, dropped, restart], new Map([["s", 1_000]]))).toEqual({ hits: [aborted, dropped, restart], late: [evicted] });
  });
});
