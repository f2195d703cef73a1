/** Owns the wire: asks for an answer, follows its stream with a plain EventSource, and stops it. Reconnecting is the browser's own work. */

import { headerNames, parseStreamPath, streamPath } from "../../protocol/http.ts";
import { JsonReader } from "../../protocol/json.ts";

export interface Ask {
  readonly prompt: string;
  readonly tokensPerSecond: number;
}

export interface Ending {
  readonly outcome: string;
  readonly reason: string | null;
}

export interface Listener {
  opened(): void;
  event(cursor: string, data: string): void;
  /** The connection is gone; the browser comes back with its last event id. */
  lost(): void;
  /** The browser has given up: what it got was no event stream. */
  refused(): void;
  /** The gateway could not go on from the cursor; what follows begins behind `first`. */
  reset(reason: string, first: string): void;
  ended(ending: Ending): void;
}

/**
 * Starts an answer without waiting for it, and gives the id of its stream. A GET of the route would do with one request
 * less; but then the id, which a reload and a second tab go on with, would come with the first event only.
 */
export async function ask({ prompt, tokensPerSecond }: Ask): Promise<string> {
  const response = await fetch(`/api/tokens?tokensPerSecond=${tokensPerSecond}`, {
    method: "POST",
    headers: { "content-type": "application/json", prefer: "respond-async" },
    body: JSON.stringify({ prompt }),
  });
  const location = response.headers.get("location") ?? "";
  const path = parseStreamPath(new URL(location, response.url).pathname);
  if (response.status === 202 && path !== undefined) return path.id;
  throw new Error(`Cannot ask: ${await reasonOf(response)}`);
}

/** Follows from behind the cursor, or from the start. Answers how to leave; the stream itself goes on then. */
export function follow(id: string, cursor: string | null, listener: Listener): () => void {
  const source = new EventSource(streamPath(id) + (cursor === null ? "" : `?from=${cursor}`));
  source.addEventListener("open", () => listener.opened());
  source.addEventListener("message", ({ lastEventId, data }) => listener.event(lastEventId, String(data)));
  source.addEventListener("error", () => (source.readyState === EventSource.CLOSED ? listener.refused() : listener.lost()));
  source.addEventListener("longstream.reset", ({ data }: MessageEvent<string>) => {
    const reset = JsonReader.parse(data, "the reset");
    listener.reset(reset.string("reason"), reset.string("first"));
  });
  source.addEventListener("longstream.end", ({ data }: MessageEvent<string>) => {
    // An EventSource takes every end of a body for an accident.
    source.close();
    const end = JsonReader.parse(data, "the end");
    const error = end.optional("error", (reader, field) => reader.object(field));
    listener.ended({ outcome: end.string("outcome"), reason: error?.string("message") ?? null });
  });
  return () => source.close();
}

/** The stream then ends like any other, for every reader. To leave it would not stop it. */
export async function cancel(id: string): Promise<void> {
  const response = await fetch(streamPath(id, "cancel"), { method: "POST", body: JSON.stringify({ reason: "stopped on the page" }) });
  if (!response.ok) throw new Error(`Cannot stop the answer: ${await reasonOf(response)}`);
}

/** The gateway explains itself in problem details (RFC 9457). */
async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  const detail = response.headers.get("content-type")?.includes("json") === true ? JsonReader.parse(text, "the answer") : null;
  const outcome = response.headers.get(headerNames.outcome);
  return detail?.optional("detail", (reader, field) => reader.string(field)) ?? `the gateway answered ${response.status}${outcome === null ? "" : ` (${outcome})`}`;
}
