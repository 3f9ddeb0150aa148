import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { elementsOf, modelTensors } from "../../specs/trainer/model-layout.js";
import { writeState } from "../../verifiers/train/observe.js";
import {
  clippingScale,
  logitsName,
  type Recording,
  recordedBatch,
  recordedGradient,
  recordedState,
} from "../../verifiers/train/recording.js";
import { openOracle } from "../../verifiers/train/trainer-bench.js";
import { recordedCases, type TrainerCase } from "../../verifiers/train/trainer-cases.js";
import type { TrainerProcess } from "../../verifiers/train/trainer-process.js";
import type { TrainerRoom } from "../train/trainer-room.js";
import { OutlineError } from "./outline-error.js";

/** How far Forge's reference is off a recorded framework in one thing: |difference| / |recorded|, norms over the whole tensor. */
export interface Difference {
  step: number;
  what: string;
  relative: number;
}

/**
 * The reference in float64 does every recorded step that an exam asks, from the recorded state, and what it makes of it is held against the
 * recording: logits, loss, gradient norm and all gradients. In order of the ladder, so that the first that is off is nearest to the cause.
 */
export async function compareWithReference(room: TrainerRoom, loaded: LoadedTrainerSpec, recording: Recording): Promise<Difference[]> {
  const found: Difference[] = [];
  const note = (difference: Difference) => void found.push(difference);
  const oracle = await openOracle(room.target, loaded, room.variant, room.support);
  try {
    for (const trainerCase of recordedCases(loaded.spec)) await compareStep(oracle.trainer, trainerCase, loaded, recording, note);
  } finally {
    await oracle.close();
  }
  return found;
}

async function compareStep(
  oracle: TrainerProcess,
  trainerCase: TrainerCase,
  { spec }: LoadedTrainerSpec,
  recording: Recording,
  note: (difference: Difference) => void,
): Promise<void> {
  const { setting, recordedStep } = trainerCase;
  const { steps } = spec.recorded!;
  const step = recordedStep! + 1;
  const state = recordedState(recording, trainerCase);
  const batch = recordedBatch(recording, trainerCase, steps);
  await oracle.create(setting);
  await writeState(oracle, state);
  const logits = await oracle.logits(batch);
  note({ step, what: "logits", relative: relativeTo(recording.read(logitsName(trainerCase), logits.length), logits) });
  const report = await oracle.step(batch);
  const scalar = (name: string) => Float64Array.of(recording.read(name, steps)[recordedStep!]!);
  note({ step, what: "loss", relative: relativeTo(scalar("f64/loss"), Float64Array.of(report.loss)) });
  note({ step, what: "gradient norm", relative: relativeTo(scalar("f64/gradient_norm"), Float64Array.of(report.gradient_norm)) });
  const beta = Math.fround(setting.optimizer.beta1);
  const scale = clippingScale(setting, report.gradient_norm);
  for (const [index, tensor] of oracle.tensors().entries()) {
    const before = state.firstMoments[index]!;
    // What is in a moment of the gradient, unclipped as the recording has it.
    const gradient = (await oracle.read(index, "first_moment")).map((moment, i) => (moment - beta * before[i]!) / (1 - beta) / scale);
    note({ step, what: `gradient of ${tensor.name}`, relative: relativeTo(recordedGradient(recording, trainerCase, tensor), gradient) });
  }
}

/** Throws OutlineError for the first thing, in order of the ladder, that the reference says otherwise. */
export function requireAgreement(from: string, agreement: number, differences: Difference[]): void {
  const off = differences.find(({ relative }) => !(relative <= agreement));
  if (!off) return;
  const { what, step, relative } = off;
  const found = `in step ${step} the ${what} of Forge's reference, from the same weights in float64, differ by ${relative.toExponential(1)}; ${agreement.toExponential(0)} is asked`;
  throw new OutlineError(`${from} is not the model that its configuration describes: ${found}\n  to do: ${adviceFor(off)}`);
}

function adviceFor({ what, step, relative }: Difference): string {
  if (relative < 1e-4)
    return "where a model computes parts in float32, as Hugging Face's norms and rotary angles do, ask for less: --agreement 1e-5";
  if (what === "logits" && step === 1)
    return "compare rms_norm_eps, rope_theta, order of heads, activation and muP's scales of the model with its configuration";
  if (what === "loss") return "the loss is the mean over all targets that are not -100, in whichever micro-batch they are";
  return "what the forward pass computes is right, its gradient is not: look for detached tensors, and parameters that are used twice";
}

/** How far the framework in another precision is off itself in float64, in its first step; gradients at worst. */
export function precisionError(
  recording: Recording,
  { spec }: LoadedTrainerSpec,
  precision: string,
  hasGradients: boolean,
): { logits: number; gradient: number | null } {
  const { batch, length } = spec.recorded!.batch;
  const off = (name: string, elements: number): number =>
    relativeTo(recording.read(`f64/${name}`, elements), recording.read(`${precision}/${name}`, elements));
  const gradients = modelTensors(spec.model).map((tensor) => () => off(`gradient/${tensor.name}`, elementsOf(tensor)));
  return {
    logits: off("logits", batch * length * spec.model.vocabulary),
    gradient: hasGradients ? gradients.reduce((worst, measure) => Math.max(worst, measure()), 0) : null,
  };
}

/** |b - a| / |a|, Euclidean. */
function relativeTo(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (b[i]! - a[i]!) ** 2;
    size += a[i]! ** 2;
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(size), Number.MIN_VALUE);
}
