import { defineConfig } from "vitest/config";

/** Two cores: test files of the stack run one at a time, so that none waits for another's processes. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{protocol,worker,lambda-runtime,client,local,examples}/**/*.test.ts"],
          exclude: ["local/lambda-host/**"],
        },
      },
      {
        test: {
          name: "stack",
          include: ["local/lambda-host/**/*.test.ts", "e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
    reporters: ["default", "./e2e/count-reporter.ts"],
  },
});
