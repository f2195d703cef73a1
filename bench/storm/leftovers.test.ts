/** Owns the tests of what is found after a storm: streams that are woken, readers and invocations that stay. */

import { expect, test } from "vitest";
import { leftIn } from "./leftovers.ts";
import type { Scene } from "./leftovers.ts";
import { answering } from "./testing.ts";

/** A gateway whose stream has counted so many requests at the first status, the second, and so on. */
async function leftWith(requests: readonly number[], { consumers = 0, invocations = (): Scene["invocations"] => () => [] } = {}): Promise<readonly string[]> {
  let asked = 0;
  const gateway = await answering((_request, response) => {
    const counted = requests[Math.min(asked++, requests.length - 1)];
    response.end(JSON.stringify({ phase: "ended", lastSeq: 1, outcome: "completed", error: null, consumers, endedAt: new Date(0).toISOString(), attempts: [], cost: { requests: counted } }));
  });
  const { left } = await leftIn({ gateway, invocations: invocations(), ids: ["s"], stop: AbortSignal.timeout(5_000), lastAlarmMs: 0, lookEveryMs: 1 });
  return left;
}

test("nothing is left of a stream that sleeps", async () => {
  expect(await leftWith([3])).toEqual([]);
  expect(await leftWith([5, 5, 4]), "what was not stored is forgotten with the memory").toEqual([]);
});

test("an alarm that rings for a stream after its end is found", async () => {
  // The first two are asked for while it is waited for: what rings until then was set before the end.
  expect(await leftWith([3, 4, 4])).toEqual([]);
  expect(await leftWith([3, 3, 3, 4])).toEqual([expect.stringMatching(/^an alarm or a call woke s, .* after its end$/)]);
  expect(await leftWith([3, 3, 3, 3, 3, 4])).toEqual([expect.stringMatching(/^an alarm or a call woke s, /)]);
});

test("a reader and an invocation too many are found", async () => {
  expect(await leftWith([3], { consumers: 1 })).toEqual(["s has 1 readers after all have left"]);
  let asked = 0;
  const one = { outcome: "success" } as const;
  expect(await leftWith([3], { invocations: () => () => (asked++ < 3 ? [] : [one]) })).toEqual(["a function was invoked after every stream had ended"]);
});
