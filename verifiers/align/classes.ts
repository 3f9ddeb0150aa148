import { countWrong, type GateReading, indexOf, type OutputReference, roundToStorage } from "./output-reference.js";

export class OracleFault extends Error {
  override name = "OracleFault";
}

/** What is asked of an element besides being close. Finite values other than a signed zero are left to the envelope. */
const asked = { nothing: 0, finite: 1, positiveInfinity: 2, negativeInfinity: 3, positiveZero: 4, negativeZero: 5 } as const;

type ValueClass = "finite" | "nan" | "+inf" | "-inf";
const classOf = (value: number): ValueClass =>
  Number.isFinite(value) ? "finite" : Number.isNaN(value) ? "nan" : value > 0 ? "+inf" : "-inf";

/**
 * NaN, infinities and signs of zero are compared as classes. Where honest evaluations disagree among themselves nothing is asked;
 */
export function expectedClasses(reference: OutputReference): Uint8Array {
  const { oracle, honest, zeroSigns, storage } = reference;
  const expected = new Uint8Array(oracle.length);
  for (let i = 0; i < oracle.length; i++) {
    const exact = oracle[i]!;
    if (Number.isNaN(exact)) throw new OracleFault(`the oracle gives NaN for ${reference.output}[${indexOf(i, reference.shape)}]`);
    const valueClass = classOf(roundToStorage(storage, exact));
    if (honest.some((values) => classOf(roundToStorage(storage, values[i]!)) !== valueClass)) continue;
    if (valueClass === "+inf") expected[i] = asked.positiveInfinity;
    else if (valueClass === "-inf") expected[i] = asked.negativeInfinity;
    else if (zeroSigns && exact === 0 && honest.every((values) => Object.is(values[i], exact)))
      expected[i] = Object.is(exact, 0) ? asked.positiveZero : asked.negativeZero;
    else expected[i] = asked.finite;
  }
  return expected;
}

function meets(value: number, expected: number): boolean {
  switch (expected) {
    case asked.nothing:
      return true;
    case asked.positiveInfinity:
      return value === Number.POSITIVE_INFINITY;
    case asked.negativeInfinity:
      return value === Number.NEGATIVE_INFINITY;
    case asked.positiveZero:
      return Number.isFinite(value) && !Object.is(value, -0);
    case asked.negativeZero:
      return Number.isFinite(value) && !Object.is(value, 0);
    default:
      return Number.isFinite(value);
  }
}

export function checkClasses(reference: OutputReference, expected: Uint8Array, candidate: Float64Array): GateReading {
  const wrong: number[] = [];
  for (let i = 0; i < expected.length; i++) if (!meets(candidate[i]!, expected[i]!)) wrong.push(i);
  return countWrong("class", reference, candidate, wrong);
}
