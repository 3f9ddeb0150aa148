import type { JudgedAttempt } from "../../specs/contracts/agent.js";

/** What a strategy goes by: nothing but what is in the log, so that a resumed run decides alike. */
export interface StrategyView {
  /** Judged attempts of all lanes, oldest first. */
  attempts: readonly (JudgedAttempt & { base: number | null })[];
  /** Lanes that may still submit. */
  open: ReadonlySet<number>;
}

/** Where a lane goes on. */
export interface Placement {
  /** The attempt whose code the workspace becomes; null leaves it as it is. */
  base: number | null;
  /** For the agent: what was decided and why; null where there is nothing to say. */
  text: string | null;
}

/** How a goal goes on once something has passed: how many lanes there are, and what each continues from. Pure: same view, same answer. */
export interface Strategy {
  name: string;
  lanes: number;
  /** What a lane other than the first begins from, when the first attempt has passed. */
  opening(lane: number, view: StrategyView): Placement;
  /** After the lane's newest attempt; `wait` until another lane's attempt is judged or the lane is over. */
  next(lane: number, view: StrategyView): Placement | "wait";
}

export const stay: Placement = { base: null, text: null };
