import { relative, resolve } from "node:path";
import type { Command } from "commander";
import type { OutlineResult } from "../outline/outline.js";
import type { ProblemOutline } from "../outline/problem-outline.js";
import type { LoggedIteration, OutlineSource } from "../outline/run-recorder.js";
import type { CommandHost } from "./command-host.js";
import { commandName } from "./command-name.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";
import { positiveInteger, positiveNumber } from "./option-values.js";
import { UsageError } from "./usage-error.js";

interface OutlineCommandOptions {
  name: string;
  into?: string;
  steps: number;
  agreement: number;
  seed: number;
  speed: boolean;
  unsafeNoSandbox?: boolean;
  megatron?: string;
  checkpoint?: string;
  data?: string;
  length: number;
  size: Record<string, number>;
  small?: boolean;
}

export function declareOutline(program: Command, host: CommandHost): void {
  program
    .command("outline")
    .argument("[file.py]", "a Python file with model() and batch(step), or a problem of KernelBench's")
    .summary("set an exam from what you trust: PyTorch, Megatron-LM, a KernelBench problem")
    .description(
      "Trains your reference model for some steps in float64, float32 and bfloat16, and records weights, batches, logits, losses, gradients, moments " +
        "and the speed of eager and compiled PyTorch. Forge's reference must say the same; then a spec is written, of which the recorded steps are a part. " +
        "A KernelBench problem becomes a kernel's spec: its module, operation by operation, a plain C reference that says the same in float64.",
    )
    .requiredOption("--name <name>", "of the model, e.g. my-llama")
    .option("--into <folder>", "where spec, reference and recording go (default: a folder of that name, here)")
    .option("--steps <count>", "steps that are recorded", positiveInteger, 4)
    .option("--agreement <part>", "how far the reference may be off, norm-wise", positiveNumber, 1e-6)
    .option("--seed <number>", "what the model is drawn by (torch.manual_seed)", positiveInteger, 1)
    .option("--no-speed", "do not time PyTorch")
    .option("--megatron <log>", "in place of a file: what a run of Megatron-LM printed, from its arguments on")
    .option("--checkpoint <folder>", "with --megatron: its weights (--ckpt-format torch, one rank)")
    .option("--data <prefix>", "with --megatron: its tokens, PREFIX.bin and PREFIX.idx")
    .option("--length <tokens>", "with --megatron: tokens of a recorded step", positiveInteger, 64)
    .option("--size <name=value>", "of a KernelBench problem: another number in place of its own", sizeOption, {})
    .option("--small", "of a KernelBench problem: halve the numbers that cannot vary while the module can be built")
    .option("--unsafe-no-sandbox", "run the reference without bubblewrap")
    .addHelpText(
      "after",
      helpText({
        notes:
          "The file is run by a Python with PyTorch (FORGE_PYTHON, or `node scripts/install-prerequisites.mjs --python`), with your rights. What it must " +
          "hold is in docs/outline.md; specs/models/outlines/ has files to begin from.",
        examples: [
          ["forge outline KernelBench/level1/40_LayerNorm.py --name layer-norm", "A kernel's exam of a problem of KernelBench's."],
          ["forge outline specs/models/outlines/minicpm_tiny.py --name my-minicpm", "Writes my-minicpm/: spec, reference, recording."],
          [
            "forge outline llama.py --name my-llama --agreement 1e-5",
            "A Hugging Face model, parts of which are float32 whatever it is asked.",
          ],
          ["forge outline --megatron train.log --checkpoint checkpoints --name ours", "The exam of what Megatron-LM trained."],
        ],
        exitCodes: [0, 2, 4, 130],
      }),
    )
    .action(async (file: string | undefined, options: OutlineCommandOptions) =>
      host.finish(await runOutline(file, options, host.interruption())),
    );
}

/** Of a trainer's spec: what differs by more is another model. */
const mostAgreement = 1e-3;

function sourceOf(file: string | undefined, { megatron, checkpoint, data, length }: OutlineCommandOptions): OutlineSource {
  if ((file === undefined) === (megatron === undefined))
    throw new UsageError("name a Python file, or a log with --megatron, one of the two");
  if (file !== undefined) {
    const alone = checkpoint !== undefined ? "--checkpoint" : data !== undefined ? "--data" : null;
    if (alone) throw new UsageError(`${alone} goes with --megatron: a Python file says itself where its weights and tokens come from`);
    return { file: resolve(file) };
  }
  const absolute = (path: string | undefined) => (path === undefined ? null : resolve(path));
  return { megatron: { log: resolve(megatron!), checkpoint: absolute(checkpoint), data: absolute(data), length } };
}

/** NAME=VALUE, once for each. */
function sizeOption(text: string, before: Record<string, number>): Record<string, number> {
  const [, name, value] = /^(\w+)=(.*)$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`--size takes NAME=VALUE, a name of the problem's top level, not ${text}`);
  if (!/^[1-9]\d{0,9}$/.test(value!)) throw new UsageError(`--size ${name} takes a whole number from 1, not ${value}`);
  return { ...before, [name]: Number(value) };
}

