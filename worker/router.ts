/** Owns which part answers a request: the gateway's routes, or one stream's own paths. */

import { LongstreamError } from "../protocol/errors.ts";
import { headerNames, parseStreamPath } from "../protocol/http.ts";
import type { StreamPath } from "../protocol/http.ts";
import { findRoute } from "./config.ts";
import type { Answering } from "./consumer.ts";
import { answerRoute } from "./gateway.ts";
import { inspectStream } from "./inspector.ts";
import { methodNotAllowed } from "./problem.ts";
import { cancelStream, connectProducer, readHead, readStatus, readStream, removeStream } from "./streams.ts";

export async function route(answering: Answering): Promise<Response> {
  const { request, config } = answering;
  const url = new URL(request.url);
  const stream = parseStreamPath(url.pathname);
  if (stream !== undefined) return routeStream(answering, stream);
  const found = findRoute(config, url.pathname);
  if (found === undefined) {
    throw new LongstreamError("route-not-found", `Cannot answer ${url.pathname}: no route in ROUTES takes this path`);
  }
  if (!found.methods.includes(request.method)) return methodNotAllowed(request.method, url.pathname, found.methods);
  return answerRoute(answering, found);
}

async function routeStream(answering: Answering, { id, action }: StreamPath): Promise<Response> {
  const { request, env, config } = answering;
  const { method } = request;
  const { pathname } = new URL(request.url);
  switch (action) {
    case "read":
      if (method === "GET") return config.inspector === "on" ? inspectStream(answering, id) : readStream(answering, id);
      if (method === "HEAD") return readHead(env, id);
      if (method === "DELETE") return removeStream(env, id);
      return methodNotAllowed(method, pathname, ["GET", "HEAD", "DELETE"]);
    case "status":
      return method === "GET" || method === "HEAD" ? readStatus(env, id) : methodNotAllowed(method, pathname, ["GET", "HEAD"]);
    case "cancel":
      return method === "POST" ? cancelStream(request, env, id) : methodNotAllowed(method, pathname, ["POST"]);
    case "producer":
      return method === "GET" ? connectProducer(request, env, id, request.headers.get(headerNames.producer)) : methodNotAllowed(method, pathname, ["GET"]);
  }
}
