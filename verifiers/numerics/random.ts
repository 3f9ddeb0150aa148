import { createHash, randomBytes } from "node:crypto";

/** A fresh seed of 128 bits, in hex. */
export const freshSeed = (): string => randomBytes(16).toString("hex");

/** Derives an independent seed for a named purpose, so that adding a draw somewhere does not shift all others. */
export function deriveSeed(seed: string, ...purpose: (string | number)[]): string {
  return createHash("sha256")
    .update([seed, ...purpose].join("/"))
    .digest("hex")
    .slice(0, 32);
}

const tableSize = 1 << 16;
let normalTable: Float64Array | null = null;

/** xoshiro128** (Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators"). */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;
  private spare: number | null = null;

  constructor(seed: string) {
    const digest = createHash("sha256").update(seed).digest();
    this.a = digest.readInt32LE(0);
    this.b = digest.readInt32LE(4);
    this.c = digest.readInt32LE(8);
    this.d = digest.readInt32LE(12) | 1;
  }

  /** 32 random bits as a signed integer. */
  bits(): number {
    const product = Math.imul(this.b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** In [0, 1), 32 bits of it. */
  uniform(): number {
    return (this.bits() >>> 0) / 2 ** 32;
  }

  /** An integer in [low, high], both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  sign(): number {
    return this.bits() < 0 ? -1 : 1;
  }

  choose<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)]!;
  }

  /** Standard normal by Box and Muller. */
  normal(): number {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Standard normals to three digits of distribution, many times cheaper: table entries plus a little noise. For large tensors. */
  fillWithCheapNormals(values: Float64Array): void {
    const table = sharedTable();
    // The state in locals, and xoshiro's step by hand: a call per value would take most of the time.
    let { a, b, c, d } = this;
    for (let i = 0; i < values.length; i++) {
      const product = Math.imul(b, 5);
      const word = Math.imul((product << 7) | (product >>> 25), 9);
      const t = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = (d << 11) | (d >>> 21);
      values[i] = table[word & 0xffff]! + ((word >>> 16) - 32768) * 3e-8;
    }
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }

  /** `count` distinct integers below `below`, ascending. */
  distinct(count: number, below: number): number[] {
    if (count >= below) return Array.from({ length: below }, (_, index) => index);
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(this.integer(0, below - 1));
    return [...chosen].sort((left, right) => left - right);
  }
}

function sharedTable(): Float64Array {
  if (normalTable === null) {
    const random = new Random("the table of cheap normals");
    normalTable = new Float64Array(tableSize).map(() => random.normal());
  }
  return normalTable;
}
