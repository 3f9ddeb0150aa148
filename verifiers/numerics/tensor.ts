import type { ElementType } from "../../specs/contracts/spec.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { fromBfloat16Bits, toBfloat16Bits } from "./bfloat16.js";

export const elementCount = (shape: number[]): number => shape.reduce((product, extent) => product * extent, 1);

export function allocateTensor(type: ElementType, shape: number[]): Tensor {
  const count = elementCount(shape);
  const data =
    type === "f32"
      ? new Float32Array(count)
      : type === "f64"
        ? new Float64Array(count)
        : type === "bf16"
          ? new Uint16Array(count)
          : new Int32Array(count);
  return { type, shape, data };
}

/** Values as doubles, exact for every type. */
export function toDoubles(tensor: Tensor): Float64Array {
  if (tensor.type !== "bf16") return Float64Array.from(tensor.data);
  const result = new Float64Array(tensor.data.length);
  for (let i = 0; i < result.length; i++) result[i] = fromBfloat16Bits(tensor.data[i]!);
  return result;
}

/** Rounds doubles to the type's storage. */
export function fromDoubles(type: ElementType, shape: number[], values: ArrayLike<number>): Tensor {
  const tensor = allocateTensor(type, shape);
  if (type === "bf16") for (let i = 0; i < values.length; i++) tensor.data[i] = toBfloat16Bits(values[i]!);
  else for (let i = 0; i < values.length; i++) tensor.data[i] = values[i]!;
  return tensor;
}

/** The same values in another type; integers stay integers, float64 is exact. */
export function convertTensor(tensor: Tensor, type: ElementType): Tensor {
  if (tensor.type === type || tensor.type === "i32") return tensor;
  return fromDoubles(type, tensor.shape, tensor.type === "bf16" ? toDoubles(tensor) : tensor.data);
}

export function bytesOf(tensor: Tensor): Uint8Array {
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

export function tensorFromBytes(type: ElementType, shape: number[], bytes: Uint8Array): Tensor {
  const tensor = allocateTensor(type, shape);
  new Uint8Array(tensor.data.buffer).set(bytes);
  return tensor;
}

/** Selects `indices` along `axis`; the result is a copy. */
export function takeAlong(tensor: Tensor, axis: number, indices: number[]): Tensor {
  const extent = tensor.shape[axis]!;
  const inner = elementCount(tensor.shape.slice(axis + 1));
  const outer = elementCount(tensor.shape.slice(0, axis));
  const result = allocateTensor(
    tensor.type,
    tensor.shape.map((size, index) => (index === axis ? indices.length : size)),
  );
  const from = tensor.data;
  const to = result.data;
  if (inner < 16) {
    // A typed array's subarray costs more than it copies where runs are short.
    let at = 0;
    for (let o = 0; o < outer; o++)
      for (let j = 0; j < indices.length; j++) {
        const start = (o * extent + indices[j]!) * inner;
        for (let i = 0; i < inner; i++) to[at++] = from[start + i]!;
      }
    return result;
  }
  for (let o = 0; o < outer; o++)
    for (let j = 0; j < indices.length; j++) {
      const start = (o * extent + indices[j]!) * inner;
      to.set(from.subarray(start, start + inner) as never, (o * indices.length + j) * inner);
    }
  return result;
}

/** Sums along `axis` with weights, in doubles: the projection that a Freivalds check takes. */
export function projectAlong(tensor: Tensor, axis: number, weights: Float64Array): Tensor {
  const extent = tensor.shape[axis]!;
  const inner = elementCount(tensor.shape.slice(axis + 1));
  const outer = elementCount(tensor.shape.slice(0, axis));
  const values = tensor.type === "bf16" ? toDoubles(tensor) : tensor.data;
  const result = allocateTensor(
    "f64",
    tensor.shape.map((size, index) => (index === axis ? 1 : size)),
  );
  for (let o = 0; o < outer; o++)
    for (let j = 0; j < extent; j++) {
      const weight = weights[j]!;
      const from = (o * extent + j) * inner;
      for (let i = 0; i < inner; i++) result.data[o * inner + i]! += weight * values[from + i]!;
    }
  return result;
}
