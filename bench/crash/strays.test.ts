/** Owns the tests of what is noted of a producer that has no right to write, against a gateway that does one thing to it. */

import { createServer } from "node:http";
import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { afterEach, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { newHistory } from "./history.ts";
import type { Try } from "./history.ts";
import { stray } from "./strays.ts";

const invocation = { streamId: "aLog-_0123456789abcde", attempt: 2, ticket: "a ticket" };
const noKill = new AbortController().signal;
const kill = AbortSignal.abort();

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** `onWord`: at the first word of a producer that was upgraded. */
async function tryAt(onUpgrade: (socket: Duplex) => "upgrade" | "refuse", onWord: (socket: WebSocket) => void, dying: AbortSignal): Promise<Try | undefined> {
  const server = createServer();
  servers.push(server);
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (onUpgrade(socket) === "refuse") return;
    sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.once("message", () => onWord(webSocket)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const history = newHistory(invocation.streamId, "events");
  await stray(new URL(`http://127.0.0.1:${port}`), history, "late", invocation, dying);
  return history.tries[0];
}

const upgrade = (): "upgrade" => "upgrade";
const answerWith = (status: number) => (socket: Duplex): "refuse" => {
  socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  return "refuse";
};
const hangUp = (socket: Duplex): "refuse" => {
  socket.destroy();
  return "refuse";
};
const leave = (): void => undefined;

test.each<[what: string, answer: Try["answer"], detail: string, onUpgrade: (socket: Duplex) => "upgrade" | "refuse", onWord: (socket: WebSocket) => void, dying: AbortSignal]>([
  ["is fenced", "refused", "4409 fenced", upgrade, (socket) => socket.close(4409, "fenced"), noKill],
  ["is fenced just before a kill", "refused", "4409 fenced", upgrade, (socket) => socket.close(4409, "fenced"), kill],
  ["is refused the upgrade", "refused", "401 No", answerWith(401), leave, noKill],
  ["loses its connection by its words", "dropped", "1006 ", upgrade, (socket) => socket.terminate(), noKill],
  ["loses its connection by a kill", "cut off", "1006 ", upgrade, (socket) => socket.terminate(), kill],
  ["loses its connection before the upgrade", "dropped", "1006 ", hangUp, leave, noKill],
  ["meets a gateway that fails", "dropped", "503 No", answerWith(503), leave, noKill],
  ["meets a gateway that fails as it is killed", "cut off", "503 No", answerWith(503), leave, kill],
  ["is closed for another reason", "ignored", "1011 broken", upgrade, (socket) => socket.close(1011, "broken"), noKill],
  ["is welcomed", "welcomed", "", upgrade, (socket) => socket.send('{"type":"welcome"}'), kill],
])("one that %s was %s", async (_what, answer, detail, onUpgrade, onWord, dying) => {
  const found = await tryAt(onUpgrade, onWord, dying);
  expect(found).toMatchObject({ kind: "late", attempt: 2, answer });
  expect(found?.detail.split("; ")[0]).toBe(detail);
});
