/** Request bodies: streamed to the handler as they come, stored for its successor, bounded, and never short (P2, P5, P6). */

import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import type { ClientRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Reader } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitFor, waitForStatus } from "./support/status.ts";

const stack = useStack({
  fixtures: ["upload"],
  routes: [
    { path: "/small", function: "upload", region: "us-east-1", maxRequestBytes: 1_000_000 },
    { path: "/idle", kind: "events", function: "upload", region: "us-east-1", settings: { uploadIdleMs: 1_000 } },
    { path: "/asleep", kind: "events", function: "upload", region: "us-east-1", settings: { uploadIdleMs: 12_000, leaseMs: 30_000 } },
  ],
  vars: { HEAD_TIMEOUT_MS: 6_000 },
});
const at = (path: string): URL => new URL(path, stack.current.url);

function noise(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24;
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A body that is sent a part at a time, as the test says. */
function openUpload(path: string, headers: Readonly<Record<string, string>> = {}): { readonly sending: ClientRequest; readonly response: Promise<{ readonly status: number; readonly streamId: string; readonly text: () => Promise<string> }> } {
  const sending = httpRequest(at(path), { method: "POST", headers: { accept: "text/event-stream", ...headers } });
  sending.flushHeaders();
  const response = new Promise<{ status: number; streamId: string; text: () => Promise<string> }>((resolve, reject) => {
    sending.once("error", reject);
    sending.once("response", (incoming) => {
      const text = async (): Promise<string> => {
        incoming.setEncoding("utf8");
        return (await incoming.toArray()).join("");
      };
      resolve({ status: incoming.statusCode ?? 0, streamId: String(incoming.headers["stream-id"]), text });
    });
  });
  return { sending, response };
}

describe("a request body", () => {
  test("P2: of 60 MB arrives with the right SHA-256, and its declared length", { timeout: 120_000 }, async () => {
    const body = noise(60_000_000);
    const response = await fetch(at("/answers/upload?kind=hash"), { method: "POST", body });
    expect(await response.json()).toEqual({ attempt: 1, declared: "60000000", bytes: 60_000_000, sha256: sha256(body) });
  });

  test("P2: is echoed byte by byte while it comes", async () => {
    const body = noise(5_000_000);
    const response = await fetch(at("/answers/upload?kind=echo"), { method: "PUT", body });
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(body));
  });

  test("is read by the handler before the client has sent its last byte", async () => {
    const { sending, response } = openUpload("/fixtures/upload?kind=follow");
    sending.write("first");
    const { streamId } = await response;
    const reader = await Reader.open(at(`/streams/${streamId}`));
    await reader.seen(1);
    expect(reader.messages.map(({ data }) => data)).toEqual(["5"]);
    sending.write("second");
    await reader.until(() => reader.messages.at(-1)?.data === "11", "the second part");
    sending.end();
    expect(await reader.ended).toBe("clean");
    expect(reader.messages.at(-1)?.data).toBe("end");
  });

  test("P5: is read again from its start by the successor of an attempt that died over it", async () => {
    const body = noise(3_000_000);
    const response = await fetch(at("/answers/upload?kind=die-once"), { method: "POST", body });
    expect(await response.json()).toEqual({ attempt: 2, bytes: 3_000_000, sha256: sha256(body) });
  });

  test("P5: goes on over an object that is aborted in mid-upload, its producer's socket gone with it", async () => {
    const { sending, response } = openUpload("/fixtures/upload?kind=follow");
    sending.write("x".repeat(300_000));
    const { streamId } = await response;
    await waitForStatus(stack.current.url, streamId, ({ lastSeq }) => lastSeq > 0);
    await stack.current.worker.abort(streamId);
    sending.write("y".repeat(300_000));
    sending.end();
    const reader = await Reader.readAll(at(`/streams/${streamId}`));
    expect(await reader.ended).toBe("clean");
    expect(reader.messages.slice(-2).map(({ data }) => data)).toEqual(["600000", "end"]);
  });

  test("P2: may take longer than a handler that reads all of it may take to answer", async () => {
    const { sending, response } = openUpload("/answers/upload?kind=hash", { accept: "*/*" });
    for (let i = 0; i < 14; i++) {
      sending.write("x".repeat(1_000));
      await sleep(500);
    }
    sending.end();
    const { status, text } = await response;
    expect([status, JSON.parse(await text())]).toMatchObject([200, { attempt: 1, bytes: 14_000 }]);
  });

  test("P2: is all there too where the client does not wait for the answer", async () => {
    const { sending, response } = openUpload("/answers/upload?kind=hash", { prefer: "respond-async" });
    sending.write("first");
    await sleep(300);
    sending.end("second");
    const { status, streamId } = await response;
    expect(status).toBe(202);
    expect(await waitForStatus(stack.current.url, streamId, ({ phase }) => phase === "ended")).toMatchObject({ outcome: "completed" });
    expect(await (await fetch(at(`/streams/${streamId}`))).json()).toMatchObject({ bytes: 11 });
  });

  test("that the handler does not read harms nothing", async () => {
    const response = await fetch(at("/answers/upload?kind=ignore"), { method: "POST", body: noise(10_000_000) });
    expect([response.status, await response.text()]).toEqual([200, "not read"]);
  });
});

