/** The judge of the crash runs finds what it is there for: each test breaks a log, or what was heard of it, in one way. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { checkHeard, checkKept, checkWhole } from "../bench/crash/checker.ts";
import type { Stored, Violation } from "../bench/crash/checker.ts";
import { bytesOf, idLineOf, linesOf, stateOf } from "../bench/crash/contents.ts";
import { readLog, readName } from "../bench/crash/database.ts";
import { newHistory } from "../bench/crash/history.ts";
import type { Ending, History, Seen, Turn, Try } from "../bench/crash/history.ts";
import { Transcript } from "../bench/crash/transcript.ts";

const log = "aLog-_0123456789abcde";
const kinds = (violations: readonly Violation[]): readonly string[] => violations.map(({ kind }) => kind);

const turn = (attempt: number, behind: number, more: Partial<Turn> = {}): Turn => ({ attempt, behind, digest: null, checkpoint: null, acked: { seq: 0, checkpoint: 0 }, ...more });
const seen = (lastSeq: number, more: Partial<Seen> = {}): Seen => ({
  by: "a reader",
  stretches: [{ first: 1, last: lastSeq, writer: 1 }],
  faults: [],
  lastSeq,
  end: "cut",
  ...more,
});
const ending = (more: Partial<Ending> = {}): Ending => ({ turn: 0, seq: 10, lastEvent: "in any commit", outcome: "completed", message: null, ...more });
const tried = (answer: Try["answer"]): Try => ({ kind: "late", attempt: 1, answer, detail: "" });

/** One producer, nothing wrong: ten events acknowledged, eight of them seen. */
const historyOf = (more: Partial<History> = {}): History => ({ ...newHistory(log, "events"), ackedSeq: 10, turns: [turn(1, 0)], seen: [seen(8)], ...more });
const storedOf = (more: Partial<Stored> = {}): Stored => ({
  found: "in a test",
  stretches: [{ first: 1, last: 10, writer: 1 }],
  faults: [],
  outcome: null,
  checkpoint: null,
  attempt: 1,
  ...more,
});

