import type { Entry, Sizes, Variant } from "../../specs/contracts/spec.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { resolveType, shapeOf } from "../../specs/entry-signature.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { elementCount, fromDoubles } from "../numerics/tensor.js";
import type { Inputs, KernelCase } from "./kernel-case.js";

/** A float32 sum of integers is exact in any order while the sum of magnitudes stays at or below this. */
const exactLimit = 2 ** 24;

/** The symbol that a bilinear entry sums over: in both factors and in no output. */
export function contractionSymbol(entry: Entry): string {
  const [left, right] = entry.bilinear!.map((name) => entry.buffers[name]!);
  const outputs = new Set(Object.values(entry.buffers).flatMap((buffer) => (buffer.role === "output" ? buffer.shape : [])));
  const shared = left!.shape.filter((symbol) => right!.shape.includes(symbol) && !outputs.has(symbol));
  if (shared.length !== 1) throw new Error(`a bilinear entry sums over exactly one size; this one shares ${shared.join(", ") || "none"}`);
  return shared[0]!;
}

/**
 * Integer inputs for which every partial sum in any order is exact and the result is exact in storage, yet which need every bit of
 * the storage type's mantissa and of the accumulator: an honest order of summation gives the exact result, a downgraded input,
 * product or accumulator does not. Which factor is the wide one, and how, is drawn by the case's seed.
 */
export function drawExactProbe(entry: Entry, variant: Variant, kernelCase: KernelCase): Inputs {
  const random = new Random(deriveSeed(kernelCase.seed, "probe"));
  const contraction = contractionSymbol(entry);
  const length = kernelCase.sizes[contraction]!;
  const swap = random.bits() < 0;
  const [wideName, narrowName] = swap ? [entry.bilinear![1], entry.bilinear![0]] : [entry.bilinear![0], entry.bilinear![1]];
  const wide = lines(entry, wideName, contraction, kernelCase.sizes);
  const narrow = lines(entry, narrowName, contraction, kernelCase.sizes);
  if (variant.store === "bf16") fillCancelling(random, length, wide, narrow);
  else if (random.bits() < 0) fillGather(random, length, wide, narrow);
  else fillDense(random, length, wide, narrow);
  const tensorOf = (name: string, side: Lines): Tensor =>
    fromDoubles(resolveType(entry.buffers[name]!.type, variant), shapeOf(entry.buffers[name]!, kernelCase.sizes), side.values);
  return { [wideName]: tensorOf(wideName, wide), [narrowName]: tensorOf(narrowName, narrow) };
}

/** A tensor seen as lines along the contraction: value k of line j is at start(j) + k * stride. */
interface Lines {
  values: Float64Array;
  count: number;
  at: (line: number, k: number) => number;
}

function lines(entry: Entry, name: string, contraction: string, sizes: Sizes): Lines {
  const buffer = entry.buffers[name]!;
  const shape = shapeOf(buffer, sizes);
  const axis = buffer.shape.indexOf(contraction);
  const stride = elementCount(shape.slice(axis + 1));
  const extent = shape[axis]!;
  return {
    values: new Float64Array(elementCount(shape)),
    count: elementCount(shape) / extent,
    at: (line, k) => Math.floor(line / stride) * stride * extent + (line % stride) + k * stride,
  };
}

/** 13-bit odd integers against -1, 0 and 1: more bits than TF32 or bf16 keep, sums that need nearly all 24. */
function fillDense(random: Random, length: number, wide: Lines, narrow: Lines): void {
  const used = new Set(random.distinct(Math.floor(exactLimit / 2 ** 13), length));
  for (let j = 0; j < wide.count; j++)
    for (let k = 0; k < length; k++) wide.values[wide.at(j, k)] = random.sign() * (2 * random.integer(2048, 4095) + 1);
  for (let j = 0; j < narrow.count; j++)
    for (let k = 0; k < length; k++) narrow.values[narrow.at(j, k)] = used.has(k) ? random.integer(-1, 1) : 0;
}

/** Full 24-bit integers, one of which each result picks out: a copy must keep every bit. */
function fillGather(random: Random, length: number, wide: Lines, narrow: Lines): void {
  for (let i = 0; i < wide.values.length; i++) wide.values[i] = random.sign() * (2 * random.integer(2 ** 22, 2 ** 23 - 1) + 1);
  for (let j = 0; j < narrow.count; j++) narrow.values[narrow.at(j, random.integer(0, length - 1))] = random.sign();
}

/**
 * bf16: triples p, q, p + q against t, t, -t cancel exactly, though each rounded product or a bf16 running sum would not;
 * one or two left-over positions give the small result, exact in bf16.
 */
function fillCancelling(random: Random, length: number, wide: Lines, narrow: Lines): void {
  const order = shuffled(random, length);
  const triples = Math.floor((length - 1) / 3);
  const largest = Math.max(3, Math.min(255, Math.floor(exactLimit / (254 * length))));
  for (let t = 0; t < triples; t++) {
    const [p, q, r] = [order[3 * t]!, order[3 * t + 1]!, order[3 * t + 2]!];
    for (let j = 0; j < wide.count; j++) {
      const first = random.integer(-127, 127);
      const second = random.integer(-127, 127);
      wide.values[wide.at(j, p)] = first;
      wide.values[wide.at(j, q)] = second;
      wide.values[wide.at(j, r)] = first + second;
    }
    for (let j = 0; j < narrow.count; j++) {
      const factor = random.sign() * random.integer(1, largest);
      narrow.values[narrow.at(j, p)] = factor;
      narrow.values[narrow.at(j, q)] = factor;
      narrow.values[narrow.at(j, r)] = -factor;
    }
  }
  const leftOver = order.slice(3 * triples);
  for (const side of [wide, narrow])
    for (const k of leftOver) for (let j = 0; j < side.count; j++) side.values[side.at(j, k)] = random.integer(-7, 7);
}

function shuffled(random: Random, length: number): number[] {
  const order = Array.from({ length }, (_, index) => index);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
