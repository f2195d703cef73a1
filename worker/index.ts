/** Owns the Worker's entry: one request in, one answer out, every expected error as problem details. */

import { LongstreamError, errorTable } from "../protocol/errors.ts";
import { eventStreamType } from "../protocol/http.ts";
import { readConfig } from "./config.ts";
import { respondWithRetry } from "./consumer.ts";
import type { Env } from "./env.ts";
import { problemResponse } from "./problem.ts";
import { route } from "./router.ts";

export { StreamObject } from "./stream-object.ts";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    try {
      return await route(request, env, ctx, readConfig(env));
    } catch (error) {
      if (!(error instanceof LongstreamError)) throw error;
      if (error.code === "bad-config") console.error(error.message);
      const { method, headers } = request;
      const comesBack = method === "GET" && (headers.get("accept") ?? "").includes(eventStreamType);
      return comesBack && errorTable[error.code].retry ? respondWithRetry(ctx, error) : problemResponse(error);
    }
  },
} satisfies ExportedHandler<Env>;
