/** Owns the list of trials, in the order in which they are run and shown. */

import type { Trial } from "./trial.ts";
import { catchUp, catchUpLong } from "./works/catch-up.ts";
import { clientDrop } from "./works/client-drop.ts";
import { cost } from "./works/cost.ts";
import { fullSpeed } from "./works/full-speed.ts";
import { gaps } from "./works/gaps.ts";
import { idle } from "./works/idle.ts";
import { manyReaders } from "./works/many-readers.ts";
import { manyStreams } from "./works/many-streams.ts";
import { singleEvent } from "./works/single-event.ts";

export const trials: readonly Trial[] = [singleEvent, fullSpeed, manyStreams, manyReaders, catchUp, catchUpLong, clientDrop, gaps, cost, idle];
