/** Owns random headers: of any text, and of text that HTTP can carry. */

import * as fc from "fast-check";
import { headerNames } from "../../protocol/http.ts";
import { anyText } from "./text.ts";

/** Those that mean something to a gateway, and those that mean something to JavaScript. */
const aboutConnection = ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "forwarded", "prefer"];
const aboutBody = ["content-length", "content-type", "content-encoding", "vary", "accept", "Set-Cookie"];
const others = ["X-A", "x-b", "__proto__", "constructor", "toString"];
const knownNames = [...Object.values(headerNames), ...aboutConnection, ...aboutBody, ...others];
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What no value has: NUL, CR, LF, and characters that fit no byte. */
// oxlint-disable-next-line no-control-regex -- NUL, CR and LF are what is looked for
const notInValue = /[\0\r\n]|[^\0-\u00FF]/;

export const goodName = fc.oneof(fc.constantFrom("x-a", "X-B", "vary"), { weight: 2, arbitrary: fc.constantFrom(...knownNames) }, fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/));
const types = ["text/event-stream", "TEXT/event-stream;charset=utf-8", "text/html"];
const special = [...types, "close", "x-a", "X-B, keep-alive", "gzip", "GZip", "Br", "identity", "0", "7", "respond-async", "a, b", "é", ""];
export const goodValue = fc.oneof(fc.constantFrom(...special), fc.stringMatching(/^[!-~\u0080-\u00FF]{0,4}[ \t!-~\u0080-\u00FF]{0,4}[!-~]$/));

export type Pair = readonly [name: string, value: string];

const goodPair: fc.Arbitrary<Pair> = fc.tuple(goodName, goodValue);
/** Names others as headers of the connection. */
const connection: fc.Arbitrary<Pair> = fc.tuple(fc.constantFrom("connection", "Connection"), fc.array(goodName, { minLength: 1, maxLength: 3 }).map((names) => names.join(" ,")));

export const goodPairs: fc.Arbitrary<readonly Pair[]> = fc.array(fc.oneof({ weight: 8, arbitrary: goodPair }, connection), { maxLength: 6 });
export const anyPairs: fc.Arbitrary<readonly Pair[]> = fc.array(
  fc.oneof({ weight: 4, arbitrary: goodPair }, fc.tuple(goodName, anyText(4)), fc.tuple(anyText(3), goodValue)),
  { maxLength: 4 },
);

/** Whether HTTP can carry it (RFC 9110, sections 5.1 and 5.5); white space around a value does not count. */
export function isHeader([name, value]: Pair): boolean {
  return tokenPattern.test(name) && !notInValue.test(value.replaceAll(/^[\t\n\r ]+|[\t\n\r ]+$/g, ""));
}

export function toHeaders(pairs: readonly Pair[]): Headers {
  const headers = new Headers();
  for (const [name, value] of pairs) headers.append(name, value);
  return headers;
}
