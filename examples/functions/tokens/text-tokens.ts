/** Owns the answer without a model: a text, split as a language model would see it, at a steady rate. */

import { setTimeout as sleep } from "node:timers/promises";
// The smallest of its encodings: half the size of the next one, and a cold start feels the difference.
import { decodeGenerator, encode } from "gpt-tokenizer/encoding/r50k_base";

const maxQuotedChars = 160;

/** The same for the same prompt, so that a later attempt can go on by index. */
export function textTokens(prompt: string, text: string): readonly string[] {
  // By default the tokenizer throws on a prompt that contains the name of a special token.
  const ids = encode(`${opening(prompt)}\n\n${text.trim()}`, { disallowedSpecial: new Set() });
  // A character may be spread over several tokens; they become one here.
  return [...decodeGenerator(ids)];
}

function opening(prompt: string): string {
  return `You asked “${quote(prompt)}”, but no model is connected, so here is an essay instead, sent the way a model would send its answer.`;
}

function quote(prompt: string): string {
  const line = prompt.toWellFormed().trim().replaceAll(/\s+/g, " ");
  const chars = Array.from(line);
  return chars.length > maxQuotedChars ? `${chars.slice(0, maxQuotedChars).join("")}…` : line;
}

/** The first item at once, then each at its time by the clock: late timers do not add up, and one delay is caught up. */
export async function* paced(items: readonly string[], perSecond: number, signal: AbortSignal): AsyncGenerator<string, void, void> {
  const startAt = performance.now();
  for (const [index, item] of items.entries()) {
    const waitMs = perSecond === 0 ? 0 : startAt + (index * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    yield item;
  }
}
