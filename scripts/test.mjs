// `npm test`: installs what is missing, then runs all tests. Arguments after `--` go to vitest.
import { prepareMachine, stopUnlessDone } from "./prepare-machine.mjs";
import { isContinuousIntegration, runStep } from "./steps.mjs";

prepareMachine({ redis: true, browser: true });
// Elsewhere their tests are skipped and say so: `npm run install:clis` brings them.
if (isContinuousIntegration()) stopUnlessDone(runStep(process.execPath, ["scripts/install-coding-clis.mjs"]));
const vitestArguments = process.argv.slice(2).filter((argument) => argument !== "--ci");
process.exit(runStep(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...vitestArguments]));
