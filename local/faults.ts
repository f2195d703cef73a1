/** Owns the faults of the local stack: what each breaks, and what it needs to be there. */

import { LongstreamError } from "../protocol/errors.ts";
import { parseInvocation } from "../protocol/invocation.ts";
import type { JsonReader } from "../protocol/json.ts";
import type { EnvironmentInfo, EnvironmentMatch } from "./lambda-host/index.ts";
import type { StackParts } from "./stack.ts";

/** Says what it did, or null when there was nothing to do it to. */
type Inject = (stack: StackParts, parameters: JsonReader) => Promise<string | null> | string | null;

export interface Fault {
  readonly does: string;
  readonly needs: string;
  readonly inject: Inject;
}

const faults = {
  "kill-lambda": {
    does: "SIGKILL the function's process",
    needs: "a running invocation (of the stream)",
    inject: (stack, parameters) => onEnvironments(stack.lambda.faults.kill(ofStream(parameters)), "killed"),
  },
  "freeze-lambda": {
    does: "SIGSTOP the function's process; its socket stays open and silent",
    needs: "a running invocation (of the stream)",
    inject: (stack, parameters) => onEnvironments(stack.lambda.faults.freeze(ofStream(parameters)), "froze"),
  },
  "thaw-lambda": {
    does: "SIGCONT what freeze-lambda stopped",
    needs: "a frozen invocation (of the stream)",
    inject: (stack, parameters) => onEnvironments(stack.lambda.faults.thaw(ofStream(parameters)), "thawed"),
  },
  "drop-producer": {
    does: "reset the producer's connection",
    needs: "a producer's connection (of the stream)",
    inject: (stack, parameters) => counted(stack.producers.drop(streamOf(parameters)), "dropped", "producer connection"),
  },
  "blackhole-producer": {
    does: "keep the producer's connection open and pass nothing on",
    needs: "a producer's connection (of the stream)",
    inject: (stack, parameters) => counted(stack.producers.blackhole(streamOf(parameters)), "blackholed", "producer connection"),
  },
  "duplicate-invocation": {
    does: "deliver the next asynchronous invocation twice",
    needs: "nothing",
    inject: (stack) => `armed: ${stack.lambda.faults.duplicateNext().kind}`,
  },
  "delay-invocation": {
    does: 'deliver the next asynchronous invocation late ("delayMs", default 2000)',
    needs: "nothing",
    inject: (stack, parameters) => {
      const delayMs = parameters.optional("delayMs", (reader, field) => reader.integer(field)) ?? 2_000;
      return `armed: ${stack.lambda.faults.delayNext({ delayMs }).kind} by ${delayMs} ms`;
    },
  },
  "refuse-invocation": {
    does: 'answer the next invocation with an error ("status": 429 or 500, "times")',
    needs: "nothing",
    inject: (stack, parameters) => {
      const status = parameters.optional("status", (reader, field) => reader.integer(field)) ?? 429;
      const times = parameters.optional("times", (reader, field) => reader.integer(field, 1)) ?? 1;
      if (status !== 403 && status !== 404 && status !== 429 && status !== 500) throw parameters.bad("status", "403, 404, 429 or 500");
      return `armed: ${stack.lambda.faults.refuseNext({ status, times }).kind} with ${status}`;
    },
  },
  "evict-stream": {
    does: 'drop the stream\'s object from memory ("sockets": "hibernate" or "close")',
    needs: "a stream",
    inject: async (stack, parameters) => {
      const sockets = parameters.has("sockets") ? parameters.oneOf("sockets", ["hibernate", "close"]) : "hibernate";
      return onStream(stack, parameters, `evicted (${sockets})`, async (id) => stack.worker.evict(id, sockets));
    },
  },
  "abort-stream": {
    does: "abort the stream's object: memory and sockets are gone at once",
    needs: "a stream",
    inject: async (stack, parameters) => onStream(stack, parameters, "aborted", async (id) => stack.worker.abort(id)),
  },
  "restart-worker": {
    does: "kill workerd and start it again on the same storage",
    needs: "nothing",
    inject: async (stack) => {
      const before = stack.worker.pid;
      await stack.worker.restart();
      return `killed workerd ${before}; ${stack.worker.pid} answers`;
    },
  },
  "drop-consumers": {
    does: "reset the readers' connections",
    needs: "a reader's connection (of the stream)",
    inject: (stack, parameters) => counted(stack.clients.drop(streamOf(parameters)), "dropped", "reader connection"),
  },
} as const satisfies Record<string, Fault>;

export const faultNames: readonly string[] = Object.keys(faults);

export const faultTable: readonly (readonly [name: string, fault: Fault])[] = Object.entries(faults);

/** @throws LongstreamError `bad-request` that lists the faults there are. */
export function findFault(name: string): Fault {
  const found = faultTable.find(([known]) => known === name);
  if (found === undefined) {
    throw new LongstreamError("bad-request", `Cannot inject the fault "${name}": the faults are ${faultNames.join(", ")}`);
  }
  return found[1];
}

function streamOf(parameters: JsonReader): string | null {
  return parameters.optional("stream", (reader, field) => reader.string(field));
}

function ofStream(parameters: JsonReader): EnvironmentMatch {
  const wanted = streamOf(parameters);
  return ({ payload }) => wanted === null || streamOfPayload(payload) === wanted;
}

/** The stream a function was invoked for, in either way; null for anything else. */
export function streamOfPayload(payload: unknown): string | null {
  try {
    return parseInvocation(payload).stream;
  } catch {
    return null;
  }
}

function onEnvironments(environments: readonly EnvironmentInfo[], what: string): string | null {
  return environments.length === 0 ? null : `${what} ${environments.map(({ functionName, pid }) => `${functionName} (${pid})`).join(", ")}`;
}

function counted(count: number, what: string, of: string): string | null {
  return count === 0 ? null : `${what} ${count} ${of}${count === 1 ? "" : "s"}`;
}

/** A fault that could wake an object must not bring one to life that was never created. */
async function onStream(stack: StackParts, parameters: JsonReader, what: string, act: (id: string) => Promise<void>): Promise<string | null> {
  const id = parameters.string("stream");
  const status = await fetch(new URL(`/streams/${id}/status`, stack.worker.url));
  await status.body?.cancel();
  if (!status.ok) return null;
  await act(id);
  return `${what} ${id}`;
}
