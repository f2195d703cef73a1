/** Owns what the local stack adds to the Worker: ways to get at an object, and where the control port is. */

import unsafe from "workerd:unsafe";
import worker from "../../worker/index.ts";
import type { Env } from "../../worker/env.ts";
import { StreamObject as ProductObject } from "../../worker/stream-object.ts";
import { localStackPath, objectPath } from "./paths.ts";

export interface LocalEnv extends Env {
  readonly STREAMS: DurableObjectNamespace<StreamObject>;
  /** URL of the control port, set by the stack. */
  readonly LOCAL_CONTROL_URL?: string;
}

/** By object id. Objects of one class share the isolate, and it outlives them. */
const constructions = new Map<string, number>();

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === localStackPath) return Response.json({ control: env.LOCAL_CONTROL_URL });
    return pathname.startsWith(objectPath) ? actOn(request, env) : worker.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<LocalEnv>;

/** A failure is told as text, with 500: it is for who runs the stack. */
async function actOn(request: Request, env: LocalEnv): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const [streamId = "", action = ""] = pathname.slice(objectPath.length).split("/");
  const id = env.STREAMS.idFromName(streamId);
  try {
    switch (action) {
      case "constructions":
        return Response.json(constructions.get(id.toString()) ?? 0);
      case "abort":
        // The abort itself is what the caller gets to see as an error.
        await env.STREAMS.get(id).abort().catch(() => undefined);
        return Response.json(null);
      case "evict":
        await unsafe.evict(env.STREAMS.get(id), { webSockets: searchParams.get("sockets") === "close" ? "close" : "hibernate" });
        return Response.json(null);
      case "sql":
        return Response.json(await env.STREAMS.get(id).sql(await request.text()));
      default:
        return new Response(`There is no action "${action}" on objects`, { status: 404 });
    }
  } catch (error) {
    return new Response(error instanceof Error ? error.message : String(error), { status: 500 });
  }
}

type SqlRow = Record<string, SqlStorageValue>;

export class StreamObject extends ProductObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const id = ctx.id.toString();
    constructions.set(id, (constructions.get(id) ?? 0) + 1);
  }

  abort(): void {
    this.ctx.abort("a fault was injected");
  }

  /** Blobs come as JSON has them: as nothing. */
  sql(query: string): readonly SqlRow[] {
    return this.ctx.storage.sql.exec(query).toArray();
  }
}
