/** A Hono app by its own adapter for AWS, which reads the event of a Function URL and writes to AWS's response stream. */

import { Hono } from "hono";
import { streamHandle } from "hono/aws-lambda";
import { setCookie } from "hono/cookie";
import { streamText } from "hono/streaming";
import { nodeStreamHandler } from "longstream/lambda-runtime";

const app = new Hono();

app.post("/answers/hono-aws", async (c) => {
  const text = await c.req.text();
  setCookie(c, "a", "1");
  return streamText(c, async (stream) => {
    for (let n = 1; n <= 60; n++) {
      await stream.sleep(10);
      await stream.writeln(`${c.req.query("say")} ${text} ${n}`);
    }
  });
});

export const handler = nodeStreamHandler(streamHandle(app));
