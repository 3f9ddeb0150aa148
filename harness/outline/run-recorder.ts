import type { BatchShape, Optimizer } from "../../specs/contracts/trainer-spec.js";
import { runPython } from "./run-python.js";

/** A Python file with model() and batch(step), or what a run of Megatron-LM left behind. */
export type OutlineSource =
  | { file: string }
  | { megatron: { log: string; checkpoint: string | null; data: string | null; length: number } };

/** As whoever named it knows it. */
export const sourceName = (source: OutlineSource): string => ("file" in source ? source.file : source.megatron.log);

export type RecorderRequest = OutlineSource & { seed: number } & (
    | { work: "describe" }
    | { work: "record"; steps: number; optimizer: Optimizer; precisions: string[]; out: string }
    | { work: "time"; mode: "eager" | "compiled"; steps: number; optimizer: Optimizer; threads: number }
  );

export interface Description {
  framework: string;
  model: string;
  config: Record<string, unknown>;
  /** Shapes by name, as in Hugging Face's checkpoints. */
  parameters: Record<string, number[]>;
  /** [micro_batches, batch, length]. */
  batch: [number, number, number];
  /** What the file says of it. */
  optimizer: Record<string, unknown>;
  /** Of Megatron: what was found, the batch that it trained with, each iteration that was logged, and what the outline says otherwise. */
  described?: string;
  training?: BatchShape;
  curve?: LoggedIteration[];
  notes?: string[];
}

export interface LoggedIteration {
  iteration: number;
  loss?: number;
  gradientNorm?: number;
  learningRate?: number;
  milliseconds?: number;
  teraflopsPerGpu?: number;
  globalBatch?: number;
}

export interface RecordAnswers {
  describe: Description;
  record: { losses: Record<string, number[]> };
  time: { tokensPerSecond: number; peakBytes: number };
}

/**
 * Runs record.py in a Python with PyTorch: the user's own program, with the user's rights. What it prints on its way goes to `onProgress`.
 * Throws OutlineError where Python is missing, the file breaks, or is not as it must be.
 */
export async function runRecorder<Work extends RecorderRequest["work"]>(
  request: Extract<RecorderRequest, { work: Work }>,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<RecordAnswers[Work]> {
  const isProgress = (line: string) => /^(f64|f32|bf16) step /.test(line);
  const about = sourceName(request);
  // Of Megatron the program names the file itself: log, checkpoint or data.
  const refusal = (reason: string) => ("file" in request ? `${about}: ${reason}` : reason);
  return runPython<RecordAnswers[Work]>({ script: "record.py", request, about, refusal, isProgress, onProgress, signal });
}
