import { type Command, Option } from "commander";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { TurnTaking } from "../goal/turn-taking.js";
import type { SharedQueue } from "../queue/open-queue.js";
import { addAgentOptions, addBudgetOptions } from "./agent-options.js";
import { operationChoice } from "./by-operation-choice.js";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes, gravestExitCode } from "./exit-codes.js";
import { type GoalSession, type GoalSessionOptions, holdGoalSession } from "./goal-session.js";
import { helpText } from "./help-text.js";
import { positiveInteger } from "./option-values.js";
import { addQueueOptions, type QueueCommandOptions, requireRedis } from "./queue-options.js";
import { reportError } from "./report-error.js";
import { requireForWorkers, requireTarget, requireVariant } from "./require-known.js";
import { UsageError } from "./usage-error.js";

interface GoalCommandOptions extends GoalSessionOptions, QueueCommandOptions {
  variant?: string;
  target: string;
  dryRun?: boolean;
}

export function declareGoal(program: Command, host: CommandHost): void {
  const command = program
    .command("goal")
    .argument("<spec>", "the exam: a YAML file, e.g. specs/kernels/rmsnorm.yaml or specs/models/minicpm-tiny.yaml")
    .summary("have a kernel or a trainer forged: passed first, then surpassed")
    .description(
      "Has an agent write the kernel, or the trainer, that the spec describes, for one target. Every attempt is judged by the verifiers: nothing is timed " +
        "until it is right. What is accepted goes to the output folder with a certificate; every run is kept and can be resumed.",
    )
    .option("--variant <name>", "storage types, as named in the spec, or `all` (default: the spec's first)")
    .option("--target <name>", "chip to forge for (see `forge targets`), or `all`", "x86-64")
    .option(
      "--by-operation",
      "a trainer: plan, forge and merge operations, each by a goal of its own (default with autotune, where it can be done)",
    )
    .option(
      "--operations <names>",
      "by operation: these, joined by commas, whatever the profile says (default: those worth it)",
      (names: string) => names.split(","),
    )
    .option("--reforge", "by operation: forge also those of which a kernel was accepted before")
    .option("--whole", "a trainer: have it written in one piece (default with all other agents)")
    .option("--dry-run", "print what a model would be sent first, and its cost; send nothing")
    .option("--threads <count>", "threads the kernel may use (default: what the target recommends here)", positiveInteger)
    .option("--resume [run]", "go on with an unfinished run: the newest of this goal, or the one named")
    .addOption(new Option("--require <outcome>", "what counts as success").choices(["passed", "surpassed"]).default("passed"))
    .option("--output <folder>", "where accepted kernels go", "generated")
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--json", "print the event stream, one JSON object a line")
    .option("--unsafe-no-sandbox", "build and run generated code without bubblewrap, with your rights; the certificate says so")
    .option("--accept-weak-exam", "sit the exam although `forge lint` found that its gates miss too much")
    .action(async (spec: string, options: GoalCommandOptions) => host.finish(await goal(spec, options, host.interruption())));
  addQueueOptions(addBudgetOptions(addAgentOptions(command)), "have workers of other machines judge").addHelpText(
    "after",
    helpText({
      examples: [
        ["forge goal specs/kernels/rmsnorm.yaml", "The first variant on x86-64 with the built-in agent."],
        ["forge goal specs/kernels/linear.yaml --variant bf16 --minutes 10", "Another variant; after ten minutes no new attempt begins."],
        [
          "forge goal my/gelu.yaml --target all --variant all --require surpassed",
          "Every variant on every target; exit 3 where one is right but no faster.",
        ],
        [
          "forge goal specs/kernels/rmsnorm.yaml --from generated/rmsnorm/f32/x86-64",
          "Code that is there already: a stale certificate is renewed, or what you wrote yourself is accepted.",
        ],
        [
          "forge goal specs/kernels/rmsnorm.yaml --agent anthropic --model claude-opus-4-5 --attempts 20 --dollars 10",
          "A model writes it; the key is read from ANTHROPIC_API_KEY (OPENAI_API_KEY for the others).",
        ],
        [
          "forge goal specs/kernels/rmsnorm.yaml --agent openai --base-url http://localhost:8000/v1 --model qwen3-coder --strategy islands-4",
          "A model of your own server, four lines of development side by side.",
        ],
        [
          "forge goal specs/kernels/rmsnorm.yaml --agent command --command 'claude -p \"$(cat AGENTS.md)\" --allowedTools Bash,Edit,Write'",
          "Any coding CLI, in a folder whose AGENTS.md teaches it `forge check` and `forge submit`.",
        ],
        ["forge goal specs/kernels/rmsnorm.yaml --agent manual", "You write: it says in which folder, and waits for `forge submit`."],
        [
          "forge goal specs/kernels/rmsnorm.yaml --target all --redis redis://queue.example:6379 --secret-file queue.secret",
          "Judged by the workers at that queue (`forge worker`), for every chip side by side.",
        ],
        ["forge goal specs/kernels/rmsnorm.yaml --resume", "Goes on where the newest unfinished run stopped."],
        ["forge goal specs/kernels/rmsnorm.yaml --json | jq -c 'select(.type == \"attempt-judged\")'", "Follow it from a program."],
      ],
      exitCodes: [0, 1, 2, 3, 4, 130],
    }),
  );
}

