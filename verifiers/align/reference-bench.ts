import type { KernelSpec, LoadedSpec, Variant } from "../../specs/contracts/spec.js";
import type { Artifact, EntrySignature, Session, Target } from "../../specs/contracts/target.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { entrySignatures } from "../../specs/entry-signature.js";
import { deriveSeed } from "../numerics/random.js";
import { convertTensor, toDoubles } from "../numerics/tensor.js";
import { thresholds } from "../thresholds.js";
import { byteLengths, evaluateCase } from "./evaluate.js";
import { jitterInputs } from "./jitter.js";
import type { Inputs, KernelCase } from "./kernel-case.js";
import { drawOf } from "./kernel-case.js";
import { roundToStorage, type Storage } from "./output-reference.js";
import { honestOrders, jitteredOrders, referenceCandidate } from "./reference-candidate.js";

/**
 * The oracle (float64 throughout) and the honest evaluations (the spec's types), each in a sandbox of its own on the host:
 * candidates never share a process, a file or a moment with them.
 */
export class ReferenceBench {
  private constructor(
    readonly loaded: LoadedSpec,
    readonly variant: Variant,
    private readonly oracle: TrustedSession,
    private readonly honest: TrustedSession,
    /** The reference in the variant's own types, where these are not those of the honest evaluations. */
    private readonly yardstick: TrustedSession | null,
    private readonly oracleEntries: EntrySignature[],
    private readonly honestEntries: EntrySignature[],
    private readonly entries: EntrySignature[],
  ) {}

  static async open(host: Target, loaded: LoadedSpec, variant: Variant, support: Record<string, string>): Promise<ReferenceBench> {
    const oracleEntries = entrySignatures(loaded.spec, "oracle");
    const wide: Variant = { store: variant.accumulate, accumulate: variant.accumulate };
    const honestEntries = entrySignatures(loaded.spec, wide);
    const entries = entrySignatures(loaded.spec, variant);
    const compiler = host.tuningSpace(variant).compilers[0]!;
    const build = async (types: Variant | "oracle", signatures: EntrySignature[], flags: string[]): Promise<Artifact> => {
      const candidate = referenceCandidate(loaded, types, compiler, flags);
      const result = await host.build({ candidate, support, entries: signatures, mode: "plain", threads: 1 });
      if (result.status === "failed") throw new Error(`the reference ${loaded.referencePath} does not build: ${result.log}`);
      return result.artifact;
    };
    const oracleLibrary = await build("oracle", oracleEntries, ["-ffp-contract=off"]);
    const honestLibraries = await Promise.all(honestOrders.map((flags) => build(wide, honestEntries, flags)));
    const yardstick = variant.store === variant.accumulate ? null : await build(variant, entries, honestOrders[0]!);
    const session = async (libraries: Artifact[], entries: EntrySignature[]) =>
      new TrustedSession(await host.open({ libraries, entries, threads: 1, memory: "plain", wallMs: 3_600_000 }), loaded.spec);
    return new ReferenceBench(
      loaded,
      variant,
      await session([oracleLibrary], oracleEntries),
      await session(honestLibraries, honestEntries),
      yardstick && (await session([yardstick], entries)),
      oracleEntries,
      honestEntries,
      entries,
    );
  }

  /** Of the variant, as candidates implement it. */
  signature(entry: string): EntrySignature {
    return this.entries.find((candidate) => candidate.name === entry)!;
  }

  /** Adds the inputs that come from another entry: its oracle's output, rounded to this variant's storage. */
  async completeInputs(kernelCase: KernelCase, inputs: Inputs): Promise<Inputs> {
    const complete = { ...inputs };
    for (const [name, buffer] of Object.entries(this.loaded.spec.entries[kernelCase.entry]!.buffers)) {
      if (buffer.role !== "input") continue;
      const draw = drawOf(buffer);
      if (draw.kind !== "from") continue;
      const source = this.loaded.spec.entries[draw.entry]!;
      const sourceInputs = Object.fromEntries(
        Object.keys(source.buffers)
          .filter((key) => source.buffers[key]!.role === "input")
          .map((key) => [key, complete[key]!]),
      );
      const missing = Object.keys(sourceInputs).filter((key) => sourceInputs[key] === undefined);
      if (missing.length > 0)
        throw new Error(`entry ${kernelCase.entry} takes ${name} from ${draw.entry}, whose input ${missing[0]} it does not have itself`);
      const scalars = Object.fromEntries(
        Object.entries(source.scalars ?? {}).map(([key, scalar]) => [key, kernelCase.scalars[key] ?? Math.fround(scalar.timed)]),
      );
      const outputs = await this.evaluateOracle({ ...kernelCase, entry: draw.entry, scalars }, sourceInputs, [name]);
      const { type } = this.signature(kernelCase.entry).buffers.find((candidate) => candidate.name === name)!;
      complete[name] = convertTensor(outputs[name]!, type);
    }
    return complete;
  }

