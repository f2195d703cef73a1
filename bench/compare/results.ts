/** Owns what the rounds of one trial brought: medians, spreads and ratios to ours, and who was left out for which reason. */

import { median } from "../support/figures.ts";
import type { Kept } from "../contenders/contender.ts";
import { ours } from "./trial.ts";
import type { Outcome } from "./trial.ts";

export type Cell =
  | ({ readonly kind: "done" } & Outcome)
  /** Nothing of it may be quoted. */
  | { readonly kind: "failed"; readonly why: string };

export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  /** Of this median to ours; null without ours. */
  readonly ratio: number | null;
}

export interface Entrant {
  readonly name: string;
  readonly keeps: Kept;
  readonly cells: readonly Cell[];
}

export interface LeftOut {
  readonly name: string;
  readonly why: string;
}

export class Results {
  readonly entrants: readonly Entrant[];
  readonly leftOut: readonly LeftOut[];

  constructor(entrants: readonly Entrant[], leftOut: readonly LeftOut[]) {
    this.entrants = entrants;
    this.leftOut = leftOut;
  }

  /** Null where a round failed, or none measured it: a median of what is left would flatter. */
  summary(name: string, key: string): Summary | null {
    const values = this.#values(name, key);
    if (values === null) return null;
    const own = name === ours ? values : this.#values(ours, key);
    const middle = median(values);
    return { median: middle, least: Math.min(...values), most: Math.max(...values), ratio: own === null ? null : middle / median(own) };
  }

  median(name: string, key: string): number | null {
    return this.summary(name, key)?.median ?? null;
  }

  /** The best of the others that keep events on disk; null without one. */
  bestDurable(key: string, better: "least" | "most"): number | null {
    const values = this.entrants
      .filter(({ name, keeps }) => keeps === "disk" && name !== ours)
      .map(({ name }) => this.median(name, key))
      .filter((value) => value !== null);
    if (values.length === 0) return null;
    return better === "least" ? Math.min(...values) : Math.max(...values);
  }

  /** Of ours to another's median; null where that is too little to be measured. */
  times(other: string, key: string): number | null {
    const own = this.median(ours, key);
    const theirs = this.median(other, key);
    return own === null || theirs === null || theirs === 0 ? null : own / theirs;
  }

  /** Null where it was not put to it. */
  failedRounds(name: string): number | null {
    const entrant = this.entrants.find((each) => each.name === name);
    return entrant === undefined ? null : entrant.cells.filter(({ kind }) => kind === "failed").length;
  }

  #values(name: string, key: string): readonly number[] | null {
    const cells = this.entrants.find((entrant) => entrant.name === name)?.cells ?? [];
    const values = cells.map((cell) => (cell.kind === "done" ? cell.figures[key] : undefined)).filter((value) => value !== undefined);
    return cells.length > 0 && values.length === cells.length ? values : null;
  }
}
