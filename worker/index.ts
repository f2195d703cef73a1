/** Owns the Worker's entry: one request in, one answer out, every expected error as problem details. */

import { LongstreamError } from "../protocol/errors.ts";
import { readConfig } from "./config.ts";
import { comesBack, respondWithRetry } from "./consumer.ts";
import type { Env } from "./env.ts";
import { problemResponse } from "./problem.ts";
import { route } from "./router.ts";

export { StreamObject } from "./stream-object.ts";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    try {
      return await route({ request, env, ctx, config: readConfig(env) });
    } catch (error) {
      if (!(error instanceof LongstreamError)) throw error;
      if (error.code === "bad-config") console.error(error.message);
      return comesBack(request, error) ? respondWithRetry(ctx, error, null) : problemResponse(error);
    }
  },
} satisfies ExportedHandler<Env>;
