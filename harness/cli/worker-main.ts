#!/usr/bin/env node
import { helpText } from "./help-text.js";
import { runProgram } from "./run-program.js";
import { declareTargets } from "./targets.js";
import { declareExamProcess, declareWorker } from "./worker.js";
import { declareWorkers } from "./workers.js";

// What `npm run bundle` makes one file of: a worker for a machine that has Node and compilers, and nothing else of Forge.
await runProgram({
  name: "forge-worker",
  description: "Judges on this machine what goals of other machines have forged. See docs/queue.md.",
  help: helpText({
    examples: [
      ["node forge-worker.mjs worker --redis redis://queue.example:6379 --secret-file queue.secret", "Serves every target that is here."],
      ["node forge-worker.mjs targets", "What is here, and what to install where something is missing."],
    ],
    exitCodes: [0, 2, 4, 130],
  }),
  commands: [declareWorker, declareWorkers, declareTargets, declareExamProcess],
  exit: (code) => process.exit(code),
});
