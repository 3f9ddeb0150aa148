import type { InputBuffer, OutputBuffer } from "../../specs/contracts/spec.js";
import type { Session } from "../../specs/contracts/target.js";
import type { Evidence, Tensor } from "../../specs/contracts/verdict.js";
import { shapeOf } from "../../specs/entry-signature.js";
import { compareOutputs, evidenceOf, judgeOutput } from "../align/judge-case.js";
import { drawInputs, drawOf, type Inputs, type KernelCase } from "../align/kernel-case.js";
import type { ReferenceBench } from "../align/reference-bench.js";
import type { Law } from "../laws.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { allocateTensor, bytesOf } from "../numerics/tensor.js";
import type { TimedInputs } from "./timed-inputs.js";

/** Rows in each regime: a regime may treat its first row apart from the others. */
const rowsPerRegime = 2;

interface Strewn {
  kernelCase: KernelCase;
  /** Where its rows lie in the large input. */
  indices: number[];
  inputs: Inputs;
}

/**
 * Timed inputs are ordinary numbers, so that a time means something. A kernel that is right for these alone at the sizes that are timed
 * would never be found out: so one call, which is not timed, finds a few rows of every other regime strewn among them.
 */
export class OddRows {
  private readonly random: Random;
  /** The size along which rows of inputs and outputs belong together; null where the entry has none. */
  private readonly symbol: string | null;

  constructor(
    private readonly bench: ReferenceBench,
    private readonly timed: TimedInputs,
    private readonly seed: string,
    private readonly suspended?: Law,
  ) {
    this.random = new Random(deriveSeed(seed, "odd-rows"));
    this.symbol = rowSymbol(timed);
  }

  /** `call`: one call on the set with the session's inputs as they are; false where it did not return. */
  async look(session: Session, call: (set: number) => Promise<boolean>): Promise<Evidence | null> {
    if (this.symbol === null) return null;
    const set = this.timed.chooseSet();
    const strewn = await this.draw(set, this.symbol);
    for (const { inputs, indices } of strewn) await this.write(session, set, indices, (name, position) => rowOf(inputs[name]!, position));
    const returned = await call(set);
    const failure = returned ? await this.firstFailure(session, set, strewn) : null;
    for (const { indices } of strewn)
      await this.write(session, set, indices, (name, position) => rowOf(this.timed.sets[set]![name]!, indices[position]!));
    return failure;
  }

  private async draw(set: number, symbol: string): Promise<Strewn[]> {
    const { kernelCase, entry } = this.timed;
    const { spec } = this.bench.loaded;
    const regimes = spec.regimes.filter((regime) => regime !== "normal");
    const count = Math.min(rowsPerRegime, Math.floor(kernelCase.sizes[symbol]! / regimes.length));
    if (count === 0) return [];
    const places = this.random.distinct(count * regimes.length, kernelCase.sizes[symbol]!);
    const strewn: Strewn[] = [];
    for (const [turn, regime] of regimes.entries()) {
      const small: KernelCase = {
        ...kernelCase,
        regime,
        visibility: "hidden",
        sizes: { ...kernelCase.sizes, [symbol]: count },
        seed: deriveSeed(this.seed, regime),
      };
      const drawn = drawInputs(spec, this.bench.variant, small);
      for (const [name, tensor] of Object.entries(this.timed.sets[set]!))
        if (entry.buffers[name]!.shape[0] !== symbol) drawn[name] = tensor;
      const inputs = await this.bench.completeInputs(small, drawn);
      strewn.push({ kernelCase: small, indices: places.slice(turn * count, (turn + 1) * count), inputs });
    }
    return strewn;
  }

  private async write(
    session: Session,
    set: number,
    indices: number[],
    row: (name: string, position: number) => Uint8Array,
  ): Promise<void> {
    for (const [name, buffer] of Object.entries(this.timed.entry.buffers)) {
      if (buffer.role !== "input" || buffer.shape[0] !== this.symbol) continue;
      for (const [position, index] of indices.entries()) {
        const bytes = row(name, position);
        await session.writeInput(set, name, index * bytes.byteLength, bytes);
      }
    }
  }

  private async firstFailure(session: Session, set: number, strewn: Strewn[]): Promise<Evidence | null> {
    const { entry, kernelCase } = this.timed;
    const signature = this.bench.signature(kernelCase.entry);
    const looked = Object.entries(entry.buffers).filter(
      (item): item is [string, OutputBuffer] => item[1].role === "output" && isByRow(item[1], this.symbol!),
    );
    for (const { kernelCase: small, indices, inputs } of strewn) {
      const candidate: Record<string, Tensor> = {};
      for (const [name, buffer] of looked) {
        const { type } = signature.buffers.find((item) => item.name === name)!;
        const rows = allocateTensor(type, shapeOf(buffer, small.sizes));
        const rowBytes = rows.data.byteLength / indices.length;
        for (const [position, index] of indices.entries())
          bytesOf(rows).set(await session.readOutput(set, name, index * rowBytes, rowBytes), position * rowBytes);
        candidate[name] = rows;
      }
      const names = looked.map(([name]) => name);
      const wanted = [...new Set(looked.flatMap(([name, buffer]) => [name, ...(buffer.error_scale ?? [])]))];
      const oracle = await this.bench.evaluateOracle(small, inputs, wanted);
      const honest = await this.bench.evaluateHonest(small, inputs, wanted);
      for (const comparison of compareOutputs(entry, signature, { candidate, oracle, honest }, names)) {
        const failure = judgeOutput(comparison, false, deriveSeed(small.seed, "bias"), undefined, this.suspended);
        if (failure) return { ...evidenceOf(small, comparison.output, failure), law: "regimes" };
      }
    }
    return null;
  }
}

const isByRow = (buffer: OutputBuffer, symbol: string): boolean => buffer.slice.includes(symbol) && buffer.shape[0] === symbol;

/** The leading size of a signal by whose values an output may be sliced, all inputs that carry it having it in front. */
function rowSymbol({ entry }: TimedInputs): string | null {
  const buffers = Object.values(entry.buffers);
  const inputs = buffers.filter((buffer): buffer is InputBuffer => buffer.role === "input");
  const symbols = inputs.filter((buffer) => drawOf(buffer).kind === "signal").map((buffer) => buffer.shape[0]!);
  const isInFront = (symbol: string) => inputs.every((buffer) => !buffer.shape.slice(1).includes(symbol));
  const isSliced = (symbol: string) => buffers.some((buffer) => buffer.role === "output" && isByRow(buffer, symbol));
  return symbols.find((symbol) => isInFront(symbol) && isSliced(symbol)) ?? null;
}

function rowOf(tensor: Tensor, index: number): Uint8Array {
  const rowBytes = tensor.data.byteLength / tensor.shape[0]!;
  return bytesOf(tensor).subarray(index * rowBytes, (index + 1) * rowBytes);
}
