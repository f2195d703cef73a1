/** Owns the streams of a storm: a number of places side by side, and in each one stream after another with its readers. */

import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { openStream } from "../../client/index.ts";
import { Random } from "../support/random.ts";
import { readByRange } from "./bytes-reader.ts";
import { begin } from "./creation.ts";
import { planStream } from "./plan.ts";
import type { Answers, FaultPlan, ReaderKind, StreamPlan } from "./plan.ts";
import { readByClient, readByEventSource, readByFetch } from "./readers.ts";
import type { Reading } from "./readers.ts";
import { endOf } from "./status.ts";
import type { Refusal, StreamRun } from "./verdict.ts";
import { Witness } from "./witness.ts";
import type { Tally } from "./witness.ts";

const readBy: Readonly<Record<ReaderKind, (reading: Reading) => Promise<void>>> = {
  client: readByClient,
  "event-source": readByEventSource,
  fetch: readByFetch,
  range: readByRange,
};

export interface StreamsOptions {
  readonly gateway: URL;
  readonly answers: Answers;
  readonly tally: Tally;
  readonly ambush: (id: string, plans: readonly FaultPlan[]) => Promise<void>;
  readonly calm: AbortSignal;
  readonly stop: AbortSignal;
}

export class Streams {
  readonly runs: StreamRun[] = [];
  /** Requests for a stream that brought none. */
  readonly refusals: Refusal[] = [];
  readonly #options: StreamsOptions;
  readonly #current = new Map<number, string>();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /** The stream in that place now. */
  at(slot: number): string | null {
    return this.#current.get(slot) ?? null;
  }

  /** One stream after another until the storm is over; settles when the last one and its readers are done. */
  async keepRunning(slot: number, seed: number): Promise<void> {
    const random = new Random(seed);
    await sleep(random.next() * 3_000);
    const { calm, stop } = this.#options;
    while (!calm.aborted && !stop.aborted) {
      await this.#run(slot, planStream(random, this.#options.answers));
      this.#current.delete(slot);
    }
  }

  async #run(slot: number, plan: StreamPlan): Promise<void> {
    const { gateway, calm, stop, tally, ambush } = this.#options;
    const begun = await begin(plan, { gateway, calm, stop, refused: (refusal) => this.refusals.push(refusal) });
    if (begun === null) return;
    const { id, first, firstStream } = begun;
    this.#current.set(slot, id);
    const witnesses = plan.readers.map(({ kind }) => new Witness(id, kind, plan.content, tally));
    const run: StreamRun = { id, slot, plan, begunAtMs: Date.now(), witnesses, cancelledAtMs: null, status: null };
    this.runs.push(run);
    const route = new URL(plan.path, gateway);
    const reading = plan.readers.map(async ({ kind, joinAfterMs, seed }, index) => {
      await sleep(joinAfterMs);
      const witness = witnesses[index];
      if (witness === undefined) return;
      const own = new Random(seed);
      await readBy[kind]({ gateway, witness, random: own, calm, stop, route, first: index === 0 ? first : null, firstStream: index === 0 ? firstStream : null });
    });
    const ambushing = ambush(id, plan.ambush);
    const cancelling = plan.cancelAfterMs === null ? null : this.#cancel(run, plan.cancelAfterMs);
    run.status = await endOf(gateway, id, stop);
    await Promise.all([...reading, cancelling, ambushing]);
  }

  /** Until it is answered: then it is durable. */
  async #cancel(run: StreamRun, afterMs: number): Promise<void> {
    const { gateway, stop, calm } = this.#options;
    await sleep(afterMs, undefined, { signal: calm }).catch(() => undefined);
    run.cancelledAtMs = Date.now();
    if (run.plan.cancelBy === "client") {
      const stream = openStream(new URL(`/streams/${run.id}`, gateway), { signal: stop });
      await stream.cancel("the storm").catch((error: unknown) => run.witnesses[0]?.violate(`cancel() failed: ${String(error)}`));
      return stream.close();
    }
    while (!stop.aborted) {
      const status = await post(new URL(`/streams/${run.id}/cancel`, gateway));
      if (status === 200 || status === 202 || status === 204) return;
      await sleep(200);
    }
  }
}

async function post(url: URL): Promise<number | null> {
  return new Promise((resolve) => {
    const sent = request(url, { method: "POST", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? null);
    });
    sent.on("error", () => resolve(null));
    sent.end();
  });
}
