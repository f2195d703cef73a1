/** Owns what a trial is: one work, how a contender is put to it, what is measured, and what ours is to reach. */

import type { Running, Work } from "../contenders/contender.ts";
import type { Results } from "./results.ts";
import type { Scale } from "./scale.ts";

/** By the key of their column. One that could not be measured is left out. */
export type Figures = Readonly<Record<string, number>>;

/** One contender, one round. */
export interface Outcome {
  readonly figures: Figures;
  /** What a reader of the figures must know. */
  readonly notes: readonly string[];
}

export interface Column {
  readonly key: string;
  /** With the unit. */
  readonly title: string;
  readonly digits: number;
  /** Whether a ratio to ours says something. */
  readonly ratio: "shown" | "left out";
}

export interface Target {
  readonly what: string;
  /** What it came to; null where there is no figure to judge by. */
  readonly found: string | null;
  readonly verdict: "met" | "MISSED" | "not judged";
}

interface Judged {
  readonly does: (scale: Scale) => string;
  readonly columns: (scale: Scale) => readonly Column[];
  /** None: it is left out at this scale. */
  readonly rounds: (scale: Scale) => number;
  /** A round that takes longer is ended, and has failed. */
  readonly limitMs: (scale: Scale) => number;
  readonly targets: (results: Results, scale: Scale) => readonly Target[];
}

export interface ContendedTrial extends Judged {
  readonly kind: "contended";
  readonly name: string;
  /** By which a contender says that it cannot do it. */
  readonly work: Work;
  /** The contender was started for this alone, and is ended behind it. */
  readonly run: (running: Running, scale: Scale) => Promise<Outcome>;
}

/** Of what no other contender does at all: it starts what it needs. */
export interface OwnTrial extends Judged {
  readonly kind: "own";
  readonly name: string;
  readonly run: (dir: string, scale: Scale) => Promise<Outcome>;
}

export type Trial = ContendedTrial | OwnTrial;

export const ours = "longstream";

export function column(key: string, title: string, digits = 0): Column {
  return { key, title, digits, ratio: "shown" };
}

/** Of the machinery around a figure, or of a share that has no better or worse. */
export function aside(key: string, title: string, digits = 0): Column {
  return { key, title, digits, ratio: "left out" };
}

/** `found` must be a figure for a verdict, and `bound` too. */
export function atMost(what: string, found: number | null, bound: number | null, unit: string, digits = 1): Target {
  if (found === null || bound === null) return { what, found: null, verdict: "not judged" };
  return { what, found: `${found.toFixed(digits)} ${unit}`, verdict: found <= bound ? "met" : "MISSED" };
}

export function atLeast(what: string, found: number | null, bound: number | null, unit: string, digits = 0): Target {
  if (found === null || bound === null) return { what, found: null, verdict: "not judged" };
  return { what, found: `${found.toFixed(digits)} ${unit}`, verdict: found >= bound ? "met" : "MISSED" };
}
