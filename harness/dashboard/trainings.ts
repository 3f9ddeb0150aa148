import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../../specs/contracts/store.js";
import type { TrainingStep } from "../train/train-run.js";
import { readTrainingFacts, trainingLogName } from "../train/training-facts.js";
import { TrainingLog } from "../train/training-log.js";
import type { TrainingCurves, TrainingLine } from "./page-data.js";

const mostPoints = 600;
/** Lines of which the newest figures are the mean. */
const latestLines = 10;
/** Longer than a step of a large model with a checkpoint after it. */
const silentAfterMs = 120_000;

const trainingsDirectory = (runsDirectory: string): string => join(runsDirectory, "train");

/** One for each folder that was looked at. */
const logs = new Map<string, TrainingLog>();

function readSteps(folder: string): readonly TrainingStep[] {
  const log = logs.get(folder) ?? new TrainingLog(join(folder, trainingLogName));
  logs.set(folder, log);
  return log.read();
}

/** Every training under `runs/train`, the newest first. */
export function readTrainings(runsDirectory: string): TrainingLine[] {
  const directory = trainingsDirectory(runsDirectory);
  if (!existsSync(directory)) return [];
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const present = new Set(folders.map(({ name }) => join(directory, name)));
  for (const folder of logs.keys()) if (!present.has(folder)) logs.delete(folder);
  return folders
    .flatMap(({ name }) => lineOf(directory, name, readSteps(join(directory, name))) ?? [])
    .sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
}

/** One training's curves, thinned to what a screen shows. Throws StoreError where there is none of this name. */
export function readTraining(runsDirectory: string, name: string): TrainingCurves {
  const directory = trainingsDirectory(runsDirectory);
  const isKnown = existsSync(directory) && readdirSync(directory).includes(name);
  const steps = isKnown ? readSteps(join(directory, name)) : [];
  const line = isKnown ? lineOf(directory, name, steps) : null;
  if (!line) throw new StoreError(`there is no training ${name} in ${directory}; forge train makes one`);
  return { line, points: thin(steps) };
}

function lineOf(directory: string, name: string, steps: readonly TrainingStep[]): TrainingLine | null {
  const facts = readTrainingFacts(join(directory, name));
  const last = steps.at(-1);
  if (!facts) return null;
  const written = statSync(join(directory, name, last ? trainingLogName : "training.json")).mtimeMs;
  const latest = steps.slice(-latestLines);
  const mean = (value: (step: TrainingStep) => number) => meanOf(latest, value);
  const isWhole = last !== undefined && last.step >= facts.steps;
  return {
    ...{ name, spec: facts.spec, variant: facts.variant, steps: facts.steps, step: last?.step ?? 0 },
    state: isWhole ? "trained" : Date.now() - written > silentAfterMs ? "stopped" : "training",
    loss: mean(({ loss }) => loss),
    tokensPerSecond: mean(({ tokensPerSecond }) => tokensPerSecond),
    modelFlopsUtilisation: mean(({ modelFlopsUtilisation }) => modelFlopsUtilisation),
    secondsLeft: isWhole ? 0 : mean(({ seconds }) => seconds * (facts.steps - (last?.step ?? 0))),
    updatedAt: new Date(written).toISOString(),
  };
}

/** Null where there is nothing, or a step among them has no finite number there: JSON writes null of it. */
function meanOf(steps: readonly TrainingStep[], value: (step: TrainingStep) => number): number | null {
  const values: (number | null)[] = steps.map(value);
  if (values.length === 0 || values.includes(null)) return null;
  return (values as number[]).reduce((sum, found) => sum + found, 0) / values.length;
}

/** Means of as many steps as lie under one point; peak memory is the most. */
function thin(steps: readonly TrainingStep[]): TrainingCurves["points"] {
  const width = Math.max(1, Math.ceil(steps.length / mostPoints));
  return Array.from({ length: Math.ceil(steps.length / width) }, (_, index) => {
    const part = steps.slice(index * width, (index + 1) * width);
    const mean = (value: (step: TrainingStep) => number) => meanOf(part, value);
    return {
      step: part.at(-1)!.step,
      loss: mean(({ loss }) => loss),
      gradientNorm: mean(({ gradientNorm }) => gradientNorm),
      tokensPerSecond: mean(({ tokensPerSecond }) => tokensPerSecond),
      peakBytes: Math.max(...part.map(({ peakBytes }) => peakBytes)),
    };
  });
}
