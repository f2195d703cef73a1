/** Owns the tests of what a stream that nobody reads does. */

import { describe, expect, test } from "vitest";
import { Audience } from "./audience.ts";
import type { OnAbandon } from "./settings.ts";
import type { Store, StoredAudience } from "./store.ts";

/** Storage that outlives the object, and every write to it. */
class Memory {
  readonly written: StoredAudience[] = [];
  readers = 0;

  /** An object that just woke, or was made. */
  open(onAbandon: OnAbandon = { cancelAfterMs: 100 }): Audience {
    const store = {
      readAudience: () => this.written.at(-1) ?? null,
      writeAudience: (audience: StoredAudience) => this.written.push(audience),
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the two members an audience uses
    return new Audience(store as unknown as Store, onAbandon, () => this.readers);
  }
}

describe("P8: a stream that goes on without readers", () => {
  test("is never cancelled, and costs no row", () => {
    const memory = new Memory();
    const audience = memory.open("continue");
    audience.expect(0);
    memory.readers = 1;
    audience.look(1);
    memory.readers = 0;
    audience.look(2);
    expect([audience.abandonAt, memory.open("continue").abandonAt, memory.written]).toEqual([null, null, []]);
  });
});

describe("a stream that is cancelled after a grace", () => {
  test("waits for its first reader without a limit when none is on the way", () => {
    const memory = new Memory();
    const audience = memory.open();
    audience.look(0);
    audience.look(1_000_000);
    expect([audience.abandonAt, memory.open().abandonAt, memory.written]).toEqual([null, null, []]);
  });

  test("P7: gives the first reader, who is on the way, the grace to arrive", () => {
    const memory = new Memory();
    const audience = memory.open();
    audience.expect(1_000);
    expect(audience.abandonAt).toBe(1_100);
    audience.look(1_050);
    expect([audience.abandonAt, memory.written]).toEqual([1_100, [{ abandonAt: 1_100 }]]);
  });

  test("is safe while somebody reads", () => {
    const memory = new Memory();
    const audience = memory.open();
    audience.expect(1_000);
    memory.readers = 1;
    audience.look(1_010);
    audience.look(5_000);
    memory.readers = 7;
    audience.look(9_000);
    expect([audience.abandonAt, memory.written]).toEqual([null, [{ abandonAt: 1_100 }, { abandonAt: null }]]);
  });

  test("has its grace from when the last reader left, and not from later looks", () => {
    const memory = new Memory();
    const audience = memory.open();
    memory.readers = 2;
    audience.look(0);
    memory.readers = 1;
    audience.look(500);
    memory.readers = 0;
    audience.look(600);
    audience.look(650);
    expect([audience.abandonAt, memory.written]).toEqual([700, [{ abandonAt: null }, { abandonAt: 700 }]]);
  });

  test("lets a page be reloaded: a reader within the grace ends it, and the next leave begins it anew", () => {
    const memory = new Memory();
    const audience = memory.open();
    memory.readers = 1;
    audience.look(0);
    memory.readers = 0;
    audience.look(500);
    memory.readers = 1;
    audience.look(599);
    expect(audience.abandonAt).toBeNull();
    memory.readers = 0;
    audience.look(800);
    expect(audience.abandonAt).toBe(900);
  });

  test("P9: writes a row only when the answer changes", () => {
    const memory = new Memory();
    const audience = memory.open();
    for (const readers of [1, 2, 3, 2, 1, 0, 0, 0, 1, 1]) {
      memory.readers = readers;
      audience.look(10);
    }
    expect(memory.written).toEqual([{ abandonAt: null }, { abandonAt: 110 }, { abandonAt: null }]);
  });

  test("may have no grace at all", () => {
    const memory = new Memory();
    const audience = memory.open({ cancelAfterMs: 0 });
    memory.readers = 1;
    audience.look(10);
    memory.readers = 0;
    audience.look(20);
    expect(audience.abandonAt).toBe(20);
  });
});

describe("P5: after a restart", () => {
  test("a grace that had begun goes on, and does not begin anew", () => {
    const memory = new Memory();
    memory.open().expect(1_000);
    const again = memory.open();
    expect(again.abandonAt).toBe(1_100);
    again.look(1_090);
    expect(again.abandonAt).toBe(1_100);
  });

  test("readers who were lost with it have a grace to come back", () => {
    const memory = new Memory();
    memory.readers = 1;
    memory.open().look(0);
    memory.readers = 0;
    const again = memory.open();
    expect(again.abandonAt).toBeNull();
    again.look(5_000);
    expect(again.abandonAt).toBe(5_100);
  });

  test("readers whose sockets outlived it keep the stream, at no row", () => {
    const memory = new Memory();
    memory.readers = 1;
    memory.open().look(0);
    const again = memory.open();
    again.look(5_000);
    expect([again.abandonAt, memory.written.length]).toEqual([null, 1]);
  });

  test("a stream that waits for its first reader waits on", () => {
    const memory = new Memory();
    memory.open().look(0);
    const again = memory.open();
    again.look(5_000);
    expect([again.abandonAt, memory.written]).toEqual([null, []]);
  });
});
