/** Owns finding out what is stored of a stream by asking the gateway, once it is back. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Stored } from "./checker.ts";
import type { History } from "./history.ts";
import { readBody } from "./readers.ts";
import { readOutcome } from "./transcript.ts";
import type { Outcome } from "./transcript.ts";

interface Status {
  /** What was answered in the place of a status. */
  readonly gone: string | null;
  readonly lastSeq: number;
  /** Null before the stream has a head, and with it a body to give. */
  readonly mode: string | null;
  readonly outcome: Outcome | null;
}

const tries = 5;
const pauseMs = 200;

/** Nobody may be writing. A body that is cut off says nothing of the log, and is asked for again. */
export async function askStored(url: URL, history: History, found: string): Promise<Stored> {
  const { gone, lastSeq, mode, outcome } = await askStatus(url, history.log);
  const stored = { found, outcome, checkpoint: undefined, attempt: undefined };
  if (gone !== null) return { ...stored, stretches: [], faults: [{ kind: "gone", what: gone }] };
  if (mode === null) return { ...stored, stretches: [], faults: [] };
  for (let count = 1; ; count++) {
    const { transcript, status, end } = await readBody(url, history, `/streams/${history.log}?live=false`, 0);
    transcript.close();
    const { stretches, faults } = transcript;
    if (status === 200 && transcript.lastSeq === lastSeq) return { ...stored, stretches, faults };
    const what = `the log was answered with ${status} and brought ${transcript.lastSeq} (${end}), and its status says ${lastSeq}`;
    if (end === "clean" || count === tries) return { ...stored, stretches, faults: [...faults, { kind: "gap", what }] };
    await sleep(pauseMs);
  }
}

async function askStatus(url: URL, log: string): Promise<Status> {
  const response = await fetch(new URL(`/streams/${log}/status`, url));
  const body: unknown = await response.json();
  if (typeof body !== "object" || body === null || !("lastSeq" in body && "mode" in body)) {
    return { gone: `its status was answered with ${response.status} ${JSON.stringify(body)}`, lastSeq: 0, mode: null, outcome: null };
  }
  return { gone: null, lastSeq: Number(body.lastSeq), mode: typeof body.mode === "string" ? body.mode : null, outcome: readOutcome(body) };
}
