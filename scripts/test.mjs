// `npm test`: installs what is missing, then runs all tests. Arguments after `--` go to vitest.
import { prepareMachine } from "./prepare-machine.mjs";
import { runStep } from "./steps.mjs";

prepareMachine();
const vitestArguments = process.argv.slice(2).filter((argument) => argument !== "--ci");
process.exit(runStep(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...vitestArguments]));