async function runOutline(file: string | undefined, options: OutlineCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const { isProblemFile } = await import("../outline/problem-outline.js");
  if (file !== undefined && isProblemFile(file)) return runProblemOutline(file, options, signal);
  if (Object.keys(options.size).length > 0 || options.small) throw new UsageError("--size and --small go with a KernelBench problem");
  const source = sourceOf(file, options);
  const [{ outline, timedModes }, { requireModelName }] = await Promise.all([
    import("../outline/outline.js"),
    import("./start-trainer.js"),
  ]);
  requireModelName(options.name);
  if (options.agreement > mostAgreement) throw new UsageError(`--agreement is ${options.agreement}; at most ${mostAgreement} is one`);
  const { name, into = name, steps, agreement, seed, speed, unsafeNoSandbox = false } = options;
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const watcher = { phase: (text: string) => say(`… ${text}`), step: (line: string) => say(`  ${line}`) };
  const timed = speed ? [...timedModes] : [];
  const asked = { source, name, folder: into, steps, agreement, seed, signal, timed, unsafe: unsafeNoSandbox };
  process.stdout.write(`${describe(await outline(asked, watcher))}\n`);
  return exitCodes.ok;
}

async function runProblemOutline(file: string, options: OutlineCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const [{ outlineProblem }, { requireSpecName }] = await Promise.all([import("../outline/problem-outline.js"), import("./start-spec.js")]);
  requireSpecName(options.name);
  const { name, into = name, size, small = false } = options;
  process.stdout.write(
    `${describeProblem(file, await outlineProblem({ file: resolve(file), name, folder: into, sizes: size, small, signal }))}\n`,
  );
  return exitCodes.ok;
}

function describeProblem(file: string, { spec, files, problem, timed }: ProblemOutline): string {
  const { agreement, checked, operations, framework, sizes, fixed } = problem;
  const free = Object.keys(sizes).filter((size) => !fixed.includes(size));
  const values = (of: Record<string, number>) => free.map((size) => `${size} ${of[size]}`).join(", ");
  const short = operations.map((name) => name.replace(/^aten\.(\w+)\..*$/, "$1"));
  return [
    `Read ${file} by ${framework}: ${short.join(", ")}.`,
    `Forge's reference differs from the module, both in float64, by ${part(agreement)} (norm-wise, at worst of ${checked.length} sizes).`,
    free.length === 0 ? "None of its sizes varies." : `Sizes that vary: ${free.join(", ")}; timed at ${values(timed)}.`,
    ...(free.some((size) => timed[size] !== sizes[size])
      ? [`The problem's own are ${values(sizes)}: name them with --size to time those.`]
      : []),
    `Wrote ${files.map((written) => relative("", written)).join(", ")}. Next:`,
    `  ${commandName()} goal ${relative("", spec)}`,
  ].join("\n");
}

function describe({ spec, files, recordingBytes, report }: OutlineResult): string {
  const { framework, batch, steps, differences, precisions, losses, speed, curve, notes } = report;
  const prefix = "gradient of ";
  const worstGradient = differences.filter(({ what }) => what.startsWith(prefix)).reduce((a, b) => (b.relative > a.relative ? b : a));
  const worstOf = (what: string) =>
    Math.max(...differences.filter((difference) => difference.what === what).map((found) => found.relative));
  return [
    `Recorded ${framework}: ${steps} ${steps === 1 ? "step" : "steps"} of ${batch.micro_batches} x ${batch.batch} x ${batch.length} tokens, ${megabytes(recordingBytes)}.`,
    ...(curve.length > 0 ? [loggedText(curve)] : []),
    ...notes.map((note) => `Note: ${note}.`),
    "",
    "Forge's reference from the same weights, both in float64, differs by (norm-wise)",
    `  logits ${part(worstOf("logits"))}   loss ${part(worstOf("loss"))}   gradient norm ${part(worstOf("gradient norm"))}   gradients at worst ${part(worstGradient.relative)} (${worstGradient.what.slice(prefix.length)})`,
    "Its own steps in lower precision differ from float64 by",
    ...Object.entries(precisions).map(
      ([name, { logits, gradient }]) =>
        `  ${name.padEnd(5)} logits ${part(logits)}${gradient === null ? "" : `   gradients at worst ${part(gradient)}`}`,
    ),
    "",
    `${"loss".padEnd(8)}${Object.keys(losses)
      .map((name) => name.padStart(10))
      .join("")}`,
    ...losses.f64!.map((_, step) => {
      const figures = Object.values(losses).map((found) => found[step]!.toFixed(5).padStart(10));
      return `${`step ${step + 1}`.padEnd(8)}${figures.join("")}`;
    }),
    "",
    ...Object.entries(speed).map(([mode, found]) =>
      "failed" in found
        ? `PyTorch ${mode}: does not run here: ${found.failed}`
        : `PyTorch ${mode.padEnd(8)} ${found.tokensPerSecond.toFixed(0)} tokens/s, f32, at most ${megabytes(found.peakBytes)} resident`,
    ),
    `Wrote ${files.map((file) => relative("", file)).join(", ")}. Next:`,
    `  ${commandName()} goal ${relative("", spec)}`,
  ].join("\n");
}

/** What Megatron said of its training, from first to last. */
function loggedText(curve: LoggedIteration[]): string {
  const [first, last] = [curve[0]!, curve.at(-1)!];
  const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];
  const milliseconds = middle(curve.flatMap((found) => found.milliseconds ?? []));
  const teraflops = middle(curve.flatMap((found) => found.teraflopsPerGpu ?? []));
  return [
    `Megatron logged iterations ${first.iteration} to ${last.iteration}`,
    ...(first.loss !== undefined && last.loss !== undefined ? [`loss ${first.loss.toFixed(4)} to ${last.loss.toFixed(4)}`] : []),
    ...(milliseconds === undefined ? [] : [`${milliseconds.toFixed(0)} ms each`]),
    ...(teraflops === undefined ? [] : [`${teraflops.toFixed(0)} TFLOP/s/GPU`]),
  ]
    .join(", ")
    .concat(".");
}

const part = (value: number): string => value.toExponential(1);
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 24 ? 1 : 0)} MiB`;
