/** Owns the stack a test file runs against: the real one, with the service's durations scaled down. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { exampleFunctionsDir } from "../../local/functions.ts";
import { startStack } from "../../local/stack.ts";
import type { Stack, StackOptions } from "../../local/stack.ts";

const fixtureFunctionsDir = fileURLToPath(new URL("../functions", import.meta.url));

export const testTicketSecret = "a-secret-of-the-tests-0123456789abcdef";

/** Short enough to wait for, long enough for a cold start on a busy machine. */
const scaledSettings = {
  leaseMs: 4_000,
  redialMs: 1_500,
  attemptStartMs: 15_000,
  invokeRetryMs: 100,
  yieldMs: 4_000,
} as const;

export interface TestStackOptions extends Partial<Pick<StackOptions, "lambdaTimeoutMs" | "lambdaGraceMs" | "lambdaMaxConcurrency" | "functionEnv">> {
  readonly settings?: Readonly<Record<string, number>>;
  /**
   * Beside the examples' routes, for each fixture function named here `/fixtures/{name}` of kind events and
   * `/answers/{name}`, which answers as the function does.
   */
  readonly fixtures?: readonly string[];
  readonly routes?: readonly object[];
  readonly vars?: Readonly<Record<string, unknown>>;
}

/** One stack for all tests of a file. Call at the top level of the file. */
export function useStack(options: TestStackOptions = {}): { readonly current: Stack } {
  let started: Stack | null = null;
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "longstream-"));
    started = await startStack(stackOptions(options, dir));
  });
  afterAll(async () => {
    await started?.close();
    await rm(dir, { recursive: true, force: true });
  });
  return {
    get current() {
      if (started === null) throw new Error("The stack is there once the tests run");
      return started;
    },
  };
}

function stackOptions({ settings, fixtures = [], routes = [], vars = {}, ...rest }: TestStackOptions, dir: string): StackOptions {
  const region = "us-east-1";
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  return {
    ...rest,
    port: 0,
    dir,
    functionDirs: [exampleFunctionsDir, fixtureFunctionsDir],
    vars: {
      TICKET_SECRET: testTicketSecret,
      STREAM_DEFAULTS: { ...scaledSettings, ...settings },
      ROUTES: [
        { path: "/api/count", methods: ["GET"], kind: "events", function: "count", region },
        { path: "/api/tokens", kind: "events", function: "tokens", region },
        ...fixtures.map((name) => ({ path: `/fixtures/${name}`, kind: "events", function: name, region })),
        ...fixtures.map((name) => ({ path: `/answers/${name}`, methods, function: name, region })),
        ...routes,
      ],
      ...vars,
    },
  };
}
