import type { Draw, Sizes } from "../../../specs/contracts/spec.js";

/** What outline_problem.py says of a problem. */
export interface TranslatedProblem {
  /** The reference: one C function over forge.h. */
  text: string;
  /** Between the reference and the module in float64, norm-wise, the worst at the sizes `checked`. */
  agreement: number;
  checked: Sizes[];
  /** Inputs by C's parameters, in order: activations follow the regimes, parameters lie where the module draws them. */
  inputs: Record<string, { shape: string[]; whole: boolean; below: string | null; draw: Draw | null }>;
  output: { name: string; shape: string[]; slice: string[] };
  /** The problem's own values, in the order of C's parameters. */
  sizes: Sizes;
  /** Those that the exam does not vary. */
  fixed: string[];
  /** Numbers of the problem that the output's shape follows from otherwise than as a size: held. */
  held: Sizes;
  flops: string;
  independent: string[];
  bilinear: [string, string] | null;
  operations: string[];
  framework: string;
}
