/** Owns the web `Request` a handler gets, built from the head and body the object stored. */

import type { RequestHead } from "../protocol/producer-messages.ts";
import type { RequestBody } from "./request-body.ts";

const bodiless = new Set(["GET", "HEAD"]);

export function toRequest(head: RequestHead, body: RequestBody, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of head.headers) headers.append(name, asBytes(value));
  const init: RequestInit = { method: head.method, headers, signal };
  if (bodiless.has(head.method) || head.bodyBytes === 0) return new Request(head.url, init);
  // Node wants to be told that the answer may begin before the body has ended; its types do not know the word.
  return new Request(head.url, Object.assign(init, { body: body.stream, duplex: "half" }));
}

/** The gateway's runtime reads header values as UTF-8; Node's `Headers` take only bytes, one a character, and throw at others. */
function asBytes(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}
