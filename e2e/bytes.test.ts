/** Bytes mode: answers that are no event stream, as the function gave them, resumed by `Range` (P2, P3, P5, P9). */

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { useStack } from "./support/stack.ts";
import { statusOf, waitForStatus } from "./support/status.ts";

const stack = useStack({ fixtures: ["body"] });
const at = (path: string): URL => new URL(path, stack.current.url);
const ask = async (query: string, init: RequestInit = {}): Promise<Response> => fetch(at(`/answers/body?${query}`), init);
const idOf = (response: Response): string => response.headers.get("stream-id") ?? "";

/** Bytes `from` to `to` of the fixture's noise. */
function noise(from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(from + i, 0x9e3779b1) >>> 24;
  return bytes;
}

const sha256 = (...parts: readonly Uint8Array[]): string => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex");

/** Reads at least `count` bytes of a body, or all of it. */
async function readSome(response: Response, count: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let byteLength = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    byteLength += part.length;
    if (byteLength >= count) break;
  }
  return Buffer.concat(parts);
}

describe("the handler's answer, as if the function answered directly", () => {
  test("status, headers, both cookies and body arrive; the stream is named", async () => {
    const response = await ask("kind=teapot");
    expect([response.status, response.headers.get("content-type"), response.headers.getSetCookie()]).toEqual([418, "text/plain", ["a=1", "b=2"]]);
    expect(await response.text()).toBe("short and stout");
    expect(response.headers.get("stream-url")).toBe(at(`/streams/${idOf(response)}`).href);
    expect(await statusOf(stack.current.url, idOf(response))).toMatchObject({ outcome: "completed", mode: "bytes", status: 418, lastSeq: 15 });
  });

  test("an answer without a body has none", async () => {
    const response = await ask("kind=none");
    expect([response.status, response.headers.get("x-kind"), await response.text()]).toEqual([204, "none", ""]);
  });

  test("a Node Readable of bytes is one of bytes", async () => {
    const response = await ask("kind=readable");
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([200, "application/octet-stream", "one two"]);
  });

  test("P3: a handler that throws in mid-body cuts the body off, and says so in the outcome", async () => {
    const response = await ask("kind=break");
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("terminated");
    expect((await waitForStatus(stack.current.url, idOf(response), ({ phase }) => phase === "ended")).error).toMatchObject({ code: "handler-failed" });
    const again = await fetch(at(`/streams/${idOf(response)}`));
    expect([again.status, again.headers.get("content-length")]).toEqual([200, null]);
    await expect(again.text()).rejects.toThrow("terminated");
    const rest = await fetch(at(`/streams/${idOf(response)}`), { headers: { range: "bytes=3-" } });
    expect([rest.status, rest.headers.get("stream-outcome"), rest.headers.get("content-range")]).toEqual([416, "failed", "bytes */3"]);
  });

  test("a handler that throws before its head is a 502 that says why, and names the stream", async () => {
    const response = await ask("kind=throw");
    expect([response.status, response.headers.get("content-type")]).toEqual([502, "application/problem+json"]);
    expect(await response.json()).toMatchObject({ code: "handler-failed", detail: "the handler broke before its head" });
    expect([response.headers.get("stream-outcome"), idOf(response)]).toEqual(["failed", expect.stringMatching(/./)]);
  });

  test.each([
    ["large-headers", /headers of 7\d{4} bytes: the limit is 65536/],
    ["bad-header", /Cannot answer with the header "x bad"/],
    ["bad-status", /its status is 99/],
    ["body-on-204", /a 204 has no body, and it brings one/],
    ["locked", /its body is locked, or was read already/],
    ["used", /its body is locked, or was read already/],
  ])("a handler that answers with %s is told what its mistake is, and so is its client", async (kind, message) => {
    const response = await ask(`kind=${kind}`);
    expect([response.status, await response.json()]).toMatchObject([502, { code: "bad-handler-result", detail: expect.stringMatching(message) }]);
    expect(await statusOf(stack.current.url, idOf(response))).toMatchObject({ outcome: "failed", error: { code: "bad-handler-result" } });
  });

  test.each([
    ["declares more than it sends", 2_000, /handler declared a content-length of 2000/],
    ["sends more than it declared", 500, /1000 bytes or more: the handler declared a content-length of 500/],
  ])("a handler that %s is told, and its client sees a broken body", async (_what, length, message) => {
    const response = await ask(`kind=declared&size=1000&length=${length}`);
    expect(response.headers.get("content-length")).toBe(String(length));
    await expect(response.arrayBuffer()).rejects.toThrow("terminated");
    const { error } = await waitForStatus(stack.current.url, idOf(response), ({ phase }) => phase === "ended");
    expect(error).toMatchObject({ code: "bad-handler-result", message: expect.stringMatching(message) });
  });

  test("a content-length that is true is kept", async () => {
    const response = await ask("kind=declared&size=100000&length=100000");
    expect(response.headers.get("content-length")).toBe("100000");
    expect(Buffer.from(await response.arrayBuffer()).equals(noise(0, 100_000))).toBe(true);
  });
});

