import { attemptText, bestOf } from "../goal/judged.js";
import { type Placement, type Strategy, type StrategyView, stay } from "./strategy.js";

/** One lane: the best is kept, what is slower or wrong is taken back. Before anything has passed nothing is. */
export const linear: Strategy = {
  name: "linear",
  lanes: 1,
  opening: () => stay,
  next: (lane, view) =>
    continueFromBest(
      view.attempts.filter((attempt) => attempt.lane === lane),
      "",
    ),
};

/** The workspace becomes the best of `attempts`, where the newest of them is not it. */
export function continueFromBest(attempts: StrategyView["attempts"], remark: string): Placement {
  const best = bestOf(attempts);
  const newest = attempts.at(-1);
  if (best === null || newest === undefined || best.attempt === newest.attempt) return remark === "" ? stay : { base: null, text: remark };
  const why = newest.verdict.outcome === "failed" ? "failed" : newest.verdict.outcome === "errored" ? "has no verdict" : "is not better";
  const text = `Attempt ${newest.attempt} ${why}: the workspace is back at ${attemptText(best)}, the best so far.`;
  return { base: best.attempt, text: remark === "" ? text : `${text} ${remark}` };
}
