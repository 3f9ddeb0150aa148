import { spawn } from "node:child_process";
import { type Command, Option } from "commander";
import type { DeskReply } from "../../specs/contracts/desk.js";
import { type AgentCommandOptions, addBudgetOptions } from "./agent-options.js";
import type { CommandHost } from "./command-host.js";
import { askDesk, findDesk } from "./desk-client.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { type GoalSessionOptions, holdGoalSession } from "./goal-session.js";
import { helpText } from "./help-text.js";
import { positiveInteger } from "./option-values.js";
import { requireTarget, requireVariant } from "./require-known.js";
import { UsageError } from "./usage-error.js";

interface McpOptions
  extends Omit<AgentCommandOptions, "agent">,
    Pick<GoalSessionOptions, "resume" | "threads" | "unsafeNoSandbox" | "acceptWeakExam"> {
  variant?: string;
  target: string;
  output: string;
  runs: string;
  holdGoal?: boolean;
}

export function declareMcp(program: Command, host: CommandHost): void {
  const command = program
    .command("mcp")
    .argument("[spec]", "the exam; left out in a folder where a goal waits for work already")
    .summary("serve a goal's tools over the Model Context Protocol")
    .description(
      "Speaks MCP on stdin and stdout. With a spec it begins a goal whose agent is whoever connects: write, check, profile, submit and the " +
        "other tools work on that goal's workspace, and the best attempt is accepted when the client goes; a goal of which nothing has passed " +
        "by then waits for --resume. Without a spec it serves the goal that waits in this folder. What happens is told on stderr.",
    )
    .option("--variant <name>", "storage types, as named in the spec (default: the spec's first)")
    .option("--target <name>", "chip to forge for (see `forge targets`)", "x86-64")
    .option("--threads <count>", "threads the kernel may use (default: what the target recommends here)", positiveInteger)
    .option("--resume [run]", "go on with an unfinished run: the newest of this goal, or the one named")
    .option("--output <folder>", "where accepted kernels go", "generated")
    .option("--runs <folder>", "where run histories are kept", "runs")
    .option("--unsafe-no-sandbox", "build and run generated code without bubblewrap, with your rights; the certificate says so")
    .option("--accept-weak-exam", "sit the exam although `forge lint` found that its gates miss too much")
    .addOption(new Option("--hold-goal").hideHelp())
    .action(async (spec: string | undefined, options: McpOptions) => {
      if (spec === undefined) host.finish(await serveWaitingGoal());
      else host.finish(await (options.holdGoal ? holdGoal(spec, options, host.interruption()) : startHolder()));
    });
  addBudgetOptions(command).addHelpText(
    "after",
    helpText({
      examples: [
        [
          "claude mcp add forge -- forge mcp specs/kernels/rmsnorm.yaml --attempts 20",
          "Claude Code forges RMSNorm; docs/agents.md has the same for other clients.",
        ],
      ],
      exitCodes: [0, 1, 2, 4, 130],
    }),
  );
}

/**
 * The goal is held by a process in a session of its own, and this one only carries the protocol there: clients that end do not wait, but
 * interrupt, end and kill their servers within half a second, which is too short to accept a kernel or to finish an attempt. The holder sees
 * its input end, whatever became of us.
 */
function startHolder(): Promise<ExitCode> {
  const words = [...process.execArgv, ...process.argv.slice(1), "--hold-goal"];
  const holder = spawn(process.execPath, words, { detached: true, stdio: ["pipe", "pipe", "inherit"] });
  process.stdin.pipe(holder.stdin);
  holder.stdout.pipe(process.stdout);
  // It may have ended with words of ours on their way.
  holder.stdin.on("error", () => {});
  return new Promise((resolve, reject) => {
    holder.once("error", reject);
    holder.once("close", (code) => resolve((code ?? exitCodes.errored) as ExitCode));
  });
}

async function holdGoal(specPath: string, options: McpOptions, signal: AbortSignal): Promise<ExitCode> {
  // A client that has gone ends the goal, not the process that still has a kernel to accept.
  process.stdout.removeAllListeners("error").on("error", () => {});
  process.stderr.on("error", () => {});
  const [{ loadExam }, { targetNames }] = await Promise.all([import("../../specs/trainer/load-trainer-spec.js"), import("../targets.js")]);
  const loaded = loadExam(specPath);
  const variant = options.variant ?? Object.keys(loaded.spec.variants)[0]!;
  requireVariant(loaded, variant);
  requireTarget(targetNames, options.target);
  if (options.strategy !== "linear")
    throw new UsageError("--strategy has several agents work side by side, and an MCP client is one: leave it out");
  const session: GoalSessionOptions = { ...options, agent: "mcp", require: "passed" };
  return holdGoalSession({ loaded, specPath, variant, target: options.target, options: session, signal, stream: process.stderr });
}

async function serveWaitingGoal(): Promise<ExitCode> {
  const folder = findDesk();
  if (folder === null)
    throw new UsageError("no goal waits for work in this folder: name a spec to begin one, e.g. forge mcp specs/kernels/rmsnorm.yaml");
  const { serveTools } = await import("../../agents/mcp/serve-tools.js");
  const listed = await askDesk(folder, { kind: "tools" });
  if (listed.kind !== "tools") throw new UsageError(listed.kind === "refused" ? listed.reason : "the goal does not tell its tools");
  const serving = await serveTools(
    {
      instructions: `Tools of a goal that waits for work in ${folder}; AGENTS.md there says what is to be built and how.`,
      tools: listed.tools,
      async call(name, argumentsText, cancelled) {
        const reply = await askDesk(folder, { kind: "call", name, argumentsText }, cancelled).catch(asRefusal);
        if (reply.kind === "answer") return { text: reply.text, isError: reply.isError };
        return { text: reply.kind === "refused" ? reply.reason : "the goal answered something else", isError: true };
      },
    },
    process.stdin,
    process.stdout,
  );
  await serving.closed;
  return exitCodes.ok;
}

/** A goal that has ended is an answer to the client, whose session may go on. */
function asRefusal(error: unknown): DeskReply {
  if (error instanceof UsageError) return { kind: "refused", reason: error.message };
  throw error;
}
