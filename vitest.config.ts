import { defineConfig } from "vitest/config";

const stack = { testTimeout: 60_000, hookTimeout: 60_000, maxWorkers: 2 };
/** They live close to scaled-down time limits, so they run when nothing else does; both mostly wait. */
const timed = ["e2e/handover.test.ts", "e2e/pages.test.ts", "e2e/script.test.ts"];
/** They load the machine as far as it goes, so each runs by itself. */
const heavy = ["e2e/crash.test.ts", "e2e/storm.test.ts"];

/** The same cases each time, so that no change fails by another one's luck; the long run draws its own. */
const { FUZZ_CASES = "2000", FUZZ_SEED = "1" } = process.env;
/** A property of the long run takes minutes. */
const fuzz = { testTimeout: 1_200_000, provide: { fuzzCases: Number(FUZZ_CASES), fuzzSeed: FUZZ_SEED === "random" ? null : Number(FUZZ_SEED) } };

/** Two cores: two files of the stack at a time, and no more. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{protocol,worker,lambda-runtime,client,local,examples,bench}/**/*.test.ts"],
          exclude: ["local/lambda-host/**", "bench/peers/**"],
        },
      },
      {
        test: {
          name: "stack",
          include: ["local/lambda-host/**/*.test.ts", "e2e/**/*.test.ts"],
          exclude: [...timed, ...heavy, "e2e/fuzz/**"],
          ...stack,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: "timed", include: timed, ...stack, sequence: { groupOrder: 2 } } },
      { test: { name: "fuzz", include: ["e2e/fuzz/**/*.test.ts"], ...fuzz, maxWorkers: 2, sequence: { groupOrder: 3 } } },
      { test: { name: "heavy", include: heavy, ...stack, maxWorkers: 1, sequence: { groupOrder: 4 } } },
    ],
    reporters: ["default", "./e2e/count-reporter.ts"],
  },
});
