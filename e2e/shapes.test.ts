/** Every shape of handler that the examples show, through the gateway: as it is, and with its Lambda killed in mid-answer. */

import { describe, expect, test } from "vitest";
import { Reader, upTo } from "./support/reader.ts";
import type { SeenEvent } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { waitForStatus } from "./support/status.ts";

const methods = ["GET", "POST"];
const names = ["response", "readable-stream", "node-readable", "writable", "ai-sdk", "middy", "count"];
const stack = useStack({
  fixtures: ["ai-real"],
  routes: [
    ...names.map((name) => ({ path: `/shapes/${name}`, methods, function: name, region: "us-east-1" })),
    { path: "/url/writable", functionUrl: "https://writable.lambda-url.us-east-1.on.aws/", region: "us-east-1" },
    { path: "/hono/*", methods, function: "hono", region: "us-east-1" },
  ],
});
const at = (path: string): URL => new URL(path, stack.current.url);
const idOf = (response: Response): string => response.headers.get("stream-id") ?? "";
const kill = (id: string): number => stack.current.lambda.faults.kill(({ payload }) => JSON.stringify(payload).includes(`"${id}"`)).length;
/** More attempts than were needed are no fault here: a machine that is busy enough loses a lease. */
const completedBy = async (id: string, attempts: number): Promise<void> => {
  const { outcome, attempt } = await waitForStatus(stack.current.url, id, ({ phase }) => phase === "ended");
  expect([outcome, attempt >= attempts]).toEqual(["completed", true]);
};

/** Reads the body to its end; its Lambda is killed once `killAfter` bytes of it were seen. */
async function readBytes(response: Response, killAfter: number | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let killed = killAfter === null;
  for await (const part of response.body ?? []) {
    parts.push(part);
    if (killed || Buffer.concat(parts).length < (killAfter ?? 0)) continue;
    expect(kill(idOf(response))).toBe(1);
    killed = true;
  }
  expect(killed).toBe(true);
  await completedBy(idOf(response), killAfter === null ? 1 : 2);
  return Buffer.concat(parts);
}

async function readEvents(path: string, killAfter: number | null): Promise<Reader> {
  const reader = await Reader.open(at(path));
  if (killAfter !== null) {
    await reader.seen(killAfter);
    expect(kill(reader.streamId)).toBe(1);
  }
  expect(await reader.ended).toBe("clean");
  await completedBy(reader.streamId, killAfter === null ? 1 : 2);
  expect(reader.ids).toEqual(upTo(reader.messages.length).map((seq) => `${reader.streamId}-${seq}`));
  expect(reader.control("longstream.end")).toEqual({ outcome: "completed" });
  return reader;
}

const faults = [["undisturbed", false], ["killed in mid-answer", true]] as const;
const named = ({ event, data }: SeenEvent): readonly [string | undefined, unknown] => [event, JSON.parse(data)];

