/** Owns what follows when an upstream breaks off: where its answer can go on, and whether another one is its continuation. */

import { eventStreamType } from "../protocol/http.ts";
import type { Mode, ResponseHead } from "../protocol/producer-messages.ts";
import type { ResumeWay } from "./upstream-target.ts";

/** What is stored of an upstream's answer. */
export interface Stored {
  readonly seq: number;
  /** What the last event says of its place, by the route's way to resume; empty where it says nothing. */
  readonly place: string;
  /** The same of the first event. */
  readonly firstPlace: string;
  readonly mode: Mode;
  /** Null before the answer's head. */
  readonly head: ResponseHead | null;
}

/** What the next request asks for. */
export type Resumption =
  | { readonly from: "start" }
  | { readonly from: "last-event-id"; readonly id: string; readonly firstId: string }
  | { readonly from: "starting-after"; readonly response: string; readonly after: number }
  /** `offset` in the upstream's own body, of which the stream may have asked a range. */
  | { readonly from: "range"; readonly offset: number; readonly etag: string | null; readonly total: number | null }
  /** `why` ends a sentence, and says what would help. */
  | { readonly from: "nowhere"; readonly why: string };

type From<Name extends Resumption["from"]> = Extract<Resumption, { from: Name }>;

export function resumptionOf(way: ResumeWay, method: string, stored: Stored): Resumption {
  const { seq, place, firstPlace, mode } = stored;
  switch (way) {
    case "none":
      return nowhere('set resume = "last-event-id", "starting-after" or "range" on its route if it can go on from there');
    case "last-event-id":
      if (seq === 0) return { from: "start" };
      if (mode === "bytes") return nowhere('its answer is no event stream, and only resume = "range" goes on with bytes');
      if (!isHeaderText(place)) return nowhere(`event ${seq} carries no id that a Last-Event-ID could name, so what follows it cannot be told`);
      return { from: "last-event-id", id: place, firstId: firstPlace };
    case "starting-after":
      return resumeBySequence(method, stored);
    case "range":
      return resumeByRange(method, stored);
  }
}

/** Of OpenAI's Responses API: a response that was made in the background can be read again from any of its events. */
function resumeBySequence(method: string, { seq, place, mode }: Stored): Resumption {
  if (mode === "bytes" && seq > 0) return nowhere('its answer is no event stream, and only resume = "range" goes on with bytes');
  if (seq === 0) return method === "GET" ? { from: "start" } : nowhere("no event came that names the response, and to ask again would make another one");
  const { response, after } = readSequence(place);
  if (after === null) return nowhere(`event ${seq} carries no sequence_number, so what follows it cannot be told`);
  if (response === "" && method !== "GET") return nowhere("no event named the response that was made");
  return { from: "starting-after", response, after };
}

function resumeByRange(method: string, { seq, mode, head }: Stored): Resumption {
  if (seq === 0) return { from: "start" };
  if (mode === "events") return nowhere('its answer is an event stream, and resume = "range" goes on with bytes');
  if (method !== "GET") return nowhere("only an answer to GET has ranges");
  if (head === null || (head.status !== 200 && head.status !== 206)) return nowhere("an answer with its status has no ranges");
  const part = readContentRange(headerOf(head, "content-range"));
  if (head.status === 206 && part === null) return nowhere("its first answer was a part that did not say which");
  const etag = headerOf(head, "etag");
  return {
    from: "range",
    offset: seq + (part?.first ?? 0),
    // A weak validator is no ground for joining bytes (RFC 9110, section 13.1.5).
    etag: etag?.startsWith('"') === true ? etag : null,
    total: part === null ? readLength(head) : part.total,
  };
}

/** What an answer is, to the request that was made. */
export type Verdict =
  /** The first one: its head is the stream's. */
  | { readonly kind: "begins" }
  | { readonly kind: "goes-on" }
  /** There is nothing behind what is stored. */
  | { readonly kind: "complete" }
  /** Trouble that may pass, and that cannot be passed on. */
  | { readonly kind: "later" }
  | { readonly kind: "other"; readonly why: string };

