import type { Entry, LoadedSpec, OutputBuffer, Sizes } from "../../specs/contracts/spec.js";
import type { InputChange, Session } from "../../specs/contracts/target.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { entrySignatures } from "../../specs/entry-signature.js";
import { byteLengths } from "../align/evaluate.js";
import { drawInputs, drawOf, type Inputs, type KernelCase, timedCase } from "../align/kernel-case.js";
import type { ReferenceBench } from "../align/reference-bench.js";
import type { Law } from "../laws.js";
import { deriveSeed, Random } from "../numerics/random.js";
import { bytesOf, takeAlong } from "../numerics/tensor.js";

/** Sets in rotation are capped by memory, not only by the cache that they must exceed. */
const maximumSetBytes = 4 * 2 ** 30;
const maximumSets = 512;
/** Elements of one slice that change before a call. */
const maximumChanges = 8;

interface Replacement {
  tensor: Tensor;
  index: number;
  before: number;
}

/** Inputs at a timed size: several sets in rotation, kept here, written to both contestants, and changed a little before every call. */
export class TimedInputs {
  readonly sets: Inputs[] = [];
  private readonly pending = new Map<Session, InputChange[]>();
  /** Changes since the last `forgetPast`, oldest first. */
  private past: Replacement[] = [];
  private readonly latest: number[] = [];

  private constructor(
    readonly kernelCase: KernelCase,
    readonly entry: Entry,
    private readonly bench: ReferenceBench,
    private readonly lengths: number[],
    private readonly random: Random,
  ) {}

