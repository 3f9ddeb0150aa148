import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pythonOfPeers } from "../../../harness/bench/peers/catalogue.js";
import { type OutlineResult, outline } from "../../../harness/outline/outline.js";
import { openRecording } from "../../../harness/outline/recording-file.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";
import { recordedCases } from "../../../verifiers/train/trainer-cases.js";
import { plantedTrainer } from "../../verifiers/train/planted-trainers.js";
import { sit, TrainerHall } from "../../verifiers/train/trainer-hall.js";

const project = mkdtempSync(join(tmpdir(), "forge-outline-test-"));
afterAll(() => rmSync(project, { recursive: true, force: true }));
const newFolder = (): string => mkdtempSync(join(project, "case-"));

const probe = spawnSync(pythonOfPeers(), ["-c", "import torch, transformers, safetensors"]);
const hasPytorch = probe.status === 0;
const reason = `no Python with PyTorch and transformers at ${pythonOfPeers()}: set FORGE_PYTHON, or run node scripts/install-prerequisites.mjs --python`;

/** The shipped file, of a model that takes no time, with something changed. */
function writeModel(...changes: [string, string][]): string {
  const file = join(newFolder(), "model.py");
  let text = readFileSync("specs/models/outlines/minicpm_tiny.py", "utf8");
  const smaller: [string, string][] = [
    ['"hidden_size": 256', '"hidden_size": 48'],
    ['"intermediate_size": 640', '"intermediate_size": 64'],
    ['"num_hidden_layers": 4', '"num_hidden_layers": 2'],
    ['"dim_model_base": 256', '"dim_model_base": 24'],
    ["(2, 1, 33)", "(2, 1, 17)"],
  ];
  for (const [from, to] of [...smaller, ...changes]) {
    expect(text).toContain(from);
    text = text.replaceAll(from, to);
  }
  writeFileSync(file, text);
  return file;
}

const record = (
  file: string,
  options: { steps?: number; agreement?: number; timed?: "eager"[]; folder?: string } = {},
): Promise<OutlineResult> => {
  const { steps = 3, agreement = 1e-6, timed = [], folder = join(dirname(file), "outlined") } = options;
  const request = {
    source: { file },
    name: "outlined",
    folder,
    steps,
    agreement,
    timed,
    seed: 1,
    unsafe: false,
    signal: new AbortController().signal,
  };
  return outline(request, { phase: () => {}, step: () => {} });
};

it("has PyTorch to record", (context) => {
  if (!hasPytorch && !process.env.CI) context.skip(reason);
  expect(hasPytorch, reason).toBe(true);
});

