/** Owns `streamHandler`: one invocation from its event to its last acknowledged event. */

import { nanoid } from "nanoid";
import { LongstreamError, describe } from "../protocol/errors.ts";
import type { Invocation } from "../protocol/invocation.ts";
import type { ResumePoint } from "../protocol/producer-messages.ts";
import type { StreamFailure } from "../protocol/sse.ts";
import { answering } from "./acknowledge.ts";
import type { LambdaHandler } from "./acknowledge.ts";
import { planDeadlines } from "./deadline.ts";
import { toAnswer } from "./answer.ts";
import type { Answer } from "./answer.ts";
import type { ChunkSource } from "./chunks.ts";
import { drive } from "./drive.ts";
import type { DriveEnd } from "./drive.ts";
import { makeHandlerStream } from "./handler-stream.ts";
import type { StreamControls } from "./handler-stream.ts";
import { holdToLength } from "./length.ts";
import { Link } from "./link.ts";
import { logStart } from "./outbox.ts";
import type { LogPoint } from "./outbox.ts";
import { toRequest } from "./request.ts";
import { Session } from "./session.ts";
import type { Welcome } from "./session.ts";
import { destroyLeftovers } from "./socket.ts";
import type { StopReason } from "./stop.ts";
import type { HandlerStream, LambdaContext, ResumeMode, StreamHandler, StreamHandlerOptions } from "./types.ts";

/**
 * Wraps a handler for a Longstream gateway. The invocation succeeds when the stream has what it produced, when it handed
 * over, and when it was cancelled or replaced; it fails when the handler throws or the gateway cannot be reached.
 */
export function streamHandler(handler: StreamHandler, options: StreamHandlerOptions = {}): LambdaHandler {
  return answering(async (invocation, context) => {
    // Managed Instances run invocations side by side; everywhere else what is still open belongs to a frozen one.
    if (process.env["AWS_LAMBDA_MAX_CONCURRENCY"] === undefined) destroyLeftovers();
    const session = new Session({ resume: options.resume ?? "replay" });
    const deadlineAt = Date.now() + context.getRemainingTimeInMillis();
    const link = new Link(invocation, nanoid(12), session, deadlineAt);
    const timers = startTimers(session, context);
    const connected = link.connect();
    try {
      await serve({ handler, mode: options.resume ?? "replay", session, link, invocation, context });
    } finally {
      for (const timer of timers) clearTimeout(timer);
      // Closed before it is waited for: a first dial that is still being tried must not hold the invocation.
      await link.close();
      await connected;
    }
  });
}

function startTimers(session: Session, context: LambdaContext): readonly ReturnType<typeof setTimeout>[] {
  const { handoverInMs, stopInMs } = planDeadlines(context.getRemainingTimeInMillis());
  return [
    setTimeout(() => session.askHandover(), handoverInMs),
    setTimeout(() => session.stop.give({ kind: "yield" }), stopInMs),
  ];
}

/** What one invocation is made of. */
interface Attempt {
  readonly handler: StreamHandler;
  readonly mode: ResumeMode;
  readonly session: Session;
  readonly link: Link;
  readonly invocation: Invocation;
  readonly context: LambdaContext;
}

async function serve(attempt: Attempt): Promise<void> {
  const { mode, session, link, invocation, context } = attempt;
  const welcomed = await session.stop.orStop(session.welcomed);
  if ("stopped" in welcomed) return leaveEarly(welcomed.stopped);
  const welcome = welcomed.done;
  link.keepAlive(welcome.leaseMs);
  const resume = await resumePoint(session, welcome, mode);
  if (resume === "stopped") return leaveEarly(session.stop.reason);
  const controls = makeHandlerStream({ session, invocation, context, attempt: welcome.attempt, resume });
  const calling = call(attempt.handler, () => toRequest(welcome.request, session.body, controls.stream.signal), controls.stream);
  const { end, source } = await run(attempt, calling, welcome.request.method, resume);
  await sayGoodbye(end, session, controls, source);
}

type Ending = Pick<ChunkSource, "return">;

