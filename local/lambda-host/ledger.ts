/** Owns the record of invocations: what ran, how it ended, within a bound. */
import type { FunctionError, Invocation, InvocationOutcome, InvocationType, Result } from "./invocation.ts";
import { limits } from "./limits.ts";

export interface InvocationInfo {
  readonly functionName: string;
  /** Two deliveries of one event have the same. */
  readonly requestId: string;
  /** Through a Function URL: RequestResponse. */
  readonly type: InvocationType;
  readonly invokedArn: string;
  readonly tenantId?: string;
  readonly payload: unknown;
  readonly outcome: InvocationOutcome;
  /** The process that got it; absent until one did. */
  readonly pid?: number;
  /** When a process got it, in Unix milliseconds. */
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly error?: FunctionError;
}

export type OutcomeCounts = Readonly<Record<InvocationOutcome, number>>;

export class Ledger {
  /** In order of arrival. */
  readonly #records = new Map<Invocation, InvocationInfo>();
  readonly #counts: Record<InvocationOutcome, number> = noCounts();
  #bytes = 0;

  add(invocation: Invocation, outcome: "queued" | "running"): void {
    const { functionName, requestId, type, invokedArn, tenantId, payload } = invocation;
    const record = { functionName, requestId, type, invokedArn, payload, outcome };
    this.#records.set(invocation, tenantId === undefined ? record : { ...record, tenantId });
    this.#counts[outcome] += 1;
    this.#bytes += invocation.body.length;
    this.#forget();
  }

  running(invocation: Invocation): void {
    this.#update(invocation, { outcome: "running" });
  }

  delivered(invocation: Invocation, pid: number | undefined): void {
    const startedAtMs = Date.now();
    this.#update(invocation, pid === undefined ? { startedAtMs } : { pid, startedAtMs });
  }

  dropped(invocation: Invocation): void {
    this.#update(invocation, { outcome: "dropped", endedAtMs: Date.now() });
  }

  settled(invocation: Invocation, result: Result): void {
    const { outcome } = result;
    const endedAtMs = Date.now();
    const change = outcome === "success" ? { outcome, endedAtMs } : { outcome, endedAtMs, error: result.error };
    this.#update(invocation, change);
  }

  list(): readonly InvocationInfo[] {
    return [...this.#records.values()];
  }

  /** Since the start of the host, forgotten invocations included. */
  counts(): OutcomeCounts {
    return { ...this.#counts };
  }

  #update(invocation: Invocation, change: Partial<InvocationInfo>): void {
    const before = this.#records.get(invocation);
    if (before === undefined) return;
    const after = { ...before, ...change };
    this.#counts[before.outcome] -= 1;
    this.#counts[after.outcome] += 1;
    this.#records.set(invocation, after);
  }

  #forget(): void {
    for (const [invocation, { outcome }] of this.#records) {
      if (this.#records.size <= limits.rememberedInvocations && this.#bytes <= limits.rememberedBytes) return;
      if (outcome === "queued" || outcome === "running") continue;
      this.#records.delete(invocation);
      this.#bytes -= invocation.body.length;
    }
  }
}

function noCounts(): Record<InvocationOutcome, number> {
  return { queued: 0, running: 0, success: 0, error: 0, timeout: 0, crash: 0, "init-error": 0, dropped: 0 };
}
