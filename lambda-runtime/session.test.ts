/** Owns the tests of the producer's side of the protocol, over a transport of three methods. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decodeDataFrame } from "../protocol/data-frame.ts";
import { LongstreamError, closeCodes } from "../protocol/errors.ts";
import { RollingHash } from "../protocol/hash.ts";
import { encodeBodyPiece } from "../protocol/body-piece.ts";
import { limits } from "../protocol/limits.ts";
import { encodeMessage } from "../protocol/producer-messages.ts";
import type { ResponseHead, ResumePoint, ToProducer } from "../protocol/producer-messages.ts";
import { logStart } from "./outbox.ts";
import { Session } from "./session.ts";
import type { Transport } from "./session.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const line = (text: string): Uint8Array => encoder.encode(`data: ${text}\n`);
const request = { method: "GET", url: "https://g.example/api", headers: [], bodyBytes: 0 };

const head: ResponseHead = { status: 200, headers: [["x-a", "1"]], mode: "events" };
const headText = '{"type":"head","status":200,"headers":[["x-a","1"]],"mode":"events"}';

/** Where the log stands after events of the given data. */
function resumeAfter(...texts: readonly string[]): ResumePoint {
  const hash = new RollingHash("events");
  for (const text of texts) hash.update(line(text));
  return { seq: texts.length, digest: hash.digest(), sourceId: "", checkpoint: null };
}

function welcome(changed: Partial<Extract<ToProducer, { type: "welcome" }>> = {}): ToProducer {
  return { type: "welcome", attempt: 1, role: "active", resume: null, request, window: 1_000, leaseMs: 30_000, commitIntervalMs: 50, ...changed };
}

/** One connection as the object sees it: control messages as their text, a frame as its first seq and data. */
class Connection implements Transport {
  readonly sent: string[] = [];
  #head: "awaited" | "told" = "awaited";

