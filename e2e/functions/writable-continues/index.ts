/** Writes the digits of `?n=` positions, and in a later attempt only those behind what is stored. */

import { setTimeout as sleep } from "node:timers/promises";
import { nodeStreamHandler } from "longstream/lambda-runtime";
import { record } from "../record.ts";

export const handler = nodeStreamHandler(
  async (event, responseStream, _context, { id, attempt, resume, signal }) => {
    const from = resume?.seq ?? 0;
    record({ stream: id, attempt, from });
    for (let at = from; at < Number(event.queryStringParameters?.["n"]) && !signal.aborted; at++) {
      await sleep(10);
      responseStream.write(String(at % 10));
    }
    responseStream.end();
  },
  { resume: "continue" },
);
