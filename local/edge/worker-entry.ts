/** Owns what the local stack adds to the Worker: a way to abort an object, a count of how often each was constructed, and where the control port is. */

import worker from "../../worker/index.ts";
import type { Env } from "../../worker/env.ts";
import { StreamObject as ProductObject } from "../../worker/stream-object.ts";
import { constructionsPath, localStackPath } from "./paths.ts";

interface LocalEnv extends Env {
  /** URL of the control port, set by the stack. */
  readonly LOCAL_CONTROL_URL?: string;
}

/** By object id. Objects of one class share the isolate, and it outlives them. */
const constructions = new Map<string, number>();

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === localStackPath) return Response.json({ control: env.LOCAL_CONTROL_URL });
    if (!pathname.startsWith(constructionsPath)) return worker.fetch(request, env, ctx);
    const id = env.STREAMS.idFromName(pathname.slice(constructionsPath.length)).toString();
    return new Response(String(constructions.get(id) ?? 0));
  },
} satisfies ExportedHandler<LocalEnv>;

export class StreamObject extends ProductObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const id = ctx.id.toString();
    constructions.set(id, (constructions.get(id) ?? 0) + 1);
  }

  /** The caller sees the abort as an error. */
  abort(): void {
    this.ctx.abort("a fault was injected");
  }
}
