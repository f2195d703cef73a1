/** Owns what the benchmark measures the product against: plain files, served by the same workerd process. */

import product from "../../local/edge/worker-entry.ts";
import type { LocalEnv } from "../../local/edge/worker-entry.ts";

export { StreamObject } from "../../local/edge/worker-entry.ts";

interface BenchEnv extends LocalEnv {
  readonly FILES: Fetcher;
}

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    const [, kind, name] = /^\/bench\/(file|copy)\/([a-z-]+)$/.exec(pathname) ?? [];
    if (kind === undefined) return product.fetch(request, env, ctx);
    const response = await env.FILES.fetch(`http://files/${name}`);
    const body: ReadableStream<Uint8Array> | null = response.body;
    if (body === null || kind === "file") return new Response(body);
    const { readable, writable } = new IdentityTransformStream();
    ctx.waitUntil(copy(body, writable.getWriter()));
    return new Response(readable);
  },
} satisfies ExportedHandler<BenchEnv>;

const chunkBytes = 64 * 1024;

/** As a relay must: each chunk passes through JavaScript. */
async function copy(body: ReadableStream<Uint8Array>, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  let buffer = new Uint8Array(chunkBytes);
  for (;;) {
    const { value, done } = await reader.readAtLeast(chunkBytes, buffer);
    if (value !== undefined && value.length > 0) await writer.write(value);
    if (done) return writer.close();
    buffer = new Uint8Array(chunkBytes);
  }
}
