import type { ElementType } from "../../specs/contracts/spec.js";

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** Explicit mantissa bits and the smallest normal exponent of each type. */
const formats: Record<Exclude<ElementType, "i32">, { mantissaBits: number; minimumExponent: number }> = {
  bf16: { mantissaBits: 7, minimumExponent: -126 },
  f32: { mantissaBits: 23, minimumExponent: -126 },
  f64: { mantissaBits: 52, minimumExponent: -1022 },
};

const powers = new Float64Array(2200).map((_, index) => 2 ** (index - 1100));

/** Distance between neighbouring numbers of the type around `value` (one unit in the last place); subnormals included. */
export function spacingAt(value: number, type: Exclude<ElementType, "i32">): number {
  const format = formats[type];
  double[0] = value;
  const exponent = Math.max(((words[1]! >>> 20) & 0x7ff) - 1023, format.minimumExponent);
  return powers[exponent - format.mantissaBits + 1100]!;
}
