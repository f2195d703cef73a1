/** Owns what the local stack adds to the Worker: a way to abort an object, and a count of how often each was constructed. */

import worker from "../../worker/index.ts";
import type { Env } from "../../worker/env.ts";
import { StreamObject as ProductObject } from "../../worker/stream-object.ts";
import { constructionsPath } from "./paths.ts";

/** By object id. Objects of one class share the isolate, and it outlives them. */
const constructions = new Map<string, number>();

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(constructionsPath)) return worker.fetch(request, env, ctx);
    const id = env.STREAMS.idFromName(pathname.slice(constructionsPath.length)).toString();
    return new Response(String(constructions.get(id) ?? 0));
  },
} satisfies ExportedHandler<Env>;

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
