/** Owns what a contender must offer, so that one driver measures them all with the same load and the same checks. */

/** Where an event is once its producer has been told that it is taken. */
export type Kept = "disk" | "memory" | "nowhere";

export type Need = "nothing" | "packages" | "packages and redis";

export interface Contender {
  /** As the tables name it. */
  readonly name: string;
  readonly keeps: Kept;
  /** What bench/peers/install.mjs must have installed for it. */
  readonly needs: Need;
  /** What it cannot do at all, by the name of the work, with the reason a table can print. */
  readonly cannot: Readonly<Partial<Record<Work, string>>>;
  /** Everything of it runs in processes of its own; `dir` is an empty folder for what it stores. */
  start(dir: string): Promise<Running>;
}

export type Work = "single-event" | "full-speed" | "many-streams" | "many-readers" | "catch-up" | "client-drop" | "idle";

export interface Running {
  /** The processes whose CPU time and memory are the contender's. Asked for anew each time: workers may be forked late. */
  readonly pids: readonly number[];
  /** Opens a stream, and the means to write into it. `stream` is a name of `[a-z0-9-]`, used once. */
  produce(stream: string): Promise<Producing>;
  /**
   * Reads a stream by the contender's own client protocol, on a connection of its own; settles once it is subscribed. `take` gets
   * the data of each event, as it was written, in the turn in which it comes, unless `feed` puts that off.
   */
  read(stream: string, from: From, take: (data: string) => void, feed?: Feed): Promise<Reading>;
  close(): Promise<void>;
}

/** Decides when a piece of a body is parsed: at once, where nothing is said. Pieces must keep their order. */
export type Feed = (chunk: Buffer, parse: (chunk: Buffer) => void) => void;

/** The whole stream; or what comes behind the event a reader got last, by the position `Reading` had then. */
export type From = "start" | { readonly behind: string };

export interface Reading {
  /** The contender's own resume token of the event taken last; "" before the first. */
  readonly position: string;
  /** Rejects when the connection ends, however it does: no work ends a stream. */
  readonly lost: Promise<never>;
  /** Drops the connection, as a client that is cut off does. */
  drop(): void;
}

export interface Producing {
  /** Hands events over, each one line of text; settles when more may be handed over. */
  write(events: readonly string[]): Promise<void>;
  /** Settles when all that was written is acknowledged, as far as the contender acknowledges at all. */
  settled(): Promise<void>;
}

/** Thrown by `start` where the contender cannot be had on this machine: the table leaves it out, and says `why` in a word. */
export class Unavailable extends Error {
  readonly why: string;

  constructor(name: string, why: string) {
    super(`Cannot start ${name}: it is ${why} (node bench/peers/install.mjs --redis installs packages and Redis)`);
    this.why = why;
  }
}
