/** Owns the way of the load generator's events into a server whose producer is in its own process by design. */

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { announce, endWithInput } from "./announce.ts";

/** A stream as its producer sees it. */
export interface Intake {
  /** Settles when the peer has the events where it keeps them. */
  append(events: readonly string[]): Promise<void>;
}

export interface Peer {
  open(stream: string): Promise<Intake>;
  read(stream: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): Promise<void>;
}

/** Serves `/<stream>/produce` and `/<stream>/read` on a free port of 127.0.0.1. */
export function serve(peer: Peer, otherPids: readonly number[] = []): void {
  const server = createServer((request, response) => {
    peer.read(streamOf(request), request, response).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      response.destroy();
    });
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on("connection", (socket, request) => {
    take(socket, async () => peer.open(streamOf(request)));
  });
  server.listen(0, "127.0.0.1", () => {
    const address: AddressInfo | string | null = server.address();
    if (typeof address === "object" && address !== null) announce(address.port, [process.pid, ...otherPids]);
  });
  endWithInput(async () => peer.close());
}

/** Each message is answered once it is done, in order: the opening too. A message is events, one a line. */
function take(socket: WebSocket, open: () => Promise<Intake>): void {
  const opened = open();
  let last: Promise<void> = opened.then(() => socket.send("opened"));
  const queue = (act: () => Promise<void>): void => {
    last = last.then(act).then(
      () => socket.send("done"),
      (error: unknown) => socket.close(1011, String(error).slice(0, 100)),
    );
  };
  socket.on("message", (message: Buffer) => {
    const events = message.toString("utf8").split("\n");
    queue(async () => (await opened).append(events));
  });
}

function streamOf(request: IncomingMessage): string {
  const [, stream = ""] = (request.url ?? "").split("/");
  return stream;
}