describe("Range on a finished log", () => {
  test("any part of it, with the exact content-range; nothing beyond it", async () => {
    const whole = await ask("kind=noise&size=1000000");
    expect(sha256(Buffer.from(await whole.arrayBuffer()))).toBe(sha256(noise(0, 1_000_000)));
    const url = at(`/streams/${idOf(whole)}`);
    await waitForStatus(stack.current.url, idOf(whole), ({ phase }) => phase === "ended");
    for (const [range, from, to] of [
      ["bytes=0-", 0, 1_000_000],
      ["bytes=1-1", 1, 2],
      ["bytes=65535-131072", 65_535, 131_073],
      ["bytes=999999-", 999_999, 1_000_000],
      ["bytes=999000-5000000", 999_000, 1_000_000],
      ["bytes=-1234", 998_766, 1_000_000],
    ] as const) {
      const part = await fetch(url, { headers: { range } });
      expect([range, part.status, part.headers.get("content-range"), part.headers.get("content-length")]).toEqual([
        range,
        206,
        `bytes ${from}-${to - 1}/1000000`,
        String(to - from),
      ]);
      expect(Buffer.from(await part.arrayBuffer()).equals(noise(from, to))).toBe(true);
    }
    const beyond = await fetch(url, { headers: { range: "bytes=1000000-" } });
    expect([beyond.status, beyond.headers.get("content-range"), beyond.headers.get("stream-outcome")]).toEqual([416, "bytes */1000000", "completed"]);
    expect(await beyond.json()).toMatchObject({ code: "range-not-satisfiable" });
    const all = await fetch(url, { headers: { range: "lines=1-2" } });
    expect([all.status, all.headers.get("content-length"), all.headers.get("x-kind"), all.headers.get("content-type")]).toEqual([200, "1000000", "noise", "video/mp4"]);
    expect((await all.arrayBuffer()).byteLength).toBe(1_000_000);
  });

  test("If-Range with another log's name gets the whole, with its own the part", async () => {
    const whole = await ask("kind=noise&size=1000");
    await whole.arrayBuffer();
    const url = at(`/streams/${idOf(whole)}`);
    const etag = (await fetch(url, { method: "GET" })).headers.get("etag") ?? "";
    const same = await fetch(url, { headers: { range: "bytes=10-", "if-range": etag } });
    const other = await fetch(url, { headers: { range: "bytes=10-", "if-range": '"another"' } });
    expect([same.status, other.status]).toEqual([206, 200]);
    await Promise.all([same.arrayBuffer(), other.arrayBuffer()]);
  });

  test("HEAD tells type, length and that ranges are taken; cookies and the handler's status stay out of the log's answer", async () => {
    const whole = await ask("kind=teapot");
    await whole.text();
    const url = at(`/streams/${idOf(whole)}`);
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, ...["accept-ranges", "content-type", "content-length", "stream-status", "stream-outcome"].map((name) => head.headers.get(name))]).toEqual([
      200, "bytes", "text/plain", "15", "418", "completed",
    ]);
    const read = await fetch(url);
    expect([read.status, read.headers.get("stream-status"), read.headers.getSetCookie(), await read.text()]).toEqual([200, "418", [], "short and stout"]);
  });
});

describe("what a log's answer leaves out", () => {
  test("the handler's cookies, for whoever resumes its event stream by the route", async () => {
    const first = await ask("kind=events");
    await first.text();
    const again = await ask("kind=events", { headers: { "last-event-id": `${idOf(first)}-0` } });
    expect([idOf(again), first.headers.getSetCookie(), again.headers.getSetCookie()]).toEqual([idOf(first), ["a=1"], []]);
    await again.text();
  });

  test("a handler's own content-range: the log is not a part of anything", async () => {
    const first = await ask("kind=part");
    expect([first.status, first.headers.get("content-range"), await first.text()]).toEqual([206, "bytes 0-5/100", "a part"]);
    const log = await fetch(at(`/streams/${idOf(first)}`));
    expect([log.status, log.headers.get("content-range"), await log.text()]).toEqual([200, null, "a part"]);
  });

  test("P3: that a cache may keep what is stored by now, whatever the handler said of its answer", async () => {
    const first = await ask("kind=part");
    expect([first.headers.get("cache-control"), await first.text()]).toEqual(["max-age=3600", "a part"]);
    const now = await fetch(at(`/streams/${idOf(first)}?live=false`));
    expect([now.headers.get("cache-control"), await now.text()]).toEqual(["no-store", "a part"]);
  });

  test("P3: HEAD gives no length of a log that broke off, and no type that its handler did not give", async () => {
    const broken = await ask("kind=break");
    await broken.text().catch(() => undefined);
    await waitForStatus(stack.current.url, idOf(broken), ({ phase }) => phase === "ended");
    expect((await fetch(at(`/streams/${idOf(broken)}`), { method: "HEAD" })).headers.get("content-length")).toBeNull();
    const none = await ask("kind=none");
    await waitForStatus(stack.current.url, idOf(none), ({ phase }) => phase === "ended");
    expect((await fetch(at(`/streams/${idOf(none)}`), { method: "HEAD" })).headers.get("content-type")).toBeNull();
  });
});