describe("bad input", () => {
  test("P3: a client that dies in mid-upload gives the handler an error, not a short body", async () => {
    const { sending, response } = openUpload("/fixtures/upload?kind=follow");
    sending.write("some");
    const { streamId } = await response;
    await waitForStatus(stack.current.url, streamId, ({ lastSeq }) => lastSeq > 0);
    sending.destroy();
    const { outcome, error } = await waitForStatus(stack.current.url, streamId, ({ phase }) => phase === "ended");
    expect([outcome, error?.code]).toEqual(["failed", "upload-broken"]);
  });

  test("a body that declares more than maxRequestBytes is refused before anything is invoked", async () => {
    // Nothing of it is sent: the connection of a body that nobody reads is reset, and the answer may go with it.
    const { sending, response } = openUpload("/small?kind=hash", { "content-length": "1000001" });
    const { status, streamId, text } = await response;
    expect([status, streamId, JSON.parse(await text())]).toMatchObject([413, "undefined", { code: "request-too-large" }]);
    sending.destroy();
  });

  test("a body that turns out to be more than maxRequestBytes is a 413 too", async () => {
    const { sending, response } = openUpload("/small?kind=hash");
    for (let i = 0; i < 4; i++) sending.write(Buffer.from(noise(300_000)));
    const { status, text, streamId } = await response;
    expect([status, JSON.parse(await text())]).toMatchObject([413, { code: "request-too-large" }]);
    sending.destroy();
    if (streamId !== "undefined") expect(await statusOf(stack.current.url, streamId)).toMatchObject({ outcome: "failed", error: { code: "request-too-large" } });
  });

  test("a body that is refused or breaks off is no 202 where the client does not wait for the answer", async () => {
    const { sending, response } = openUpload("/small?kind=hash", { prefer: "respond-async" });
    for (let i = 0; i < 4; i++) sending.write(Buffer.from(noise(300_000)));
    const { status, text } = await response;
    expect([status, JSON.parse(await text())]).toMatchObject([413, { code: "request-too-large" }]);
    sending.destroy();
  });

  test("P7: a slow client is waited for, however slow: the Worker speaks for it", async () => {
    const { sending, response } = openUpload("/idle?kind=follow");
    sending.write("a");
    const { streamId } = await response;
    const { cost } = await statusOf(stack.current.url, streamId);
    await waitFor("many signs of life", async () => ((await statusOf(stack.current.url, streamId)).cost.requests > cost.requests + 6 ? true : undefined));
    sending.end("b");
    const reader = await Reader.readAll(at(`/streams/${streamId}`));
    expect([await reader.ended, reader.messages.at(-1)?.data]).toEqual(["clean", "end"]);
  });

  test("P7: an upload whose Worker is gone is found out, and the handler told", async () => {
    const { sending, response } = openUpload("/idle?kind=follow");
    sending.once("error", () => undefined);
    sending.write("a");
    const { streamId } = await response;
    await waitForStatus(stack.current.url, streamId, ({ lastSeq }) => lastSeq > 0);
    await stack.current.worker.restart();
    const { outcome, error } = await waitForStatus(stack.current.url, streamId, ({ phase }) => phase === "ended");
    expect([outcome, error?.code]).toEqual(["failed", "upload-broken"]);
  });

  test("P7: an upload whose Worker is gone is found out by an object that sleeps between its alarms too", { timeout: 90_000 }, async () => {
    const { sending, response } = openUpload("/asleep?kind=follow");
    sending.once("error", () => undefined);
    sending.write("a");
    const { streamId } = await response;
    await waitForStatus(stack.current.url, streamId, ({ lastSeq }) => lastSeq > 0);
    await stack.current.worker.restart();
    await waitForStatus(stack.current.url, streamId, ({ phase }) => phase === "live");
    // Nobody asks it anything meanwhile: after ten seconds it sleeps, and only alarms wake it.
    await sleep(35_000);
    const { outcome, error } = await statusOf(stack.current.url, streamId);
    expect([outcome, error?.code]).toEqual(["failed", "upload-broken"]);
  });
});
