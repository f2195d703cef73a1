/** What may be quoted of a trial's rounds, and what may not. */

import { describe, expect, test } from "vitest";
import { Results } from "./results.ts";
import type { Cell, Entrant } from "./results.ts";

const done = (p50Ms: number): Cell => ({ kind: "done", figures: { p50Ms }, notes: [] });
const failed: Cell = { kind: "failed", why: "an event was lost" };

function resultsOf(...entrants: readonly Entrant[]): Results {
  return new Results(entrants, []);
}

const ours: Entrant = { name: "longstream", keeps: "disk", cells: [done(2), done(8), done(4)] };

describe("the results of a trial", () => {
  test("are the median of the rounds, their spread, and the ratio to ours", () => {
    const results = resultsOf(ours, { name: "nchan", keeps: "memory", cells: [done(1), done(1), done(3)] });
    expect(results.summary("longstream", "p50Ms")).toEqual({ median: 4, least: 2, most: 8, ratio: 1 });
    expect(results.summary("nchan", "p50Ms")).toEqual({ median: 1, least: 1, most: 3, ratio: 0.25 });
    expect(results.times("nchan", "p50Ms")).toBe(4);
  });

  test("are the mean of two rounds, and not the better one", () => {
    const results = resultsOf({ ...ours, cells: [done(10), done(30)] }, { name: "nchan", keeps: "memory", cells: [done(60), done(20)] });
    expect(results.summary("longstream", "p50Ms")).toEqual({ median: 20, least: 10, most: 30, ratio: 1 });
    expect(results.summary("nchan", "p50Ms")).toEqual({ median: 40, least: 20, most: 60, ratio: 2 });
  });

  test("have no figure of a contender of whose rounds one failed", () => {
    const results = resultsOf(ours, { name: "agents", keeps: "disk", cells: [done(1), failed, done(1)] });
    expect(results.summary("agents", "p50Ms")).toBeNull();
    expect(results.failedRounds("agents")).toBe(1);
    expect(results.bestDurable("p50Ms", "least")).toBeNull();
  });

  test("have no figure where a round measured none", () => {
    const results = resultsOf(ours, { name: "agents", keeps: "disk", cells: [done(1), { kind: "done", figures: {}, notes: ["fell behind"] }] });
    expect(results.summary("agents", "p50Ms")).toBeNull();
    expect(results.failedRounds("agents")).toBe(0);
  });

  test("have no ratio where ours has no figure, or was not there", () => {
    const other: Entrant = { name: "agents", keeps: "disk", cells: [done(1)] };
    expect(resultsOf({ ...ours, cells: [failed] }, other).summary("agents", "p50Ms")?.ratio).toBeNull();
    expect(resultsOf(other).summary("agents", "p50Ms")?.ratio).toBeNull();
    expect(resultsOf(other).failedRounds("longstream")).toBeNull();
  });

  test("compare ours with the best of the others on disk alone", () => {
    const results = resultsOf(
      ours,
      { name: "agents", keeps: "disk", cells: [done(6)] },
      { name: "durable-streams file", keeps: "disk", cells: [done(5)] },
      { name: "nchan", keeps: "memory", cells: [done(1)] },
    );
    expect(results.bestDurable("p50Ms", "least")).toBe(5);
    expect(results.bestDurable("p50Ms", "most")).toBe(6);
  });

  test("have no multiple of what was too little to be measured", () => {
    expect(resultsOf(ours, { name: "floor", keeps: "nowhere", cells: [done(0)] }).times("floor", "p50Ms")).toBeNull();
  });
});
