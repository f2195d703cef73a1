/** Owns what an invocation is and the ways it can end. */

export type InvocationType = "RequestResponse" | "Event";

/** "queued" and "dropped" are for events only: not started yet, or too old to be started. */
export type InvocationOutcome =
  | "queued"
  | "running"
  | "success"
  | "error"
  | "timeout"
  | "crash"
  | "init-error"
  | "dropped";

export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** One delivery of an event to one environment; a duplicate is another Invocation with the same request id. */
export interface Invocation {
  readonly requestId: string;
  readonly functionName: string;
  readonly invokedArn: string;
  readonly type: InvocationType;
  readonly body: Buffer;
  readonly payload: unknown;
  /** Environments are kept apart by it. */
  readonly tenantId?: string;
  /** Gets a streamed response as the runtime posts it; without one it is collected. */
  readonly sink?: ResponseSink;
}

export interface ResponseSink {
  begin(contentType: string): void;
  /** Resolves when there is room for more. */
  write(chunk: Buffer): Promise<void>;
  /** Called when the response is complete, and again when the invocation is over: the first call counts. */
  end(result: Result): void;
}

export type Failure = "error" | "timeout" | "crash" | "init-error";

/** `body` is what a synchronous caller gets. */
export type Result =
  | { readonly outcome: "success"; readonly body: Buffer; readonly contentType: string }
  | { readonly outcome: Failure; readonly body: Buffer; readonly error: FunctionError };

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export function failed(outcome: Failure, errorType: string, errorMessage: string): Result {
  const body = Buffer.from(JSON.stringify({ errorType, errorMessage }));
  return { outcome, body, error: { errorType, errorMessage, trace: [] } };
}

export function timedOut(requestId: string, timeoutMs: number): Result {
  const seconds = (timeoutMs / 1000).toFixed(2);
  return failed("timeout", "Sandbox.Timedout", `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`);
}

export function exited(outcome: "crash" | "init-error", requestId: string, exit: Exit): Result {
  return failed(outcome, "Runtime.ExitError", `RequestId: ${requestId} Error: ${describeExit(exit)}`);
}

/** The error document a runtime posts; fields that are not there or of another type are replaced. */
export function postedError(outcome: "error" | "init-error", body: Buffer): Result {
  const document = parseJson(body.toString());
  const fields = document.type === "json" ? document.value : undefined;
  const error: FunctionError = {
    errorType: stringField(fields, "errorType") ?? "UnknownError",
    errorMessage: stringField(fields, "errorMessage") ?? "",
    trace: traceField(fields),
  };
  return { outcome, body: document.type === "json" ? body : Buffer.from(JSON.stringify(error)), error };
}

export function parseJson(text: string): { type: "json"; value: unknown } | { type: "invalid"; reason: string } {
  try {
    const value: unknown = JSON.parse(text);
    return { type: "json", value };
  } catch (error) {
    return { type: "invalid", reason: error instanceof Error ? error.message : String(error) };
  }
}

function describeExit(exit: Exit): string {
  if (exit.signal !== null) {
    return `Runtime exited with error: signal: ${exit.signal === "SIGKILL" ? "killed" : exit.signal}`;
  }
  return exit.code === 0
    ? "Runtime exited without providing a reason"
    : `Runtime exited with error: exit status ${exit.code ?? "unknown"}`;
}

function stringField(fields: unknown, name: string): string | undefined {
  const value = field(fields, name);
  return typeof value === "string" ? value : undefined;
}

function traceField(fields: unknown): readonly string[] {
  const value = field(fields, "trace");
  return Array.isArray(value) ? value.filter((line) => typeof line === "string") : [];
}

function field(fields: unknown, name: string): unknown {
  if (typeof fields !== "object" || fields === null) return undefined;
  return Object.getOwnPropertyDescriptor(fields, name)?.value;
}
