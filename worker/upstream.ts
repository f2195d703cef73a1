/** Owns the object as the producer of its own stream: one fetch an attempt, read as fast as it is committed. */

import type { ReceivedFrame } from "../protocol/data-frame.ts";
import { LongstreamError, describe } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { ResponseHead } from "../protocol/producer-messages.ts";
import type { StreamDescription } from "./store.ts";
import { roleOf } from "./stream-state.ts";
import type { HeardAt, Producer, StreamEvent, StreamState } from "./stream-state.ts";
import { Framer, bytePieces, eventPieces } from "./upstream-body.ts";
import type { LogPoint } from "./upstream-body.ts";
import { UpstreamFetch } from "./upstream-fetch.ts";
import { upstreamHead } from "./upstream-head.ts";
import { upstreamRequest } from "./upstream-request.ts";
import type { UpstreamAccess } from "./upstream-request.ts";
import { judge, readLength, resumptionOf } from "./upstream-resume.ts";
import type { Resumption, Stored } from "./upstream-resume.ts";
import { upstreamName } from "./upstream-target.ts";
import type { UpstreamTarget } from "./upstream-target.ts";
import { OutgoingBody } from "./upstream-upload.ts";
import type { BodySource } from "./upstream-upload.ts";

/** What the object around it lends. */
export interface UpstreamHost {
  readonly access: () => UpstreamAccess;
  /** Settles when everything written is durable. */
  readonly sync: () => Promise<void>;
  /** Keeps the object alive for the work. */
  readonly keep: (work: Promise<void>) => void;
  /** What memory holds may be half of a turn: start again from what is stored. */
  readonly restart: (error: unknown) => void;
}

/** What the stream lets its own producer do; as over a socket, but for the frames. */
export interface UpstreamPort {
  readonly state: () => StreamState;
  readonly head: () => ResponseHead | null;
  /** Commits what was received, and says where the log stands then. */
  readonly settle: () => LogPoint & Pick<Stored, "place" | "firstPlace" | "mode">;
  readonly body: BodySource;
  readonly dispatch: (event: StreamEvent) => void;
  /** @throws LongstreamError */
  readonly keepHead: (head: ResponseHead) => void;
  /** @throws LongstreamError */
  readonly receive: (frame: ReceivedFrame) => void;
}

type Loss = Extract<StreamEvent, { type: "end" | "lost" | "break" }>;

export class Upstream {
  readonly #target: UpstreamTarget;
  readonly #description: StreamDescription;
  readonly #host: UpstreamHost;
  readonly #port: UpstreamPort;
  readonly #name: string;
  #current: UpstreamFetch | null = null;
  #body: OutgoingBody | null = null;

  constructor(target: UpstreamTarget, description: StreamDescription, host: UpstreamHost, port: UpstreamPort) {
    this.#target = target;
    this.#description = description;
    this.#host = host;
    this.#port = port;
    this.#name = upstreamName(target);
  }