describe.concurrent.each(faults)("%s:", (_what, fault) => {
  test("a fetch-style Response keeps status, headers, cookies and every byte", async () => {
    const response = await fetch(at("/shapes/response?rows=150"));
    expect([response.status, response.headers.get("content-type"), response.headers.get("content-disposition"), response.headers.getSetCookie()]).toEqual([
      200, "text/csv; charset=utf-8", 'attachment; filename="squares.csv"', ["report=squares; Path=/", "rows=150; Path=/"],
    ]);
    const text = (await readBytes(response, fault ? 100 : null)).toString();
    expect(text).toBe(["n,square", ...upTo(150).map((n) => `${n},${n * n}`), ""].join("\n"));
  });

  test("an async generator gives events", async () => {
    const reader = await readEvents("/shapes/count?n=150&intervalMs=10", fault ? 20 : null);
    expect(reader.response.headers.get("content-type")).toBe("text/event-stream");
    expect(reader.numbers).toEqual(upTo(150));
  });

  test("a web ReadableStream of objects gives events with their names", async () => {
    const reader = await readEvents("/shapes/readable-stream?steps=50", fault ? 10 : null);
    expect(reader.messages.map(named)).toEqual([...upTo(50).map((step) => ["progress", { step, of: 50 }]), ["result", { sum: 1_275 }]]);
  });

  test("a Node Readable of bytes gives them, each once", async () => {
    const response = await fetch(at("/shapes/node-readable?size=2000000"));
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
    const bytes = await readBytes(response, fault ? 100_000 : null);
    expect(bytes.equals(Buffer.from(Array.from({ length: 2_000_000 }, (_, index) => index % 251)))).toBe(true);
  });

  test("a Writable written to as for awslambda.streamifyResponse keeps its HttpResponseStream's metadata", async () => {
    const response = await fetch(at("/shapes/writable?name=A%26B&lines=150"));
    expect([response.status, response.headers.get("content-type"), response.headers.get("x-path"), response.headers.getSetCookie()]).toEqual([
      201, "text/html; charset=utf-8", "/shapes/writable", ["seen=1; Path=/", "name=A%26B; Path=/"],
    ]);
    const text = (await readBytes(response, fault ? 500 : null)).toString();
    expect(text).toBe(["<!doctype html>", "<ol>", ...upTo(150).map((line) => `<li>Hello A&B, line ${line}</li>`), "</ol>", ""].join("\n"));
  });

  test("a Hono app streams events, and answers its other routes too", async () => {
    const reader = await readEvents("/hono/ticks?n=60", fault ? 20 : null);
    expect(reader.messages.map(named)).toEqual(upTo(60).map((n) => ["tick", { n }]));
    const order = await fetch(at("/hono/orders"), { method: "POST", body: '{"tea":2}', headers: { "content-type": "application/json" } });
    expect([order.status, order.headers.getSetCookie(), await order.json()]).toEqual([201, ["last-order=17; Path=/"], { id: 17, order: { tea: 2 } }]);
    expect((await fetch(at("/hono/nothing"))).status).toBe(404);
  });

  test("the AI SDK's UI message stream arrives as its own protocol", async () => {
    const reader = await readEvents("/shapes/ai-sdk?prompt=Will+it+hold", fault ? 20 : null);
    expect([reader.response.status, reader.response.headers.get("x-vercel-ai-ui-message-stream")]).toEqual([200, "v1"]);
    const last = reader.messages.at(-1);
    expect(last?.data).toBe("[DONE]");
    const parts = reader.messages.slice(0, -1).map(({ data }): unknown => JSON.parse(data));
    expect(parts).toMatchObject([
      { type: "start" }, { type: "start-step" }, { type: "text-start" }, ...Array.from({ length: 50 }, () => ({ type: "text-delta" })),
      { type: "text-end" }, { type: "finish-step" }, { type: "finish" },
    ]);
    const text = parts.map((part) => (typeof part === "object" && part !== null && "delta" in part ? String(part.delta) : "")).join("");
    expect(text).toBe("You asked: Will it hold ".repeat(10));
  });

  test("middy runs its middleware around a streamed answer", async () => {
    const response = await fetch(at("/shapes/middy?n=150"));
    expect([response.status, response.headers.get("content-type"), response.headers.get("x-powered-by")]).toEqual([200, "text/plain", "middy"]);
    const text = (await readBytes(response, fault ? 300 : null)).toString();
    expect(text).toBe(upTo(150).map((i) => `${i} squared is ${i * i}\n`).join(""));
  });
});

describe.concurrent("and beyond a kill:", () => {
  test("middleware of middy may answer in the handler's place", async () => {
    const response = await fetch(at("/shapes/middy"), { method: "POST" });
    expect([response.status, response.headers.get("allow"), await response.text()]).toEqual([405, "GET", "only GET\n"]);
  });

  test("a Writable is the same where its function is invoked by Function URL", async () => {
    const response = await fetch(at("/url/writable?name=url&lines=3"));
    expect([response.status, response.headers.get("x-path"), response.headers.getSetCookie().length]).toEqual([201, "/url/writable", 2]);
    expect(await response.text()).toContain("<li>Hello url, line 3</li>\n</ol>\n");
  });

  test("P3: the AI SDK before a model that does not repeat itself fails truthfully, never with two halves", async () => {
    const reader = await Reader.open(at("/answers/ai-real"));
    await reader.seen(20);
    expect(kill(reader.streamId)).toBe(1);
    expect(await reader.ended).toBe("aborted");
    expect(reader.control("longstream.end")).toMatchObject({ outcome: "failed", error: { code: "replay-diverged" } });
    expect(reader.messages.every(({ data }) => !data.includes("attempt 2"))).toBe(true);
  });

  test("a reader that comes back with its cursor gets the rest of an AI SDK answer", async () => {
    const first = await Reader.open(at("/shapes/ai-sdk?prompt=Will+it+hold"));
    await first.seen(10);
    first.leave();
    const second = await Reader.readAll(at("/shapes/ai-sdk?prompt=Will+it+hold"), first.cursor === undefined ? {} : { cursor: first.cursor });
    expect(await second.ended).toBe("clean");
    expect([...first.ids, ...second.ids]).toEqual(upTo(57).map((seq) => `${first.streamId}-${seq}`));
  });
});
