/** Owns the tests of the JSON control messages of the producer socket. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "./errors.ts";
import { limits } from "./limits.ts";
import { checkCheckpointBytes, encodeMessage, parseToObject, parseToProducer } from "./producer-messages.ts";
import type { ToObject, ToProducer } from "./producer-messages.ts";

const digest = "00112233aabbccdd";
const protocolError = (message: string): LongstreamError => new LongstreamError("protocol-error", message);

type Literals<Message extends { readonly type: string }> = {
  readonly [Type in Message["type"]]: Readonly<Record<string, Extract<Message, { readonly type: Type }>>>;
};

const toObject: Literals<ToObject> = {
  head: {
    '{"type":"head","status":200,"headers":[["x-a","1"],["x-a","2"]],"mode":"events"}': {
      type: "head",
      status: 200,
      headers: [
        ["x-a", "1"],
        ["x-a", "2"],
      ],
      mode: "events",
    },
    '{"type":"head","status":599,"headers":[],"mode":"events"}': { type: "head", status: 599, headers: [], mode: "events" },
    '{"type":"head","status":404,"headers":[["content-type","image/png"]],"mode":"bytes"}': {
      type: "head",
      status: 404,
      headers: [["content-type", "image/png"]],
      mode: "bytes",
    },
  },
  checkpoint: {
    '{"type":"checkpoint","seq":7,"digest":"00112233aabbccdd","state":"{\\"n\\":7}"}': { type: "checkpoint", seq: 7, digest, state: '{"n":7}' },
    '{"type":"checkpoint","seq":0,"digest":"0000000000000000","state":"null"}': { type: "checkpoint", seq: 0, digest: "0000000000000000", state: "null" },
  },
  handover: { '{"type":"handover"}': { type: "handover" } },
  ready: { '{"type":"ready"}': { type: "ready" } },
  yield: { '{"type":"yield","seq":7}': { type: "yield", seq: 7 } },
  pull: { '{"type":"pull","from":262144,"upTo":524288}': { type: "pull", from: 262_144, upTo: 524_288 } },
  end: {
    '{"type":"end","seq":9,"outcome":"completed","error":null}': { type: "end", seq: 9, outcome: "completed", error: null },
    '{"type":"end","seq":0,"outcome":"failed","error":{"code":"replay-diverged","message":"other events"}}': {
      type: "end",
      seq: 0,
      outcome: "failed",
      error: { code: "replay-diverged", message: "other events" },
    },
  },
};

const request = { method: "POST", url: "https://g.example/api", headers: [["accept", "*/*"]], bodyBytes: 3 } as const;
const resume = { seq: 7, digest, sourceId: "s-1", checkpoint: { seq: 5, digest, state: "5" } };

const toProducer: Literals<ToProducer> = {
  welcome: {
    '{"type":"welcome","attempt":1,"role":"active","resume":null,"request":{"method":"POST","url":"https://g.example/api","headers":[["accept","*/*"]],"bodyBytes":3},"window":262144,"leaseMs":30000,"commitIntervalMs":0}':
      { type: "welcome", attempt: 1, role: "active", resume: null, request, window: 262_144, leaseMs: 30_000, commitIntervalMs: 0 },
    '{"type":"welcome","attempt":2,"role":"standby","resume":{"seq":7,"digest":"00112233aabbccdd","sourceId":"s-1","checkpoint":{"seq":5,"digest":"00112233aabbccdd","state":"5"}},"request":{"method":"POST","url":"https://g.example/api","headers":[["accept","*/*"]],"bodyBytes":3},"window":1,"leaseMs":1,"commitIntervalMs":50}':
      { type: "welcome", attempt: 2, role: "standby", resume, request, window: 1, leaseMs: 1, commitIntervalMs: 50 },
  },
  "body-end": { '{"type":"body-end","bytes":1024}': { type: "body-end", bytes: 1024 } },
  "body-failed": {
    '{"type":"body-failed","code":"upload-broken","message":"gone"}': { type: "body-failed", code: "upload-broken", message: "gone" },
  },
  ack: {
    '{"type":"ack","seq":7,"checkpoint":5}': { type: "ack", seq: 7, checkpoint: 5 },
    '{"type":"ack","seq":0,"checkpoint":null}': { type: "ack", seq: 0, checkpoint: null },
  },
  promote: {
    '{"type":"promote","resume":{"seq":7,"digest":"00112233aabbccdd","sourceId":"","checkpoint":null}}': {
      type: "promote",
      resume: { seq: 7, digest, sourceId: "", checkpoint: null },
    },
  },
  yield: { '{"type":"yield","withinMs":2000}': { type: "yield", withinMs: 2_000 } },
  cancel: { '{"type":"cancel","reason":"the reader asked"}': { type: "cancel", reason: "the reader asked" } },
};

