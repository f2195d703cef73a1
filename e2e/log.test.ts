/** The log in storage: rows of wire-ready bytes, one a commit, none an event (P9). */

import { describe, expect, test } from "vitest";
import { HandProducer, invocationOf } from "./support/producer.ts";
import { Reader, upTo } from "./support/reader.ts";
import { useStack } from "./support/stack.ts";
import { statusOf, waitForStatus } from "./support/status.ts";

const stack = useStack({
  fixtures: ["shapes"],
  routes: [{ path: "/rare/commits", kind: "events", function: "silent", region: "us-east-1", settings: { commitIntervalMs: 60_000 } }],
});
const at = (path: string): URL => new URL(path, stack.current.url);

/** Tables, description, changes of state and alarms, whatever the number of events. */
const rowsAStream = 14;

const countRows = async (id: string): Promise<number> => {
  const [row] = await stack.current.worker.sql(id, "SELECT count(*) AS rows FROM log");
  return Number(row?.["rows"]);
};

describe("P9 cheap", () => {
  test("P9: 1,000 events at 5 ms spacing cost at most 130 log rows", async () => {
    const reader = await Reader.readAll(at("/api/count?n=1000&intervalMs=5"));
    expect(reader.numbers).toEqual(upTo(1_000));
    const { cost } = await statusOf(stack.current.url, reader.streamId);
    expect(cost.commits).toBeLessThanOrEqual(130);
    expect(await countRows(reader.streamId)).toBe(cost.commits);
    expect(cost.rowsWritten - cost.commits).toBeLessThanOrEqual(rowsAStream);
  });

  test("P9: 1,000 events in one burst cost at most 5 log rows", async () => {
    const reader = await Reader.readAll(at("/api/count?n=1000&intervalMs=0"));
    expect(reader.numbers).toEqual(upTo(1_000));
    const { cost } = await statusOf(stack.current.url, reader.streamId);
    expect(cost.commits).toBeLessThanOrEqual(5);
    expect(await countRows(reader.streamId)).toBe(cost.commits);
    expect(cost.rowsWritten - cost.commits).toBeLessThanOrEqual(rowsAStream);
  });

  test("P9: the first event after silence is committed at once; what follows waits for its interval", async () => {
    const reader = await Reader.open(at("/rare/commits"));
    const producer = await HandProducer.welcome(stack.current, await invocationOf(stack.current, reader.streamId, 1));
    producer.sendEvents(1, ['data: {"n":1}\n']);
    await producer.acked(1);
    for (let seq = 2; seq <= 5; seq++) producer.sendEvents(seq, [`data: {"n":${seq}}\n`]);
    await waitForStatus(stack.current.url, reader.streamId, ({ cost }) => cost.messagesIn === 5);
    expect(await countRows(reader.streamId)).toBe(1);
    producer.tell({ type: "end", seq: 5, outcome: "completed", error: null });
    await reader.ended;
    expect(reader.numbers).toEqual(upTo(5));
    expect(await countRows(reader.streamId)).toBe(2);
  });
});

describe("the log", () => {
  test("holds the bytes exactly as readers receive them, in rows under 1 MiB", async () => {
    const reader = await Reader.readAll(at("/fixtures/shapes?kind=large&size=1000000"));
    const rows = await stack.current.worker.sql(reader.streamId, "SELECT first_seq, last_seq, end_offset, length(bytes) AS size FROM log ORDER BY first_seq");
    expect(rows.every(({ size }) => Number(size) <= 1_048_576)).toBe(true);
    const [text] = await stack.current.worker.sql(reader.streamId, "SELECT group_concat(CAST(bytes AS TEXT), '') AS text FROM (SELECT bytes FROM log ORDER BY first_seq)");
    expect(reader.text).toContain(String(text?.["text"]));
    expect(rows.at(-1)?.["end_offset"]).toBe(String(text?.["text"]).length);
  });

  test("has no index and no sequence table beside its one table", async () => {
    const reader = await Reader.readAll(at("/api/count?n=1&intervalMs=0"));
    const names = await stack.current.worker.sql(
      reader.streamId,
      "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name",
    );
    expect(names.map(({ name }) => name)).toEqual(["log", "record", "request"]);
  });
});
