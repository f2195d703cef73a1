/** Firefox's rules of reconnecting, which differ from Chromium's: a refused reconnect stops an EventSource for good. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createRelay, connect } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firefoxPath, openFirefox } from "./support/firefox.ts";
import { upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { waitFor } from "./support/status.ts";

/** What the page says of itself, with every event. */
interface Told {
  readonly numbers: readonly number[];
  readonly readyState: number;
  readonly outcome: string | null;
}

const told = new Map<string, Told>();
let script = "";

/** Serves the page, and hears what it says. */
const pages = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
pages.listen(0, "127.0.0.1");
await once(pages, "listening");
afterAll(() => {
  pages.closeAllConnections();
  pages.close();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "POST") {
    const name = request.url ?? "";
    request.setEncoding("utf8");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the page below says nothing else
    told.set(name, JSON.parse((await request.toArray()).join("")) as Told);
    response.writeHead(204).end();
  } else response.setHeader("content-type", "text/html").end(`<title>reader</title><script>${script}</script>`);
}

/** Runs in the page: its query says what it reads, and by what. */
const reader = `
  const { kind, url, name } = Object.fromEntries(new URLSearchParams(location.search));
  const told = { numbers: [], readyState: 0, outcome: null };
  let source;
  let saying = Promise.resolve();
  const say = () => {
    told.readyState = source.readyState;
    const body = JSON.stringify(told);
    saying = saying.then(() => fetch("/" + name, { method: "POST", body }));
  };
  source = kind === "native" ? new EventSource(url) : longstream.superviseEventSource(url);
  source.addEventListener("message", ({ data }) => { told.numbers.push(JSON.parse(data).n); say(); });
  source.addEventListener("longstream.end", ({ data }) => { told.outcome = JSON.parse(data).outcome; source.close(); say(); });
  source.addEventListener("error", say);
`;

const stack = useStack({ fixtures: ["count"], vars: { CORS_ORIGINS: [`http://127.0.0.1:${portOf(pages)}`] } });

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A way to the gateway that can be shut: connections are then closed before a byte is answered. */
class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #way: "open" | "shut" = "open";
  /** Connections that found it shut. */
  refused = 0;

  constructor() {
    this.#server = createRelay((socket) => this.#take(socket)).listen(0, "127.0.0.1");
  }

  async url(path: string): Promise<string> {
    if (!this.#server.listening) await once(this.#server, "listening");
    return `http://127.0.0.1:${portOf(this.#server)}${path}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  shut(): void {
    this.#way = "shut";
    this.cut();
  }

  open(): void {
    this.#way = "open";
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #take(socket: Socket): void {
    socket.on("error", () => undefined);
    if (this.#way === "shut") {
      this.refused++;
      socket.destroy();
      return;
    }
    const target = connect(Number(stack.current.url.port), "127.0.0.1");
    for (const one of [socket, target]) {
      this.#sockets.add(one);
      one.on("error", () => undefined).on("close", () => {
        this.#sockets.delete(one);
        socket.destroy();
        target.destroy();
      });
    }
    socket.pipe(target).pipe(socket);
  }
}

/** Opens Firefox on a page that reads through a gate. */
async function open(name: string, kind: "native" | "supervised", path: string): Promise<{ readonly gate: Gate; readonly seen: () => Told; readonly close: () => Promise<void> }> {
  const gate = new Gate();
  const query = new URLSearchParams({ name, kind, url: await gate.url(path) });
  const firefox = await openFirefox(firefoxPath ?? "", `http://127.0.0.1:${portOf(pages)}/page?${query}`);
  return {
    gate,
    seen: () => told.get(`/${name}`) ?? { numbers: [], readyState: 0, outcome: null },
    close: async () => {
      await firefox.close();
      gate.close();
    },
  };
}

beforeAll(async () => {
  const entryPoints = [fileURLToPath(new URL("../client/index.ts", import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: "iife", globalName: "longstream", platform: "browser" });
  script = outputFiles.map(({ text }) => text).join("") + reader;
});

/** Without Firefox there is nothing to hold its rules against: Debian's package is firefox-esr, FIREFOX_PATH names another. */
describe.skipIf(firefoxPath === undefined)("in Firefox (skipped where none is installed)", () => {
  test("P2: a plain EventSource whose connection is cut three times has 1..150, each once, and ends", async () => {
    const { gate, seen, close } = await open("cut", "native", "/api/count?n=150&intervalMs=50");
    for (const after of [20, 60, 100]) {
      await waitFor(`${after} events`, () => (seen().numbers.length >= after ? true : undefined));
      gate.cut();
    }
    await waitFor("the end", () => seen().outcome ?? undefined);
    expect(seen()).toMatchObject({ numbers: upTo(150), outcome: "completed" });
    await close();
  });

  test("a plain EventSource whose reconnect is refused gives up for good", async () => {
    const { gate, seen, close } = await open("refused", "native", "/api/count?n=100000&intervalMs=50");
    await waitFor("20 events", () => (seen().numbers.length >= 20 ? true : undefined));
    gate.shut();
    await waitFor("it to give up", () => (seen().readyState === 2 ? true : undefined));
    expect(gate.refused).toBeGreaterThan(0);
    await close();
  });

  test("P2: superviseEventSource goes on past that, without loss or duplicate", async () => {
    const { gate, seen, close } = await open("supervised", "supervised", "/api/count?n=200&intervalMs=50");
    await waitFor("20 events", () => (seen().numbers.length >= 20 ? true : undefined));
    gate.shut();
    await waitFor("a reconnect to be refused", () => (gate.refused > 0 ? true : undefined));
    gate.open();
    await waitFor("the end", () => seen().outcome ?? undefined);
    expect(seen()).toMatchObject({ numbers: upTo(200), outcome: "completed" });
    await close();
  });
});
