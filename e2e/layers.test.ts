/** The direction of imports: protocol <- {worker, lambda-runtime, client} <- {local, examples, e2e, bench}. */

import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const rootDir = fileURLToPath(new URL("..", import.meta.url));

/** What each part may import of the project, beside itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  worker: ["protocol"],
  "lambda-runtime": ["protocol"],
  client: ["protocol"],
};

const sourcesOf = async (part: string): Promise<readonly string[]> => {
  const names = await readdir(join(rootDir, part), { recursive: true });
  return names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts")).map((name) => join(rootDir, part, name));
};

const importsOf = async (file: string): Promise<readonly string[]> => {
  const text = await readFile(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, specifier]) => join(dirname(file), specifier ?? ""));
};

describe("the layers", () => {
  test.each(Object.entries(allowed))("%s imports nothing beside itself and what is below it", async (part, below) => {
    const files = await sourcesOf(part);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      for (const target of await importsOf(file)) {
        const [targetPart = ""] = relative(rootDir, target).split(sep);
        expect([part, ...below], `${relative(rootDir, file)} imports ${relative(rootDir, target)}`).toContain(targetPart);
      }
    }
  });

  test("protocol has no dependency at all", async () => {
    for (const file of await sourcesOf("protocol")) {
      expect(await readFile(file, "utf8"), file).not.toMatch(/from "[^.]/);
    }
  });
});
