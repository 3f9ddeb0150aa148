import { isMap, isSeq, parseDocument, stringify, visit } from "yaml";
import type { KernelSpec } from "../../../specs/contracts/spec.js";
import type { ChosenSizes } from "./choose-sizes.js";
import type { TranslatedProblem } from "./translated-problem.js";

/** Regimes under which any composition of operations stays finite, and that float32 can tell apart. */
const regimes: KernelSpec["regimes"] = ["normal", "positive", "half_amplified", "repeated_rows"];

export interface ProblemSpec {
  name: string;
  /** The C function. */
  entry: string;
  /** The problem's file name. */
  from: string;
  reference: string;
  problem: TranslatedProblem;
  chosen: ChosenSizes;
}

/** The spec's YAML, as a person would write it. */
export function problemSpecText({ name, entry, from, reference, problem, chosen }: ProblemSpec): string {
  const { inputs, output, fixed, sizes, flops, independent, bilinear, framework } = problem;
  const spec: KernelSpec = {
    format: "forge-kernel/1",
    name,
    summary: `What the module of KernelBench's ${from} computes, forward.`,
    source: `KernelBench (Ouyang et al. 2025, arXiv:2502.10517), ${from}, as ${framework} exports it.`,
    reference,
    variants: { f32: { store: "f32", accumulate: "f32" }, bf16: { store: "bf16", accumulate: "f32" } },
    sizes: Object.fromEntries(
      Object.keys(sizes).map((size) => [
        size,
        { ...chosen.ranges[size]!, ...(fixed.includes(size) ? { description: "As in the problem: nothing else goes with it." } : {}) },
      ]),
    ),
    cases: { public: chosen.public, hidden: 24, timed: [chosen.timed] },
    regimes,
    entries: {
      [entry]: {
        direction: "forward",
        buffers: {
          ...Object.fromEntries(
            Object.entries(inputs).map(([input, { shape, whole, below, draw }]) => [
              input,
              whole
                ? { role: "input" as const, type: "i32" as const, shape, draw: { kind: "index" as const, below: below! } }
                : { role: "input" as const, type: "store" as const, shape, draw: draw! },
            ]),
          ),
          [output.name]: { role: "output", type: "store", shape: output.shape, slice: output.slice },
        },
        flops,
        bytes: bytesFormula(problem),
        ...(bilinear ? { bilinear } : {}),
        ...(independent.length > 0 ? { independent } : {}),
      },
    },
    gates: { speed: 1, determinism: "bitwise" },
    rules: { languages: ["c", "c++"], libraries: ["libc", "libm", "openmp"] },
    budget: { attempts: 6, minutes: 10 },
  };
  const document = parseDocument(stringify(spec, { lineWidth: 0 }));
  visit(document, {
    Collection: (_, node) => {
      if (isLeaf(node)) node.flow = true;
    },
  });
  const smaller = Object.entries(chosen.smaller).map(([size, own]) => `${size} ${own}`);
  const note =
    smaller.length > 0
      ? `# Timed at less than the problem's ${smaller.join(", ")}: the oracle, plain loops in float64, follows each call.\n`
      : "";
  return `${note}${document.toString({ lineWidth: 140, flowCollectionPadding: true })}`;
}

/** All buffers, once each; those whose sizes vary alike as one term. */
function bytesFormula({ inputs, output, sizes, fixed }: TranslatedProblem): string {
  const terms = new Map<string, number>();
  for (const { shape, whole } of [...Object.values(inputs), { shape: output.shape, whole: false }]) {
    const kind = [...shape.filter((size) => !fixed.includes(size)), whole ? "4" : "store_bytes"].join(" * ");
    const elements = shape.reduce((product, size) => (fixed.includes(size) ? product * sizes[size]! : product), 1);
    terms.set(kind, (terms.get(kind) ?? 0) + elements);
  }
  return [...terms].map(([kind, count]) => (count === 1 ? kind : `${count} * ${kind}`)).join(" + ");
}

/** Holds nothing but plain values, or lists of them. */
function isLeaf(node: unknown): boolean {
  const single = (value: unknown) => !isMap(value) && !isSeq(value);
  const list = (value: unknown) => isSeq(value) && value.items.every(single);
  if (isSeq(node)) return list(node);
  const short = (value: unknown) => single(value) || list(value) || (isMap(value) && value.items.every((pair) => single(pair.value)));
  return isMap(node) && node.items.every(({ value }) => short(value));
}
