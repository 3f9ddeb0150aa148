import { resolve } from "node:path";
import { agentChoiceOf, budgetOf } from "./agent-options.js";
import { operationChoice } from "./by-operation-choice.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import type { GoalSession } from "./goal-session.js";
import { sessionExaminer } from "./session-examiner.js";
import { UsageError } from "./usage-error.js";

/** Characters a token has on average in English text and code; providers count differently, so what follows from it is an estimate. */
const charactersPerToken = 3.6;

/** `--dry-run`: what a model would be sent first, and what that costs. Nothing is sent. */
export async function previewGoal({ loaded, variant, target, options, signal, shared }: GoalSession): Promise<ExitCode> {
  const [{ chooseAgent }, { briefingFor }, { loadPrices, priceOf }] = await Promise.all([
    import("../agents.js"),
    import("../run-goal.js"),
    import("../../agents/models/prices.js"),
  ]);
  const runsDirectory = resolve(options.runs);
  const agent = await chooseAgent(
    { ...agentChoiceOf(options), previewOnly: true },
    { ...loaded.spec.budget, ...budgetOf(options) },
    runsDirectory,
  );
  if (operationChoice(loaded, variant, options, shared !== undefined) !== null)
    throw new UsageError(
      "--dry-run shows the first request of one goal, and by operation each operation has its own: try it with specs/kernels/linear.yaml, say, or with --whole",
    );
  if (!agent.preview) throw new UsageError(`--dry-run shows what a model would be sent; the agent ${agent.name} asks none`);
  const briefing = await briefingFor({
    loaded,
    variant,
    target,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    budget: budgetOf(options),
    playbook: options.playbook,
    runsDirectory,
    unsafe: options.unsafeNoSandbox ?? false,
    signal,
    ...sessionExaminer(shared, (text) => process.stderr.write(`${text}\n`)),
  });
  const request = JSON.stringify(agent.preview(briefing), null, 2);
  process.stdout.write(`${request}\n`);
  const tokens = Math.round(request.length / charactersPerToken);
  const price = options.model === undefined ? null : priceOf(options.model, loadPrices(options.prices));
  const cost =
    price === null
      ? `the price of ${options.model} is unknown: give a table with --prices`
      : `about $${((tokens * price.input) / 1e6).toFixed(4)} to read, and $${price.output} per million tokens of answer`;
  process.stderr.write(`nothing was sent. The first request has about ${tokens} tokens: ${cost}\n`);
  return exitCodes.ok;
}
