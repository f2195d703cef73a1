/** Owns one execution environment: carries out the effects of its state on a child process and its Runtime API. */
import type { ChildProcess } from "node:child_process";
import { spawnRuntime } from "./child.ts";
import type { FunctionConfig } from "./child.ts";
import { step } from "./environment-state.ts";
import type { Effect, EnvironmentEvent, Phase, Settlement } from "./environment-state.ts";
import type { Exit, Invocation, Result } from "./invocation.ts";
import { limits } from "./limits.ts";
import { startRuntimeApi } from "./runtime-api.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import type { Leave, StartGate } from "./start-gate.ts";

/**
 * starting: loading the function. busy: in an invocation. suspended: in an invocation, stopped by a fault.
 * frozen: idle, stopped until the next invocation. ending: killed, not yet reaped.
 */
export type EnvironmentState = "starting" | "busy" | "suspended" | "frozen" | "ending";

export interface EnvironmentInfo {
  readonly pid: number;
  readonly functionName: string;
  readonly state: EnvironmentState;
  /** The current invocation; absent when frozen. */
  readonly requestId?: string;
  readonly payload?: unknown;
}

export interface EnvironmentHooks {
  delivered(invocation: Invocation, pid: number | undefined): void;
  settled(settlement: Settlement): void;
  ended(environment: Environment): void;
  childPid(pid: number, state: "started" | "ended"): void;
  log(line: string): void;
}

export class Environment {
  readonly config: FunctionConfig;
  readonly tenantId: string | undefined;
  /** Resolves when the child is reaped and the port is free. */
  readonly ended: Promise<void>;
  readonly #hooks: EnvironmentHooks;
  readonly #idleMs: number;
  readonly #reportEnd: () => void;
  #phase: Phase;
  #child: ChildProcess | undefined;
  #api: RuntimeApi | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leaveGate: Leave | undefined;

  constructor(config: FunctionConfig, idleMs: number, gate: StartGate, invocation: Invocation, hooks: EnvironmentHooks) {
    this.config = config;
    this.tenantId = invocation.tenantId;
    this.#hooks = hooks;
    this.#idleMs = idleMs;
    this.#phase = { name: "starting", invocation };
    const end = Promise.withResolvers<undefined>();
    this.ended = end.promise;
    this.#reportEnd = () => end.resolve(undefined);
    this.#launch(gate).catch((error: unknown) => {
      hooks.log(`Cannot start the child: ${String(error)}`);
      if (this.#child === undefined) this.#childGone({ code: null, signal: String(error) });
      else this.#child.kill("SIGKILL");
    });
  }

  get phase(): Phase["name"] {
    return this.#phase.name;
  }

  /** Undefined until there is a process to speak of, and once it is reaped. */
  info(): EnvironmentInfo | undefined {
    const phase = this.#phase;
    const pid = this.#child?.pid;
    if (pid === undefined || phase.name === "ended") return undefined;
    const functionName = this.config.name;
    const invocation = currentInvocation(phase);
    return invocation === undefined
      ? { pid, functionName, state: phase.name }
      : { pid, functionName, state: phase.name, requestId: invocation.requestId, payload: invocation.payload };
  }

  apply(event: EnvironmentEvent): void {
    const timeoutMs = this.config.timeoutMs + this.config.graceMs;
    const { phase, effects } = step(this.#phase, event, { timeoutMs, idleMs: this.#idleMs });
    this.#phase = phase;
    for (const effect of effects) this.#perform(effect);
  }

  async #launch(gate: StartGate): Promise<void> {
    this.#leaveGate = await gate.enter();
    const api = await startRuntimeApi({
      next: () => this.#onNext(),
      sink: (requestId) => {
        const invocation = currentInvocation(this.#phase);
        return invocation?.requestId === requestId ? invocation.sink : undefined;
      },
      result: (requestId, result) => this.#onResult(requestId, result),
      initError: (result) => this.apply({ type: "init-error", result }),
    });
    this.#api = api;
    // The host may have been closed while this waited.
    if (this.#phase.name !== "starting") return this.#childGone({ code: null, signal: "SIGKILL" });
    const child = spawnRuntime(this.config, api.port, (line) => this.#hooks.log(line));
    this.#child = child;
    this.#setTimer(limits.initMs);
    const { pid } = child;
    child.once("exit", (code, signal) => this.#childGone({ code, signal }));
    child.on("error", (error) => {
      this.#hooks.log(`Cannot start or signal the child: ${error.message} (is ${this.config.taskRoot} there?)`);
      if (pid === undefined) this.#childGone({ code: null, signal: error.message });
    });
    if (pid !== undefined) this.#hooks.childPid(pid, "started");
  }

  #onNext(): void {
    this.#leaveGate?.();
    this.apply({ type: "next" });
  }

  #onResult(requestId: string, result: Result): "accepted" | "unknown" {
    if (currentInvocation(this.#phase)?.requestId !== requestId) return "unknown";
    this.apply({ type: "result", result });
    return "accepted";
  }

  /** A child can exit right after it has posted its result: what it sent is read before the exit is believed. */
  #childGone(exit: Exit): void {
    this.#leaveGate?.();
    const pid = this.#child?.pid;
    if (pid !== undefined) this.#hooks.childPid(pid, "ended");
    const closed = this.#api?.close() ?? Promise.resolve();
    closed.then(
      () => this.apply({ type: "exit", exit }),
      () => this.apply({ type: "exit", exit }),
    );
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "answer-next":
        this.#api?.answerNext(effect.invocation, Date.now() + this.config.timeoutMs);
        this.#hooks.delivered(effect.invocation, this.#child?.pid);
        return;
      case "signal":
        // Through the handle, not the number: after the exit this does nothing, whoever has the number by then.
        this.#child?.kill(effect.signal);
        return;
      case "timer":
        this.#setTimer(effect.delayMs);
        return;
      case "settle":
        this.#hooks.settled(effect.settlement);
        return;
      case "ended":
        clearTimeout(this.#timer);
        this.#hooks.ended(this);
        this.#reportEnd();
    }
  }

  #setTimer(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.apply({ type: "limit" }), delayMs).unref();
  }
}

function currentInvocation(phase: Phase): Invocation | undefined {
  switch (phase.name) {
    case "starting":
    case "busy":
    case "suspended":
      return phase.invocation;
    case "ending":
      return phase.last?.invocation;
    case "frozen":
    case "ended":
      return undefined;
  }
}
