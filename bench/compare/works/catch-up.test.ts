/** That catch-up, which checks behind the clock, checks all the same; and what its target says. */

import { describe, expect, test } from "vitest";
import type { Running } from "../../contenders/contender.ts";
import { toEvent } from "../../contenders/sse.ts";
import { byBlock } from "../../support/body.ts";
import { Results } from "../results.ts";
import { fullScale } from "../scale.ts";
import { catchUp } from "./catch-up.ts";

const scale = { ...fullScale, shortEvents: 300 };
const pieceBytes = 1_000;

/** Gives readers what `spoil` makes of the events that were written. */
function runningWith(spoil: (events: readonly string[]) => readonly string[]): Running {
  const written: string[] = [];
  return {
    pids: [],
    produce: async () => ({ write: async (events) => void written.push(...events), settled: async () => undefined }),
    read: async (_stream, _from, take, feed) => {
      const bytes = Buffer.from(spoil(written).map((event) => `data: ${event}\n\n`).join(""));
      const cut = byBlock((block) => take(toEvent(block).data));
      setImmediate(() => {
        for (let at = 0; at < bytes.length; at += pieceBytes) feed?.(bytes.subarray(at, at + pieceBytes), cut);
      });
      return { position: "", lost: new Promise<never>(() => undefined), drop: () => undefined };
    },
    close: async () => undefined,
  };
}

describe("catch-up", () => {
  test("has figures where every event is right", async () => {
    const { figures } = await catchUp.run(runningWith((events) => events), scale);
    expect(Object.keys(figures).toSorted()).toEqual(["busy", "firstMaxMs", "firstMs", "lateMaxMs", "lateP99Ms", "rate"]);
    expect(figures["firstMs"]).toBeGreaterThan(0);
    expect(figures["firstMs"]).toBeLessThanOrEqual(figures["firstMaxMs"] ?? 0);
  });

  test.each<readonly [string, (events: readonly string[]) => readonly string[]]>([
    ["lost", (events) => events.toSpliced(7, 1)],
    ["doubled", (events) => events.toSpliced(7, 0, ...events.slice(7, 8))],
    ["altered", (events) => events.with(7, `${events[7]?.slice(0, -1)}!`)],
    ["out of turn", (events) => events.toSpliced(7, 2, ...events.slice(7, 9).toReversed())],
  ])("has none where an event is %s", async (_what, spoil) => {
    await expect(catchUp.run(runningWith(spoil), scale)).rejects.toThrow("Cannot report: the reader of log got");
  });

  test("is judged by the p50 of the first event, and shows its maximum", () => {
    const results = new Results([{ name: "longstream", keeps: "disk", cells: [{ kind: "done", figures: { firstMs: 7.4, firstMaxMs: 78.8 }, notes: [] }] }], []);
    expect(catchUp.targets(results, scale)[0]).toEqual({ what: "first event, p50, under 20 ms", found: "7.4 ms, max 78.8", verdict: "met" });
  });
});
