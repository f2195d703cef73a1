/** Owns tickets: HMAC-signed permission for one attempt of one stream to dial in, checked before the object is woken. */

import { LongstreamError } from "../protocol/errors.ts";
import { JsonReader } from "../protocol/json.ts";

export interface Ticket {
  readonly stream: string;
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const prefix = "v1";
const algorithm = { name: "HMAC", hash: "SHA-256" };
const encoder = new TextEncoder();

/** `v1.<base64url JSON>.<base64url HMAC-SHA-256 over the part before>`. */
export async function signTicket(ticket: Ticket, secret: string): Promise<string> {
  const signed = `${prefix}.${toBase64Url(encoder.encode(JSON.stringify(ticket)))}`;
  const signature = await crypto.subtle.sign(algorithm, await importKey(secret), encoder.encode(signed));
  return `${signed}.${toBase64Url(new Uint8Array(signature))}`;
}

/**
 * Reads the ticket of an `Authorization: Bearer` header.
 *
 * @throws LongstreamError `bad-ticket`; the message says which check failed, never what would pass it.
 */
export async function verifyTicket(authorization: string | null, stream: string, secret: string, nowMs: number): Promise<Ticket> {
  const token = /^Bearer ([A-Za-z0-9._-]{1,1000})$/.exec(authorization ?? "")?.[1];
  if (token === undefined) throw refused("the Authorization header carries no ticket");
  const [version, payload = "", signature = "", ...rest] = token.split(".");
  if (version !== prefix || rest.length > 0) throw refused("it is no ticket of this version");
  const valid = await crypto.subtle.verify(
    algorithm,
    await importKey(secret),
    fromBase64Url(signature),
    encoder.encode(`${prefix}.${payload}`),
  );
  if (!valid) throw refused("its signature is not this gateway's");
  const reader = JsonReader.parse(new TextDecoder().decode(fromBase64Url(payload)), "the ticket");
  const ticket = { stream: reader.string("stream"), attempt: reader.integer("attempt", 1), expiresAt: reader.integer("expiresAt") };
  if (ticket.stream !== stream) throw refused("it was made out for another stream");
  if (ticket.expiresAt <= nowMs) throw refused(`it expired ${nowMs - ticket.expiresAt} ms ago; the invocation started too late`);
  return ticket;
}

function refused(why: string): LongstreamError {
  return new LongstreamError("bad-ticket", `Cannot let this producer in: ${why}`);
}

async function importKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign", "verify"]);
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Empty for text that is no base64url: an empty signature verifies nothing. Empty, too, for another spelling of the same
 * bytes: a last letter can say bits that they do not have.
 */
function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    return toBase64Url(bytes) === text ? bytes : new Uint8Array(0);
  } catch {
    return new Uint8Array(0);
  }
}
