import type { ElementType } from "../specs/contracts/spec.js";
import type { Tensor } from "../specs/contracts/verdict.js";

/** How element types are called in a safetensors file and held here. */
export const tensorKinds = {
  f32: { tag: "F32", bytes: 4, array: Float32Array },
  f64: { tag: "F64", bytes: 8, array: Float64Array },
  bf16: { tag: "BF16", bytes: 2, array: Uint16Array },
  i32: { tag: "I32", bytes: 4, array: Int32Array },
} as const satisfies Record<ElementType, unknown>;

export interface TensorEntry {
  name: string;
  type: ElementType;
  shape: number[];
  /** Byte range within the data that follow the header. */
  begin: number;
  end: number;
}

type Fail = (problem: string) => Error;

export const maximumHeaderBytes = 1_000_000;
const maximumTensors = 10_000;

/**
 * The entries of a safetensors header, in the order of their data. Strict: every byte of the data belongs to exactly one tensor,
 * so a header can neither reach outside the file nor give two tensors the same memory nor hide anything between them.
 */
export function parseTensorHeader(
  bytes: Uint8Array,
  fail: Fail,
  /** Of the file, where `bytes` are its beginning only. */
  fileBytes = bytes.length,
): { entries: TensorEntry[]; dataStart: number } {
  refuseOtherFormats(bytes, fail);
  if (bytes.length < 8) throw fail(`has ${bytes.length} bytes, a safetensors file has at least 8: it is truncated`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > maximumHeaderBytes) throw fail(`says that its header has ${length} bytes, at most ${maximumHeaderBytes} are taken`);
  const dataStart = 8 + Number(length);
  if (dataStart > fileBytes) throw fail(`says that its header has ${length} bytes, only ${fileBytes - 8} follow: it is truncated`);
  const entries = entriesOf(bytes.subarray(8, dataStart), fail).sort((a, b) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const { name, begin, end } of entries) {
    if (begin < reached)
      throw fail(`tensor ${JSON.stringify(name)} begins at ${begin}, inside the tensor before it, which ends at ${reached}`);
    if (begin > reached) throw fail(`bytes ${reached} to ${begin} belong to no tensor`);
    reached = end;
  }
  const present = fileBytes - dataStart;
  if (reached > present) throw fail(`its tensors need ${reached} bytes, only ${present} are there: it is truncated, or its header lies`);
  if (reached < present) throw fail(`${present - reached} bytes after the last tensor belong to none`);
  return { entries, dataStart };
}

/** Widest elements first, so that every tensor starts at a multiple of its element size. */
export function tensorFileLayout(tensors: ReadonlyMap<string, Tensor>): { header: Buffer; order: Tensor[] } {
  const order = [...tensors].sort(
    ([a, one], [b, other]) => tensorKinds[other.type].bytes - tensorKinds[one.type].bytes || (a < b ? -1 : 1),
  );
  let offset = 0;
  const described = order.map(([name, { type, shape, data }]) => {
    const begin = offset;
    offset += data.byteLength;
    return [name, { dtype: tensorKinds[type].tag, shape, data_offsets: [begin, offset] }] as const;
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(described)), "utf8");
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return { header: Buffer.concat([length, padded]), order: order.map(([, tensor]) => tensor) };
}

function refuseOtherFormats(bytes: Uint8Array, fail: Fail): void {
  const advice = "convert it with safetensors.torch.save_file; Forge does not load what can run code";
  const [first, second] = bytes;
  if (first === 0x50 && second === 0x4b) throw fail(`is a zip archive, as torch.save writes (pickled tensors): ${advice}`);
  // Opcode PROTO of pickle protocols 2 to 5. As a safetensors length it would be a header of several hundred bytes or more.
  if (first === 0x80 && second !== undefined && second >= 2 && second <= 5 && bytes[8] !== 0x7b)
    throw fail(`is a Python pickle: ${advice}`);
  if (first === 0x93 && second === 0x4e) throw fail("is a NumPy file, not a safetensors file: convert it with safetensors.numpy.save_file");
}

function entriesOf(text: Uint8Array, fail: Fail): TensorEntry[] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (error) {
    throw fail(`its header is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) throw fail("its header is not an object");
  const described = Object.entries(header).filter(([name]) => name !== "__metadata__");
  if (described.length > maximumTensors) throw fail(`has ${described.length} tensors, at most ${maximumTensors} are taken`);
  return described.map(([name, description]) => entryOf(name, description, (problem) => fail(`tensor ${JSON.stringify(name)} ${problem}`)));
}

function entryOf(name: string, description: unknown, fail: Fail): TensorEntry {
  if (typeof description !== "object" || description === null) throw fail("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = description as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const type = (Object.keys(tensorKinds) as ElementType[]).find((kind) => tensorKinds[kind].tag === dtype);
  if (type === undefined) throw fail(`has the dtype ${JSON.stringify(dtype)}; F32, F64, BF16 and I32 are taken`);
  if (!isSizes(shape)) throw fail(`has the shape ${JSON.stringify(shape)}; expected a list of whole numbers`);
  if (!isSizes(offsets) || offsets.length !== 2) throw fail(`has the data_offsets ${JSON.stringify(offsets)}; expected two whole numbers`);
  const [begin = 0, end = 0] = offsets;
  const wanted = shape.reduce((product, size) => product * size, tensorKinds[type].bytes);
  if (!Number.isSafeInteger(wanted) || end - begin !== wanted) {
    throw fail(`of ${String(dtype)} [${shape}] takes ${wanted} bytes, its data_offsets [${begin}, ${end}] hold ${end - begin}`);
  }
  return { name, type, shape, begin, end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
