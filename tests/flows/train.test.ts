import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { pythonOfPeers } from "../../harness/bench/peers/catalogue.js";
import { corpusTokens } from "../../harness/train/token-stream.js";
import type { TrainingStep } from "../../harness/train/train-run.js";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { drawTextBatch } from "../../verifiers/train/draw-text-batch.js";
import { mainPath, runForge } from "../harness/cli/run-forge.js";
import { writeNanoSpec, writeTrainerFolder } from "./nano-trainer.js";

const minutes = 60_000;
const probe = spawnSync(pythonOfPeers(), ["-c", "import torch, transformers"]);
const hasTransformers = probe.status === 0;
const reason = `no Python with transformers at ${pythonOfPeers()}: set FORGE_PYTHON, or run node scripts/install-prerequisites.mjs --python`;
const project = mkdtempSync(join(tmpdir(), "forge-train-"));
let spec = "";
let trainer = "";

beforeAll(() => {
  spec = writeNanoSpec(project, (nano) => {
    nano.training = { micro_batches: 2, batch: 1, length: 32 };
    // Steps that change something from the first on.
    nano.optimizer.warmup_steps = 1;
  });
  trainer = writeTrainerFolder(join(project, "trainer"), readFileSync("reference-kernels/decoder.c", "utf8"), "-O3", "-DFORGE_ORDER=SIMD");
});

const train = (output: string, ...options: string[]) =>
  runForge(["train", spec, "--trainer", trainer, "--output", output, "--checkpoint-every", "5", "--seed", "nano", ...options], project);
const logOf = (output: string): TrainingStep[] =>
  readFileSync(join(project, output, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as TrainingStep);
const curveOf = (output: string) =>
  logOf(output).map(({ step, loss, gradientNorm, learningRate }) => [step, loss, gradientNorm, learningRate]);
const imageOf = (output: string): Buffer => {
  const bytes = readFileSync(join(project, output, "checkpoint.forge"));
  return bytes.subarray(bytes.indexOf(10) + 1);
};

describe("forge train", { timeout: 4 * minutes }, () => {
  it("trains, says how far it is, and leaves log, checkpoint and model", () => {
    const { code, stdout, stderr } = train("whole", "--steps", "13");
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/step 13\/13 {2}loss \d+\.\d{4} {2}gradient norm \S+ {2}lr \S+ {2}\d+ tokens\/s {2}MFU \S+ % {2}\d+ MiB/);
    expect(stdout).toContain("Trained: 13 steps");
    expect(logOf("whole").map(({ step }) => step)).toEqual(Array.from({ length: 13 }, (_, step) => step + 1));
    expect(logOf("whole").at(-1)!.loss).toBeLessThan(logOf("whole")[0]!.loss);
  });

  it("killed in the middle and resumed ends in the same bits", () => {
    // A shell kills it once the checkpoint of step 5 is there and later steps are in the log.
    const words = [mainPath, "train", spec, "--trainer", trainer, "--output", "killed", "--checkpoint-every", "5", "--seed", "nano"];
    const script = `"$@" & pid=$!; while [ "$(wc -l < killed/log.jsonl 2>/dev/null || echo 0)" -lt 7 ]; do sleep 0.02; done; kill -9 $pid; wait $pid; true`;
    spawnSync("bash", ["-c", script, "kill", process.execPath, ...words, "--steps", "100000"], { cwd: project });
    const before = logOf("killed").length;
    expect(before).toBeGreaterThanOrEqual(7);
    const { code, stderr } = train("killed", "--steps", "13", "--resume");
    // It may have gone past the thirteenth step before it was killed.
    if (before < 10) {
      expect(code, stderr).toBe(0);
      expect(curveOf("killed")).toEqual(curveOf("whole"));
      expect(imageOf("killed").equals(imageOf("whole"))).toBe(true);
    } else expect(curveOf("killed").slice(0, 10)).toEqual(curveOf("whole").slice(0, 10));
  });

  it("refuses what it cannot go on from, and says what to do", () => {
    expect(train("whole", "--steps", "20")).toMatchObject({ code: 2, stderr: expect.stringContaining("go on with --resume") });
    const other = runForge(["train", spec, "--trainer", trainer, "--output", "whole", "--seed", "other", "--resume"], project);
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("is of another --seed") });
    const path = join(project, "whole", "checkpoint.forge");
    const bytes = readFileSync(path);
    const flipped = Buffer.from(bytes);
    flipped[flipped.length - 9]! ^= 1;
    writeFileSync(path, flipped);
    expect(train("whole", "--steps", "20", "--resume")).toMatchObject({ code: 2, stderr: expect.stringContaining("is damaged") });
    writeFileSync(path, bytes);
    expect(runForge(["train", spec], project)).toMatchObject({ code: 2, stderr: expect.stringContaining("name a folder with --trainer") });
  });

  it("has transformers to load what it leaves", (context) => {
    if (!hasTransformers && !process.env.CI) context.skip(reason);
    expect(hasTransformers, reason).toBe(true);
  });

  it.runIf(hasTransformers)("leaves a model that transformers loads, which has the loss that the next step reports", async () => {
    const text = await corpusTokens(4096);
    const loaded = loadTrainerSpec(spec);
    const { micro_batches, batch, length } = loaded.spec.training;
    const next = drawTextBatch(text, loaded.spec.training, "nano", 13);
    const rows = (values: Int32Array) =>
      Array.from({ length: micro_batches * batch }, (_, row) => [...values.subarray(row * length, (row + 1) * length)]);
    const said = spawnSync(pythonOfPeers(), ["tests/flows/llama_loss.py", join(project, "whole", "hf")], {
      input: JSON.stringify({ tokens: rows(next.tokens), targets: rows(next.targets) }),
      encoding: "utf8",
    });
    const { loss, kind } = JSON.parse(said.stdout || `{"error": ${JSON.stringify(said.stderr)}}`) as { loss: number; kind: string };
    expect(kind, said.stderr).toBe("LlamaForCausalLM");
    expect(train("whole", "--steps", "14", "--resume").code).toBe(0);
    const reported = logOf("whole").at(-1)!;
    expect(reported.step).toBe(14);
    expect(Math.abs(loss - reported.loss) / reported.loss).toBeLessThan(2e-6);
  });
});
