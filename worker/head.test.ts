/** Owns the tests of the rules for a handler's head. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { HeaderPairs, Mode, ResponseHead } from "../protocol/producer-messages.ts";
import { checkHead, impliedHead } from "./head.ts";

const headOf = (status: number, mode: Mode, headers: HeaderPairs = []): ResponseHead => ({ status, mode, headers });

describe("the first head", () => {
  test.each<[string, ResponseHead]>([
    ["of events", impliedHead],
    ["of bytes", headOf(200, "bytes", [["content-type", "image/png"]])],
    ["of an error", headOf(500, "bytes")],
    ["of events with another status", headOf(202, "events")],
    ["without a body", headOf(204, "bytes")],
    ["with a header in any number", headOf(200, "bytes", [["set-cookie", "a=1"], ["set-cookie", "b=2"]])],
    ["with an empty value", headOf(200, "bytes", [["x-a", ""]])],
    ["with a value outside ASCII that fits a byte", headOf(200, "bytes", [["x-a", "é"]])],
  ])("%s is taken on a route that answers what its handler does", (_, head) => {
    expect(() => checkHead(head, null, "response")).not.toThrow();
  });

  test.each<[string, string]>([
    ["", "a"],
    ["x a", "a"],
    ["x:a", "a"],
    ["x-é", "a"],
    ["x-a\n", "a"],
    ["x-a", "a\r\nset-cookie: b"],
    ["x-a", "a\nb"],
    ["x-a", "a\0b"],
    ["x-a", "😀"],
  ])("with the header %j: %j is refused: readers could not be answered", (name, value) => {
    const check = (): void => checkHead(headOf(200, "bytes", [["x-ok", "1"], [name, value]]), null, "response");
    expect(check).toThrow(LongstreamError);
    expect(check).toThrow(`Cannot answer with the header ${JSON.stringify(name)}: `);
  });

  test("P6: has headers of at most maxHeaderBytes", () => {
    const value = "x".repeat(limits.maxHeaderBytes - 3);
    expect(() => checkHead(headOf(200, "bytes", [["x-a", value]]), null, "response")).not.toThrow();
    expect(() => checkHead(headOf(200, "bytes", [["x-a", value], ["b", ""]]), null, "response")).toThrow(
      new LongstreamError("bad-handler-result", "Cannot answer with headers of 65537 bytes: the limit is 65536"),
    );
  });
});

describe("P3: on a route of kind events, whose readers were answered already, a head", () => {
  test.each<[string, ResponseHead]>([
    ["of events is taken", impliedHead],
    ["of events with other headers is taken: nobody sees them", headOf(200, "events", [["x-a", "1"], ["bad name", ""]])],
  ])("%s", (_, head) => {
    expect(() => checkHead(head, impliedHead, "events")).not.toThrow();
  });

  test.each<[string, ResponseHead, string]>([
    ["of bytes", headOf(200, "bytes", [["content-type", "image/png"]]), "200 and image/png"],
    ["of another status", headOf(404, "events", [["Content-Type", "text/event-stream"]]), "404 and text/event-stream"],
    ["without a content type", headOf(204, "bytes"), "204 and no content type"],
  ])("%s is refused with the way out", (_, head, what) => {
    expect(() => checkHead(head, impliedHead, "events")).toThrow(
      new LongstreamError(
        "bad-handler-result",
        `Cannot answer with ${what}: the route is of kind "events", and its clients were answered 200 and text/event-stream; make it kind = "response"`,
      ),
    );
  });
});

describe("P2: a later attempt's head", () => {
  const first = headOf(200, "bytes", [["content-type", "image/png"]]);

  test("agrees with the first one's status and mode, whatever its headers", () => {
    expect(() => checkHead(first, first, "response")).not.toThrow();
    expect(() => checkHead(headOf(200, "bytes", [["date", "now"]]), first, "response")).not.toThrow();
  });

  test.each<[ResponseHead, string]>([
    [headOf(200, "events"), "status 200 and events"],
    [headOf(500, "bytes"), "status 500 and bytes"],
  ])("%j is refused as another answer", (head, what) => {
    expect(() => checkHead(head, first, "response")).toThrow(
      new LongstreamError("replay-diverged", `Cannot go on with ${what}: the first attempt answered 200 and bytes`),
    );
  });
});
