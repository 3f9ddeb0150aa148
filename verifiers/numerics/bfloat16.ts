const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Rounds to the nearest bfloat16, ties to even, and returns its 16 bits; a NaN stays a quiet NaN. */
export function toBfloat16Bits(value: number): number {
  float[0] = value;
  const word = bits[0]!;
  if ((word & 0x7fffffff) > 0x7f800000) return ((word >>> 16) | 0x40) & 0xffff;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Exact: every bfloat16 is a double. */
export function fromBfloat16Bits(word: number): number {
  bits[0] = word << 16;
  return float[0]!;
}

/**
 * Rounds a double to the nearest bfloat16 value. Double rounding through float32 is harmless for what this is used for
 * (drawing inputs, classifying results), and it is what every kernel does.
 */
export function roundToBfloat16(value: number): number {
  return fromBfloat16Bits(toBfloat16Bits(value));
}

/** Rounds to the 10 explicit mantissa bits of NVIDIA's TF32, ties away being irrelevant here; used by sentinels. */
export function roundToTf32(value: number): number {
  float[0] = value;
  bits[0] = (bits[0]! + 0xfff + ((bits[0]! >>> 13) & 1)) & ~0x1fff;
  return float[0]!;
}
