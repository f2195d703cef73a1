/** Owns where a reader begins: its cursor or range against the log as it stands. */

import type { ConsumeRequest } from "../protocol/consumer-frames.ts";
import type { ResetReason } from "../protocol/cursor.ts";
import type { Mode } from "../protocol/producer-messages.ts";
import { resolveRange } from "../protocol/range.ts";
import type { Extent } from "../protocol/range.ts";
import type { Outcome } from "../protocol/sse.ts";

/** What of a stream decides. */
export interface LogView {
  readonly log: string;
  readonly mode: Mode;
  /** Durable seq. */
  readonly seq: number;
  /** Null while the stream goes on. */
  readonly outcome: Outcome | null;
}

export type Placement =
  /** Behind `seq`; `until` is the seq after which it has what it asked for, null for all there will be. */
  | { readonly kind: "at"; readonly seq: number; readonly until: number | null; readonly reset: ResetReason | null; readonly extent: Extent }
  | { readonly kind: "complete"; readonly outcome: Outcome }
  | { readonly kind: "unsatisfiable"; readonly bytes: number; readonly outcome: Outcome | null };

const whole: Extent = { kind: "whole", bytes: null };

export function place(asked: ConsumeRequest, view: LogView): Placement {
  if (asked.opening === "first" && view.mode === "bytes") return placeInBytes(asked, view);
  return placeInEvents(asked, view);
}

/** Never a silent skip, and never a wait for what cannot come: a cursor that leads nowhere gets the log from its start. */
function placeInEvents({ from, follow, opening }: ConsumeRequest, view: LogView): Placement {
  const until = follow === "stored" ? view.seq : null;
  const at = (seq: number, reset: ResetReason | null): Placement => ({ kind: "at", seq, until, reset, extent: whole });
  if (from.kind === "start") return at(0, null);
  if (from.kind === "unknown") return at(0, "unknown");
  if (from.kind === "cursor" && from.log !== view.log) return at(0, "foreign");
  if (from.seq > view.seq) return at(0, "beyond-end");
  if (view.outcome !== null && from.seq === view.seq && opening === "first") return { kind: "complete", outcome: view.outcome };
  return at(from.seq, null);
}

/**
 * A body that broke off has no length to be told: a client that got that many bytes would take it for complete. Its
 * end is an abort, and asking for what follows is refused.
 */
function placeInBytes({ range, follow }: ConsumeRequest, { seq: stored, outcome }: LogView): Placement {
  const broken = outcome === "failed" || outcome === "expired";
  const growth = follow === "stored" || (outcome !== null && !broken) ? "ended" : "growing";
  const extent = resolveRange(range, { stored, growth });
  const first = extent?.kind === "part" ? extent.first : 0;
  if (extent === null || (broken && extent.kind === "part" && first >= stored)) return { kind: "unsatisfiable", bytes: stored, outcome };
  const end = extent.kind === "part" && extent.last !== null ? extent.last + 1 : null;
  return { kind: "at", seq: first, until: end ?? (follow === "stored" ? stored : null), reset: null, extent };
}
