/** Owns asking the gateway about a stream, and waiting for what it will say. */

import { setTimeout as sleep } from "node:timers/promises";

export interface Status {
  readonly phase: string;
  readonly attempt: number;
  readonly lastSeq: number;
  readonly outcome: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly consumers: number;
  readonly mode: string | null;
  readonly status: number | null;
  readonly cost: Readonly<Record<"commits" | "rowsWritten" | "messagesIn" | "requests" | "activeMs", number>>;
}

const pollMs = 20;
const limitMs = 45_000;

export async function statusOf(url: URL, streamId: string): Promise<Status> {
  const response = await fetch(new URL(`/streams/${streamId}/status`, url));
  if (!response.ok) throw new Error(`The status of ${streamId} was answered with ${response.status}`);
  return parseStatus(await response.json());
}

/** Polls: what is waited for is a state of the service, and there is no event to wait on. */
export async function waitForStatus(url: URL, streamId: string, met: (status: Status) => boolean): Promise<Status> {
  return waitFor(`the status of ${streamId}`, async () => {
    const status = await statusOf(url, streamId);
    return met(status) ? status : undefined;
  });
}

export async function waitFor<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const limitAt = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > limitAt) throw new Error(`Waited ${limitMs} ms for ${what}`);
    await sleep(pollMs);
  }
}

/** The gateway's own answer: a field that is missing fails the assertion that reads it. */
function parseStatus(value: unknown): Status {
  if (typeof value !== "object" || value === null || !("phase" in value)) throw new Error("The status is no status");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- asserted on field by field in the tests
  return value as Status;
}