  /** The head comes once, and before any data, checkpoint or goodbye of a handler that has answered. */
  send(data: string | Uint8Array): void {
    const text = typeof data === "string" ? data : showFrame(data);
    if (text === headText && this.#head === "told") throw new Error("the head was sent twice");
    if (text === headText) this.#head = "told";
    else if (this.#head === "awaited" && /^\d|"checkpoint"/.test(text)) throw new Error(`the head was not sent before ${text}`);
    this.sent.push(text);
  }

  close(): void {
    this.sent.push("close");
  }

  abandon(): void {
    this.sent.push("abandon");
  }

  /** What was sent since it was asked last, but the head. */
  take(): readonly string[] {
    return this.sent.splice(0).filter((text) => text !== headText);
  }
}

function showFrame(bytes: Uint8Array): string {
  const { firstSeq, payloads } = decodeDataFrame(bytes, "events");
  return `${firstSeq} ${payloads.map((payload) => decoder.decode(payload).slice("data: ".length, -1)).join(",")}`;
}

/** A session that was welcomed over a connection. */
function connected(options: { role?: "active" | "standby"; resume?: ResumePoint; window?: number; mode?: "replay" | "continue" } = {}): {
  readonly session: Session;
  readonly wire: Connection;
} {
  const session = new Session({ resume: options.mode ?? "replay" });
  const wire = dialAgain(session);
  tell(session, welcome({ role: options.role ?? "active", resume: options.resume ?? null, window: options.window ?? 1_000 }), { type: "body-end", bytes: 0 });
  return { session, wire };
}

/** An active session whose handler begins at the start of the log. */
function started(window = 1_000): { readonly session: Session; readonly wire: Connection } {
  const both = connected({ window });
  both.session.startFrom(logStart, logStart, head);
  return both;
}

/** The connection is open; the object has not spoken on it. */
function dialAgain(session: Session): Connection {
  const wire = new Connection();
  session.detach();
  session.attach(wire);
  return wire;
}

function tell(session: Session, ...messages: readonly ToProducer[]): void {
  for (const message of messages) session.receive(encodeMessage(message));
}

function push(session: Session, ...texts: readonly string[]): void {
  for (const text of texts) session.push(line(text), "");
}

describe("the welcome", () => {
  test("lets the handler begin before its request body is there", async () => {
    const session = new Session({ resume: "replay" });
    dialAgain(session);
    tell(session, welcome({ attempt: 2, request: { ...request, bodyBytes: null } }));
    expect(await session.welcomed).toEqual({ attempt: 2, role: "active", resume: null, request: { ...request, bodyBytes: null }, leaseMs: 30_000 });
    const text = new Response(session.body.stream).text();
    session.receive(encodeBodyPiece({ offset: 0, bytes: encoder.encode("ab") }));
    session.receive(encodeBodyPiece({ offset: 2, bytes: encoder.encode("c") }));
    tell(session, { type: "body-end", bytes: 3 });
    expect(await text).toBe("abc");
  });

  test("P5: a body that broke off with its connection goes on from what has come", async () => {
    const session = new Session({ resume: "replay" });
    dialAgain(session);
    tell(session, welcome());
    session.receive(encodeBodyPiece({ offset: 0, bytes: encoder.encode("ab") }));
    const wire = dialAgain(session);
    tell(session, welcome());
    expect(wire.take()).toEqual(['{"type":"pull","from":2,"upTo":262146}']);
    session.receive(encodeBodyPiece({ offset: 0, bytes: encoder.encode("abc") }));
    tell(session, { type: "body-end", bytes: 3 });
    expect(await new Response(session.body.stream).text()).toBe("abc");
  });

  test("makes the attempt active with where the log stood", async () => {
    expect(await connected().session.active).toEqual({ seq: 0, digest: "0000000000000000", sourceId: "", checkpoint: null });
    expect(await connected({ resume: resumeAfter("a") }).session.active).toEqual(resumeAfter("a"));
  });

  test("sends nothing by itself, and nothing but the head once the handler has answered", () => {
    expect(connected().wire.sent).toEqual([]);
    expect(started().wire.sent).toEqual([headText]);
  });
});

describe("an active attempt", () => {
  test("sends the events of one turn in one frame, in the next turn", async () => {
    const { session, wire } = started();
    push(session, "a", "b");
    expect(wire.take()).toEqual([]);
    await nextTurn();
    expect(wire.take()).toEqual(["1 a,b"]);
    push(session, "c");
    await nextTurn();
    expect(wire.take()).toEqual(["3 c"]);
  });

  test("sends a frame's worth at once", () => {
    const { session, wire } = started(limits.maxEventBytes);
    push(session, "a", "x".repeat(limits.frameBytes));
    expect(wire.take().map((text) => text.replace(/x+/, "*"))).toEqual(["1 a", "2 *"]);
  });

  test("sends literal bytes", () => {
    const session = new Session({ resume: "replay" });
    const sent: (string | Uint8Array)[] = [];
    session.attach({ send: (data) => sent.push(data), close: () => undefined, abandon: () => undefined });
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    session.startFrom(logStart, logStart, head);
    session.push(line("a"), "s1");
    session.bid({ type: "end", outcome: "completed", error: null });
    const digest = [0x71, 0x85, 0xc9, 0x16, 0x35, 0x59, 0xbc, 0x2b];
    expect(sent).toEqual([
      headText,
      Uint8Array.from([1, 1, ...digest, 2, ...encoder.encode("s1"), 8, ...encoder.encode("data: a\n")]),
      '{"type":"end","outcome":"completed","error":null,"seq":1}',
    ]);
  });

  test("sends a checkpoint before the frame that ends with its event", async () => {
    const { session, wire } = started();
    push(session, "a");
    session.checkpoint('{"n":1}');
    push(session, "b");
    await nextTurn();
    const { digest } = resumeAfter("a");
    expect(wire.take()).toEqual([`{"type":"checkpoint","seq":1,"digest":"${digest}","state":"{\\"n\\":1}"}`, "1 a", "2 b"]);
  });

  test("P6: says when the window is full, and waits until an ack makes room", async () => {
    const { session } = started(16);
    expect(session.push(line("a"), "")).toBe(false);
    expect(session.push(line("b"), "")).toBe(true);
    const room = session.room();
    expect(await Promise.race([room, nextTurn("waiting")])).toBe("waiting");
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    expect(await room).toBeUndefined();
    expect(await session.room()).toBeUndefined();
  });

  test("is unsettled while anything is unacknowledged", async () => {
    const { session } = started();
    expect(session.unsettled).toBe(false);
    push(session, "a");
    await nextTurn();
    expect(session.unsettled).toBe(true);
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    expect(session.unsettled).toBe(false);
    session.bid({ type: "yield" });
    expect(session.unsettled).toBe(true);
  });

  test("that goes on from the log drops what it repeats", async () => {
    const { session, wire } = connected({ resume: resumeAfter("a", "b") });
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a", "b", "c");
    await nextTurn();
    expect(wire.take()).toEqual(["3 c"]);
  });

  test("that repeats other events than the log's throws replay-diverged at the push", () => {
    const { session } = connected({ resume: resumeAfter("a", "b") });
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a");
    expect(() => push(session, "x")).toThrow(LongstreamError);
  });

  test("P7: whose checkpoint is not of the log can still say so", () => {
    const { session, wire } = connected({ resume: resumeAfter("a") });
    expect(() => session.startFrom({ seq: 1, digest: "00112233aabbccdd" }, resumeAfter("a"), head)).toThrow("Cannot go on from event 1");
    session.bid({ type: "end", outcome: "failed", error: { code: "replay-diverged", message: "other" } });
    expect(wire.take()).toEqual(['{"type":"end","outcome":"failed","error":{"code":"replay-diverged","message":"other"},"seq":1}']);
  });

  test("P5: is settled while it repeats what is stored, whatever it checkpoints", () => {
    const { session } = connected({ resume: resumeAfter("a", "b") });
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a");
    session.checkpoint("1");
    expect(session.unsettled).toBe(false);
  });

  test("cannot write before its handler has answered", () => {
    const { session } = connected();
    const error = new LongstreamError("protocol-error", "Cannot write: the handler has not been started");
    expect(() => push(session, "a")).toThrow(error);
  });

  test("keeps the last checkpoint of a handler that has not answered, and sends it behind the head", () => {
    const { session, wire } = connected();
    session.checkpoint("1");
    session.checkpoint("2");
    expect(wire.sent).toEqual([]);
    session.startFrom(logStart, logStart, head);
    expect(wire.sent).toEqual([headText, '{"type":"checkpoint","seq":0,"digest":"0000000000000000","state":"2"}']);
    expect(session.unsettled).toBe(true);
  });

  test("P5: forgets the checkpoint of a handler that has not answered where the log is further already", async () => {
    const { session, wire } = connected({ resume: resumeAfter("a") });
    session.checkpoint("1");
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "b");
    await nextTurn();
    expect(wire.sent).toEqual([headText, "2 b"]);
  });

  test("is told what is no message by name", () => {
    const { session } = started();
    expect(() => session.receive('{"type":"ack","seq":-1}')).toThrow(
      new LongstreamError("protocol-error", 'Cannot read the object\'s message: its field "seq" is not an integer of at least 0'),
    );
  });
});

describe("P5: a redial", () => {
  test("sends everything after welcome.resume.seq again", async () => {
    const { session, wire } = started();
    push(session, "a", "b", "c");
    await nextTurn();
    expect(wire.take()).toEqual(["1 a,b,c"]);
    const second = dialAgain(session);
    tell(session, welcome({ resume: resumeAfter("a") }), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual(["2 b,c"]);
    expect(wire.take()).toEqual([]);
  });

  test("sends nothing again when only the ack was lost, and makes room", async () => {
    const { session } = started(8);
    push(session, "a");
    await nextTurn();
    const room = session.room();
    const second = dialAgain(session);
    tell(session, welcome({ resume: resumeAfter("a"), window: 8 }), { type: "body-end", bytes: 0 });
    await room;
    expect([second.take(), session.unsettled]).toEqual([[], false]);
  });

  test("keeps what was produced while there was no connection", async () => {
    const { session, wire } = started();
    session.detach();
    push(session, "a", "b");
    await nextTurn();
    const second = dialAgain(session);
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    expect([wire.take(), second.take()]).toEqual([[], ["1 a,b"]]);
  });

  test("P2: sends nothing before the welcome has said from where", async () => {
    const { session } = started();
    push(session, "a", "b");
    await nextTurn();
    const second = dialAgain(session);
    push(session, "c");
    await nextTurn();
    expect(second.take()).toEqual([]);
    tell(session, welcome({ resume: resumeAfter("a") }), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual(["2 b,c"]);
  });

  test("P2: says goodbye behind what it sends again, when the handler ended before the welcome", async () => {
    const { session } = started();
    push(session, "a", "b");
    await nextTurn();
    const second = dialAgain(session);
    session.bid({ type: "end", outcome: "completed", error: null });
    tell(session, welcome({ resume: resumeAfter("a") }), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual(["2 b", '{"type":"end","outcome":"completed","error":null,"seq":2}']);
  });

  test("sends a checkpoint again that was not stored", async () => {
    const { session } = started();
    push(session, "a");
    session.checkpoint("1");
    await nextTurn();
    const second = dialAgain(session);
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual([`{"type":"checkpoint","seq":1,"digest":"${resumeAfter("a").digest}","state":"1"}`, "1 a"]);
    const third = dialAgain(session);
    tell(session, welcome({ resume: { ...resumeAfter("a"), checkpoint: { ...resumeAfter("a"), state: "1" } } }), { type: "body-end", bytes: 0 });
    expect([third.take(), session.unsettled]).toEqual([[], false]);
  });

  test("asks for the successor again", () => {
    const { session, wire } = started();
    session.askHandover();
    expect(wire.take()).toEqual(['{"type":"handover"}']);
    const second = dialAgain(session);
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual(['{"type":"handover"}']);
  });
});

describe("while the object is late", () => {
  const aMomentMs = 1_000;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** One event that was sent a moment ago and is not acknowledged. */
  async function late(): Promise<ReturnType<typeof started>> {
    const both = started(10 * limits.frameBytes);
    push(both.session, "a");
    await nextTurn();
    vi.advanceTimersByTime(aMomentMs);
    both.wire.take();
    return both;
  }

  test("events wait for the acknowledgement of those before, and go together", async () => {
    const { session, wire } = await late();
    push(session, "b");
    await nextTurn();
    push(session, "c");
    await nextTurn();
    expect(wire.take()).toEqual([]);
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    expect(wire.take()).toEqual(["2 b,c"]);
  });

  test("the next ones wait too, until an acknowledgement comes in time", async () => {
    const { session, wire } = await late();
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    push(session, "b");
    await nextTurn();
    push(session, "c");
    await nextTurn();
    expect(wire.take()).toEqual(["2 b"]);
    tell(session, { type: "ack", seq: 2, checkpoint: null });
    push(session, "d");
    await nextTurn();
    expect(wire.take()).toEqual(["3 c", "4 d"]);
  });

  test("a frame's worth goes at once", async () => {
    const { session, wire } = await late();
    push(session, "b", "c".repeat(limits.frameBytes));
    expect(wire.take()).toEqual(["2 b", `3 ${"c".repeat(limits.frameBytes)}`]);
  });

  test("a checkpoint waits for the event it follows", async () => {
    const { session, wire } = await late();
    push(session, "b");
    session.checkpoint("1");
    await nextTurn();
    expect(wire.take()).toEqual([]);
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    expect(wire.take()).toEqual([`{"type":"checkpoint","seq":2,"digest":"${resumeAfter("a", "b").digest}","state":"1"}`, "2 b"]);
  });

  test("the goodbye takes what waits with it", async () => {
    const { session, wire } = await late();
    push(session, "b");
    await nextTurn();
    session.bid({ type: "end", outcome: "completed", error: null });
    expect(wire.take()).toEqual(["2 b", '{"type":"end","outcome":"completed","error":null,"seq":2}']);
  });

  test("P2: another connection sends what waited, and begins in time", async () => {
    const { session } = await late();
    push(session, "b");
    await nextTurn();
    const second = dialAgain(session);
    tell(session, welcome({ resume: resumeAfter("a") }), { type: "body-end", bytes: 0 });
    push(session, "c");
    await nextTurn();
    expect(second.take()).toEqual(["2 b", "3 c"]);
  });

  test("a clock that was set back makes nothing late", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { session, wire } = started();
    push(session, "a");
    await nextTurn();
    vi.setSystemTime(Date.now() - 3_600_000);
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    push(session, "b");
    await nextTurn();
    push(session, "c");
    await nextTurn();
    expect(wire.take()).toEqual(["1 a", "2 b", "3 c"]);
  });

  test("silence is not lateness", async () => {
    const { session, wire } = await late();
    tell(session, { type: "ack", seq: 1, checkpoint: null });
    push(session, "b");
    await nextTurn();
    tell(session, { type: "ack", seq: 2, checkpoint: null });
    vi.advanceTimersByTime(aMomentMs);
    wire.take();
    push(session, "c");
    await nextTurn();
    push(session, "d");
    await nextTurn();
    expect(wire.take()).toEqual(["3 c", "4 d"]);
  });
});

describe("the head", () => {
  test("goes once a connection, before its first data, and again after a redial", async () => {
    const { session, wire } = connected();
    session.startFrom(logStart, logStart, head);
    push(session, "a");
    await nextTurn();
    push(session, "b");
    await nextTurn();
    expect(wire.sent).toEqual([headText, "1 a", "2 b"]);
    const second = dialAgain(session);
    expect(second.sent).toEqual([]);
    tell(session, welcome({ resume: resumeAfter("a") }), { type: "body-end", bytes: 0 });
    expect(second.sent).toEqual([headText, "2 b"]);
  });

  test("goes as soon as the handler has answered, before it has produced anything", () => {
    const { session, wire } = connected();
    session.startFrom(logStart, logStart, head);
    expect(wire.sent).toEqual([headText]);
  });

  test("P2: waits for the welcome when the handler answers on a connection that has none yet", () => {
    const { session } = connected();
    const second = dialAgain(session);
    session.startFrom(logStart, logStart, head);
    expect(second.sent).toEqual([]);
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    expect(second.sent).toEqual([headText]);
  });

  test("goes before the goodbye of an answer without a body", () => {
    const { session, wire } = started();
    session.bid({ type: "end", outcome: "completed", error: null });
    expect(wire.sent).toEqual([headText, '{"type":"end","outcome":"completed","error":null,"seq":0}']);
  });

  test("P3: is not there when the handler failed before it answered", () => {
    const { session, wire } = connected();
    session.bid({ type: "end", outcome: "failed", error: { code: "handler-failed", message: "broke" } });
    expect(wire.sent).toEqual(['{"type":"end","outcome":"failed","error":{"code":"handler-failed","message":"broke"},"seq":0}']);
  });

  test("P4: of a standby waits until it is promoted", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "b");
    expect(wire.sent).toEqual(['{"type":"ready"}']);
    tell(session, { type: "promote", resume: resumeAfter("a") });
    expect(wire.sent).toEqual(['{"type":"ready"}', headText, "2 b"]);
  });
});

describe("in bytes mode a session", () => {
  const bytesHead: ResponseHead = { status: 200, headers: [], mode: "bytes" };
  const sendsOf = (session: Session): (string | Uint8Array)[] => {
    const sent: (string | Uint8Array)[] = [];
    session.detach();
    session.attach({ send: (data) => sent.push(data), close: () => undefined, abandon: () => undefined });
    return sent;
  };
  const bytesAfter = (text: string): ResumePoint => {
    const hash = new RollingHash("bytes");
    hash.update(encoder.encode(text));
    return { seq: text.length, digest: hash.digest(), sourceId: "", checkpoint: null };
  };
  const shown = (data: string | Uint8Array | undefined): unknown => {
    if (data === undefined || typeof data === "string") return data;
    const { firstSeq, lastSeq, digest, payloads } = decodeDataFrame(data, "bytes");
    return { firstSeq, lastSeq, digest, text: payloads.map((payload) => decoder.decode(payload)).join("") };
  };

  test("numbers bytes, and ends behind the last one", () => {
    const session = new Session({ resume: "replay" });
    const sent = sendsOf(session);
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    session.startFrom(logStart, logStart, bytesHead);
    for (const text of ["ab", "cde"]) session.push(encoder.encode(text), "");
    session.bid({ type: "end", outcome: "completed", error: null });
    expect(sent.map(shown)).toEqual([
      '{"type":"head","status":200,"headers":[],"mode":"bytes"}',
      { firstSeq: 1, lastSeq: 5, digest: bytesAfter("abcde").digest, text: "abcde" },
      '{"type":"end","outcome":"completed","error":null,"seq":5}',
    ]);
  });

  test("P2: goes on inside a chunk where a redial finds the log there", () => {
    const session = new Session({ resume: "replay" });
    sendsOf(session);
    tell(session, welcome(), { type: "body-end", bytes: 0 });
    session.startFrom(logStart, logStart, bytesHead);
    session.push(encoder.encode("abcde"), "");
    session.bid({ type: "yield" });
    const second = sendsOf(session);
    tell(session, welcome({ resume: bytesAfter("abc") }), { type: "body-end", bytes: 0 });
    expect(second.slice(1).map(shown)).toEqual([
      { firstSeq: 4, lastSeq: 5, digest: bytesAfter("abcde").digest, text: "de" },
      '{"type":"yield","seq":5}',
    ]);
  });

  test("P2: of a later attempt drops what is stored, however it is cut now", async () => {
    const session = new Session({ resume: "replay" });
    const sent = sendsOf(session);
    tell(session, welcome({ attempt: 2, resume: bytesAfter("abcd") }), { type: "body-end", bytes: 0 });
    session.startFrom(logStart, bytesAfter("abcd"), bytesHead);
    for (const text of ["a", "bc", "def"]) session.push(encoder.encode(text), "");
    await nextTurn();
    expect(sent.slice(1).map(shown)).toEqual([{ firstSeq: 5, lastSeq: 6, digest: bytesAfter("abcdef").digest, text: "ef" }]);
  });
});

describe("P3: the goodbye", () => {
  test("goes behind all data, once a connection, and again after a redial until it is released", () => {
    const { session, wire } = started();
    push(session, "a", "b");
    session.bid({ type: "end", outcome: "completed", error: null });
    const end = '{"type":"end","outcome":"completed","error":null,"seq":2}';
    expect(wire.take()).toEqual(["1 a,b", end]);
    tell(session, { type: "ack", seq: 2, checkpoint: null }, { type: "ack", seq: 2, checkpoint: null });
    expect(wire.take()).toEqual([]);
    const second = dialAgain(session);
    tell(session, welcome({ resume: resumeAfter("a", "b") }), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual([end]);
  });

  test("of a failure carries its error", () => {
    const { session, wire } = started();
    session.bid({ type: "end", outcome: "failed", error: { code: "handler-failed", message: "broke" } });
    expect(wire.take()).toEqual(['{"type":"end","outcome":"failed","error":{"code":"handler-failed","message":"broke"},"seq":0}']);
  });

  test("of a yield names the last event", () => {
    const { session, wire } = started();
    push(session, "a");
    session.bid({ type: "yield" });
    expect(wire.take()).toEqual(["1 a", '{"type":"yield","seq":1}']);
  });

  test("of a handler that ended before it had repeated the log is a divergence", () => {
    const { session, wire } = connected({ resume: resumeAfter("a", "b") });
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a");
    session.bid({ type: "end", outcome: "completed", error: null });
    expect(wire.take()).toEqual([
      '{"type":"end","outcome":"failed","error":{"code":"replay-diverged","message":"Cannot go on behind 2: run again, the handler ended after 1; make it deterministic, or use resume: \\"continue\\""},"seq":2}',
    ]);
  });

  test("of a yield while it still repeats the log stands, at what is stored", () => {
    const { session, wire } = connected({ resume: resumeAfter("a", "b") });
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a");
    session.bid({ type: "yield" });
    expect(wire.take()).toEqual(['{"type":"yield","seq":2}']);
  });
});

describe("a standby", () => {
  test("is ready once it has repeated what was durable when it came, and sends nothing else", async () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a", "b") });
    expect(wire.take()).toEqual([]);
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a");
    expect(wire.take()).toEqual([]);
    push(session, "b");
    expect(wire.take()).toEqual(['{"type":"ready"}']);
    push(session, "c");
    await nextTurn();
    expect([wire.take(), session.unsettled]).toEqual([[], false]);
  });

  test("is ready at once when it starts at the durable seq", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter() });
    session.startFrom(logStart, logStart, head);
    expect(wire.take()).toEqual(['{"type":"ready"}']);
  });

  test("that will continue is ready before its handler runs", async () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a"), mode: "continue" });
    expect(wire.take()).toEqual(['{"type":"ready"}']);
    expect(await Promise.race([session.active, nextTurn("waiting")])).toBe("waiting");
    tell(session, { type: "promote", resume: resumeAfter("a", "b") });
    const resume = await session.active;
    session.startFrom(resume, resume, head);
    push(session, "c");
    await nextTurn();
    expect(wire.take()).toEqual(["3 c"]);
  });

  test("that ended before it was ready is, since it can do no more before its turn", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a", "b") });
    session.startFrom(logStart, resumeAfter("a", "b"), head);
    push(session, "a");
    session.bid({ type: "yield" });
    expect(wire.take()).toEqual(['{"type":"ready"}']);
  });

  test("P2: that is promoted sends what it ran ahead, without what became durable meanwhile", async () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "b", "c");
    wire.take();
    tell(session, { type: "promote", resume: resumeAfter("a", "b") });
    expect(wire.take()).toEqual(["3 c"]);
    expect(await session.active).toEqual(resumeAfter("a", "b"));
    push(session, "d");
    await nextTurn();
    expect(wire.take()).toEqual(["4 d"]);
  });

  test("P5: that is promoted behind its checkpoint has nothing to be acknowledged while it repeats the rest", () => {
    const { session } = connected({ role: "standby", resume: resumeAfter("a") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a");
    session.checkpoint("1");
    tell(session, { type: "promote", resume: resumeAfter("a", "b") });
    expect(session.unsettled).toBe(false);
  });

  test("P2: that was promoted before its handler was started goes on from where it was promoted", async () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a") });
    tell(session, { type: "promote", resume: resumeAfter("a", "b", "c") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "b", "c", "d");
    await nextTurn();
    expect(wire.take()).toEqual(["4 d"]);
  });

  test("that was promoted while it had no connection learns it from the welcome", () => {
    const { session } = connected({ role: "standby", resume: resumeAfter() });
    session.startFrom(logStart, logStart, head);
    push(session, "a", "b");
    const second = dialAgain(session);
    tell(session, welcome({ role: "active", resume: resumeAfter("a") }), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual(["2 b"]);
  });

  test("that dials again is ready again", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter() });
    session.startFrom(logStart, logStart, head);
    expect(wire.take()).toEqual(['{"type":"ready"}']);
    const second = dialAgain(session);
    tell(session, welcome({ role: "standby", resume: resumeAfter() }), { type: "body-end", bytes: 0 });
    expect(second.take()).toEqual(['{"type":"ready"}']);
  });

  test("P6: waits for its promotion when its window is full", async () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter(), window: 16 });
    session.startFrom(logStart, logStart, head);
    expect([session.push(line("a"), ""), session.push(line("b"), "")]).toEqual([false, true]);
    const room = session.room();
    expect(await Promise.race([room, nextTurn("waiting")])).toBe("waiting");
    wire.take();
    tell(session, { type: "promote", resume: resumeAfter("a") });
    await room;
    expect(wire.take()).toEqual(["2 b"]);
  });

  test("P3: that ended while it waited says goodbye behind its events, once promoted", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter() });
    session.startFrom(logStart, logStart, head);
    push(session, "a", "b");
    session.bid({ type: "end", outcome: "completed", error: null });
    expect(new Set(wire.take())).toEqual(new Set(['{"type":"ready"}']));
    tell(session, { type: "promote", resume: resumeAfter("a") });
    expect(wire.take()).toEqual(["2 b", '{"type":"end","outcome":"completed","error":null,"seq":2}']);
  });

  test("P3: that ended after fewer events than the log has when it is promoted has diverged", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "b");
    session.bid({ type: "end", outcome: "completed", error: null });
    wire.take();
    tell(session, { type: "promote", resume: resumeAfter("a", "b", "c") });
    expect(wire.take()).toEqual([expect.stringContaining('"outcome":"failed","error":{"code":"replay-diverged"')]);
  });

  test("that ran ahead otherwise than the log went is stopped with replay-diverged", async () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "x");
    wire.take();
    tell(session, { type: "promote", resume: resumeAfter("a", "b") });
    expect(session.stop.reason).toMatchObject({ kind: "failed", error: { code: "replay-diverged" } });
    await nextTurn();
    expect(wire.take()).toEqual([]);
  });

  test("P3: that ran ahead otherwise than the log went, and ended, has diverged and did not complete", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter("a") });
    session.startFrom(logStart, resumeAfter("a"), head);
    push(session, "a", "x", "y");
    session.bid({ type: "end", outcome: "completed", error: null });
    wire.take();
    tell(session, { type: "promote", resume: resumeAfter("a", "b") });
    expect(wire.take()).toEqual([expect.stringMatching(/^\{"type":"end","outcome":"failed","error":\{"code":"replay-diverged".*"seq":2\}$/)]);
  });

  test("P7: whose time for a successor came while it waited asks for one when it is promoted", () => {
    const { session, wire } = connected({ role: "standby", resume: resumeAfter() });
    session.startFrom(logStart, logStart, head);
    session.askHandover();
    expect([session.handover.aborted, wire.take()]).toEqual([true, ['{"type":"ready"}']]);
    tell(session, { type: "promote", resume: resumeAfter() });
    expect(wire.take()).toEqual(['{"type":"handover"}']);
  });
});

