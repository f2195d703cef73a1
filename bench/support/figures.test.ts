/** What a table may call a median, and what a quantile. */

import { describe, expect, test } from "vitest";
import { median, quantile } from "./figures.ts";

describe("a median", () => {
  test.each([
    [[7], 7],
    [[30, 10], 20],
    [[9, 1, 5], 5],
    [[8, 2, 4, 100], 6],
  ])("of %j is %d", (values, middle) => {
    expect(median(values)).toBe(middle);
  });

  test("of nothing there is none", () => {
    expect(() => median([])).toThrow("Cannot take a median");
  });
});

describe("a quantile", () => {
  test.each([
    [0.5, 2],
    [0.99, 4],
    [1, 4],
  ])("at %d is a sample that was taken", (share, value) => {
    expect(quantile([4, 1, 3, 2], share)).toBe(value);
  });
});
