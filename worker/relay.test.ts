/** Owns the tests of one open body over consumer sockets that break. */

import { expect, test } from "vitest";
import type { From } from "../protocol/cursor.ts";
import type { ConsumerLink, Received } from "./consumer-link.ts";
import { Relay } from "./relay.ts";

const decoder = new TextDecoder();

/** A consumer socket that brings what it was given, then is lost. */
function linkOf(...received: readonly Received[]): ConsumerLink {
  const queue = [...received];
  const link = { next: async (): Promise<Received> => queue.shift() ?? { type: "lost", code: 1006 }, grant: () => undefined, close: () => undefined };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the three methods a relay calls
  return link as unknown as ConsumerLink;
}

test("P2: a socket that is lost before it said where it starts is opened again from where the reader asked", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const asked: From[] = [];
  const from: From = { kind: "cursor", log: "log", seq: 50 };
  const relay = new Relay({
    writer: writable.getWriter(),
    from,
    reconnect: async (again) => {
      asked.push(again);
      const seq = again.kind === "cursor" ? again.seq : 0;
      return { kind: "open", link: linkOf({ type: "start", log: "log", seq, offset: 0, reset: null }, { type: "end", seq, outcome: "completed", error: null }) };
    },
    controls: "comments",
    retryMs: 1_000,
    heartbeatMs: 60_000,
    maxStallMs: 60_000,
    reset: null,
    signal: new AbortController().signal,
  });
  const [text] = await Promise.all([read(readable), relay.run(linkOf())]);
  expect(asked).toEqual([from]);
  expect(text).toContain("id: log-50\n");
});

async function read(readable: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of readable) text += decoder.decode(part);
  return text;
}