describe.runIf(hasPytorch)("an exam from a framework that is trusted", { timeout: 300_000 }, () => {
  let result: OutlineResult;

  beforeAll(async () => {
    result = await record(writeModel(), { timed: ["eager"] });
  }, 300_000);

  it("holds the model, its optimizer, its batch, and what was recorded", () => {
    const { spec } = loadTrainerSpec(result.spec);
    expect(spec.model).toMatchObject({ layers: 2, hidden: 48, query_heads: 4, kv_heads: 2, head_dim: 12, vocabulary: 4096, tied: true });
    expect(spec.mup).toEqual({ embedding_scale: 12, depth_scale: 1.4, base_width: 24 });
    expect(spec.optimizer).toMatchObject({ schedule: "wsd", warmup_steps: 2, total_steps: 2000, beta2: 0.95 });
    expect(spec.training).toEqual({ micro_batches: 2, batch: 1, length: 16 });
    expect(spec.recorded).toMatchObject({ steps: 3, agreement: 1e-6, framework: expect.stringMatching(/^MiniCPM, torch 2\./) });
  });

  it("says how far the reference is off it, and how far its own lower precisions are", () => {
    for (const { what, relative } of result.report.differences) expect({ what, isClose: relative < 1e-6 }).toEqual({ what, isClose: true });
    // 20 tensors, logits, loss and norm in the first step and in the last.
    expect(result.report.differences).toHaveLength(2 * (20 + 3));
    const { f32, bf16 } = result.report.precisions;
    expect(f32!.logits).toBeGreaterThan(1e-9);
    expect(f32!.logits).toBeLessThan(1e-5);
    expect(bf16!.gradient).toBeGreaterThan(100 * f32!.gradient!);
    for (const curve of Object.values(result.report.losses)) expect(curve).toHaveLength(3);
    expect(result.report.speed).toMatchObject({ eager: { tokensPerSecond: expect.any(Number), peakBytes: expect.any(Number) } });
  });

  it("is held by the reference, and broken by a trainer that is wrong in what was recorded only", async () => {
    const loaded = loadTrainerSpec(result.spec);
    const hall = await TrainerHall.open(loaded, "f32", "recorded", [], openRecording(loaded));
    try {
      const cases = recordedCases(loaded.spec);
      expect(cases.map(({ recordedStep }) => recordedStep)).toEqual([0, 2]);
      const honest = await sit(await hall.enter(plantedTrainer(loaded, "f32", { name: "reference", replace: [] }), 1), cases);
      expect(honest.map(({ check, status, summary }) => `${check} ${status}: ${status === "passed" ? "" : summary}`)).toEqual([
        "forward passed: ",
        "backward passed: ",
        "steps passed: ",
      ]);
      // Wrong at the recorded model's width only.
      const replace: [string, string][] = [["p[j] *= score_scale();", "p[j] *= score_scale() * (trainer.hidden == 48 ? 1.01 : 1);"]];
      const spoiled = plantedTrainer(loaded, "f32", { name: "spoiled", replace });
      const wrong = await sit(await hall.enter(spoiled, 1), cases);
      expect(wrong.at(-1)).toMatchObject({ check: "forward", status: "failed" });
      expect(wrong.at(-1)!.evidence[0]).toMatchObject({ visibility: "recorded", output: "logits", mismatch: { index: expect.any(Array) } });
    } finally {
      await hall.close();
    }
  });

  it("knows its recording by its hash", () => {
    const folder = newFolder();
    for (const name of readdirSync(dirname(result.spec))) copyFileSync(join(dirname(result.spec), name), join(folder, name));
    const recording = join(folder, "outlined.safetensors");
    expect(statSync(recording).mode & 0o777).toBe(0o644);
    const open = () => openRecording(loadTrainerSpec(join(folder, "outlined.yaml")))!.recording.read("f64/loss", 3);
    expect(open()).toHaveLength(3);
    const bytes = readFileSync(recording);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(recording, bytes);
    expect(open).toThrow(/outlined\.yaml:\d+:\d+: outlined\.safetensors has SHA-256 [0-9a-f]{64}\n.*forge outline wrote/);
    writeFileSync(recording, bytes.subarray(0, 1000));
    expect(open).toThrow(/truncated/);
  });

  it("takes Hugging Face's own model", async () => {
    const folder = newFolder();
    const file = join(folder, "llama.py");
    writeFileSync(file, readFileSync("specs/models/outlines/llama_tiny.py", "utf8").replace("hidden_size=192", "hidden_size=96"));
    const {
      report: { differences },
      spec,
    } = await record(file, { steps: 1, agreement: 1e-5, folder: join(folder, "outlined") });
    expect(loadTrainerSpec(spec).spec).toMatchObject({
      model: { tied: false, hidden: 96 },
      optimizer: { schedule: "cosine" },
      recorded: { steps: 1 },
    });
    expect(Math.max(...differences.map(({ relative }) => relative))).toBeGreaterThan(1e-8);
  });
});

describe.runIf(hasPytorch)("what is no exam is refused, with what to do, and nothing is written", { timeout: 120_000 }, () => {
  it.each<[string, [string, string][], RegExp]>([
    [
      "another base than its config says",
      [["rates = base **", "rates = 500.0 **"]],
      /in step 1 the logits of Forge's reference.* differ by \d.*; 1e-6 is asked\n.*rope_theta/,
    ],
    [
      "a gradient that is cut off",
      [["self.down_proj(nn.functional.silu(self.gate_proj(x))", "self.down_proj(nn.functional.silu(self.gate_proj(x)).detach()"]],
      /has no gradient|gradient norm|its gradient is not/,
    ],
    [
      "a parameter by another name",
      [["gate_proj", "w1"]],
      /no parameter model\.layers\.0\.mlp\.gate_proj\.weight \[64,48\].*rename\(name\)/,
    ],
    [
      "a model of another width than its config",
      [["nn.Linear(inner, hidden, bias=False)", "nn.Linear(inner, hidden, bias=True)"]],
      /has a parameter model\.layers\.0\.mlp\.down_proj\.bias \[48\]/,
    ],
    [
      "tokens outside of the vocabulary",
      [["return tokens[:, :, :-1], targets", "return tokens[:, :, :-1] + 5000, targets"]],
      /batch\(0\): tokens lie in \[\d+, \d+\], the vocabulary has 4096/,
    ],
    [
      "an optimizer with a field that there is not",
      [['"warmup_steps": 2', '"warm_up": 2']],
      /its optimizer has warm_up; there are learning_rate/,
    ],
    [
      "a file that breaks",
      [["import math", "import math, nowhere_to_be_found"]],
      /Python ended with 1\n[\s\S]*No module named 'nowhere_to_be_found'/,
    ],
    [
      "a model that the reference cannot be",
      [['"rope_theta": 10000', '"rope_theta": 10000, "num_experts": 8']],
      /its configuration: num_experts is 8/,
    ],
  ])("%s", async (_, changes, words) => {
    const file = writeModel(...changes);
    await expect(record(file, { steps: 1 })).rejects.toThrow(words);
    const left = existsSync(join(dirname(file), "outlined")) ? readdirSync(join(dirname(file), "outlined")) : [];
    expect(left).toEqual([]);
  });
});
