/** Owns the `stream` object a handler is given, and the runtime's hold on it. */

import { LongstreamError } from "../protocol/errors.ts";
import type { Invocation } from "../protocol/invocation.ts";
import { checkCheckpointBytes } from "../protocol/producer-messages.ts";
import type { ResumePoint } from "../protocol/producer-messages.ts";
import type { ChunkSource } from "./chunks.ts";
import { toJson } from "./events.ts";
import { readHistory } from "./history.ts";
import type { Session } from "./session.ts";
import type { StopReason } from "./stop.ts";
import type { HandlerStream, LambdaContext, StreamResume } from "./types.ts";

export interface StreamControls {
  readonly stream: HandlerStream;
  /** Tells the handler that its output is no longer wanted. */
  abort(reason: StopReason): void;
  /** Ends the handler at its yield, and waits for its `finally` blocks within the time that is left. */
  ended(source: Pick<ChunkSource, "return"> | null): Promise<void>;
}

export interface HandlerStreamParts {
  readonly session: Session;
  readonly invocation: Invocation;
  readonly context: LambdaContext;
  readonly attempt: number;
  readonly resume: ResumePoint | null;
}

/** Longest wait for a handler that was ended; less where the time limit is nearer. */
const endWaitMs = 2_000;
/** Kept back for the runtime to answer the invocation. */
const lastMs = 100;

export function makeHandlerStream({ session, invocation, context, attempt, resume }: HandlerStreamParts): StreamControls {
  const cancelled = new AbortController();
  const remainingMs = (): number => context.getRemainingTimeInMillis();
  return {
    stream: {
      id: invocation.stream,
      attempt,
      resume: resume === null ? null : toStreamResume(resume, invocation, cancelled.signal),
      signal: cancelled.signal,
      handover: session.handover,
      context,
      checkpoint: (state) => {
        const text = toJson(state ?? null, "store a checkpoint whose state");
        checkCheckpointBytes(text);
        session.checkpoint(text);
      },
      remainingMs,
    },
    abort: (reason) => cancelled.abort(toError(reason)),
    ended: async (source) => {
      if (source === null) return;
      const waitMs = Math.max(0, Math.min(endWaitMs, remainingMs() - lastMs));
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, waitMs);
      // What the handler throws now concerns nobody: its attempt is over.
      await Promise.race([source.return().catch(() => undefined), timeout.promise]);
      clearTimeout(timer);
    },
  };
}

function toStreamResume(resume: ResumePoint, invocation: Invocation, signal: AbortSignal): StreamResume {
  const state: unknown = resume.checkpoint === null ? null : JSON.parse(resume.checkpoint.state);
  return {
    seq: resume.seq,
    checkpoint: state,
    sourceId: resume.sourceId === "" ? null : resume.sourceId,
    history: () => readHistory(invocation.url, resume.seq, signal),
  };
}

function toError(reason: StopReason): LongstreamError {
  switch (reason.kind) {
    case "yield":
      return new LongstreamError("fenced", "Cannot go on: this attempt handed over to its successor");
    case "cancel":
      return new LongstreamError("cancelled", `Cannot go on: the stream was cancelled (${reason.reason})`);
    case "fenced":
      return new LongstreamError("fenced", `Cannot go on: ${reason.reason}`);
    case "failed":
      return reason.error;
  }
}
