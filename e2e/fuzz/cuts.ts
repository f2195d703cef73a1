/** Owns how bytes are cut into the chunks they come in. */

import * as fc from "fast-check";

export interface Cut {
  readonly bytes: Uint8Array;
  /** The same bytes: one at a time, or in pieces of any sizes, some of which may be empty. */
  readonly cuts: readonly Uint8Array[];
}

export function cutAnyhow(bytes: Uint8Array): fc.Arbitrary<Cut> {
  const offsets = fc.array(fc.nat(bytes.length), { maxLength: 12 });
  const singly = fc.constant(Array.from(bytes, (_, at) => at));
  return fc.oneof({ weight: 3, arbitrary: offsets }, singly).map((at) => ({ bytes, cuts: cutAt(bytes, at) }));
}

export function cutAt(bytes: Uint8Array, offsets: readonly number[]): readonly Uint8Array[] {
  const edges = [0, ...offsets.toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}
