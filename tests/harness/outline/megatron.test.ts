import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pythonOfPeers } from "../../../harness/bench/peers/catalogue.js";
import { type OutlineResult, outline } from "../../../harness/outline/outline.js";
import { readTensorFile } from "../../../harness/tensor-file.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";

const hasPytorch = spawnSync(pythonOfPeers(), ["-c", "import torch, safetensors"]).status === 0;
const project = mkdtempSync(join(tmpdir(), "forge-megatron-test-"));
afterAll(() => rmSync(project, { recursive: true, force: true }));

const run = join(project, "run");
beforeAll(() => {
  spawnSync("mkdir", [run]);
  if (!hasPytorch) return;
  const written = spawnSync(pythonOfPeers(), [join(import.meta.dirname, "write_megatron_run.py"), run], { encoding: "utf8" });
  expect(written.stderr).toBe("");
}, 60_000);

interface Left {
  log?: string;
  checkpoint?: string | null;
  data?: string | null;
}

const record = (into: string, { log = "train.log", checkpoint = "checkpoints", data = "text" }: Left = {}): Promise<OutlineResult> => {
  const at = (name: string | null) => (name === null ? null : join(run, name));
  const megatron = { log: join(run, log), checkpoint: at(checkpoint), data: at(data), length: 24 };
  const folder = join(project, into);
  const rest = { steps: 2, agreement: 1e-6, timed: [], seed: 1, unsafe: false, signal: new AbortController().signal };
  return outline({ source: { megatron }, name: "ours", folder, ...rest }, { phase: () => {}, step: () => {} });
};

describe.runIf(hasPytorch)("an exam from what Megatron-LM leaves behind", { timeout: 300_000 }, () => {
  let result: OutlineResult;
  beforeAll(async () => {
    result = await record("outlined");
  }, 300_000);

  it("has the model and the training of its arguments", () => {
    const { spec } = loadTrainerSpec(result.spec);
    expect(spec.model).toEqual({
      ...{ layers: 2, hidden: 32, query_heads: 4, kv_heads: 2, head_dim: 12 },
      ...{ feed_forward: 48, vocabulary: 4096, tied: false },
    });
    expect(spec.mup).toBeUndefined();
    expect(spec.norm_eps).toBe(1e-5);
    expect(spec.optimizer).toEqual({
      ...{ learning_rate: 0.003, final_learning_rate: 0.0003, schedule: "wsd", warmup_steps: 10, decay_start: 450, total_steps: 500 },
      ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, max_gradient_norm: 1 },
    });
    expect(spec.training).toEqual({ micro_batches: 1, batch: 2, length: 128 });
    expect(spec.recorded).toMatchObject({
      framework: expect.stringMatching(/^Megatron-LM, weights of iteration 100, trained on by torch/),
    });
  });

  it("has its weights, taken out of what it fuses, and its tokens, and the reference agrees", () => {
    const recorded = readTensorFile(result.files.find((file) => file.endsWith(".safetensors"))!);
    for (const [name, { data }] of readTensorFile(join(run, "expected.safetensors")))
      expect({ name, data: recorded.get(`weight/${name}`)!.data }).toEqual({ name, data });
    const tokens = readTensorFile(join(run, "tokens.safetensors")).get("tokens")!.data;
    expect(recorded.get("tokens")!.data).toEqual(tokens.slice(0, 48));
    expect(recorded.get("targets")!.data).toEqual(tokens.slice(1, 49));
    expect(Math.max(...result.report.differences.map(({ relative }) => relative))).toBeLessThan(1e-6);
  });

  it("keeps the curve that it logged, and says what its outline says otherwise", () => {
    const { curve, notes } = result.report;
    expect(curve).toHaveLength(10);
    expect(curve.at(-1)).toEqual({
      ...{ iteration: 100, loss: 6.3, gradientNorm: 1.25, learningRate: 0.003 },
      ...{ milliseconds: 5230, teraflopsPerGpu: 401.3, globalBatch: 64 },
    });
    expect(notes).toEqual([expect.stringMatching(/^Megatron's WSD decays by exponential between the same ends/)]);
  });

  const changedLog = (name: string, from: RegExp, to: string) => {
    const text = readFileSync(join(run, "train.log"), "utf8");
    expect(text).toMatch(from);
    writeFileSync(join(run, name), text.replace(from, to));
    return { log: name };
  };

  it.each<[string, () => Left, RegExp]>([
    [
      "a log without arguments",
      () => changedLog("late.log", /^[\s\S]*end of arguments.*$/m, ""),
      /there is no block '-+ arguments -+' in it/,
    ],
    ["a log without iterations", () => changedLog("early.log", / \[2026[\s\S]*/, ""), /there is no line ' iteration/],
    [
      "another kind of norm",
      () => changedLog("norm.log", /(normalization \.+) RMSNorm/, "$1 LayerNorm"),
      /normalization is LayerNorm: norms are RMSNorm.*RMSNorm can be outlined/,
    ],
    ["experts", () => changedLog("moe.log", /(num_experts \.+) None/, "$1 8"), /num_experts is 8/],
    [
      "another run's checkpoint",
      () => changedLog("other.log", /(ffn_hidden_size \.+) 48/, "$1 64"),
      /linear_fc1\.weight is \[96, 32\], by the log's arguments it is \[128, 32\]/,
    ],
    ["a checkpoint that is not there", () => ({ checkpoint: "nowhere" }), /nowhere does not exist: name a checkpoint's folder/],
    ["a dataset that is not there", () => ({ data: "nowhere" }), /nowhere\.idx: No such file/],
    [
      "a checkpoint of several ranks",
      () => {
        cpSync(join(run, "checkpoints"), join(run, "split"), { recursive: true });
        cpSync(join(run, "split/iter_0000100/mp_rank_00"), join(run, "split/iter_0000100/mp_rank_01"), { recursive: true });
        return { checkpoint: "split" };
      },
      /is split over 2 ranks: convert it to one/,
    ],
    [
      "a checkpoint that would run code",
      () => {
        const script = `import torch, os\nclass Evil:\n    def __reduce__(self):\n        return (os.system, ("touch ${join(run, "owned")}",))\nos.makedirs("${run}/evil/mp_rank_00")\ntorch.save({"model": Evil()}, "${run}/evil/mp_rank_00/model_optim_rng.pt")`;
        expect(spawnSync(pythonOfPeers(), ["-c", script]).status).toBe(0);
        return { checkpoint: "evil" };
      },
      /cannot be loaded without running code from it/,
    ],
  ])("refuses %s, with what to do", async (name, left, words) => {
    await expect(record(name.replaceAll(" ", "-"), left())).rejects.toThrow(words);
    expect(spawnSync("ls", [join(run, "owned")]).status).not.toBe(0);
  });
});
