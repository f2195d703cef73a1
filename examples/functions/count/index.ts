/** Counts: `?n=100&intervalMs=20&size=40` answers events {"n":1,...} to n, padded to `size` bytes. Deterministic. */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";
import type { HandlerStream } from "longstream/lambda-runtime";

interface Parameters {
  readonly n: number;
  readonly intervalMs: number;
  readonly size: number;
}

export const handler = streamHandler((request, stream) => count(readParameters(request.url), stream));

async function* count({ n, intervalMs, size }: Parameters, stream: HandlerStream): AsyncGenerator<string, void, void> {
  const durable = stream.resume?.seq ?? 0;
  for (let i = 1; i <= n; i++) {
    // A later attempt repeats what is stored already; only what is new keeps the pace.
    if (intervalMs > 0 && i > durable + 1) await sleep(intervalMs, undefined, { signal: stream.signal });
    yield pad(i, size);
  }
}

/** `{"n":7}`, or `{"n":7,"pad":"..."}` of exactly `size` bytes where there is room for the field. */
function pad(n: number, size: number): string {
  const bare = JSON.stringify({ n });
  const missing = size - JSON.stringify({ n, pad: "" }).length;
  return missing > 0 ? JSON.stringify({ n, pad: "x".repeat(missing) }) : bare;
}

function readParameters(url: string): Parameters {
  const { searchParams } = new URL(url);
  return {
    n: readInteger(searchParams, "n", 100),
    intervalMs: readInteger(searchParams, "intervalMs", 20),
    size: readInteger(searchParams, "size", 40),
  };
}

function readInteger(parameters: URLSearchParams, name: string, absent: number): number {
  const text = parameters.get(name);
  if (text === null) return absent;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RangeError(`Cannot count: "${name}" must be a whole number, and it is ${JSON.stringify(text)}`);
}
