/** Owns the tests of the page's arithmetic: what is counted, how long pauses were, who wrote what, and where it is drawn. */

import { describe, expect, test } from "vitest";
import { Account, longestPause, pauseAfter } from "./account.ts";
import { happeningsOf, writerOf } from "./happenings.ts";
import { axisOf, clock, scaleOf, spansOf, tickPath, toPx } from "./lanes.ts";
import { parseStatus } from "./status.ts";
import type { Attempt, Status } from "./status.ts";

const take = (account: Account, seqs: readonly number[], atMs: number): readonly string[] => seqs.map((seq) => account.take(`log-${seq}`, `<${seq}>`, atMs));

describe("the account", () => {
  test("counts a seq that comes twice, and shows it once", () => {
    const account = Account.of("log");
    expect(take(account, [1, 2, 2, 1, 3], 0)).toEqual(["new", "new", "duplicate", "duplicate", "new"]);
    expect(account.state).toMatchObject({ text: "<1><2><3>", events: 3, duplicates: 2, lost: 0, cursor: "log-3" });
  });

  test("counts seqs that are passed over, and counts each once", () => {
    const account = Account.of("log");
    take(account, [2, 5, 6], 0);
    expect(account.state).toMatchObject({ events: 3, duplicates: 0, lost: 3 });
  });

  test("makes one tick of what arrives together", () => {
    const account = Account.of("log");
    take(account, [1, 2], 100);
    take(account, [3], 108);
    take(account, [4], 150);
    expect(account.state.ticks).toEqual([
      { atMs: 100, firstSeq: 1, lastSeq: 3 },
      { atMs: 150, firstSeq: 4, lastSeq: 4 },
    ]);
  });

  test("begins again at a reset to the start, and goes on at any other", () => {
    const account = Account.of("log");
    take(account, [1, 2, 3], 0);
    expect(account.reset("log-5")).toBe("behind");
    take(account, [6], 0);
    expect(account.state).toMatchObject({ text: "<1><2><3><6>", lost: 2 });
    expect(account.reset("other-0")).toBe("again");
    expect(account.state).toMatchObject({ text: "", events: 0, lastSeq: 0, cursor: "other-0", ticks: [] });
  });

  test("knows how long this page was gone, however often it tried", () => {
    const account = Account.of("log");
    account.opened(0, "reload");
    take(account, [1], 10);
    account.closed(50);
    account.closed(70);
    account.opened(900, "reconnect");
    take(account, [2], 910);
    expect(account.state.links).toEqual([
      { openedAtMs: 0, lostAtMs: 50 },
      { openedAtMs: 900, lostAtMs: null },
    ]);
    expect(happeningsOf(account.state, null)).toMatchObject([{ kind: "reconnect", atMs: 900, pauseMs: 900 }]);
  });

  test("stays bounded: past its bound, old ticks become one by two", () => {
    const account = Account.of("log");
    for (let seq = 1; seq <= 20_001; seq++) account.take(`log-${seq}`, "", seq * 50);
    const { ticks } = account.state;
    expect(ticks).toHaveLength(15_001);
    expect(ticks.every(({ firstSeq }, index) => firstSeq === (ticks[index - 1]?.lastSeq ?? 0) + 1)).toBe(true);
  });
});

describe("a pause", () => {
  const ticks = [
    { atMs: 0, firstSeq: 1, lastSeq: 4 },
    { atMs: 50, firstSeq: 5, lastSeq: 9 },
    { atMs: 400, firstSeq: 10, lastSeq: 12 },
  ];

  test.each([
    [4, 50],
    [9, 350],
    [0, null],
    [6, null],
    [12, null],
  ])("behind event %i is %j ms", (seq, pauseMs) => {
    expect(pauseAfter(ticks, seq)).toBe(pauseMs);
  });

  test("is longest where it is longest", () => {
    expect(longestPause(ticks)).toBe(350);
    expect(longestPause([])).toBe(0);
  });
});

const attempt = (number: number, rest: Partial<Attempt> = {}): Attempt => ({ attempt: number, invokedAtMs: 0, dialledAtMs: 100, endedAtMs: null, lastSeq: null, end: null, reason: null, ...rest });
const status: Status = {
  phase: "ended",
  mode: "events",
  outcome: "completed",
  error: null,
  lastSeq: 9,
  bytes: 0,
  readers: 0,
  commits: 0,
  rowsWritten: 0,
  createdAtMs: 0,
  endedAtMs: 900,
  attempts: [
    attempt(1, { endedAtMs: 300, lastSeq: 3, end: "handed-over", reason: "handed over" }),
    attempt(2, { dialledAtMs: null, endedAtMs: 400, lastSeq: 5, reason: "attempt 2 was invoked and did not dial in" }),
    attempt(3, { endedAtMs: 500, lastSeq: 6, reason: "the successor did not come, or was lost" }),
    attempt(4, { endedAtMs: 900, lastSeq: 9, reason: "completed" }),
  ],
};

