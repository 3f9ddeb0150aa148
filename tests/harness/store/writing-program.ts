import { writeSync } from "node:fs";
import { openRunStore } from "../../../harness/store/run-store.js";
import { sampleCandidate } from "../sample-run.js";

/** Opens a run and appends to it until it is killed, or has written some 20 MB; prints each event's sequence number once it is acknowledged. */
const [directory = "", id = ""] = process.argv.slice(2);
const { run, truncatedBytes } = await openRunStore(directory).open(id);
let acknowledged = run.append({ type: "run-resumed", attemptsSoFar: 0, truncatedBytes });
for (let round = 0; round < 2000; round += 1) {
  writeSync(1, `${acknowledged.sequence}\n`);
  if (round % 4 === 1) {
    const { commit, tree } = await run.commit(sampleCandidate(`int round${acknowledged.sequence};\n`), `round ${round}`);
    acknowledged = run.append({ type: "attempt-submitted", attempt: acknowledged.sequence + 1, commit, tree, summary: `round ${round}` });
  } else {
    acknowledged = run.append({ type: "agent-noted", text: "x".repeat((round * 997) % 20_000) });
  }
}
