// `npm test`: installs what is missing, then runs all tests. Arguments after `--` go to vitest.
import { prepareMachine } from "./prepare-machine.mjs";
import { isContinuousIntegration, runStep } from "./steps.mjs";

// Elsewhere their tests are skipped and say so: `npm run install:clis` and `install-prerequisites.mjs --python` bring them.
const python = process.env.FORGE_SKIP_PREREQUISITES ? [] : ["scripts/install-python.mjs"];
const beside = isContinuousIntegration() ? [...python, "scripts/install-coding-clis.mjs"] : [];
await prepareMachine({ redis: true, browser: true, beside });
const vitestArguments = process.argv.slice(2).filter((argument) => argument !== "--ci");
process.exit(runStep(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...vitestArguments]));
