/** Owns one fetch of an upstream: its abort, its silence, and its errors told apart from everybody else's. */

import { describe } from "../protocol/errors.ts";
import type { Producer } from "./stream-state.ts";

export type Answered = { readonly kind: "answered"; readonly response: Response } | Lost;
export type Chunk = { readonly kind: "chunk"; readonly bytes: Uint8Array } | Lost;

/** The upstream, or the way there, failed; `reason` says how. */
interface Lost {
  readonly kind: "lost";
  readonly reason: string;
}

const maxDetailChars = 300;

export class UpstreamFetch {
  readonly producer: Producer;
  readonly #idleMs: number;
  readonly #abort = new AbortController();
  /** `abandoned`: nothing more of it counts. `silent`: it was given up for its silence. */
  #fate: "running" | "silent" | "abandoned" = "running";
  #broken: { readonly error: unknown } | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #waiting: "for the upstream" | "no" = "no";
  /** To whom a silence is laid. */
  #silent: "the upstream" | "the client" = "the upstream";

  constructor(producer: Producer, idleMs: number) {
    this.producer = producer;
    this.#idleMs = idleMs;
  }

  /** Whether nothing it brings may be used any more. */
  get over(): boolean {
    return this.#fate === "abandoned";
  }

  abandon(): void {
    this.#fate = "abandoned";
  }

  /** Closes the connection, if it is open. */
  stop(): void {
    this.#fate = "abandoned";
    this.#abort.abort();
  }

  async ask(request: Request): Promise<Answered> {
    return this.#bounded(async () => ({ kind: "answered", response: await fetch(request, { signal: this.#abort.signal }) }));
  }

  /** The body as it comes; ends after its last chunk, or the loss of it. */
  async *chunks(response: Response): AsyncGenerator<Chunk> {
    const body: ReadableStream<Uint8Array> | null = response.body;
    if (body === null) return;
    const reader = body.getReader();
    for (;;) {
      const step = await this.#bounded(async (): Promise<Chunk | { readonly kind: "end" }> => {
        const { done, value } = await reader.read();
        return done ? { kind: "end" } : { kind: "chunk", bytes: value };
      });
      if (step.kind === "end") return;
      yield step;
      if (step.kind === "lost") return;
    }
  }

  /** The start of an error's body, for a reason; empty where there is none. */
  async detail(response: Response): Promise<string> {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.chunks(response)) {
      if (chunk.kind === "lost") break;
      text += decoder.decode(chunk.bytes, { stream: true });
      if (text.length >= maxDetailChars) break;
    }
    return text === "" ? "" : ` (${text.slice(0, maxDetailChars)})`;
  }

  /** The upstream waits for the client now, and is not to be taken for dead. */
  pause(): void {
    this.#silent = "the client";
    this.#disarm();
  }

  /** It has all there is: its time begins anew. */
  resume(): void {
    this.#silent = "the upstream";
    if (this.#waiting !== "no") this.#arm();
  }

  /** The request cannot be sent to its end; `error` is thrown to whoever waits for its answer. */
  breakOff(error: unknown): void {
    this.#broken = { error };
    this.#abort.abort();
  }

  async #bounded<T>(wait: () => Promise<T>): Promise<T | Lost> {
    this.#waiting = "for the upstream";
    if (this.#silent === "the upstream") this.#arm();
    try {
      return await wait();
    } catch (error) {
      if (this.#broken !== null) throw this.#broken.error;
      const reason = this.#fate === "silent" ? `it sent nothing for ${this.#idleMs} ms` : describe(error, maxDetailChars);
      return { kind: "lost", reason };
    } finally {
      this.#waiting = "no";
      this.#disarm();
    }
  }

  #arm(): void {
    this.#disarm();
    this.#timer = setTimeout(() => {
      if (this.#fate === "running") this.#fate = "silent";
      this.#abort.abort();
    }, this.#idleMs);
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
