/** Owns the side channel of the fixtures: lines in a file that the tests read, since readers see only events. */

import { appendFileSync } from "node:fs";

export function record(entry: Readonly<Record<string, unknown>>): void {
  const file = process.env["RECORD_FILE"];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`);
}
