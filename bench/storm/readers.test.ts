/** Owns the tests of the EventSource reader: what it makes of each way a body tells the end. */

import { expect, test } from "vitest";
import { Random } from "../support/random.ts";
import { readByEventSource } from "./readers.ts";
import { answering, ended, ran, witnessed } from "./testing.ts";
import { judge } from "./verdict.ts";
import type { Outcome, Witness } from "./witness.ts";

const events = 'data: {"n":1}\nid: s-1\n\ndata: {"n":2}\nid: s-2\n\n';
const end = (data: string): string => `event: longstream.end\ndata: ${data}\nid: s-2\n\n`;
const failed = '{"outcome":"failed","error":{"code":"handler-failed","message":"m"}}';

/** One body, then 204 with the outcome. */
async function read(body: string, how: "closed" | "aborted", outcome: Outcome): Promise<Witness> {
  let requests = 0;
  const gateway = await answering((_request, response) => {
    if (requests++ > 0) return response.writeHead(204, { "stream-outcome": outcome }).end();
    response.writeHead(200, { "content-type": "text/event-stream", "stream-id": "s" });
    if (how === "closed") return response.end(`retry: 1\n\n${body}`);
    return response.write(`retry: 1\n\n${body}`, () => response.destroy());
  });
  const witness = witnessed();
  // Nobody leaves or stalls.
  const calm = AbortSignal.abort();
  const stop = new AbortController().signal;
  await readByEventSource({ gateway, witness, random: new Random(1), calm, stop, first: null, firstStream: null, route: gateway });
  return witness;
}

test("reads the outcome of longstream.end", async () => {
  const witness = await read(events + end('{"outcome":"completed"}'), "closed", "completed");
  expect(witness.violations).toEqual([]);
  expect(witness.told).toEqual({ outcome: "completed", errorCode: null });
  expect((await read(events + end(failed), "aborted", "failed")).violations).toEqual([]);
});

test.each([
  ["a clean end with failed", events + end(failed), "closed", "failed", "ended cleanly behind longstream.end with failed"],
  ["a clean end without longstream.end", events, "closed", "completed", "ended cleanly without longstream.end"],
  ["an event behind the end", `${events}${end('{"outcome":"completed"}')}data: {"n":3}\nid: s-3\n\n`, "closed", "completed", "got event 3 after longstream.end"],
  ["two outcomes", events + end('{"outcome":"completed"}') + end(failed), "aborted", "failed", "was told failed after completed"],
  ["another outcome at the 204", events + end('{"outcome":"completed"}'), "closed", "cancelled", "ended as cancelled after longstream.end told it completed"],
  ["an outcome there is not", events + end('{"outcome":"done"}'), "aborted", "completed", 'got longstream.end: {"outcome":"done"}'],
  ["a failure without its error", events + end('{"outcome":"failed"}'), "aborted", "failed", "got longstream.end"],
  ["no JSON", events + end("completed"), "aborted", "completed", "got longstream.end: completed"],
] as const)("finds %s", async (_what, body, how, outcome, violation) => {
  expect((await read(body, how, outcome)).violations.join("\n")).toContain(violation);
});

test("an outcome that is not the stream's is found at the end", async () => {
  const witness = await read(events + end('{"outcome":"completed"}'), "closed", "completed");
  const status = ended({ outcome: "cancelled", errorCode: "cancelled", lastSeq: 2 });
  expect(judge({ ...ran(status, [witness]), cancelledAtMs: 1 }, [])).toEqual([expect.stringContaining("was told the error null, and it is cancelled")]);
});
