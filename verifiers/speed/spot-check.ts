import type { OutputBuffer, Sizes } from "../../specs/contracts/spec.js";
import type { EntrySignature, Session } from "../../specs/contracts/target.js";
import type { Evidence, Tensor } from "../../specs/contracts/verdict.js";
import { bytesPerElement, entrySignatures, shapeOf } from "../../specs/entry-signature.js";
import { type Envelope, measureEnvelope } from "../align/envelope.js";
import { compareOutputs, evidenceOf, judgeOutput } from "../align/judge-case.js";
import type { Inputs, KernelCase } from "../align/kernel-case.js";
import type { GateFailure } from "../align/output-reference.js";
import type { ReferenceBench } from "../align/reference-bench.js";
import type { Law } from "../laws.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { allocateTensor, projectAlong, takeAlong, tensorFromBytes } from "../numerics/tensor.js";
import { thresholds } from "../thresholds.js";
import type { TimedInputs } from "./timed-inputs.js";

/** Checks compute honest evaluations of their own until so many rows have been seen; then the pooled envelope serves. */
const envelopeRows = 32;
/** Columns looked at per row where an output may be sliced along two symbols. */
const secondAxisCount = 16;

interface Selection {
  output: string;
  /** Chosen indices by symbol; symbols that are not here are taken whole. */
  chosen: Record<string, number[]>;
}

interface Sealed {
  set: number;
  selection: Selection;
  output: Tensor;
  /** When it was sealed: inputs go on changing. */
  moment: number;
}

/** Rows that each call must show so that 1 % of wrong rows is caught with the stated probability over that many units of `calls` calls. */
export function rowsPerCall(calls: number, units: number): number {
  const compared = Math.min(calls, thresholds.comparedCalls) * units;
  return Math.max(2, Math.ceil(Math.log(thresholds.spotCheckEscape) / Math.log(0.99) / Math.max(compared, 1)));
}

/**
 * Looks at secret parts of the outputs of timed calls. The parts are chosen here before a call, copied right after it, and compared
 * with the oracle later, when no clock runs. Nothing of the choice reaches the candidate.
 */
export class SpotCheck {
  private readonly random: Random;
  private readonly signature: EntrySignature;
  private sealed: Sealed[] = [];
  private unitsCompared = 0;
  private readonly envelopes = new Map<string, Envelope>();
  private readonly rowsSeen = new Map<string, number>();
  rowsChecked = 0;

  constructor(
    private readonly bench: ReferenceBench,
    private readonly timed: TimedInputs,
    seed: string,
    private readonly suspended?: Law,
  ) {
    this.random = new Random(deriveSeed(seed, "spot-check"));
    this.signature = entrySignatures(bench.loaded.spec, bench.variant).find((entry) => entry.name === timed.kernelCase.entry)!;
  }

  /** Chooses what to look at and changes half of it in the inputs. */
  async prepare(set: number, rows: number): Promise<Selection[]> {
    const { sizes } = this.timed.kernelCase;
    const selections: Selection[] = [];
    for (const [output, buffer] of this.outputs()) {
      const chosen: Record<string, number[]> = {};
      for (const [position, symbol] of buffer.slice.entries()) {
        chosen[symbol] = this.random.distinct(position === 0 ? rows : secondAxisCount, sizes[symbol]!);
        const changed = chosen[symbol].filter(() => this.random.bits() < 0);
        if (this.suspended !== "fresh calls") await this.timed.changeSlices(set, symbol, changed);
      }
      selections.push({ output, chosen });
    }
    return selections;
  }

  /** Copies the chosen parts out of the session; `judged` is false for the baseline, whose calls only go through the same motions. */
  async seal(session: Session, set: number, selections: Selection[], judged: boolean): Promise<void> {
    for (const selection of selections) {
      const buffer = this.timed.entry.buffers[selection.output]! as OutputBuffer;
      const output = await this.readSlices(session, set, selection, buffer);
      if (judged && this.suspended !== "timed outputs") this.sealed.push({ set, selection, output, moment: this.timed.now() });
    }
  }

