/** Owns @durable-streams/server as a process: in memory, or, where a folder is given, on disk. */

import { DurableStreamTestServer, FileBackedStreamStore } from "@durable-streams/server";
import { announce, endWithInput } from "./announce.ts";

/**
 * With the 100 files it keeps open by default, appends to more streams than that at a time are answered 404: the file of one
 * is closed for another before it is flushed. The server has no setting for it, its store has.
 */
const maxFileHandles = 4_096;
const address = { port: 0, host: "127.0.0.1" };
const [, , dataDir] = process.argv;
const server = dataDir === undefined ? new DurableStreamTestServer(address) : fileServer(dataDir);
const url = await server.start();
announce(Number(new URL(url).port), [process.pid]);
endWithInput(() => undefined);

function fileServer(folder: string): DurableStreamTestServer {
  const store = new FileBackedStreamStore({ dataDir: folder, maxFileHandles });
  class FileServer extends DurableStreamTestServer {
    override readonly store = store;
  }
  return new FileServer(address);
}