describe("Range on a log that grows", () => {
  test("follows from any offset that is there, the end included, to the stream's own end", async () => {
    const size = 3_000_000;
    const first = await ask(`kind=noise&size=${size}&pauseMs=10`);
    const head = await readSome(first, 200_000);
    const url = at(`/streams/${idOf(first)}`);
    const rest = await fetch(url, { headers: { range: `bytes=${head.length}-` } });
    expect([rest.status, rest.headers.get("content-range")]).toEqual([206, `bytes ${head.length}-${Number.MAX_SAFE_INTEGER}/*`]);
    expect(sha256(head, Buffer.from(await rest.arrayBuffer()))).toBe(sha256(noise(0, size)));
  });

  test("a range behind what is there is a 416 that says how much there is", async () => {
    const response = await ask("kind=hold");
    expect((await readSome(response, 4)).toString()).toBe("held");
    const url = at(`/streams/${idOf(response)}`);
    const beyond = await fetch(url, { headers: { range: "bytes=5-" } });
    expect([beyond.status, beyond.headers.get("content-range"), beyond.headers.get("stream-outcome")]).toEqual([416, "bytes */4", null]);
    await beyond.body?.cancel();
    const now = await fetch(`${url.href}?live=false`);
    expect([now.status, now.headers.get("content-length"), await now.text()]).toEqual([200, "4", "held"]);
    const closed = await fetch(url, { headers: { range: "bytes=1-2" } });
    expect([closed.status, closed.headers.get("content-range"), await closed.text()]).toEqual([206, "bytes 1-2/*", "el"]);
    const waiting = await fetch(url, { headers: { range: "bytes=4-" } });
    expect(waiting.status).toBe(206);
    await fetch(at(`/streams/${idOf(response)}/cancel`), { method: "POST" });
    expect(await waiting.text()).toBe("");
  });
});

describe("P2 once-in-order", () => {
  test("P2: 200 MB arrive with the right SHA-256 after five cuts at random offsets", { timeout: 180_000 }, async () => {
    const size = 200_000_000;
    const hash = createHash("sha256");
    let received = 0;
    let response = await ask(`kind=noise&size=${size}`);
    const url = at(`/streams/${idOf(response)}`);
    const cuts = Array.from({ length: 5 }, () => Math.floor(Math.random() * size)).toSorted((a, b) => a - b);
    for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
      for await (const part of response.body ?? []) {
        hash.update(part);
        received += part.length;
        if (received >= cut) break;
      }
      if (cut !== Number.POSITIVE_INFINITY) response = await fetch(url, { headers: { range: `bytes=${received}-` } });
    }
    const expected = createHash("sha256");
    for (let from = 0; from < size; from += 1_000_000) expected.update(noise(from, from + 1_000_000));
    expect([received, hash.digest("hex")]).toEqual([size, expected.digest("hex")]);
  });
});

describe("P5 survives", () => {
  test("P5: the open body of a killed Lambda goes on with the next attempt, whose chunks are cut elsewhere", async () => {
    const size = 4_000_000;
    const response = await ask(`kind=noise&size=${size}&pauseMs=10`);
    const parts: Uint8Array[] = [];
    let killed = 0;
    for await (const part of response.body ?? []) {
      parts.push(part);
      if (killed === 0 && parts.length === 5) killed = stack.current.lambda.faults.kill(({ payload }) => JSON.stringify(payload).includes(idOf(response))).length;
    }
    expect(killed).toBe(1);
    expect(sha256(...parts)).toBe(sha256(noise(0, size)));
    const attempts = [{ attempt: 1, reason: expect.stringContaining("did not dial again") }, { attempt: 2, lastSeq: size, reason: "completed" }];
    expect(await statusOf(stack.current.url, idOf(response))).toMatchObject({ attempt: 2, outcome: "completed", lastSeq: size, attempts });
  });

  test.each(["hibernate", "close"] as const)("P5: the object evicted (%s) under an open body is invisible", async (sockets) => {
    const size = 3_000_000;
    const response = await ask(`kind=noise&size=${size}&pauseMs=10`);
    const head = await readFirst(response, 300_000);
    await stack.current.worker.evict(idOf(response), sockets);
    expect(sha256(head.bytes, await head.rest())).toBe(sha256(noise(0, size)));
  });
});

/** Reads a while, and leaves the rest to be read. */
async function readFirst(response: Response, count: number): Promise<{ readonly bytes: Buffer; readonly rest: () => Promise<Buffer> }> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  const pull = async (until: () => boolean): Promise<Buffer> => {
    parts.length = 0;
    while (!until()) {
      const step = await reader?.read();
      if (step === undefined || step.done) break;
      parts.push(step.value);
    }
    return Buffer.concat(parts);
  };
  const bytes = await pull(() => parts.reduce((sum, part) => sum + part.length, 0) >= count);
  return { bytes, rest: async () => pull(() => false) };
}
