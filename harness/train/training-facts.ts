import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";

/** A line of JSON for each step (`TrainingStep`). */
export const trainingLogName = "log.jsonl";
const factsName = "training.json";

/** What a training is of, as its folder says it to whoever looks. */
const TrainingFacts = Type.Object({
  format: Type.Literal("forge-training/1"),
  spec: Type.String(),
  variant: Type.String(),
  /** In all, when it has ended. */
  steps: Type.Integer({ minimum: 1 }),
  tokensPerStep: Type.Integer({ minimum: 1 }),
  seed: Type.String(),
  threads: Type.Integer({ minimum: 1 }),
});
export type TrainingFacts = Static<typeof TrainingFacts>;

const validate = new Ajv({ strict: false }).compile<TrainingFacts>(TrainingFacts);

export function writeTrainingFacts(folder: string, facts: Omit<TrainingFacts, "format">): void {
  writeFileSync(join(folder, factsName), `${JSON.stringify({ format: "forge-training/1", ...facts })}\n`);
}

/** Null where the folder holds no training, or what says so is being written. */
export function readTrainingFacts(folder: string): TrainingFacts | null {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, factsName), "utf8"));
    return validate(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