  /** The attempt's request leaves once the attempt is durable. */
  start(attempt: number): void {
    this.#current?.stop();
    this.#body?.giveUp();
    const current = new UpstreamFetch({ attempt, run: "own" }, this.#description.settings.upstreamIdleMs);
    this.#current = current;
    this.#host.keep(this.#run(current));
  }

  /** After each step: a fetch for which the state has no place is stopped, once that is durable. */
  follow(state: StreamState): void {
    const current = this.#current;
    if (current === null || hasPlace(state, current.producer)) return;
    this.#current = null;
    current.abandon();
    this.#body?.giveUp();
    this.#host.keep(this.#host.sync().finally(() => current.stop()));
  }

  /** More of the request body is there, or its end. */
  feed(): void {
    this.#body?.feed();
  }

  /** A fetch bounds its silence itself; what the lease finds is one that is gone. */
  heardAt(): HeardAt {
    return this.#current === null ? new Map() : new Map([[this.#current.producer.attempt, Date.now()]]);
  }

  /** First turn after the object woke: whatever was being fetched is gone with its memory. */
  wake(): StreamEvent | null {
    const state = this.#port.state();
    if (state.phase === "live") return this.#lossOf(state.active, "the object restarted, and its connection is gone");
    if (state.phase !== "pending") return null;
    const reason = `Cannot read ${this.#name}: the object restarted before it had answered`;
    return { type: "invoke-failed", attempt: state.attempt, reason, retry: true };
  }

  async #run(current: UpstreamFetch): Promise<void> {
    const body = new OutgoingBody(this.#port.body, current);
    this.#body = body;
    try {
      await this.#host.sync();
      if (current.over) return;
      await this.#produce(current, body);
    } catch (error) {
      if (!(error instanceof LongstreamError)) return this.#host.restart(error);
      this.#fail(current, error);
    } finally {
      current.stop();
      body.giveUp();
    }
  }

  async #produce(current: UpstreamFetch, body: OutgoingBody): Promise<void> {
    const { attempt } = current.producer;
    const resumption = this.#asked();
    if (resumption.from === "nowhere") throw new LongstreamError("upstream-dropped", `Cannot go on with ${this.#name}: ${resumption.why}`);
    const { route, request } = this.#description;
    const ask = { target: this.#target, route, request, resumption, body };
    const made = await upstreamRequest(ask, this.#host.access());
    if (current.over) return;
    const answer = await current.ask(made);
    if (current.over) return;
    const refuse = (reason: string): void => this.#port.dispatch({ type: "invoke-failed", attempt, reason, retry: true });
    if (answer.kind === "lost") return refuse(`Cannot read ${this.#name}: it did not answer (${answer.reason}); check the route's upstream`);
    const { response } = answer;
    const head = upstreamHead(response);
    const verdict = judge(head, resumption, this.#port.head(), this.#description.kind === "events" ? "events" : "statuses");
    if (verdict.kind === "later") return refuse(`Cannot read ${this.#name}: it answered ${head.status}${await current.detail(response)}`);
    this.#port.dispatch({ type: "dial", producer: current.producer });
    if (current.over) return;
    if (verdict.kind === "complete") return this.#end(current);
    if (verdict.kind === "other") {
      throw new LongstreamError("replay-diverged", `Cannot go on with the answer of ${this.#name}: asked for what follows, ${verdict.why}`);
    }
    if (verdict.kind === "begins") this.#port.keepHead(head);
    await this.#copy(current, response, head, resumption);
  }

  /** No chunk is asked for before the one before is in the log, and none past a window before that is durable. */
  async #copy(current: UpstreamFetch, response: Response, head: ResponseHead, resumption: Resumption): Promise<void> {
    const toPieces = head.mode === "events" ? eventPieces(this.#target.resume, resumption) : bytePieces;
    const framer = new Framer(head.mode, this.#port.settle());
    const declared = head.mode === "events" || this.#description.request.method === "HEAD" ? null : readLength(head);
    let byteLength = 0;
    let syncedAt = 0;
    for await (const chunk of current.chunks(response)) {
      if (current.over) return;
      if (chunk.kind === "lost") return this.#port.dispatch(this.#lossOf(current.producer, chunk.reason));
      const { pieces, failure } = toPieces(chunk.bytes);
      for (const frame of framer.frames(pieces)) this.#port.receive(frame);
      if (failure !== null) throw failure;
      byteLength += chunk.bytes.length;
      if (byteLength - syncedAt < limits.windowBytes) continue;
      await this.#host.sync();
      syncedAt = byteLength;
    }
    if (current.over) return;
    if (declared === null || byteLength === declared || response.body === null) return this.#end(current);
    this.#port.dispatch(this.#lossOf(current.producer, `${byteLength} bytes came of ${declared}`));
  }

  #end({ producer }: UpstreamFetch): void {
    this.#port.dispatch({ type: "end", producer, outcome: "completed", error: null });
  }

  /** What cannot be made of it, or asked of it, ends the stream: its own doing, even before it has answered. */
  #fail({ producer, over }: UpstreamFetch, { code, message }: LongstreamError): void {
    if (over) return;
    if (roleOf(this.#port.state(), producer) !== "active") this.#port.dispatch({ type: "dial", producer });
    this.#port.dispatch({ type: "break", producer, error: { code, message } });
  }

  /** The end it would have had, where all of it is stored; another attempt where the route says how it goes on; else a failure, and the way out. */
  #lossOf(producer: Producer, what: string): Loss {
    const { seq, mode } = this.#port.settle();
    const head = this.#port.head();
    if (mode === "bytes" && head !== null && readLength(head) === seq) return { type: "end", producer, outcome: "completed", error: null };
    const resumption = this.#resumption();
    if (resumption.from !== "nowhere") return { type: "lost", producer, reason: `${this.#name} broke its answer off (${what})` };
    const at = `${mode === "events" ? "event" : "byte"} ${seq}`;
    const message = `Cannot go on behind ${at}: ${this.#name} broke its answer off (${what}); ${resumption.why}`;
    return { type: "break", producer, error: { code: "upstream-dropped", message: describe(message) } };
  }

  /** Nothing of an answer is stored: the request is made as it was. */
  #asked(): Resumption {
    return this.#port.settle().seq === 0 ? { from: "start" } : this.#resumption();
  }

  #resumption(): Resumption {
    return resumptionOf(this.#target.resume, this.#description.request.method, { ...this.#port.settle(), head: this.#port.head() });
  }
}

function hasPlace(state: StreamState, producer: Producer): boolean {
  return (state.phase === "pending" && state.attempt === producer.attempt) || roleOf(state, producer) !== "fenced";
}
