import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatchShape, Optimizer } from "../../specs/contracts/trainer-spec.js";
import { pythonOfPeers, tunedAllocator } from "../bench/peers/catalogue.js";
import { packageRoot } from "../package-root.js";
import { OutlineError } from "./outline-error.js";

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

const shownLines = 12;

/**
 * Runs record.py in a Python with PyTorch: the user's own program, with the user's rights. What it prints on its way goes to `onProgress`.
 * Throws OutlineError where Python is missing, the file breaks, or is not as it must be.
 */
export async function runRecorder<Work extends RecorderRequest["work"]>(
  request: Extract<RecorderRequest, { work: Work }>,
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<RecordAnswers[Work]> {
  const python = pythonOfPeers();
  if (python.includes("/") && !existsSync(python))
    throw new OutlineError(
      `there is no Python at ${python}: set FORGE_PYTHON to one with PyTorch and safetensors, or run \`node scripts/install-prerequisites.mjs --python\``,
    );
  const name = sourceName(request);
  const said = (reason: unknown) => ("file" in request ? `${name}: ${String(reason)}` : String(reason));
  const folder = mkdtempSync(join(tmpdir(), "forge-outline-"));
  try {
    const path = join(folder, "request.json");
    writeFileSync(path, JSON.stringify(request));
    const { code, output, errors } = await run([python, join(packageRoot(), "harness", "outline", "record.py"), path], onProgress, signal);
    const answer = lastJson(output);
    if (answer?.status === "done") return answer as unknown as RecordAnswers[Work];
    if (answer?.status === "refused") throw new OutlineError(`${said(answer.reason)}`);
    const how = code === null ? "was killed, perhaps for want of memory" : `ended with ${code}`;
    throw new OutlineError(`${name}: Python ${how}\n${errors.trimEnd().split("\n").slice(-shownLines).join("\n")}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lastJson(output: string): ({ status: string } & Record<string, unknown>) | null {
  try {
    return JSON.parse(output.trimEnd().split("\n").at(-1)!);
  } catch {
    return null;
  }
}

function run(
  [program, ...words]: string[],
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string; errors: string }> {
  return new Promise((settle, fail) => {
    const child = spawn(program!, words, {
      stdio: ["ignore", "pipe", "pipe"],
      signal,
      killSignal: "SIGKILL",
      env: { ...process.env, ...tunedAllocator, PYTHONDONTWRITEBYTECODE: "1", TORCHINDUCTOR_COMPILE_THREADS: "1" },
    });
    let output = "";
    let errors = "";
    let unfinished = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-20_000);
      const lines = (unfinished + text).split("\n");
      unfinished = lines.pop()!;
      for (const line of lines) if (/^(f64|f32|bf16) step /.test(line)) onProgress(line);
    });
    child.once("error", fail);
    child.once("close", (code) => settle({ code, output, errors }));
  });
}
