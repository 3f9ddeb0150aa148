import { join } from "node:path";
import { expect, test } from "vitest";
import { operationNames } from "../../../agents/operations/by-operation.js";
import { frameOf, plainKernel, unfitness, withKernel } from "../../../agents/operations/compose.js";
import { planOperations } from "../../../agents/operations/plan.js";
import { candidateBytes } from "../../../harness/candidate-files.js";
import { operationSizes } from "../../../harness/operations/operation-sizes.js";
import type { Operation, OperationKernel } from "../../../specs/contracts/operations.js";
import { generateKernelHeader } from "../../../specs/kernel-header.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";

const f32 = { store: "f32", accumulate: "f32" } as const;
const space = {
  ...{ compilers: ["gcc", "clang"], optimisation: ["-O3"], mathematics: [[]], vectors: [[]], unrolling: [[]] },
  ...{ machine: ["-march=native"], openmp: { compile: ["-fopenmp"], link: ["-fopenmp"] } },
};

const operationOf = (name: string): Operation => {
  const loaded = loadSpec(join("specs", "kernels", `${name}.yaml`));
  return { name, loaded, header: generateKernelHeader(loaded.spec, f32) };
};

const kernel: OperationKernel = {
  label: "somebody's",
  candidate: {
    files: { "fast.c": '#include "forge_kernel.h"\n#include "part.h"\n', "part.h": "enum { TILE = 6 };\n" },
    manifest: {
      ...{ language: "c", compiler: "clang", linkFlags: ["-fopenmp"], chosen: { LANES: 32 } },
      units: [{ source: "fast.c", flags: ["-O2"] }],
    },
  },
};

test("operations are planned by what the whole could win", () => {
  const shares = {
    "trainer.c": 0.1,
    "operations/linear/kernel.c": 0.5,
    "operations/linear/product.h": 0.2,
    "operations/rope/kernel.c": 0.01,
  };
  const planned = planOperations(["rope", "linear", "swiglu"], shares, null);
  expect(planned.map(({ operation, isPlanned }) => [operation, isPlanned])).toEqual([
    ["linear", true],
    ["rope", false],
    ["swiglu", false],
  ]);
  expect(planned[0]!.share).toBeCloseTo(0.7);
  expect(planned[0]!.most).toBeCloseTo(1 / 0.3);
  expect(planOperations(["rope", "linear"], shares, ["rope"]).map(({ isPlanned }) => isPlanned)).toEqual([false, true]);
  expect(planOperations(["rope", "linear"], null, null)).toEqual([
    { operation: "rope", share: null, most: null, isPlanned: true },
    { operation: "linear", share: null, most: null, isPlanned: true },
  ]);
});

test("a kernel takes the place of another, in a folder with its own header, and nothing else changes", () => {
  const [linear, rope] = [operationOf("linear"), operationOf("rope")];
  const bare = frameOf("int frame;\n", space, "gcc");
  const plain = [linear, rope].reduce((whole, operation) => withKernel(whole, operation, plainKernel(operation, space, f32), "gcc"), bare);
  expect(Object.keys(plain.files).sort()).toEqual([
    ...["operations/linear/forge_kernel.h", "operations/linear/kernel.c", "operations/rope/forge_kernel.h", "operations/rope/kernel.c"],
    "trainer.c",
  ]);
  expect(plain.files["operations/linear/kernel.c"]).toContain("#pragma omp parallel for");
  const whole = withKernel(plain, linear, kernel, "clang");
  expect(whole.manifest).toMatchObject({ compiler: "clang", linkFlags: ["-fopenmp"] });
  expect(whole.manifest.chosen).toBeUndefined();
  expect(whole.manifest.units.map(({ source }) => source)).toEqual(["trainer.c", "operations/rope/kernel.c", "operations/linear/fast.c"]);
  // Macros of one operation are none of the others' business.
  expect(whole.manifest.units.at(-1)!.flags).toEqual(["-O2", "-DLANES=32"]);
  expect(whole.files["operations/linear/kernel.c"]).toBeUndefined();
  expect(whole.files["operations/linear/forge_kernel.h"]).toContain("int linear_wgrad(");
  expect(whole.files["operations/rope/kernel.c"]).toBe(plain.files["operations/rope/kernel.c"]);
  expect(() => candidateBytes(whole)).not.toThrow();
});

test("what cannot stand in a frame of C is told", () => {
  expect(unfitness(kernel)).toBeNull();
  const { candidate } = kernel;
  const cxx = { label: "", candidate: { ...candidate, manifest: { ...candidate.manifest, language: "c++" as const } } };
  expect(unfitness(cxx)).toMatch(/written in c\+\+/);
});

test("every operation of the frame is timed at sizes of its exam, the linear layers at those that are most of the work", () => {
  const { spec } = loadTrainerSpec("specs/models/minicpm-tiny.yaml");
  const sizes = operationSizes(spec.model, { micro_batches: 1, batch: 2, length: 64 });
  for (const name of operationNames) {
    const symbols = Object.keys(operationOf(name).loaded.spec.sizes).sort();
    expect(sizes[name]!.length, name).toBeGreaterThan(0);
    for (const timed of sizes[name]!) {
      expect(Object.keys(timed).sort(), name).toEqual(symbols);
      for (const value of Object.values(timed)) expect(Number.isSafeInteger(value) && value > 0).toBe(true);
    }
  }
  expect(sizes.linear).toEqual([
    { tokens: 128, in_features: 256, out_features: 640 },
    { tokens: 128, in_features: 256, out_features: 4096 },
  ]);
});
