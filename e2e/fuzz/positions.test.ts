/** Fuzzing of what names a position: cursors, ranges and paths, against readings that go without regular expressions. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatCursor, parseCursor, parseFrom } from "../../protocol/cursor.ts";
import type { Cursor, From } from "../../protocol/cursor.ts";
import { connectionOptions, parseStreamPath, streamPath } from "../../protocol/http.ts";
import { limits } from "../../protocol/limits.ts";
import { contentRange, openEnd, parseRange, resolveRange } from "../../protocol/range.ts";
import type { ByteRange } from "../../protocol/range.ts";
import { everyCase } from "./cases.ts";
import { damagedText } from "./damage.ts";
import { outcomeOf } from "./outcome.ts";
import { anyText } from "./text.ts";

const digits = fc.oneof(fc.nat(20).map(String), fc.maxSafeNat().map(String), fc.constantFrom("00", "01", "9007199254740991", "9007199254740992", "99999999999999999999"));
const strange = fc.oneof(anyText(2), fc.constantFrom("-", "_", "+", ".", "/", ",", "=", "%2F", "\u0661", "\uFF0D", "٣", "e1"));

const within = (text: string, allowed: string): boolean => text.split("").every((char) => allowed.includes(char));
const isDecimal = (text: string): boolean => text !== "" && within(text, "0123456789");
const logChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/** A value in its one spelling. */
function seqOf(text: string): number | undefined {
  return isDecimal(text) && String(Number(text)) === text && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

function cursorOf(text: string): Cursor | undefined {
  const dash = text.lastIndexOf("-");
  const log = text.slice(0, Math.max(0, dash));
  const seq = seqOf(text.slice(dash + 1));
  return text.length > limits.maxCursorBytes || log === "" || !within(log, logChars) || seq === undefined ? undefined : { log, seq };
}

function fromOf(text: string): From {
  if (text === "") return { kind: "start" };
  const [seq, cursor] = [seqOf(text), cursorOf(text)];
  if (seq !== undefined) return { kind: "seq", seq };
  return cursor === undefined ? { kind: "unknown" } : { kind: "cursor", ...cursor };
}

test("any text is a cursor, a seq or unknown, and what is a cursor has one spelling", () => {
  const log = fc.stringMatching(/^[A-Za-z0-9_-]{1,60}$/);
  const cursor = fc.tuple(log, digits).map(([name, seq]) => `${name}-${seq}`);
  const text = fc.oneof(anyText(12), digits, cursor, damagedText(cursor, strange));
  const seen = new Set<From["kind"]>();
  fc.assert(
    fc.property(text, (given) => {
      expect(outcomeOf(() => parseFrom(given))).toEqual({ kind: "read", value: fromOf(given) });
      const found = parseCursor(given);
      expect(found).toEqual(cursorOf(given));
      if (found !== undefined) expect(formatCursor(found.log, found.seq)).toBe(given);
      seen.add(parseFrom(given).kind);
    }),
    everyCase,
  );
  expect(seen.size).toBe(4);
});

/** RFC 9110, section 14.1.2, for one range of bytes; spaces are let pass around positions. */
function rangeOf(text: string): ByteRange | null {
  const asked = text.slice("bytes=".length);
  if (!text.startsWith("bytes=") || !within(asked, "0123456789- ")) return null;
  const [first = "", last, ...rest] = asked.split("-").map((part) => part.trim());
  const fits = (part: string, most: number): boolean => part === "" || (isDecimal(part) && part.length <= most);
  if (last === undefined || rest.length > 0 || !fits(first, 15) || !fits(last, first === "" ? 15 : 20) || first + last === "") return null;
  if (first === "") return { kind: "suffix", length: Number(last) };
  const range = { kind: "from", first: Number(first), last: last === "" ? null : Math.min(Number(last), openEnd) } as const;
  return range.last !== null && range.last < range.first ? null : range;
}

const spaces = fc.constantFrom("", "", " ", "  ");
const position = fc.tuple(spaces, fc.oneof(digits, fc.constant("")), spaces).map((parts) => parts.join(""));
const header = fc.tuple(position, position).map(([first, last]) => `bytes=${first}-${last}`);
const ranges = fc.oneof({ weight: 2, arbitrary: header }, damagedText(header, strange), anyText(8));

test("any Range header is one range in order, or none", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(ranges, (text) => {
      const outcome = outcomeOf(() => parseRange(text));
      expect(outcome).toEqual({ kind: "read", value: rangeOf(text) });
      seen.add(outcome.kind === "read" && outcome.value !== null ? outcome.value.kind : "none");
    }),
    everyCase,
  );
  expect([...seen].toSorted()).toEqual(["from", "none", "suffix"]);
});

test("whatever a Range header asks of a body of any size, the part that is given is inside it", () => {
  const body = fc.record({ stored: fc.oneof(fc.nat(30), fc.maxSafeNat()), growth: fc.constantFrom("growing", "ended") });
  fc.assert(
    fc.property(ranges, body, (text, { stored, growth }) => {
      const extent = resolveRange(parseRange(text), { stored, growth });
      if (extent?.kind !== "part") return;
      const { first, last, total } = extent;
      expect([first >= 0, last === null || last < stored, first <= (last ?? stored), total === null || total === stored]).toEqual([true, true, true, true]);
      expect(contentRange(extent)).toBe(`bytes ${first}-${last ?? "9007199254740991"}/${total ?? "*"}`);
    }),
    everyCase,
  );
});

test("any path is of a stream in its one spelling, or of none", () => {
  const part = fc.oneof(fc.constantFrom("", "streams", "a", "B-_9", "status", "cancel", "producer", "read", ".", "..", "é", "%2F", "\\", "toString"), anyText(3));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom("/streams/", "/", ""), (parts, prefix) => {
      const path = prefix + parts.join("/");
      const outcome = outcomeOf(() => parseStreamPath(path));
      if (outcome.kind === "read" && outcome.value !== undefined) expect(streamPath(outcome.value.id, outcome.value.action)).toBe(path);
      else expect(outcome).toEqual({ kind: "read", value: undefined });
    }),
    everyCase,
  );
});

test("P6: text of the largest size, made of one piece over and over, is read as soon as any other", () => {
  const some = fc.constantFrom(" ", "-", "0", "1 ", "a", "a-", "/", "bytes=", ",", "é", "\t");
  const begins = fc.constantFrom("", "bytes=", "bytes=1-", "bytes=-", "a-", "/streams/", "1");
  fc.assert(
    fc.property(begins, some, fc.constantFrom("", "x", "-1", "/"), (begin, piece, end) => {
      const text = begin + piece.repeat(limits.maxHeaderBytes / piece.length) + end;
      for (const read of [parseFrom, parseRange, parseStreamPath, connectionOptions]) expect(outcomeOf((): unknown => read(text)).kind).toBe("read");
    }),
    everyCase,
  );
});
