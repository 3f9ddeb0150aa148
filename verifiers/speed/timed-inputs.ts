import type { Entry, LoadedSpec, Sizes } from "../../specs/contracts/spec.js";
import type { Session } from "../../specs/contracts/target.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { entrySignatures } from "../../specs/entry-signature.js";
import { byteLengths } from "../align/evaluate.js";
import { drawInputs, drawOf, type Inputs, type KernelCase, timedCase } from "../align/kernel-case.js";
import type { ReferenceBench } from "../align/reference-bench.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { bytesOf } from "../numerics/tensor.js";

/** Sets in rotation are capped by memory, not only by the cache that they must exceed. */
const maximumSetBytes = 4 * 2 ** 30;
const maximumSets = 512;

interface Change {
  set: number;
  buffer: string;
  byteOffset: number;
  bytes: Uint8Array;
}

interface Replacement {
  tensor: Tensor;
  index: number;
  before: number;
}

/** Inputs at a timed size: several sets in rotation, kept here, written to both contestants, and changed a little before every call. */
export class TimedInputs {
  readonly sets: Inputs[] = [];
  private readonly pending = new Map<Session, Change[]>();
  /** Changes since the last `forgetPast`, oldest first. */
  private past: Replacement[] = [];
  private readonly latest: number[] = [];

  private constructor(
    readonly kernelCase: KernelCase,
    readonly entry: Entry,
    private readonly lengths: number[],
    private readonly mutable: string[],
    private readonly random: Random,
  ) {}

  static async draw(bench: ReferenceBench, entryName: string, sizes: Sizes, seed: string, cacheBytes: number): Promise<TimedInputs> {
    const { spec } = bench.loaded;
    const entry = spec.entries[entryName]!;
    const signature = entrySignatures(spec, bench.variant).find((candidate) => candidate.name === entryName)!;
    const kernelCase = timedCase(spec, entryName, sizes, seed);
    const lengths = byteLengths(spec, signature, sizes);
    const setBytes = lengths.reduce((sum, bytes) => sum + bytes, 0);
    const inputBytes = lengths.reduce((sum, bytes, index) => sum + (signature.buffers[index]!.role === "input" ? bytes : 0), 0);
    // Of inputs alone: outputs need not pass through the cache.
    const wanted = spec.gates.warm ? 1 : Math.ceil((2 * cacheBytes) / Math.max(inputBytes, 1));
    const count = Math.max(1, Math.min(wanted, maximumSets, Math.floor(maximumSetBytes / setBytes)));
    const inputs = new TimedInputs(
      kernelCase,
      entry,
      lengths,
      mutableInputs(bench.loaded, entryName),
      new Random(deriveSeed(seed, "changes")),
    );
    for (let set = 0; set < count; set++) {
      const setCase = { ...kernelCase, seed: deriveSeed(seed, "set", set) };
      inputs.sets.push(await bench.completeInputs(setCase, drawInputs(spec, bench.variant, setCase)));
    }
    return inputs;
  }

  /** Lays the sets out in a session and fills them. */
  async fill(session: Session, entryName: string): Promise<void> {
    await session.bind(entryName, this.lengths, this.sets.length);
    for (const [set, inputs] of this.sets.entries())
      for (const [name, tensor] of Object.entries(inputs)) await session.writeInput(set, name, 0, bytesOf(tensor));
    this.pending.set(session, []);
  }

  /** At random, but none of the latest half: what was read a moment ago may still lie in the cache. */
  chooseSet(): number {
    const remembered = Math.floor(this.sets.length / 2);
    this.latest.splice(0, this.latest.length - remembered);
    let set: number;
    do set = this.random.integer(0, this.sets.length - 1);
    while (this.latest.includes(set));
    this.latest.push(set);
    return set;
  }

  /**
   * Changes one element in the given slices of an input that carries the symbol: what a memo that samples its inputs would miss,
   * in the very places that are looked at afterwards.
   */
  changeSlices(set: number, symbol: string, indices: number[]): void {
    const candidates = this.mutable.filter((name) => this.entry.buffers[name]!.shape.includes(symbol));
    if (candidates.length === 0) return;
    for (const index of indices) {
      const name = this.random.choose(candidates);
      const tensor = this.sets[set]![name]!;
      const axis = this.entry.buffers[name]!.shape.indexOf(symbol);
      const inner = tensor.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
      const outer = tensor.shape.slice(0, axis).reduce((product, extent) => product * extent, 1);
      const flat = (this.random.integer(0, outer - 1) * tensor.shape[axis]! + index) * inner + this.random.integer(0, inner - 1);
      this.changeElement(set, name, tensor, flat);
    }
  }

  /** Writes what has changed since this session last ran. */
  async flush(session: Session): Promise<void> {
    const changes = this.pending.get(session)!;
    this.pending.set(session, []);
    for (const change of changes) await session.writeInput(change.set, change.buffer, change.byteOffset, change.bytes);
  }

  /** A moment that `lookBack` can return to, until `forgetPast`. */
  now(): number {
    return this.past.length;
  }

  /** Calls `look` at each of these moments, the inputs being what they were then; afterwards they are again what they are now. */
  lookBack(moments: number[], look: (position: number) => void): void {
    const order = [...moments.keys()].sort((a, b) => moments[b]! - moments[a]!);
    let at = this.past.length;
    const exchange = ({ tensor, index, before }: Replacement): Replacement => {
      const replaced = tensor.data[index]!;
      tensor.data[index] = before;
      return { tensor, index, before: replaced };
    };
    for (const position of order) {
      while (at > moments[position]!) {
        at--;
        this.past[at] = exchange(this.past[at]!);
      }
      look(position);
    }
    for (; at < this.past.length; at++) this.past[at] = exchange(this.past[at]!);
  }

  forgetPast(): void {
    this.past = [];
  }

  private changeElement(set: number, name: string, tensor: Tensor, flat: number): void {
    // A value of the same distribution: that of another place, its sign turned where it has one.
    const other = tensor.data[this.random.integer(0, tensor.data.length - 1)]!;
    this.past.push({ tensor, index: flat, before: tensor.data[flat]! });
    tensor.data[flat] = tensor.type === "i32" ? other : tensor.type === "bf16" ? other ^ 0x8000 : -other;
    const size = tensor.data.BYTES_PER_ELEMENT;
    const bytes = Uint8Array.from(bytesOf(tensor).subarray(flat * size, (flat + 1) * size));
    for (const list of this.pending.values()) list.push({ set, buffer: name, byteOffset: flat * size, bytes });
  }
}

/** Inputs that may change between calls: not those from which another input was computed, for then the two would no longer fit. */
function mutableInputs(loaded: LoadedSpec, entryName: string): string[] {
  const { entries } = loaded.spec;
  const inputs = Object.entries(entries[entryName]!.buffers).flatMap(([name, buffer]) =>
    buffer.role === "input" ? [{ name, buffer }] : [],
  );
  const consumed = new Set<string>();
  for (const { name, buffer } of inputs) {
    const draw = drawOf(buffer);
    if (draw.kind !== "from") continue;
    consumed.add(name);
    for (const [source, sourceBuffer] of Object.entries(entries[draw.entry]!.buffers))
      if (sourceBuffer.role === "input") consumed.add(source);
  }
  return inputs.map(({ name }) => name).filter((name) => !consumed.has(name));
}
