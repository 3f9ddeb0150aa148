import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { TrainerSpec } from "../../specs/contracts/trainer-spec.js";

export const tinySpec = "specs/models/minicpm-tiny.yaml";

/** The tiny model's spec, smaller still: every rung of the ladder, in seconds each; its reference beside it. Returns the spec's path. */
export function writeNanoSpec(project: string, change: (spec: TrainerSpec) => void = () => {}): string {
  const nano = parse(readFileSync(tinySpec, "utf8")) as TrainerSpec;
  nano.name = "nano";
  nano.reference = "decoder.c";
  nano.model = { ...nano.model, layers: 1, hidden: 64, query_heads: 2, kv_heads: 1, head_dim: 32, feed_forward: 96 };
  nano.exam.hidden = 2;
  nano.exam.timed = { micro_batches: 1, batch: 2, length: 64 };
  nano.exam.long_run.steps = 20;
  nano.variants = { f32: nano.variants.f32! };
  nano.budget = { attempts: 1, minutes: 10 };
  change(nano);
  writeFileSync(join(project, "nano.yaml"), stringify(nano));
  cpSync("reference-kernels/decoder.c", join(project, "decoder.c"));
  return join(project, "nano.yaml");
}

/** Somebody's trainer: a text, the reference's say, and how it is compiled. */
export function writeTrainerFolder(folder: string, text: string, ...flags: string[]): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "trainer.c"), text);
  const unit = { source: "trainer.c", flags: ["-std=c11", ...flags, "-march=native", "-fopenmp"] };
  writeFileSync(join(folder, "forge.json"), JSON.stringify({ language: "c", compiler: "gcc", units: [unit], linkFlags: ["-fopenmp"] }));
  return folder;
}
