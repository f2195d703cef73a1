/** Owns reading an event stream: over a connection of its own, cut into events, until the reader or its server leaves. */

import { byBlock, openBody } from "../support/body.ts";
import type { Feed } from "./contender.ts";

export interface SseEvent {
  /** "" where it has none. */
  readonly name: string;
  readonly id: string;
  readonly data: string;
  /** Characters of the body it took, its blank line included. */
  readonly chars: number;
}

export interface SseOptions {
  readonly url: URL;
  /** Sent as `Last-Event-ID`; "" for none. */
  readonly cursor?: string;
  /** `body` is for those who find several things in an event: none may be passed on once it is dropped. */
  readonly take: (event: SseEvent, body: SseBody) => void;
  readonly feed?: Feed | undefined;
}

export interface SseBody {
  /** Rejects when the connection ends, by whomever. */
  readonly lost: Promise<never>;
  readonly dropped: boolean;
  drop(): void;
}

/** Settles with the head. @throws Error for any status but 200. */
export async function openSse({ url, cursor = "", take, feed = atOnce }: SseOptions): Promise<SseBody> {
  const response = await openBody(url, { cursor, events: true });
  const { promise: lost, reject } = Promise.withResolvers<never>();
  // A reader that nobody asks about its end may be dropped all the same.
  lost.catch(() => undefined);
  const body: SseBody = {
    lost,
    get dropped() {
      return response.destroyed;
    },
    drop: () => {
      response.destroy();
    },
  };
  const cut = byBlock((block) => {
    if (!body.dropped) take(toEvent(block), body);
  });
  response.on("data", (chunk: Buffer) => feed(chunk, cut));
  const lose = (why: string): void => reject(new Error(`Cannot read on at ${url.href}: ${why}`));
  response.on("end", () => lose("the body ended"));
  response.on("error", (error) => lose(error.message));
  response.on("close", () => lose("the connection is closed"));
  return body;
}

function atOnce(chunk: Buffer, parse: (chunk: Buffer) => void): void {
  parse(chunk);
}

const blankLineChars = 2;

/** Enough of the format for servers that are known: line feeds, one `data:` line an event. Searched, as most lines are short. */
export function toEvent(block: string): SseEvent {
  let [name, id, data] = ["", "", ""];
  for (let from = 0; from < block.length; ) {
    const newline = block.indexOf("\n", from);
    const end = newline === -1 ? block.length : newline;
    if (block.startsWith("data:", from)) data = valueOf(block, from + 5, end);
    else if (block.startsWith("id:", from)) id = valueOf(block, from + 3, end);
    else if (block.startsWith("event:", from)) name = valueOf(block, from + 6, end);
    from = end + 1;
  }
  return { name, id, data, chars: block.length + blankLineChars };
}

function valueOf(block: string, from: number, end: number): string {
  return block.slice(block.startsWith(" ", from) ? from + 1 : from, end);
}
