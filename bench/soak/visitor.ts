/** Owns one reader of a soak: it joins, stalls, leaves and returns at random, and misses nothing that is wrong. */

import type { IncomingMessage } from "node:http";
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { behindPreamble, byBlock } from "../support/body.ts";
import type { Random } from "../support/random.ts";
import type { RunningStream, Streams } from "./streams.ts";

export interface Tally {
  joins: number;
  stalls: number;
  leaves: number;
  /** Bodies the gateway cut: a stall that was too long. */
  cuts: number;
  /** Streams read to their end. */
  completions: number;
  events: number;
  losses: number;
  duplicates: number;
  /** Anything else that must not be, the first of each kind. */
  readonly wrongs: Set<string>;
}

const fromStartShare = 0.15;
const stallShare = 0.3;
const leaveForGoodShare = 0.4;
const longestReadMs = 8_000;
const longestStallMs = 10_000;
const longestAbsenceMs = 2_000;

export class Visitor {
  readonly #url: URL;
  readonly #streams: Streams;
  readonly #random: Random;
  readonly #tally: Tally;
  #seq = 0;

  constructor(url: URL, streams: Streams, random: Random, tally: Tally) {
    this.#url = url;
    this.#streams = streams;
    this.#random = random;
    this.#tally = tally;
  }

  /** Once the signal fires it begins no other stream, and reads the one it has to its end. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const stream = this.#streams.choose(this.#random);
      if (stream === undefined) await sleep(100);
      else await this.#visit(stream, signal);
    }
  }

  async #visit(stream: RunningStream, signal: AbortSignal): Promise<void> {
    this.#seq = this.#random.chance(fromStartShare) ? 0 : Math.floor(this.#random.next() * stream.seenSeq);
    for (;;) {
      const end = await this.#connect(stream, signal);
      if (end === "complete") return this.#checkComplete(stream);
      if (end === "left" && !signal.aborted && this.#random.chance(leaveForGoodShare)) return;
      await sleep(signal.aborted ? 0 : this.#random.next() * longestAbsenceMs);
    }
  }

  #checkComplete(stream: RunningStream): void {
    this.#tally.completions++;
    if (this.#seq !== stream.events) this.#tally.losses += stream.events - this.#seq;
  }

  async #connect(stream: RunningStream, signal: AbortSignal): Promise<"complete" | "left" | "cut"> {
    this.#tally.joins++;
    const body = await open(new URL(`/streams/${stream.id}`, this.#url), `${stream.id}-${this.#seq}`);
    if (body.statusCode === 204) return "complete";
    if (body.statusCode !== 200) {
      this.#tally.wrongs.add(`a join was answered with ${body.statusCode}`);
      body.destroy();
      return "left";
    }
    const behave = new AbortController();
    const behaved = this.#behave(body, AbortSignal.any([behave.signal, signal]));
    const end = await this.#read(body, stream);
    behave.abort();
    await behaved;
    if (end === "cut") this.#tally.cuts++;
    return end;
  }

  /** Reads a while, perhaps stalls a while, reads on, and leaves; stays to the end where the signal fires first. */
  async #behave(body: IncomingMessage, signal: AbortSignal): Promise<void> {
    const wait = async (longestMs: number): Promise<void> => sleep(this.#random.next() * longestMs, undefined, { signal });
    try {
      if (this.#random.chance(stallShare)) {
        // At once, in the middle of what it has missed, or later, level with the stream.
        if (this.#random.chance(0.5)) await wait(longestReadMs / 4);
        this.#tally.stalls++;
        body.pause();
        await wait(longestStallMs);
        body.resume();
      }
      await wait(longestReadMs);
      this.#tally.leaves++;
      body.destroy();
    } catch (error) {
      if (!signal.aborted) throw error;
      body.resume();
    }
  }

  async #read(body: IncomingMessage, stream: RunningStream): Promise<"complete" | "left" | "cut"> {
    let ended = false;
    body.on(
      "data",
      behindPreamble(
        byBlock((block) => {
          if (block.startsWith("event: longstream.end\n")) ended = true;
          else if (block.startsWith("event: ")) this.#tally.wrongs.add(`a reader got ${block.slice(0, 80)}`);
          else if (!block.startsWith(":")) this.#take(block, stream);
        }),
      ),
    );
    return new Promise((resolve) => {
      // What is destroyed here fails too; which of both it was shows below.
      body.on("error", () => undefined);
      body.on("close", () => {
        if (body.complete && !ended) this.#tally.wrongs.add("a body ended cleanly without longstream.end");
        if (body.complete) resolve("complete");
        else resolve(body.errored === null ? "left" : "cut");
      });
    });
  }

  #take(block: string, stream: RunningStream): void {
    const [, n, id] = /^data: \{"n":(\d+),[^\n]*\nid: (\S+)$/.exec(block) ?? [];
    if (id !== `${stream.id}-${n}`) this.#tally.wrongs.add(`a reader got ${block.slice(0, 80)} with id ${id}`);
    this.#tally.events++;
    const seq = Number(n);
    const next = this.#seq + 1;
    if (seq < next) this.#tally.duplicates++;
    else this.#tally.losses += seq - next;
    this.#seq = seq;
    stream.seenSeq = Math.max(stream.seenSeq, seq);
  }
}

async function open(url: URL, cursor: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers: { accept: "text/event-stream", "last-event-id": cursor } }, resolve).on("error", reject);
  });
}
