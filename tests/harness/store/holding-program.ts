import { writeSync } from "node:fs";
import { openRunStore } from "../../../harness/store/run-store.js";

/** Opens a run, says so and holds it until it is killed. */
const [directory = "", id = ""] = process.argv.slice(2);
await openRunStore(directory).open(id);
writeSync(1, "held\n");
setInterval(() => {}, 1000);
