/** Owns the tests of how an upstream goes on: from where, and whether what it answers is its continuation. */

import { describe, expect, test } from "vitest";
import type { HeaderPairs, ResponseHead } from "../protocol/producer-messages.ts";
import { judge, resumptionOf, sequencePlace, strayEvent } from "./upstream-resume.ts";
import type { Resumption, Stored } from "./upstream-resume.ts";

const head = (status: number, headers: HeaderPairs = [], mode: ResponseHead["mode"] = "bytes"): ResponseHead => ({ status, headers, mode });
const events = head(200, [["content-type", "text/event-stream"]], "events");
const stored = (more: Partial<Stored>): Stored => ({ seq: 7, place: "", firstPlace: "", mode: "events", head: events, ...more });
const bytes = (more: Partial<Stored> = {}): Stored => stored({ mode: "bytes", head: head(200), ...more });
const nowhere = (why: string): unknown => ({ from: "nowhere", why: expect.stringContaining(why) });

describe("an upstream that broke off", () => {
  test.each<[string, Parameters<typeof resumptionOf>, unknown]>([
    ["is not asked again where the route does not say how", ["none", "GET", stored({ seq: 0 })], nowhere('set resume = "last-event-id"')],
    ["before its first event is asked from the start", ["last-event-id", "POST", stored({ seq: 0 })], { from: "start" }],
    ["is asked for what follows the last id", ["last-event-id", "POST", stored({ place: "e7", firstPlace: "e1" })], { from: "last-event-id", id: "e7", firstId: "e1" }],
    ["without an id at its last event is not", ["last-event-id", "GET", stored({})], nowhere("event 7 carries no id")],
    ["with an id beyond ASCII is not", ["last-event-id", "GET", stored({ place: "é" })], nowhere("event 7 carries no id")],
    ["in bytes has no ids", ["last-event-id", "GET", bytes({ place: "e7" })], nowhere("no event stream")],
    ["of a POST is read again under its response's name", ["starting-after", "POST", stored({ place: "42 resp_1" })], { from: "starting-after", response: "resp_1", after: 42 }],
    ["of a GET needs no name", ["starting-after", "GET", stored({ place: "42 " })], { from: "starting-after", response: "", after: 42 }],
    ["of a POST without a name is not", ["starting-after", "POST", stored({ place: "42 " })], nowhere("no event named the response")],
    ["of a POST without an event is not made twice", ["starting-after", "POST", stored({ seq: 0 })], nowhere("would make another one")],
    ["of a GET without an event is asked from the start", ["starting-after", "GET", stored({ seq: 0 })], { from: "start" }],
    ["without a sequence_number at its last event is not", ["starting-after", "GET", stored({})], nowhere("no sequence_number")],
    ["is asked for the bytes behind what is stored", ["range", "GET", bytes()], { from: "range", offset: 7, etag: null, total: null }],
    [
      "is asked on the condition that it is still the same",
      ["range", "GET", bytes({ head: head(200, [["ETag", '"v1"'], ["Content-Length", "100"]]) })],
      { from: "range", offset: 7, etag: '"v1"', total: 100 },
    ],
    ["with a weak validator has no such condition", ["range", "GET", bytes({ head: head(200, [["etag", 'W/"v1"']]) })], { from: "range", offset: 7, etag: null, total: null }],
    [
      "in the middle of a part goes on in that part",
      ["range", "GET", bytes({ head: head(206, [["content-range", "bytes 100-199/1000"], ["content-length", "100"]]) })],
      { from: "range", offset: 107, etag: null, total: 1_000 },
    ],
    ["of an answer to a POST has no ranges", ["range", "POST", bytes()], nowhere("only an answer to GET")],
    ["of an error has no ranges", ["range", "GET", bytes({ head: head(404) })], nowhere("an answer with its status")],
    ["of events has no ranges", ["range", "GET", stored({})], nowhere("goes on with bytes")],
  ])("%s", (_what, [way, method, place], expected) => {
    expect(resumptionOf(way, method, place)).toEqual(expected);
  });
});

