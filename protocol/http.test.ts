/** Owns the tests of the paths and headers of the HTTP surface. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { connectionOptions, eventStreamHeaders, headerNames, objectPaths, parseStreamPath, streamPath } from "./http.ts";
import type { StreamAction, StreamPath } from "./http.ts";

const actions: Record<StreamAction, string> = {
  read: "/streams/V1-_t",
  status: "/streams/V1-_t/status",
  cancel: "/streams/V1-_t/cancel",
  producer: "/streams/V1-_t/producer",
};

describe("a stream's path", () => {
  test.each<[string, StreamPath]>([
    [actions.read, { id: "V1-_t", action: "read" }],
    [actions.status, { id: "V1-_t", action: "status" }],
    [actions.cancel, { id: "V1-_t", action: "cancel" }],
    [actions.producer, { id: "V1-_t", action: "producer" }],
  ])("%s is read as it was written", (path, parsed) => {
    expect(parseStreamPath(path)).toEqual(parsed);
    expect(streamPath(parsed.id, parsed.action)).toBe(path);
  });

  test("reads the stream without an action", () => {
    expect(streamPath("a")).toBe("/streams/a");
  });

  test.each([
    "/",
    "/streams",
    "/streams/",
    "/streams//status",
    "/stream/a",
    "/api/streams/a",
    "/Streams/a",
    "/streams/a/",
    "/streams/a/read",
    "/streams/a/stop",
    "/streams/a/status/",
    "/streams/a/status/x",
    "/streams/a/toString",
    "/streams/a.b",
    "/streams/a%20b",
    "/streams/..",
    "/streams/é",
    `/streams/${"a".repeat(41)}`,
  ])("%s is of no stream", (path) => {
    expect(parseStreamPath(path)).toBeUndefined();
  });

  test("of any id and action is read as it was written", () => {
    const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
    fc.assert(
      fc.property(id, fc.constantFrom<StreamAction>("read", "status", "cancel", "producer"), (stream, action) => {
        expect(parseStreamPath(streamPath(stream, action))).toEqual({ id: stream, action });
      }),
    );
  });
});

test.each<[string, string | null, readonly string[]]>([
  ["absent", null, [""]],
  ["of one name", "close", ["close"]],
  ["of several, in any case and with spaces", " Keep-Alive ,x-a,\tX-B", ["keep-alive", "x-a", "x-b"]],
])("a Connection header %s names what is of the connection", (_, text, names) => {
  expect([...connectionOptions(text)]).toEqual(names);
});

describe("the HTTP surface", () => {
  test("spells its headers in lower case, each once", () => {
    const names: readonly string[] = Object.values(headerNames);
    expect(names.every((name) => /^[a-z-]+$/.test(name))).toBe(true);
    expect(new Set(names).size).toBe(names.length);
    expect(headerNames.lastEventId).toBe("last-event-id");
  });

  test("answers event streams with headers that no proxy buffers, caches or frames", () => {
    expect(eventStreamHeaders).toEqual({
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-store, no-transform",
      "x-accel-buffering": "no",
    });
  });

  test("has one path each for consumers and producers inside", () => {
    expect(objectPaths).toEqual({ consume: "/consume", producer: "/producer" });
  });
});