describe("Lambda to object", () => {
  test.each(literals<ToObject>(toObject))("%s is read as it was written", (text, message) => {
    expect(encodeMessage(message)).toBe(text);
    expect(parseToObject(text)).toEqual(message);
  });

  test.each<[string, string, string]>([
    ["type", '{"type":"hello"}', 'its field "type" is not one of head, checkpoint, handover, ready, yield, pull, end'],
    ["type, absent", "{}", 'its field "type" is not a string'],
    ["type of the other direction", '{"type":"ack","seq":1}', 'its field "type" is not one of head, checkpoint, handover, ready, yield, pull, end'],
    ["head.status, a text", '{"type":"head","status":"200","headers":[],"mode":"events"}', 'its field "status" is not an integer of at least 200'],
    ["head.status, informational", '{"type":"head","status":101,"headers":[],"mode":"events"}', 'its field "status" is not an integer of at least 200'],
    ["head.status, too large", '{"type":"head","status":600,"headers":[],"mode":"events"}', 'its field "status" is not an HTTP status'],
    ["head.headers, absent", '{"type":"head","status":200,"mode":"events"}', 'its field "headers" is not a list of [name, value]'],
    ["head.headers, an object", '{"type":"head","status":200,"headers":{"a":"1"},"mode":"events"}', 'its field "headers" is not a list of [name, value]'],
    ["head.headers, of texts", '{"type":"head","status":200,"headers":["ab"],"mode":"events"}', 'its field "headers" is not a list of [name, value]'],
    ["head.headers, of three", '{"type":"head","status":200,"headers":[["a","b","c"]],"mode":"events"}', 'its field "headers" is not a list of [name, value]'],
    ["head.headers, of a number", '{"type":"head","status":200,"headers":[["a",1]],"mode":"events"}', 'its field "headers" is not a list of [name, value]'],
    ["head.mode", '{"type":"head","status":200,"headers":[],"mode":"rows"}', 'its field "mode" is not one of events, bytes'],
    ["checkpoint.seq", `{"type":"checkpoint","digest":"${digest}","state":"1"}`, 'its field "seq" is not an integer of at least 0'],
    ["checkpoint.digest, absent", '{"type":"checkpoint","seq":7,"state":"1"}', 'its field "digest" is not a string'],
    ["checkpoint.digest, upper case", '{"type":"checkpoint","seq":7,"digest":"00112233AABBCCDD","state":"1"}', 'its field "digest" is not 16 hexadecimal digits'],
    ["checkpoint.digest, short", '{"type":"checkpoint","seq":7,"digest":"0011","state":"1"}', 'its field "digest" is not 16 hexadecimal digits'],
    ["checkpoint.state, not a text", `{"type":"checkpoint","seq":7,"digest":"${digest}","state":{"n":7}}`, 'its field "state" is not a string'],
    ["yield.seq, negative", '{"type":"yield","seq":-1}', 'its field "seq" is not an integer of at least 0'],
    ["yield.seq, over 2^53 - 1", '{"type":"yield","seq":9007199254740992}', 'its field "seq" is not an integer of at least 0'],
    ["end.seq", '{"type":"end","outcome":"completed","error":null}', 'its field "seq" is not an integer of at least 0'],
    ["end.outcome, one only the gateway gives", '{"type":"end","seq":1,"outcome":"cancelled"}', 'its field "outcome" is not one of completed, failed'],
    ["text, an array", "[]", "it is not a JSON object"],
    ["text, null", "null", "it is not a JSON object"],
    ["text, no JSON", "pong", "it is not JSON"],
    ["text, empty", "", "it is not JSON"],
  ])("malformed in %s is refused by name", (_, text, why) => {
    expect(() => parseToObject(text)).toThrow(protocolError(`Cannot read the producer's message: ${why}`));
  });

  test.each<[string, string, string]>([
    ["end.error", '{"type":"end","seq":1,"outcome":"failed","error":"broke"}', "it is not a JSON object"],
    ["end.error.code", '{"type":"end","seq":1,"outcome":"failed","error":{"message":"x"}}', 'its field "code" is not a string'],
    ["end.error.message", '{"type":"end","seq":1,"outcome":"failed","error":{"code":"expired","message":{}}}', 'its field "message" is not a string'],
  ])("malformed in %s is refused by name", (_, text, why) => {
    expect(() => parseToObject(text)).toThrow(protocolError(`Cannot read the producer's message.error: ${why}`));
  });

  test("keeps a failure whose code it does not know as the handler's", () => {
    expect(parseToObject('{"type":"end","seq":1,"outcome":"failed","error":{"code":"constructor","message":"x"}}')).toEqual({
      type: "end",
      seq: 1,
      outcome: "failed",
      error: { code: "handler-failed", message: "x" },
    });
  });

  test("P6: cuts an error message at maxErrorChars", () => {
    const error = { code: "handler-failed", message: "x".repeat(limits.maxErrorChars + 1) } as const;
    expect(parseToObject(encodeMessage({ type: "end", seq: 1, outcome: "failed", error }))).toMatchObject({
      error: { message: "x".repeat(limits.maxErrorChars) },
    });
  });

  test("P6: is at most maxControlChars", () => {
    const text = " ".repeat(limits.maxControlChars - 20) + '{"type":"handover"} ';
    expect(parseToObject(text)).toEqual({ type: "handover" });
    expect(() => parseToObject(`${text} `)).toThrow(
      new LongstreamError("frame-too-large", "Cannot read the producer's message: it has 2097153 characters, and the limit is 2097152"),
    );
  });

  test("P6: carries a checkpoint of at most maxCheckpointBytes, in UTF-8", () => {
    const fits = { type: "checkpoint", seq: 7, digest, state: "é".repeat(limits.maxCheckpointBytes / 2) } as const;
    expect(parseToObject(encodeMessage(fits))).toEqual(fits);
    const tooLarge = new LongstreamError(
      "checkpoint-too-large",
      "Cannot store a checkpoint of 262145 bytes: the limit is 262144; store a key to it instead",
    );
    expect(() => parseToObject(encodeMessage({ ...fits, state: `${fits.state}x` }))).toThrow(tooLarge);
    expect(() => checkCheckpointBytes(`${fits.state}x`)).toThrow(tooLarge);
    expect(() => checkCheckpointBytes(fits.state)).not.toThrow();
  });

  test("P6: has room for the largest checkpoint, escaped at worst", () => {
    const worst = { type: "checkpoint", seq: Number.MAX_SAFE_INTEGER, digest, state: "\u0001".repeat(limits.maxCheckpointBytes) } as const;
    expect(parseToObject(encodeMessage(worst))).toEqual(worst);
  });
});

