/** Owns the tests of tickets: permission for one attempt of one stream to dial in. */

import { describe, expect, test } from "vitest";
import { LongstreamError } from "../protocol/errors.ts";
import { signTicket, verifyTicket } from "./ticket.ts";

const secret = "a secret of at least thirty-two characters";
const now = 1_700_000_000_000;
const ticket = { stream: "V1-_t", attempt: 3, expiresAt: now + 1_000 };
const refused = (why: string): LongstreamError => new LongstreamError("bad-ticket", `Cannot let this producer in: ${why}`);
const foreign = refused("its signature is not this gateway's");

describe("a ticket", () => {
  test("is literally the same for the same attempt and secret", async () => {
    expect(await signTicket(ticket, secret)).toBe(
      "v1.eyJzdHJlYW0iOiJWMS1fdCIsImF0dGVtcHQiOjMsImV4cGlyZXNBdCI6MTcwMDAwMDAwMTAwMH0.7bZVsqUIY4bG090ny7-2lsPBGfAuAlr0g3WR8Z-FLps",
    );
  });

  test("P4: lets its attempt of its stream in until it expires", async () => {
    const authorization = `Bearer ${await signTicket(ticket, secret)}`;
    expect(await verifyTicket(authorization, "V1-_t", secret, now)).toEqual(ticket);
    expect(await verifyTicket(authorization, "V1-_t", secret, now + 999)).toEqual(ticket);
  });

  test("P4: is refused once it expired, with how late it is", async () => {
    const authorization = `Bearer ${await signTicket(ticket, secret)}`;
    await expect(verifyTicket(authorization, "V1-_t", secret, now + 1_000)).rejects.toThrow(
      refused("it expired 0 ms ago; the invocation started too late"),
    );
    await expect(verifyTicket(authorization, "V1-_t", secret, now + 61_000)).rejects.toThrow(
      refused("it expired 60000 ms ago; the invocation started too late"),
    );
  });

  test("P4: of another stream is refused", async () => {
    const authorization = `Bearer ${await signTicket(ticket, secret)}`;
    await expect(verifyTicket(authorization, "V1-_u", secret, now)).rejects.toThrow(refused("it was made out for another stream"));
  });

  test("P4: under another secret is refused", async () => {
    const authorization = `Bearer ${await signTicket(ticket, `${secret}!`)}`;
    await expect(verifyTicket(authorization, "V1-_t", secret, now)).rejects.toThrow(foreign);
  });

  test("P4: whose attempt was raised under the old signature is refused", async () => {
    const [version, , signature] = (await signTicket(ticket, secret)).split(".");
    const raised = btoa(JSON.stringify({ ...ticket, attempt: 4 })).replaceAll("=", "");
    await expect(verifyTicket(`Bearer ${version}.${raised}.${signature}`, "V1-_t", secret, now)).rejects.toThrow(foreign);
  });

  test("P4: with any one character of its content changed is refused", async () => {
    const [version, content = "", signature] = (await signTicket(ticket, secret)).split(".");
    for (let at = 0; at < content.length; at++) {
      const other = content[at] === "A" ? "B" : "A";
      const forged = `${version}.${content.slice(0, at)}${other}${content.slice(at + 1)}.${signature}`;
      await expect(verifyTicket(`Bearer ${forged}`, "V1-_t", secret, now)).rejects.toThrow(foreign);
    }
  });

  test("P4: with its signature spelled otherwise is refused", async () => {
    const token = await signTicket(ticket, secret);
    expect(token.at(-1)).toBe("s");
    for (const letter of "tuv") await expect(verifyTicket(`Bearer ${token.slice(0, -1)}${letter}`, "V1-_t", secret, now)).rejects.toThrow(foreign);
  });

  test("P4: with its signature cut anywhere is refused", async () => {
    const [version, content, signature = ""] = (await signTicket(ticket, secret)).split(".");
    for (let length = 0; length < signature.length; length++) {
      const forged = `${version}.${content}.${signature.slice(0, length)}`;
      await expect(verifyTicket(`Bearer ${forged}`, "V1-_t", secret, now)).rejects.toThrow(foreign);
    }
  });
});

describe("P4: an Authorization header is refused", () => {
  const none = refused("the Authorization header carries no ticket");
  const other = refused("it is no ticket of this version");
  test.each<[string, string | null, LongstreamError]>([
    ["when it is absent", null, none],
    ["when it is empty", "", none],
    ["without a token", "Bearer ", none],
    ["of another scheme", "Basic djEuYS5i", none],
    ["with something behind the token", "Bearer v1.a.b x", none],
    ["with characters no ticket has", "Bearer v1.a+b.c=", none],
    ["with a line break behind it", "Bearer v1.a.b\n", none],
    ["longer than any ticket", `Bearer v1.${"a".repeat(1_000)}.b`, none],
    ["of another version", "Bearer v2.a.b", other],
    ["with a part too many", "Bearer v1.a.b.c", other],
    ["of one word", "Bearer garbage", other],
    ["without content and signature", "Bearer v1..", foreign],
    ["with one part too few", "Bearer v1.a", foreign],
    ["whose signature is no base64", "Bearer v1.a.b", foreign],
  ])("%s", async (_, authorization, error) => {
    await expect(verifyTicket(authorization, "V1-_t", secret, now)).rejects.toThrow(error);
  });

  test("in words that do not say what would pass", async () => {
    const signature = (await signTicket(ticket, secret)).split(".").at(-1) ?? "";
    const thrown: unknown = await verifyTicket("Bearer v1.a.b", "V1-_t", secret, now).catch((error: unknown) => error);
    expect(String(thrown)).not.toContain(secret);
    expect(String(thrown)).not.toContain(signature);
  });
});
