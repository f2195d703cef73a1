/** Owns what the gateway says of a stream: reads its status, twice a second until it has ended. */

import { streamPath } from "../../protocol/http.ts";
import { JsonReader } from "../../protocol/json.ts";

/** Times by this machine's clock; null for what has not happened. */
export interface Attempt {
  readonly attempt: number;
  readonly invokedAtMs: number;
  readonly dialledAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly lastSeq: number | null;
  readonly end: string | null;
  readonly reason: string | null;
}

export interface Status {
  readonly phase: string;
  readonly mode: string | null;
  readonly outcome: string | null;
  readonly error: string | null;
  readonly lastSeq: number;
  readonly bytes: number;
  readonly readers: number;
  readonly commits: number;
  readonly rowsWritten: number;
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly attempts: readonly Attempt[];
}

/** `missing`: there is no such stream, or no more. */
export type Asked = { readonly kind: "status"; readonly status: Status } | { readonly kind: "missing" };

const pollMs = 500;
/** The Date header is in whole seconds; a difference it can explain is no difference of clocks. */
const clockGrainMs = 2_000;

/** Settles when the stream has ended and `seen` says that this was all, when there is none, or when `signal` is aborted. */
export async function watchStatus(id: string, seen: (asked: Asked) => "enough" | "more", signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Nobody looks at a hidden tab, and each question wakes the object. The gateway may be restarting: the next answer
    // tells the same.
    const asked = document.hidden ? null : await askStatus(id).catch(() => null);
    if (signal.aborted) return;
    if (asked !== null && seen(asked) === "enough") return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function askStatus(id: string): Promise<Asked | null> {
  const response = await fetch(streamPath(id, "status"));
  if (response.status === 404) return { kind: "missing" };
  if (!response.ok) return null;
  return { kind: "status", status: parseStatus(await response.text(), clockSkewMs(response.headers.get("date"))) };
}

export function parseStatus(text: string, skewMs: number): Status {
  const reader = JsonReader.parse(text, "the status");
  const cost = reader.object("cost");
  const timeOf = (field: string): number | null => reader.optional(field, (inner, name) => Date.parse(inner.string(name)) - skewMs);
  return {
    phase: reader.string("phase"),
    mode: reader.optional("mode", readText),
    outcome: reader.optional("outcome", readText),
    error: reader.optional("error", (inner, name) => inner.object(name).string("message")),
    lastSeq: reader.integer("lastSeq"),
    bytes: reader.integer("bytes"),
    readers: reader.integer("consumers"),
    commits: cost.integer("commits"),
    rowsWritten: cost.integer("rowsWritten"),
    createdAtMs: timeOf("createdAt") ?? Number.NaN,
    endedAtMs: timeOf("endedAt"),
    attempts: parseAttempts(text, skewMs),
  };
}

function parseAttempts(text: string, skewMs: number): readonly Attempt[] {
  const status: unknown = JSON.parse(text);
  const list: readonly unknown[] = typeof status === "object" && status !== null && "attempts" in status && Array.isArray(status.attempts) ? status.attempts : [];
  const time = (inner: JsonReader, field: string): number => inner.integer(field) - skewMs;
  return list.map((entry) => {
    const reader = new JsonReader(entry, "an attempt");
    return {
      attempt: reader.integer("attempt", 1),
      invokedAtMs: time(reader, "invokedAt"),
      dialledAtMs: reader.optional("dialledAt", time),
      endedAtMs: reader.optional("endedAt", time),
      lastSeq: reader.optional("lastSeq", (inner, field) => inner.integer(field)),
      end: reader.optional("end", readText),
      reason: reader.optional("reason", readText),
    };
  });
}

const readText = (reader: JsonReader, field: string): string => reader.string(field);

/** How far the gateway's clock is ahead of this one. */
function clockSkewMs(date: string | null): number {
  const skewMs = date === null ? 0 : Date.parse(date) - Date.now();
  return Math.abs(skewMs) > clockGrainMs ? skewMs : 0;
}
