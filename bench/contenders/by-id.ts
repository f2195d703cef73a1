/** Owns reading as an EventSource does: the position is the id of the event that came last, and goes with the next request. */

import type { Feed, From, Reading } from "./contender.ts";
import { openSse } from "./sse.ts";

export async function readById(url: URL, from: From, take: (data: string) => void, feed: Feed | undefined): Promise<Reading> {
  let lastId = from === "start" ? "" : from.behind;
  const body = await openSse({
    url,
    feed,
    cursor: lastId,
    take: ({ name, id, data }) => {
      // Comments and greetings have no data; what a server says under a name of its own is no event of the stream.
      if (name !== "" || data === "") return;
      lastId = id;
      take(data);
    },
  });
  return {
    get position() {
      return lastId;
    },
    lost: body.lost,
    drop: () => body.drop(),
  };
}
