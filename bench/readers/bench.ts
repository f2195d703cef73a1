/** Owns what the parts of the readers' benchmark share: the stack, the logs and the scale. */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startStack } from "../../local/stack.ts";
import type { Stack } from "../../local/stack.ts";

export interface Bench {
  readonly stack: Stack;
  /** 1, or how many times less is done to try it. */
  readonly shrink: number;
  /** Folder the Worker serves plain files from. */
  readonly filesDir: string;
  /** What fixture functions recorded. */
  readonly records: () => Promise<readonly unknown[]>;
  readonly close: () => Promise<void>;
}

const region = "us-east-1";
const minute = 60_000;

/** A producer may be away for a while: workerd is restarted under it. */
const patient = { leaseMs: 5 * minute, redialMs: 5 * minute, attemptStartMs: 5 * minute };

export async function startBench(shrink: number): Promise<Bench> {
  const dir = await mkdtemp(join(tmpdir(), "longstream-bench-"));
  const filesDir = join(dir, "files");
  mkdirSync(filesDir);
  const recordFile = join(dir, "records.jsonl");
  const remove = async (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const stack = await startStack({
      port: 0,
      dir,
      entryFile: pathOf("../edge/worker-entry.ts"),
      folders: { FILES: filesDir },
      functionDirs: [pathOf("../../e2e/functions"), pathOf("../functions")],
      functionEnv: { RECORD_FILE: recordFile },
      vars: {
        TICKET_SECRET: "bench-secret-0123456789-0123456789-01",
        MAX_STALL_MS: 60 * minute,
        STREAM_DEFAULTS: patient,
        ROUTES: ["silent", "cancellable"].map((name) => ({ path: `/${name}`, kind: "events", function: name, region })),
      },
    });
    const close = async (): Promise<void> => {
      await stack.close();
      await remove();
    };
    return { stack, shrink, filesDir, records: async () => readRecords(recordFile), close };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function readRecords(file: string): Promise<readonly unknown[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "").map((line): unknown => JSON.parse(line));
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
