/** How the CPU time of idle streams is judged, above all where the one it is held against uses none. */

import { describe, expect, test } from "vitest";
import { Results } from "../results.ts";
import type { Entrant } from "../results.ts";
import { fullScale } from "../scale.ts";
import type { Target } from "../trial.ts";
import { idle } from "./idle.ts";

function entrant(name: string, cpuMs: number): Entrant {
  return { name, keeps: "disk", cells: [{ kind: "done", figures: { cpuMs }, notes: [] }] };
}

function judge(...entrants: readonly Entrant[]): Target | undefined {
  return idle.targets(new Results(entrants, []), fullScale).find(({ what }) => what.startsWith("CPU"));
}

describe("the CPU time of idle streams", () => {
  test.each([
    [22, 0, "MISSED"],
    [0.2, 0, "MISSED"],
    [10 / 60, 0, "met"],
    [0, 0, "met"],
    [3, 3, "met"],
    [3.1, 3, "MISSED"],
  ])("of %d ms a second, to the other's %d, is %s", (own, theirs, verdict) => {
    const found = `${own.toFixed(2)} ms a second, to its ${theirs.toFixed(2)}`;
    expect(judge(entrant("longstream", own), entrant("sse-in-object", theirs))).toMatchObject({ found, verdict });
  });

  test("is not judged where one of both was not there", () => {
    expect(judge(entrant("longstream", 22))).toMatchObject({ found: null, verdict: "not judged" });
    expect(judge(entrant("sse-in-object", 0))).toMatchObject({ found: null, verdict: "not judged" });
  });
});
