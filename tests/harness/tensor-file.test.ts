import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseTensorFile, readTensorFile, TensorFileError, tensorFileBytes, writeTensorFile } from "../../harness/tensor-file.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { temporaryFolder } from "./temporary-folder.js";

const tensors = new Map<string, Tensor>([
  ["b16", { type: "bf16", shape: [3], data: Uint16Array.of(0x3f80, 0x7fc0, 0xff80) }],
  ["x", { type: "f32", shape: [2, 2], data: Float32Array.of(1, -0, Number.NaN, Number.POSITIVE_INFINITY) }],
  ["wide", { type: "f64", shape: [], data: Float64Array.of(Math.PI) }],
  ["targets", { type: "i32", shape: [2], data: Int32Array.of(-100, 7) }],
  ["none", { type: "f32", shape: [0, 5], data: new Float32Array(0) }],
]);

function file(header: unknown, data: Uint8Array = new Uint8Array(0), length?: bigint): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header), "utf8");
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([prefix, text, data]);
}

const four = new Uint8Array(4);
const f32 = (begin: number, end: number, shape = [1]) => ({ dtype: "F32", shape, data_offsets: [begin, end] });

test("tensors of every type come back bit for bit", () => {
  const path = join(temporaryFolder(), "case.safetensors");
  writeTensorFile(path, tensors);
  const read = readTensorFile(path);
  expect([...read.keys()].sort()).toEqual([...tensors.keys()].sort());
  for (const [name, tensor] of tensors) {
    const { type, shape, data } = read.get(name)!;
    expect([type, shape]).toEqual([tensor.type, tensor.shape]);
    expect(Buffer.from(data.buffer, data.byteOffset, data.byteLength)).toEqual(
      Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength),
    );
  }
});

test("row 51: cut off at any byte, or longer by any, a file is refused", () => {
  const bytes = tensorFileBytes(tensors);
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => parseTensorFile(bytes.subarray(0, length), "cut"), `${length} bytes`).toThrow(TensorFileError);
  }
  expect(() => parseTensorFile(Buffer.concat([bytes, Buffer.alloc(1)]), "long")).toThrow("1 bytes after the last tensor belong to none");
});

test.each<[string, Buffer, RegExp]>([
  ["a header longer than the file", file({ a: f32(0, 4) }, four, 5000n), /says that its header has 5000 bytes, only \d+ follow/],
  ["a header of 2^63 bytes", file({ a: f32(0, 4) }, four, 2n ** 63n), /at most 1000000 are taken/],
  ["tensors past the end", file({ a: f32(0, 400, [100]) }, four), /need 400 bytes, only 4 are there/],
  ["overlapping tensors", file({ a: f32(0, 4), b: f32(2, 6) }, new Uint8Array(6)), /"b" begins at 2, inside the tensor before it/],
  ["two tensors over the same bytes", file({ a: f32(0, 4), b: f32(0, 4) }, four), /begins at 0, inside/],
  ["a hole", file({ a: f32(4, 8) }, new Uint8Array(8)), /bytes 0 to 4 belong to no tensor/],
  [
    "the same name twice",
    file(`{"a":${JSON.stringify(f32(0, 4))},"a":${JSON.stringify(f32(4, 8))}}`, new Uint8Array(8)),
    /belong to no tensor/,
  ],
  ["a shape that does not fit its bytes", file({ a: f32(0, 4, [2]) }, four), /takes 8 bytes, its data_offsets \[0, 4\] hold 4/],
  ["a shape that overflows", file({ a: f32(0, 0, [2 ** 40, 2 ** 40, 0.5]) }), /expected a list of whole numbers/],
  ["a product that overflows", file({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, four), /hold 4/],
  ["a negative size", file({ a: f32(0, 4, [-1]) }, four), /expected a list of whole numbers/],
  ["offsets in reverse", file({ a: f32(4, 0) }, four), /hold -4/],
  ["an unknown dtype", file({ a: { ...f32(0, 4), dtype: "OBJECT" } }, four), /"a" has the dtype "OBJECT"/],
  ["no object", file("[1]"), /header is not an object/],
  ["no JSON", file("{nope"), /header is not JSON/],
  ["an entry that is null", file({ a: null }), /"a" is not described by an object/],
])("row 51: %s is refused", (_, bytes, message) => {
  expect(() => parseTensorFile(bytes, "bad.safetensors")).toThrow(message);
  expect(() => parseTensorFile(bytes, "bad.safetensors")).toThrow(/^bad\.safetensors: /);
});

test("row 52: pickled tensors are never loaded", () => {
  const folder = temporaryFolder();
  const proof = join(folder, "ran");
  const pickle = join(folder, "weights.pt");
  // cposix\nsystem: loading this runs a command, as Python itself shows.
  writeFileSync(
    pickle,
    Buffer.concat([
      Buffer.from([0x80, 2]),
      Buffer.from(`cposix\nsystem\nX`),
      lengthAndText(`touch ${proof}`),
      Buffer.from("\x85R.", "latin1"),
    ]),
  );
  execFileSync("python3", ["-c", `import pickle; pickle.load(open(${JSON.stringify(pickle)}, "rb"))`]);
  execFileSync("rm", [proof]);
  expect(() => readTensorFile(pickle)).toThrow(/weights\.pt: is a Python pickle: convert it with safetensors/);
  expect(() => execFileSync("ls", [proof], { stdio: "pipe" })).toThrow();
  writeFileSync(pickle, "PK\x03\x04 as torch.save writes it");
  expect(() => readTensorFile(pickle)).toThrow("is a zip archive, as torch.save writes (pickled tensors)");
});

test("a FIFO does not hang, and what is not a tensor is not written", () => {
  const pipe = join(temporaryFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  expect(() => readTensorFile(pipe)).toThrow("is not a plain file");
  const wrong = new Map<string, Tensor>([["a", { type: "f32", shape: [3], data: new Float32Array(2) }]]);
  expect(() => tensorFileBytes(wrong)).toThrow('tensor "a" has 2 elements');
});

test("no bytes whatever make the reader do anything but read or refuse", () => {
  const good = tensorFileBytes(tensors);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(good);
      for (const [place, value] of changes) bytes[place] = value;
      try {
        parseTensorFile(bytes, "fuzzed");
      } catch (error) {
        expect(error).toBeInstanceOf(TensorFileError);
      }
    }),
    { numRuns: 500 },
  );
});

function lengthAndText(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}
