/** Owns the readers of an event stream over HTTP: who is not of this project, and the standard by the letter. */

import { EventSource as PackageEventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { EventSource as UndiciEventSource } from "undici";
import { controlEvents } from "../../protocol/sse.ts";
import { readAsStandard } from "./standard.ts";

/** As a page gets it. */
export interface SeenEvent {
  readonly event: string;
  readonly data: string;
  readonly lastId: string;
}

/** `names`: those of the events that may come. An EventSource is read up to `longstream.end`, a body to its end. */
export type SseReader = (url: URL, names: ReadonlySet<string>) => Promise<readonly SeenEvent[]>;

export async function readByParser(url: URL): Promise<readonly SeenEvent[]> {
  const seen: SeenEvent[] = [];
  let lastId = "";
  const parser = createParser({
    onId: (id) => {
      lastId = id;
    },
    onEvent: ({ event = "message", data }) => seen.push({ event, data, lastId }),
  });
  const decoder = new TextDecoder();
  for (const chunk of await chunksOf(url)) parser.feed(decoder.decode(chunk, { stream: true }));
  return seen;
}

export async function readByStandard(url: URL): Promise<readonly SeenEvent[]> {
  return readAsStandard(Buffer.concat(await chunksOf(url))).map(({ event, data, lastId }) => ({ event: event || "message", data, lastId }));
}

/** A body as it comes. */
export async function chunksOf(url: URL): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const { body } = await fetch(url);
  for await (const chunk of body ?? []) chunks.push(chunk);
  return chunks;
}

export async function readByUndici(url: URL, names: ReadonlySet<string>): Promise<readonly SeenEvent[]> {
  return readBySource(new UndiciEventSource(url), names);
}

/** Its parser is eventsource-parser, too; the rest of it is its own. */
export async function readByPackage(url: URL, names: ReadonlySet<string>): Promise<readonly SeenEvent[]> {
  return readBySource(new PackageEventSource(url), names);
}

interface Source {
  addEventListener(type: string, listener: (event: Event) => void): void;
  close(): void;
}

async function readBySource(source: Source, names: ReadonlySet<string>): Promise<readonly SeenEvent[]> {
  const seen: SeenEvent[] = [];
  const ended = Promise.withResolvers<undefined>();
  const see = (event: Event): void => {
    // The source's own events may have the same names, and have no data. Each library has a MessageEvent of its own.
    if ("data" in event && "lastEventId" in event) seen.push({ event: event.type, data: String(event.data), lastId: String(event.lastEventId) });
    else if (event.type === "error") ended.reject(new Error(`Cannot read on: the EventSource failed behind ${seen.length} events`));
    if (event.type === controlEvents.end) ended.resolve(undefined);
  };
  for (const name of new Set([...names, "message", "error", controlEvents.end])) source.addEventListener(name, see);
  try {
    await ended.promise;
    return seen;
  } finally {
    source.close();
  }
}
