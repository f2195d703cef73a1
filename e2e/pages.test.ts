/** What may happen to a page: each of it to a native EventSource and to the client, in Chromium (P2, P5, P8). */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Client from "../client/index.ts";
import { streamOfPayload } from "../local/faults.ts";
import { launchChromium } from "./support/chromium.ts";
import { upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { waitFor, waitForStatus } from "./support/status.ts";

const stack = useStack({ fixtures: ["continuing"], lambdaTimeoutMs: 6_000 });
const at = (path: string): string => new URL(path, stack.current.url).href;
const kinds = ["EventSource", "openStream"] as const;
type Kind = (typeof kinds)[number];

let browser: Browser;
let script = "";
beforeAll(async () => {
  browser = await launchChromium();
  script = await bundle();
});
afterAll(async () => browser?.close());

/** What `bundle` leaves in the page. */
declare const longstream: typeof Client;

async function bundle(): Promise<string> {
  const entryPoints = [fileURLToPath(new URL("../client/index.ts", import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: "iife", globalName: "longstream", platform: "browser" });
  // An init script is the body of a function.
  return `${outputFiles.map(({ text }) => text).join("")}globalThis.longstream = longstream;`;
}

/** What a page has seen; kept in its session, so that a reload goes on with it. */
interface Seen {
  readonly numbers: readonly number[];
  readonly attempts: number;
  readonly cursor: string;
  readonly outcome: string | null;
}

/** Runs in the page: reads `url`, or goes on where the session has it. */
function read([kind, url]: readonly [kind: Kind, url: string]): void {
  const stored = sessionStorage.getItem("seen");
  const seen: { numbers: number[]; attempts: number; cursor: string; outcome: string | null } =
    stored === null ? { numbers: [], attempts: 0, cursor: "", outcome: null } : JSON.parse(stored);
  const keep = (): void => sessionStorage.setItem("seen", JSON.stringify(seen));
  const take = (id: string, data: string): void => {
    const { n, attempt }: { n: number; attempt: number } = JSON.parse(data);
    seen.numbers.push(n);
    seen.attempts = Math.max(seen.attempts, attempt);
    seen.cursor = id;
    keep();
  };
  const end = (outcome: string | null): void => {
    seen.outcome = outcome;
    keep();
  };
  if (kind === "EventSource") {
    const log = seen.cursor.slice(0, seen.cursor.lastIndexOf("-"));
    const source = new EventSource(seen.cursor === "" ? url : `/streams/${log}?from=${seen.cursor}`);
    source.addEventListener("message", ({ lastEventId, data }) => take(lastEventId, String(data)));
    source.addEventListener("longstream.end", ({ data }) => {
      const { outcome }: { outcome: string } = JSON.parse(String(data));
      end(outcome);
      source.close();
    });
  } else {
    const stream = longstream.openStream(url).saveTo(sessionStorage, "place");
    const loop = async (): Promise<void> => {
      for await (const { id, data } of stream) take(id, data);
      end(stream.outcome);
    };
    loop().catch((error: unknown) => end(String(error)));
  }
}

class Tab {
  readonly #page: Page;
  readonly #reading: readonly [Kind, string];

  private constructor(page: Page, kind: Kind, url: string) {
    this.#page = page;
    this.#reading = [kind, url];
  }

  static async open(context: BrowserContext, kind: Kind, url: string): Promise<Tab> {
    const page = await context.newPage();
    await page.addInitScript(script);
    await page.route("**/blank", async (route) => route.fulfill({ contentType: "text/html", body: "<title>blank</title>" }));
    await page.goto(at("/blank"));
    const tab = new Tab(page, kind, url);
    await page.evaluate(read, tab.#reading);
    return tab;
  }

  async seen(): Promise<Seen> {
    const text = await this.#page.evaluate(() => sessionStorage.getItem("seen"));
    return text === null ? { numbers: [], attempts: 0, cursor: "", outcome: null } : parse(text);
  }

  async reached(count: number): Promise<string> {
    return waitFor(`${count} events`, async () => {
      const { numbers, cursor } = await this.seen();
      return numbers.length >= count ? cursor.slice(0, cursor.lastIndexOf("-")) : undefined;
    });
  }

  async over(): Promise<Seen> {
    return waitFor("the end", async () => {
      const seen = await this.seen();
      return seen.outcome === null ? undefined : seen;
    });
  }

  async reload(): Promise<void> {
    await this.#page.reload();
    await this.#page.evaluate(read, this.#reading);
  }

  async cancel(id: string): Promise<void> {
    await this.#page.evaluate(async (path) => fetch(path, { method: "POST" }).then(({ status }) => status), `/streams/${id}/cancel`);
  }
}

function parse(text: string): Seen {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `read` alone
  return JSON.parse(text) as Seen;
}

/** Something that happens to a reader in mid-stream. */
type Happening = (parts: { readonly id: string; readonly tab: Tab; readonly context: BrowserContext; readonly kind: Kind }) => Promise<void>;

const happenings: Readonly<Record<string, Happening>> = {
  "the network is gone and comes back": async ({ id, context }) => {
    await context.setOffline(true);
    // Chromium lets what is open flow on; a network that is gone takes that too.
    expect(stack.current.clients.drop(id)).toBeGreaterThan(0);
    await waitForStatus(stack.current.url, id, ({ consumers }) => consumers === 0);
    await context.setOffline(false);
  },
  "its page is loaded again": async ({ tab }) => tab.reload(),
  "its Lambda is killed": async ({ id }) => {
    expect(stack.current.lambda.faults.kill(({ payload }) => streamOfPayload(payload) === id).length).toBeGreaterThan(0);
  },
  "its object is evicted, and every socket with it": async ({ id }) => stack.current.worker.evict(id, "close"),
  "a second tab reads the same stream": async ({ id, context, kind }) => {
    const second = await Tab.open(context, kind, `/streams/${id}`);
    expect((await second.over()).numbers).toEqual(upTo(100));
  },
};

describe.concurrent.each(kinds)("in a page, %s", (kind) => {
  test.concurrent.each(Object.keys(happenings))("P2, P5: has 1..100, each once, when %s", async (name) => {
    const context = await browser.newContext();
    const tab = await Tab.open(context, kind, "/fixtures/continuing?n=100&intervalMs=50");
    const id = await tab.reached(20);
    await happenings[name]?.({ id, tab, context, kind });
    expect(await tab.over()).toMatchObject({ numbers: upTo(100), outcome: "completed" });
    await context.close();
  });

  test.concurrent("P2: has every event of a chain of five attempts", async () => {
    const context = await browser.newContext();
    const tab = await Tab.open(context, kind, "/fixtures/continuing?n=500&intervalMs=50");
    const { numbers, attempts, outcome } = await tab.over();
    expect([numbers, outcome]).toEqual([upTo(500), "completed"]);
    expect(attempts).toBeGreaterThanOrEqual(5);
    await context.close();
  });

  test.concurrent("P8: learns that another tab has cancelled it", async () => {
    const context = await browser.newContext();
    const tab = await Tab.open(context, kind, "/fixtures/continuing?n=100000&intervalMs=20");
    const id = await tab.reached(20);
    const other = await Tab.open(context, kind, `/streams/${id}`);
    await other.cancel(id);
    const [seen, shown] = await Promise.all([tab.over(), other.over()]);
    expect([seen.outcome, shown.outcome]).toEqual(["cancelled", "cancelled"]);
    expect(seen.numbers).toEqual(upTo(seen.numbers.length));
    expect(shown.numbers).toEqual(seen.numbers);
    await context.close();
  });
});
