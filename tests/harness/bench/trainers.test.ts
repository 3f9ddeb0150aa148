import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { pythonOfPeers } from "../../../harness/bench/peers/catalogue.js";
import { parseTrainerBenchOptions } from "../../../harness/bench/trainers/options.js";
import { type TrainerTable, trainerTableText } from "../../../harness/bench/trainers/table.js";
import { writeNanoSpec, writeTrainerFolder } from "../../flows/nano-trainer.js";
import { temporaryFolder } from "../temporary-folder.js";

describe("what forge bench trainers is asked", () => {
  it.each([
    [["--rounds", "2"], "--rounds takes a whole number from 5 to 64, not 2"],
    [["--variant", "f8"], "--variant f8 is not known; there are: f32, bf16"],
    [["--spec", "specs/models/none.yaml"], "there is no such file"],
    [["--sped", "x"], "Unknown option '--sped'"],
  ])("%j is refused: %s", (args, words) => {
    expect(() => parseTrainerBenchOptions(args)).toThrow(words);
  });

  it("takes the three models for exams, both types, where nothing is said", () => {
    const { specs, variants, rounds } = parseTrainerBenchOptions([]);
    expect(specs.map(({ spec }) => spec.name)).toEqual(["minicpm-tiny", "minicpm-small", "minicpm-medium"]);
    expect({ variants, rounds }).toEqual({ variants: ["f32", "bf16"], rounds: 5 });
  });
});

/** PyTorch compiles a model of this size in seconds. */
function writeNano(): { spec: string; trainer: string } {
  const folder = temporaryFolder();
  const spec = writeNanoSpec(folder, (nano) => {
    nano.variants = { ...nano.variants, bf16: { store: "bf16", accumulate: "f32" } };
    nano.training = { micro_batches: 2, batch: 1, length: 32 };
  });
  const reference = readFileSync("reference-kernels/decoder.c", "utf8");
  return { spec, trainer: writeTrainerFolder(join(folder, "trainer"), reference, "-O3", "-DFORGE_ORDER=SIMD") };
}

const probe = await execa(pythonOfPeers(), ["-c", "import torch, transformers"], { reject: false });
const hasPytorch = probe.exitCode === 0;
const reason = `no Python with PyTorch and transformers at ${pythonOfPeers()}: set FORGE_PYTHON, or run node scripts/install-prerequisites.mjs --python`;

const bench = (...args: string[]) =>
  execa(process.execPath, ["--import", "tsx", "harness/cli/main.ts", "bench", "trainers", ...args], { reject: false });

describe("forge bench trainers", { timeout: 300_000 }, () => {
  it("has PyTorch to train beside", (context) => {
    if (!hasPytorch && !process.env.CI) context.skip(reason);
    expect(hasPytorch, reason).toBe(true);
  });

  it.runIf(hasPytorch)("trains the same model as PyTorch, plain and compiled, and times them side by side", async () => {
    const { spec, trainer } = writeNano();
    const { stdout, stderr, exitCode } = await bench("--spec", spec, "--variant", "f32", "--trainer", trainer, "--under-load", "--json");
    expect(exitCode, stderr + stdout).toBe(0);
    const table = JSON.parse(stdout) as TrainerTable;
    expect(table.rows.map((row) => row.trainer)).toEqual(["forged", "pytorch-eager", "pytorch-compiled", "hf-eager"]);
    for (const row of table.rows) {
      expect(row).toMatchObject({ spec: "nano", variant: "f32", status: "measured" });
      expect(row.tokensPerSecond).toBeGreaterThan(0);
      expect(row.modelFlopsUtilisation).toBeGreaterThan(0);
      expect(row.modelFlopsUtilisation).toBeLessThan(1.2);
      expect(row.peakBytes).toBeGreaterThan(2 ** 20);
    }
    for (const row of table.rows.slice(1, 3)) expect(row.remark).toMatch(/^first losses (are the same$|agree to \de-(0?[4-9]|1\d)$)/);
    expect(table.rows[3]!.remark).toContain("without muP's scales");
    expect(trainerTableText(table, "markdown")).toContain("| nano | f32 | pytorch-eager |");
  });

  it("says what is not there, where nothing can be measured", async () => {
    const { exitCode, stderr } = await bench("--spec", writeNano().spec, "--variant", "bf16", "--generated", "/nowhere");
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/nothing to measure: there is no .*nowhere\/nano\/bf16\/x86-64/);
  });
});
