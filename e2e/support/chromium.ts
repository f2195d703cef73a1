/** Owns the browser of the tests: Playwright's own Chromium, or the machine's. */

import { existsSync } from "node:fs";
import { chromium } from "playwright";
import type { Browser } from "playwright";

const candidates = [process.env["CHROMIUM_PATH"], chromium.executablePath(), "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** No look-ups of its own: a closed network refuses them, many at a time. */
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function launchChromium(): Promise<Browser> {
  const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
  return chromium.launch({ args: quiet, ...(executablePath === undefined ? {} : { executablePath }) });
}
