/** Owns the trial cost: what streams of 1,000 tokens cost on the platform, counted. */

import { countCosts, dollarsOf, tokens } from "../../cost.ts";
import type { Counted } from "../../cost.ts";
import { aside, atMost, column, ours } from "../trial.ts";
import type { Figures, OwnTrial, Outcome } from "../trial.ts";

const commitIntervalMs = 50;
/** About 2.5 s of tokens, a timer's own delay included; and 20 s. */
const paces = { fast: 2, slow: 20 } as const;
const mostDollars = 110;

export const cost: OwnTrial = {
  kind: "own",
  name: "cost",
  does: ({ costStreams }) => `streams of ${tokens} tokens, a commit every ${commitIntervalMs} ms, one reader: within about 2.5 s, and within 20 s; mean of ${costStreams}`,
  columns: () => [
    column("fastRows", "2.5 s: rows", 1),
    column("fastDollars", "$/million streams", 2),
    aside("fastActive", "active s", 1),
    column("slowRows", "20 s: rows", 1),
    column("slowDollars", "$/million streams", 2),
    aside("slowActive", "active s", 1),
  ],
  // It counts, and what it counts hardly changes.
  rounds: () => 1,
  limitMs: () => 120_000,
  run: async (dir, { costStreams }): Promise<Outcome> => {
    const counted = await countCosts({ dir, commitIntervalsMs: [commitIntervalMs], pacesMs: [paces.fast, paces.slow], streams: costStreams });
    return { figures: { ...figuresOf("fast", counted), ...figuresOf("slow", counted) }, notes: [] };
  },
  targets: (results) => [atMost(`at most $${mostDollars} a million streams within 2.5 s`, results.median(ours, "fastDollars"), mostDollars, "$", 2)],
};

function figuresOf(pace: keyof typeof paces, counted: readonly Counted[]): Figures {
  const found = counted.find(({ paceMs }) => paceMs === paces[pace]);
  if (found === undefined) throw new Error("Cannot report: a pace was not counted");
  return { [`${pace}Rows`]: found.cost.rowsWritten, [`${pace}Dollars`]: dollarsOf(found.cost).total, [`${pace}Active`]: found.cost.activeMs / 1_000 };
}
