/** Owns the Worker's entry: one request in, one answer out, every expected error as problem details. */

import { LongstreamError } from "../protocol/errors.ts";
import { readConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { comesBack, respondWithRetry } from "./consumer.ts";
import type { Answering } from "./consumer.ts";
import { withCors } from "./cors.ts";
import type { Env } from "./env.ts";
import { problemResponse } from "./problem.ts";
import { route } from "./router.ts";

export { StreamObject } from "./stream-object.ts";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const config = configOf(env);
    if (config instanceof LongstreamError) return problemResponse(config);
    return withCors(request, config.corsOrigins, async () => answer({ request, env, ctx, config }));
  },
} satisfies ExportedHandler<Env>;

/** The error that lists what is wrong with it. */
function configOf(env: Env): Config | LongstreamError {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    console.error(error.message);
    return error;
  }
}

async function answer(answering: Answering): Promise<Response> {
  try {
    return await route(answering);
  } catch (error) {
    if (!(error instanceof LongstreamError)) throw error;
    return comesBack(answering.request, error) ? respondWithRetry(answering, error, null) : problemResponse(error);
  }
}
