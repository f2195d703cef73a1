/** Owns the raw reader of the tests: a fetch whose SSE body is parsed as it comes, with no reconnect of its own. */

import { createParser } from "eventsource-parser";

export interface SeenEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** `aborted` is what a client sees as a network error; `left` when the test itself hung up. */
export type BodyEnd = "clean" | "aborted" | "left";

export interface ReadOptions {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `Last-Event-ID`. */
  readonly cursor?: string;
  readonly accept?: string;
}

export class Reader {
  readonly response: Response;
  readonly events: SeenEvent[] = [];
  readonly comments: string[] = [];
  text = "";
  retryMs: number | null = null;
  /** Settles when the body is over, however. */
  readonly ended: Promise<BodyEnd>;
  readonly #controller: AbortController;
  #watchers: (() => void)[] = [];

  private constructor(response: Response, controller: AbortController) {
    this.response = response;
    this.#controller = controller;
    this.ended = this.#read();
  }

  static async open(url: URL | string, options: ReadOptions = {}): Promise<Reader> {
    const controller = new AbortController();
    const response = await fetch(url, {
      method: options.method ?? "GET",
      headers: {
        accept: options.accept ?? "text/event-stream",
        ...(options.cursor === undefined ? {} : { "last-event-id": options.cursor }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: options.body }),
      signal: controller.signal,
    });
    return new Reader(response, controller);
  }

  /** Reads to the end of the body. */
  static async readAll(url: URL | string, options: ReadOptions = {}): Promise<Reader> {
    const reader = await Reader.open(url, options);
    await reader.ended;
    return reader;
  }

  get streamId(): string {
    return this.response.headers.get("stream-id") ?? "";
  }

  /** Ids of the events that carry one, control events left out. */
  get ids(): readonly string[] {
    return this.messages.map(({ id }) => id ?? "");
  }

  /** The handler's events, without the gateway's own. */
  get messages(): readonly SeenEvent[] {
    return this.events.filter(({ event }) => event === undefined || !event.startsWith("longstream."));
  }

  get cursor(): string | undefined {
    return this.messages.at(-1)?.id;
  }

  /** The field `n` of each event of the count example. */
  get numbers(): readonly number[] {
    return this.messages.map(({ data }) => readNumber(data));
  }

  control(name: string): Readonly<Record<string, unknown>> | undefined {
    const found = this.events.find(({ event }) => event === name);
    return found === undefined ? undefined : readObject(found.data);
  }

  /** Settles when `count` of the handler's events were seen. */
  async seen(count: number): Promise<void> {
    await this.until(() => this.messages.length >= count, `${count} events`);
  }

  async until(met: () => boolean, what: string): Promise<void> {
    const over = this.#overBefore(met, what);
    const watched = new Promise<void>((resolve) => {
      const look = (): void => {
        if (met()) resolve();
        else this.#watchers.push(look);
      };
      look();
    });
    await Promise.race([watched, over]);
  }

  async #overBefore(met: () => boolean, what: string): Promise<void> {
    const end = await this.ended;
    if (!met()) throw new Error(`The body ended (${end}) after ${this.messages.length} events, before ${what}`);
  }

  leave(): void {
    this.#controller.abort();
  }

  async #read(): Promise<BodyEnd> {
    const parser = createParser({
      onEvent: (event) => {
        this.events.push({ id: event.id, event: event.event, data: event.data });
      },
      onComment: (comment) => {
        this.comments.push(comment);
      },
      onRetry: (retryMs) => {
        this.retryMs = retryMs;
      },
    });
    try {
      for await (const chunk of this.response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        this.text += chunk;
        parser.feed(chunk);
        for (const watcher of this.#watchers.splice(0)) watcher();
      }
      return "clean";
    } catch {
      return this.#controller.signal.aborted ? "left" : "aborted";
    }
  }
}

/** 1, 2, ..., n. */
export function upTo(n: number): readonly number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}

function readNumber(data: string): number {
  const { n } = readObject(data);
  return typeof n === "number" ? n : Number.NaN;
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
