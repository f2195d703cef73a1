/** Owns one stream on this page from its first event to its end: what arrives, what the gateway says, what is shown. */

import { Account } from "./account.ts";
import { find, write } from "./element.ts";
import type { LocalStack } from "./faults.ts";
import { happeningsOf } from "./happenings.ts";
import { keep } from "./place.ts";
import type { Place } from "./place.ts";
import { watchStatus } from "./status.ts";
import type { Asked, Status } from "./status.ts";
import { cancel, follow } from "./stream.ts";
import type { Ending, Listener } from "./stream.ts";
import { draw, summary } from "./timeline.ts";
import { addText, hush, showCounters, showEnding, showHappenings, showState, showText, tell } from "./view.ts";

const canvas = find("canvas", SVGSVGElement);
const stillMs = 500;
const livelyMs = 100;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export interface RunOptions {
  readonly id: string;
  /** How far this tab had come before it was reloaded. */
  readonly place: Place | null;
  /** Null until it is found, and where there is none. */
  readonly local: () => LocalStack | null;
  /** Called when it has begun, and when it is over. */
  readonly changed: (state: "running" | "over") => void;
}

export class Run {
  readonly id: string;
  readonly account: Account;
  readonly #options: RunOptions;
  readonly #leaving = new AbortController();
  #ending: Ending | null;
  #status: Status | null = null;
  #constructions: number | null = null;
  #leave: (() => void) | null = null;
  #refused = false;
  #cameBack: "reload" | "reconnect" = "reload";

  constructor(options: RunOptions) {
    this.#options = options;
    this.id = options.id;
    this.account = options.place === null ? Account.of(options.id) : new Account(options.place.account);
    this.#ending = options.place?.ending ?? null;
  }

  get over(): boolean {
    return this.#ending !== null;
  }

  start(): void {
    const { state } = this.account;
    hush();
    showText(state.text);
    if (this.#ending !== null) this.#end(this.#ending);
    else {
      showState("connecting", state.events);
      this.#options.changed("running");
      this.#follow();
    }
    this.#paint();
    this.#watch();
  }

  /** Leaves the stream, which goes on without this page. */
  close(): void {
    this.#leaving.abort();
    this.#leave?.();
    this.account.closed(Date.now());
  }

  async stop(): Promise<void> {
    try {
      await cancel(this.id);
    } catch (error) {
      if (!this.over) tell(`${error instanceof Error ? error.message : String(error)}. Press Stop to try again.`);
    }
  }

  noteFault(text: string): void {
    this.account.note({ kind: "fault", atMs: Date.now(), text });
    this.#paint();
  }

  keep(): void {
    this.account.closed(Date.now());
    keep({ account: this.account.state, ending: this.#ending });
  }

  #follow(): void {
    this.#refused = false;
    this.#leave = follow(this.id, this.account.state.cursor, this.#listener);
  }

  readonly #listener: Listener = {
    opened: () => {
      this.account.opened(Date.now(), this.#cameBack);
      this.#cameBack = "reconnect";
      showState("streaming", this.account.state.events);
    },
    event: (cursor, data) => {
      const text = tokenOf(data);
      if (this.account.take(cursor, text, Date.now()) === "new") addText(text);
    },
    lost: () => {
      this.account.closed(Date.now());
      showState("reconnecting", this.account.state.events);
    },
    // The status says why, and whether there is more to read.
    refused: () => {
      this.account.closed(Date.now());
      this.#refused = true;
    },
    reset: (reason, first) => {
      const again = this.account.reset(first) === "again";
      if (again) showText("");
      tell(`The stream was reset (${reason}). ${again ? "The answer starts again." : "What follows is behind another event than the last one here."}`);
    },
    ended: (ending) => this.#end(ending),
  };

  #end(ending: Ending): void {
    this.#ending = ending;
    this.#leave?.();
    this.account.closed(Date.now());
    // Whoever sees that it is over sees all of it.
    this.#paint();
    showEnding(ending, this.account.state.events);
    this.#options.changed("over");
  }

  #watch(): void {
    const everyMs = reducedMotion.matches ? stillMs : livelyMs;
    const timer = setInterval(() => this.#paint(), everyMs);
    this.#leaving.signal.addEventListener("abort", () => clearInterval(timer));
    watchStatus(this.id, (asked) => this.#told(asked), this.#leaving.signal)
      .then(() => clearInterval(timer))
      .then(() => this.#paint())
      .catch((error: unknown) => tell(String(error)));
  }

  #told(asked: Asked): "enough" | "more" {
    if (asked.kind === "missing") {
      if (!this.over) this.#end({ outcome: "failed", reason: "There is no such stream: it was never created, or its log was removed." });
      return "enough";
    }
    const { status } = asked;
    this.#status = status;
    this.#options.local()?.constructions(this.id).then((count) => this.#constructed(count)).catch(() => undefined);
    if (this.#refused && !this.over) this.#afterRefusal(status);
    return this.over && status.outcome !== null ? "enough" : "more";
  }

  #afterRefusal({ mode, outcome, error, lastSeq }: Status): void {
    if (mode === "bytes") this.#end({ outcome: "failed", reason: "This stream is no event stream." });
    else if (outcome !== null && lastSeq <= this.account.state.lastSeq) this.#end({ outcome, reason: error });
    else this.#follow();
  }

  /** More often than before: the object was dropped from memory in between. */
  #constructed(count: number): void {
    if (this.#constructions !== null && count > this.#constructions) {
      this.account.note({ kind: "eviction", atMs: Date.now(), text: "the stream's object had been dropped from memory, and is back" });
    }
    this.#constructions = count;
  }

  #paint(): void {
    const nowMs = Date.now();
    const account = this.account.state;
    const happenings = happeningsOf(account, this.#status);
    const scene = { account, status: this.#status, happenings, nowMs };
    draw(canvas, canvas.parentElement?.clientWidth ?? 0, scene);
    write("timeline-summary", summary(scene));
    showCounters(account, this.#status);
    showHappenings(happenings, this.#status?.createdAtMs ?? nowMs);
  }
}

/** An event of the token example; anything else is shown as it is. */
function tokenOf(data: string): string {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === "object" && value !== null && "token" in value && typeof value.token === "string") return value.token;
  } catch {
    // Text, then.
  }
  return `${data}\n`;
}