describe("the story", () => {
  test("tells handover, recovery and end apart, and names each attempt once", () => {
    const account = Account.of("log");
    account.opened(0, "reload");
    take(account, [1, 2, 3], 250);
    take(account, [4, 5, 6], 310);
    take(account, [7, 8, 9], 800);
    expect(happeningsOf(account.state, status).map(({ kind, pauseMs, text }) => [kind, pauseMs, text])).toEqual([
      ["handover", 60, "attempt 1: handed over"],
      ["recovery", null, "attempt 2 was invoked and did not dial in"],
      ["recovery", 490, "attempt 3: the successor did not come, or was lost"],
      ["end", null, "attempt 4: completed"],
    ]);
  });

  test("claims no pause for what happened before this page came", () => {
    const account = Account.of("log");
    account.opened(600, "reload");
    take(account, [1, 2, 3], 610);
    take(account, [4, 5, 6], 630);
    expect(happeningsOf(account.state, status).every(({ pauseMs }) => pauseMs === null)).toBe(true);
  });

  test.each([
    [1, 1],
    [3, 1],
    [4, 3],
    [9, 4],
    [10, undefined],
  ])("knows who wrote event %i", (seq, writer) => {
    expect(writerOf(status.attempts, seq)?.attempt).toBe(writer);
  });
});

describe("the geometry", () => {
  const scale = scaleOf(1_000, 11_000, 100, 600);

  test("draws what lies outside at the edge, and a short stream on five seconds", () => {
    expect([0, 1_000, 6_000, 11_000, 99_000].map((ms) => toPx(scale, ms))).toEqual([100, 100, 350, 600, 600]);
    expect(scaleOf(0, 10, 0, 100).toMs).toBe(5_000);
  });

  test("labels the axis with round times that have room", () => {
    expect(axisOf(scale)).toEqual([0, 2_000, 4_000, 6_000, 8_000, 10_000]);
    expect(axisOf(scaleOf(0, 7_200_000, 0, 300))).toEqual([0, 1_800_000, 3_600_000, 5_400_000, 7_200_000]);
    expect(axisOf(scaleOf(0, 864_000_000, 0, 300)).length).toBeLessThan(6);
  });

  test("shows an attempt start, wait for its turn, and write", () => {
    const successor = attempt(2, { invokedAtMs: 0, dialledAtMs: 100, endedAtMs: 900 });
    expect(spansOf(successor, 300, 1_000)).toEqual([
      { doing: "starting", fromMs: 0, toMs: 100 },
      { doing: "waiting", fromMs: 100, toMs: 300 },
      { doing: "writing", fromMs: 300, toMs: 900 },
    ]);
    expect(spansOf(attempt(2, { dialledAtMs: null }), 0, 700)).toEqual([{ doing: "starting", fromMs: 0, toMs: 700 }]);
    expect(spansOf(attempt(2), null, 700).map(({ doing }) => doing)).toEqual(["starting", "waiting"]);
  });

  test("draws ticks of one pixel once", () => {
    const ticks = [1_000, 1_001, 6_000].map((atMs) => ({ atMs, firstSeq: 1, lastSeq: 1 }));
    expect(tickPath(ticks, scale, 5, 14)).toBe("M100 5v14M350 5v14");
  });

  test.each([
    [0, "0 s"],
    [119_400, "119 s"],
    [125_000, "2:05"],
    [3_725_000, "1:02:05"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(clock(ms)).toBe(text);
  });
});

test("the status is read by this machine's clock", () => {
  const text = JSON.stringify({
    phase: "live", attempt: 1, mode: "events", lastSeq: 2, bytes: 3, outcome: null, error: null, consumers: 1,
    cost: { commits: 4, rowsWritten: 5 },
    createdAt: new Date(10_000).toISOString(), endedAt: null,
    attempts: [{ attempt: 1, invokedAt: 10_000, dialledAt: 10_500, endedAt: null, lastSeq: null, end: null, reason: null }],
  });
  expect(parseStatus(text, 7_000)).toMatchObject({
    createdAtMs: 3_000,
    endedAtMs: null,
    attempts: [{ attempt: 1, invokedAtMs: 3_000, dialledAtMs: 3_500, endedAtMs: null }],
  });
});
