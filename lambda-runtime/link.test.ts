/** Owns the tests of keeping one attempt connected, over real sockets to an object of a few lines. */

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { encodeMessage } from "../protocol/producer-messages.ts";
import type { ResumePoint } from "../protocol/producer-messages.ts";
import { Link } from "./link.ts";
import { logStart } from "./outbox.ts";
import { Session } from "./session.ts";

const request = { method: "GET", url: "https://g.example/api", headers: [], bodyBytes: 0 };
let server: WebSocketServer;
const sockets: WebSocket[] = [];

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => sockets.push(socket));
  await once(server, "listening");
});
afterEach(() => {
  vi.useRealTimers();
  for (const socket of sockets.splice(0)) socket.terminate();
  server.close();
});

function linkTo(session: Session): Link {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const invocation = { longstream: 1, stream: "s1", attempt: 1, url: `http://127.0.0.1:${port}/streams/s1`, ticket: "t" } as const;
  return new Link(invocation, "run", session, Date.now() + 600_000);
}

function welcome(socket: WebSocket, leaseMs: number, resume: ResumePoint | null = null): void {
  socket.send(encodeMessage({ type: "welcome", attempt: 1, role: "active", resume, request, window: 1_000, leaseMs, commitIntervalMs: 50 }));
  socket.send(encodeMessage({ type: "body-end", bytes: 0 }));
  socket.on("message", (data) => {
    if (Buffer.isBuffer(data) && data.toString("utf8") === "ping") socket.send("pong");
  });
}

/** A session that was welcomed and whose handler has answered. */
async function serving(leaseMs: number): Promise<{ readonly session: Session; readonly link: Link }> {
  const session = new Session({ resume: "replay" });
  const link = linkTo(session);
  await link.connect();
  await session.welcomed;
  link.keepAlive(leaseMs);
  session.startFrom(logStart, logStart, { status: 200, headers: [], mode: "events" });
  return { session, link };
}

/** Nothing else runs meanwhile. */
function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

test("P6: connections that are welcomed and dropped again and again are dialled ever later, and given up after a lease", { timeout: 30_000 }, async () => {
  server.on("connection", (socket) => {
    welcome(socket, 3_000);
    socket.on("message", () => socket.terminate());
  });
  const { session, link } = await serving(3_000);
  await session.released;
  expect(session.stop.reason).toMatchObject({
    kind: "failed",
    error: { code: "unavailable", message: expect.stringMatching(/^Cannot stay connected to the gateway: \d connections in a row were lost before they served anything$/) },
  });
  expect(sockets.length).toBeGreaterThan(3);
  expect(sockets.length).toBeLessThan(10);
  await link.close();
});

test("P5: a connection that served is dialled again at once, however often it drops", { timeout: 25_000 }, async () => {
  let stored = 0;
  server.on("connection", (socket) => {
    welcome(socket, 30_000, { seq: stored, digest: "0".repeat(16), sourceId: "", checkpoint: null });
    socket.on("message", (_, isBinary) => {
      if (!isBinary) return;
      socket.send(encodeMessage({ type: "ack", seq: ++stored, checkpoint: null }), () => socket.terminate());
    });
  });
  const { session, link } = await serving(30_000);
  // Without progress between them, as many would take 30 s at the least, and be given up.
  for (let seq = 1; seq <= 21; seq++) {
    session.push(new TextEncoder().encode("data: a\n"), "");
    await vi.waitFor(() => expect([stored, sockets.length]).toEqual([seq, seq + 1]), { interval: 1, timeout: 20_000 });
  }
  expect(session.stop.reason).toBeNull();
  await link.close();
});

test("P5: a silent stream keeps its run though each connection drops once a ping was due", async () => {
  server.on("connection", (socket) => {
    welcome(socket, 300);
    socket.on("message", (data) => {
      if (Buffer.isBuffer(data) && data.toString("utf8") === "ping") socket.terminate();
    });
  });
  const { session, link } = await serving(300);
  await vi.waitFor(() => expect(sockets.length).toBeGreaterThan(8), { timeout: 4_000 });
  expect(session.stop.reason).toBeNull();
  await link.close();
});

test("P5: a loop that was blocked for longer than a lease has not lost its connection", async () => {
  server.on("connection", (socket) => welcome(socket, 300));
  const { session, link } = await serving(300);
  await sleep(250);
  session.push(new TextEncoder().encode("data: a\n"), "");
  block(400);
  await sleep(30);
  sockets[0]?.send(encodeMessage({ type: "ack", seq: 1, checkpoint: null }));
  await sleep(250);
  expect(sockets).toHaveLength(1);
  await link.close();
});

test("P5: what lies in the buffer is heard before a connection is given up", async () => {
  let pings = 0;
  server.on("connection", (socket) => {
    socket.send(encodeMessage({ type: "welcome", attempt: 1, role: "active", resume: null, request, window: 1_000, leaseMs: 300, commitIntervalMs: 50 }));
    socket.on("message", () => {
      if (++pings !== 2) return;
      socket.send("pong");
      block(150);
    });
  });
  const session = new Session({ resume: "replay" });
  const link = linkTo(session);
  await link.connect();
  await session.welcomed;
  link.keepAlive(300);
  await vi.waitFor(() => expect(pings).toBe(3));
  expect(sockets).toHaveLength(1);
  await link.close();
});

test("P5: an event after a long silence has its own time to be acknowledged", async () => {
  server.on("connection", (socket) => welcome(socket, 600));
  const session = new Session({ resume: "replay" });
  const link = linkTo(session);
  await link.connect();
  await session.welcomed;
  link.keepAlive(600);
  session.startFrom(logStart, logStart, { status: 200, headers: [], mode: "events" });
  await sleep(1_250);
  session.push(new TextEncoder().encode("data: a\n"), "");
  await sleep(250);
  sockets[0]?.send(encodeMessage({ type: "ack", seq: 1, checkpoint: null }));
  await sleep(100);
  expect(sockets).toHaveLength(1);
  await link.close();
});

test("P7: a connection on which no welcome comes is given up like any other that is silent", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const session = new Session({ resume: "replay" });
  const link = linkTo(session);
  await link.connect();
  expect(sockets).toHaveLength(1);
  sockets[0]?.pause();
  const again = once(server, "connection");
  for (let i = 0; i < 6; i++) vi.advanceTimersByTime(10_000);
  await Promise.race([again, sleep(2_000)]);
  expect(sockets).toHaveLength(2);
  await link.close();
});

test("a connection that comes about after the link was closed is not kept", async () => {
  const session = new Session({ resume: "replay" });
  const link = linkTo(session);
  const dialling = link.connect();
  await link.close();
  await dialling;
  await sleep(200);
  expect(sockets.map(({ readyState, OPEN }) => readyState === OPEN)).not.toContain(true);
});
