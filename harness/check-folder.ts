import type { EventBody } from "../specs/contracts/event.js";
import type { LoadedExam } from "../specs/contracts/trainer-spec.js";
import type { Verdict } from "../specs/contracts/verdict.js";
import { readCandidateFolder } from "./candidate-folder.js";
import { excused, excusedVerdict, type MissingExtensions } from "./missing-extensions.js";
import { openRoom } from "./open-room.js";

/** Judges the code in a folder exactly as an attempt is judged; the folder is only read. */
export async function checkFolder(options: {
  folder: string;
  loaded: LoadedExam;
  variant: string;
  target: string;
  threads?: number;
  quick: boolean;
  unsafe: boolean;
  /** What this machine lacks of the one that the folder was certified on. */
  missing?: MissingExtensions | null;
  onEvent: (event: EventBody) => void;
  signal: AbortSignal;
}): Promise<Verdict> {
  const { onEvent, missing = null } = options;
  const candidate = readCandidateFolder(options.folder);
  const room = await openRoom(options);
  try {
    const judged = await room.judge(candidate, options.quick, {
      started: (check) => onEvent({ type: "check-started", attempt: 1, check }),
      finished: (result) => onEvent({ type: "check-finished", attempt: 1, result: excused(result, missing) }),
    });
    const verdict = excusedVerdict(judged, missing);
    onEvent({ type: "attempt-judged", attempt: 1, verdict, bestRatio: null });
    return verdict;
  } finally {
    await room.close();
  }
}
