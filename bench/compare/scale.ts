/** Owns how much of everything a run does: the full scale, the quick one for trying, and what the command line changes. */

export interface Scale {
  readonly rounds: number;
  /** single-event: how many, one at a time. */
  readonly singleEvents: number;
  /** full-speed: how long the producer writes. */
  readonly fullSpeedMs: number;
  /** many-streams and idle. */
  readonly streams: number;
  /** many-readers. */
  readonly readers: number;
  /** many-streams and many-readers: how long latencies are taken. */
  readonly pacedMs: number;
  /** catch-up: events of the log. */
  readonly shortEvents: number;
  /** catch-up-long: the same; 0 for not at all. */
  readonly longEvents: number;
  /** client-drop. */
  readonly drops: number;
  readonly idleMs: number;
  /** gaps: dropped sockets, and as many crashes. */
  readonly faults: number;
  readonly handovers: number;
  /** cost: streams for each pace. */
  readonly costStreams: number;
}

export const fullScale: Scale = {
  rounds: 3,
  singleEvents: 150,
  fullSpeedMs: 3_000,
  streams: 1_000,
  readers: 1_000,
  pacedMs: 6_000,
  shortEvents: 10_000,
  longEvents: 1_000_000,
  drops: 40,
  idleMs: 60_000,
  faults: 20,
  handovers: 40,
  costStreams: 3,
};

export const quickScale: Scale = {
  rounds: 1,
  singleEvents: 40,
  fullSpeedMs: 1_500,
  streams: 100,
  readers: 100,
  pacedMs: 3_000,
  shortEvents: 10_000,
  longEvents: 0,
  drops: 20,
  idleMs: 5_000,
  faults: 4,
  handovers: 6,
  costStreams: 1,
};