describe("what is stored", () => {
  test("passes as it should be, with an end, with successors, and with more than anybody was told of", () => {
    const completed = { outcome: "completed", message: null };
    const twoTurns = { ackedSeq: 20, turns: [turn(1, 0), turn(2, 10)] };
    const byTwo = { attempt: 2, stretches: [{ first: 1, last: 10, writer: 1 }, { first: 11, last: 25, writer: 2 }] };
    expect(checkKept(historyOf(), storedOf())).toEqual([]);
    expect(checkKept(historyOf({ endings: [ending()], outcomes: [{ ...completed, how: "" }] }), storedOf({ outcome: completed }))).toEqual([]);
    expect(checkKept(historyOf(twoTurns), storedOf(byTwo))).toEqual([]);
    expect(checkKept(historyOf({ endings: [ending({ seq: 11, lastEvent: "in the same commit" })] }), storedOf())).toEqual([]);
  });

  test.each<[what: string, history: Partial<History>, stored: Partial<Stored>, found: readonly string[]]>([
    ["an acknowledged event is gone", { ackedSeq: 11 }, {}, ["acknowledged-lost"]],
    ["an event that was seen is gone", { seen: [seen(11)] }, {}, ["seen-lost"]],
    ["an event is another than was seen", { seen: [seen(8, { stretches: [{ first: 1, last: 8, writer: 2 }] })] }, {}, ["seen-changed"]],
    ["a body ended cleanly, and the stream did not", { seen: [seen(8, { end: "clean" })] }, {}, ["false-end"]],
    ["the log does not begin with 1", {}, { stretches: [{ first: 2, last: 10, writer: 1 }] }, ["gap"]],
    ["a reader of the log found a fault", {}, { faults: [{ kind: "altered", what: "" }] }, ["altered"]],
    ["a fenced producer's event is in it", {}, { stretches: [{ first: 1, last: 9, writer: 1 }, { first: 10, last: 10, writer: -1 }] }, ["fenced-wrote"]],
    ["the attempt before wrote on", { turns: [turn(1, 0), turn(2, 5)] }, { attempt: 2 }, ["fenced-wrote"]],
    ["an attempt wrote before its turn", { turns: [turn(1, 0), turn(2, 10)] }, { attempt: 2, stretches: [{ first: 1, last: 8, writer: 1 }, { first: 9, last: 10, writer: 2 }] }, ["fenced-wrote"]],
    ["its attempt is not stored as made", {}, { attempt: 0 }, ["attempt-unknown"]],
    ["an acknowledged checkpoint is gone", { ackedCheckpoint: 4 }, {}, ["checkpoint-lost"]],
    ["a checkpoint is ahead of it", {}, { checkpoint: { seq: 11, state: stateOf(log, 11, 1) } }, ["checkpoint-ahead"]],
    ["a checkpoint says something else", {}, { checkpoint: { seq: 4, state: stateOf(log, 5, 1) } }, ["checkpoint-altered"]],
    ["an event came without its checkpoint", { announced: [{ turn: 0, seq: 6 }] }, { checkpoint: { seq: 4, state: stateOf(log, 4, 1) } }, ["checkpoint-late"]],
    ["an outcome that was seen is gone", { outcomes: [{ outcome: "completed", message: null, how: "" }] }, {}, ["outcome-lost"]],
    ["nobody asked for its outcome", {}, { outcome: { outcome: "failed", message: "attempt 1 had lost its turn" } }, ["outcome-unasked"]],
    ["its outcome was asked for before another's turn", { turns: [turn(1, 0), turn(1, 4)], endings: [ending()] }, { outcome: { outcome: "completed", message: null } }, ["outcome-unasked"]],
    ["its outcome came without the last event", { endings: [ending({ seq: 12 })] }, { outcome: { outcome: "completed", message: null } }, ["outcome-apart"]],
    ["its last event came without the outcome", { endings: [ending({ lastEvent: "in the same commit" })] }, {}, ["outcome-apart"]],
  ])("is found out where %s", (_what, history, stored, found) => {
    expect(kinds(checkKept(historyOf(history), storedOf(stored)))).toEqual(found);
  });

  test("may lack its end where only a beginning of it was written", () => {
    const history = historyOf({ ackedCheckpoint: 9, outcomes: [{ outcome: "completed", message: null, how: "" }] });
    expect(checkWhole(history, storedOf({ stretches: [] }))).toEqual([]);
    expect(kinds(checkKept(history, storedOf({ stretches: [] })))).toEqual(["acknowledged-lost", "checkpoint-lost", "seen-lost", "outcome-lost"]);
  });

  test("owes a checkpoint only to the turn that brought its event", () => {
    const announced = [{ turn: 0, seq: 6 }];
    expect(checkKept(historyOf({ announced, turns: [turn(1, 0), turn(1, 5)] }), storedOf())).toEqual([]);
    expect(kinds(checkKept(historyOf({ announced, turns: [turn(1, 0), turn(1, 6)] }), storedOf()))).toEqual(["checkpoint-late"]);
  });
});

