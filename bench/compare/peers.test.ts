/** What a command line makes the benchmark install, and what it does not. */

import { describe, expect, test } from "vitest";
import { readOptions } from "./options.ts";
import { needOf } from "./peers.ts";

function needFor(line: string): string | null {
  const options = readOptions(line.split(" ").filter((arg) => arg !== ""));
  return options === null ? null : needOf(options);
}

describe("a command line", () => {
  test.each([
    ["", "packages and redis"],
    ["--only longstream", "nothing"],
    ["--only longstream,nchan,floor", "nothing"],
    ["--only agents", "packages"],
    ["--only longstream,durable-streams-file", "packages"],
    ["--only resumable-stream", "packages and redis"],
    ["--work gaps,cost", "nothing"],
    ["--work catch-up-long --quick", "nothing"],
  ])("%j needs %s", (line, need) => {
    expect(needFor(line)).toBe(need);
  });

  test("that asks for help needs nothing", () => {
    expect(needFor("--help")).toBeNull();
  });

  test.each(["--onyl longstream", "--only nobody", "--work none", "--rounds 0", "--rounds many"])("%j is refused before anything is installed", (line) => {
    expect(() => needFor(line)).toThrow(/^(Cannot run|Unknown option)/);
  });
});
