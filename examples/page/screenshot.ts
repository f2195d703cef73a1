/** Owns docs/page.png: a picture of the demo page behind a stream that crossed three Lambdas. Run it after a change of the page's look. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright";
import { launchChromium } from "../../e2e/support/chromium.ts";
import { startStack } from "../../local/stack.ts";

const file = fileURLToPath(new URL("../../docs/page.png", import.meta.url));
const maxFileBytes = 200_000;
/** The answer takes 21 s, and a quarter of the limit is left at each handover. */
const lambdaTimeoutMs = 11_000;
const attempts = 3;

const dir = await mkdtemp(join(tmpdir(), "longstream-"));
const stack = await startStack({ port: 0, dir, lambdaTimeoutMs });
const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(stack.url.href);
  await page.getByRole("button", { name: "Ask" }).click();
  await page.locator("#state").filter({ hasText: "Completed" }).waitFor({ timeout: 60_000 });
  await page.locator("#canvas .symbol.end").waitFor();
  await check(page);
  const picture = await page.screenshot({ clip: await upTo(page, "#breaking-title"), fullPage: true });
  if (picture.length > maxFileBytes) throw new Error(`Cannot keep the picture: it has ${picture.length} bytes, over ${maxFileBytes}`);
  await writeFile(file, picture);
  process.stdout.write(`docs/page.png: ${picture.length} bytes\n`);
} finally {
  await browser.close();
  await stack.close();
  await rm(dir, { recursive: true, force: true });
}

/** It must show what the README says it shows. */
async function check(page: Page): Promise<void> {
  const textOf = async (id: string): Promise<string> => page.locator(`#${id}`).innerText();
  const seen = [await page.locator("#canvas .row-name", { hasText: "Attempt" }).count(), await textOf("duplicates"), await textOf("lost")];
  if (seen.join() !== `${attempts},0,0`) throw new Error(`Cannot show it: attempts, duplicates and losses are ${seen.join(", ")}`);
}

/** The page down to the element, without it. */
async function upTo(page: Page, selector: string): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await page.locator(selector).boundingBox();
  return { x: 0, y: 0, width: page.viewportSize()?.width ?? 0, height: Math.round(box?.y ?? 0) };
}
