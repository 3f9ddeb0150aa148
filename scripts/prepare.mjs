// npm's `prepare`: builds for people who install from git; without the compiler (a production install) there is nothing to do.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root, runStep } from "./steps.mjs";

if (existsSync(join(root, "node_modules/typescript"))) process.exit(runStep(process.execPath, ["scripts/build-if-stale.mjs"]));
