/** Owns the proof that a page that is loaded again goes on where it was, and of data read as JSON. */

import { expect, test } from "vitest";
import { openStream } from "./index.ts";
import type { SavingStorage } from "./index.ts";
import { bytes, ended, events, nothingMore, origin, problem, quick, readAll, readData, run, script, status, streamUrl } from "./testing.ts";

const url = `${origin}/api/answer`;
const key = "answer";

function storageOf(map: Map<string, string>): SavingStorage {
  return { getItem: (name) => map.get(name) ?? null, setItem: (name, value) => map.set(name, value), removeItem: (name) => map.delete(name) };
}

function saved(cursor: string | null): string {
  return JSON.stringify({ url: streamUrl, cursor });
}

test("the stream is stored once it is named, and the cursor once its event was dealt with", async () => {
  const map = new Map<string, string>();
  const { fetch } = script(events([run(1, 2) + ended(2, "completed")], "clean"));
  const seen: (string | undefined)[] = [];
  for await (const { id } of openStream(url, { fetch }).saveTo(storageOf(map), key)) seen.push(id, map.get(key));
  expect([...seen, map.get(key)]).toEqual(["s-1-1", saved(null), "s-1-2", saved("s-1-1"), saved("s-1-2")]);
});

test("leaving the loop stores the event it was left with", async () => {
  const map = new Map<string, string>();
  for await (const _ of openStream(url, { fetch: script(events([run(1, 2)], "open")).fetch }).saveTo(storageOf(map), key)) break;
  expect(map.get(key)).toBe(saved("s-1-1"));
});

test("what is stored is gone on from, and a POST is not posted again", async () => {
  const map = new Map([[key, saved("s-1-2")]]);
  const { fetch, sent } = script(events([run(3, 3) + ended(3, "completed")], "clean"));
  const stream = openStream(url, { fetch, method: "POST", body: "question" }).saveTo(storageOf(map), key);
  expect([stream.url, stream.cursor]).toEqual([streamUrl, "s-1-2"]);
  expect(await readData(stream)).toEqual(["3"]);
  expect(sent.map(({ method, url: target, headers, body }) => [method, target, headers.get("last-event-id"), body])).toEqual([["GET", streamUrl, "s-1-2", null]]);
});

test("a POST that was answered, but brought no event yet, is not posted again either", async () => {
  const map = new Map([[key, saved(null)]]);
  const { fetch, sent } = script(events([run(1, 1) + ended(1, "completed")], "clean"));
  expect(await readData(openStream(url, { fetch, method: "POST" }).saveTo(storageOf(map), key))).toEqual(["1"]);
  expect(sent.map(({ method }) => method)).toEqual(["GET"]);
});

test("a stream that was read to its end ends at once", async () => {
  const map = new Map([[key, saved("s-1-3")]]);
  const { fetch } = script(nothingMore, status("completed", 3));
  expect(await readData(openStream(url, { fetch }).saveTo(storageOf(map), key))).toEqual([]);
  expect(map.get(key)).toBe(saved("s-1-3"));
});

test("a stream that is no longer there is told, and forgotten, so that the next load begins anew", async () => {
  const map = new Map([[key, saved("s-1-3")]]);
  const { fetch } = script(problem(404, { code: "stream-not-found", detail: "Cannot find the stream s-1" }));
  expect((await readAll(openStream(url, { fetch }).saveTo(storageOf(map), key))).thrown).toMatchObject({ code: "stream-not-found" });
  expect(map.size).toBe(0);
});

test("what is stored and cannot be read is as good as nothing", async () => {
  const map = new Map([[key, "?"]]);
  const { fetch, sent } = script(events([ended(0, "completed")], "clean"));
  await readData(openStream(url, { fetch }).saveTo(storageOf(map), key));
  expect(sent[0]?.url).toBe(url);
});

test("of bytes, their count is stored", async () => {
  const map = new Map<string, string>();
  const storage = storageOf(map);
  const first = script(bytes("abc", "open"));
  for await (const _ of openStream(url, { fetch: first.fetch }).saveTo(storage, key).bytes()) break;
  const second = script(bytes("d", "clean", "bytes 3-3/4"), status("completed", 4));
  for await (const chunk of openStream(url, { fetch: second.fetch }).saveTo(storage, key).bytes()) expect(chunk).toEqual(Uint8Array.of(100));
  expect([second.sent[0]?.headers.get("range"), map.get(key)]).toEqual(["bytes=3-", saved("4")]);
});

test("saveTo() is part of the statement that opens the stream", async () => {
  const stream = openStream(url, { fetch: script(events([], "open")).fetch });
  await Promise.resolve();
  expect(() => stream.saveTo(storageOf(new Map()), key)).toThrow(expect.objectContaining({ code: "bad-request" }));
  stream.close();
});

test("json() parses the data of each event", async () => {
  const body = 'event: token\ndata: {"n":1}\nid: s-1-1\n\ndata: null\nid: s-1-2\n\n';
  const { fetch } = script(events([body], "cut"), events([ended(2, "completed")], "clean"));
  const seen: unknown[] = [];
  for await (const event of openStream(url, { fetch, retry: quick }).json<{ n: number } | null>()) seen.push(event);
  expect(seen).toEqual([
    { id: "s-1-1", event: "token", data: { n: 1 } },
    { id: "s-1-2", event: "message", data: null },
  ]);
});

test("json() of data that is none is an error that names the event", async () => {
  const stream = openStream(url, { fetch: script(events(["data: [\nid: s-1-1\n\n"], "open")).fetch });
  const reading = (async () => {
    for await (const _ of stream.json()) expect(_).toBe("never");
  })();
  await expect(reading).rejects.toMatchObject({ code: "bad-event", message: "Cannot parse the event s-1-1: its data is no JSON" });
  expect(stream.state).toBe("failed");
});
