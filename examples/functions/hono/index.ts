/** Answers with a Hono app: every route of it behind one prefix of the gateway (`path = "/hono/*"`). */

import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { streamSSE } from "hono/streaming";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerStream } from "longstream/lambda-runtime";

const app = new Hono<{ Bindings: { stream: HandlerStream } }>().basePath("/hono");

app.post("/orders", async (c) => {
  const order: unknown = await c.req.json();
  setCookie(c, "last-order", "17");
  return c.json({ id: 17, order }, 201);
});

app.get("/ticks", (c) =>
  streamSSE(c, async (sse) => {
    for (let n = 1; n <= Number(c.req.query("n") ?? 50); n++) {
      // Only what is new keeps the pace; a later attempt repeats the rest at once.
      if (n > (c.env.stream.resume?.seq ?? 0)) await sse.sleep(20);
      await sse.writeSSE({ event: "tick", data: JSON.stringify({ n }) });
    }
  }),
);

// Resume: a later attempt asks the app again. An event stream is compared by its events and anything else by its bytes, so
// a route that answers the same to the same request goes on; one that does not fails with replay-diverged. A POST is
// handled again too, as after any retry: make it idempotent, by `stream.id` for example.
export const handler = streamHandler((request, stream) => app.fetch(request, { stream }));
