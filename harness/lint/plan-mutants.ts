import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { lineDiff } from "./line-diff.js";
import type { Mutant } from "./mutant.js";
import { applyMutation, type Mutation, mutationsOf, type SourceNames } from "./mutations.js";
import { entriesReaching } from "./reachable.js";
import { readSemanticList } from "./semantic-list.js";

export interface MutantPlan {
  /** Of the fixed list; null where the spec has none. */
  semantic: Mutant[] | null;
  generated: Mutant[];
}

/** All mutants of a spec's reference. What several entries use counts for each of them; what none uses cannot matter. */
export function planMutants(loaded: LoadedSpec): MutantPlan {
  const { referenceText } = loaded;
  const entries = Object.keys(loaded.spec.entries);
  const reaching = entriesReaching(referenceText, entries);
  const generated = mutationsOf(referenceText, namesOf(loaded)).flatMap((mutation) =>
    reaching(mutation.start).map((entry) => mutantOf(referenceText, entry, mutation)),
  );
  return { semantic: readSemanticList(loaded), generated };
}

function namesOf({ spec }: LoadedSpec): SourceNames {
  const entries = Object.values(spec.entries);
  const inputs = entries.flatMap(({ buffers }) => Object.entries(buffers).flatMap(([name, { role }]) => (role === "input" ? [name] : [])));
  return {
    sizes: Object.keys(spec.sizes),
    scalars: [...new Set(entries.flatMap(({ scalars }) => Object.keys(scalars ?? {})))],
    inputs: [...new Set(inputs)],
  };
}

function mutantOf(referenceText: string, entry: string, mutation: Mutation): Mutant {
  const text = applyMutation(referenceText, mutation);
  const line = referenceText.slice(0, mutation.start).split("\n").length;
  const [before, after] = [mutation.before, mutation.after].map((part) => part.replace(/\s+/g, " "));
  return {
    entry,
    kind: mutation.rule,
    label: `line ${line}: ${before} -> ${after === "" ? "(nothing)" : after}`,
    diff: lineDiff(referenceText, text),
    text,
  };
}
