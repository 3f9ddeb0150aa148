import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, it, test } from "vitest";
import { withCommas } from "../../../harness/model-config/trainer-spec-text.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";
import { parameterCount, parametersWithoutEmbeddings } from "../../../specs/trainer/model-layout.js";
import { runForge } from "./run-forge.js";

const folder = mkdtempSync(join(tmpdir(), "forge-init-model-"));
afterAll(() => rmSync(folder, { recursive: true }));

const fixture = (name: string) => join(import.meta.dirname, "fixtures", `${name}.config.json`);
const written = (name: string) => loadTrainerSpec(join(folder, name, `${name}.yaml`));

describe.each(["minicpm5-1b", "minicpm4-0.5b"])("of %s's config.json alone", (name) => {
  const { code, stdout, stderr } = runForge(["init", name, "--model", fixture(name)], folder);

  it("writes a spec that loads, and a reference beside it", () => {
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { spec, referencePath, referenceText } = written(name);
    expect(spec.name).toBe(name);
    expect(referencePath).toBe(join(folder, name, `${name}.c`));
    expect(referenceText).toBe(readFileSync("reference-kernels/decoder.c", "utf8"));
  });

  it("says the model as the shipped spec does", () => {
    const { spec } = written(name);
    const shipped = loadTrainerSpec(`specs/models/${name}.yaml`).spec;
    for (const key of ["model", "norm_eps", "rope_base", "mup", "optimizer", "training", "open", "variants", "rules"] as const)
      expect({ [key]: spec[key] }).toEqual({ [key]: shipped[key] });
  });

  it("prints how large it is and what comes next", () => {
    const { model } = written(name).spec;
    expect(stdout).toContain(`${withCommas(parameterCount(model))} parameters`);
    expect(stdout).toContain(`${withCommas(parametersWithoutEmbeddings(model))} without embeddings`);
    expect(stdout).toContain(`check <folder> --spec ${name}/${name}.yaml --variant f32`);
  });

  it("tells in the file what the model says from what is a default", () => {
    const { text } = written(name);
    expect(text.indexOf("# From config.json.")).toBeLessThan(text.indexOf("\nmodel:"));
    expect(text.indexOf("# All below is not in config.json.")).toBeLessThan(text.indexOf("\noptimizer:"));
  });
});

test("it overwrites nothing", () => {
  const before = written("minicpm5-1b").text;
  const { code, stderr } = runForge(["init", "minicpm5-1b", "--model", fixture("minicpm4-0.5b")], folder);
  expect(code).toBe(2);
  expect(stderr).toContain("exists and is not overwritten");
  expect(written("minicpm5-1b").text).toBe(before);
});

test("a file that is not there is named, with what to do, and nothing is written", () => {
  const { code, stdout, stderr } = runForge(["init", "absent", "--model", "nowhere/config.json"], folder);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^error: nowhere\/config\.json:1:1: there is no such file\n {2}expected: .*config\.json.*\n {2}to do: ./);
  expect(() => written("absent")).toThrow("no such file");
});

test.each(["MiniCPM", "0.5b", "a..b", "../escape", "a/b", "a.", ""])("%j is no name for a model", (name) => {
  const { code, stderr } = runForge(["init", name, "--model", fixture("minicpm5-1b")], folder);
  expect(code).toBe(2);
  expect(stderr).toContain("lower-case words");
});

const python = process.env.FORGE_PYTHON || ".venv/bin/python";
const probe = await execa(python, ["-c", "import torch, transformers"], { reject: false });
const available = probe.exitCode === 0;
const reason = `no Python with transformers at ${python}: set FORGE_PYTHON, or create .venv and install torch and transformers there`;

it("has transformers to compare with", (context) => {
  if (!available && !process.env.CI) context.skip(reason);
  expect(available, reason).toBe(true);
});

it.runIf(available)("a config.json that transformers wrote has as many parameters as its LlamaForCausalLM", async () => {
  const sizes = { hidden_size: 96, intermediate_size: 160, num_hidden_layers: 3, num_attention_heads: 6, vocab_size: 5000 };
  const configs = {
    plain: sizes,
    grouped: { ...sizes, num_key_value_heads: 2, rope_theta: 500_000, tie_word_embeddings: true },
    wide: { ...sizes, num_key_value_heads: 3, head_dim: 32, rope_parameters: { rope_type: "default", rope_theta: 5e6 } },
  };
  const script = join(import.meta.dirname, "write_llama_configs.py");
  const { stdout } = await execa(python, [script], { input: JSON.stringify({ folder, configs }) });
  const counts = JSON.parse(stdout) as Record<string, { parameters: number; without_embeddings: number }>;
  const bases = { plain: 10_000, grouped: 500_000, wide: 5_000_000 };
  for (const [name, base] of Object.entries(bases)) {
    const made = runForge(["init", `of-${name}`, "--model", join(folder, name, "config.json")], folder);
    expect(made.stderr).toBe("");
    const { model, rope_base } = written(`of-${name}`).spec;
    const counted = { parameters: parameterCount(model), without_embeddings: parametersWithoutEmbeddings(model) };
    expect({ name, ...counted, rope_base }).toEqual({ name, ...counts[name], rope_base: base });
  }
});