describe("object to Lambda", () => {
  test.each(literals<ToProducer>(toProducer))("%s is read as it was written", (text, message) => {
    expect(encodeMessage(message)).toBe(text);
    expect(parseToProducer(text)).toEqual(message);
  });

  const welcome = encodeMessage({ type: "welcome", attempt: 2, role: "standby", resume, request, window: 1, leaseMs: 1, commitIntervalMs: 50 });
  const it = "Cannot read the object's message";
  test.each<[string, string, string]>([
    ["type", '{"type":"head"}', `${it}: its field "type" is not one of welcome, body-end, body-failed, ack, promote, yield, cancel`],
    ["welcome.attempt", welcome.replace('"attempt":2', '"attempt":0'), `${it}: its field "attempt" is not an integer of at least 1`],
    ["welcome.role", welcome.replace("standby", "spare"), `${it}: its field "role" is not one of active, standby`],
    ["welcome.resume", welcome.replace(/"resume":.*,"request"/, '"resume":7,"request"'), `${it}.resume: it is not a JSON object`],
    ["welcome.resume.seq", welcome.replace('"seq":7', '"seq":"7"'), `${it}.resume: its field "seq" is not an integer of at least 0`],
    ["welcome.resume.digest", welcome.replace(digest, "none"), `${it}.resume: its field "digest" is not 16 hexadecimal digits`],
    ["welcome.resume.sourceId", welcome.replace('"sourceId":"s-1"', '"sourceId":null'), `${it}.resume: its field "sourceId" is not a string`],
    ["welcome.resume.checkpoint", welcome.replace(/"checkpoint":\{.*?\}/, '"checkpoint":[]'), `${it}.resume.checkpoint: it is not a JSON object`],
    ["welcome.resume.checkpoint.seq", welcome.replace('"seq":5', '"seq":-5'), `${it}.resume.checkpoint: its field "seq" is not an integer of at least 0`],
    ["welcome.resume.checkpoint.state", welcome.replace('"state":"5"', '"state":5'), `${it}.resume.checkpoint: its field "state" is not a string`],
    ["welcome.request", welcome.replace(/"request":\{.*?\}/, '"request":null'), `${it}.request: it is not a JSON object`],
    ["welcome.request.method", welcome.replace('"method":"POST",', ""), `${it}.request: its field "method" is not a string`],
    ["welcome.request.url", welcome.replace('"url":"https', '"uri":"https'), `${it}.request: its field "url" is not a string`],
    ["welcome.request.headers", welcome.replace('[["accept","*/*"]]', '"accept"'), `${it}.request: its field "headers" is not a list of [name, value]`],
    ["welcome.request.bodyBytes", welcome.replace('"bodyBytes":3', '"bodyBytes":3.5'), `${it}.request: its field "bodyBytes" is not an integer of at least 0`],
    ["welcome.window", welcome.replace('"window":1', '"window":0'), `${it}: its field "window" is not an integer of at least 1`],
    ["welcome.leaseMs", welcome.replace('"leaseMs":1', '"leaseMs":0'), `${it}: its field "leaseMs" is not an integer of at least 1`],
    ["ack.seq", '{"type":"ack","checkpoint":null}', `${it}: its field "seq" is not an integer of at least 0`],
    ["ack.checkpoint", '{"type":"ack","seq":7,"checkpoint":"5"}', `${it}: its field "checkpoint" is not an integer of at least 0`],
    ["promote.resume", '{"type":"promote","resume":null}', `${it}.resume: it is not a JSON object`],
    ["yield.withinMs", '{"type":"yield","withinMs":-1}', `${it}: its field "withinMs" is not an integer of at least 0`],
    ["cancel.reason", '{"type":"cancel"}', `${it}: its field "reason" is not a string`],
    ["text", '{"type":"ack"', `${it}: it is not JSON`],
  ])("malformed in %s is refused by name", (_, text, message) => {
    expect(() => parseToProducer(text)).toThrow(protocolError(message));
  });

  test("is at most maxControlChars", () => {
    expect(() => parseToProducer(" ".repeat(limits.maxControlChars + 1))).toThrow(
      new LongstreamError("frame-too-large", "Cannot read the object's message: it has 2097153 characters, and the limit is 2097152"),
    );
  });
});

function literals<Message extends { readonly type: string }>(byType: Readonly<Record<string, Readonly<Record<string, Message>>>>): [string, Message][] {
  return Object.values(byType).flatMap((messages) => Object.entries(messages));
}