describe("the object may", () => {
  test("ask to yield", () => {
    const { session } = started();
    tell(session, { type: "yield", withinMs: 2_000 });
    expect(session.stop.reason).toEqual({ kind: "yield" });
  });

  test("P8: cancel, also before the handler was started", () => {
    const { session } = connected();
    tell(session, { type: "cancel", reason: "the reader asked" });
    expect(session.stop.reason).toEqual({ kind: "cancel", reason: "the reader asked" });
  });

  test("P8: close after a cancel, which stays the reason", async () => {
    const { session } = started();
    tell(session, { type: "cancel", reason: "the reader asked" });
    session.closed(closeCodes.done, "cancelled");
    await session.released;
    expect(session.stop.reason).toEqual({ kind: "cancel", reason: "the reader asked" });
  });

  test("P3: release an attempt that said goodbye, and nothing stops it", async () => {
    const { session } = started();
    session.bid({ type: "end", outcome: "completed", error: null });
    expect(await Promise.race([session.released, nextTurn("waiting")])).toBe("waiting");
    session.closed(closeCodes.done, "done");
    await session.released;
    expect(session.stop.reason).toBeNull();
  });

  test("P4: close an attempt that did not say goodbye: it is not wanted any more", async () => {
    const { session } = started();
    session.closed(closeCodes.done, "the stream has ended");
    await session.released;
    expect(session.stop.reason).toEqual({ kind: "fenced", reason: "the stream has ended" });
  });

  test.each([
    ["before its goodbye", false],
    ["after its goodbye", true],
  ])("P4: fence an attempt %s", async (_, goodbye) => {
    const { session } = started();
    if (goodbye) session.bid({ type: "yield" });
    session.closed(closeCodes.fenced, "attempt 1 was replaced");
    await session.released;
    expect(session.stop.reason).toEqual({ kind: "fenced", reason: "attempt 1 was replaced" });
  });

  test("P6: close at a limit, which fails the attempt", async () => {
    const { session } = started();
    session.closed(closeCodes.limit, "frame-too-large: Cannot store event 1");
    await session.released;
    expect(session.stop.reason).toEqual({ kind: "failed", error: new LongstreamError("frame-too-large", "Cannot store event 1") });
  });

  test("P3: close for what the handler did, which fails the attempt by its name, also after its goodbye", async () => {
    const { session } = started();
    session.bid({ type: "end", outcome: "completed", error: null });
    session.closed(closeCodes.done, "bad-handler-result: Cannot answer with 404: the route is of kind events");
    await session.released;
    const error = new LongstreamError("bad-handler-result", "Cannot answer with 404: the route is of kind events");
    expect(session.stop.reason).toEqual({ kind: "failed", error });
  });

  test("P7: be out of reach, which fails whatever waits for it", async () => {
    const session = new Session({ resume: "replay" });
    const error = new LongstreamError("unavailable", "Cannot stay connected to the gateway: 503");
    session.fail(error);
    await expect(session.welcomed).rejects.toThrow(error);
    await session.released;
    expect(session.stop.reason).toEqual({ kind: "failed", error });
  });
});

test("the time for a successor aborts the handler's handover signal", () => {
  const { session } = started();
  expect(session.handover.aborted).toBe(false);
  session.askHandover();
  expect(session.handover.aborted).toBe(true);
});
