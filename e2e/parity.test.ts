/** The same requests to one application, served by a plain Node server and by the gateway: only what is said here differs. */

import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { app } from "./functions/parity/app.ts";
import { startPlainServer } from "./support/plain-server.ts";
import type { PlainServer } from "./support/plain-server.ts";
import { useStack } from "./support/stack.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const stack = useStack({ fixtures: [], routes: [{ path: "/parity/*", methods, function: "parity", region: "us-east-1" }] });
let plain: PlainServer | null = null;
beforeAll(async () => {
  plain = await startPlainServer(app);
});
afterAll(async () => plain?.close());

/** Where the two differ, and why that is right. */
const differences = {
  /** A handler that throws before its answer: the gateway says what happened, as problem details. */
  thrown: { plain: 500, gateway: 502 },
  /** Headers of one connection are not the handler's business (RFC 9110, section 7.6.1). */
  hopByHop: { plain: "1", gateway: null },
  /** Cursors and reconnect delay are the gateway's own; an event's own id is kept as `sourceId`. */
  lastId: { plain: "7", gateway: expect.stringMatching(/^[\w-]{21}-3$/) },
} as const;

interface Case {
  readonly name: string;
  readonly path: string;
  readonly init?: RequestInit;
  readonly status: number;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

const json = { "content-type": "application/json" };
const form = new FormData();
form.set("a", "1");
form.set("b", "two words");

const cases: readonly Case[] = [
  { name: "text of known length", path: "text", status: 200, headers: { "content-type": "text/x-plain", "content-length": "10" }, body: "plain text" },
  { name: "JSON", path: "json", status: 200, headers: { "content-type": "application/json" }, body: { ok: true, list: [1, 2, 3] } },
  { name: "an HTML 404", path: "html", status: 404, headers: { "content-type": "text/html; charset=utf-8" }, body: "<p>gone</p>" },
  { name: "an empty text", path: "empty", status: 200, body: "" },
  { name: "no body", path: "nothing", status: 200, body: "" },
  { name: "one byte", path: "byte", status: 200, headers: { "content-type": "application/octet-stream" }, body: Uint8Array.of(255) },
  { name: "GET with a query", path: "what?a=1&b=%20%26&c", status: 200, body: { method: "GET", path: "/parity/what", query: "?a=1&b=%20%26&c", type: null, body: "" } },
  { name: "POST of JSON", path: "what", init: { method: "POST", headers: json, body: '{"é":1}' }, status: 200, body: { method: "POST", path: "/parity/what", query: "", type: "application/json", body: '{"é":1}' } },
  { name: "POST without a body", path: "what", init: { method: "POST" }, status: 200, body: { method: "POST", path: "/parity/what", query: "", type: null, body: "" } },
  { name: "PUT", path: "what", init: { method: "PUT", headers: { "content-type": "text/x" }, body: "put" }, status: 200, body: { method: "PUT", path: "/parity/what", query: "", type: "text/x", body: "put" } },
  { name: "PATCH", path: "what", init: { method: "PATCH", headers: json, body: "{}" }, status: 200, body: { method: "PATCH", path: "/parity/what", query: "", type: "application/json", body: "{}" } },
  { name: "DELETE", path: "what", init: { method: "DELETE" }, status: 200, body: { method: "DELETE", path: "/parity/what", query: "", type: null, body: "" } },
  { name: "DELETE with a body", path: "what", init: { method: "DELETE", headers: json, body: "[1]" }, status: 200, body: { method: "DELETE", path: "/parity/what", query: "", type: "application/json", body: "[1]" } },
  { name: "OPTIONS", path: "what", init: { method: "OPTIONS" }, status: 200, body: { method: "OPTIONS", path: "/parity/what", query: "", type: null, body: "" } },
  { name: "HEAD of a known length", path: "text", init: { method: "HEAD" }, status: 200, headers: { "content-length": "10", "content-type": "text/x-plain" }, body: "" },
  { name: "HEAD of a stream", path: "streamed", init: { method: "HEAD" }, status: 200, headers: { "content-type": "video/mp4" }, body: "" },
  {
    name: "request headers",
    path: "headers",
    init: { headers: [["x-one", "1"], ["x-many", "a"], ["x-many", "b"], ["cookie", "c=3; d=4"], ["authorization", "Bearer t"], ["accept-language", "de, en;q=0.5"]] },
    status: 200,
    body: { "x-one": "1", "x-many": "a, b", cookie: "c=3; d=4", authorization: "Bearer t", "accept-language": "de, en;q=0.5", "x-hop": null },
  },
  { name: "a large request header", path: "headers", init: { headers: { "x-one": "y".repeat(8_000) } }, status: 200, body: expect.objectContaining({ "x-one": "y".repeat(8_000) }) },
  { name: "a multipart form", path: "form", init: { method: "POST", body: form }, status: 200, body: { a: "1", b: "two words" } },
  { name: "an encoded form", path: "form", init: { method: "POST", body: new URLSearchParams({ a: "1", b: "x&y" }) }, status: 200, body: { a: "1", b: "x&y" } },
  { name: "an upload of 5 MB", path: "size", init: { method: "POST", body: new Uint8Array(5_000_000) }, status: 200, body: { bytes: 5_000_000, declared: "5000000" } },
  { name: "an answer that does not wait for the upload", path: "ignore", init: { method: "POST", body: "x" }, status: 202, body: "early" },
  { name: "a created resource", path: "created", status: 201, headers: { location: "/parity/text?made" }, body: "made" },
  ...[301, 302, 303, 307, 308].map((code): Case => ({ name: `a ${code}`, path: `redirect?code=${code}`, init: { redirect: "manual" }, status: code, headers: { location: "/parity/json" }, body: "" })),
  { name: "a redirect that is followed", path: "redirect?code=302", status: 200, body: { ok: true, list: [1, 2, 3] } },
  { name: "a 204", path: "bodiless?code=204", status: 204, headers: { "x-kept": "yes" }, body: "" },
  { name: "a 304", path: "bodiless?code=304", status: 304, headers: { etag: '"v1"' }, body: "" },
  ...[400, 418, 429, 500, 599].map((code): Case => ({ name: `a ${code} with a body`, path: `status?code=${code}`, status: code, body: `status ${code}` })),
  { name: "a 401 with its challenge", path: "denied", status: 401, headers: { "www-authenticate": 'Basic realm="a, b"' }, body: "who?" },
  { name: "a 503 with its delay", path: "busy", status: 503, headers: { "retry-after": "7" }, body: "later" },
  { name: "headers given twice", path: "many", status: 200, headers: { "x-many": "one, two", link: "</a>; rel=a, </b>; rel=b" }, body: "many" },
  { name: "a file's headers", path: "file", status: 200, headers: { "content-disposition": 'attachment; filename="a b.txt"', "cache-control": "max-age=60", etag: '"v2"' }, body: "data" },
  { name: "a body the application compressed", path: "gzip", status: 200, headers: { "content-encoding": "gzip" }, body: "squeezed ".repeat(1_000) },
  { name: "5 MB of known length", path: "large", status: 200, headers: { "content-length": "5000000" }, body: new Uint8Array(5_000_000).fill(7) },
  { name: "2 MB of unknown length", path: "streamed", status: 200, headers: { "content-length": null }, body: new Uint8Array(2_000_000).fill(9) },
  { name: "a path with escapes and an empty segment", path: "a%20b//%C3%A9/?q=%2F", status: 200, body: { path: "/parity/a%20b//%C3%A9/", query: "?q=%2F" } },
];

describe.each(["plain", "gateway"] as const)("an application behind %s", (target) => {
  const at = (path: string): URL => new URL(`/parity/${path}`, target === "plain" ? plain?.url : stack.current.url);

  test.each(cases)("$name", async ({ path, init, status, headers = {}, body }) => {
    const response = await fetch(at(path), init ?? {});
    const seen = Object.fromEntries(Object.keys(headers).map((name) => [name, response.headers.get(name)]));
    expect([response.status, seen]).toEqual([status, headers]);
    if (body instanceof Uint8Array) expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), body)).toBe(0);
    else if (typeof body === "string") expect(await response.text()).toBe(body);
    else expect(await response.json()).toEqual(body);
  });

  test("a request header in UTF-8 reaches the application as its bytes", async () => {
    const bytes = Buffer.from("日本 café", "utf8").toString("latin1");
    const response = await fetch(at("headers"), { headers: { "x-one": bytes } });
    expect(await response.json()).toMatchObject({ "x-one": bytes });
  });

  test("cookies stay apart", async () => {
    const response = await fetch(at("cookies"));
    expect(response.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT"]);
    expect(await response.text()).toBe("yum");
  });

  test("an upload of unknown length", async () => {
    const body = new ReadableStream({ start: (controller) => (controller.enqueue(new Uint8Array(70_000)), controller.enqueue(new Uint8Array(1)), controller.close()) });
    const response = await fetch(at("size"), Object.assign({ method: "POST", body }, { duplex: "half" }));
    expect(await response.json()).toEqual({ bytes: 70_001, declared: null });
  });

  test("an event stream has its events, names and data", async () => {
    const response = await fetch(at("events"), { headers: { accept: "text/event-stream" } });
    expect([response.status, response.headers.get("content-type")?.split(";")[0], response.headers.get("x-kept")]).toEqual([200, "text/event-stream", "yes"]);
    const events = parse(await response.text());
    expect(events.map(({ event, data }) => [event, data])).toEqual([["greeting", '{"a":1}'], [undefined, "two\nlines"], [undefined, "last"]]);
    expect(events.at(-1)?.id).toEqual(differences.lastId[target]);
  });

  test("an event stream in CR, LF and single bytes has the same events; an unfinished one is none", async () => {
    const events = parse(await (await fetch(at("crlf"))).text());
    expect(events.map(({ data }) => data)).toEqual(["café 💡", "b\nc"]);
  });

  test("a body that breaks off is a network error", async () => {
    const response = await fetch(at("breaks"));
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow("terminated");
  });

  test("an application that throws is a server error", async () => {
    const response = await fetch(at("throws"));
    expect(response.status).toBe(differences.thrown[target]);
    await response.body?.cancel();
  });

  test("headers named by connection reach nobody behind a proxy", async () => {
    const { connection, ...seen } = await rawHeaders(at("headers"));
    expect([connection, seen["x-hop"]]).toEqual([undefined, differences.hopByHop[target]]);
  });
});

function parse(text: string): readonly { readonly id: string | undefined; readonly event: string | undefined; readonly data: string }[] {
  const events: { id: string | undefined; event: string | undefined; data: string }[] = [];
  const parser = createParser({ onEvent: ({ id, event, data }) => events.push({ id, event, data }) });
  parser.feed(text);
  return events.filter(({ event }) => event !== "longstream.end");
}

/** What the application sees of a request that fetch would not send. */
async function rawHeaders(url: URL): Promise<Readonly<Record<string, unknown>>> {
  const { request } = await import("node:http");
  const text = await new Promise<string>((resolve, reject) => {
    request(url, { headers: { connection: "x-hop", "x-hop": "1" } }, (response) => {
      response.setEncoding("utf8");
      response.toArray().then((parts) => resolve(parts.join("")), reject);
    })
      .once("error", reject)
      .end();
  });
  const seen: unknown = JSON.parse(text);
  return typeof seen === "object" && seen !== null ? Object.fromEntries(Object.entries(seen)) : {};
}
