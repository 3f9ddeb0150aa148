import type { BufferSpec, ElementType, ElementTypeName, KernelSpec, Sizes, Variant } from "./contracts/spec.js";
import type { EntrySignature } from "./contracts/target.js";

/** The types to resolve `store` and `accumulate` with: a variant's, or float64 for both in the oracle. */
export type ResolvedTypes = Variant | "oracle";

export function resolveType(name: ElementTypeName, types: ResolvedTypes): ElementType {
  if (name !== "store" && name !== "accumulate") return name;
  return types === "oracle" ? "f64" : types[name];
}

export function bytesPerElement(type: ElementType): number {
  return { bf16: 2, f32: 4, i32: 4, f64: 8 }[type];
}

/** The concrete shape of a buffer; throws where a case lacks one of its symbols. */
export function shapeOf(buffer: Pick<BufferSpec, "shape">, sizes: Sizes): number[] {
  return buffer.shape.map((symbol) => {
    if (!Object.hasOwn(sizes, symbol))
      throw new RangeError(`no value for the size "${symbol}"; the case gives ${Object.keys(sizes).join(", ")}`);
    return sizes[symbol]!;
  });
}

/** The symbols that become parameters of an entry: those of its buffers' shapes, in the order of the spec's `sizes`. */
export function sizesOfEntry(spec: KernelSpec, entryName: string): string[] {
  const used = new Set(Object.values(spec.entries[entryName]?.buffers ?? {}).flatMap((buffer) => buffer.shape));
  return Object.keys(spec.sizes).filter((symbol) => used.has(symbol));
}

/** Half-precision scalars do not exist in the binding: they are passed as the type that sums are held in. */
function scalarType(name: ElementTypeName, types: ResolvedTypes): "f32" | "f64" | "i32" {
  const type = resolveType(name, types);
  return type === "bf16" ? "f32" : type;
}

/** What a runner needs to call each entry, in the order of the spec. */
export function entrySignatures(spec: KernelSpec, types: ResolvedTypes): EntrySignature[] {
  return Object.entries(spec.entries).map(([name, entry]) => ({
    name,
    buffers: Object.entries(entry.buffers).map(([buffer, { role, type }]) => ({ name: buffer, role, type: resolveType(type, types) })),
    sizes: sizesOfEntry(spec, name),
    scalars: Object.entries(entry.scalars ?? {}).map(([scalar, { type }]) => ({ name: scalar, type: scalarType(type, types) })),
  }));
}
