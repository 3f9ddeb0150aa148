import type { Sizes } from "../../../specs/contracts/spec.js";
import { evaluateFormula } from "../../../specs/expression.js";
import { OutlineError } from "../outline-error.js";
import type { TranslatedProblem } from "./translated-problem.js";

type Range = [number, number];

export interface ChosenSizes {
  ranges: Record<string, { small: Range; medium: Range }>;
  public: Sizes[];
  timed: Sizes;
  /** Sizes that are timed at less than the problem's own, with the problem's. */
  smaller: Sizes;
}

/** By how many sizes vary, so that a case stays small whatever the shapes are. */
const rangesByCount: { small: Range; medium: Range }[] = [
  { small: [1, 1], medium: [1, 1] },
  { small: [2, 200], medium: [300, 2000] },
  { small: [2, 30], medium: [33, 200] },
  { small: [2, 12], medium: [13, 64] },
  { small: [2, 7], medium: [8, 20] },
  { small: [2, 4], medium: [5, 9] },
];

/** In FLOP: a hidden case is computed some twenty times in plain loops, a timed call once in float64 beside the calls that are timed. */
const mostOfACase = 5e7;
const mostOfACall = 4e8;
const leastPossible = 2e9;

/**
 * The sizes of a problem's exam: ranges to draw hidden cases from, public cases, and the timed one, which is the problem's own where a CPU's
 * plain loops can follow. Throws OutlineError where even the smallest case is too much.
 */
export function chooseSizes(file: string, { sizes, fixed, flops }: TranslatedProblem, asked: Record<string, number>): ChosenSizes {
  const free = Object.keys(sizes).filter((size) => !fixed.includes(size));
  const work = (of: Sizes): number => evaluateFormula(flops, { ...sizes, ...of });
  const all = (value: number): Sizes => Object.fromEntries(free.map((size) => [size, value]));
  const { small, medium } = rangesByCount[Math.min(free.length, rangesByCount.length - 1)]!;
  if (work(all(small[0])) > leastPossible) throw new OutlineError(`${file}: ${tooMuch(sizes, fixed)}`);
  const largest = shrunk(small[0], medium[1], (value) => work(all(value)) <= mostOfACase);
  const within = ([low, high]: Range): Range => [Math.min(low, largest), Math.min(high, largest)];
  const own = (size: string): Range => [sizes[size]!, sizes[size]!];
  const ranges = Object.fromEntries(
    Object.keys(sizes).map((size) => [
      size,
      fixed.includes(size) ? { small: own(size), medium: own(size) } : { small: within(small), medium: within(medium) },
    ]),
  );
  const publicCases = [small[0], small[0] + 1, small[1], Math.min(2 * small[1] + 1, medium[1])].map((value, place) =>
    Object.fromEntries(free.map((size, turn) => [size, Math.min(value + ((turn * 3 + place) % (place + 1)), largest)])),
  );
  const timed = timedSizes(sizes, free, asked, work);
  const smaller = Object.fromEntries(free.filter((size) => timed[size] !== sizes[size]).map((size) => [size, sizes[size]!]));
  return { ranges, public: distinct(publicCases.map((of) => ({ ...sizes, ...of }))), timed, smaller };
}

/** The problem's own, the largest that nobody asked for halved until a call is no more than the oracle can follow. */
function timedSizes(sizes: Sizes, free: string[], asked: Record<string, number>, work: (of: Sizes) => number): Sizes {
  const timed = { ...sizes };
  const shrinkable = free.filter((size) => !Object.hasOwn(asked, size));
  while (work(timed) > mostOfACall) {
    const largest = shrinkable.reduce<string | null>((a, b) => (a !== null && timed[a]! >= timed[b]! ? a : b), null);
    if (largest === null || timed[largest]! < 4) break;
    timed[largest] = timed[largest]! >> 1;
  }
  return timed;
}

/** The largest value up to `most` that still is `enough`, at least `least`. */
function shrunk(least: number, most: number, enough: (value: number) => boolean): number {
  let value = most;
  while (value > least && !enough(value)) value = Math.max(least, Math.floor(value * 0.8));
  return value;
}

function distinct(cases: Sizes[]): Sizes[] {
  return [...new Map(cases.map((of) => [JSON.stringify(of), of])).values()];
}

function tooMuch(sizes: Sizes, fixed: string[]): string {
  const held = fixed.map((size) => sizes[size]!).sort((a, b) => b - a);
  return (
    `its smallest case is more than ${leastPossible / 1e9} GFLOP, for numbers that it cannot be built without or that shapes follow from stay as they are (${held.slice(0, 4).join(", ")}): ` +
    "name smaller ones with --size NAME=VALUE, by the names at the file's top level"
  );
}
