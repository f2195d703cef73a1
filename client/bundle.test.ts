/** Owns the proof of what the client costs a page, and of what it may import. */

/// <reference types="node" />

import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";

const maxBytes = 6 * 1024;
const allowed = /(^|\/)(client|protocol|node_modules\/(eventsource-parser|p-retry))\/[^/]+(\/[^/]+)?$|^<stdin>$/;

interface Bundle {
  readonly gzippedBytes: number;
  readonly inputs: readonly string[];
}

/** What a page gets that imports `names` and nothing else. */
async function bundle(names: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export ${names} from "./index.ts";`, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    format: "esm",
    minify: true,
    platform: "browser",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  return { gzippedBytes: outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0), inputs: Object.keys(metafile.inputs) };
}

test("openStream with its errors is under 6 kB minified and gzipped; who supervises no EventSource does not pay for it", async () => {
  const [stream, supervisor, all] = await Promise.all([bundle("{ openStream, LongstreamError }"), bundle("{ superviseEventSource }"), bundle("*")]);
  console.log(`longstream/client: openStream ${stream.gzippedBytes} bytes, superviseEventSource ${supervisor.gzippedBytes}, both ${all.gzippedBytes}`);
  expect(stream.gzippedBytes).toBeLessThan(maxBytes);
  expect(supervisor.gzippedBytes).toBeLessThan(maxBytes);
});

test("it is made of protocol and the allowed dependencies alone", async () => {
  const { inputs } = await bundle("*");
  expect(inputs.filter((path) => !allowed.test(path))).toEqual([]);
});
