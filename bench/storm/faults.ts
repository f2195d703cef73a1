/** Owns bringing a storm's faults on at their moments, through the control port, and the record of what each one hit. */

import { setTimeout as sleep } from "node:timers/promises";
import type { TakenFault } from "../../local/lambda-host/index.ts";
import type { FaultPlan } from "./plan.ts";

export interface Hit {
  readonly atMs: number;
  /** When it was answered, or waiting for that was given up. */
  readonly doneAtMs: number;
  readonly fault: string;
  readonly parameters: FaultPlan["parameters"];
  /** Null for one that hits every stream. */
  readonly streamId: string | null;
  /** The only one that met it; null for whichever was there. */
  readonly attempt: number | null;
  /** `unknown`: it met a restart, or was not answered, and was done or not. */
  readonly effect: "done" | "unknown";
  readonly did: string;
}

/** They wait for a call, and hit when one takes them: that is in the Lambda host's own record. */
const armed = new Set(["duplicate-invocation", "delay-invocation", "refuse-invocation"]);
/** A stream that has ended may have readers still. */
const felt = new Set(["drop-consumers"]);

const answerLimitMs = 30_000;

export class Faults {
  /** Of what is done at once. */
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
        if (plan.fault === "restart-worker") await this.#restartOnce(plan);
        else if (armed.has(plan.fault)) await this.#inject(plan, null);
        else if (streamId === null) this.misses++;
        else await this.#inject(plan, streamId);
      }),
    );
  }

  /** One restart at a time: a second one would kill what is not up yet. */
  async #restartOnce(plan: FaultPlan): Promise<void> {
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
    const { status, text } = (await post(`${this.#control}/faults`, body)) ?? { status: 500, text: "no answer in time" };
    if (status === 400) throw new Error(`Cannot storm: the control port does not take ${body}: ${text}`);
    if (status === 404) this.misses++;
    else if (!armed.has(fault)) {
      this.hits.push({ atMs, doneAtMs: Date.now(), fault, parameters, streamId, attempt: null, effect: status === 200 ? "done" : "unknown", did: text });
    }
  }
}

/** Parts those that hit a stream when it had ended already, by the times of the ends. */
export function partLate(hits: readonly Hit[], endedAtMs: ReadonlyMap<string, number>): { readonly hits: readonly Hit[]; readonly late: readonly Hit[] } {
  const isLate = ({ fault, streamId, atMs }: Hit): boolean => streamId !== null && !felt.has(fault) && atMs > (endedAtMs.get(streamId) ?? Number.POSITIVE_INFINITY);
  return { hits: hits.filter((hit) => !isLate(hit)), late: hits.filter(isLate) };
}

/** What was armed, and which attempt of which stream has met it; one that no stream made is left out. */
export function hitsOf(taken: readonly TakenFault[]): readonly Hit[] {
  return taken.flatMap(({ kind, payload, atMs }): readonly Hit[] => {
    const of = attemptOf(payload);
    if (of === null) return [];
    const { streamId, attempt } = of;
    return [{ atMs, doneAtMs: atMs, fault: `${kind}-invocation`, parameters: {}, streamId, attempt, effect: "done", did: `taken by attempt ${attempt}` }];
  });
}

/** By the payload of an invocation. */
export function attemptOf(payload: unknown): { readonly streamId: string; readonly attempt: number } | null {
  if (typeof payload !== "object" || payload === null || !("stream" in payload && "attempt" in payload)) return null;
  return { streamId: String(payload.stream), attempt: Number(payload.attempt) };
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