  /** Compares a secret sample of what one unit of the duel sealed; evidence of the first failure. */
  async compare(): Promise<Evidence[]> {
    const items = this.takeSample();
    const inputs: Inputs[] = [];
    this.timed.lookBack(
      items.map((item) => item.moment),
      (position) => {
        inputs[position] = this.sliceInputs(items[position]!.set, items[position]!.selection);
      },
    );
    this.timed.forgetPast();
    for (const [position, item] of items.entries()) {
      const failure = await this.compareOne(item, inputs[position]!);
      if (failure) return [failure];
    }
    return [];
  }

  private takeSample(): Sealed[] {
    const count = this.unitsCompared++ < thresholds.grossUnits ? thresholds.comparedCalls : thresholds.laterComparedCalls;
    const all = this.sealed;
    this.sealed = [];
    return this.outputs().flatMap(([output]) => {
      const ofOutput = all.filter((item) => item.selection.output === output);
      return this.random.distinct(count, ofOutput.length).map((index) => ofOutput[index]!);
    });
  }

  private outputs(): [string, OutputBuffer][] {
    return Object.entries(this.timed.entry.buffers).flatMap(([name, buffer]) =>
      buffer.role === "output" ? [[name, buffer] as [string, OutputBuffer]] : [],
    );
  }

  private async readSlices(session: Session, set: number, selection: Selection, buffer: OutputBuffer): Promise<Tensor> {
    const { type } = this.signature.buffers.find((candidate) => candidate.name === selection.output)!;
    const shape = shapeOf(buffer, this.timed.kernelCase.sizes);
    const size = bytesPerElement(type);
    const [first, ...others] = buffer.slice;
    // Slices along the leading axis are contiguous: only they are read. Otherwise the output is read whole, and taken from.
    if (first !== undefined && buffer.shape[0] === first) {
      const indices = selection.chosen[first]!;
      const rowBytes = shape.slice(1).reduce((product, extent) => product * extent, size);
      const rows = allocateTensor(type, [indices.length, ...shape.slice(1)]);
      const bytes = new Uint8Array(rows.data.buffer);
      for (const [position, index] of indices.entries())
        bytes.set(await session.readOutput(set, selection.output, index * rowBytes, rowBytes), position * rowBytes);
      return others.reduce((tensor, symbol) => takeAlong(tensor, buffer.shape.indexOf(symbol), selection.chosen[symbol]!), rows);
    }
    const whole = tensorFromBytes(
      type,
      shape,
      await session.readOutput(
        set,
        selection.output,
        0,
        shape.reduce((product, extent) => product * extent, size),
      ),
    );
    return buffer.slice.reduce((tensor, symbol) => takeAlong(tensor, buffer.shape.indexOf(symbol), selection.chosen[symbol]!), whole);
  }

  private sliceInputs(set: number, selection: Selection): Inputs {
    const inputs: Inputs = {};
    for (const [name, tensor] of Object.entries(this.timed.sets[set]!)) {
      const axes = this.timed.entry.buffers[name]!.shape;
      const sliced = axes.reduce(
        (current, symbol, axis) => (selection.chosen[symbol] ? takeAlong(current, axis, selection.chosen[symbol]) : current),
        tensor,
      );
      // What is looked back at will not stay.
      inputs[name] = sliced === tensor ? { ...tensor, data: tensor.data.slice() as Tensor["data"] } : sliced;
    }
    return inputs;
  }