/** Until the answer ends or the attempt must stop; what of the handler is to be ended then comes with it. */
async function run(
  { session, mode }: Attempt,
  calling: Promise<Answer>,
  method: string,
  resume: ResumePoint | null,
): Promise<{ readonly end: DriveEnd; readonly source: Ending | null }> {
  let source: Ending | null = null;
  try {
    const called = await session.stop.orStop(calling);
    if ("stopped" in called) {
      return { end: { kind: "stopped", reason: called.stopped }, source: { return: async () => (await calling).source.return() } };
    }
    source = called.done.source;
    const known = await session.stop.orStop(called.done.head());
    if ("stopped" in known) return { end: { kind: "stopped", reason: known.stopped }, source };
    const start = startOf(resume, mode);
    session.startFrom(start, resume ?? logStart, known.done);
    const held = holdToLength(known.done, called.done.source, start.seq, method);
    return { end: await drive(held, session, resume?.sourceId ?? ""), source };
  } catch (thrown) {
    return { end: { kind: "threw", thrown }, source };
  }
}

/** A request that cannot be made is the stream's failure: outside of this, it would cost three attempts without a reason. */
async function call(handler: StreamHandler, request: () => Request, stream: HandlerStream): Promise<Answer> {
  return toAnswer(await handler(request(), stream));
}

/** A replay may begin while it is a standby; a continuation needs to know where its predecessor stopped. */
async function resumePoint(session: Session, welcome: Welcome, mode: ResumeMode): Promise<ResumePoint | null | "stopped"> {
  if (welcome.role === "active" || mode === "replay") return welcome.resume;
  const promoted = await session.stop.orStop(session.active);
  return "stopped" in promoted ? "stopped" : promoted.done;
}

function startOf(resume: ResumePoint | null, mode: ResumeMode): LogPoint {
  if (resume === null) return logStart;
  return mode === "continue" ? resume : (resume.checkpoint ?? logStart);
}

/** Where there is nothing to say to the stream. */
function leaveEarly(reason: StopReason | null): void {
  if (reason?.kind === "failed") throw reason.error;
}

/** Tells the stream how this attempt ended, waits until it has taken it, and ends the handler. */
async function sayGoodbye(end: DriveEnd, session: Session, controls: StreamControls, source: Ending | null): Promise<void> {
  switch (end.kind) {
    case "completed":
      session.bid({ type: "end", outcome: "completed", error: null });
      await session.released;
      // What it produced last may not have been taken: the invocation must not look like a success.
      return leaveEarly(session.stop.reason);
    case "threw": {
      const stopped = session.stop.reason;
      // A handler whose attempt was stopped may well throw; why it was stopped is what counts.
      if (stopped !== null && stopped.kind !== "yield") return leave(stopped, session, controls, source);
      session.bid({ type: "end", outcome: "failed", error: failureOf(end.thrown) });
      await session.released;
      controls.abort({ kind: "failed", error: errorOf(end.thrown) });
      await controls.ended(source);
      throw end.thrown;
    }
    case "stopped":
      await leave(end.reason, session, controls, source);
  }
}

/** The successor goes on while this handler is still being ended: its `finally` blocks cost the readers nothing. */
async function leave(reason: StopReason, session: Session, controls: StreamControls, source: Ending | null): Promise<void> {
  if (reason.kind === "yield") {
    session.bid({ type: "yield" });
    await session.released;
  } else if (reason.kind === "failed" && reason.error.code === "replay-diverged") {
    session.bid({ type: "end", outcome: "failed", error: failureOf(reason.error) });
    await session.released;
  }
  controls.abort(reason);
  await controls.ended(source);
  if (reason.kind === "failed") throw reason.error;
}

function failureOf(thrown: unknown): StreamFailure {
  return { code: errorOf(thrown).code, message: describe(thrown) };
}

function errorOf(thrown: unknown): LongstreamError {
  return thrown instanceof LongstreamError ? thrown : new LongstreamError("handler-failed", describe(thrown), { cause: thrown });
}
