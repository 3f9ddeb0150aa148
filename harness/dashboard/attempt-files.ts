import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { candidateBytes } from "../candidate-files.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { gitTreeHash } from "../git-tree.js";
import { LaneWorkspace } from "../goal/lane-workspace.js";
import { readCommitOf } from "../workspace.js";

export type Submitted = Extract<ForgeEvent, { type: "attempt-submitted" }>;

/** Where an attempt's code may still lie besides the run's log. */
export interface CodePlaces {
  /** The run's git workspace. */
  workspace: string | null;
  /** An accepted folder that the record lies in. */
  acceptedFolder: string | null;
}

export function submittedIn(events: readonly ForgeEvent[], attempt: number): Submitted | null {
  const event = events.findLast((candidate) => candidate.type === "attempt-submitted" && candidate.attempt === attempt);
  return event?.type === "attempt-submitted" ? event : null;
}

/** The files of an attempt, forge.json among them, held against the tree that the log names; a string says why they cannot be had. */
export async function attemptFiles(
  events: readonly ForgeEvent[],
  submitted: Submitted,
  places: CodePlaces,
): Promise<Map<string, string> | string> {
  const fromLog = filesInLog(events, submitted);
  if (fromLog !== null) return fromLog;
  const fromFolder = places.acceptedFolder === null ? null : filesInFolder(places.acceptedFolder, submitted.tree);
  if (fromFolder !== null) return fromFolder;
  if (places.workspace === null || !existsSync(join(places.workspace, ".git")))
    return `the code of attempt ${submitted.attempt} is not here: it stands in the workspace of the run, which was not shipped with this record`;
  try {
    return textOf(candidateBytes(await readCommitOf(places.workspace, submitted.commit)));
  } catch (error) {
    return `the code of attempt ${submitted.attempt} cannot be read from ${places.workspace}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The lane's files as its events left them; null where the log does not tell of all changes (runs of older versions). */
function filesInLog(events: readonly ForgeEvent[], submitted: Submitted): Map<string, string> | null {
  const before = events.slice(0, submitted.sequence);
  try {
    const candidate = LaneWorkspace.restore(before, submitted.lane ?? 0).candidate();
    return ofTree(candidateBytes(candidate), submitted.tree);
  } catch {
    return null;
  }
}

function filesInFolder(folder: string, tree: string): Map<string, string> | null {
  try {
    return ofTree(candidateBytes(readCandidateFolder(folder)), tree);
  } catch {
    return null;
  }
}

function ofTree(files: Map<string, Buffer>, tree: string): Map<string, string> | null {
  return gitTreeHash(files) === tree ? textOf(files) : null;
}

/** The order of keys that Forge gives a manifest is no change of the attempt. */
function textOf(files: ReadonlyMap<string, Buffer>): Map<string, string> {
  return new Map([...files].map(([name, bytes]) => [name, bytes.toString("utf8")]));
}
