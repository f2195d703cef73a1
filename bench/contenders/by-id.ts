/** Owns reading as an EventSource does: the position is the id of the event that came last, and goes with the next request. */

import type { From, Reading } from "./contender.ts";
import { openSse } from "./sse.ts";
import type { SseOptions } from "./sse.ts";

export interface ByIdOptions extends Pick<SseOptions, "url" | "cleanEnd"> {
  readonly from: From;
  readonly take: (data: string) => void;
  /** Name of the event that says that the stream is over. */
  readonly overName?: string;
}

export async function readById({ url, cleanEnd, from, take, overName }: ByIdOptions): Promise<Reading> {
  let lastId = from === "start" ? "" : from.behind;
  const body = await openSse({
    url,
    headers: lastId === "" ? {} : { "last-event-id": lastId },
    cleanEnd,
    take: ({ name, id, data }) => {
      if (name !== "" && name === overName) return "over";
      // Comments and greetings have no data; what a server says under a name of its own is no event of the stream.
      if (name !== "" || data === "") return "more";
      lastId = id;
      take(data);
      return "more";
    },
  });
  return {
    get position() {
      return lastId;
    },
    ended: body.ended,
    drop: () => body.drop(),
  };
}
