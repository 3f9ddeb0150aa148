import { isAccepted } from "../../specs/verdict-speed.js";
import { attemptText, bestOf } from "../goal/judged.js";
import type { Strategy, StrategyView } from "./strategy.js";

/**
 * Rounds: every lane makes one attempt from the same code, side by side, and the best of all so far is what all go on from.
 * Which attempts a round sees depends on the counts of attempts alone, not on who was quicker.
 */
export function bestOfN(lanes: number): Strategy {
  return {
    name: `best-of-${lanes}`,
    lanes,
    opening(lane, view) {
      const best = bestOf(view.attempts);
      return {
        base: best?.attempt ?? null,
        text: `You are one of ${lanes} who work side by side from ${best ? attemptText(best) : "the same code"}; after each round all go on from the best. Be number ${lane + 1}: try something that the others are unlikely to try.`,
      };
    },
    next(lane, view) {
      const start = roundsBegan(view);
      // Until something passes there is one lane and nothing to compare.
      if (start === null) return { base: null, text: null };
      const own = ofLane(view, lane, start).length;
      if (own === 0) return { base: null, text: null };
      const behind = [...view.open].some((other) => other !== lane && ofLane(view, other, start).length < own);
      if (behind) return "wait";
      const considered = view.attempts.filter(
        (attempt) => attempt.attempt <= start || ofLane(view, attempt.lane, start).indexOf(attempt) < own,
      );
      const best = bestOf(considered)!;
      const mine = ofLane(view, lane, start)[own - 1]!;
      if (best.attempt === mine.attempt) return { base: null, text: `Round ${own} is over: yours was the best.` };
      return { base: best.attempt, text: `Round ${own} is over: the workspace is now ${attemptText(best)} of lane ${best.lane}.` };
    },
  };
}

/** The attempt that passed first, after which the rounds began; null while nothing has passed. */
function roundsBegan(view: StrategyView): number | null {
  const first = view.attempts.find(isAccepted);
  return first?.attempt ?? null;
}

const ofLane = (view: StrategyView, lane: number, after: number) =>
  view.attempts.filter((attempt) => attempt.lane === lane && attempt.attempt > after);
