/** Owns a server of better-sse: a channel for each stream, and its history in an array. */

import { createChannel, createEventBuffer, createSession } from "better-sse";
import type { Channel, EventBuffer, Session } from "better-sse";
import { serve } from "./intake.ts";
import type { Intake } from "./intake.ts";

interface Stream {
  readonly channel: Channel;
  readonly history: string[];
}

const streams = new Map<string, Stream>();
/** Events of the history that are formatted at a time; the first ones leave before the last are looked at. */
const replayEvents = 1_000;

serve({
  open: async (name) => {
    const stream: Stream = { channel: createChannel(), history: [] };
    streams.set(name, stream);
    return toIntake(stream);
  },
  read: async (name, request, response) => {
    const stream = streams.get(name);
    if (stream === undefined) {
      response.writeHead(404).end();
      return;
    }
    await follow(stream, await createSession(request, response));
  },
  close: async () => undefined,
});

function toIntake(stream: Stream): Intake {
  return {
    append: async (events) => {
      const first = stream.history.length;
      for (const event of events) stream.history.push(event);
      const buffer = format(stream, first, stream.history.length);
      await Promise.all(stream.channel.activeSessions.map(async (session) => session.batch(buffer)));
    },
  };
}

/** Formatted once for all sessions, which is what the package has batches for. Ids count from 1. */
function format({ history }: Stream, from: number, to: number): EventBuffer {
  const buffer = createEventBuffer();
  for (let at = from; at < to; at++) buffer.push(history[at], "message", String(at + 1));
  return buffer;
}

/** Replays what there is behind the reader's last id, and registers in the turn in which nothing is left of it. */
async function follow(stream: Stream, session: Session): Promise<void> {
  let at = Number(session.lastId);
  while (at < stream.history.length) {
    const to = Math.min(at + replayEvents, stream.history.length);
    await session.batch(format(stream, at, to));
    at = to;
  }
  if (session.isConnected) stream.channel.register(session);
}
