import { closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import type { ElementType } from "../specs/contracts/spec.js";
import type { Tensor } from "../specs/contracts/verdict.js";
import { parseTensorHeader, tensorFileLayout, tensorKinds } from "./tensor-header.js";

/** A tensor file that is not as the safetensors format wants it; the message names the file, the tensor and what to do. */
export class TensorFileError extends Error {
  override name = "TensorFileError";
}

/** Node reads no larger file in one piece. */
const maximumFileBytes = 2 ** 31 - 1;

/** Reads a safetensors file (https://huggingface.co/docs/safetensors); nothing in it is ever executed. Throws TensorFileError. */
export function readTensorFile(path: string): Map<string, Tensor> {
  // NONBLOCK: opening a FIFO must not wait for somebody to write into it.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new TensorFileError(`${path} is not a plain file`);
    if (status.size > maximumFileBytes)
      throw new TensorFileError(`${path} has ${status.size} bytes, at most ${maximumFileBytes} are read; split it`);
    return parseTensorFile(readFileSync(descriptor), path);
  } finally {
    closeSync(descriptor);
  }
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
