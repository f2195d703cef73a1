/** Owns what a crash run happens on: a stack whose functions never dial in, and the kinds of streams that are written on it. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startStack } from "../../local/stack.ts";
import type { Stack } from "../../local/stack.ts";
import { invocationsOf as ofStream } from "../support/invocations.ts";
import type { Invocation } from "../support/invocations.ts";
import type { Mode } from "./contents.ts";

export interface Stage {
  readonly stack: Stack;
  /** The files of the objects. */
  readonly objectsDir: string;
  close(): Promise<void>;
}

/** What one of the streams side by side is like, whichever stream it is just now. */
export interface Style {
  readonly name: string;
  readonly mode: Mode;
  /** How the next attempt comes: only where it is asked for, or as soon as a producer is silent or late. */
  readonly succession: "asked for" | "at once";
  /** Whether a batch waits until it is large, or for `commitIntervalMs` at most. */
  readonly commits: "soon" | "by size";
  readonly commitIntervalMs: number;
  /** Unacknowledged bytes of its producers: many small commits, or few large ones. */
  readonly inFlightBytes: readonly [least: number, most: number];
  /** Kills that one of its streams lives through. */
  readonly lifeKills: readonly [least: number, most: number];
}

const KiB = 1024;
const longMs = 60_000;

export const plainStyle: Style = {
  name: "plain",
  mode: "events",
  succession: "asked for",
  commits: "soon",
  commitIntervalMs: 50,
  inFlightBytes: [4 * KiB, 256 * KiB],
  lifeKills: [1, 6],
};

export const styles: readonly Style[] = [
  plainStyle,
  // A batch waits until a producer fills it or ends: of these ends there should be many.
  { ...plainStyle, name: "by-size", commits: "by size", commitIntervalMs: longMs, inFlightBytes: [256 * KiB, 256 * KiB], lifeKills: [1, 2] },
  { ...plainStyle, name: "eager", succession: "at once", commitIntervalMs: 0, inFlightBytes: [KiB, 32 * KiB] },
  { ...plainStyle, name: "brief", succession: "at once", commitIntervalMs: 20, inFlightBytes: [4 * KiB, 64 * KiB] },
  { ...plainStyle, name: "bytes", mode: "bytes", inFlightBytes: [4 * KiB, 128 * KiB] },
  { ...plainStyle, name: "brief-bytes", mode: "bytes", succession: "at once", commitIntervalMs: 0, inFlightBytes: [KiB, 64 * KiB] },
];

/** An attempt that was made just before a kill, and never invoked, is given up soon. */
const shared = { attemptStartMs: 5_000, invokeRetryMs: 50 };
const successions = {
  "asked for": { ...shared, leaseMs: longMs, redialMs: longMs },
  "at once": { ...shared, leaseMs: 1_000, redialMs: 200 },
} as const;

export async function openStage(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-crash-"));
  const functionDirs = [fileURLToPath(new URL("../../e2e/functions", import.meta.url))];
  const vars = { TICKET_SECRET: "bench-secret-0123456789-0123456789-01", ROUTES: styles.map(routeOf) };
  const remove = async (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const stack = await startStack({ port: 0, dir, functionDirs, vars });
    return {
      stack,
      objectsDir: join(dir, "storage/do/longstream-StreamObject"),
      close: async () => {
        await stack.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

function routeOf({ name, mode, succession, commitIntervalMs }: Style): object {
  const settings = { ...successions[succession], commitIntervalMs };
  return { path: `/crash/${name}`, function: "silent", region: "us-east-1", settings, ...(mode === "events" ? { kind: "events" } : {}) };
}

/** A new stream of a style; null where nobody answered. */
export async function createStream(url: URL, { name }: Style): Promise<string | null> {
  const response = await fetch(new URL(`/crash/${name}`, url), { headers: { prefer: "respond-async" } }).catch(() => null);
  await response?.body?.cancel().catch(() => undefined);
  return response?.status === 202 ? response.headers.get("stream-id") : null;
}

/** The invocations of a stream that reached its function, the newest first. */
export function invocationsOf({ stack }: Stage, streamId: string): readonly Invocation[] {
  return ofStream(stack, streamId).toSorted((a, b) => b.attempt - a.attempt);
}
