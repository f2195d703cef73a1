/** Owns the network of the local stack: a TCP proxy that can cut or freeze the connections of one stream. */

import { createConnection, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

export interface Proxy {
  readonly url: string;
  /** Destroys connections without a goodbye. Null means every stream. Answers how many. */
  drop(streamId: string | null): number;
  /** Keeps connections open and passes nothing on, in either direction: a half-open network. */
  blackhole(streamId: string | null): number;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** The stream of the latest exchange on this connection. */
  streamId: string | null;
}

const idInRequest = /^[A-Z]+ \/streams\/([A-Za-z0-9_-]+)/;
const idInResponse = /^stream-id: ([A-Za-z0-9_-]+)/im;
/** Only the start of a head is looked at, never a body's bytes in full. */
const headBytes = 4_096;

export async function startProxy(port: number, target: () => { readonly host: string; readonly port: number }): Promise<Proxy> {
  const pairs = new Set<Pair>();
  const server = createServer((near) => {
    const pair: Pair = { near, far: createConnection(target()), streamId: null };
    pairs.add(pair);
    forward(pair.near, pair.far, (text) => noteId(pair, idInRequest.exec(text)));
    forward(pair.far, pair.near, (text) => noteId(pair, text.startsWith("HTTP/") ? idInResponse.exec(text) : null));
    near.on("close", () => pairs.delete(pair));
  });
  await listen(server, port);
  const matching = (streamId: string | null): readonly Pair[] =>
    [...pairs].filter((pair) => (streamId === null ? pair.streamId !== null : pair.streamId === streamId));
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    drop: (streamId) => each(matching(streamId), ({ near, far }) => [near, far].map(reset)),
    blackhole: (streamId) => each(matching(streamId), ({ near, far }) => [near, far].map(silence)),
    close: async () => {
      for (const { near, far } of pairs) for (const socket of [near, far]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(from: Socket, to: Socket, look: (head: string) => void): void {
  from.setNoDelay(true);
  from.on("data", (chunk: Buffer) => look(chunk.toString("latin1", 0, headBytes)));
  from.pipe(to);
  from.on("error", () => to.destroy());
  // After a clean close, what was read and is not yet written must still arrive.
  from.on("close", () => to.destroySoon());
}

function noteId(pair: Pair, match: RegExpExecArray | null): void {
  if (match?.[1] !== undefined) pair.streamId = match[1];
}

/** A socket whose end is on its way cannot be reset: libuv refuses, Node loses the handle, and the process never exits (2026-11). */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function silence(socket: Socket): void {
  socket.unpipe();
  socket.removeAllListeners("data");
  socket.pause();
}

function each(pairs: readonly Pair[], act: (pair: Pair) => void): number {
  for (const pair of pairs) act(pair);
  return pairs.length;
}

/** Rejects with the system's error, `EADDRINUSE` among them. */
export async function listen(server: Pick<Server, "listen" | "once" | "off">, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot read the port: the server does not listen");
  return address.port;
}
