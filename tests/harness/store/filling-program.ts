import { rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openRunStore } from "../../../harness/store/run-store.js";
import { runStarted, sampleCandidate, sampleGoal } from "../sample-run.js";

/** In a folder on a small disk: appends and commits until it is full, frees space, resumes; prints what happened as JSON lines. */
const [directory = ""] = process.argv.slice(2);
const ballast = join(directory, "ballast");
writeFileSync(ballast, Buffer.alloc(1_000_000));
const report = (line: unknown) => writeSync(1, `${JSON.stringify(line)}\n`);

const store = openRunStore(join(directory, "runs"));
const run = await store.create(sampleGoal);
run.append(runStarted());
const first = await run.commit(sampleCandidate(), "first");
let acknowledged = run.append({ type: "attempt-submitted", attempt: 1, ...first, summary: "first" }).sequence;
try {
  for (let count = 0; count < 500; count += 1) acknowledged = run.append({ type: "agent-noted", text: "x".repeat(50_000) }).sequence;
} catch (error) {
  report({ kind: "append-refused", name: (error as Error).name, text: (error as Error).message, acknowledged });
}
try {
  for (let size = 1; size < 40; size += 1) await run.commit(sampleCandidate(randomText(size * 20_000)), "large");
} catch (error) {
  report({ kind: "commit-refused", name: (error as Error).name, text: (error as Error).message });
}
report({ kind: "while-full", events: store.eventsOf(run.id).length, listed: store.list().length });
rmSync(ballast);
report({ kind: "same-process", sequence: run.append({ type: "agent-noted", text: "space again" }).sequence });
run.close();
const again = await openRunStore(join(directory, "runs")).open(run.id);
const candidate = sampleCandidate("int after;\n");
const commit = await again.run.commit(candidate, "after");
report({
  kind: "resumed",
  truncatedBytes: again.truncatedBytes,
  sequence: again.run.append({ type: "attempt-submitted", attempt: 2, ...commit, summary: "after" }).sequence,
  first: (await again.run.read(first.commit)).files["kernel.c"] === sampleCandidate().files["kernel.c"],
  after: (await again.run.read(commit.commit)).files["kernel.c"] === candidate.files["kernel.c"],
});

/** Text that git cannot compress away. */
function randomText(length: number): string {
  return Array.from({ length: length / 10 }, () => Math.random().toString(36).slice(2, 12)).join("");
}
