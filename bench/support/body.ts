/** Owns the raw reader of benchmarks: an HTTP body as it comes, on a connection of its own, parsed no more than needed. */

import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { StringDecoder } from "node:string_decoder";

export interface OpenOptions {
  /** Sent as `Last-Event-ID`; "" for none. */
  readonly cursor?: string;
  /** Without it, as a client that must get no control events. */
  readonly events?: boolean;
}

/** @throws Error for any status but 200. */
export async function openBody(url: URL, { cursor = "", events = false }: OpenOptions = {}): Promise<IncomingMessage> {
  const headers = {
    ...(events ? { accept: "text/event-stream" } : {}),
    ...(cursor === "" ? {} : { "last-event-id": cursor }),
  };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.destroy();
      reject(new Error(`Cannot read ${url.href}: it was answered with ${response.statusCode}`));
    });
    request.on("error", reject);
  });
}

const blankLine = "\n\n";

/** Passes on what follows the first block of an event stream, which holds no event. */
export function behindPreamble(take: (chunk: Buffer) => void): (chunk: Buffer) => void {
  let head: Buffer | null = Buffer.alloc(0);
  return (chunk) => {
    if (head === null) return take(chunk);
    const all = Buffer.concat([head, chunk]);
    const end = all.indexOf(blankLine);
    if (end === -1) {
      head = all;
      return;
    }
    head = null;
    const rest = all.subarray(end + blankLine.length);
    if (rest.length > 0) take(rest);
  };
}

/** Cuts a body into its blocks, and passes each on without its blank line. */
export function byBlock(take: (block: string) => void): (chunk: Buffer) => void {
  const decoder = new StringDecoder("utf8");
  let left = "";
  return (chunk) => {
    const text = left + decoder.write(chunk);
    let begin = 0;
    // What was left has no blank line in it, at most the first half of one at its end.
    for (let end = text.indexOf(blankLine, Math.max(0, left.length - 1)); end !== -1; end = text.indexOf(blankLine, begin)) {
      take(text.slice(begin, end));
      begin = end + blankLine.length;
    }
    left = text.slice(begin);
  };
}
