import type { JudgeContext } from "../judge-context.js";
import { hiddenCases, type KernelCase, publicCases } from "./kernel-case.js";

/** The cases of an entry by which a candidate is judged: public ones and, but for a quick check, hidden ones drawn by this seed. */
export function examCases(context: JudgeContext, entry: string, seed: string): { visible: KernelCase[]; hidden: KernelCase[] } {
  const { spec } = context.loaded;
  const asked = (cases: KernelCase[]): KernelCase[] => {
    if (context.suspended === "precision") return cases.filter(({ regime }) => regime !== "exact");
    if (context.suspended === "regimes") return cases.map((item) => ({ ...item, regime: item.regime === "exact" ? "exact" : "normal" }));
    if (context.suspended === "parameters") return cases.map((item) => ({ ...item, plainParameters: true }));
    return cases;
  };
  const drawsHidden = !context.quick && context.suspended !== "hidden cases";
  return { visible: asked(publicCases(spec, entry)), hidden: drawsHidden ? asked(hiddenCases(spec, entry, seed)) : [] };
}
