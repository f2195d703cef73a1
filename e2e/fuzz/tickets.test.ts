/** Fuzzing of tickets: what was signed lets its own attempt in, and nothing that is not letter for letter the same does. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LongstreamError } from "../../protocol/errors.ts";
import { signTicket, verifyTicket } from "../../worker/ticket.ts";
import type { Ticket } from "../../worker/ticket.ts";
import { everyCase } from "./cases.ts";
import { damagedText } from "./damage.ts";
import { anyText } from "./text.ts";

const now = 1_700_000_000_000;
const secret = fc.stringMatching(/^[!-~]{32,40}$/);
const stream = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const ticket = fc.record<Ticket>({
  stream,
  attempt: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  expiresAt: fc.integer({ min: now + 1, max: now + 1_000_000 }),
});

type Verdict = Ticket | "bad-ticket";

async function verdict(authorization: string | null, of: string, under: string, atMs: number): Promise<Verdict> {
  try {
    return await verifyTicket(authorization, of, under, atMs);
  } catch (error) {
    if (error instanceof LongstreamError && error.code === "bad-ticket") return error.code;
    throw error;
  }
}

test("P4: any ticket lets its attempt in until it expires, under its secret and to its stream alone", async () => {
  await fc.assert(
    fc.asyncProperty(ticket, secret, secret, stream, fc.nat(2_000_000), async (signed, own, other, elsewhere, laterMs) => {
      const authorization = `Bearer ${await signTicket(signed, own)}`;
      const expected = (lets: boolean): Verdict => (lets ? signed : "bad-ticket");
      expect(await verdict(authorization, signed.stream, own, now + laterMs)).toEqual(expected(now + laterMs < signed.expiresAt));
      expect(await verdict(authorization, signed.stream, other, now)).toEqual(expected(other === own));
      expect(await verdict(authorization, elsewhere, own, now)).toEqual(expected(elsewhere === signed.stream));
    }),
    everyCase,
  );
});

const gateway = "a secret of at least thirty-two characters";
const valid: Ticket = { stream: "V1-_t", attempt: 3, expiresAt: now + 1_000 };

test("P4: a header that is not letter for letter the one of a ticket lets nobody in, whatever was changed", async () => {
  const whole = `Bearer ${await signTicket(valid, gateway)}`;
  const unit = fc.oneof(fc.stringMatching(/^[A-Za-z0-9._=+/ -]$/), anyText(1));
  // The last letter of a signature says two bits more than the signature has.
  const lastLetter = fc.stringMatching(/^[A-Za-z0-9_-]$/).map((letter) => whole.slice(0, -1) + letter);
  const counts = { in: 0, out: 0 };
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: damagedText(fc.constant(whole), unit) }, lastLetter, anyText(20)), async (header) => {
      const found = await verdict(header, valid.stream, gateway, now);
      counts[found === "bad-ticket" ? "out" : "in"]++;
      expect(found).toEqual(header === whole ? valid : "bad-ticket");
    }),
    everyCase,
  );
  expect(Math.min(counts.in, counts.out)).toBeGreaterThan(0);
});

test("P4: a ticket made up of any words, under any signature, lets nobody in", async () => {
  const payload = btoa(JSON.stringify(valid)).replaceAll("=", "");
  const part = fc.oneof(anyText(4), fc.stringMatching(/^[A-Za-z0-9_-]{0,43}$/), fc.constantFrom("v1", "", payload));
  const token = fc.oneof(fc.array(part, { maxLength: 5 }), fc.tuple(fc.constant("v1"), part, part)).map((parts) => parts.join("."));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("Bearer ", "bearer ", "", "Basic "), token, async (scheme, made) => {
      expect(await verdict(scheme + made, valid.stream, gateway, now)).toBe("bad-ticket");
    }),
    everyCase,
  );
});