  /** Outputs in float64, by name, those that are wanted. Throws where the reference itself fails: that is never the candidate's fault. */
  async evaluateOracle(kernelCase: KernelCase, inputs: Inputs, wanted?: readonly string[]): Promise<Record<string, Tensor>> {
    const entry = this.oracleEntries.find((candidate) => candidate.name === kernelCase.entry)!;
    const wide = inTypesOf(entry, inputs);
    return this.oracle.evaluate(entry, 0, kernelCase, wide, 0x7ff80000, { wanted });
  }

  /** What every honest evaluation gives before it is stored, in doubles, by output name. */
  async evaluateHonest(kernelCase: KernelCase, inputs: Inputs, wanted?: readonly string[]): Promise<Record<string, Float64Array>[]> {
    const wide = inTypesOf(this.honestEntry(kernelCase), inputs);
    const results: Record<string, Float64Array>[] = [];
    for (const library of honestOrders.keys())
      results.push(await this.evaluateWide(kernelCase, library, wide, { wanted, filled: library > 0 }));
    for (let repeat = 0; repeat < thresholds.honestJitters; repeat++) {
      const jittered = jitterInputs(wide, deriveSeed(kernelCase.seed, "jitter", repeat));
      results.push(await this.evaluateWide(kernelCase, jitteredOrders[repeat % jitteredOrders.length]!, jittered, { wanted }));
    }
    const stored = await this.evaluateYardstick(kernelCase, inputs, wanted);
    // A reference that goes on with what it has stored may err by more than its sums do; it is the yardstick all the same.
    if (stored && !sameWhenStored(this.signature(kernelCase.entry), results[0]!, stored)) results.push(stored);
    return results;
  }

  private honestEntry(kernelCase: KernelCase): EntrySignature {
    return this.honestEntries.find((candidate) => candidate.name === kernelCase.entry)!;
  }

  private async evaluateWide(
    kernelCase: KernelCase,
    library: number,
    inputs: Inputs,
    options: { filled?: boolean; wanted: readonly string[] | undefined },
  ) {
    const entry = this.honestEntry(kernelCase);
    return doublesOf(await this.honest.evaluate(entry, library, kernelCase, inputs, 0x7fc00000, options));
  }

  private async evaluateYardstick(
    kernelCase: KernelCase,
    inputs: Inputs,
    wanted: readonly string[] | undefined,
  ): Promise<Record<string, Float64Array> | null> {
    if (!this.yardstick) return null;
    const entry = this.signature(kernelCase.entry);
    return doublesOf(await this.yardstick.evaluate(entry, 0, kernelCase, inputs, 0x7fc07fc0, { wanted }));
  }

  /** CPU seconds of all its sandboxes so far. */
  cpuSeconds(): number {
    return this.sessions().reduce((sum, { session }) => sum + session.cpuSeconds(), 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.sessions().map(({ session }) => session.close()));
  }

  private sessions(): TrustedSession[] {
    return [this.oracle, this.honest, ...(this.yardstick ? [this.yardstick] : [])];
  }
}

const doublesOf = (outputs: Record<string, Tensor>): Record<string, Float64Array> =>
  Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, toDoubles(tensor)]));

/** The same values in the types of an entry's buffers. */
function inTypesOf(entry: EntrySignature, inputs: Inputs): Inputs {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [
      name,
      convertTensor(tensor, entry.buffers.find((buffer) => buffer.name === name)!.type),
    ]),
  );
}

function sameWhenStored(entry: EntrySignature, wide: Record<string, Float64Array>, stored: Record<string, Float64Array>): boolean {
  return entry.buffers
    .filter((buffer) => buffer.name in stored)
    .every(({ name, type }) =>
      wide[name]!.every((value, index) => Object.is(roundToStorage(type as Storage, value), stored[name]![index])),
    );
}

/** A session that runs references: its buffers may lie where they lay, for nothing is to be hidden from it. Calls must not overlap. */
class TrustedSession {
  private layout = "";

  constructor(
    readonly session: Session,
    private readonly spec: KernelSpec,
  ) {}

  /** `filled`: the inputs are those of the call before. Throws where the reference fails. */
  async evaluate(
    entry: EntrySignature,
    library: number,
    kernelCase: KernelCase,
    inputs: Inputs,
    poison: number,
    { filled = false, wanted }: { filled?: boolean; wanted?: readonly string[] | undefined },
  ): Promise<Record<string, Tensor>> {
    const needed = JSON.stringify([entry.name, byteLengths(this.spec, entry, kernelCase.sizes)]);
    const layout = this.layout !== needed ? "fresh" : filled ? "filled" : "kept";
    this.layout = "";
    const evaluation = await evaluateCase(this.session, this.spec, entry, library, kernelCase, inputs, poison, { layout, wanted });
    if (evaluation.status !== "returned" || evaluation.code !== 0)
      throw new Error(`the reference failed: ${JSON.stringify({ ...evaluation, outputs: undefined })}`);
    this.layout = needed;
    return evaluation.outputs;
  }
}
