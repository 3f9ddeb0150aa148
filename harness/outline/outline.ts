import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import type { BatchShape, LoadedTrainerSpec, Optimizer, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { SpecError } from "../../specs/spec-error.js";
import { loadTrainerSpec } from "../../specs/trainer/load-trainer-spec.js";
import { parameterCount } from "../../specs/trainer/model-layout.js";
import { type ModelOutline, readModelConfig } from "../model-config/read-model-config.js";
import { trainerSpecText } from "../model-config/trainer-spec-text.js";
import { packageRoot } from "../package-root.js";
import { hostTargetName } from "../targets.js";
import { TensorReader } from "../tensor-file.js";
import { TrainerRoom } from "../train/trainer-room.js";
import { compareWithReference, type Difference, precisionError, requireAgreement } from "./agreement.js";
import { optimizerOf, requireParameters } from "./described-model.js";
import { OutlineError } from "./outline-error.js";
import { recordingOf } from "./recording-file.js";
import { type Description, type LoggedIteration, type OutlineSource, runRecorder, sourceName } from "./run-recorder.js";

export interface OutlineRequest {
  source: OutlineSource;
  name: string;
  /** Where spec, reference and recording go; nothing there is overwritten. */
  folder: string;
  steps: number;
  /** To what part the reference must say the same as the recorded framework, norm-wise. */
  agreement: number;
  /** How PyTorch is timed, in a process of its own each. */
  timed: TimedMode[];
  seed: number;
  unsafe: boolean;
  signal: AbortSignal;
}

export const timedModes = ["eager", "compiled"] as const;
type TimedMode = (typeof timedModes)[number];
type FrameworkSpeed = Partial<Record<TimedMode, { tokensPerSecond: number; peakBytes: number } | { failed: string }>>;

/** What an outline found, besides the files that it wrote; the same stands in NAME.recording.json. */
export interface OutlineReport {
  framework: string;
  from: string;
  seed: number;
  steps: number;
  batch: BatchShape;
  /** Between the reference and the framework, both in float64. */
  differences: Difference[];
  losses: Record<string, number[]>;
  /** How far the framework in these types is off itself in float64. */
  precisions: Record<string, { logits: number; gradient: number | null }>;
  speed: FrameworkSpeed;
  /** Of Megatron's log. */
  curve: LoggedIteration[];
  /** What the outline says otherwise than the framework. */
  notes: string[];
}

export interface OutlineResult {
  spec: string;
  files: string[];
  recordingBytes: number;
  report: OutlineReport;
}

export interface OutlineWatcher {
  phase(text: string): void;
  step(line: string): void;
}

const precisions = ["f32", "bf16"];
const timedSteps = 5;
/** Of larger models the training precisions' gradients are not kept: they would be gigabytes. */
const largestKeptWhole = 64_000_000;

/**
 * Sets an exam from a framework that is trusted: records what it does, and finds out whether Forge's reference says the same. Only then a spec
 * is written. Throws OutlineError, SpecError.
 */
export async function outline(request: OutlineRequest, watcher: OutlineWatcher): Promise<OutlineResult> {
  const { source, name, folder, seed, signal } = request;
  const from = sourceName(source);
  if (!existsSync(from))
    throw new OutlineError(`${from} does not exist: name a Python file that has model() and batch(step), or a log of Megatron's`);
  const files = filesOf(name);
  for (const written of Object.values(files))
    if (existsSync(join(folder, written)))
      throw new OutlineError(`${join(folder, written)} exists and is not overwritten: choose another --into`);
  watcher.phase("asking for the model");
  const description = await runRecorder<"describe">({ ...source, seed, work: "describe" }, watcher.step, signal);
  const draft = join(folder, ".draft");
  mkdirSync(draft, { recursive: true });
  try {
    const drafted = new Draft(draft, request, description);
    const report = await drafted.fill(watcher);
    for (const written of Object.values(files)) renameSync(join(draft, written), join(folder, written));
    const spec = join(folder, files.spec);
    loadTrainerSpec(spec);
    const { recordingBytes } = drafted;
    return { spec, files: Object.values(files).map((written) => join(folder, written)), recordingBytes, report };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const filesOf = (name: string) => ({
  spec: `${name}.yaml`,
  reference: `${name}.c`,
  recording: `${name}.safetensors`,
  config: "config.json",
  report: `${name}.recording.json`,
});

/** An exam that is being set, in a folder of its own until all of it holds. */
class Draft {
  recordingBytes = 0;
  private readonly files: ReturnType<typeof filesOf>;
  private readonly from: string;
  private readonly model: ModelOutline;
  private readonly optimizer: Optimizer;
  private readonly batch: BatchShape;

  constructor(
    private readonly folder: string,
    private readonly request: OutlineRequest,
    private readonly description: Description,
  ) {
    this.files = filesOf(request.name);
    this.from = sourceName(request.source);
    const [micro_batches, batch, length] = description.batch;
    this.batch = { micro_batches, batch, length };
    this.model = this.readModel();
    requireParameters(this.from, this.model, description);
    this.optimizer = optimizerOf(this.from, this.model, description);
    copyFileSync(join(packageRoot(), "reference-kernels", "decoder.c"), join(folder, this.files.reference));
    // What is wrong with it is told before anything is trained.
    this.writeSpec(undefined);
  }

  async fill(watcher: OutlineWatcher): Promise<OutlineReport> {
    const { request, files, batch } = this;
    const { source, seed, steps, agreement, signal } = request;
    watcher.phase(`recording ${steps} ${steps === 1 ? "step" : "steps"} in float64, then in ${precisions.join(" and ")}`);
    const out = join(this.folder, files.recording);
    const recorder = { ...source, seed, work: "record" as const, steps, optimizer: this.optimizer, precisions, out };
    const { losses } = await runRecorder<"record">(recorder, watcher.step, signal);
    // safetensors writes for its owner alone; a spec's recording is for whoever has the spec.
    chmodSync(out, 0o644);
    const speed = await this.timeFramework(watcher);
    const reader = TensorReader.open(out);
    try {
      this.recordingBytes = reader.size;
      const { model, framework: library, described } = this.description;
      const framework = described === undefined ? `${model}, ${library}` : `${described}, trained on by ${library}`;
      const loaded = this.writeSpec({ file: files.recording, sha256: reader.hash(), steps, agreement, batch, framework });
      watcher.phase("the reference does the same steps in float64");
      const differences = await this.compare(loaded, reader);
      requireAgreement(this.from, agreement, differences);
      const isKept = parameterCount(this.model.shape) <= largestKeptWhole;
      const errors = precisions.map((precision) => [precision, precisionError(recordingOf(reader), loaded, precision, isKept)] as const);
      const { curve = [], notes = [] } = this.description;
      const report: OutlineReport = {
        ...{ framework, from: basename(this.from), seed, steps, batch, differences, losses, speed, curve, notes },
        precisions: Object.fromEntries(errors),
      };
      writeFileSync(join(this.folder, files.report), `${JSON.stringify(report, null, 2)}\n`);
      return report;
    } finally {
      reader.close();
    }
  }

  private readModel(): ModelOutline {
    const path = join(this.folder, this.files.config);
    writeFileSync(path, `${JSON.stringify(this.description.config, null, 2)}\n`);
    return this.asItsOwn("its configuration", () => readModelConfig(path));
  }

  private writeSpec(recorded: TrainerSpec["recorded"]): LoadedTrainerSpec {
    const { described, model, framework, training = this.batch } = this.description;
    const source = `${basename(this.from)}: ${described ?? model}, ${framework}`.replaceAll('"', "'");
    const path = join(this.folder, this.files.spec);
    writeFileSync(path, trainerSpecText(this.request.name, this.model, { source, optimizer: this.optimizer, training, recorded }));
    return this.asItsOwn("its outline", () => loadTrainerSpec(path));
  }

  /** What is wrong with a draft is wrong with what it was made of: drafts are nobody's files. */
  private asItsOwn<T>(what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      const { problem, expected, remedy } = error;
      throw new OutlineError(`${this.from}: ${what}: ${problem}\n  expected: ${expected}\n  to do: ${remedy}`);
    }
  }

  private async compare(loaded: LoadedTrainerSpec, reader: TensorReader): Promise<Difference[]> {
    const { unsafe, signal } = this.request;
    const room = await TrainerRoom.open({ loaded, variant: precisions[0]!, target: hostTargetName, unsafe, signal });
    try {
      return await compareWithReference(room, loaded, recordingOf(reader));
    } finally {
      await room.close();
    }
  }

  private async timeFramework(watcher: OutlineWatcher): Promise<FrameworkSpeed> {
    const { source, seed, timed, signal } = this.request;
    const speed: FrameworkSpeed = {};
    for (const mode of timed) {
      watcher.phase(`timing steps of PyTorch, ${mode}`);
      const asked = { mode, steps: timedSteps, optimizer: this.optimizer, threads: availableParallelism() };
      try {
        speed[mode] = await runRecorder<"time">({ ...source, seed, work: "time", ...asked }, watcher.step, signal);
      } catch (error) {
        // Not every model compiles; that is worth saying, and no reason to stop.
        if (!(error instanceof OutlineError)) throw error;
        speed[mode] = { failed: error.message.split("\n").at(-1)! };
      }
    }
    return speed;
  }
}
