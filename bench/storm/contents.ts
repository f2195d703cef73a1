/** Owns what the functions of a storm must produce, said again here so that the checker asks no part of the product. */

import { readFile } from "node:fs/promises";
import { SseReader } from "./sse.ts";

export interface Content {
  /** Events, or bytes. */
  readonly total: number;
  readonly mode: "events" | "bytes";
  /** The data of the event with that seq. */
  dataOf(seq: number): string;
  /** The byte at that offset. */
  byteAt(offset: number): number;
}

export function countContent(n: number, size: number): Content {
  const dataOf = (seq: number): string => {
    const missing = size - JSON.stringify({ n: seq, pad: "" }).length;
    return missing > 0 ? `{"n":${seq},"pad":"${"x".repeat(missing)}"}` : `{"n":${seq}}`;
  };
  return { total: n, mode: "events", dataOf, byteAt: noBytes };
}

export function tokensContent(tokens: readonly string[], maxTokens: number): Content {
  return { total: Math.min(maxTokens, tokens.length), mode: "events", dataOf: (seq) => JSON.stringify({ token: tokens[seq - 1] }), byteAt: noBytes };
}

export function noiseContent(size: number): Content {
  return { total: size, mode: "bytes", dataOf: () => "", byteAt: (offset) => Math.imul(offset, 0x9e3779b1) >>> 24 };
}

function noBytes(): number {
  return Number.NaN;
}

/**
 * The tokens of the answer to a prompt, read while nothing is broken. How the text is cut is the tokenizer's business; that
 * it is the text is checked.
 */
export async function readTokens(gateway: URL, prompt: string): Promise<readonly string[]> {
  const url = new URL(`/api/tokens?tokensPerSecond=0&prompt=${encodeURIComponent(prompt)}`, gateway);
  const response = await fetch(url, { headers: { accept: "text/event-stream" } });
  const tokens: string[] = [];
  const reader = new SseReader("", {
    onEvent: ({ event, data }) => {
      if (event === "") tokens.push(tokenOf(data));
    },
  });
  for await (const chunk of response.body ?? []) reader.feed(chunk);
  const text = (await readFile(new URL("../../examples/functions/tokens/text.txt", import.meta.url), "utf8")).trim();
  if (!tokens.join("").endsWith(text)) throw new Error("Cannot storm: the answer to a prompt is not the example's text, with nothing broken");
  return tokens;
}

function tokenOf(data: string): string {
  const value: unknown = JSON.parse(data);
  if (typeof value === "object" && value !== null && "token" in value && typeof value.token === "string") return value.token;
  throw new Error(`Cannot storm: ${data} is no token`);
}
