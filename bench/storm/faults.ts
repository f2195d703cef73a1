/** Owns bringing a storm's faults on at their moments, through the control port, and the record of what each one hit. */

import { setTimeout as sleep } from "node:timers/promises";
import type { FaultPlan } from "./plan.ts";

export interface Hit {
  readonly atMs: number;
  readonly fault: string;
  /** Null for one that may hit any stream. */
  readonly streamId: string | null;
  readonly did: string;
}

/** What an armed fault waits for is another stream's business; a restart is felt for a while. */
const global = new Set(["duplicate-invocation", "delay-invocation", "refuse-invocation", "restart-worker"]);

const answerLimitMs = 30_000;

export class Faults {
  readonly hits: Hit[] = [];
  /** Faults that found nothing to do. */
  misses = 0;
  readonly #control: string;
  #restart: Promise<unknown> | null = null;

  constructor(control: string) {
    this.#control = control;
  }

  /** Settles when the last one has been done; from `calm` on none is begun. */
  async bring(plans: readonly FaultPlan[], streamAt: (slot: number) => string | null, calm: AbortSignal): Promise<void> {
    const startMs = performance.now();
    await Promise.all(
      plans.map(async (plan) => {
        await sleep(Math.max(0, plan.atMs - (performance.now() - startMs)), undefined, { signal: calm }).catch(() => undefined);
        if (calm.aborted) return;
        const streamId = streamAt(plan.slot);
        if (global.has(plan.fault)) await this.#bringToAll(plan);
        else if (streamId === null) this.misses++;
        else await this.#inject(plan, streamId);
      }),
    );
  }

  /** One restart at a time: a second one would kill what is not up yet. */
  async #bringToAll(plan: FaultPlan): Promise<void> {
    if (plan.fault !== "restart-worker") return this.#inject(plan, null);
    if (this.#restart !== null) {
      this.misses++;
      return;
    }
    this.#restart = this.#inject(plan, null);
    await this.#restart;
    this.#restart = null;
  }

  async #inject({ fault, parameters }: FaultPlan, streamId: string | null): Promise<void> {
    const atMs = Date.now();
    const body = JSON.stringify({ fault, ...parameters, ...(streamId === null ? {} : { stream: streamId }) });
    const answer = await post(`${this.#control}/faults`, body);
    if (answer === null) {
      this.hits.push({ atMs, fault, streamId, did: `no answer in ${answerLimitMs} ms` });
      return;
    }
    const { status, text } = answer;
    if (status === 400) throw new Error(`Cannot storm: the control port does not take ${body}: ${text}`);
    // A 500 is a fault that met a restart: what it did by then is not known.
    if (status === 404) this.misses++;
    else this.hits.push({ atMs, fault, streamId, did: text });
  }
}

/** Null when it is not answered in time: a fault may meet a restart, and wait for what is gone. */
async function post(url: string, body: string): Promise<{ readonly status: number; readonly text: string } | null> {
  try {
    const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(answerLimitMs) });
    return { status: response.status, text: (await response.text()).trim() };
  } catch {
    return null;
  }
}

/** By the payload of an invocation. */
export function attemptOf(payload: unknown): { readonly streamId: string; readonly attempt: number } | null {
  if (typeof payload !== "object" || payload === null || !("stream" in payload && "attempt" in payload)) return null;
  return { streamId: String(payload.stream), attempt: Number(payload.attempt) };
}
