/** Owns pointing the Function URLs of routes, invoked or relayed, at the Lambda host of this machine. */

import type { LambdaHost } from "./lambda-host/index.ts";

/**
 * `https://<function>.lambda-url.<region>.on.aws/` becomes that function's URL here: AWS's ids are no names of functions,
 * so a route that names a deployed one is left as it is.
 */
export function localRoutes(routes: unknown, functionNames: ReadonlySet<string>, lambda: Pick<LambdaHost, "url">): unknown {
  if (!Array.isArray(routes)) return routes;
  return routes.map((route: unknown) => {
    if (typeof route !== "object" || route === null) return route;
    if ("upstream" in route) return { ...route, upstream: localUrl(route.upstream, functionNames, lambda) };
    return "functionUrl" in route ? { ...route, functionUrl: localUrl(route.functionUrl, functionNames, lambda) } : route;
  });
}

function localUrl(functionUrl: unknown, functionNames: ReadonlySet<string>, lambda: Pick<LambdaHost, "url">): unknown {
  const [, name = "", path = ""] = /^https:\/\/([\w-]+)\.lambda-url\.[a-z0-9-]+\.on\.aws(\/.*)?$/.exec(String(functionUrl)) ?? [];
  // A host name has no capitals; a function's may.
  const local = [...functionNames].find((known) => known.toLowerCase() === name.toLowerCase());
  return local === undefined ? functionUrl : `${lambda.url}/url/${local}${path === "" ? "/" : path}`;
}
