import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ExamRoom } from "../../../harness/exam-room.js";
import type { LoadedSpec, OutputBuffer, Sizes } from "../../../specs/contracts/spec.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { inputsOf } from "../../../verifiers/align/case-inputs.js";
import { hiddenCases, type Inputs, type KernelCase, publicCases } from "../../../verifiers/align/kernel-case.js";
import { prepareCase } from "../../../verifiers/align/prepared-case.js";
import type { ReferenceBench } from "../../../verifiers/align/reference-bench.js";
import { outputsWithZeroSigns } from "../../../verifiers/align/zero-signs.js";
import { Random } from "../../../verifiers/numerics/random.js";
import { fromDoubles, takeAlong, toDoubles } from "../../../verifiers/numerics/tensor.js";
import { Stopwatch } from "../../../verifiers/stopwatch.js";

const specNames = ["rmsnorm", "linear", "softmax-cross-entropy"];
let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), "forge-cache-"));
  process.env.FORGE_CACHE = cache;
});
afterAll(() => rmSync(cache, { recursive: true, force: true }));

async function withBench(loaded: LoadedSpec, variant: string, work: (bench: ReferenceBench) => Promise<void>): Promise<void> {
  const room = await ExamRoom.open({ loaded, variant, target: "x86-64", threads: 1, unsafe: false, signal: new AbortController().signal });
  try {
    await work(await room.bench());
  } finally {
    await room.close();
  }
}

/** Every input that carries the symbol, cut down to the chosen indices along it. */
function sliceInputs(bench: ReferenceBench, entryName: string, inputs: Inputs, symbol: string, chosen: number[]): Inputs {
  const { buffers } = bench.loaded.spec.entries[entryName]!;
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      const axis = buffers[name]!.shape.indexOf(symbol);
      return [name, axis === -1 ? tensor : takeAlong(tensor, axis, chosen)];
    }),
  );
}

describe.each(specNames)("slices that %s declares", (specName) => {
  const loaded = loadSpec(`specs/kernels/${specName}.yaml`);

  test("give what the whole gives there, bit for bit", async () => {
    await withBench(loaded, "f32", async (bench) => {
      let compared = 0;
      for (const [entryName, entry] of Object.entries(loaded.spec.entries)) {
        const kernelCase: KernelCase = { ...hiddenCases(loaded.spec, entryName, "slices")[2]!, regime: "normal" };
        const inputs = await inputsOf(bench, kernelCase);
        const whole = await bench.evaluateOracle(kernelCase, inputs);
        const outputs = Object.entries(entry.buffers).filter((pair): pair is [string, OutputBuffer] => pair[1].role === "output");
        for (const [output, buffer] of outputs)
          for (const symbol of buffer.slice) {
            const chosen = new Random(`${output} ${symbol}`).distinct(5, kernelCase.sizes[symbol]!);
            const sizes: Sizes = { ...kernelCase.sizes, [symbol]: chosen.length };
            const part = await bench.evaluateOracle({ ...kernelCase, sizes }, sliceInputs(bench, entryName, inputs, symbol, chosen));
            const expected = takeAlong(whole[output]!, buffer.shape.indexOf(symbol), chosen);
            expect(part[output]!.data, `${entryName} ${output} along ${symbol}`).toEqual(expected.data);
            compared++;
          }
      }
      const declared = Object.values(loaded.spec.entries).flatMap((entry) =>
        Object.values(entry.buffers).flatMap((buffer) => (buffer.role === "output" ? buffer.slice : [])),
      );
      expect(compared).toBe(declared.length);
    });
  });
});

test("a slice that is none shows: dweight of RMSNorm needs all rows", async () => {
  await withBench(loadSpec("specs/kernels/rmsnorm.yaml"), "f32", async (bench) => {
    const kernelCase: KernelCase = { ...publicCases(bench.loaded.spec, "rmsnorm_backward")[2]!, regime: "normal" };
    const inputs = await inputsOf(bench, kernelCase);
    const whole = await bench.evaluateOracle(kernelCase, inputs);
    const chosen = [0, 3, 4];
    const sizes = { ...kernelCase.sizes, rows: chosen.length };
    const part = await bench.evaluateOracle({ ...kernelCase, sizes }, sliceInputs(bench, "rmsnorm_backward", inputs, "rows", chosen));
    expect(part.dx!.data).toEqual(takeAlong(whole.dx!, 0, chosen).data);
    expect(part.dweight!.data).not.toEqual(whole.dweight!.data);
  });
});

describe("honest evaluations", () => {
  test("of bf16 are those before storing: they scatter by units of float32, not of bf16", async () => {
    await withBench(loadSpec("specs/kernels/linear.yaml"), "bf16", async (bench) => {
      const kernelCase: KernelCase = { ...publicCases(bench.loaded.spec, "linear_forward")[3]!, regime: "normal" };
      const inputs = await inputsOf(bench, kernelCase);
      const oracle = toDoubles((await bench.evaluateOracle(kernelCase, inputs)).y!);
      const honest = await bench.evaluateHonest(kernelCase, inputs);
      const scale = Math.sqrt(oracle.reduce((sum, value) => sum + value * value, 0) / oracle.length);
      for (const { y } of honest) expect(Math.max(...y!.map((value, i) => Math.abs(value - oracle[i]!)))).toBeLessThan(scale * 2 ** -18);
      const distinct = new Set(honest.map(({ y }) => y!.join()));
      // Products of bf16 numbers are exact in float32, so fusing them changes nothing; all others differ.
      expect(distinct.size).toBe(honest.length - 1);
    });
  });

  test("are found out once: the same case is not prepared twice", async () => {
    await withBench(loadSpec("specs/kernels/rmsnorm.yaml"), "f32", async (bench) => {
      const [kernelCase] = publicCases(bench.loaded.spec, "rmsnorm_forward");
      const first = await prepareCase(bench, kernelCase!, new Stopwatch());
      expect(await prepareCase(bench, { ...kernelCase! }, new Stopwatch())).toBe(first);
      expect(await prepareCase(bench, { ...kernelCase!, seed: "another" }, new Stopwatch())).not.toBe(first);
    });
  });
});

describe("signs of zeros", () => {
  const signsOf = (specName: string, entryName: string, change: (inputs: Inputs) => Inputs) =>
    new Promise<Set<string>>((resolve, reject) => {
      withBench(loadSpec(`specs/kernels/${specName}.yaml`), "f32", async (bench) => {
        const kernelCase: KernelCase = { ...publicCases(bench.loaded.spec, entryName)[1]!, regime: "normal" };
        const inputs = change(await inputsOf(bench, kernelCase));
        resolve(await outputsWithZeroSigns(bench, kernelCase, inputs, await bench.evaluateOracle(kernelCase, inputs)));
      }).catch(reject);
    });
  const withZeros = (name: string, every: number) => (inputs: Inputs) => {
    const { type, shape, data } = inputs[name]!;
    return {
      ...inputs,
      [name]: fromDoubles(
        type,
        shape,
        Array.from(data, (value, i) => (i % every === 0 ? -0 : value)),
      ),
    };
  };

  test("mean something in products: a normalised zero keeps its sign", async () => {
    expect(await signsOf("rmsnorm", "rmsnorm_forward", withZeros("x", 3))).toEqual(new Set(["y"]));
  });

  test("mean nothing in sums of zeros", async () => {
    expect(await signsOf("linear", "linear_forward", withZeros("x", 1))).toEqual(new Set());
  });

  test("are not asked for where there are no zeros", async () => {
    expect(await signsOf("linear", "linear_forward", (inputs) => inputs)).toEqual(new Set());
  });
});
