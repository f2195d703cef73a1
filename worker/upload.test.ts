/** Owns the tests of the request body in the object, against a store and sockets in memory. */

import { describe, expect, test } from "vitest";
import { decodeBodyPiece } from "../protocol/body-piece.ts";
import type { BodyPiece } from "../protocol/body-piece.ts";
import { limits } from "../protocol/limits.ts";
import { attachmentOf } from "./attachment.ts";
import type { Attachment, ProducerAttachment } from "./attachment.ts";
import type { Store, StoredSilence, StoredUpload } from "./store.ts";
import { Upload } from "./upload.ts";

interface Memory {
  readonly rows: BodyPiece[];
  ended: StoredUpload | null;
  silence: StoredSilence | null;
  readonly store: Store;
}

function memory(): Memory {
  const kept: { rows: BodyPiece[]; ended: StoredUpload | null; silence: StoredSilence | null } = { rows: [], ended: null, silence: null };
  const store = {
    get bodyBytes() {
      return kept.rows.reduce((sum, { bytes }) => sum + bytes.length, 0);
    },
    appendBody: (offset: number, bytes: Uint8Array) => kept.rows.push({ offset, bytes }),
    bodyFrom: (offset: number, upTo: number) =>
      kept.rows.flatMap((row) => {
        const skip = Math.max(0, offset - row.offset);
        const bytes = row.bytes.subarray(skip, Math.max(skip, upTo - row.offset));
        return bytes.length === 0 ? [] : [{ offset: row.offset + skip, bytes }];
      }),
    readUpload: () => kept.ended,
    writeUpload: (upload: StoredUpload) => {
      kept.ended = upload;
    },
    readSilence: () => kept.silence,
    writeSilence: (silence: StoredSilence) => {
      kept.silence = silence;
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what an upload uses of its store
  return Object.assign(kept, { store: store as unknown as Store });
}

/** A producer's socket: what was sent to it, and how far it is by its attachment. */
function makeSocket(): { readonly socket: WebSocket; readonly sent: string[]; readonly attachment: () => ProducerAttachment } {
  const sent: string[] = [];
  let attached: Attachment = { kind: "producer", producer: { attempt: 1, run: "a" }, since: 0, body: null };
  const fake = {
    send: (data: string | Uint8Array) => {
      if (typeof data === "string") return sent.push(data);
      const { offset, bytes } = decodeBodyPiece(data);
      return sent.push(`${offset} ${new TextDecoder().decode(bytes).replace(/(.)\1{20,}/, "$1*")}`);
    },
    serializeAttachment: (attachment: Attachment) => {
      attached = attachment;
    },
    deserializeAttachment: () => attached,
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what an upload uses of a socket
  const socket = fake as unknown as WebSocket;
  const attachment = (): ProducerAttachment => {
    const now = attachmentOf(socket);
    if (now.kind !== "producer") throw new Error("The socket is a producer's");
    return now;
  };
  return { socket, sent, attachment };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("an upload", () => {
  test("is sent as it comes, to a producer that is there, and its end behind it", () => {
    const { store } = memory();
    const upload = new Upload(store, null, 1_000, 0);
    const { socket, sent, attachment } = makeSocket();
    upload.begin(socket, attachment());
    upload.take(0, bytes("ab"), 1);
    upload.feed(socket, attachment());
    upload.take(2, bytes("c"), 2);
    upload.feed(socket, attachment());
    upload.complete();
    upload.feed(socket, attachment());
    upload.feed(socket, attachment());
    expect(sent).toEqual(["0 ab", "2 c", '{"type":"body-end","bytes":3}']);
  });

  test("P2: takes a piece once that comes twice, and what is new of one that overlaps", () => {
    const kept = memory();
    const upload = new Upload(kept.store, null, 1_000, 0);
    for (const [offset, text] of [[0, "abc"], [0, "abc"], [1, "bcde"]] as const) upload.take(offset, bytes(text), 1);
    expect(kept.rows.map((row) => [row.offset, new TextDecoder().decode(row.bytes)])).toEqual([[0, "abc"], [3, "de"]]);
  });

  test("P3: that skips bytes is broken, never short", () => {
    const kept = memory();
    const upload = new Upload(kept.store, null, 1_000, 0);
    upload.take(5, bytes("late"), 1);
    upload.complete();
    expect(kept.ended).toEqual({ bytes: 0, failure: { code: "upload-broken", message: "Cannot go on with the upload: it skips from byte 0 to 5" } });
  });

  test("P6: goes to a producer no further than it asked for", () => {
    const { store } = memory();
    const upload = new Upload(store, null, 1_000, 0);
    upload.take(0, new Uint8Array(limits.bodyWindowBytes).fill(97), 1);
    upload.take(limits.bodyWindowBytes, bytes("behind"), 2);
    upload.complete();
    const { socket, sent, attachment } = makeSocket();
    upload.begin(socket, attachment());
    expect(sent).toEqual(["0 a*"]);
    upload.pull(socket, attachment(), limits.bodyWindowBytes, limits.bodyWindowBytes + 3);
    upload.pull(socket, attachment(), limits.bodyWindowBytes + 3, limits.bodyWindowBytes + 100);
    expect(sent.slice(1)).toEqual([`${limits.bodyWindowBytes} beh`, `${limits.bodyWindowBytes + 3} ind`, `{"type":"body-end","bytes":${limits.bodyWindowBytes + 6}}`]);
  });

  test("P7: of which nothing is heard is broken after its time; any sign of life puts it off", () => {
    const { store } = memory();
    const upload = new Upload(store, null, 1_000, 0);
    expect(upload.lostAt).toBe(1_000);
    upload.take(0, bytes(""), 900);
    upload.look(1_800);
    expect(upload.lostAt).toBe(1_900);
    upload.look(1_900);
    expect(upload.lostAt).toBeNull();
    const { socket, sent, attachment } = makeSocket();
    upload.begin(socket, attachment());
    expect(sent).toEqual(['{"type":"body-failed","code":"upload-broken","message":"Cannot go on with the upload: nothing came for 1000 ms"}']);
  });

  test("P7: of which nothing is heard is broken also when the object sleeps from alarm to alarm", () => {
    const kept = memory();
    new Upload(kept.store, null, 1_000, 0).take(0, bytes("ab"), 10);
    const woken = new Upload(kept.store, null, 1_000, 1_010);
    woken.look(1_010);
    const again = new Upload(kept.store, null, 1_000, 2_010);
    again.look(2_010);
    expect(kept.ended).toMatchObject({ bytes: 2, failure: { code: "upload-broken" } });
  });

  test("P7: that is heard of again after such an alarm has its whole time again", () => {
    const kept = memory();
    new Upload(kept.store, null, 1_000, 0).look(500);
    const woken = new Upload(kept.store, null, 1_000, 900);
    woken.take(0, bytes(""), 900);
    expect(woken.lostAt).toBe(1_900);
    expect(new Upload(kept.store, null, 1_000, 5_000).lostAt).toBe(6_000);
  });

  test("P9: what is on its way to a producer is not sent again when it asks for more", () => {
    const { store } = memory();
    const upload = new Upload(store, null, 1_000, 0);
    upload.take(0, new Uint8Array(limits.bodyWindowBytes).fill(97), 1);
    const { socket, sent, attachment } = makeSocket();
    upload.begin(socket, attachment());
    upload.take(limits.bodyWindowBytes, bytes("behind"), 2);
    upload.pull(socket, attachment(), limits.bodyWindowBytes / 2, limits.bodyWindowBytes * 1.5);
    expect(sent).toEqual(["0 a*", `${limits.bodyWindowBytes} behind`]);
  });

  test("P5: after a restart is where it was stored, and how it ended stays", () => {
    const kept = memory();
    new Upload(kept.store, null, 1_000, 0).take(0, bytes("abc"), 1);
    const again = new Upload(kept.store, null, 1_000, 50);
    again.take(3, bytes("d"), 60);
    again.complete();
    again.fail({ code: "upload-broken", message: "too late to matter" });
    const last = new Upload(kept.store, null, 1_000, 90);
    expect(last.lostAt).toBeNull();
    const { socket, sent, attachment } = makeSocket();
    last.begin(socket, attachment());
    expect(sent).toEqual(["0 abc", "3 d", '{"type":"body-end","bytes":4}']);
  });

  test("that came with the stream's creation is over from the start", () => {
    const kept = memory();
    kept.rows.push({ offset: 0, bytes: bytes("whole") });
    const upload = new Upload(kept.store, 5, 1_000, 0);
    const { socket, sent, attachment } = makeSocket();
    upload.begin(socket, attachment());
    expect(sent).toEqual(["0 whole", '{"type":"body-end","bytes":5}']);
    expect(kept.ended).toBeNull();
  });
});
