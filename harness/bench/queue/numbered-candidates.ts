import type { Candidate } from "../../../specs/contracts/target.js";
import type { Verdict } from "../../../specs/contracts/verdict.js";

/** Every fourth one does not build. */
const isSpoiled = (number: number): boolean => number % 4 === 3;

/** A build of its own that says its number through the compiler, so that a verdict can be told from every other. */
export function numberedCandidate(candidate: Candidate, number: number): Candidate {
  const [source] = candidate.manifest.units;
  const line = `#${isSpoiled(number) ? "error" : "warning"} stress job ${number} of the queue\n`;
  const text = candidate.files[source!.source]!;
  return { ...candidate, files: { ...candidate.files, [source!.source]: `${text}\n${line}` } };
}

/** What is wrong with a job's verdict; null where it is the right one of just this job. */
export function problemOf(verdict: Verdict, number: number): string | null {
  const wanted = isSpoiled(number) ? "failed" : "passed";
  if (verdict.outcome !== wanted)
    return `job ${number} came out as ${verdict.outcome}, not ${wanted}: ${JSON.stringify(verdict.checks.at(-1))}`;
  const build = verdict.checks.find(({ check }) => check === "build" || check === "rules");
  const said = JSON.stringify(verdict.checks);
  const numbers = new Set([...said.matchAll(/stress job (\d+) of the queue/g)].map((match) => Number(match[1])));
  if (numbers.size !== 1 || !numbers.has(number)) return `the verdict of job ${number} speaks of ${[...numbers].join(", ") || "no job"}`;
  return build === undefined ? `job ${number} was not built` : null;
}
