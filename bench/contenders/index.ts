/** Owns the list of contenders, in the order in which they are run and shown. */

import { agents } from "./agents.ts";
import { betterSse } from "./better-sse.ts";
import type { Contender } from "./contender.ts";
import { durableStreamsFile, durableStreamsMemory } from "./durable-streams.ts";
import { floor, sseInObject } from "./floor.ts";
import { longstream } from "./longstream.ts";
import { nchan } from "./nchan.ts";
import { resumableStream } from "./resumable-stream.ts";

export const contenders: readonly Contender[] = [
  longstream,
  durableStreamsFile,
  agents,
  durableStreamsMemory,
  resumableStream,
  betterSse,
  nchan,
  floor,
  sseInObject,
];
