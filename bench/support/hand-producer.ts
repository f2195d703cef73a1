/** Owns a producer played at full speed: frames over a real socket, with no more unacknowledged than the window. */

import { WebSocket } from "ws";
import { encodeDataFrame } from "../../protocol/data-frame.ts";
import { RollingHash } from "../../protocol/hash.ts";
import { encodeMessage, parseToProducer, ping, pong } from "../../protocol/producer-messages.ts";
import type { ToProducer } from "../../protocol/producer-messages.ts";
import type { Stack } from "../../local/stack.ts";
import { openBody } from "./body.ts";
import { invocationsOf } from "./invocations.ts";
import type { Invocation } from "./invocations.ts";

const pollMs = 10;
const limitMs = 30_000;
/** As the runtime does. */
const pingsPerLease = 3;

/** Opens a stream whose function never dials in, and leaves it without a reader. */
export async function openStream(stack: Stack, path: string): Promise<Invocation> {
  const body = await openBody(new URL(path, stack.worker.url));
  const streamId = String(body.headers["stream-id"]);
  body.destroy();
  return new Promise((resolve, reject) => {
    const limitAt = Date.now() + limitMs;
    const look = (): void => {
      const [first] = invocationsOf(stack, streamId);
      if (first !== undefined) resolve(first);
      else if (Date.now() > limitAt) reject(new Error(`Cannot play the producer: ${streamId} was not invoked`));
      else setTimeout(look, pollMs);
    };
    look();
  });
}

export class HandProducer {
  readonly #socket: WebSocket;
  #hash = new RollingHash("events");
  /** Frames on their way: their last seq and their bytes. */
  readonly #unacked: { readonly lastSeq: number; readonly byteLength: number }[] = [];
  #unackedBytes = 0;
  #window = 0;
  #wake: (() => void) | null = null;
  #failure: Error | null = null;
  #pinger: ReturnType<typeof setInterval> | undefined;
  #lastSeq = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Settles once it is welcomed. */
  static async dial(stack: Stack, { streamId, ticket }: Invocation): Promise<HandProducer> {
    const url = new URL(`/streams/${streamId}/producer`, stack.worker.url);
    url.protocol = "ws:";
    const headers = { authorization: `Bearer ${ticket}`, "longstream-producer": "bench" };
    const producer = new HandProducer(new WebSocket(url, { headers, perMessageDeflate: false }));
    producer.#listen();
    await producer.#until(() => producer.#window > 0);
    return producer;
  }

  /** The seq it sent last, or found stored. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The events that follow the last ones; waits while the window is full. */
  async send(payloads: readonly Uint8Array[]): Promise<void> {
    await this.#until(() => this.#unackedBytes < this.#window);
    for (const payload of payloads) this.#hash.update(payload);
    const frame = encodeDataFrame({ firstSeq: this.#lastSeq + 1, digest: this.#hash.digest(), sourceId: "", payloads });
    this.#lastSeq += payloads.length;
    this.#unacked.push({ lastSeq: this.#lastSeq, byteLength: frame.length });
    this.#unackedBytes += frame.length;
    this.#socket.send(frame);
  }

  async allAcked(): Promise<void> {
    await this.#until(() => this.#unacked.length === 0);
  }

  async end(): Promise<void> {
    await this.allAcked();
    this.#socket.send(encodeMessage({ type: "end", seq: this.#lastSeq, outcome: "completed", error: null }));
  }

  hangUp(): void {
    this.#socket.terminate();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) return;
      const text = data.toString("utf8");
      if (text !== pong) this.#receive(parseToProducer(text));
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", (code, reason) => {
      clearInterval(this.#pinger);
      this.#fail(new Error(`Cannot go on producing: the socket closed with ${code} ${reason.toString("utf8")}`));
    });
  }

  #receive(message: ToProducer): void {
    if (message.type === "welcome") {
      this.#window = message.window;
      this.#pinger ??= setInterval(() => this.#ping(), message.leaseMs / pingsPerLease);
      this.#lastSeq = message.resume?.seq ?? 0;
      this.#hash = new RollingHash("events", message.resume?.digest);
    }
    if (message.type === "ack") {
      while ((this.#unacked[0]?.lastSeq ?? Number.POSITIVE_INFINITY) <= message.seq) this.#unackedBytes -= this.#unacked.shift()?.byteLength ?? 0;
    }
    this.#stir();
  }

  #ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(ping);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#stir();
  }

  #stir(): void {
    this.#wake?.();
    this.#wake = null;
  }

  async #until(met: () => boolean): Promise<void> {
    while (!met()) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
