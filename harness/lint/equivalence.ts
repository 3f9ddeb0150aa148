import { type BufferSpec, type KernelSpec, regimeNames } from "../../specs/contracts/spec.js";
import type { EntrySignature, Session } from "../../specs/contracts/target.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { entrySignatures } from "../../specs/entry-signature.js";
import { evaluateCase } from "../../verifiers/align/evaluate.js";
import { drawInputs, hiddenCases, type Inputs, type KernelCase } from "../../verifiers/align/kernel-case.js";
import { referenceCandidate } from "../../verifiers/align/reference-candidate.js";
import { deriveSeed } from "../../verifiers/numerics/random.js";
import { convertTensor } from "../../verifiers/numerics/tensor.js";
import type { ExamRoom } from "../exam-room.js";
import type { Fate, Mutant } from "./mutant.js";

/** Cases on which a survivor must equal the reference bit for bit, both in float64, before it is called equivalent. */
export const equivalenceCases = 1000;

/** Tells a survivor that computes the same from one that the gates let through. */
export async function judgeSurvivor(room: ExamRoom, mutant: Mutant, seed: string, signal: AbortSignal): Promise<Fate> {
  const entries = entrySignatures(room.loaded.spec, "oracle");
  const entry = entries.find(({ name }) => name === mutant.entry)!;
  const compiler = room.target.tuningSpace(room.variant).compilers[0]!;
  const libraries = [];
  for (const referenceText of [room.loaded.referenceText, mutant.text]) {
    const candidate = referenceCandidate({ ...room.loaded, referenceText }, "oracle", compiler, ["-ffp-contract=off"]);
    const build = await room.target.build({ candidate, support: room.support, entries, mode: "plain", threads: 1 });
    if (build.status === "failed")
      throw new Error(`a mutant that builds in ${JSON.stringify(room.variant)} does not in float64: ${build.log}`);
    libraries.push(build.artifact);
  }
  const spec = widened(room.loaded.spec, mutant.entry);
  const session = await room.target.open({ libraries, entries, threads: 1, memory: "plain", wallMs: 600_000, callTimeoutMs: 20_000 });
  try {
    const bench = await room.bench();
    for (let done = 0, round = 0; done < equivalenceCases; round++)
      for (const kernelCase of hiddenCases(spec, mutant.entry, deriveSeed(seed, "equivalence", round))) {
        if (done++ >= equivalenceCases) break;
        signal.throwIfAborted();
        const inputs = widen(entry, await bench.completeInputs(kernelCase, drawInputs(spec, room.variant, kernelCase)));
        if (!(await agree(session, room, entry, kernelCase, inputs))) return { state: "survived" };
      }
    return { state: "equivalent", cases: equivalenceCases };
  } finally {
    await session.close();
  }
}

/** With every regime, gains that differ and scalars that matter: an exam that is blind to a difference must not vouch for its absence. */
function widened(spec: KernelSpec, name: string): KernelSpec {
  const entry = spec.entries[name]!;
  const buffers = Object.entries(entry.buffers).map(([buffer, content]): [string, BufferSpec] =>
    content.role === "input" && content.draw?.kind === "weight" && content.draw.spread < 0.05
      ? [buffer, { ...content, draw: { ...content.draw, spread: 0.5 } }]
      : [buffer, content],
  );
  const scalars = Object.entries(entry.scalars ?? {}).map(([scalar, content]): [string, typeof content] =>
    content.type === "i32" ? [scalar, content] : [scalar, { ...content, values: [...content.values, 0.375] }],
  );
  const widenedEntry = { ...entry, buffers: Object.fromEntries(buffers), scalars: Object.fromEntries(scalars) };
  return { ...spec, regimes: [...regimeNames], entries: { ...spec.entries, [name]: widenedEntry } };
}

const widen = (entry: EntrySignature, inputs: Inputs): Inputs =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [
      name,
      convertTensor(tensor, entry.buffers.find((buffer) => buffer.name === name)!.type),
    ]),
  );

async function agree(session: Session, room: ExamRoom, entry: EntrySignature, kernelCase: KernelCase, inputs: Inputs): Promise<boolean> {
  const results: Tensor[][] = [];
  for (const library of [0, 1]) {
    const evaluation = await evaluateCase(session, room.loaded.spec, entry, library, kernelCase, inputs, 0x7ff80000);
    if (evaluation.status !== "returned") return false;
    if (evaluation.code !== 0 || evaluation.inputsChanged) return false;
    results.push(Object.values(evaluation.outputs));
  }
  return results[0]!.every((tensor, index) => bitwiseEqual(tensor, results[1]![index]!));
}

/** Bit for bit, signs of zero included; which NaN it is says nothing. */
const bitwiseEqual = (left: Tensor, right: Tensor): boolean => left.data.every((value, index) => Object.is(value, right.data[index]));
