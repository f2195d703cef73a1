/** Owns starting the process of a cell, and taking what it tells; one that is late or dies has failed. */

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Told } from "./cell.ts";

export interface CellOptions {
  readonly trial: string;
  /** "" for a trial that needs none. */
  readonly contender: string;
  /** Folder for a folder of its own. */
  readonly dir: string;
  readonly limitMs: number;
  /** Those of the command line. */
  readonly args: readonly string[];
  /** Fires to end it before its time. */
  readonly signal: AbortSignal;
}

const script = fileURLToPath(new URL("./cell.ts", import.meta.url));
/** For what it started, once it has told its figures. */
const closeLimitMs = 30_000;
const maxErrorChars = 2_000;

export async function runCell(options: CellOptions): Promise<Told> {
  const dir = await mkdtemp(join(options.dir, "longstream-bench-"));
  const child = fork(script, [options.trial, options.contender, dir, ...options.args], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  options.signal.addEventListener("abort", kill, { once: true });
  try {
    return await listen(child, options.limitMs);
  } finally {
    options.signal.removeEventListener("abort", kill);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Settles when the process has ended. */
async function listen(child: ChildProcess, limitMs: number): Promise<Told> {
  let told: Told | null = null;
  let errors = "";
  let overdue = setTimeout(() => child.kill("SIGKILL"), limitMs);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-maxErrorChars);
  });
  child.on("message", (message) => {
    told = parseTold(message);
    clearTimeout(overdue);
    overdue = setTimeout(() => child.kill("SIGKILL"), closeLimitMs);
  });
  const how = await new Promise<string>((resolve) => {
    child.on("exit", (code, signal) => resolve(String(code ?? signal)));
  });
  clearTimeout(overdue);
  return told ?? { kind: "failed", why: how === "SIGKILL" ? `not done after ${limitMs / 1_000} s` : `the process ended with ${how}: ${errors.trim()}` };
}

function parseTold(message: unknown): Told {
  if (typeof message === "object" && message !== null && "kind" in message) {
    if (message.kind === "done" && "figures" in message && "notes" in message) return { kind: "done", figures: toFigures(message.figures), notes: toNotes(message.notes) };
    if ((message.kind === "failed" || message.kind === "unavailable") && "why" in message) return { kind: message.kind, why: String(message.why) };
  }
  return { kind: "failed", why: `the process told ${JSON.stringify(message)}` };
}

/** What is no number would be quoted as one. */
function toFigures(figures: unknown): Readonly<Record<string, number>> {
  const entries = typeof figures === "object" && figures !== null ? Object.entries(figures) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === "number" && Number.isFinite(entry[1])));
}

function toNotes(notes: unknown): readonly string[] {
  return Array.isArray(notes) ? notes.map(String) : [];
}
