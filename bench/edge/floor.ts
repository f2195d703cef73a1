/** Owns the least that passes a stream through an object: nothing is stored, numbered, acknowledged or resumed. */

import { DurableObject } from "cloudflare:workers";

interface FloorEnv {
  readonly STREAMS: DurableObjectNamespace<FloorObject>;
}

const headers = { "content-type": "text/event-stream", "cache-control": "no-cache" };
/** Makes the head leave at once. */
const opening = new TextEncoder().encode(": open\n\n");

/** `/<stream>/produce` upgrades; `/<stream>/relayed` is written by the Worker, `/<stream>/held` by the object. */
export default {
  async fetch(request, env, ctx): Promise<Response> {
    const [, stream = "", way] = new URL(request.url).pathname.split("/");
    const object = env.STREAMS.get(env.STREAMS.idFromName(stream));
    if (way !== "relayed") return object.fetch(request);
    const { webSocket } = await object.fetch(request.url, { headers: { upgrade: "websocket" } });
    if (webSocket === null) return new Response(null, { status: 502 });
    webSocket.binaryType = "arraybuffer";
    const { readable, writer } = openBody();
    webSocket.addEventListener("message", ({ data }) => {
      if (data instanceof ArrayBuffer) pass(writer, new Uint8Array(data));
    });
    webSocket.accept();
    ctx.waitUntil(writer.closed.catch(() => webSocket.close()));
    return new Response(readable, { headers });
  },
} satisfies ExportedHandler<FloorEnv>;

/** Its producer's messages are the bytes that readers get. */
export class FloorObject extends DurableObject<FloorEnv> {
  readonly #sockets = new Set<WebSocket>();
  readonly #writers = new Set<WritableStreamDefaultWriter<Uint8Array>>();

  override fetch(request: Request): Response {
    if (request.url.endsWith("/held")) return this.#hold();
    const { 0: client, 1: server } = new WebSocketPair();
    server.binaryType = "arraybuffer";
    if (request.url.endsWith("/produce")) {
      server.addEventListener("message", ({ data }) => {
        if (data instanceof ArrayBuffer) this.#pass(data);
      });
    } else {
      this.#sockets.add(server);
      server.addEventListener("close", () => this.#sockets.delete(server));
    }
    server.accept();
    return new Response(null, { status: 101, webSocket: client });
  }

  #hold(): Response {
    const { readable, writer } = openBody();
    this.#writers.add(writer);
    writer.closed.catch(() => this.#writers.delete(writer));
    return new Response(readable, { headers });
  }

  #pass(data: ArrayBuffer): void {
    for (const socket of this.#sockets) socket.send(data);
    if (this.#writers.size === 0) return;
    for (const writer of this.#writers) pass(writer, new Uint8Array(data));
  }
}

interface Body {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
}

function openBody(): Body {
  const { readable, writable } = new IdentityTransformStream();
  const writer: WritableStreamDefaultWriter<Uint8Array> = writable.getWriter();
  pass(writer, opening);
  return { readable, writer };
}

/** A reader that left shows in `closed`. */
function pass(writer: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array): void {
  writer.write(bytes).catch(() => undefined);
}
