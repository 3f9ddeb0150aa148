import type { Draw, Entry, InputBuffer, KernelSpec, Regime, Sizes, Variant } from "../../specs/contracts/spec.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { resolveType, shapeOf } from "../../specs/entry-signature.js";
import { fromBfloat16Bits, toBfloat16Bits } from "../numerics/bfloat16.js";
import { drawSignal } from "../numerics/draw-signal.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { allocateTensor, elementCount, fromDoubles } from "../numerics/tensor.js";

/** One set of inputs for one entry. `exact`: an integer probe whose result is known to the last bit. */
export interface KernelCase {
  entry: string;
  visibility: "public" | "hidden" | "timed";
  regime: Regime | "exact";
  sizes: Sizes;
  scalars: Record<string, number>;
  seed: string;
  /** Parameters at the centre of what they are drawn from, as a model's are before its training: in a test build alone. */
  plainParameters?: true;
}

export type Inputs = Record<string, Tensor>;

const defaultDraw: Draw = { kind: "signal" };
export const drawOf = (buffer: InputBuffer): Draw => buffer.draw ?? defaultDraw;

/** Draws every input but those that come `from` another entry's oracle. Values are exact in storage. */
export function drawInputs(spec: KernelSpec, variant: Variant, kernelCase: KernelCase): Inputs {
  const entry = spec.entries[kernelCase.entry]!;
  const inputs: Inputs = {};
  for (const [name, buffer] of Object.entries(entry.buffers)) {
    if (buffer.role !== "input") continue;
    const draw = drawOf(buffer);
    if (draw.kind !== "from" && draw.kind !== "index") inputs[name] = drawNumbers(buffer, name, draw, variant, kernelCase);
  }
  // Indices come last: some sit on the peaks of a signal.
  for (const [name, buffer] of Object.entries(entry.buffers))
    if (buffer.role === "input" && drawOf(buffer).kind === "index") inputs[name] = drawIndices(buffer, name, kernelCase, inputs);
  return inputs;
}

function drawNumbers(
  buffer: InputBuffer,
  name: string,
  draw: Extract<Draw, { kind: "signal" | "weight" }>,
  variant: Variant,
  kernelCase: KernelCase,
): Tensor {
  const random = new Random(deriveSeed(kernelCase.seed, name));
  const shape = shapeOf(buffer, kernelCase.sizes);
  const type = resolveType(buffer.type, variant);
  const rowLength = shape.at(-1)!;
  const rows = elementCount(shape) / rowLength;
  const spread = draw.kind === "weight" && !kernelCase.plainParameters ? draw.spread : 0;
  if (draw.kind === "weight")
    return fromDoubles(
      type,
      shape,
      Float64Array.from({ length: rows * rowLength }, () => draw.centre + spread * random.normal()),
    );
  const tensor = allocateTensor(type, shape);
  const regime = kernelCase.regime === "exact" ? "normal" : kernelCase.regime;
  // At timed sizes rows differ in magnitude: whoever looks at the first few, or at typical values, is misled.
  const mixed = kernelCase.visibility === "timed";
  drawSignal(random, regime, rows, rowLength, draw.scale ?? 1, (row, rowIndex) => {
    const factor = mixed ? 2 ** random.integer(-2, 2) : 1;
    const base = rowIndex * rowLength;
    if (type === "bf16") for (let i = 0; i < rowLength; i++) tensor.data[base + i] = toBfloat16Bits(row[i]! * factor);
    else for (let i = 0; i < rowLength; i++) tensor.data[base + i] = row[i]! * factor;
  });
  return tensor;
}

function drawIndices(buffer: InputBuffer, name: string, kernelCase: KernelCase, inputs: Inputs): Tensor {
  const draw = drawOf(buffer) as Extract<Draw, { kind: "index" }>;
  const random = new Random(deriveSeed(kernelCase.seed, name));
  const shape = shapeOf(buffer, kernelCase.sizes);
  const tensor = allocateTensor("i32", shape);
  const below = kernelCase.sizes[draw.below]!;
  const peaks = draw.peak_of === undefined ? null : inputs[draw.peak_of]!;
  for (let r = 0; r < tensor.data.length; r++) {
    const dice = random.uniform();
    if (draw.ignore !== undefined && dice < 0.1) tensor.data[r] = draw.ignore;
    else if (peaks && dice < 0.3) tensor.data[r] = extremeOfRow(peaks, r, below, dice < 0.2);
    else tensor.data[r] = random.integer(0, below - 1);
  }
  return tensor;
}

