import type { ForgeEvent } from "../../specs/contracts/event.js";
import { attemptFiles, type CodePlaces, submittedIn } from "./attempt-files.js";
import { fileChanges } from "./line-changes.js";
import type { AttemptChange } from "./page-data.js";

/** An attempt, with all that is needed to find its code. */
export interface PlacedAttempt {
  run: string;
  events: readonly ForgeEvent[];
  places: CodePlaces;
  attempt: number;
}

/** What an attempt changed against the one it began from; against another where one is given. */
export async function attemptChange(placed: PlacedAttempt, other: PlacedAttempt | null = null): Promise<AttemptChange> {
  const submitted = submittedIn(placed.events, placed.attempt);
  if (submitted === null) return { status: "unknown", reason: `run ${placed.run} has no attempt ${placed.attempt}` };
  const files = await attemptFiles(placed.events, submitted, placed.places);
  if (typeof files === "string") return { status: "unknown", reason: files };
  const base = other ?? (submitted.base == null ? null : { ...placed, attempt: submitted.base });
  if (base === null) {
    const kind = submitted.base === undefined ? "unrecorded" : "nothing";
    return { status: "known", against: { kind }, files: fileChanges(new Map(), files) };
  }
  const baseSubmitted = submittedIn(base.events, base.attempt);
  if (baseSubmitted === null) return { status: "unknown", reason: `run ${base.run} has no attempt ${base.attempt}` };
  const baseFiles = await attemptFiles(base.events, baseSubmitted, base.places);
  if (typeof baseFiles === "string") return { status: "unknown", reason: baseFiles };
  return {
    status: "known",
    against: { kind: "attempt", run: base.run, attempt: base.attempt },
    files: fileChanges(baseFiles, files),
  };
}
