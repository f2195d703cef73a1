/** Owns the checker's own reading of an event stream, by the letter of the HTML standard and by no code of the product. */

export interface Block {
  /** The last event id as of this block. */
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

export interface SseHandlers {
  readonly onEvent: (block: Block) => void;
  readonly onRetry?: (retryMs: number) => void;
}

/** Takes bytes as they come; what no blank line has ended is never an event. */
export class SseReader {
  readonly #handlers: SseHandlers;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #rest = "";
  #idBuffer: string;
  #event = "";
  #data: string[] = [];
  /** What an EventSource sends as `Last-Event-ID`. */
  lastId: string;

  constructor(lastId: string, handlers: SseHandlers) {
    this.lastId = lastId;
    this.#idBuffer = lastId;
    this.#handlers = handlers;
  }

  feed(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id") this.#idBuffer = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#handlers.onRetry?.(Number(value));
  }

  #dispatch(): void {
    this.lastId = this.#idBuffer;
    const block = { id: this.lastId, event: this.#event, data: this.#data.join("\n") };
    const isEvent = this.#data.length > 0;
    this.#event = "";
    this.#data = [];
    if (isEvent) this.#handlers.onEvent(block);
  }
}
