/** Owns what a storm will do, drawn from its seed alone: streams, their readers, and faults with their moments. */

import { Random } from "../support/random.ts";
import { countContent, noiseContent, tokensContent } from "./contents.ts";
import type { Content } from "./contents.ts";

export type ReaderKind = "client" | "event-source" | "fetch" | "range";

export interface ReaderPlan {
  readonly kind: ReaderKind;
  readonly joinAfterMs: number;
  readonly seed: number;
}

export interface StreamPlan {
  readonly example: "count" | "tokens" | "body";
  readonly path: string;
  readonly content: Content;
  /** `reader`: by the first reader's own request; `async`: before there is one. */
  readonly begunBy: "reader" | "async";
  readonly readers: readonly [ReaderPlan, ...ReaderPlan[]];
  readonly cancelAfterMs: number | null;
  readonly cancelBy: "client" | "post";
  /** Faults at the moments that matter, by the stream's age: its start, its first handover, its end. */
  readonly ambush: readonly FaultPlan[];
}

/** By the prompt, read before the storm. */
export type Answers = ReadonlyMap<string, readonly string[]>;

export const prompts = ["Why do streams break?", "Ünïcödé 🌩 and “quotes”"] as const;

const cancelShare = 0.1;
const shortShare = 0.25;
const shortestMs = 3_000;
const longestMs = 22_000;
const longestJoinMs = 5_000;

export function planStream(random: Random, answers: Answers): StreamPlan {
  const share = random.next();
  const body = share < 0.45 ? planCount(random) : share < 0.75 ? planTokens(random, answers) : planBytes(random);
  const cancelAfterMs = random.between(0, 8_000);
  return {
    ...body,
    begunBy: random.chance(0.5) ? "reader" : "async",
    readers: planReaders(random, body.example === "body"),
    cancelAfterMs: random.chance(cancelShare) ? cancelAfterMs : null,
    cancelBy: random.oneOf(["client", "post"]),
    ambush: planAmbush(random, body.durationMs),
  };
}

interface Body extends Pick<StreamPlan, "example" | "path" | "content"> {
  /** About as long as it would take with nothing broken. */
  readonly durationMs: number;
}

function drawDurationMs(random: Random): number {
  return random.chance(shortShare) ? random.between(100, shortestMs) : random.between(shortestMs, longestMs);
}

function planCount(random: Random): Body {
  const durationMs = drawDurationMs(random);
  const intervalMs = random.oneOf([0, 5, 10, 20, 50, 100]);
  const n = intervalMs === 0 ? Math.floor(random.between(500, 4_000)) : Math.ceil(durationMs / intervalMs);
  const size = Math.floor(random.oneOf([10, 40, 400, 1_500]) * random.between(0.8, 1.2));
  return { example: "count", path: `/api/count?n=${n}&intervalMs=${intervalMs}&size=${size}`, content: countContent(n, size), durationMs };
}

function planTokens(random: Random, answers: Answers): Body {
  const prompt = random.oneOf(prompts);
  const tokens = answers.get(prompt) ?? [];
  const maxTokens = Math.floor(random.between(50, tokens.length * 1.2));
  const durationMs = drawDurationMs(random);
  const perSecond = Math.ceil((maxTokens * 1_000) / durationMs);
  const path = `/api/tokens?tokensPerSecond=${perSecond}&maxTokens=${maxTokens}&prompt=${encodeURIComponent(prompt)}`;
  return { example: "tokens", path, content: tokensContent(tokens, maxTokens), durationMs };
}

const chunkBytes = 57_000;
/** The fixture pays its pauses again at each replay: past the time until a handover it would never be done. */
const longestBytesMs = 5_000;

function planBytes(random: Random): Body {
  const size = Math.floor(random.between(100_000, 6_000_000));
  const durationMs = Math.min(longestBytesMs, drawDurationMs(random));
  const pauseMs = Math.floor(durationMs / Math.ceil(size / chunkBytes));
  return { example: "body", path: `/answers/body?kind=noise&size=${size}&pauseMs=${pauseMs}`, content: noiseContent(size), durationMs };
}

