import type { LoadedSpec } from "../../../specs/contracts/spec.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import { baselineCandidate } from "../../../verifiers/speed/baseline.js";
import type { ExamRoom } from "../../exam-room.js";

/** The same spec with another number of rows at the timed size. */
export function scaleRows(loaded: LoadedSpec, rows: number): LoadedSpec {
  const timed = loaded.spec.cases.timed.map((sizes) => ({ ...sizes, rows }));
  return { ...loaded, spec: { ...loaded.spec, cases: { ...loaded.spec.cases, timed } } };
}

/** The baseline itself by the very compiler that it chose, or the baseline that does a share of its rows twice. */
export async function calibratedCandidate(room: ExamRoom, extraShare: number): Promise<Candidate> {
  const baseline = await room.baseline();
  const compiler = baseline.compilers[baseline.choose("calibrated", room.loaded.spec.cases.timed[0]!)]!;
  const candidate = baselineCandidate(room.loaded, room.variant, room.target, compiler, room.threads);
  if (extraShare === 0) return candidate;
  const text = candidate.files["baseline.c"]!;
  const loop = "for (int64_t r = 0; r < rows; r++) {";
  if (!text.includes(loop)) throw new Error("the calibrated kernel's loop is not where it was");
  // Spread over the call, so that the extra work is like the rest of it.
  const every = Math.round(1 / extraShare);
  const slower = text.replace(
    loop,
    `for (int64_t step = 0; step < rows + rows / ${every}; step++) {\n    int64_t r = step - step / ${every + 1};\n    if (r >= rows) r = rows - 1;`,
  );
  return { ...candidate, files: { "baseline.c": slower } };
}
