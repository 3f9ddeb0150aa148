import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeScratchFolder } from "../../../verifiers/targets/scratch-folder.js";

/** Makes a scratch folder with something in it, says where, and dies as a killed process dies. */
const folder = makeScratchFolder("source", process.argv[2]);
writeFileSync(join(folder, "kernel.c"), "int kernel;\n");
process.stdout.write(folder, () => process.kill(process.pid, "SIGKILL"));