describe("what was heard", () => {
  const digests = new Map([["1@7", "0011223344556677"]]);
  const again = { digest: "0011223344556677", acked: { seq: 7, checkpoint: 0 } };

  test("passes for refused producers and a turn that goes on where it should", () => {
    expect(checkHeard(historyOf({ digests, turns: [turn(1, 0), turn(2, 7, again)], tries: [tried("refused"), tried("cut off")] }))).toEqual([]);
  });

  test.each<[what: string, history: Partial<History>, found: readonly string[]]>([
    ["a fenced producer was welcomed", { tries: [tried("welcomed")] }, ["fenced-let-in"]],
    ["a fenced producer was dropped, and nobody was killed", { tries: [tried("dropped")] }, ["fenced-dropped"]],
    ["a fenced producer was left alone", { tries: [tried("ignored")] }, ["fenced-let-in"]],
    ["an attempt became the active one after its successor had", { turns: [turn(1, 0), turn(2, 0), turn(1, 0)] }, ["fenced-let-in"]],
    ["a producer is to send again what was acknowledged", { digests, turns: [turn(1, 0), turn(1, 7, { ...again, acked: { seq: 8, checkpoint: 0 } })] }, ["turn-went-back"]],
    ["the digest is not the one of what is before", { digests, turns: [turn(1, 0), turn(1, 7, { ...again, digest: "7766554433221100" })] }, ["digest-foreign"]],
    ["a checkpoint that was acknowledged is not given", { digests, turns: [turn(1, 0), turn(1, 7, { ...again, acked: { seq: 7, checkpoint: 5 } })] }, ["checkpoint-lost"]],
    ["a checkpoint is given for what is not there", { digests, turns: [turn(1, 0), turn(1, 7, { ...again, checkpoint: { seq: 8, state: stateOf(log, 8, 1) } })] }, ["checkpoint-ahead"]],
    ["a reader got an event twice", { seen: [seen(8, { faults: [{ kind: "twice", what: "" }] })] }, ["twice"]],
    ["no attempt was let in", { halts: [""] }, ["kept-from-writing"]],
  ])("is found out where %s", (_what, history, found) => {
    expect(kinds(checkHeard(historyOf(history)))).toEqual(found);
  });
});

const block = (seq: number, writer = 1, lines = linesOf(log, seq, writer)): string => `${lines}${idLineOf(log, seq)}\n\n`;

/** Cut in two anywhere, since a body comes in any pieces. */
function readText(text: string, cutAt: number, behind = 0): Transcript {
  const transcript = new Transcript(log, "events", behind);
  for (const part of [text.slice(0, cutAt), text.slice(cutAt)]) transcript.feed(Buffer.from(part, "latin1"));
  transcript.close();
  return transcript;
}

describe("an event stream", () => {
  const preamble = `: longstream\nretry: 1500\n${idLineOf(log, 0)}\n\n`;
  const end = `event: longstream.end\ndata: {"outcome":"failed","error":{"code":"handler-failed","message":"why"}}\n${idLineOf(log, 3)}\n\n`;

  test("is read whole, however it is cut", () => {
    const text = preamble + block(1) + block(2) + block(3, 2) + end;
    for (let cutAt = 0; cutAt <= text.length; cutAt++) {
      const { stretches, faults, outcome } = readText(text, cutAt);
      expect(faults).toEqual([]);
      expect(stretches).toEqual([{ first: 1, last: 2, writer: 1 }, { first: 3, last: 3, writer: 2 }]);
      expect(outcome).toEqual({ outcome: "failed", message: "why" });
    }
  });

  test.each<[what: string, text: string, found: readonly string[]]>([
    ["lacks an event", block(1) + block(3), ["gap"]],
    ["lacks its first event", block(2), ["gap"]],
    ["has an event twice", block(1) + block(1), ["twice"]],
    ["has two events in the wrong order", block(2) + block(1), ["gap", "twice"]],
    ["has a letter changed", block(1).replace('"pad":"', '"pad":"x'), ["altered"]],
    ["has a writer changed", block(1).replace('"a":1', '"a":2'), ["altered"]],
    ["has an event under another's id", block(1, 1, linesOf(log, 2, 1)), ["altered"]],
    ["has an event of another log", block(1).replace(log, log.toLowerCase()), ["altered"]],
    ["has an event that nobody sent", "data: hello\n\n", ["altered"]],
    ["tells its reader that the cursor leads nowhere", 'event: longstream.reset\ndata: {"reason":"beyond-end"}\n\n', ["reset"]],
    ["ends within an event", block(1) + block(2).slice(0, -1), ["altered"]],
  ])("is found out where it %s", (_what, text, found) => {
    expect(readText(text, 5).faults.map(({ kind }) => kind)).toEqual(found);
  });

  test("goes on behind a cursor", () => {
    expect(readText(block(8) + block(9), 0, 7)).toMatchObject({ faults: [], lastSeq: 9 });
  });
});

