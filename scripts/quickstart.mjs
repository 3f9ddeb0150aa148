// `npm run quickstart`: from a fresh clone to an accepted kernel. Arguments after `--` go to `forge goal`.
import { prepareMachine, stopUnlessDone } from "./prepare-machine.mjs";
import { runStep } from "./steps.mjs";

await prepareMachine();
stopUnlessDone(runStep(process.execPath, ["scripts/build-if-stale.mjs"]));
const goalArguments = process.argv.slice(2).filter((argument) => argument !== "--ci");
// Beside generated/, not into it: what is shipped there may be the better kernel.
const output = goalArguments.includes("--output") ? [] : ["--output", "my-kernels"];
process.exit(runStep(process.execPath, ["dist/harness/cli/main.js", "goal", "specs/kernels/rmsnorm.yaml", ...output, ...goalArguments]));
