#!/usr/bin/env node
import { declareBench } from "./bench.js";
import { declareCheck } from "./check.js";
import { declareDashboard } from "./dashboard.js";
import { declareGate } from "./gate.js";
import { declareGoal } from "./goal.js";
import { helpText } from "./help-text.js";
import { declareInit } from "./init.js";
import { declareLint } from "./lint.js";
import { declareMcp } from "./mcp.js";
import { declareOutline } from "./outline.js";
import { declareProfile } from "./profile.js";
import { declareReport } from "./report.js";
import { runProgram } from "./run-program.js";
import { declareRuns } from "./runs.js";
import { declareShow } from "./show.js";
import { declareSubmit } from "./submit.js";
import { declareTargets } from "./targets.js";
import { declareTrain } from "./train.js";
import { declareExamProcess, declareWorker } from "./worker.js";
import { declareWorkers } from "./workers.js";

// The program; with worker-main.ts the only file that ends a process. Commands load what they need when they run, so that --help is instant.
await runProgram({
  name: "forge",
  description:
    "Has kernels written for one operation and one chip, proves them right, then drives them until they are faster. " +
    "A spec (YAML) is the exam; `forge goal` sits it; `forge check` lets anyone sit it again.",
  help: helpText({
    examples: [
      ["forge goal specs/kernels/rmsnorm.yaml", "Forges RMSNorm for this machine's CPU, ending with an accepted kernel in generated/."],
      ["forge check generated/rmsnorm/f32/x86-64", "Judges an accepted kernel again, on this machine."],
      ["forge init gelu", "Starts a spec of your own from a template."],
    ],
    exitCodes: [0, 1, 2, 3, 4, 130],
  }),
  commands: [
    declareGoal,
    declareCheck,
    declareGate,
    declareSubmit,
    declareProfile,
    declareMcp,
    declareTargets,
    declareTrain,
    declareRuns,
    declareShow,
    declareReport,
    declareDashboard,
    declareBench,
    declareInit,
    declareOutline,
    declareLint,
    declareWorker,
    declareWorkers,
    declareExamProcess,
  ],
  exit: (code) => process.exit(code),
});
