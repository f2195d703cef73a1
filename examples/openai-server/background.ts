/** Owns the background responses of the model on this machine: made whether they are read or not, and read from any event. */

import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { refuse, rest } from "./speech.ts";
import type { Ask, Speech } from "./speech.ts";

interface Run {
  readonly ask: Ask;
  /** By `sequence_number`. */
  readonly events: string[];
  status: "in_progress" | "completed" | "cancelled";
  /** Readers that have all there is. */
  readonly waiting: Set<() => void>;
}

const path = /^\/v1\/responses\/([^/?]+)(\/cancel)?(?:\?(.*))?$/;

export class BackgroundResponses {
  readonly #speechOf: (prompt: string) => Speech;
  readonly #runs = new Map<string, Run>();
  #count = 0;

  constructor(speechOf: (prompt: string) => Speech) {
    this.#speechOf = speechOf;
  }

  /** What a stored response was asked for; undefined where there is none. */
  askOf(url: string): Ask | undefined {
    return this.#runs.get(path.exec(url)?.[1] ?? "")?.ask;
  }

  async create(response: ServerResponse, ask: Ask): Promise<void> {
    const speech = this.#speechOf(ask.prompt);
    const tokens = rest(speech, ask.soFar);
    const id = `resp_${++this.#count}`;
    const run: Run = { ask, events: [], status: "in_progress", waiting: new Set() };
    this.#runs.set(id, run);
    await Promise.all([make(run, id, speech, tokens), read(response, run, 0)]);
  }

  async serve(response: ServerResponse, url: string): Promise<void> {
    const [, id = "", cancel, query] = path.exec(url) ?? [];
    const run = this.#runs.get(id);
    if (run === undefined) return refuse(response, 404, "no such response");
    if (cancel !== undefined) {
      end(run, "cancelled");
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ id, status: run.status }));
      return;
    }
    const parameters = new URLSearchParams(query);
    if (parameters.get("stream") !== "true") return refuse(response, 400, "only streams are served");
    await read(response, run, Number(parameters.get("starting_after") ?? -1) + 1);
  }

  /** Stops those that are being made, too. */
  forget(): void {
    for (const run of this.#runs.values()) end(run, "cancelled");
    this.#runs.clear();
  }
}

async function make(run: Run, id: string, { tokensPerSecond, thinkMs = 0 }: Speech, tokens: readonly string[]): Promise<void> {
  say(run, "response.created", { response: { id, status: "queued" } });
  say(run, "response.in_progress", { response: { id, status: "in_progress" } });
  await sleep(thinkMs);
  say(run, "response.output_item.added", { output_index: 0, item: { id: "msg_1", type: "message" } });
  for (const delta of tokens) {
    await sleep(1_000 / tokensPerSecond);
    if (run.status === "cancelled") return;
    run.ask.account.paid += 1;
    say(run, "response.output_text.delta", { item_id: "msg_1", output_index: 0, content_index: 0, delta });
  }
  say(run, "response.completed", { response: { id, status: "completed" } });
  end(run, "completed");
}

function say(run: Run, type: string, fields: object): void {
  const data = JSON.stringify({ type, ...fields, sequence_number: run.events.length });
  run.events.push(`event: ${type}\ndata: ${data}\n\n`);
  wake(run);
}

function end(run: Run, status: "completed" | "cancelled"): void {
  if (run.status === "in_progress") run.status = status;
  wake(run);
}

function wake({ waiting }: Run): void {
  const all = [...waiting];
  waiting.clear();
  for (const go of all) go();
}

async function read(response: ServerResponse, run: Run, from: number): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  response.once("close", () => wake(run));
  for (let next = from; !response.destroyed; next++) {
    while (next >= run.events.length && run.status === "in_progress" && !response.destroyed) await more(run);
    const event = run.events[next];
    if (event === undefined) break;
    response.write(event);
  }
  response.end();
}

/** Settles when there may be more to read, or nobody to read it. */
async function more({ waiting }: Run): Promise<void> {
  await new Promise<void>((resolve) => waiting.add(resolve));
}
