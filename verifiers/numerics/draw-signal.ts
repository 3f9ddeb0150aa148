import type { Regime } from "../../specs/contracts/spec.js";
import type { Random } from "./random.js";

type RowFiller = (row: Float64Array, rowIndex: number) => void;
/** A standard normal at a time, or a row of them. */
interface Normals {
  one: () => number;
  row: RowFiller;
}
type Regimes = Record<Regime, (random: Random, rows: number, normals: Normals) => RowFiller>;

const fillWith =
  (value: () => number): RowFiller =>
  (row) => {
    for (let i = 0; i < row.length; i++) row[i] = value();
  };

/** Each regime prepares what its rows share and returns how to fill one row. docs/spec.md describes them for spec authors. */
const regimes: Regimes = {
  normal: (_random, _rows, normals) => normals.row,
  log_uniform: (random) => fillWith(() => random.sign() * 2 ** (24 * random.uniform() - 12)),
  positive: (_random, _rows, { one: normal }) => fillWith(() => Math.abs(normal())),
  offset: (_random, _rows, { one: normal }) => fillWith(() => normal() + 1000),
  tiny: (_random, _rows, { one: normal }) => fillWith(() => normal() * 1e-6),
  subnormal: (_random, _rows, { one: normal }) => fillWith(() => normal() * 1e-39),
  outlier:
    (random, _rows, { one: normal }) =>
    (row) => {
      fillWith(normal)(row, 0);
      row[random.integer(0, row.length - 1)]! *= 1000;
    },
  half_amplified:
    (_random, rows, { one: normal }) =>
    (row, rowIndex) =>
      fillWith(rowIndex < rows / 2 ? normal : () => 64 * normal())(row, rowIndex),
  repeated_rows: (random, _rows, { one: normal }) => {
    let patterns: Float64Array[] | null = null;
    return (row) => {
      patterns ??= [Float64Array.from(row, normal), Float64Array.from(row, normal)];
      row.set(patterns[random.integer(0, 1)]!);
    };
  },
  constant_rows:
    (_random, _rows, { one: normal }) =>
    (row) => {
      row.fill(normal());
    },
  zero_row:
    (random, _rows, { one: normal }) =>
    (row, rowIndex) => {
      if (rowIndex === 0 || random.uniform() < 0.25) row.fill(0);
      else fillWith(normal)(row, rowIndex);
    },
  ties: (random) => fillWith(() => random.integer(-1, 1)),
  huge_peak:
    (random, _rows, { one: normal }) =>
    (row) => {
      fillWith(normal)(row, 0);
      row[random.integer(0, row.length - 1)]! += 80;
    },
  all_but_one_inf:
    (random, _rows, { one: normal }) =>
    (row) => {
      row.fill(Number.NEGATIVE_INFINITY);
      row[random.integer(0, row.length - 1)] = normal();
    },
};

const normals = (random: Random): Normals => ({ one: () => random.normal(), row: fillWith(() => random.normal()) });

function cheapNormals(random: Random): Normals {
  const single = new Float64Array(1);
  return {
    one: () => {
      random.fillWithCheapNormals(single);
      return single[0]!;
    },
    row: (row) => random.fillWithCheapNormals(row),
  };
}

/** Calls `emit` with every row of a signal tensor in turn; the row is reused. */
export function drawSignal(
  random: Random,
  regime: Regime,
  rows: number,
  rowLength: number,
  scale: number,
  emit: (row: Float64Array, rowIndex: number) => void,
): void {
  const large = rows * rowLength > 1 << 20;
  const fill = regimes[regime](random, rows, large ? cheapNormals(random) : normals(random));
  const row = new Float64Array(rowLength);
  for (let r = 0; r < rows; r++) {
    fill(row, r);
    if (scale !== 1) for (let i = 0; i < rowLength; i++) row[i]! *= scale;
    emit(row, r);
  }
}
