/** Real Chromium: a plain EventSource with no code of ours in the page, and the package's client. */

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Client from "../client/index.ts";
import { launchChromium } from "./support/chromium.ts";
import { upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { waitFor } from "./support/status.ts";

/** Serves blank pages of another origin; by the name localhost, of a third. */
const elsewhere = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<title>elsewhere</title>")).listen(0, "127.0.0.1");
await once(elsewhere, "listening");
afterAll(() => elsewhere.close());
const elsewhereAddress = elsewhere.address();
const elsewherePort = typeof elsewhereAddress === "object" ? elsewhereAddress?.port : undefined;

const stack = useStack({ fixtures: ["body", "count", "shapes"], vars: { HEARTBEAT_MS: 500, CORS_ORIGINS: [`http://127.0.0.1:${elsewherePort}`] } });
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

/** What `bundle` leaves in the page. */
declare const longstream: typeof Client;

const bundle = async (): Promise<string> => {
  const entryPoints = [fileURLToPath(new URL("../client/index.ts", import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: "iife", globalName: "longstream", platform: "browser" });
  // An init script is the body of a function.
  return `${outputFiles.map(({ text }) => text).join("")}globalThis.longstream = longstream;`;
};

interface Looked {
  readonly numbers: readonly number[];
  readonly states: readonly string[];
  readonly outcome: string | null;
  readonly url: string | null;
  readonly error: string | null;
}

/** Opens a page at `url` with the client in it. */
const pageWithClient = async (url: string): Promise<Page> => {
  const context = await browser.newContext();
  const opened = await context.newPage();
  await opened.addInitScript(await bundle());
  await opened.goto(url);
  return opened;
};

/** Reads the count example with `openStream`; `key` is where the stream and its numbers are kept over reloads. */
const count = async (where: Page, url: string, method: string, key: string | null = null): Promise<void> =>
  where.evaluate(
    (asked) => {
      const numbers: number[] = JSON.parse(localStorage.getItem("numbers") ?? "[]");
      const states: string[] = [];
      const headers = async (): Promise<HeadersInit> => ({ authorization: "Bearer token", "x-page": "yes" });
      const body = asked.method === "GET" ? {} : { body: "question" };
      const stream = longstream.openStream(asked.url, { method: asked.method, headers, ...body, onState: (state) => states.push(state) });
      if (asked.key !== null) stream.saveTo(localStorage, asked.key);
      let error: string | null = null;
      const read = async (): Promise<void> => {
        for await (const { data } of stream.json<{ n: number }>()) {
          numbers.push(data.n);
          if (asked.key !== null) localStorage.setItem("numbers", JSON.stringify(numbers));
        }
      };
      const reading = read().catch((thrown: unknown) => {
        error = String(thrown);
      });
      Object.assign(globalThis, { reading, look: () => ({ numbers, states, outcome: stream.outcome, url: stream.url, error }) });
    },
    { url, method, key },
  );

const lookAt = async (where: Page): Promise<Looked> => where.evaluate("look()");
const reached = async (where: Page, n: number): Promise<unknown> =>
  waitFor(`number ${n}`, async () => ((await lookAt(where)).numbers.length >= n ? true : undefined));
const over = async (where: Page): Promise<Looked> => {
  await where.evaluate("reading");
  return lookAt(where);
};

const invocations = (): number => stack.current.lambda.invocations().length;

describe("the client in a page", () => {
  test("P2: goes on after the network was gone, without loss or duplicate", async () => {
    const own = await pageWithClient(at("/").href);
    await count(own, "/api/count?n=150&intervalMs=40", "GET");
    await reached(own, 20);
    // Chromium lets what is open flow on; a network that is gone also takes that.
    await own.context().setOffline(true);
    expect(stack.current.clients.drop(null)).toBeGreaterThan(0);
    await waitFor("the client to notice", async () => ((await lookAt(own)).states.includes("reconnecting") || undefined));
    // Long enough for tries that fail.
    await sleep(4_000);
    await own.context().setOffline(false);
    const { numbers, outcome } = await over(own);
    expect([numbers, outcome]).toEqual([upTo(150), "completed"]);
    await own.context().close();
  });

  test("P2: goes on after the page was loaded again, and posts once", async () => {
    const before = invocations();
    const own = await pageWithClient(at("/").href);
    await count(own, "/answers/count?n=120&intervalMs=30", "POST", "answer");
    for (const n of [15, 60]) {
      await reached(own, n);
      await own.reload();
      await count(own, "/answers/count?n=120&intervalMs=30", "POST", "answer");
    }
    expect((await over(own)).numbers).toEqual(upTo(120));
    expect(invocations() - before).toBe(1);
    await own.context().close();
  });

  test("sends a POST with its body and headers", async () => {
    const own = await pageWithClient(at("/").href);
    const data = await own.evaluate(async () => {
      for await (const event of longstream.openStream("/fixtures/shapes?kind=echo", { method: "POST", body: '{"q":1}', headers: { "content-type": "application/json" } })) return event.data;
      return "";
    });
    expect(JSON.parse(data)).toMatchObject({ method: "POST", body: '{"q":1}', headers: { "content-type": "application/json" } });
    await own.context().close();
  });

  test("P2: resumes from a page of another origin: a POST with a token, and bytes by range", async () => {
    const own = await pageWithClient(`http://127.0.0.1:${elsewherePort}/`);
    const before = invocations();
    await count(own, at("/answers/count?n=120&intervalMs=40").href, "POST");
    await reached(own, 20);
    expect(stack.current.clients.drop(null)).toBeGreaterThan(0);
    const { numbers, url, states, error } = await over(own);
    expect([numbers, error, states]).toEqual([upTo(120), null, ["open", "reconnecting", "open", "ended"]]);
    expect([url, invocations() - before]).toEqual([expect.stringContaining("/streams/"), 1]);
    const size = 2_000_000;
    const reading = own.evaluate(async (target) => {
      const bytes: number[] = [];
      for await (const chunk of longstream.openStream(target).bytes()) bytes.push(...chunk.filter((_byte, index) => index % 1_000 === 0), chunk.length);
      return bytes.length;
    }, at(`/answers/body?kind=noise&size=${size}&pauseMs=20`).href);
    await waitFor("the bytes to be cut", () => stack.current.clients.drop(null) || undefined);
    expect(await reading).toBeGreaterThan(2_000);
    await own.context().close();
  });

  test("is refused from an origin that is not listed, and says that it cannot reach the gateway", async () => {
    const own = await pageWithClient(`http://localhost:${elsewherePort}/`);
    const message = await own.evaluate(async (url) => {
      try {
        for await (const { data } of longstream.openStream(url, { retry: { tries: 1 } })) return data;
        return "";
      } catch (error) {
        return String(error);
      }
    }, at("/api/count?n=3").href);
    expect(message).toContain("LongstreamError: Cannot reach");
    await own.context().close();
  });
});

describe("superviseEventSource in a page", () => {
  test("P2: goes on past an answer that stops an EventSource for good, and ends", async () => {
    const own = await pageWithClient(at("/").href);
    const before = invocations();
    await own.evaluate(() => {
      const seen = { numbers: [] as number[], outcome: null as string | null, errors: 0 };
      const source = longstream.superviseEventSource("/api/count?n=150&intervalMs=40", { retry: { minMs: 100 } });
      source.addEventListener("message", (event) => {
        const { n }: { n: number } = JSON.parse(event instanceof MessageEvent ? String(event.data) : "{}");
        seen.numbers.push(n);
      });
      source.addEventListener("longstream.end", (event) => {
        const { outcome }: { outcome: string } = JSON.parse(event instanceof MessageEvent ? String(event.data) : "{}");
        seen.outcome = outcome;
      });
      source.addEventListener("error", () => seen.errors++);
      Object.assign(globalThis, { look: () => ({ ...seen, readyState: source.readyState }) });
    });
    await reached(own, 20);
    // As a proxy does whose gateway is away for a moment.
    await own.route("**/api/count**", async (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }), { times: 1 });
    expect(stack.current.clients.drop(null)).toBeGreaterThan(0);
    const ended = await waitFor("the end", async () => {
      const looked: Looked & { readonly readyState: number } = await own.evaluate("look()");
      return looked.readyState === 2 ? looked : undefined;
    });
    expect(ended).toMatchObject({ numbers: upTo(150), outcome: "completed" });
    expect(invocations() - before).toBe(1);
    await own.context().close();
  });
});
