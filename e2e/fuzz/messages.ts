/** Owns random valid messages of the sockets, of every kind. */

import * as fc from "fast-check";
import type { ConsumeRequest, Credit, ToConsumer } from "../../protocol/consumer-frames.ts";
import { errorTable, isErrorCode } from "../../protocol/errors.ts";
import type { Checkpoint, RequestHead, ResponseHead, ResumePoint, ToObject, ToProducer } from "../../protocol/producer-messages.ts";
import type { StreamFailure } from "../../protocol/sse.ts";
import { anyText } from "./text.ts";

const nat = fc.oneof(fc.nat(9), fc.maxSafeNat());
const positive = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const text = anyText(6);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const digest = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const outcome = fc.constantFrom("completed", "failed", "cancelled", "expired");
const headers = fc.array(fc.tuple(text, text), { maxLength: 3 });

const failure = fc.record<StreamFailure>({ code: fc.constantFrom(...Object.keys(errorTable).filter(isErrorCode)), message: text });
const checkpoint = fc.record<Checkpoint>({ seq: nat, digest, state: text });
const resume = fc.record<ResumePoint>({ seq: nat, digest, sourceId: text, checkpoint: maybe(checkpoint) });
const request = fc.record<RequestHead>({ method: text, url: text, headers, bodyBytes: maybe(nat) });
const head = fc.record<ResponseHead>({ status: fc.integer({ min: 200, max: 599 }), headers, mode: fc.constantFrom("events", "bytes") });

export const toObject: fc.Arbitrary<ToObject> = fc.oneof(
  head.map((fields) => ({ type: "head", ...fields }) as const),
  checkpoint.map((fields) => ({ type: "checkpoint", ...fields }) as const),
  fc.record({ type: fc.constantFrom("handover", "ready") }),
  fc.record({ type: fc.constant("yield"), seq: nat }),
  fc.record({ type: fc.constant("pull"), from: nat, upTo: nat }),
  fc.record({ type: fc.constant("end"), seq: nat, outcome: fc.constantFrom("completed", "failed"), error: maybe(failure) }),
);

export const toProducer: fc.Arbitrary<ToProducer> = fc.oneof(
  fc.record({
    type: fc.constant("welcome"),
    attempt: positive,
    role: fc.constantFrom("active", "standby"),
    resume: maybe(resume),
    request,
    window: positive,
    leaseMs: positive,
    commitIntervalMs: nat,
  }),
  fc.record({ type: fc.constant("body-end"), bytes: nat }),
  failure.map((fields) => ({ type: "body-failed", ...fields }) as const),
  fc.record({ type: fc.constant("ack"), seq: nat, checkpoint: maybe(nat) }),
  fc.record({ type: fc.constant("promote"), resume }),
  fc.record({ type: fc.constant("yield"), withinMs: nat }),
  fc.record({ type: fc.constant("cancel"), reason: text }),
);

const extent = fc.oneof(
  fc.record({ kind: fc.constant("whole"), bytes: maybe(nat) }),
  fc.record({ kind: fc.constant("part"), first: nat, last: maybe(nat), total: maybe(nat) }),
);

export const toConsumer: fc.Arbitrary<ToConsumer> = fc.oneof(
  fc.record({
    type: fc.constant("start"),
    log: text,
    seq: nat,
    offset: nat,
    reset: maybe(fc.constantFrom("unknown", "foreign", "beyond-end", "truncated")),
    head,
    extent,
  }),
  fc.record({ type: fc.constant("end"), seq: nat, outcome, error: maybe(failure) }),
  fc.record({ type: fc.constant("stored-end") }),
  fc.record({ type: fc.constant("complete"), outcome }),
  fc.record({ type: fc.constant("unsatisfiable"), bytes: nat, outcome: maybe(outcome) }),
);

export const consumeRequest: fc.Arbitrary<ConsumeRequest> = fc.record({
  from: fc.oneof(
    fc.record({ kind: fc.constantFrom("start", "unknown") }),
    fc.record({ kind: fc.constant("seq"), seq: nat }),
    fc.record({ kind: fc.constant("cursor"), log: text, seq: nat }),
  ),
  range: maybe(
    fc.oneof(
      fc.record({ kind: fc.constant("from"), first: nat, last: maybe(nat) }),
      fc.record({ kind: fc.constant("suffix"), length: nat }),
    ),
  ),
  follow: fc.constantFrom("live", "stored"),
  route: maybe(text),
  opening: fc.constantFrom("first", "again"),
});

export const credit: fc.Arbitrary<Credit> = fc.record({ type: fc.constant("credit"), upTo: nat });
