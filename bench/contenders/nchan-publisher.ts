/** Owns publishing to nchan: a message an event over a WebSocket, each of them acknowledged, within a second's bound. */

import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Producing } from "./contender.ts";

/**
 * Its ids are the second and a number of 16 bits within it. Past 32,767 messages of one channel in a second, readers get some of
 * them never (measured).
 */
const maxPerSecond = 30_000;
/** Messages that may wait for their acknowledgement. */
const window = 4_000;
const second = 1_000;

/** A message over a WebSocket costs nginx less than a POST on a connection kept alive, pipelined even (measured). */
export async function openNchanPublisher(url: URL): Promise<Producing> {
  url.protocol = "ws:";
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
  });
  return new NchanPublisher(socket);
}

class NchanPublisher implements Producing {
  readonly #socket: WebSocket;
  #unacknowledged = 0;
  #wake: (() => void) | null = null;
  #failure: Error | null = null;
  /** Of the wall clock, which its ids are made of. */
  #second = 0;
  #inSecond = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", () => {
      this.#unacknowledged--;
      this.#stir();
    });
    socket.on("close", (code) => {
      this.#failure = new Error(`Cannot publish: the socket closed with ${code}`);
      this.#stir();
    });
  }

  async write(events: readonly string[]): Promise<void> {
    await this.#room(events.length);
    for (const event of events) this.#socket.send(event);
    this.#unacknowledged += events.length;
    await this.#until(() => this.#unacknowledged < window);
  }

  async settled(): Promise<void> {
    return this.#until(() => this.#unacknowledged === 0);
  }

  /** What is on its way at the turn of a second counts in the next. */
  async #room(count: number): Promise<void> {
    const now = Date.now();
    if (Math.floor(now / second) > this.#second) {
      this.#second = Math.floor(now / second);
      this.#inSecond = this.#unacknowledged;
    }
    this.#inSecond += count;
    if (this.#inSecond <= maxPerSecond) return;
    await sleep(second - (now % second) + 1);
    return this.#room(count);
  }

  #stir(): void {
    this.#wake?.();
    this.#wake = null;
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