function planReaders(random: Random, bytes: boolean): StreamPlan["readers"] {
  const plan = (kind: ReaderKind, joinAfterMs: number): ReaderPlan => ({ kind, joinAfterMs, seed: Math.floor(random.next() * 2 ** 32) });
  const others = Array.from({ length: Math.floor(random.next() * 3) }, () =>
    plan(bytes ? "range" : random.oneOf(["client", "event-source", "fetch"]), random.next() * longestJoinMs),
  );
  return [plan(bytes ? "range" : random.oneOf(["client", "event-source", "fetch"]), 0), ...others];
}

export interface FaultPlan {
  readonly atMs: number;
  readonly fault: string;
  /** Of the streams side by side, by place; of no account in an ambush. */
  readonly slot: number;
  readonly parameters: Readonly<Record<string, string | number>>;
}

/** How often each comes in one deal, whose order is drawn: none is left out for long. */
const deal: Readonly<Record<string, number>> = {
  "kill-lambda": 3,
  "freeze-lambda": 2,
  "drop-producer": 4,
  "blackhole-producer": 2,
  "duplicate-invocation": 2,
  "delay-invocation": 1,
  "refuse-invocation": 1,
  "evict-stream": 4,
  "abort-stream": 3,
  "drop-consumers": 4,
};

/** It hits every stream at once, so it comes by the clock, however many there are. */
const restartEveryMs = 20_000;
const pairShare = 0.3;
/** Of one stream side by side: a fault every so often. */
const meanPauseMs = 5_000;

export function planFaults(seed: number, slots: number, durationMs: number): readonly FaultPlan[] {
  const random = new Random(seed);
  const plans: FaultPlan[] = [];
  const deck: string[] = [];
  const draw = (): string => {
    if (deck.length === 0) deck.push(...shuffle(random));
    return deck.pop() ?? "";
  };
  for (let atMs = 1_000; atMs < durationMs; atMs += random.between(0, (2 * meanPauseMs) / slots)) {
    const slot = Math.floor(random.next() * slots);
    plans.push(...planFault(random, draw(), atMs, slot));
    if (random.chance(pairShare)) plans.push(...planFault(random, draw(), atMs + random.oneOf([0, 5, 50, 300]), slot));
  }
  for (let atMs = random.between(0, 2 * restartEveryMs); atMs < durationMs; atMs += random.between(0, 2 * restartEveryMs)) {
    plans.push({ atMs, fault: "restart-worker", slot: 0, parameters: {} });
  }
  return plans.toSorted((a, b) => a.atMs - b.atMs);
}

/** Of the attempt that begins a stream: a quarter before its limit of 8 s. */
const handoverAtMs = 6_000;
const ambushShare = 0.3;
const ambushFaults = ["kill-lambda", "freeze-lambda", "drop-producer", "blackhole-producer", "evict-stream", "abort-stream", "drop-consumers"];

function planAmbush(random: Random, durationMs: number): readonly FaultPlan[] {
  const moments = [random.between(0, 800), handoverAtMs + random.between(-200, 1_500), durationMs + random.between(-300, 700)];
  return moments.flatMap((atMs) => {
    const plans = planFault(random, random.oneOf(ambushFaults), Math.max(0, atMs), 0);
    return random.chance(ambushShare) ? plans : [];
  });
}

function shuffle(random: Random): readonly string[] {
  return Object.entries(deal)
    .flatMap(([fault, times]) => Array.from({ length: times }, () => ({ fault, at: random.next() })))
    .toSorted((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}

function planFault(random: Random, fault: string, atMs: number, slot: number): readonly FaultPlan[] {
  const parameters = drawParameters(random, fault);
  const thawAfterMs = random.between(100, 7_000);
  const thaw = fault === "freeze-lambda" ? [{ atMs: atMs + thawAfterMs, fault: "thaw-lambda", slot, parameters: {} }] : [];
  return [{ atMs, fault, slot, parameters }, ...thaw];
}

function drawParameters(random: Random, fault: string): FaultPlan["parameters"] {
  if (fault === "evict-stream") return { sockets: random.oneOf(["hibernate", "close"]) };
  if (fault === "delay-invocation") return { delayMs: Math.floor(random.between(100, 6_000)) };
  if (fault === "refuse-invocation") return { status: random.oneOf([429, 500]), times: random.oneOf([1, 2]) };
  return {};
}
