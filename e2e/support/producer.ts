/** Owns a producer played by hand: literal frames over a real socket, so that a test decides what the object gets. */

import { WebSocket } from "ws";
import { encodeDataFrame } from "../../protocol/data-frame.ts";
import { RollingHash } from "../../protocol/hash.ts";
import { encodeMessage, parseToProducer } from "../../protocol/producer-messages.ts";
import type { ToObject, ToProducer } from "../../protocol/producer-messages.ts";
import type { Stack } from "../../local/stack.ts";
import { invocationsOf } from "../../bench/support/invocations.ts";
import type { Invocation } from "../../bench/support/invocations.ts";
import { Reader } from "./reader.ts";
import { waitFor } from "./status.ts";

/** Opens a stream whose function never dials in, and gives what its invocation was handed. */
export async function openSilent(stack: Stack): Promise<{ reader: Reader } & Invocation> {
  const reader = await Reader.open(new URL("/fixtures/silent", stack.url));
  const dialled = await invocationOf(stack, reader.streamId, 1);
  return { reader, ...dialled };
}

/** What the `attempt`-th invocation of a stream was handed. */
export async function invocationOf(stack: Stack, streamId: string, attempt: number): Promise<Invocation> {
  return waitFor(`attempt ${attempt} of ${streamId}`, () => invocationsOf(stack, streamId).find((each) => each.attempt === attempt));
}

export class HandProducer {
  readonly messages: ToProducer[] = [];
  pongs = 0;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: WebSocket;
  readonly #pinger: ReturnType<typeof setInterval>;
  readonly #hash = new RollingHash("events");

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) return;
      const text = data.toString("utf8");
      if (text === "pong") this.pongs++;
      else this.messages.push(parseToProducer(text));
    });
    // As the runtime does, so that a slow machine costs no lease.
    this.#pinger = setInterval(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send("ping", () => undefined);
    }, 1_000);
    // A refused upgrade ends in an error and a close.
    socket.on("error", () => clearInterval(this.#pinger));
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        clearInterval(this.#pinger);
        resolve({ code, reason: reason.toString("utf8") });
      });
    });
  }

  /** Rejects with the status when the upgrade is refused. */
  static async dial(stack: Stack, streamId: string, headers: Readonly<Record<string, string>>): Promise<HandProducer> {
    const url = new URL(`/streams/${streamId}/producer`, stack.url);
    url.protocol = "ws:";
    const socket = new WebSocket(url, { headers });
    const producer = new HandProducer(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
      socket.once("unexpected-response", (request, response) => {
        clearInterval(producer.#pinger);
        reject(new Error(`refused with ${response.statusCode}`));
        request.destroy();
      });
    });
    return producer;
  }

  /** Dials with a ticket; whether it is welcomed shows. */
  static async knock(stack: Stack, { streamId, ticket }: Invocation, run = "by-hand"): Promise<HandProducer> {
    return HandProducer.dial(stack, streamId, { authorization: `Bearer ${ticket}`, "longstream-producer": run });
  }

  static async welcome(stack: Stack, dialled: Invocation, run = "by-hand"): Promise<HandProducer> {
    const producer = await HandProducer.knock(stack, dialled, run);
    await producer.received("body-end");
    return producer;
  }

  /** The first message of a type, once it is there. */
  async received<Type extends ToProducer["type"]>(type: Type, met: (message: Extract<ToProducer, { type: Type }>) => boolean = () => true): Promise<Extract<ToProducer, { type: Type }>> {
    return waitFor(`a ${type} message`, () => this.messages.filter((message) => isOf(message, type)).find(met));
  }

  tell(message: ToObject): void {
    this.#socket.send(encodeMessage(message));
  }

  /** Events with literal payload lines, numbered from `firstSeq`; the digest follows what was sent here before. */
  sendEvents(firstSeq: number, lines: readonly string[]): void {
    const payloads = lines.map((line) => new TextEncoder().encode(line));
    for (const payload of payloads) this.#hash.update(payload);
    this.sendRaw(encodeDataFrame({ firstSeq, digest: this.#hash.digest(), sourceId: "", payloads }));
  }

  sendRaw(data: Uint8Array | string): void {
    this.#socket.send(data);
  }

  async acked(seq: number): Promise<void> {
    await this.received("ack", (ack) => ack.seq >= seq);
  }

  /** From now on nothing comes, and the socket stays open. */
  fallSilent(): void {
    clearInterval(this.#pinger);
  }

  /** As a crash does it: no close frame. */
  crash(): void {
    this.#socket.terminate();
  }
}

function isOf<Type extends ToProducer["type"]>(message: ToProducer, type: Type): message is Extract<ToProducer, { type: Type }> {
  return message.type === type;
}
