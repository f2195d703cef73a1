/** Owns how many environments start at a time: a start is all CPU, and a burst of them would starve the host itself. */
import { availableParallelism } from "node:os";
import { limits } from "./limits.ts";

/** Lets the next one in; called again, it does nothing. */
export type Leave = () => void;

export class StartGate {
  readonly #waiting: (() => void)[] = [];
  #free = limits.startsPerCore * availableParallelism();

  /** Resolves, in the order of calling, when there is room. */
  async enter(): Promise<Leave> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    // A function that hangs at load must not keep the others out.
    const timer = setTimeout(() => leave(), limits.startSlotMs).unref();
    const leave = once(() => {
      clearTimeout(timer);
      this.#pass();
    });
    return leave;
  }

  /** Hands the place on, or puts it back. */
  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

function once(action: () => void): () => void {
  let pending: (() => void) | undefined = action;
  return () => {
    const act = pending;
    pending = undefined;
    act?.();
  };
}
