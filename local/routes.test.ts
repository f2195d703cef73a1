/** Owns the tests of Function URLs on this machine. */

import { expect, test } from "vitest";
import { localRoutes } from "./routes.ts";

const lambda = { url: "http://127.0.0.1:9" };
const names = new Set(["count", "Tokens"]);

test("the URL of a function that is here is pointed here, and nothing else is", () => {
  const routes = [
    { path: "/a", functionUrl: "https://count.lambda-url.us-east-1.on.aws/", region: "us-east-1" },
    { path: "/b", functionUrl: "https://tokens.lambda-url.us-east-1.on.aws/x?y=1" },
    { path: "/c", functionUrl: "https://count.lambda-url.us-east-1.on.aws" },
    { path: "/g", upstream: "https://count.lambda-url.us-east-1.on.aws/x" },
    { path: "/d", functionUrl: "https://abcdefg.lambda-url.us-east-1.on.aws/" },
    { path: "/e", functionUrl: 7 },
    { path: "/f", function: "count" },
    "no table",
  ];
  expect(localRoutes(routes, names, lambda)).toEqual([
    { path: "/a", functionUrl: "http://127.0.0.1:9/url/count/", region: "us-east-1" },
    { path: "/b", functionUrl: "http://127.0.0.1:9/url/Tokens/x?y=1" },
    { path: "/c", functionUrl: "http://127.0.0.1:9/url/count/" },
    { path: "/g", upstream: "http://127.0.0.1:9/url/count/x" },
    ...routes.slice(4),
  ]);
  expect(localRoutes("none", names, lambda)).toBe("none");
});