describe("a log of bytes", () => {
  const readBytes = (...parts: readonly Buffer[]): Transcript => {
    const transcript = new Transcript(log, "bytes", 0);
    for (const part of parts) transcript.feed(part);
    return transcript;
  };

  test("tells who wrote each of them", () => {
    const { stretches, faults } = readBytes(bytesOf(log, 1, 90, 1), Buffer.concat([bytesOf(log, 91, 100, 1), bytesOf(log, 101, 105, 12), bytesOf(log, 106, 110, -12)]));
    expect([stretches, faults]).toEqual([[{ first: 1, last: 100, writer: 1 }, { first: 101, last: 105, writer: 12 }, { first: 106, last: 110, writer: -12 }], []]);
  });

  test.each<[what: string, from: number]>([["lacks one", 52], ["has one twice", 50]])("is found out where it %s", (_what, from) => {
    expect(readBytes(bytesOf(log, 1, 50, 1), bytesOf(log, from, 100, 1)).faults.length).toBeGreaterThan(0);
  });

  test("is found out where one is changed", () => {
    const bytes = bytesOf(log, 1, 100, 1);
    bytes[49] = (bytes[49] ?? 0) ^ 0b1000_0000;
    expect(readBytes(bytes).faults.map(({ kind }) => kind)).toEqual(["altered"]);
  });
});

describe("a stream's file", () => {
  const rowOf = (first: number, last: number): Buffer => Buffer.from(Array.from({ length: last - first + 1 }, (_, index) => block(first + index)).join(""), "latin1");

  /** Rows as `[first, last, end offset off by]`. */
  const fileOf = <T>(rows: readonly (readonly [first: number, last: number, offBy: number])[], read: (file: string) => T): T => {
    const dir = mkdtempSync(join(tmpdir(), "longstream-file-"));
    const file = join(dir, "stream.sqlite");
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE record (key INTEGER PRIMARY KEY, json TEXT NOT NULL); CREATE TABLE log (first_seq INTEGER PRIMARY KEY, last_seq, end_offset, bytes)");
    const keep = database.prepare("INSERT INTO record VALUES (?, ?)");
    keep.run(1, JSON.stringify({ id: log }));
    keep.run(2, JSON.stringify({ state: { phase: "ended", attempt: 3, outcome: "failed", error: { code: "handler-failed", message: "why" } } }));
    keep.run(4, JSON.stringify({ seq: 2, digest: "", state: "here" }));
    let offset = 0;
    for (const [first, last, offBy] of rows) {
      offset += rowOf(first, last).length;
      database.prepare("INSERT INTO log VALUES (?, ?, ?, ?)").run(first, last, offset + offBy, rowOf(first, last));
    }
    database.close();
    try {
      return read(file);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };
  const storedIn = (rows: Parameters<typeof fileOf>[0]): Stored => fileOf(rows, (file) => readLog(file, newHistory(log, "events"), "in a test"));

  test("says whose it is and what is in it", () => {
    expect(fileOf([], readName)).toBe(log);
    expect(storedIn([[1, 3, 0], [4, 4, 0]])).toEqual({
      found: "in a test",
      stretches: [{ first: 1, last: 4, writer: 1 }],
      faults: [],
      outcome: { outcome: "failed", message: "why" },
      checkpoint: { seq: 2, state: "here" },
      attempt: 3,
    });
  });

  test.each<[what: string, rows: Parameters<typeof fileOf>[0], found: readonly string[]]>([
    ["lacks a row", [[1, 3, 0], [5, 6, 0]], ["gap", "gap"]],
    ["has a row whose offset is not the one of its bytes", [[1, 3, 1]], ["gap"]],
  ])("is found out where it %s", (_what, rows, found) => {
    expect(storedIn(rows).faults.map(({ kind }) => kind)).toEqual(found);
  });
});
