import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "../../../specs/contracts/verdict.js";
import type { Inputs } from "../../../verifiers/align/kernel-case.js";
import { bytesOf, tensorFromBytes } from "../../../verifiers/numerics/tensor.js";
import type { TensorFile } from "./peer-process.js";

/** Writes every set of inputs into a folder, for a peer to read. */
export function writeSets(folder: string, sets: Inputs[]): Record<string, TensorFile>[] {
  return sets.map((inputs, set) => {
    const directory = join(folder, `set-${set}`);
    mkdirSync(directory);
    return Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => {
        const path = join(directory, name);
        writeFileSync(path, bytesOf(tensor));
        return [name, { path, type: tensor.type, shape: tensor.shape }];
      }),
    );
  });
}

/** Throws where the file is not as long as its shape says. */
export function readTensorFile({ path, type, shape }: TensorFile): Tensor {
  return tensorFromBytes(type, shape, readFileSync(path));
}
