/** The demo page and the inspector as a visitor meets them, in real Chromium. */

import { readFile } from "node:fs/promises";
import type { Browser, BrowserContextOptions, Page } from "playwright";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { textTokens } from "../examples/functions/tokens/text-tokens.ts";
import { faultNames } from "../local/faults.ts";
import { faint, unlabelled } from "./support/accessibility.ts";
import { launchChromium } from "./support/chromium.ts";
import { Reader } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const stack = useStack({ fixtures: ["shapes", "body"] });
const at = (path: string): URL => new URL(path, stack.current.url);
const prompt = "Why do streams break?";
const text = await readFile(new URL("../examples/functions/tokens/text.txt", import.meta.url), "utf8");
const whole = textTokens(prompt, text).join("");

let browser: Browser;
let pages: Page[] = [];
beforeAll(async () => {
  browser = await launchChromium();
});
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});
afterAll(async () => browser?.close());

const visit = async (path: string, options: BrowserContextOptions = {}): Promise<Page> => {
  const page = await (await browser.newContext(options)).newPage();
  pages.push(page);
  await page.goto(at(path).href);
  return page;
};

const ask = async (page: Page, tokensPerSecond: "10" | "40" | "200", asked = prompt): Promise<void> => {
  await page.getByLabel("Prompt").fill(asked);
  await page.getByLabel("Tokens per second").selectOption(tokensPerSecond);
  await page.getByRole("button", { name: "Ask" }).click();
};

const number = async (page: Page, id: string): Promise<number> => Number((await page.locator(`#${id}`).innerText()).replaceAll(/[^\d]/g, ""));
const seen = async (page: Page, count: number): Promise<true> =>
  waitFor(`${count} events on the page`, async () => ((await number(page, "events")) >= count ? true : undefined));
const ended = async (page: Page, name: string): Promise<void> => page.locator("#state").filter({ hasText: name }).waitFor({ timeout: 50_000 });
const answerOf = async (page: Page): Promise<string | null> => page.locator("#answer").textContent();
const streamOf = (page: Page): string => new URL(page.url()).hash.slice(1);
const lanes = async (page: Page): Promise<number> => page.locator("#canvas .row-name", { hasText: "Attempt" }).count();
const counts = async (page: Page): Promise<object> => ({ duplicates: await number(page, "duplicates"), lost: await number(page, "lost") });

