import type { AlignmentGate } from "../../specs/contracts/verdict.js";
import type { MutationRule } from "./mutations.js";

/** A reference with one mistake in it, for one entry. */
export interface Mutant {
  entry: string;
  /** What made it: a rule of the generator, or a mistake of the fixed list. */
  kind: MutationRule | SemanticMistake;
  /** One line for people. */
  label: string;
  /** Changes as lines of a unified diff against the reference; a report keeps those of survivors. */
  diff: string[];
  /** The whole mutated source. */
  text: string;
}

/** The mistakes that a list of semantic mutants answers for, each with a mutant or with the reason why there can be none. */
export const semanticMistakes = [
  "dropped-eps",
  "dropped-mask",
  "wrong-scale",
  "wrong-axis",
  "off-by-one",
  "missing-parameter",
  "swapped-arguments",
  "lower-precision-statistic",
  "forgotten-gradient-term",
  "ignored-target-not-ignored",
] as const;
export type SemanticMistake = (typeof semanticMistakes)[number];

/**
 * What became of a mutant. Only a gate kills: what does not build, crashes or hangs shows nothing about the exam and is not counted.
 * `equivalent`: bitwise the reference in float64 on all cases that were tried.
 */
export type Fate =
  | { state: "dead"; gate: AlignmentGate | "memory" | "status" | "inputs"; regime: string }
  | { state: "survived" }
  | { state: "equivalent"; cases: number }
  | { state: "not-counted"; reason: "does not build" | "crashed" | "did not return" };

export interface MutantResult {
  mutant: Omit<Mutant, "text">;
  fate: Fate;
}