describe("the answer of an attempt", () => {
  const start: Resumption = { from: "start" };
  const byId: Resumption = { from: "last-event-id", id: "e7", firstId: "e1" };
  const byNumber: Resumption = { from: "starting-after", response: "r", after: 42 };
  const byRange: Resumption = { from: "range", offset: 100, etag: null, total: 1_000 };
  const part = (range: string, more: HeaderPairs = []): ResponseHead => head(206, [["content-range", range], ...more]);

  test.each<[string, ResponseHead, Resumption, "statuses" | "events", unknown]>([
    ["trouble that may pass, once another status was told", head(503), start, "statuses", { kind: "later" }],
    ["one that cannot be passed on", head(429), start, "events", { kind: "later" }],
    ["one that cannot be passed on and will not change", head(401), start, "events", { kind: "begins" }],
    ["trouble that may pass", head(503), byId, "statuses", { kind: "later" }],
    ["an event stream that goes on", events, byId, "statuses", { kind: "goes-on" }],
    ["the end, in the words of EventSource", head(204), byId, "statuses", { kind: "complete" }],
    ["204 to something else", head(204), byNumber, "statuses", { kind: "other", why: expect.stringContaining("it answered 204") }],
    ["another type", head(200, [["content-type", "text/html"]]), byNumber, "events", { kind: "other", why: expect.stringContaining("200 and text/html") }],
    ["the part", part("bytes 100-999/1000"), byRange, "statuses", { kind: "goes-on" }],
    ["the part of a body that grows", part("bytes 100-999/*"), byRange, "statuses", { kind: "goes-on" }],
    ["another part", part("bytes 0-999/1000"), byRange, "statuses", { kind: "other", why: expect.stringContaining('"bytes 0-999/1000"') }],
    ["the part of another body", part("bytes 100-999/2000"), byRange, "statuses", { kind: "other", why: "its body has 2000 bytes now, and had 1000" }],
    ["an encoded part", part("bytes 100-999/1000", [["content-encoding", "zstd"]]), byRange, "statuses", { kind: "other", why: expect.stringContaining("encodes") }],
    ["a part that does not say which", head(206), byRange, "statuses", { kind: "other", why: expect.stringContaining("no content-range") }],
    ["the whole", head(200), byRange, "statuses", { kind: "other", why: expect.stringContaining("with 200") }],
    ["nothing behind it", head(416, [["content-range", "bytes */100"]]), byRange, "statuses", { kind: "complete" }],
    ["something shorter", head(416, [["content-range", "bytes */50"]]), byRange, "statuses", { kind: "other", why: expect.stringContaining("with 416") }],
  ])("is %s", (_what, answered, resumption, passesOn, expected) => {
    expect(judge(answered, resumption, events, passesOn)).toEqual(expected);
  });

  test.each<[string, ResponseHead | null]>([
    ["where none was told", null],
    ["where trouble was told already", head(502)],
  ])("is the first one, whatever its status, %s", (_what, first) => {
    expect(judge(head(503), start, first, "statuses")).toEqual({ kind: "begins" });
  });

  test.each<[string, string, Resumption, unknown]>([
    ["e8", "of the next", byId, null],
    ["", "of none", byId, null],
    ["e7", "of the last", byId, expect.stringContaining("e7 again")],
    ["e1", "of the first", byId, expect.stringContaining("e1 again")],
    ["43 r", "of the next", byNumber, null],
    ["42 r", "of the last", byNumber, expect.stringContaining("event 42 again")],
    ["0 r", "of the first", byNumber, expect.stringContaining("event 0 again")],
    ["e1", "of anything", start, null],
  ])("with an event at %j, the place %s", (place, _what, resumption, expected) => {
    expect(strayEvent(place, resumption)).toEqual(expected);
  });
});

test.each<[string, string, { readonly place: string; readonly response: string }]>([
  ['{"type":"response.created","sequence_number":0,"response":{"id":"resp_1"}}', "", { place: "0 resp_1", response: "resp_1" }],
  ['{"sequence_number":5,"delta":"x"}', "resp_1", { place: "5 resp_1", response: "resp_1" }],
  ['{"sequence_number":"5"}', "resp_1", { place: "", response: "resp_1" }],
  ["[DONE]", "resp_1", { place: "", response: "resp_1" }],
  ["null", "", { place: "", response: "" }],
  ['{"sequence_number":1.5,"response":{"id":7}}', "", { place: "", response: "" }],
])("the place that %s tells", (data, response, expected) => {
  expect(sequencePlace(data, response)).toEqual(expected);
});
