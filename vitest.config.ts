import { defineConfig } from "vitest/config";

/** Tests that time something have the machine to themselves: one file after the other, after all others. */
const timing = ["tests/**/*.timing.test.ts", "tests/verifiers/speed/**/*.test.ts"];
/** Tests that run the built program, alone as well. */
const program = ["tests/harness/cli/**/*.test.ts", "tests/flows/**/*.test.ts"];

const alone = { fileParallelism: false, maxWorkers: 1 };

export default defineConfig({
  test: {
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "plain",
          include: ["tests/**/*.test.ts"],
          exclude: [...timing, ...program],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "timing", include: timing, ...alone, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: { name: "program", include: program, globalSetup: ["tests/build-once.ts"], ...alone, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
