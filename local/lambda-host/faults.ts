/** Owns the faults that can be injected: what is armed, and what is done to running environments. */
import type { RefusalStatus } from "./aws-error.ts";
import type { Environment, EnvironmentInfo } from "./environment.ts";
import type { Invocation } from "./invocation.ts";
import { limits } from "./limits.ts";

/** Chooses among the environments that have an invocation. */
export type EnvironmentMatch = (environment: EnvironmentInfo) => boolean;

/** A fault that waits for the calls it is meant for; `functionName` undefined means any function. */
export type ArmedFault = { readonly functionName: string | undefined; readonly times: number } & (
  | { readonly kind: "duplicate" }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "refuse"; readonly status: RefusalStatus }
);

/** The call that used up an armed fault. A refused one is in no other record: it was never an invocation. */
export interface TakenFault extends FaultedCall {
  readonly kind: ArmedFault["kind"];
  /** In Unix milliseconds. */
  readonly atMs: number;
}

export type FaultedCall = Pick<Invocation, "functionName" | "requestId" | "payload">;

export interface FaultTarget {
  readonly functionName?: string;
  /** How many calls it hits; 1 if not given. */
  readonly times?: number;
}

export interface FaultControls {
  /** Sends SIGKILL; answers the environments hit, as they were before. */
  kill(match: EnvironmentMatch): readonly EnvironmentInfo[];
  /** Stops environments in the middle of an invocation. Their time limit runs on. */
  freeze(match: EnvironmentMatch): readonly EnvironmentInfo[];
  /** Lets environments go on that freeze() has stopped. */
  thaw(match: EnvironmentMatch): readonly EnvironmentInfo[];
  /** Delivers the next events twice (a Function URL delivers once): same request id and payload, two environments at once. */
  duplicateNext(target?: FaultTarget): ArmedFault;
  /** Delivers the next events late, long after their 202 has gone out; a Function URL's caller waits as long. */
  delayNext(target: FaultTarget & { readonly delayMs: number }): ArmedFault;
  /** Refuses the next calls whose signature is right, through the Invoke API or a Function URL. */
  refuseNext(target: FaultTarget & { readonly status: RefusalStatus }): ArmedFault;
  /** What has not been used up, in the order of arming. */
  armed(): readonly ArmedFault[];
  /** What was used up, and by which call, in that order; within a bound. */
  taken(): readonly TakenFault[];
  /** Disarms everything; answers what was armed. */
  disarm(): readonly ArmedFault[];
}

/** How an event is to be delivered. */
export interface Delivery {
  readonly copies: number;
  readonly delayMs: number;
}

export class Faults implements FaultControls {
  readonly #environments: () => readonly Environment[];
  #armed: readonly ArmedFault[] = [];
  #taken: readonly TakenFault[] = [];

  constructor(environments: () => readonly Environment[]) {
    this.#environments = environments;
  }

  kill(match: EnvironmentMatch): readonly EnvironmentInfo[] {
    return this.#apply("kill", ["starting", "busy", "suspended"], match);
  }

  freeze(match: EnvironmentMatch): readonly EnvironmentInfo[] {
    return this.#apply("suspend", ["busy"], match);
  }

  thaw(match: EnvironmentMatch): readonly EnvironmentInfo[] {
    return this.#apply("resume", ["suspended"], match);
  }

  duplicateNext(target: FaultTarget = {}): ArmedFault {
    return this.#arm({ kind: "duplicate", ...scope(target) });
  }

  delayNext(target: FaultTarget & { readonly delayMs: number }): ArmedFault {
    return this.#arm({ kind: "delay", delayMs: target.delayMs, ...scope(target) });
  }

  refuseNext(target: FaultTarget & { readonly status: RefusalStatus }): ArmedFault {
    return this.#arm({ kind: "refuse", status: target.status, ...scope(target) });
  }

  armed(): readonly ArmedFault[] {
    return this.#armed;
  }

  taken(): readonly TakenFault[] {
    return this.#taken;
  }

  disarm(): readonly ArmedFault[] {
    const armed = this.#armed;
    this.#armed = [];
    return armed;
  }

  /** Uses up one refusal for this call, if one is armed. */
  takeRefusal(call: FaultedCall): RefusalStatus | undefined {
    const fault = this.#take("refuse", call);
    return fault?.kind === "refuse" ? fault.status : undefined;
  }

  /** Uses up the faults that are armed for this event. */
  takeDelivery(call: FaultedCall): Delivery {
    const duplicate = this.#take("duplicate", call);
    return { copies: duplicate === undefined ? 1 : 2, delayMs: this.takeDelay(call) };
  }

  /** Uses up one delay, if one is armed; 0 otherwise. */
  takeDelay(call: FaultedCall): number {
    const fault = this.#take("delay", call);
    return fault?.kind === "delay" ? fault.delayMs : 0;
  }

  #apply(
    type: "kill" | "suspend" | "resume",
    states: readonly EnvironmentInfo["state"][],
    match: EnvironmentMatch,
  ): readonly EnvironmentInfo[] {
    return this.#environments().flatMap((environment) => {
      const info = environment.info();
      if (info === undefined || !states.includes(info.state) || !match(info)) return [];
      environment.apply({ type });
      return [info];
    });
  }

  #arm(fault: ArmedFault): ArmedFault {
    this.#armed = [...this.#armed, fault];
    return fault;
  }

  #take(kind: ArmedFault["kind"], { functionName, requestId, payload }: FaultedCall): ArmedFault | undefined {
    const hit = this.#armed.find(
      (fault) => fault.kind === kind && (fault.functionName === undefined || fault.functionName === functionName),
    );
    if (hit === undefined) return undefined;
    const left = { ...hit, times: hit.times - 1 };
    this.#armed = this.#armed.flatMap((fault) => {
      if (fault !== hit) return [fault];
      return left.times > 0 ? [left] : [];
    });
    this.#taken = [...this.#taken, { kind, functionName, requestId, payload, atMs: Date.now() }].slice(-limits.rememberedFaults);
    return hit;
  }
}

function scope(target: FaultTarget): Pick<ArmedFault, "functionName" | "times"> {
  return { functionName: target.functionName, times: target.times ?? 1 };
}
