/** Owns reading a stream of numbered events to measure its gaps: when each came, and that each came once and in order. */

import { createParser } from "eventsource-parser";
import { openBody } from "./body.ts";
import { insist } from "./figures.ts";

export interface Arrival {
  readonly n: number;
  /** 0 where events do not tell which attempt wrote them. */
  readonly attempt: number;
  readonly atMs: number;
}

export interface Arriving {
  readonly streamId: string;
  /** Grows as they come. */
  readonly arrivals: readonly Arrival[];
  /** Settles with the body's end. @throws Error where an event was missing, doubled or out of turn. */
  readonly ended: Promise<void>;
  leave(): void;
}

export async function readArrivals(url: URL): Promise<Arriving> {
  const body = await openBody(url, { events: true });
  const arrivals: Arrival[] = [];
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === undefined) arrivals.push({ ...parse(data), atMs: performance.now() });
    },
  });
  const decoder = new TextDecoder();
  body.on("data", (chunk: Buffer) => parser.feed(decoder.decode(chunk, { stream: true })));
  const ended = new Promise<void>((resolve, reject) => {
    // What came is judged below, however the body ended.
    body.on("error", () => undefined);
    body.on("close", () => {
      try {
        insist(arrivals.every(({ n }, index) => n === index + 1), `the ${arrivals.length} events of a stream came not each once and in order`);
        resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
  return {
    streamId: String(body.headers["stream-id"]),
    arrivals,
    ended,
    leave: () => {
      body.destroy();
    },
  };
}

function parse(data: string): { readonly n: number; readonly attempt: number } {
  const value: unknown = JSON.parse(data);
  if (typeof value !== "object" || value === null || !("n" in value)) throw new Error(`Cannot read the event ${data}`);
  return { n: Number(value.n), attempt: "attempt" in value ? Number(value.attempt) : 0 };
}
