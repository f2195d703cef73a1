/** Owns the tests of what becomes of an upstream's answer when the object loses its memory. */

import { expect, test } from "vitest";
import { emptyDigest } from "../protocol/hash.ts";
import type { HeaderPairs } from "../protocol/producer-messages.ts";
import { defaultSettings } from "./settings.ts";
import type { StreamDescription } from "./store.ts";
import { Upstream } from "./upstream.ts";
import type { UpstreamPort } from "./upstream.ts";
import type { UpstreamTarget } from "./upstream-target.ts";

const target: UpstreamTarget = { upstream: "https://upstream.example", headers: [], resume: "none", region: null };
const description: StreamDescription = {
  version: 1,
  id: "s1",
  createdAt: 0,
  route: "/relay",
  kind: "response",
  onAbandon: "continue",
  url: "https://gateway.example/streams/s1",
  target,
  settings: defaultSettings,
  request: { method: "GET", url: "https://gateway.example/relay", headers: [], bodyBytes: 0 },
};

/** An object that wakes behind `seq` bytes of an answer with the given headers. */
function wokenBehind(seq: number, headers: HeaderPairs): unknown {
  const attempts = { issued: 1, seqAtStart: 0, fruitless: 0, lastReason: "" };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the three members a wake asks
  const port = {
    state: () => ({ phase: "live", attempts, active: { attempt: 1, run: "own" } }),
    head: () => ({ status: 200, headers, mode: "bytes" }),
    settle: () => ({ seq, digest: emptyDigest, place: "", firstPlace: "", mode: "bytes" }),
  } as unknown as UpstreamPort;
  const host = { access: () => ({ lambda: { credentials: null }, secret: () => null }), sync: async () => undefined, keep: () => undefined, restart: () => undefined };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a wake asks nothing of the object
  return new Upstream(target, description, host as never, port).wake();
}

test("P3: an answer that was whole when the object restarted is complete", () => {
  expect(wokenBehind(3, [["content-length", "3"]])).toMatchObject({ type: "end", outcome: "completed" });
});

test.each<[string, number, HeaderPairs]>([
  ["lacks bytes", 2, [["content-length", "3"]]],
  ["did not say how long it is", 3, []],
])("P3: one that %s is broken off", (_what, seq, headers) => {
  expect(wokenBehind(seq, headers)).toMatchObject({ type: "break", error: { code: "upstream-dropped" } });
});
