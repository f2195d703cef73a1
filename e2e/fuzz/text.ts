/** Owns random text: of all that may stand in a line, and of all that may break one. */

import * as fc from "fast-check";

/** Line breaks, what only looks like one, what ends or begins a field, halves of a character, marks of byte order. */
const breaks = ["\r", "\n", "\r\n", "\n\n", "\u0085", "\u2028", "\u2029", "\u000B", "\f"];
const others = ["\0", "\t", " ", ":", "\uFEFF", "\uD83D", "\uDE00", "\u{1F4A1}", "é", "\u007F", "data: ", "id: 9", "event"];

const character = fc.string({ unit: "binary", minLength: 1, maxLength: 1 });
const unit = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...breaks, ...others) }, { weight: 2, arbitrary: character });

/** Of any characters and halves of them. */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit, maxLength, size: "max" });
}

/** What UTF-8 can say of it: a half of a character is U+FFFD there. */
export function overTheWire(text: string): string {
  return text.toWellFormed();
}
