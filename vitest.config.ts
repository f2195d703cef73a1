import { defineConfig } from "vitest/config";

/** Files of the stack wait for time limits most of their time: two run side by side, and no more, on two cores. */
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
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
    reporters: ["default", "./e2e/count-reporter.ts"],
  },
});
