/** Owns reading an event stream: over a connection of its own, cut into events, until its server says that it is over. */

import { get } from "node:http";
import type { IncomingMessage } from "node:http";

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
  readonly headers?: Readonly<Record<string, string>>;
  /** What a clean end of the body means, where no event said "over" before. */
  readonly cleanEnd: "over" | "lost";
  /** `body` is for those who find several things in an event: none may be passed on once it is dropped. */
  readonly take: (event: SseEvent, body: SseBody) => "more" | "over";
}

export interface SseBody {
  /** Settles when the stream is over; rejects when the connection is lost, or dropped. */
  readonly ended: Promise<void>;
  readonly dropped: boolean;
  drop(): void;
}

/** Settles with the head. @throws Error for any status but 200. */
export async function openSse(options: SseOptions): Promise<SseBody> {
  const response = await openHead(options);
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  // A reader that nobody asks about its end may be dropped all the same.
  ended.catch(() => undefined);
  const lost = (why: string): void => reject(new Error(`Cannot read on at ${options.url.href}: ${why}`));
  const body: SseBody = {
    ended,
    get dropped() {
      return response.destroyed;
    },
    drop: () => {
      response.destroy();
    },
  };
  const cut = cutter();
  response.setEncoding("utf8");
  response.on("data", (text: string) => {
    for (const block of cut(text)) {
      if (body.dropped) return;
      if (options.take(toEvent(block), body) === "over") resolve();
    }
  });
  response.on("end", () => (options.cleanEnd === "over" ? resolve() : lost("the body ended before the stream")));
  response.on("error", (error) => lost(error.message));
  response.on("close", () => lost("the connection is closed"));
  return body;
}

async function openHead({ url, headers = {} }: SseOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers: { accept: "text/event-stream", ...headers } }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.destroy();
      reject(new Error(`Cannot read ${url.href}: it was answered with ${response.statusCode}`));
    });
    request.on("error", reject);
  });
}

const blankLine = "\n\n";

function cutter(): (text: string) => readonly string[] {
  let left = "";
  return (text) => {
    const blocks = (left + text).split(blankLine);
    left = blocks.pop() ?? "";
    return blocks;
  };
}

/** Enough of the format for servers that are known: line feeds, one `data:` line an event. */
function toEvent(block: string): SseEvent {
  const event = { name: "", id: "", data: "", chars: block.length + blankLine.length };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const value = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    switch (line.slice(0, colon)) {
      case "data":
        event.data = value;
        break;
      case "event":
        event.name = value;
        break;
      case "id":
        event.id = value;
        break;
      default:
        break;
    }
  }
  return event;
}