/** Index of the largest or smallest element of a row: targets at the maximum and the minimum are where cross-entropy goes wrong. */
function extremeOfRow(tensor: Tensor, row: number, rowLength: number, largest: boolean): number {
  const base = row * rowLength;
  const valueAt = (i: number) => (tensor.type === "bf16" ? fromBfloat16Bits(tensor.data[base + i]!) : tensor.data[base + i]!);
  let best = 0;
  let bestValue = valueAt(0);
  for (let i = 1; i < rowLength; i++) {
    const value = valueAt(i);
    if (largest ? value > bestValue : value < bestValue) {
      best = i;
      bestValue = value;
    }
  }
  return best;
}

/** Public cases: as the spec lists them, one regime each in turn, scalars at their timed value first. */
export function publicCases(spec: KernelSpec, entry: string): KernelCase[] {
  const cases = spec.cases.public.map(
    (sizes, index): KernelCase => ({
      entry,
      visibility: "public",
      regime: spec.regimes[index % spec.regimes.length]!,
      sizes,
      scalars: scalarsFor(spec.entries[entry]!, (values) => values[index % values.length]!, index === 0),
      seed: deriveSeed("public", spec.name, entry, index),
    }),
  );
  return spec.entries[entry]!.bilinear
    ? [...cases, ...cases.map((kernelCase): KernelCase => ({ ...kernelCase, regime: "exact", seed: deriveSeed(kernelCase.seed, "exact") }))]
    : cases;
}

/** In a bilinear entry every fourth hidden case is an exact probe. */
const probeEvery = 4;

/** Hidden cases, drawn from the spec's ranges by the seed of this submission: regimes in turn, small and medium sizes, odd ones among them. */
export function hiddenCases(spec: KernelSpec, entry: string, seed: string): KernelCase[] {
  const random = new Random(deriveSeed(seed, "cases", entry));
  const { regimes } = spec;
  const start = random.integer(0, regimes.length - 1);
  const bilinear = spec.entries[entry]!.bilinear !== undefined;
  return Array.from({ length: spec.cases.hidden }, (_, index): KernelCase => {
    const exact = bilinear && index % probeEvery === probeEvery - 1;
    // Probes do not count, or some regimes would never have their turn.
    const turn = bilinear ? index - Math.floor((index + 1) / probeEvery) : index;
    // Every third case is medium; where regimes come in threes the third moves on with each round of them.
    const shift = regimes.length % 3 === 0 ? Math.floor(turn / regimes.length) : 0;
    const range = (exact ? Math.floor(index / probeEvery) : turn + shift) % 3 === 2 ? "medium" : "small";
    const sizes: Sizes = {};
    for (const [symbol, ranges] of Object.entries(spec.sizes)) {
      const [low, high] = ranges[range];
      const size = drawSize(random, low, high);
      sizes[symbol] = index % 2 === 0 && size % 2 === 0 && size + 1 <= high ? size + 1 : size;
    }
    return {
      entry,
      visibility: "hidden",
      regime: exact ? "exact" : regimes[(start + turn) % regimes.length]!,
      sizes,
      scalars: scalarsFor(spec.entries[entry]!, (values) => random.choose(values), false),
      seed: deriveSeed(seed, entry, index),
    };
  });
}

const tiles = [8, 16, 32, 64, 128];

/** A third of the sizes lie at the edge of whole tiles, or one off it: there loops that are unrolled, vectorised or blocked go wrong. */
function drawSize(random: Random, low: number, high: number): number {
  const anywhere = random.integer(low, high);
  if (random.integer(0, 2) > 0) return anywhere;
  const tile = random.choose(tiles);
  const [first, last] = [Math.ceil(low / tile), Math.floor(high / tile)];
  if (first > last) return anywhere;
  return Math.min(high, Math.max(low, tile * random.integer(first, last) + random.integer(-1, 1)));
}

/** The case at which an entry is timed. */
export function timedCase(spec: KernelSpec, entry: string, sizes: Sizes, seed: string): KernelCase {
  return { entry, visibility: "timed", regime: "normal", sizes, scalars: scalarsFor(spec.entries[entry]!, () => 0, true), seed };
}

function scalarsFor(entry: Entry, choose: (values: number[]) => number, timed: boolean): Record<string, number> {
  return Object.fromEntries(
    Object.entries(entry.scalars ?? {}).map(([name, scalar]) => {
      const value = timed ? scalar.timed : choose(scalar.values);
      return [name, scalar.type === "i32" ? value : Math.fround(value)];
    }),
  );
}
