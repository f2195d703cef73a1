/** Answers with a fetch-style `Response`: `?rows=100` gives that many rows of CSV, with a head of its own and two cookies. */

import { setTimeout as sleep } from "node:timers/promises";
import { streamHandler } from "longstream/lambda-runtime";

// Resume: a later attempt runs this again, and what is stored is compared by its bytes and dropped. So the same request
// must give the same bytes: no clock, no random order. However the chunks are cut does not matter.
export const handler = streamHandler((request, { signal }) => {
  const rows = Number(new URL(request.url).searchParams.get("rows") ?? 100);
  const headers = new Headers({ "content-type": "text/csv; charset=utf-8", "content-disposition": 'attachment; filename="squares.csv"' });
  headers.append("set-cookie", "report=squares; Path=/");
  headers.append("set-cookie", `rows=${rows}; Path=/`);
  return new Response(csv(rows, signal), { headers });
});

function csv(rows: number, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let n = 0;
  return new ReadableStream({
    start: (controller) => controller.enqueue(encoder.encode("n,square\n")),
    pull: async (controller) => {
      n += 1;
      if (n > rows) return controller.close();
      await sleep(10, undefined, { signal });
      controller.enqueue(encoder.encode(`${n},${n * n}\n`));
    },
  });
}
