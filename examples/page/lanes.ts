/** Owns the geometry of the timeline: seconds to pixels, what each attempt was doing when, ticks as one path. Pure. */

import type { Tick } from "./account.ts";
import type { Attempt } from "./status.ts";

export interface Scale {
  readonly fromMs: number;
  readonly toMs: number;
  readonly leftPx: number;
  readonly rightPx: number;
}

/** `starting` until it dials in, `waiting` beside its predecessor, `writing` from its turn on. */
export interface Span {
  readonly doing: "starting" | "waiting" | "writing";
  readonly fromMs: number;
  readonly toMs: number;
}

const leastRangeMs = 5_000;
const stepsMs = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400].map((seconds) => seconds * 1_000);
const labelPx = 64;

export function scaleOf(fromMs: number, toMs: number, leftPx: number, rightPx: number): Scale {
  return { fromMs, toMs: Math.max(toMs, fromMs + leastRangeMs), leftPx, rightPx };
}

/** What lies outside is drawn at the edge. */
export function toPx({ fromMs, toMs, leftPx, rightPx }: Scale, atMs: number): number {
  const share = Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs)));
  return Math.round((leftPx + share * (rightPx - leftPx)) * 2) / 2;
}

/** Round times that leave room for their labels. */
export function axisOf({ fromMs, toMs, leftPx, rightPx }: Scale): readonly number[] {
  const least = ((toMs - fromMs) * labelPx) / Math.max(labelPx, rightPx - leftPx);
  const stepMs = stepsMs.find((step) => step >= least) ?? 14_400_000 * Math.ceil(least / 14_400_000);
  return Array.from({ length: Math.floor((toMs - fromMs) / stepMs) + 1 }, (_, index) => index * stepMs);
}

/** @param beforeMs when the predecessor ended; null while it goes on. */
export function spansOf({ invokedAtMs, dialledAtMs, endedAtMs }: Attempt, beforeMs: number | null, nowMs: number): readonly Span[] {
  const endMs = endedAtMs ?? nowMs;
  const dialMs = dialledAtMs ?? endMs;
  const turnMs = Math.min(endMs, Math.max(dialMs, beforeMs ?? endMs));
  const spans: readonly Span[] = [
    { doing: "starting", fromMs: invokedAtMs, toMs: dialMs },
    { doing: "waiting", fromMs: dialMs, toMs: turnMs },
    { doing: "writing", fromMs: turnMs, toMs: endMs },
  ];
  return spans.filter(({ fromMs, toMs }) => toMs > fromMs);
}

/** One stroke a tick; those of one pixel are one. */
export function tickPath(ticks: readonly Tick[], scale: Scale, topPx: number, heightPx: number): string {
  const columns = new Set(ticks.map(({ atMs }) => toPx(scale, atMs)));
  return [...columns].map((x) => `M${x} ${topPx}v${heightPx}`).join("");
}

/** "0:42", or "12 s" while that is enough. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = `${Math.floor(seconds / 60) % 60}`;
  const rest = String(seconds % 60).padStart(2, "0");
  return seconds < 3_600 ? `${minutes}:${rest}` : `${Math.floor(seconds / 3_600)}:${minutes.padStart(2, "0")}:${rest}`;
}
