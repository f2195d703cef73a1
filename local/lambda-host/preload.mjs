/**
 * Owns how aws-lambda-ric is fitted into a child of the local Lambda host. Plain JavaScript, as is rapid-client.cjs:
 * every environment loads them, and stripping types adds 50 ms to a cold start (measured, Node 24.21).
 */
/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- no types here */
import { registerHooks } from "node:module";
import { isMainThread } from "node:worker_threads";

// The package's native addon is not built here (96 s of C++); three functions over HTTP stand in for it.
registerHooks({
  resolve(specifier, context, nextResolve) {
    return specifier === "./rapid-client.node" && context.parentURL?.endsWith("/aws-lambda-ric/index.mjs")
      ? { url: new URL("rapid-client.cjs", import.meta.url).href, format: "commonjs", shortCircuit: true }
      : nextResolve(specifier, context);
  },
});

const leave = () => process.exit(1);

// The host never writes to stdin: its end means that the host is gone. Worker threads of a function get this file too.
if (isMainThread) {
  process.stdin.on("end", leave).on("error", leave).resume();
  // As on AWS, a function that waits for nothing lets the process end.
  process.stdin.unref();
}
