/** Real Chromium, plain EventSource, no code of ours in the page. */

import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "./support/chromium.ts";
import { upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { waitFor } from "./support/status.ts";

const stack = useStack({ fixtures: ["shapes"] });
const at = (path: string): URL => new URL(path, stack.current.url);

let browser: Browser;
let page: Page;
beforeAll(async () => {
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(at("/").href);
});
afterAll(async () => browser?.close());

interface Collected {
  readonly numbers: readonly number[];
  readonly opens: number;
  readonly errors: number;
  readonly readyState: number;
}

/** An EventSource as any page would write it. */
const listen = async (path: string): Promise<void> =>
  page.evaluate((url) => {
    const seen = { numbers: [] as number[], opens: 0, errors: 0, readyState: 0 };
    const source = new EventSource(url);
    source.addEventListener("open", () => seen.opens++);
    source.addEventListener("error", () => seen.errors++);
    source.addEventListener("message", ({ data }) => {
      const { n }: { n: number } = JSON.parse(String(data));
      seen.numbers.push(n);
    });
    Object.assign(globalThis, { look: () => ({ ...seen, readyState: source.readyState }), leave: () => source.close() });
  }, path);

const look = async (): Promise<Collected> => page.evaluate("look()");

const settled = async (): Promise<Collected> =>
  waitFor("the EventSource to stop", async () => {
    const collected = await look();
    return collected.readyState === 2 ? collected : undefined;
  });

describe("a plain EventSource", () => {
  test("whose connection is cut three times collects 1..200 without loss or duplicate, and stops after the end", async () => {
    await listen("/api/count?n=200&intervalMs=50");
    for (const after of [20, 70, 120]) {
      await waitFor(`${after} events`, async () => ((await look()).numbers.length >= after ? true : undefined));
      expect(stack.current.clients.drop(null)).toBeGreaterThan(0);
    }
    const { numbers, opens, errors } = await settled();
    expect(numbers).toEqual(upTo(200));
    expect(opens).toBe(4);
    // Three cuts, the end of the body, and the 204 that stops it.
    expect(errors).toBe(5);
  });

  test("that is cut before its first event comes back to the same stream, and none is made anew", async () => {
    const before = stack.current.lambda.invocations().length;
    await listen("/api/count?n=3&intervalMs=1500");
    await waitFor("the stream to be open", async () => ((await look()).opens === 1 ? true : undefined));
    expect(stack.current.clients.drop(null)).toBe(1);
    expect((await settled()).numbers).toEqual([1, 2, 3]);
    expect(stack.current.lambda.invocations().length - before).toBe(1);
  });

  test("stops after a stream without events as well", async () => {
    await listen("/fixtures/shapes?kind=empty");
    expect((await settled()).numbers).toEqual([]);
  });
});