  static async draw(
    bench: ReferenceBench,
    entryName: string,
    sizes: Sizes,
    seed: string,
    cacheBytes: number,
    suspended?: Law,
  ): Promise<TimedInputs> {
    const { spec } = bench.loaded;
    const entry = spec.entries[entryName]!;
    const signature = entrySignatures(spec, bench.variant).find((candidate) => candidate.name === entryName)!;
    const kernelCase: KernelCase = {
      ...timedCase(spec, entryName, sizes, seed),
      ...(suspended === "parameters" ? { plainParameters: true } : {}),
    };
    const lengths = byteLengths(spec, signature, sizes);
    const setBytes = lengths.reduce((sum, bytes) => sum + bytes, 0);
    const inputBytes = lengths.reduce((sum, bytes, index) => sum + (signature.buffers[index]!.role === "input" ? bytes : 0), 0);
    // Of inputs alone: outputs need not pass through the cache.
    const wanted = spec.gates.warm ? 1 : Math.ceil((2 * cacheBytes) / Math.max(inputBytes, 1));
    const count = Math.max(1, Math.min(wanted, maximumSets, Math.floor(maximumSetBytes / setBytes)));
    const inputs = new TimedInputs(kernelCase, entry, bench, lengths, new Random(deriveSeed(seed, "changes")));
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

  /** A session that ends wants no more changes. */
  forget(session: Session): void {
    this.pending.delete(session);
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
   * Changes an element or a few in the given slices of an input that carries the symbol: what a memo that samples its inputs would
   * miss, in the very places that are looked at afterwards. One element may be too few to show in a sum over thousands, many may be
   * seen by a sample: how many is drawn, from one upwards. What was computed from a changed input is computed again.
   */
  async changeSlices(set: number, symbol: string, indices: number[]): Promise<void> {
    const { independent, sources } = changeableInputs(this.bench.loaded, this.kernelCase.entry, symbol);
    const candidates = [...independent, ...sources];
    if (candidates.length === 0) return;
    const outdated: number[] = [];
    for (const index of indices) {
      const name = this.random.choose(candidates);
      const tensor = this.sets[set]![name]!;
      const axis = this.entry.buffers[name]!.shape.indexOf(symbol);
      const inner = tensor.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
      const outer = tensor.shape.slice(0, axis).reduce((product, extent) => product * extent, 1);
      const count = 2 ** this.random.integer(0, Math.floor(Math.log2(Math.max(1, Math.min((outer * inner) / 4, maximumChanges)))));
      for (let change = 0; change < count; change++) {
        const flat = (this.random.integer(0, outer - 1) * tensor.shape[axis]! + index) * inner + this.random.integer(0, inner - 1);
        this.changeElement(set, name, tensor, flat);
      }
      if (sources.includes(name)) outdated.push(index);
    }
    if (outdated.length > 0) await this.computeAgain(set, symbol, outdated);
  }

  /** Rows of the inputs that come from another entry, by its oracle. */
  private async computeAgain(set: number, symbol: string, indices: number[]): Promise<void> {
    const rows: Inputs = {};
    for (const [name, tensor] of Object.entries(this.sets[set]!)) {
      const axis = this.entry.buffers[name]!.shape.indexOf(symbol);
      rows[name] = axis < 0 ? tensor : takeAlong(tensor, axis, indices);
    }
    const sizes = { ...this.kernelCase.sizes, [symbol]: indices.length };
    const complete = await this.bench.completeInputs({ ...this.kernelCase, sizes }, rows);
    for (const name of derivedInputs(this.entry, symbol)) {
      const tensor = this.sets[set]![name]!;
      const fresh = complete[name]!.data;
      const rowLength = fresh.length / indices.length;
      for (const [position, index] of indices.entries())
        for (let i = 0; i < rowLength; i++) this.replaceElement(set, name, tensor, index * rowLength + i, fresh[position * rowLength + i]!);
    }
  }

  /** Writes what has changed since this session last ran. */
  async flush(session: Session): Promise<void> {
    const changes = this.pending.get(session)!;
    this.pending.set(session, []);
    if (changes.length > 0) await session.changeInputs(changes);
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
    this.replaceElement(set, name, tensor, flat, tensor.type === "i32" ? other : tensor.type === "bf16" ? other ^ 0x8000 : -other);
  }

  private replaceElement(set: number, name: string, tensor: Tensor, flat: number, value: number): void {
    if (tensor.data[flat] === value) return;
    this.past.push({ tensor, index: flat, before: tensor.data[flat]! });
    tensor.data[flat] = value;
    const size = tensor.data.BYTES_PER_ELEMENT;
    const bytes = Uint8Array.from(bytesOf(tensor).subarray(flat * size, (flat + 1) * size));
    for (const list of this.pending.values()) list.push({ set, buffer: name, byteOffset: flat * size, bytes });
  }
}

/** Inputs that come from another entry and have a row for each of the symbol's values. */
function derivedInputs(entry: Entry, symbol: string): string[] {
  return Object.entries(entry.buffers).flatMap(([name, buffer]) =>
    buffer.role === "input" && drawOf(buffer).kind === "from" && buffer.shape[0] === symbol ? [name] : [],
  );
}

/**
 * Inputs that carry the symbol and may change between calls: those that nothing was computed from, and `sources`, whose rows may change
 * where what was computed from them has a row of its own for each, so that it can be computed again.
 */
function changeableInputs(loaded: LoadedSpec, entryName: string, symbol: string): { independent: string[]; sources: string[] } {
  const { entries } = loaded.spec;
  const inputs = Object.entries(entries[entryName]!.buffers).flatMap(([name, buffer]) =>
    buffer.role === "input" ? [{ name, buffer }] : [],
  );
  const fixed = new Set<string>();
  const sources = new Set<string>();
  for (const { name, buffer } of inputs) {
    const draw = drawOf(buffer);
    if (draw.kind !== "from") continue;
    fixed.add(name);
    const output = entries[draw.entry]!.buffers[name] as OutputBuffer;
    const isByRow = output.slice.includes(symbol) && output.shape[0] === symbol;
    for (const [source, sourceBuffer] of Object.entries(entries[draw.entry]!.buffers))
      if (sourceBuffer.role === "input") (isByRow && sourceBuffer.shape[0] === symbol ? sources : fixed).add(source);
  }
  const carrying = inputs.filter(({ buffer }) => buffer.shape.includes(symbol)).map(({ name }) => name);
  return {
    independent: carrying.filter((name) => !fixed.has(name) && !sources.has(name)),
    sources: carrying.filter((name) => sources.has(name) && !fixed.has(name)),
  };
}
