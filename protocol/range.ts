/** Owns byte ranges: what a `Range` header asks of a body, and what a body that may still be growing can give. */

/** One range of bytes, as asked. Positions are 0-based and inclusive (RFC 9110, section 14.1.2). */
export type ByteRange =
  /** `last` null: to the end, wherever that will be. */
  | { readonly kind: "from"; readonly first: number; readonly last: number | null }
  | { readonly kind: "suffix"; readonly length: number };

/** What of a body an answer has. */
export type Extent =
  /** `bytes` is null while the body grows. */
  | { readonly kind: "whole"; readonly bytes: number | null }
  /** `last` and `total` are null while the body grows. */
  | { readonly kind: "part"; readonly first: number; readonly last: number | null; readonly total: number | null };

/**
 * The last position a growing body's range is answered with: whoever asks for more than there is gets all there will
 * be (RFC 8673, section 2.2).
 */
export const openEnd = Number.MAX_SAFE_INTEGER;

/** Spaces are matched at one place each: two side by side take seconds over a header that is full of them. */
const pattern = /^bytes= *(?:(\d{1,15}) *- *(?:(\d{1,20}) *)?|- *(\d{1,15}) *)$/;

/**
 * Reads a `Range` header. Null for none, and for what a server may ignore: other units, several ranges, bad syntax
 * (RFC 9110, section 14.2).
 */
export function parseRange(text: string | null): ByteRange | null {
  const match = pattern.exec(text ?? "");
  if (match === null) return null;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) return { kind: "suffix", length: Number(suffix) };
  const range = { kind: "from", first: Number(first), last: last === undefined ? null : Math.min(Number(last), openEnd) } as const;
  return range.last !== null && range.last < range.first ? null : range;
}

/** A body of `stored` bytes; `ended` ones stay as they are, the others grow. */
export interface Body {
  readonly stored: number;
  readonly growth: "growing" | "ended";
}

/** Null when nothing of the range is there, or will be. */
export function resolveRange(range: ByteRange | null, { stored, growth }: Body): Extent | null {
  const whole: Extent = { kind: "whole", bytes: growth === "ended" ? stored : null };
  if (range === null) return whole;
  if (range.kind === "suffix") return growth === "growing" ? whole : suffixOf(range.length, stored);
  const { first, last } = range;
  if (growth === "ended") {
    if (first >= stored) return null;
    return { kind: "part", first, last: Math.min(last ?? stored - 1, stored - 1), total: stored };
  }
  const open = last === null || last >= openEnd;
  if (open) return first > stored ? null : { kind: "part", first, last: null, total: null };
  // Of a range with an end, what is stored now: whether there will be more is not known.
  return first >= stored ? null : { kind: "part", first, last: Math.min(last, stored - 1), total: null };
}

function suffixOf(length: number, stored: number): Extent | null {
  if (length === 0 || stored === 0) return null;
  return { kind: "part", first: Math.max(0, stored - length), last: stored - 1, total: stored };
}

/** The value of `Content-Range` for a part. */
export function contentRange({ first, last, total }: Extract<Extent, { kind: "part" }>): string {
  return `bytes ${first}-${last ?? openEnd}/${total ?? "*"}`;
}
