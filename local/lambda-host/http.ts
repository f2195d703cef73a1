/** Owns the few things both HTTP servers of the host need: listening, closing and reading a bounded body. */
import type { IncomingMessage, Server } from "node:http";
import { limits } from "./limits.ts";

export type Body = { readonly type: "body"; readonly bytes: Buffer } | { readonly type: "too-large"; readonly bytes: number };

/** Listens on 127.0.0.1 and resolves with the port. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("Cannot listen: no TCP address"));
      else resolve(address.port);
    });
  });
}

/** Resolves when the last connection has ended; those left after `graceMs` are cut. */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}

/** Reads the body to its end; rejects when the sender leaves before. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > maxBytes + limits.drainedBytes) request.destroy(new Error("Cannot read the body: too large"));
    });
    request.once("end", () => {
      resolve(bytes > maxBytes ? { type: "too-large", bytes } : { type: "body", bytes: Buffer.concat(chunks) });
    });
    request.once("error", reject);
  });
}
