/** A fetch-style application with one path for each behaviour of an HTTP answer; it knows nothing of who serves it. */

import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

/** Answers of `/parity/{name}`. */
const answers: Readonly<Record<string, (request: Request, url: URL) => Response | Promise<Response>>> = {
  text: () => new Response("plain text", { headers: { "content-type": "text/x-plain", "content-length": "10" } }),
  json: () => Response.json({ ok: true, list: [1, 2, 3] }),
  html: () => new Response("<p>gone</p>", { status: 404, headers: { "content-type": "text/html; charset=utf-8" } }),
  empty: () => new Response(""),
  nothing: () => new Response(null),
  byte: () => new Response(Uint8Array.of(255), { headers: { "content-type": "application/octet-stream" } }),
  what: async (request, url) =>
    Response.json({ method: request.method, path: url.pathname, query: url.search, type: request.headers.get("content-type"), body: await request.text() }),
  headers: (request) =>
    Response.json(Object.fromEntries(["x-one", "x-many", "cookie", "authorization", "accept-language", "x-hop"].map((name) => [name, request.headers.get(name)]))),
  form: async (request) => Response.json(Object.fromEntries([...(await request.formData())].map(([name, value]) => [name, typeof value === "string" ? value : value.name]))),
  size: async (request) => Response.json({ bytes: (await request.arrayBuffer()).byteLength, declared: request.headers.get("content-length") }),
  ignore: () => new Response("early", { status: 202 }),
  status: (_request, url) => new Response(`status ${url.searchParams.get("code")}`, { status: Number(url.searchParams.get("code")), headers: { "content-type": "text/x-plain" } }),
  bodiless: (_request, url) => new Response(null, { status: Number(url.searchParams.get("code")), headers: { etag: '"v1"', "x-kept": "yes" } }),
  created: () => new Response("made", { status: 201, headers: { location: "/parity/text?made" } }),
  redirect: (_request, url) => new Response(null, { status: Number(url.searchParams.get("code")), headers: { location: "/parity/json" } }),
  denied: () => new Response("who?", { status: 401, headers: { "www-authenticate": 'Basic realm="a, b"' } }),
  busy: () => new Response("later", { status: 503, headers: { "retry-after": "7" } }),
  cookies: () => new Response("yum", { headers: [["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT"]] }),
  many: () => new Response("many", { headers: [["x-many", "one"], ["x-many", "two"], ["link", "</a>; rel=a"], ["link", "</b>; rel=b"]] }),
  file: () => new Response("data", { headers: { "content-disposition": 'attachment; filename="a b.txt"', "cache-control": "max-age=60", etag: '"v2"' } }),
  gzip: () => new Response(gzipSync("squeezed ".repeat(1_000)), { headers: { "content-encoding": "gzip", "content-type": "text/x-plain" } }),
  large: () => new Response(new Uint8Array(5_000_000).fill(7), { headers: { "content-type": "video/mp4", "content-length": "5000000" } }),
  streamed: () => new Response(toStream(Array.from({ length: 40 }, () => new Uint8Array(50_000).fill(9))), { headers: { "content-type": "video/mp4" } }),
  events: () => sse('event: greeting\ndata: {"a":1}\n\ndata: two\ndata: lines\n\nid: 7\ndata: last\n\n'),
  crlf: () => sse(": hello\r\nretry: 5\r\ndata: caf\u00e9 \u{1f4a1}\r\n\r\ndata: b\rdata: c\r\rdata: unfinished", 1),
  breaks: () => new Response(thenError(["one", "two"]), { headers: { "content-type": "video/mp4" } }),
  throws: () => {
    throw new Error("the application broke");
  },
};

export async function app(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const name = decodeURIComponent(url.pathname.split("/")[2] ?? "");
  const answer = answers[name];
  return answer === undefined ? Response.json({ path: url.pathname, query: url.search }) : answer(request, url);
}

/** An event stream that comes in pieces of `size` bytes. */
function sse(text: string, size = 1_000): Response {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
  return new Response(toStream(pieces), { headers: { "content-type": "text/event-stream; charset=utf-8", "x-kept": "yes" } });
}

function toStream(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull: (controller) => {
      const piece = pieces[at++];
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

function thenError(parts: readonly string[]): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull: async (controller) => {
      const part = parts[at++];
      // What was written before must have left: an error takes along what is still held.
      if (at > 1) await sleep(100);
      if (part === undefined) controller.error(new Error("the application broke off"));
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}