  private async compareOne({ selection, output }: Sealed, inputs: Inputs): Promise<Evidence | null> {
    const sizes: Sizes = { ...this.timed.kernelCase.sizes };
    for (const [symbol, indices] of Object.entries(selection.chosen)) sizes[symbol] = indices.length;
    const kernelCase: KernelCase = { ...this.timed.kernelCase, sizes };
    const buffer = this.timed.entry.buffers[selection.output] as OutputBuffer;
    const wanted = [selection.output, ...(buffer.error_scale ?? [])];
    const oracle = await this.bench.evaluateOracle(kernelCase, inputs, wanted);
    const rows = Object.values(selection.chosen)[0]?.length ?? 1;
    const seen = this.rowsSeen.get(selection.output) ?? 0;
    this.rowsSeen.set(selection.output, seen + rows);
    this.rowsChecked += rows;
    const judge = (honest: Record<string, Float64Array>[]): GateFailure | null => {
      const [comparison] = compareOutputs(this.timed.entry, this.signature, { candidate: { [selection.output]: output }, oracle, honest }, [
        selection.output,
      ]);
      const pooled = this.pool(selection.output, honest.length > 0 ? measureEnvelope(comparison!) : null);
      return judgeOutput(comparison!, false, deriveSeed(kernelCase.seed, seen), pooled, this.suspended);
    };
    const own = seen < envelopeRows;
    let failure = judge(own ? await this.bench.evaluateHonest(kernelCase, inputs, wanted) : []);
    // Nobody is accused on an envelope found elsewhere alone: these very inputs may be harder than those.
    if (failure && !own) failure = judge(await this.bench.evaluateHonest(kernelCase, inputs, wanted));
    return failure && evidenceOf(kernelCase, selection.output, failure);
  }

  private pool(output: string, fresh: Envelope | null): Envelope {
    const known = this.envelopes.get(output);
    const pooled: Envelope =
      fresh && known
        ? {
            rms: Math.max(fresh.rms, known.rms),
            max: Math.max(fresh.max, known.max),
            floorRms: Math.max(fresh.floorRms, known.floorRms),
            floorMax: Math.max(fresh.floorMax, known.floorMax),
          }
        : (fresh ?? known)!;
    this.envelopes.set(output, pooled);
    return pooled;
  }

  /**
   * Freivalds: the whole output times a random +-1 vector must equal the same product taken by the oracle on a projected factor.
   * (Freivalds 1979; in floating point the tolerance is what honest rounding adds up to.)
   */
  async checkProjection(session: Session, set: number): Promise<Evidence | null> {
    const { entry, kernelCase } = this.timed;
    if (!entry.bilinear || this.suspended === "timed outputs" || this.suspended === "precision") return null;
    const [output, buffer] = this.outputs()[0]!;
    const shape = shapeOf(buffer, kernelCase.sizes);
    const { type } = this.signature.buffers.find((candidate) => candidate.name === output)!;
    const symbol = buffer.shape.at(-1)!;
    const factor = entry.bilinear.find((name) => entry.buffers[name]!.shape.includes(symbol))!;
    const bytes = await session.readOutput(
      set,
      output,
      0,
      shape.reduce((product, extent) => product * extent, bytesPerElement(type)),
    );
    const vector = Float64Array.from({ length: kernelCase.sizes[symbol]! }, () => this.random.sign());
    const projectedOutput = projectAlong(tensorFromBytes(type, shape, bytes), shape.length - 1, vector);
    const inputs: Inputs = { ...this.timed.sets[set]! };
    inputs[factor] = projectAlong(inputs[factor]!, entry.buffers[factor]!.shape.indexOf(symbol), vector);
    const oracle = await this.bench.evaluateOracle({ ...kernelCase, sizes: { ...kernelCase.sizes, [symbol]: 1 } }, inputs);
    const failure = this.judgeProjection(output, projectedOutput.data as Float64Array, oracle[output]!.data as Float64Array);
    return (
      failure && {
        law: "timed outputs",
        kind: "alignment",
        visibility: "hidden",
        entry: kernelCase.entry,
        gate: "freivalds",
        output,
        regime: kernelCase.regime,
        timesOver: failure.measured / failure.bound,
      }
    );
  }

  private judgeProjection(output: string, got: Float64Array, expected: Float64Array): GateFailure | null {
    const envelope = this.envelopes.get(output);
    if (!envelope) return null;
    // A projection of n values of scale s has scale s * sqrt(n), and so has that of their errors.
    const scale = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
    const bound = thresholds.biasDeviations * (thresholds.envelopeRms * envelope.rms + envelope.floorRms) * scale * rowScaleSpread;
    let measured = 0;
    for (let i = 0; i < got.length; i++) {
      const error = Math.abs(got[i]! - expected[i]!);
      measured = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(measured, error);
    }
    return measured <= bound ? null : { gate: "freivalds", measured, bound, mismatches: [] };
  }
}

/** Timed rows differ in scale by up to this factor from their rms over rows. */
const rowScaleSpread = 4;