/** `passesOn`: whether clients can still be given a status. */
export function judge(head: ResponseHead, resumption: Resumption, first: ResponseHead | null, passesOn: "statuses" | "events"): Verdict {
  const passing = isPassing(head);
  // What clients were told before the first event, or byte, stands.
  const told = passesOn === "events" || (first !== null && !isPassing(first));
  if (resumption.from === "start" || resumption.from === "nowhere") return passing && told ? { kind: "later" } : { kind: "begins" };
  if (passing) return { kind: "later" };
  return resumption.from === "range" ? judgePart(head, resumption) : judgeEvents(head, resumption, first);
}

function isPassing({ status }: ResponseHead): boolean {
  return status === 429 || status >= 500;
}

function judgeEvents(head: ResponseHead, { from }: From<"last-event-id" | "starting-after">, first: ResponseHead | null): Verdict {
  // What stops an EventSource for good (WHATWG HTML, section 9.2.3): there is no more.
  if (from === "last-event-id" && head.status === 204) return { kind: "complete" };
  if (head.status === (first?.status ?? 200) && head.mode === "events") return { kind: "goes-on" };
  return { kind: "other", why: `it answered ${head.status} and ${headerOf(head, "content-type") ?? "no content type"}, which is no ${eventStreamType} that goes on` };
}

function judgePart(head: ResponseHead, { offset, total }: From<"range">): Verdict {
  const text = headerOf(head, "content-range");
  if (head.status === 416 && text === `bytes */${offset}`) return { kind: "complete" };
  if (head.status !== 206) return { kind: "other", why: `it answered the range from ${offset} with ${head.status}` };
  const part = readContentRange(text);
  if (part === null || part.first !== offset) return { kind: "other", why: `it answered the range from ${offset} with "${text ?? "no content-range"}"` };
  if (total !== null && part.total !== null && part.total !== total) return { kind: "other", why: `its body has ${part.total} bytes now, and had ${total}` };
  if (headerOf(head, "content-encoding") !== null) return { kind: "other", why: "it encodes the part it was asked for" };
  return { kind: "goes-on" };
}

/** Why an event of a continuation cannot be one, or null. */
export function strayEvent(place: string, resumption: Resumption): string | null {
  if (resumption.from === "last-event-id") {
    const again = place !== "" && (place === resumption.id || place === resumption.firstId);
    return again ? `asked for what follows the id ${resumption.id}, it sent the event ${place} again` : null;
  }
  if (resumption.from !== "starting-after") return null;
  const { after } = readSequence(place);
  return after !== null && after <= resumption.after ? `asked to start after ${resumption.after}, it sent event ${after} again` : null;
}

/** The place of an event in a Responses API's stream, from its data: its number, and the response, once that was named. */
export function sequencePlace(data: string, response: string): { readonly place: string; readonly response: string } {
  const fields = readFields(data);
  const made = readFields(fields?.["response"])?.["id"];
  const known = typeof made === "string" && made !== "" ? made : response;
  const after = fields?.["sequence_number"];
  return { place: Number.isSafeInteger(after) ? `${String(after)} ${known}` : "", response: known };
}

function readSequence(place: string): { readonly after: number | null; readonly response: string } {
  const [, after, response = ""] = /^(-?\d+) (.*)$/.exec(place) ?? [];
  return { after: after === undefined ? null : Number(after), response };
}

function readFields(value: unknown): Readonly<Record<string, unknown>> | null {
  const parsed: unknown = typeof value === "string" ? parseJson(value) : value;
  return typeof parsed === "object" && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Null for what names no first position. */
function readContentRange(text: string | null): { readonly first: number; readonly total: number | null } | null {
  const [, first, total] = /^bytes (\d{1,15})-\d+\/(\d{1,15}|\*)$/.exec(text ?? "") ?? [];
  if (first === undefined) return null;
  return { first: Number(first), total: total === undefined || total === "*" ? null : Number(total) };
}

export function readLength(head: ResponseHead): number | null {
  const text = headerOf(head, "content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

export function headerOf({ headers }: ResponseHead, wanted: string): string | null {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? null;
}

/** Beyond ASCII, what arrives depends on who sends and who reads. */
function isHeaderText(text: string): boolean {
  return /^[!-~](?:[ -~]*[!-~])?$/.test(text);
}

function nowhere(why: string): From<"nowhere"> {
  return { from: "nowhere", why };
}
