// @ts-check
// Where buffers lie in a library's linear memory, and the canary zones around them.

/** WASM has no guard pages; a write further out than this lands in another buffer or traps at the end of memory. */
export const canaryBytes = 64 * 1024;

/** Bit patterns of the zones: NaN as f32 and as bf16, then an ordinary number; both are absurd as an index. */
export const canaryPatterns = [0x7fc97fc9, 0x3f813f81];

const alignment = 64;

/** @param {number} value */
const align = (value) => Math.ceil(value / alignment) * alignment;

/**
 * Offsets relative to the region's start, for every set.
 * @param {number[]} byteLengths
 * @param {number} sets
 * @param {boolean} guarded
 * @returns {{ offsets: number[][], byteLength: number }}
 */
export function layOut(byteLengths, sets, guarded) {
  const zone = guarded ? canaryBytes : 0;
  let cursor = 0;
  const offsets = Array.from({ length: sets }, () =>
    byteLengths.map((byteLength) => {
      const offset = align(cursor + zone);
      cursor = align(offset + byteLength + zone);
      return offset;
    }),
  );
  return { offsets, byteLength: cursor };
}

/**
 * @param {Uint8Array} memory
 * @param {number} start
 * @param {number} end
 * @param {number} pattern 32 bits, repeated from `start`
 */
export function fill(memory, start, end, pattern) {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(pattern >>> 0);
  Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength).fill(word, start, end);
}

/**
 * @param {Uint8Array} memory
 * @param {number} offset of the buffer
 * @param {number} byteLength
 * @param {number} pattern
 */
export function paintCanaries(memory, offset, byteLength, pattern) {
  fill(memory, offset - canaryBytes, offset, pattern);
  fill(memory, offset + byteLength, offset + byteLength + canaryBytes, pattern);
}

/**
 * What was written outside a buffer, or null.
 * @param {Uint8Array} memory
 * @param {number} offset
 * @param {number} byteLength
 * @param {number} pattern
 * @param {string} name
 * @returns {string | null}
 */
export function findTrespass(memory, offset, byteLength, pattern, name) {
  const expected = Buffer.alloc(canaryBytes);
  fill(expected, 0, canaryBytes, pattern);
  const before = Buffer.from(memory.buffer, memory.byteOffset + offset - canaryBytes, canaryBytes);
  const after = Buffer.from(memory.buffer, memory.byteOffset + offset + byteLength, canaryBytes);
  if (!after.equals(expected)) {
    const last = after.findLastIndex((byte, index) => byte !== expected[index]);
    return `wrote ${last + 1} bytes past the end of ${name}`;
  }
  if (!before.equals(expected)) {
    const first = before.findIndex((byte, index) => byte !== expected[index]);
    return `wrote ${canaryBytes - first} bytes before the start of ${name}`;
  }
  return null;
}
