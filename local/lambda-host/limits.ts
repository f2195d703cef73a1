/** Owns every bound of the local Lambda host. */
const mebibyteBytes = 1024 * 1024;

export const limits = {
  /** AWS's limits for the Invoke API. */
  syncPayloadBytes: 6 * mebibyteBytes,
  asyncPayloadBytes: mebibyteBytes,
  /** AWS's limit for a buffered response. */
  responseBytes: 6 * mebibyteBytes,
  /** AWS allows 200 MiB for a streamed one; it is held in memory here, once per running invocation. */
  streamedResponseBytes: 20 * mebibyteBytes,
  /** AWS's limit for one that is passed on as it comes. */
  passedOnResponseBytes: 200 * mebibyteBytes,
  /** Status and headers in front of a streamed response; node:http takes no more on the other side. */
  preludeBytes: 16 * 1024,
  /** An error after the first byte comes in a trailer, with its stack. */
  trailerBytes: mebibyteBytes,
  /** How much of a refused body is read before the socket is cut: a client in the middle of sending would otherwise see
   * a reset in place of the 413. */
  drainedBytes: 32 * mebibyteBytes,
  /** AWS gives 15 minutes at most. */
  timeoutMs: 900_000,
  /** AWS gives 10 s; a loaded machine that starts many environments at once needs longer for the last of them. */
  initMs: 120_000,
  /** 100 starts at once on two cores kept the host from answering for 3 to 10 s; so, less than 1 s (measured). */
  startsPerCore: 2,
  /** A start takes 50 to 150 ms of CPU (measured): a function that takes longer than this is waiting, not working. */
  startSlotMs: 2_000,
  /** AWS keeps idle environments for minutes; here each holds about 11 MB. */
  idleMs: 60_000,
  maxConcurrency: 200,
  /** The functions are deployed with MaximumEventAgeInSeconds 60. */
  maxEventAgeMs: 60_000,
  /** Both bound the event queue of one host: many small events, or some large ones. */
  queuedEvents: 10_000,
  queuedBytes: 256 * mebibyteBytes,
  /** What invocations() remembers, running ones not counted. */
  rememberedInvocations: 10_000,
  rememberedBytes: 128 * mebibyteBytes,
  /** What faults.taken() remembers: a storm of a quarter of an hour arms some hundreds. */
  rememberedFaults: 5_000,
  /** A longer line of a child's output is cut into several, so that output without newlines is not kept for ever. */
  logLineChars: 64 * 1024,
  /** Sockets of a dead child close by themselves; this bounds the wait where a grandchild holds one. */
  socketDrainMs: 1_000,
  /** AWS's limit. */
  clockSkewMs: 5 * 60_000,
} as const;
