/** Owns which environment gets which invocation: reuse, the concurrency limit and the event queue. */
import type { FunctionConfig } from "./child.ts";
import { Environment } from "./environment.ts";
import type { EnvironmentHooks } from "./environment.ts";
import type { Settlement } from "./environment-state.ts";
import type { Invocation, Result } from "./invocation.ts";
import type { Ledger } from "./ledger.ts";
import { limits } from "./limits.ts";
import { StartGate } from "./start-gate.ts";

export interface DispatcherOptions {
  readonly functions: readonly FunctionConfig[];
  readonly maxConcurrency: number;
  readonly maxEventAgeMs: number;
  readonly idleTimeoutMs: number;
  readonly onChildPid: EnvironmentHooks["childPid"];
  readonly log: (line: string) => void;
}

interface FunctionPool {
  readonly config: FunctionConfig;
  readonly environments: Set<Environment>;
  readonly queue: QueuedEvent[];
}

interface QueuedEvent {
  readonly invocation: Invocation;
  readonly expiry: NodeJS.Timeout;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #ledger: Ledger;
  readonly #pools: ReadonlyMap<string, FunctionPool>;
  readonly #callers = new Map<Invocation, (result: Result) => void>();
  /** Events that a fault holds back, with the timer that lets them go. */
  readonly #heldBack = new Map<Invocation, NodeJS.Timeout>();
  readonly #gate = new StartGate();
  #waitingBytes = 0;
  #status: "open" | "closed" = "open";

  constructor(options: DispatcherOptions, ledger: Ledger) {
    this.#options = options;
    this.#ledger = ledger;
    this.#pools = new Map(
      options.functions.map((config) => [config.name, { config, environments: new Set<Environment>(), queue: [] }]),
    );
  }

  /** Runs a synchronous invocation, if the function has room for one more. */
  invoke(invocation: Invocation): Promise<Result> | "throttled" | "closed" {
    const pool = this.#poolOf(invocation);
    if (this.#status === "closed") return "closed";
    if (!this.#hasRoom(pool)) return "throttled";
    this.#ledger.add(invocation, "running");
    return new Promise((resolve) => {
      this.#callers.set(invocation, resolve);
      this.#run(pool, invocation);
    });
  }

  /** Takes an event, to be started as soon as there is room, `delayMs` from now at the earliest. */
  enqueue(invocation: Invocation, delayMs: number): "accepted" | "full" | "closed" {
    if (this.#status === "closed") return "closed";
    const bytes = invocation.body.length;
    if (this.#ledger.counts().queued >= limits.queuedEvents || this.#waitingBytes + bytes > limits.queuedBytes) return "full";
    this.#ledger.add(invocation, "queued");
    this.#waitingBytes += bytes;
    if (delayMs === 0) this.#queue(invocation);
    else this.#heldBack.set(invocation, setTimeout(() => this.#letGo(invocation), delayMs).unref());
    return "accepted";
  }

  environments(): readonly Environment[] {
    return [...this.#pools.values()].flatMap((pool) => [...pool.environments]);
  }

  /** Ends every environment and drops every event; resolves when all children are reaped. */
  async close(): Promise<void> {
    this.#status = "closed";
    for (const [invocation, timer] of this.#heldBack) {
      clearTimeout(timer);
      this.#ledger.dropped(invocation);
    }
    this.#heldBack.clear();
    for (const pool of this.#pools.values()) {
      for (const { invocation } of pool.queue.slice()) this.#drop(pool, invocation);
    }
    const environments = this.environments();
    for (const environment of environments) environment.apply({ type: "kill" });
    await Promise.all(environments.map((environment) => environment.ended));
  }

  #letGo(invocation: Invocation): void {
    this.#heldBack.delete(invocation);
    this.#queue(invocation);
  }

  #queue(invocation: Invocation): void {
    const pool = this.#poolOf(invocation);
    const expiry = setTimeout(() => this.#drop(pool, invocation), this.#options.maxEventAgeMs).unref();
    pool.queue.push({ invocation, expiry });
    this.#pump(pool);
  }

  #drop(pool: FunctionPool, invocation: Invocation): void {
    const index = pool.queue.findIndex((queued) => queued.invocation === invocation);
    if (index === -1) return;
    for (const { expiry } of pool.queue.splice(index, 1)) clearTimeout(expiry);
    this.#waitingBytes -= invocation.body.length;
    this.#ledger.dropped(invocation);
    this.#options.log(`[${pool.config.name}] event ${invocation.requestId} dropped`);
  }

  #pump(pool: FunctionPool): void {
    while (this.#status === "open" && this.#hasRoom(pool)) {
      const queued = pool.queue.shift();
      if (queued === undefined) return;
      clearTimeout(queued.expiry);
      this.#waitingBytes -= queued.invocation.body.length;
      this.#ledger.running(queued.invocation);
      this.#run(pool, queued.invocation);
    }
  }

  /** Every environment that is not frozen stands for an invocation that is not settled. */
  #hasRoom(pool: FunctionPool): boolean {
    const taken = [...pool.environments].filter((environment) => environment.phase !== "frozen").length;
    return taken < this.#options.maxConcurrency;
  }

  #run(pool: FunctionPool, invocation: Invocation): void {
    const warm = [...pool.environments].find(({ phase, tenantId }) => phase === "frozen" && tenantId === invocation.tenantId);
    if (warm !== undefined) warm.apply({ type: "deliver", invocation });
    else pool.environments.add(this.#start(pool, invocation));
  }

  #start(pool: FunctionPool, invocation: Invocation): Environment {
    return new Environment(pool.config, this.#options.idleTimeoutMs, this.#gate, invocation, this.#hooks(pool));
  }

  #hooks(pool: FunctionPool): EnvironmentHooks {
    return {
      delivered: (invocation, pid) => this.#ledger.delivered(invocation, pid),
      settled: (settlement) => this.#settle(pool, settlement),
      ended: (environment) => {
        pool.environments.delete(environment);
        this.#pump(pool);
      },
      childPid: this.#options.onChildPid,
      log: (line) => this.#options.log(`[${pool.config.name}] ${line}`),
    };
  }

  #settle(pool: FunctionPool, { invocation, result }: Settlement): void {
    this.#ledger.settled(invocation, result);
    if (result.outcome !== "success") {
      this.#options.log(`[${pool.config.name}] ${result.outcome}: ${result.error.errorType} ${result.error.errorMessage}`);
    }
    this.#callers.get(invocation)?.(result);
    this.#callers.delete(invocation);
    this.#pump(pool);
  }

  #poolOf(invocation: Invocation): FunctionPool {
    const pool = this.#pools.get(invocation.functionName);
    if (pool === undefined) throw new Error(`Cannot find a function: no ${invocation.functionName}`);
    return pool;
  }
}

