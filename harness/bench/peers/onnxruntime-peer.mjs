// onnxruntime-web as a peer: one Node process that speaks the same JSON lines as pytorch_peer.py. WebAssembly with SIMD, one thread.
// Inputs are constants of the model and only a sliver of the result leaves it: what is timed copies nothing between JavaScript and
// WebAssembly, and packing of constant weights is done before. Graph optimisation is off, for it would fold the constants away.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { elementTypes, encodeModel, isExternal } from "./onnx-model.mjs";

const ort = await import("onnxruntime-web");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

/**
 * @typedef {import("./onnx-model.mjs").Constant} Constant
 * @typedef {import("./onnx-model.mjs").OnnxNode} OnnxNode
 * @typedef {{ nodes: (scalars: Record<string, number>) => OnnxNode[], output: string, shape: (shapes: Record<string, number[]>) => number[] }} Operation
 */

const noCounterpart = "ONNX has no operation for it outside onnxruntime's training builds, which onnxruntime-web is not one of";

/** What ONNX has for the entries of the shipped specs, or why it has nothing. @type {Record<string, Operation | string>} */
const operations = {
  rmsnorm_forward: {
    // onnxruntime's fused kernel for it; registered in the standard domain.
    nodes: ({ eps = 0 }) => [
      { operation: "SimplifiedLayerNormalization", inputs: ["x", "weight"], outputs: ["y"], attributes: { axis: -1, epsilon: eps } },
    ],
    output: "y",
    shape: ({ x = [] }) => x,
  },
  rmsnorm_backward: noCounterpart,
  linear_forward: {
    nodes: () => [{ operation: "Gemm", inputs: ["x", "weight"], outputs: ["y"], attributes: { transB: 1 } }],
    output: "y",
    shape: ({ x = [], weight = [] }) => [x[0] ?? 0, weight[0] ?? 0],
  },
  linear_dgrad: {
    nodes: () => [{ operation: "MatMul", inputs: ["dy", "weight"], outputs: ["dx"] }],
    output: "dx",
    shape: ({ dy = [], weight = [] }) => [dy[0] ?? 0, weight[1] ?? 0],
  },
  linear_wgrad: {
    nodes: () => [{ operation: "Gemm", inputs: ["dy", "x"], outputs: ["dweight"], attributes: { transA: 1 } }],
    output: "dweight",
    shape: ({ dy = [], x = [] }) => [dy[1] ?? 0, x[1] ?? 0],
  },
  cross_entropy_forward: {
    nodes: () => [
      {
        operation: "SoftmaxCrossEntropyLoss",
        inputs: ["logits", "target"],
        outputs: ["loss"],
        attributes: { reduction: "none", ignore_index: -100 },
      },
    ],
    output: "loss",
    shape: ({ target = [] }) => target,
  },
  cross_entropy_backward: noCounterpart,
};

/** @param {string} name @param {number} value @returns {Constant} */
const index = (name, value) => ({ name, type: "i64", shape: [1], bytes: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer) });

/** @type {{ operation: Operation, sessions: import("onnxruntime-web").InferenceSession[] } | null} */
let loaded = null;

/** @param {{ entry: string, scalars: Record<string, number>, sets: Record<string, { path: string, type: string, shape: number[] }>[] }} request */
async function load({ entry, scalars, sets }) {
  const operation = operations[entry] ?? `no ONNX operation is known for the entry ${entry}`;
  if (typeof operation === "string") return { status: "skipped", reason: operation };
  const used = operation.nodes(scalars).flatMap((node) => node.inputs);
  const foreign = used.map((name) => sets[0]?.[name]?.type).find((type) => type !== undefined && !Object.hasOwn(elementTypes, type));
  if (foreign) return { status: "skipped", reason: `onnxruntime-web has neither tensors nor CPU kernels of type ${foreign}` };
  const sessions = [];
  for (const named of sets) {
    sessions.push(
      await createSession(
        operation,
        scalars,
        used.map((name) => readConstant(name, named[name])),
      ),
    );
  }
  loaded = { operation, sessions };
  return { status: "done" };
}

/** @param {string} name @param {{ path: string, type: string, shape: number[] } | undefined} where @returns {Constant} */
function readConstant(name, where) {
  if (where?.type !== "f32" && where?.type !== "i32") throw new Error(`the input ${name} is missing, or of a type that was not asked for`);
  return { name, type: where.type, shape: where.shape, bytes: readFileSync(where.path) };
}

/** @param {Operation} operation @param {Record<string, number>} scalars @param {Constant[]} inputs */
function createSession(operation, scalars, inputs) {
  const shape = operation.shape(Object.fromEntries(inputs.map((input) => [input.name, input.shape])));
  const constants = [...inputs, index("first", 0), index("end", 1), index("axis", 0)];
  const sliver = { operation: "Slice", inputs: [operation.output, "first", "end", "axis"], outputs: ["sliver"] };
  const model = encodeModel({
    nodes: [...operation.nodes(scalars), sliver],
    constants,
    outputs: [
      { name: operation.output, type: "f32", shape },
      { name: "sliver", type: "f32", shape: [1, ...shape.slice(1)] },
    ],
  });
  return ort.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "disabled",
    externalData: constants.filter(isExternal).map((constant) => ({ path: constant.name, data: constant.bytes })),
  });
}

/** @param {string} results */
async function prepare(results) {
  const { operation, sessions } = requireLoaded();
  const tensor = (await sessions[0]?.run({}, [operation.output]))?.[operation.output];
  if (!(tensor?.data instanceof Float32Array)) throw new Error(`the model gave no f32 tensor ${operation.output}`);
  const path = join(results, operation.output);
  writeFileSync(path, new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  return { status: "done", graphBreaks: null, outputs: { [operation.output]: { path, type: "f32", shape: [...tensor.dims] } } };
}

/** @param {number[]} sets */
async function time(sets) {
  const { sessions } = requireLoaded();
  let milliseconds = 0;
  for (const set of sets) {
    const startedAt = performance.now();
    await sessions[set]?.run({}, ["sliver"]);
    milliseconds += performance.now() - startedAt;
  }
  return { status: "done", seconds: milliseconds / 1000 };
}

function requireLoaded() {
  if (loaded === null) throw new Error("nothing is loaded");
  return loaded;
}

async function release() {
  for (const session of loaded?.sessions ?? []) await session.release();
  loaded = null;
  return { status: "done" };
}

/** @param {unknown} reply */
const say = (reply) => process.stdout.write(`${JSON.stringify(reply)}\n`);

say({ status: "done", version: `onnxruntime-web ${ort.env.versions.web}` });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const request = JSON.parse(line);
    if (request.command === "load") say(await load(request));
    else if (request.command === "prepare") say(await prepare(request.results));
    else if (request.command === "time") say(await time(request.sets));
    else say(await release());
  } catch (error) {
    say({ status: "failed", reason: String(error).slice(0, 2000) });
  }
}
