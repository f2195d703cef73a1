/** Owns the tests of the request body on the function's side. */

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../protocol/limits.ts";
import { RequestBody } from "./request-body.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = async (body: RequestBody): Promise<string> => new Response(body.stream).text();

/** A body whose requests for more are noted. */
function makeBody(): { readonly body: RequestBody; readonly asked: [from: number, upTo: number][] } {
  const asked: [number, number][] = [];
  return { asked, body: new RequestBody((from, upTo) => asked.push([from, upTo])) };
}

describe("a request body", () => {
  test("is given as it comes, before its end is there", async () => {
    const { body } = makeBody();
    const reader = body.stream.getReader();
    body.take({ offset: 0, bytes: bytes("first") });
    expect(await reader.read()).toEqual({ done: false, value: bytes("first") });
    body.take({ offset: 5, bytes: bytes("second") });
    body.end(11);
    expect(await reader.read()).toEqual({ done: false, value: bytes("second") });
    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });

  test("P2: of pieces that come twice or overlap has each byte once; one that skips is not taken", async () => {
    const { body } = makeBody();
    for (const [offset, part] of [[0, "abc"], [0, "abc"], [1, "bcd"], [6, "g"], [4, "ef"], [2, "cdef"]] as const) body.take({ offset, bytes: bytes(part) });
    body.end(6);
    expect(await text(body)).toBe("abcdef");
  });

  test("is not over before all of it is there", async () => {
    const { body } = makeBody();
    body.take({ offset: 0, bytes: bytes("ab") });
    body.end(4);
    body.take({ offset: 2, bytes: bytes("cd") });
    body.end(4);
    expect(await text(body)).toBe("abcd");
  });

  test("that broke off is an error with its code, never a short body", async () => {
    const { body } = makeBody();
    body.take({ offset: 0, bytes: bytes("ab") });
    body.fail({ code: "upload-broken", message: "the client has left" });
    body.end(2);
    await expect(text(body)).rejects.toMatchObject({ code: "upload-broken", message: "the client has left" });
  });

  test("P6: what was not read is bounded: more is asked for as the handler reads", async () => {
    const { body, asked } = makeBody();
    const piece = new Uint8Array(limits.bodyWindowBytes / 4);
    for (let i = 0; i < 4; i++) body.take({ offset: i * piece.length, bytes: piece });
    expect(asked).toEqual([]);
    const reader = body.stream.getReader();
    for (let i = 0; i < 4; i++) await reader.read();
    expect(asked).toEqual([[limits.bodyWindowBytes, 2 * limits.bodyWindowBytes]]);
  });

  test("P5: goes on, on a new connection, from what has come; nothing is asked for when nothing has, or all", () => {
    const { body, asked } = makeBody();
    body.reconnected();
    expect(asked).toEqual([]);
    body.take({ offset: 0, bytes: bytes("abc") });
    body.reconnected();
    expect(asked).toEqual([[3, 3 + limits.bodyWindowBytes]]);
    body.end(3);
    body.reconnected();
    expect(asked).toHaveLength(1);
  });

  test("that the handler cancels takes nothing more, and asks for nothing", async () => {
    const { body, asked } = makeBody();
    await body.stream.cancel();
    body.take({ offset: 0, bytes: new Uint8Array(limits.bodyWindowBytes) });
    body.end(limits.bodyWindowBytes);
    body.fail({ code: "upload-broken", message: "late" });
    body.reconnected();
    expect(asked).toEqual([]);
  });

  test("P2: is the same however it is cut, resent and read", async () => {
    const pieces = fc.array(fc.record({ length: fc.nat(2_000), back: fc.nat(500) }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(pieces, async (cuts) => {
        const { body } = makeBody();
        const whole = Uint8Array.from({ length: cuts.reduce((sum, { length }) => sum + length, 0) }, (_, index) => (index * 31) % 251);
        let at = 0;
        for (const { length, back } of cuts) {
          const from = Math.max(0, at - back);
          body.take({ offset: from, bytes: whole.subarray(from, at + length) });
          at += length;
        }
        body.end(whole.length);
        expect(new Uint8Array(await new Response(body.stream).arrayBuffer())).toEqual(whole);
      }),
    );
  });
});
