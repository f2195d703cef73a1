/** Owns a Worker with the durable streams of the agents package, built as its documentation has it, and a producer's way in. */

import { DurableObject } from "cloudflare:workers";
import { Lifecycle } from "agents/lifecycle";
import type { Connection } from "agents/lifecycle";
import { Streams, sseResponse } from "agents/streams";
import type { StreamWriter } from "agents/streams";
import { WebSockets } from "agents/websockets";
import type { WebSocketMessage } from "agents/websockets";

interface Env {
  readonly STREAMS: DurableObjectNamespace<BenchStream>;
}

const streamId = "bench";

export class BenchStream extends DurableObject<Env> {
  readonly streams = new Streams();
  readonly webSockets = new WebSockets({
    protocol: false,
    handlers: {
      onConnect: async (connection) => {
        await this.#writer();
        connection.send("opened");
      },
      onMessage: async (connection, message) => this.#take(connection, message),
    },
  });
  readonly lifecycle = Lifecycle.install(this).use(this.streams).use(this.webSockets);
  #opened: Promise<StreamWriter> | undefined;

  async onRequest(request: Request): Promise<Response> {
    return sseResponse(this.streams, streamId, { request });
  }

  /**
   * The words are those of ../intake.ts. What came together is one chunk: its documentation advises to pack. The answer is
   * held back until the chunk is on disk (output gate); the package itself has no acknowledgement, its producer is in here.
   */
  async #take(connection: Connection, message: WebSocketMessage): Promise<void> {
    const writer = await this.#writer();
    if (typeof message !== "string") return;
    writer.append(message.split("\n"));
    connection.send("done");
  }

  async #writer(): Promise<StreamWriter> {
    return (this.#opened ??= this.streams.open(streamId));
  }
}

export default {
  async fetch(request, env) {
    const [, name = ""] = new URL(request.url).pathname.split("/");
    return env.STREAMS.getByName(name).fetch(request);
  },
} satisfies ExportedHandler<Env>;
