/** Owns the file by which fixture functions tell a test what readers cannot see. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

export interface Records {
  /** For the functions' environment. */
  readonly env: Readonly<Record<string, string>>;
  of(streamId: string): readonly Readonly<Record<string, unknown>>[];
}

export function useRecords(): Records {
  const dir = mkdtempSync(join(tmpdir(), "longstream-records-"));
  const file = join(dir, "records.jsonl");
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return {
    env: { RECORD_FILE: file },
    of: (streamId) => readLines(file).filter((entry) => entry["stream"] === streamId),
  };
}

function readLines(file: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map(parse);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function parse(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line);
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
