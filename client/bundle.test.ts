/** Owns the proof of what the client costs a page, and of what it may import. */

/// <reference types="node" />

import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

const maxBytes = 6 * 1024;

test("the client is under 6 kB minified and gzipped, of protocol and the allowed dependencies alone", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL("index.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    minify: true,
    platform: "browser",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const bytes = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  expect(bytes).toBeLessThan(maxBytes);
  const foreign = Object.keys(metafile.inputs).filter((path) => !/(^|\/)(client|protocol|node_modules\/eventsource-parser)\/[^/]+(\/[^/]+)?$/.test(path));
  expect(foreign).toEqual([]);
});
