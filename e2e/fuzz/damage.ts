/** Owns how valid input is damaged: pieces of it left out, changed, put in, cut off. */

import * as fc from "fast-check";

/** At a place of what there is, `length` of it gives way to `put`. */
interface Edit<T> {
  readonly at: number;
  readonly length: number;
  readonly put: readonly T[];
}

/** Up to the end, wherever that is. */
const all = Number.MAX_SAFE_INTEGER;

/** Of up to four edits; of none it is whole. */
function damaged<T>(valid: fc.Arbitrary<readonly T[]>, unit: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> {
  const edit = fc.record<Edit<T>>({
    at: fc.nat(),
    length: fc.oneof(fc.nat(1), fc.nat(12), fc.constant(all)),
    put: fc.array(unit, { maxLength: 4 }),
  });
  return fc.tuple(valid, fc.array(edit, { maxLength: 4 })).map(([whole, edits]) => edits.reduce(spliced, whole));
}

function spliced<T>(whole: readonly T[], { at, length, put }: Edit<T>): readonly T[] {
  return whole.toSpliced(at % (whole.length + 1), length, ...put);
}

export function damagedBytes(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return damaged(
    valid.map((bytes) => [...bytes]),
    fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 10, 13, 127, 128, 255)),
  ).map((bytes) => Uint8Array.from(bytes));
}

/** `unit`: what may be put in. */
export function damagedText(valid: fc.Arbitrary<string>, unit: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return damaged(
    valid.map((text) => text.split("")),
    unit,
  ).map((units) => units.join(""));
}

/** The JSON of a value one of whose nodes, counted as they are written, is another; undefined takes it out. */
export function jsonWith(value: unknown, at: number, put: unknown): string {
  let index = 0;
  return JSON.stringify(value, (_name, node: unknown) => (index++ === at ? put : node)) ?? "";
}
