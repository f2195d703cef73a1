/** Owns the readers of a crash run: bodies read as they come, each into a transcript, whatever cuts them off. */

import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import type { History } from "./history.ts";
import { Transcript } from "./transcript.ts";

export interface Body {
  readonly transcript: Transcript;
  /** Of a log that a range is not in, how long it is; null for any other answer. */
  readonly shortBytes: number | null;
  /** 0 where nobody answered. */
  readonly status: number;
  readonly end: "clean" | "cut";
}

/** Reads `path` of the stream behind `behind`, to the body's end, and settles then. */
export async function readBody(url: URL, { log, mode }: History, path: string, behind: number): Promise<Body> {
  const transcript = new Transcript(log, mode, behind);
  const cursor = mode === "events" ? { "last-event-id": `${log}-${behind}` } : { range: `bytes=${behind}-` };
  const headers = { accept: "text/event-stream", ...(behind === 0 ? {} : cursor) };
  return new Promise((resolve) => {
    const request = get(new URL(path, url), { agent: false, headers }, (response) => {
      response.on("data", (chunk: Buffer) => isLog(response) && transcript.feed(chunk));
      // A cut is an error and a close; which of both ways it ended shows at the close.
      response.on("error", () => undefined);
      response.on("close", () => resolve({ transcript, shortBytes: shortBytesOf(response), status: response.statusCode ?? 0, end: endOf(response) }));
    });
    request.on("error", () => resolve({ transcript, shortBytes: null, status: 0, end: "cut" }));
  });
}

/** Follows the stream until it is cut off or the stream is over; notes what it saw. Gives the last seq it has. */
export async function follow(url: URL, history: History, who: string, behind: number): Promise<number> {
  const { transcript, shortBytes, status, end } = await readBody(url, history, `/streams/${history.log}`, behind);
  const by = `${who} behind ${behind} (${status})`;
  const { stretches, faults, lastSeq, outcome } = transcript;
  if (shortBytes !== null && shortBytes < behind) faults.push({ kind: "reset", what: `the reader was told that the log has ${shortBytes} bytes` });
  history.seen.push({ by, stretches, faults, lastSeq, end: status === 0 ? "cut" : end });
  if (outcome !== null) history.outcomes.push({ ...outcome, how: `the end event of ${by}` });
  return lastSeq;
}

function isLog({ statusCode }: IncomingMessage): boolean {
  return statusCode === 200 || statusCode === 206;
}

/** From `content-range: bytes *` and, behind a slash, the length. */
function shortBytesOf({ statusCode, headers }: IncomingMessage): number | null {
  return statusCode === 416 ? Number(headers["content-range"]?.split("/")[1]) : null;
}

function endOf(response: IncomingMessage): "clean" | "cut" {
  return response.complete ? "clean" : "cut";
}