describe("the demo page", () => {
  test("streams an answer to its end, and counts what the gateway counts", async () => {
    const page = await visit("/");
    await ask(page, "200");
    await ended(page, "Completed");
    expect(await answerOf(page)).toBe(whole);
    expect(await counts(page)).toEqual({ duplicates: 0, lost: 0 });
    expect(await number(page, "events")).toBe(textTokens(prompt, text).length);
    const { lastSeq, cost } = await statusOf(stack.current.url, streamOf(page));
    expect(await number(page, "events")).toBe(lastSeq);
    await waitFor("the last status on the page", async () => ((await number(page, "commits")) === cost.commits ? true : undefined));
    expect(await page.locator("#cursor").innerText()).toBe(`${streamOf(page)}-${lastSeq}`);
  });

  test("works by keyboard alone: Enter asks, Shift+Enter breaks the line, Stop is the next stop", async () => {
    const page = await visit("/");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("two");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("lines");
    expect(await page.getByLabel("Prompt").inputValue()).toBe("two\nlines");
    await page.keyboard.press("Enter");
    await seen(page, 20);
    // Ask is disabled meanwhile: behind the pace comes Stop.
    for (const name of ["pace", "stop"]) {
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.id")).toBe(name);
    }
    await page.keyboard.press("Enter");
    await ended(page, "Stopped");
    expect((await statusOf(stack.current.url, streamOf(page))).outcome).toBe("cancelled");
    // The focus has not fallen off the page with the button.
    expect(await page.evaluate("document.activeElement.id")).toBe("send");
  });

  test("after kill-lambda has the exact text from two lanes, none lost, none doubled", async () => {
    const page = await visit("/");
    await ask(page, "200");
    await seen(page, 100);
    await page.getByRole("button", { name: "kill-lambda" }).click();
    await page.locator("#did").filter({ hasText: "killed tokens" }).waitFor();
    await ended(page, "Completed");
    expect(await answerOf(page)).toBe(whole);
    expect(await counts(page)).toEqual({ duplicates: 0, lost: 0 });
    await waitFor("two lanes", async () => ((await lanes(page)) === 2 ? true : undefined));
    expect(await page.locator("#happenings li.recovery").innerText()).toMatch(/attempt 1 lost its socket .* [\d,]+ ms pause/);
    expect(await page.locator("#canvas .symbol.recovery, #canvas .symbol.fault").count()).toBe(2);
  });

  test("has a button for every fault, each answers, and the text is whole behind all of them", { timeout: 150_000 }, async () => {
    const page = await visit("/");
    const names = page.locator("#faults button[data-needs] strong");
    await waitFor("the buttons", async () => ((await names.count()) === faultNames.length ? true : undefined));
    expect(await names.allInnerTexts()).toEqual(faultNames);
    await ask(page, "10");
    let events = 0;
    const order = ["duplicate-invocation", "drop-producer", "drop-consumers", "evict-stream", "abort-stream", "restart-worker", "refuse-invocation", "freeze-lambda", "thaw-lambda", "delay-invocation", "kill-lambda", "blackhole-producer"];
    expect(order.toSorted()).toEqual(faultNames.toSorted());
    for (const fault of order) {
      // A frozen one is thawed while it is; anything else waits until the one before has been got over.
      if (fault !== "thaw-lambda") await seen(page, (events += 3));
      const button = page.locator(`#faults button:has(strong:text-is("${fault}"))`);
      await waitFor(`${fault} to be done`, async () => {
        await button.click();
        await page.locator("#did").filter({ hasText: new RegExp(`^${fault}: `) }).waitFor();
        return (await page.locator("#did").innerText()).includes("not done") ? undefined : true;
      });
      events = await number(page, "events");
    }
    await seen(page, events + 5);
    expect(await counts(page)).toEqual({ duplicates: 0, lost: 0 });
    expect(whole.startsWith((await answerOf(page)) ?? "")).toBe(true);
    expect(await page.locator("#happenings li.eviction").count()).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await ended(page, "Stopped");
  });

  test("reloaded in mid-sentence, goes on where it was and ends with the whole text", async () => {
    const page = await visit("/");
    await ask(page, "200");
    await seen(page, 60);
    const followed = page.waitForRequest((request) => request.url().includes(`/streams/${streamOf(page)}?from=`));
    await page.getByRole("button", { name: "reload this page" }).click();
    expect(Number((await followed).url().split("-").at(-1))).toBeGreaterThanOrEqual(60);
    await ended(page, "Completed");
    expect(await answerOf(page)).toBe(whole);
    expect(await counts(page)).toEqual({ duplicates: 0, lost: 0 });
    expect(await page.locator("#happenings li.reload").innerText()).toMatch(/was loaded again, [\d,]+ ms pause/);
    await page.reload();
    expect(await answerOf(page)).toBe(whole);
    expect(await page.locator("#state").innerText()).toBe("Completed");
  });

  test("in a second tab reads the same stream from its start", async () => {
    const page = await visit("/");
    await ask(page, "200");
    await seen(page, 60);
    const opening = page.context().waitForEvent("page");
    await page.getByRole("link", { name: "open a second tab" }).click();
    const second = await opening;
    expect(streamOf(second)).toBe(streamOf(page));
    for (const tab of [page, second]) {
      await ended(tab, "Completed");
      expect(await answerOf(tab)).toBe(whole);
      expect(await counts(tab)).toEqual({ duplicates: 0, lost: 0 });
    }
  });

  test("says why: a stream that failed, one that does not exist, one of bytes", async () => {
    const failed = await Reader.readAll(at("/fixtures/shapes?kind=throw"));
    const page = await visit(`/#${failed.streamId}`);
    await ended(page, "Failed");
    expect(await page.locator("#notice").innerText()).toBe((await statusOf(stack.current.url, failed.streamId)).error?.message);
    await page.goto(at("/#nobody").href);
    await page.locator("#notice").filter({ hasText: "There is no such stream" }).waitFor();
    const { streamId } = await Reader.readAll(at("/answers/body?kind=readable"));
    await page.goto(at(`/#${streamId}`).href);
    await page.locator("#notice").filter({ hasText: "This stream is no event stream" }).waitFor();
  });

  test.each([
    ["light", 390],
    ["dark", 390],
    ["light", 1280],
    ["dark", 1280],
  ] as const)("in %s at %i px has no horizontal scroll, labels everything, and contrasts by AA", async (colorScheme, width) => {
    const { streamId } = await Reader.readAll(at("/api/tokens?prompt=a&tokensPerSecond=0"));
    const page = await visit(`/#${streamId}`, { colorScheme, viewport: { width, height: 844 } });
    await ended(page, "Completed");
    await waitFor("the lane", async () => ((await lanes(page)) === 1 ? true : undefined));
    expect(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")).toBe(0);
    expect(await page.evaluate(unlabelled)).toEqual([]);
    expect(await page.evaluate(faint)).toEqual([]);
  });

  test("without a local stack has no fault panel, and works", async () => {
    const page = await (await browser.newContext()).newPage();
    pages.push(page);
    await page.route("**/.local/**", async (route) => route.fulfill({ status: 404, body: "{}" }));
    await page.goto(at("/").href);
    await ask(page, "200");
    await ended(page, "Completed");
    expect(await page.locator("#faults button[data-needs]").count()).toBe(0);
    expect(await page.locator("#faults > *").count()).toBe(2);
    expect(await answerOf(page)).toBe(whole);
  });
});

describe("the control port", () => {
  test("lists the faults, and is for no page but the stack's own", async () => {
    const url = `${stack.current.control.url}/faults`;
    const own = await fetch(url, { headers: { origin: stack.current.url.origin } });
    expect(own.headers.get("access-control-allow-origin")).toBe(stack.current.url.origin);
    expect(await own.json()).toMatchObject({ faults: faultNames.map((name) => ({ name })) });
    const foreign = await fetch(url, { method: "POST", headers: { origin: "https://evil.example" }, body: '{"fault":"restart-worker"}' });
    expect(foreign.status).toBe(403);
    expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("the inspector", () => {
  const attemptRows = (page: Page) => page.locator("#attempts tr");

  test("shows state, attempts, cursors, readers and a live tail", async () => {
    const reader = await Reader.open(at("/api/count?n=400&intervalMs=20"));
    const id = reader.streamId;
    const page = await visit(`/#${id}`);
    await page.getByRole("link", { name: "Inspect" }).click();
    await page.locator("#phase").filter({ hasText: "live" }).waitFor();
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe(`Stream ${id}`);
    await page.locator("#following").filter({ hasText: "live" }).waitFor();
    await page.locator("#readers").filter({ hasText: "2" }).waitFor();
    const answer = await fetch(`${stack.current.control.url}/faults`, { method: "POST", body: JSON.stringify({ fault: "kill-lambda", stream: id }) });
    expect(answer.status).toBe(200);
    await page.locator("#phase").filter({ hasText: "completed" }).waitFor({ timeout: 50_000 });
    expect(await attemptRows(page).count()).toBe(2);
    expect(await attemptRows(page).first().innerText()).toMatch(/attempt 1 lost its socket/);
    const { lastSeq } = await statusOf(stack.current.url, id);
    expect(await page.locator("#cursors").innerText()).toBe(`${id}-1 to ${id}-${lastSeq}`);
    await page.locator("#following").filter({ hasText: "at its end" }).waitFor();
    expect(await page.locator("#tail li").nth(-2).innerText()).toContain(`${lastSeq}`);
    expect(await page.locator("#tail li").last().innerText()).toContain("longstream.end");
  });

  test("shows events of any name", async () => {
    const { streamId } = await Reader.readAll(at("/fixtures/shapes?kind=fields"));
    const page = await visit(`/streams/${streamId}`);
    await page.locator("#following").filter({ hasText: "at its end" }).waitFor();
    expect(await page.locator("#tail li b").count()).toBeGreaterThan(1);
  });

  test("shows type, size and links of a stream of bytes, and no tail", async () => {
    const { streamId } = await Reader.readAll(at("/answers/body?kind=noise&size=70000"));
    const page = await visit(`/streams/${streamId}`);
    await page.locator("#links").waitFor();
    expect(await page.locator("#content").innerText()).toBe("bytes, 200 video/mp4");
    expect(await page.locator("#bytes").innerText()).toBe("70,000");
    expect(await page.locator("#tail-part").isVisible()).toBe(false);
    const downloading = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    expect((await readFile(await (await downloading).path())).length).toBe(70_000);
  });

  test("has a readable page for a stream that does not exist", async () => {
    const page = await visit("/");
    const response = await page.goto(at("/streams/nobody").href);
    expect(response?.status()).toBe(404);
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("There is no such stream");
  });

  test("is for browsers that navigate; the log is for everybody else, and for a query that asks for it", async () => {
    const { streamId } = await Reader.readAll(at("/api/count?n=3&intervalMs=0"));
    const typeOf = async (path: string, headers: Readonly<Record<string, string>>): Promise<readonly (string | null)[]> => {
      const response = await fetch(at(path), { headers });
      await response.body?.cancel();
      return [response.headers.get("content-type"), response.headers.get("vary")];
    };
    const navigating = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
    const path = `/streams/${streamId}`;
    expect(await typeOf(path, navigating)).toEqual(["text/html; charset=utf-8", "accept"]);
    expect(await typeOf(path, {})).toEqual(["text/event-stream", "accept"]);
    expect(await typeOf(path, { accept: "text/event-stream, text/html" })).toEqual(["text/event-stream", "accept"]);
    for (const query of ["?from=0", "?live=false"]) expect(await typeOf(path + query, navigating)).toEqual(["text/event-stream", "accept"]);
  });

  test.each([
    ["light", 390],
    ["dark", 1280],
  ] as const)("in %s at %i px has no horizontal scroll, and contrasts by AA", async (colorScheme, width) => {
    const { streamId } = await Reader.readAll(at("/api/count?n=300&intervalMs=0"));
    const page = await visit(`/streams/${streamId}`, { colorScheme, viewport: { width, height: 844 } });
    await page.locator("#following").filter({ hasText: "at its end" }).waitFor();
    expect(await page.locator("#tail li").count()).toBe(51);
    expect(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")).toBe(0);
    expect(await page.evaluate(faint)).toEqual([]);
  });
});

describe("a gateway without INSPECTOR", () => {
  const plain = useStack({ vars: { INSPECTOR: undefined } });

  test("answers a browser like anybody else", async () => {
    const url = plain.current.url;
    const { streamId } = await Reader.readAll(new URL("/api/count?n=3&intervalMs=0", url));
    await waitForStatus(url, streamId, ({ outcome }) => outcome === "completed");
    const response = await fetch(new URL(`/streams/${streamId}`, url), { headers: { accept: "text/html" } });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("vary")).toBeNull();
    await response.body?.cancel();
  });
});
