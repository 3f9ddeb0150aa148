import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import type { ElementType } from "../specs/contracts/spec.js";
import type { Tensor } from "../specs/contracts/verdict.js";
import { maximumHeaderBytes, parseTensorHeader, type TensorEntry, tensorFileLayout, tensorKinds } from "./tensor-header.js";

/** A tensor file that is not as the safetensors format wants it; the message names the file, the tensor and what to do. */
export class TensorFileError extends Error {
  override name = "TensorFileError";
}

/** Node reads no larger file in one piece. */
const maximumFileBytes = 2 ** 31 - 1;

/** Reads a safetensors file (https://huggingface.co/docs/safetensors); nothing in it is ever executed. Throws TensorFileError. */
export function readTensorFile(path: string): Map<string, Tensor> {
  const { descriptor, size } = openPlainFile(path);
  try {
    if (size > maximumFileBytes) throw new TensorFileError(`${path} has ${size} bytes, at most ${maximumFileBytes} are read; split it`);
    return parseTensorFile(readFileSync(descriptor), path);
  } finally {
    closeSync(descriptor);
  }
}

/** A safetensors file of any size, whose tensors are read one at a time. */
export class TensorReader {
  private constructor(
    readonly path: string,
    private readonly descriptor: number,
    readonly size: number,
    private readonly entries: Map<string, TensorEntry>,
    private readonly dataStart: number,
  ) {}

  /** Throws TensorFileError. */
  static open(path: string): TensorReader {
    const { descriptor, size } = openPlainFile(path);
    try {
      const head = readBytes(descriptor, 0, Math.min(size, 8 + maximumHeaderBytes));
      const { entries, dataStart } = parseTensorHeader(head, (problem) => new TensorFileError(`${path}: ${problem}`), size);
      return new TensorReader(path, descriptor, size, new Map(entries.map((entry) => [entry.name, entry])), dataStart);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  names(): string[] {
    return [...this.entries.keys()];
  }

  /** Throws TensorFileError where there is none of this name. */
  read(name: string): Tensor {
    const entry = this.entries.get(name);
    if (!entry) throw new TensorFileError(`${this.path} has no tensor ${JSON.stringify(name)}`);
    const { type, shape, begin, end } = entry;
    return { type, shape, data: arrayOver(type, readBytes(this.descriptor, this.dataStart + begin, end - begin)) };
  }

  /** SHA-256 (hex) of the whole file. */
  hash(): string {
    const hash = createHash("sha256");
    for (let at = 0; at < this.size; at += hashedPiece) hash.update(readBytes(this.descriptor, at, Math.min(hashedPiece, this.size - at)));
    return hash.digest("hex");
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

const hashedPiece = 1 << 24;
/** The system reads no more than 2 GiB at once. */
const largestRead = 1 << 30;

function openPlainFile(path: string): { descriptor: number; size: number } {
  // NONBLOCK: opening a FIFO must not wait for somebody to write into it.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const status = fstatSync(descriptor);
  if (status.isFile()) return { descriptor, size: status.size };
  closeSync(descriptor);
  throw new TensorFileError(`${path} is not a plain file`);
}

function readBytes(descriptor: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const read = readSync(descriptor, bytes, at, Math.min(largestRead, length - at), position + at);
    if (read === 0) throw new TensorFileError("a tensor file became shorter while it was read");
    at += read;
  }
  return bytes;
}

export function parseTensorFile(bytes: Uint8Array, place: string): Map<string, Tensor> {
  const { entries, dataStart } = parseTensorHeader(bytes, (problem) => new TensorFileError(`${place}: ${problem}`));
  const tensors = new Map<string, Tensor>();
  for (const { name, type, shape, begin, end } of entries) {
    // A copy of its own: offsets in the file need not be multiples of the element size.
    const content = bytes.slice(dataStart + begin, dataStart + end);
    tensors.set(name, { type, shape, data: arrayOver(type, content) });
  }
  return tensors;
}

export function writeTensorFile(path: string, tensors: ReadonlyMap<string, Tensor>): void {
  writeFileSync(path, tensorFileBytes(tensors), { flush: true });
}

export function tensorFileBytes(tensors: ReadonlyMap<string, Tensor>): Buffer {
  for (const [name, { type, shape, data }] of tensors) {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (data.length !== elements || data.constructor !== tensorKinds[type].array) {
      throw new TensorFileError(
        `tensor ${JSON.stringify(name)} has ${data.length} elements in a ${data.constructor.name}; ${type} [${shape}] wants ${elements}`,
      );
    }
  }
  const { header, order } = tensorFileLayout(tensors);
  return Buffer.concat([header, ...order.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))]);
}

function arrayOver(type: ElementType, content: Uint8Array): Tensor["data"] {
  const { array, bytes } = tensorKinds[type];
  return new array(content.buffer as ArrayBuffer, content.byteOffset, content.byteLength / bytes);
}
