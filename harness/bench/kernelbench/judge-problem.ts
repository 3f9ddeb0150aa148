import type { CheckResult, Outcome, Verdict } from "../../../specs/contracts/verdict.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { baselineCandidate } from "../../../verifiers/speed/baseline.js";
import { ExamRoom } from "../../exam-room.js";
import { outlineProblem } from "../../outline/problem-outline.js";
import { evidenceText } from "../../progress/evidence-text.js";
import { hostTargetName } from "../../targets.js";
import { type Planted, plant } from "./plant.js";

export interface ProblemVerdicts {
  problem: string;
  sizes: string[];
  /** Between reference and module in float64. */
  agreement: number;
  /** Of the module's translation as a compiler makes it fast. */
  honest: { outcome: Outcome; said: string };
  /** Of the same with a mistake. */
  planted: { mistake: Planted["mistake"]; outcome: Outcome; said: string };
}

const unwatched = { started: () => {}, finished: () => {} };

/** One problem into an exam, and two candidates through all of it but speed. Throws OutlineError where there is no exam. */
export async function judgeProblem(file: string, name: string, folder: string, signal: AbortSignal): Promise<ProblemVerdicts> {
  const { spec, problem } = await outlineProblem({ file, name, folder, sizes: {}, small: true, signal });
  const loaded = loadSpec(spec);
  const room = await ExamRoom.open({ loaded, variant: "f32", target: hostTargetName, unsafe: false, signal });
  try {
    const compiler = room.toolchains[0]!.name;
    const honest = await room.judgeCorrectness(baselineCandidate(loaded, room.variant, room.target, compiler, room.threads), unwatched);
    const { mistake, text } = plant(loaded.referenceText);
    const wrong = { ...loaded, referenceText: text };
    const planted = await room.judgeCorrectness(baselineCandidate(wrong, room.variant, room.target, compiler, room.threads), unwatched);
    return {
      problem: name,
      sizes: Object.keys(problem.sizes).filter((size) => !problem.fixed.includes(size)),
      agreement: problem.agreement,
      honest: { outcome: honest.outcome, said: said(honest) },
      planted: { mistake, outcome: planted.outcome, said: said(planted) },
    };
  } finally {
    await room.close();
  }
}

/** How the checks ended: the one that failed, with its evidence, or align's own words. */
function said({ checks }: Verdict): string {
  const ended = checks.find(({ status }) => status === "failed" || status === "errored") ?? checks.find(({ check }) => check === "align");
  return ended === undefined ? "" : `${ended.check}: ${reasonOf(ended)}`;
}

function reasonOf(result: CheckResult): string {
  if (result.status === "failed") return evidenceText(result.evidence[0]!).split("\n")[0]!;
  return result.status === "errored" ? result.reason : result.summary;
}
