/** Every fault of the control port against one stream, one after the other, with the limit at 10 s. */

import { describe, expect, test } from "vitest";
import { faultNames } from "../local/faults.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf } from "./support/status.ts";

const stack = useStack({ lambdaTimeoutMs: 10_000 });
const at = (path: string): URL => new URL(path, stack.current.url);

const inject = async (body: object | string): Promise<{ status: number; answer: unknown }> => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${stack.current.control.url}/faults`, { method: "POST", body: text });
  return { status: response.status, answer: await response.json() };
};

describe("the control port", () => {
  test("answers 404 to a fault there is nothing to do to", async () => {
    for (const fault of ["kill-lambda", "freeze-lambda", "thaw-lambda", "drop-producer", "blackhole-producer", "drop-consumers"]) {
      expect(await inject({ fault })).toMatchObject({ status: 404, answer: { error: expect.stringContaining("nothing to do it to") } });
    }
    for (const fault of ["evict-stream", "abort-stream"]) {
      expect((await inject({ fault, stream: "nobody" })).status).toBe(404);
    }
  });

  test.each(["nonsense", "[]", "{}", '{"fault":"sing"}', '{"fault":"evict-stream"}', '{"fault":"refuse-invocation","status":200}'])(
    "answers %s with 400 and the faults there are",
    async (body) => {
      expect(await inject(body)).toMatchObject({ status: 400, answer: { faults: faultNames } });
    },
  );
});

describe("the script", () => {
  test("drop, kill, freeze and thaw, evict twice, abort, restart, duplicate: 1..1200 exactly once", { timeout: 150_000 }, async () => {
    stack.current.lambda.faults.duplicateNext();
    let reader = await Reader.open(at("/api/count?n=1200&intervalMs=50"));
    const stream = reader.streamId;
    const did = async (body: object): Promise<void> => {
      const { status, answer } = await inject({ stream, ...body });
      expect(status, JSON.stringify(answer)).toBe(200);
      expect(answer).toHaveProperty("did");
    };
    const numbers: number[] = [];
    const seen = async (count: number): Promise<void> => reader.seen(count - numbers.length);
    await seen(40);
    await did({ fault: "drop-producer" });
    await seen(100);
    await did({ fault: "kill-lambda" });
    await seen(160);
    await did({ fault: "freeze-lambda" });
    // Until another attempt has gone on without it.
    await seen(200);
    await did({ fault: "thaw-lambda" });
    await seen(260);
    await did({ fault: "evict-stream", sockets: "hibernate" });
    await seen(320);
    await did({ fault: "evict-stream", sockets: "close" });
    await seen(380);
    await did({ fault: "abort-stream" });
    await seen(500);
    await did({ fault: "restart-worker" });
    // Here alone the client comes back with its cursor.
    expect(await reader.ended).toBe("aborted");
    numbers.push(...reader.numbers);
    reader = await Reader.open(at("/api/count?n=1200&intervalMs=50"), { cursor: reader.cursor ?? "" });
    expect(reader.streamId).toBe(stream);
    await seen(700);
    await did({ fault: "duplicate-invocation" });
    expect(await reader.ended).toBe("clean");
    expect([...numbers, ...reader.numbers]).toEqual(upTo(1_200));
    expect(await statusOf(stack.current.url, stream)).toMatchObject({ outcome: "completed", lastSeq: 1_200 });
  });
});
