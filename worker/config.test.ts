/** Owns the tests of the gateway's configuration. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { findRoute, readAccess, readConfig } from "./config.ts";
import type { Config, GatewayVars } from "./config.ts";
import { defaultSettings, leastSettings } from "./settings.ts";

const route = { path: "/api/answer", function: "answer", region: "us-east-1" };
const vars: GatewayVars = {
  ROUTES: [route],
  AWS_ACCESS_KEY_ID: "key",
  AWS_SECRET_ACCESS_KEY: "secret",
  TICKET_SECRET: "t".repeat(32),
};
const knownRouteKeys = "the keys are path, methods, kind, onAbandon, function, functionUrl, region, qualifier, tenantId, upstream, resume, upstreamHeaders, maxRequestBytes, settings";
const knownSettings =
  "the settings are commitIntervalMs, leaseMs, redialMs, attemptStartMs, upstreamIdleMs, invokeRetryMs, yieldMs, ticketMs, uploadIdleMs, maxDurationMs, retentionMs, maxStreamBytes, maxConsumers";

describe("the configuration", () => {
  test("of one route has defaults for everything else", () => {
    expect(readConfig(vars)).toEqual({
      routes: [
        {
          path: "/api/answer",
          methods: ["GET", "POST"],
          kind: "response",
          onAbandon: "continue",
          target: { name: "answer", region: "us-east-1", qualifier: null, tenantId: null },
          maxRequestBytes: 104_857_600,
          settings: defaultSettings,
        },
      ],
      publicUrl: null,
      heartbeatMs: 15_000,
      maxStallMs: 60_000,
      headTimeoutMs: 30_000,
      inspector: "off",
      corsOrigins: [],
    });
  });

  test("takes every key", () => {
    const own = { methods: ["PUT"], kind: "events", onAbandon: { cancelAfterMs: 1_000 }, qualifier: "live", tenantId: "blue", maxRequestBytes: 0, settings: { leaseMs: 5_000 } };
    const times = { HEARTBEAT_MS: 100, MAX_STALL_MS: 200, HEAD_TIMEOUT_MS: 300, INSPECTOR: "on", CORS_ORIGINS: ["https://a.example", "http://127.0.0.1:8080"] };
    expect(readConfig({ ...vars, ROUTES: [{ ...route, ...own }], PUBLIC_URL: "https://g.example//", ...times })).toEqual({
      routes: [
        {
          path: "/api/answer",
          methods: ["PUT"],
          kind: "events",
          onAbandon: { cancelAfterMs: 1_000 },
          target: { name: "answer", region: "us-east-1", qualifier: "live", tenantId: "blue" },
          maxRequestBytes: 0,
          settings: { ...defaultSettings, leaseMs: 5_000 },
        },
      ],
      publicUrl: "https://g.example",
      heartbeatMs: 100,
      maxStallMs: 200,
      headTimeoutMs: 300,
      inspector: "on",
      corsOrigins: ["https://a.example", "http://127.0.0.1:8080"],
    });
  });

  test("takes a Function URL in place of a function", () => {
    const { routes } = readConfig({ ...vars, ROUTES: [{ path: "/u", functionUrl: "https://abc.lambda-url.eu-west-1.on.aws/", region: "eu-west-1" }] });
    expect(routes.map(({ target }) => target)).toEqual([{ functionUrl: "https://abc.lambda-url.eu-west-1.on.aws/", region: "eu-west-1" }]);
  });

  test("is parsed once for the same vars", () => {
    expect(readConfig(vars)).toBe(readConfig(vars));
    expect(readConfig({ ...vars })).not.toBe(readConfig(vars));
  });

  test("merges settings: a route's own over the defaults of the gateway over those of the product", () => {
    const ROUTES = [route, { ...route, path: "/b", settings: { leaseMs: 2_000 } }];
    const { routes } = readConfig({ ...vars, ROUTES, STREAM_DEFAULTS: { leaseMs: 9_000, yieldMs: 700 } });
    expect(routes.map(({ settings }) => settings)).toEqual([
      { ...defaultSettings, leaseMs: 9_000, yieldMs: 700 },
      { ...defaultSettings, leaseMs: 2_000, yieldMs: 700 },
    ]);
  });

  test("takes each setting at its least", () => {
    expect(readConfig({ ...vars, STREAM_DEFAULTS: leastSettings }).routes[0]?.settings).toEqual(leastSettings);
  });

  test("takes onAbandon in words too", () => {
    expect(readConfig({ ...vars, ROUTES: [{ ...route, onAbandon: "continue" }] }).routes[0]?.onAbandon).toBe("continue");
  });

  test("takes any origin, or one alone", () => {
    expect(readConfig({ ...vars, CORS_ORIGINS: "*" }).corsOrigins).toBe("any");
    expect(readConfig({ ...vars, CORS_ORIGINS: "https://a.example" }).corsOrigins).toEqual(["https://a.example"]);
  });

  test("takes an empty public URL as none", () => {
    expect(readConfig({ ...vars, PUBLIC_URL: "" }).publicUrl).toBeNull();
  });
});

describe("a bad configuration is refused with the key and the fix:", () => {
  const noRoutes = "ROUTES is missing: add a [[vars.ROUTES]] table with path, function (or functionUrl, or upstream) and region to wrangler.toml";
  const badMethods = 'ROUTES[0].methods is no list of methods: write it like methods = ["GET", "POST"]';
  const badAbandon = 'ROUTES[0].onAbandon must be "continue" or { cancelAfterMs = 10000 }';
  const url = "https://abc.lambda-url.us-east-1.on.aws/";
  const byUrl = { path: "/u", functionUrl: url, region: "us-east-1" };
  const badUrl = 'PUBLIC_URL is no http or https URL: write it like "https://gateway.example.com"';
  test.each<[string, Partial<GatewayVars>, string]>([
    ["no ROUTES", { ROUTES: undefined }, noRoutes],
    ["empty ROUTES", { ROUTES: [] }, noRoutes],
    ["ROUTES that are no list", { ROUTES: { path: "/" } }, noRoutes],
    ["a route that is no table", { ROUTES: ["/api"] }, "ROUTES[0] is no table: write it as [[vars.ROUTES]]"],
    ["a route that is a list", { ROUTES: [[route]] }, "ROUTES[0] is no table: write it as [[vars.ROUTES]]"],
    ["a key of a route that is not known", { ROUTES: [{ ...route, lambda: "x" }] }, `ROUTES[0].lambda is not known: ${knownRouteKeys}`],
    ["no path", { ROUTES: [{ ...route, path: undefined }] }, 'ROUTES[0].path is missing: add path = "/api/answer"'],
    ["a path that does not start with a slash", { ROUTES: [{ ...route, path: "api" }] }, 'ROUTES[0].path must start with "/": it is "api"'],
    ["a path under /streams/", { ROUTES: [{ ...route, path: "/streams/x" }] }, "ROUTES[0].path covers /streams/, which is the gateway's own: choose another"],
    ["a path over everything", { ROUTES: [{ ...route, path: "/*" }] }, "ROUTES[0].path covers /streams/, which is the gateway's own: choose another"],
    ["no function", { ROUTES: [{ ...route, function: "" }] }, 'ROUTES[0].function is missing: add function = "my-function", or a functionUrl, or an upstream'],
    ["no region", { ROUTES: [route, { ...route, region: 7 }] }, 'ROUTES[1].region is missing: add region = "us-east-1"'],
    ["a qualifier that is no text", { ROUTES: [{ ...route, qualifier: 1 }] }, 'ROUTES[0].qualifier is missing: add qualifier = "live"'],
    ["a tenant that is no text", { ROUTES: [{ ...route, tenantId: 1 }] }, 'ROUTES[0].tenantId is missing: add tenantId = "blue"'],
    ["both ways to invoke", { ROUTES: [{ ...route, functionUrl: url }] }, "ROUTES[0].function does not go with functionUrl: keep the one by which it is to be invoked"],
    ["a Function URL that is no URL", { ROUTES: [{ ...byUrl, functionUrl: "abc" }] }, 'ROUTES[0].functionUrl is no http or https URL: write it like "https://<id>.lambda-url.us-east-1.on.aws/"'],
    ["an empty Function URL", { ROUTES: [{ ...byUrl, functionUrl: "" }] }, 'ROUTES[0].functionUrl is missing: add functionUrl = "https://<id>.lambda-url.us-east-1.on.aws/"'],
    ["a Function URL without a region", { ROUTES: [{ ...byUrl, region: undefined }] }, 'ROUTES[0].region is missing: add region = "us-east-1"'],
    ["a qualifier of a Function URL", { ROUTES: [{ ...byUrl, qualifier: "live" }] }, "ROUTES[0].qualifier does not go with functionUrl: use the URL of that alias"],
    ["a tenant of a Function URL", { ROUTES: [{ ...byUrl, tenantId: "blue" }] }, "ROUTES[0].tenantId does not go with functionUrl: functions with tenant isolation have no URL, use function"],
    ["methods that are no list", { ROUTES: [{ ...route, methods: "GET" }] }, badMethods],
    ["no method", { ROUTES: [{ ...route, methods: [] }] }, badMethods],
    ["a method in lower case", { ROUTES: [{ ...route, methods: ["GET", "post"] }] }, badMethods],
    ["a negative maxRequestBytes", { ROUTES: [{ ...route, maxRequestBytes: -1 }] }, "ROUTES[0].maxRequestBytes must be a whole number of at least 0: it is -1"],
    ["settings that are no table", { ROUTES: [{ ...route, settings: 5 }] }, "ROUTES[0].settings is no table of settings"],
    ["a setting that is not known", { ROUTES: [{ ...route, settings: { lease: 5 } }] }, `ROUTES[0].settings.lease is not known: ${knownSettings}`],
    ["a setting named like a method of objects", { STREAM_DEFAULTS: { toString: 5 } }, `STREAM_DEFAULTS.toString is not known: ${knownSettings}`],
    ["a setting under its least", { STREAM_DEFAULTS: { leaseMs: 999 } }, "STREAM_DEFAULTS.leaseMs must be a whole number of at least 1000: it is 999"],
    ["a setting that is text", { ROUTES: [{ ...route, settings: { leaseMs: "30s" } }] }, 'ROUTES[0].settings.leaseMs must be a whole number of at least 1000: it is "30s"'],
    ["a setting that is a fraction", { STREAM_DEFAULTS: { yieldMs: 10.5 } }, "STREAM_DEFAULTS.yieldMs must be a whole number of at least 10: it is 10.5"],
    ["a kind that is not known", { ROUTES: [{ ...route, kind: "sse" }] }, 'ROUTES[0].kind must be one of response, events: it is "sse"'],
    ["an onAbandon that is not known", { ROUTES: [{ ...route, onAbandon: "cancel" }] }, `${badAbandon}: it is "cancel"`],
    ["an onAbandon with a key more", { ROUTES: [{ ...route, onAbandon: { cancelAfterMs: 1, x: 1 } }] }, `${badAbandon}: it is {"cancelAfterMs":1,"x":1}`],
    [
      "an onAbandon that is no time",
      { ROUTES: [{ ...route, onAbandon: { cancelAfterMs: "10s" } }] },
      'ROUTES[0].onAbandon.cancelAfterMs must be a whole number of at least 1000: it is "10s"',
    ],
    ["an inspector that is neither", { INSPECTOR: true }, 'INSPECTOR must be "on" or "off": it is true'],
    ["a wait for heads that is too short", { HEAD_TIMEOUT_MS: 99 }, "HEAD_TIMEOUT_MS must be a whole number of at least 100: it is 99"],
    ["a heartbeat that is too short", { HEARTBEAT_MS: 99 }, "HEARTBEAT_MS must be a whole number of at least 100: it is 99"],
    ["an origin with a path", { CORS_ORIGINS: ["https://a.example/"] }, 'CORS_ORIGINS must be "*" or a list like ["https://app.example.com"], without a path: it is ["https://a.example/"]'],
    ["origins that are none", { CORS_ORIGINS: 5 }, 'CORS_ORIGINS must be "*" or a list like ["https://app.example.com"], without a path: it is 5'],
    ["a public URL that is none", { PUBLIC_URL: "gateway.example.com" }, badUrl],
    ["a public URL of another scheme", { PUBLIC_URL: "ftp://gateway.example.com" }, badUrl],
    ["no access key", { AWS_ACCESS_KEY_ID: "" }, secretMissing("AWS_ACCESS_KEY_ID")],
    ["no secret key", { AWS_SECRET_ACCESS_KEY: "" }, secretMissing("AWS_SECRET_ACCESS_KEY")],
    ["no ticket secret", { TICKET_SECRET: "" }, secretMissing("TICKET_SECRET")],
    ["a short ticket secret", { TICKET_SECRET: "t".repeat(31) }, "the secret TICKET_SECRET is too short: use at least 32 random characters"],
  ])("%s", (_, changed, problem) => {
    expect(() => readConfig({ ...vars, ...changed })).toThrow(new LongstreamError("bad-config", `Cannot start the gateway: ${problem}`));
  });

  test("every problem at once, in the order of the file", () => {
    const broken = {
      ROUTES: [{ path: "api", methods: [] }],
      STREAM_DEFAULTS: { lease: 1 },
      HEARTBEAT_MS: "15s",
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "secret",
      TICKET_SECRET: "short",
    };
    expect(() => readConfig(broken)).toThrow(
      new LongstreamError(
        "bad-config",
        "Cannot start the gateway: " +
          [
            secretMissing("AWS_ACCESS_KEY_ID"),
            "the secret TICKET_SECRET is too short: use at least 32 random characters",
            `STREAM_DEFAULTS.lease is not known: ${knownSettings}`,
            'ROUTES[0].path must start with "/": it is "api"',
            'ROUTES[0].methods is no list of methods: write it like methods = ["GET", "POST"]',
            'ROUTES[0].function is missing: add function = "my-function", or a functionUrl, or an upstream',
            'ROUTES[0].region is missing: add region = "us-east-1"',
            'HEARTBEAT_MS must be a whole number of at least 100: it is "15s"',
          ].join("; "),
      ),
    );
  });
});

describe("the route of a path", () => {
  const paths = ["/api/a", "/api/*", "/api/later", "/b/"];
  const config: Config = readConfig({ ...vars, ROUTES: paths.map((path) => ({ ...route, path })) });
  test.each([
    ["/api/a", "/api/a"],
    ["/api/a/", "/api/*"],
    ["/api/", "/api/*"],
    ["/api", "/api/*"],
    ["/api/x/y", "/api/*"],
    ["/api/later", "/api/*"],
    ["/b/", "/b/"],
    ["/apix", undefined],
    ["/b", undefined],
    ["/b/c", undefined],
    ["/", undefined],
    ["/API/a", undefined],
  ])("%s is %s: exact, or a prefix of whole parts, and the first in the file", (pathname, path) => {
    expect(findRoute(config, pathname)?.path).toBe(path);
  });
});

test("access to Lambda has the endpoint and session token where they are set", () => {
  expect(readAccess(vars)).toEqual({ accessKeyId: "key", secretAccessKey: "secret", sessionToken: null, endpoint: null });
  expect(readAccess({ ...vars, AWS_SESSION_TOKEN: "session", LAMBDA_ENDPOINT: "http://127.0.0.1:9001" })).toMatchObject({
    sessionToken: "session",
    endpoint: "http://127.0.0.1:9001",
  });
});

function secretMissing(key: string): string {
  return `the secret ${key} is missing: set it with "wrangler secret put ${key}", locally in .dev.vars`;
}
