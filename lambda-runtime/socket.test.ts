/** Owns the tests of which connections of a process are kept track of. */

import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { destroyLeftovers, dial } from "./socket.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("P6: a dial that was refused leaves nothing behind", async () => {
  const server = createServer();
  // Without a listener Node closes the connection instead of answering.
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const terminate = vi.spyOn(WebSocket.prototype, "terminate");
  const none = (): void => expect.fail();
  const invocation = { longstream: 1, stream: "s1", attempt: 1, url: `http://127.0.0.1:${port}/streams/s1`, ticket: "t" } as const;
  const dialled = dial(invocation, "run", { open: none, message: none, pong: none, close: none });
  await expect(dialled).rejects.toThrow("Cannot dial in: the gateway answered 503");
  destroyLeftovers();
  expect(terminate).not.toHaveBeenCalled();
  server.close();
});