async function goal(specPath: string, options: GoalCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const { loadExam } = await import("../../specs/trainer/load-trainer-spec.js");
  const loaded = loadExam(specPath);
  const variants =
    options.variant === "all" ? Object.keys(loaded.spec.variants) : [options.variant ?? Object.keys(loaded.spec.variants)[0]!];
  for (const variant of variants) requireVariant(loaded, variant);
  if (options.agent === "mcp")
    throw new UsageError("an MCP client begins its goal itself: have it run `forge mcp <spec>` (docs/agents.md)");
  const targets = await chooseTargets(options.target);
  if (typeof options.resume === "string" && variants.length * targets.length > 1) {
    throw new UsageError("--resume with a run names one goal: leave out `all`, or leave out the run to resume the newest of each goal");
  }
  if (options.from !== undefined && variants.length * targets.length > 1)
    throw new UsageError("--from names one goal's code: leave out `all`");
  for (const variant of variants) operationChoice(loaded, variant, options, (options.redis ?? "") !== "");
  const shared = await openShared(options, loaded);
  const session = (variant: string, target: string): GoalSession => ({
    ...{ loaded, specPath, variant, target, options, signal, stream: process.stdout },
    ...(shared === undefined ? {} : { shared }),
  });
  try {
    // Workers judge for several chips at once; this machine alone would only disturb its own timing.
    if (shared !== undefined && !options.dryRun && targets.length > 1) return await goalsSideBySide(variants, targets, session, signal);
    const codes: ExitCode[] = [];
    for (const variant of variants)
      for (const target of targets) {
        const held = options.dryRun ? (await import("./preview-goal.js")).previewGoal : holdGoalSession;
        codes.push(signal.aborted ? exitCodes.interrupted : await held(session(variant, target)));
      }
    return gravestExitCode(codes);
  } finally {
    await shared?.queue.close();
  }
}

async function openShared(options: GoalCommandOptions, loaded: LoadedExam): Promise<SharedQueue | undefined> {
  if (options.redis === undefined || options.redis === "") return undefined;
  requireForWorkers(loaded);
  if (options.unsafeNoSandbox) throw new UsageError("--unsafe-no-sandbox is for this machine: workers at a queue always use their sandbox");
  const { openSharedQueue } = await import("../queue/open-queue.js");
  return openSharedQueue(requireRedis(options));
}

/** One chip beside the other, the variants of each in turn. What fails for one chip is told, and the others go on. */
async function goalsSideBySide(
  variants: string[],
  targets: string[],
  session: (variant: string, target: string) => GoalSession,
  signal: AbortSignal,
): Promise<ExitCode> {
  const exams = new TurnTaking();
  const codes = await Promise.all(
    targets.map(async (target) => {
      const ofTarget: ExitCode[] = [];
      for (const variant of variants) {
        if (signal.aborted) return exitCodes.interrupted;
        const held = holdGoalSession({ ...session(variant, target), label: `${variant} ${target}`, exams });
        ofTarget.push(await held.catch((error: unknown) => (signal.aborted ? exitCodes.interrupted : reportError(error))));
      }
      return gravestExitCode(ofTarget);
    }),
  );
  return gravestExitCode(codes);
}

async function chooseTargets(name: string): Promise<string[]> {
  const { targetNames } = await import("../targets.js");
  if (name === "all") return targetNames;
  requireTarget(targetNames, name);
  return [name];
}
