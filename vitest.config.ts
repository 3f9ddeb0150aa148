import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** Tests that time something have the machine to themselves: one file after the other, after all others. */
const timing = ["tests/**/*.timing.test.ts", "tests/verifiers/speed/**/*.test.ts", "tests/harness/judge.test.ts"];
/** Tests that run the built program and time nothing, nor mind that others do. */
const commands = [
  "tests/harness/cli/{describe-folder,errors,init,init-model,missing-extensions,names,show,targets}.test.ts",
  "tests/harness/dashboard/browser/{hostile,panels,ways}.test.ts",
  "tests/flows/{train,queue-bundle,queue-stress,queue-tls}.test.ts",
  "tests/flows/agents/{data-and-secrets,long-conversations}.test.ts",
];
/** The others that run it, alone as well. */
const program = ["tests/harness/cli/**/*.test.ts", "tests/harness/dashboard/browser/**/*.test.ts", "tests/flows/**/*.test.ts"];

const alone = { fileParallelism: false, maxWorkers: 1 };
const built = { globalSetup: ["tests/build-once.ts"] };

export default defineConfig({
  test: {
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Runners and peaks are the same for all tests; a user's own cache is none of their business.
    env: { FORGE_CACHE: process.env.FORGE_CACHE ?? resolve("node_modules/.cache/forge-tests") },
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
      { extends: true, test: { name: "commands", include: commands, ...built, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: "timing", include: timing, ...alone, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: { name: "program", include: program, exclude: commands, ...built, ...alone, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
