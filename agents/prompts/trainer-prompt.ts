import type { AgentBriefing } from "../../specs/contracts/agent.js";
import type { BatchShape, LoadedTrainerSpec, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { parameterCount } from "../../specs/trainer/model-layout.js";
import { fillPrompt } from "./fill-prompt.js";
import { budgetText, exampleManifest, toolchainValues } from "./workplace-text.js";

/** The first word to whoever writes a trainer: the interface, the model, the ladder of its exam, the rules, the chip. */
export function trainerPrompt(briefing: AgentBriefing, { spec, referenceText }: LoadedTrainerSpec): string {
  const { variant, budget } = briefing;
  return fillPrompt("trainer", {
    name: spec.name,
    variant: briefing.variantName,
    target: briefing.targetName,
    summary: spec.summary,
    source: spec.source,
    precision:
      variant.store === variant.accumulate
        ? `Everything is ${variant.store}.`
        : `Operands and results of matrix products are ${variant.store}; sums, the residual stream, norms, softmax, loss, gradients of weights, masters and moments are ${variant.accumulate}.`,
    threads: String(briefing.threads),
    header: briefing.header.trim(),
    shapes: shapesText(spec),
    reference: referenceText.trim(),
    ladder: ladderText(spec),
    rules: rulesText(spec),
    manifest: JSON.stringify(exampleManifest(briefing, "trainer.c"), null, 2),
    ...toolchainValues(briefing),
    chip: briefing.chipFacts.trim().replace(/^# /, "### "),
    budget: budgetText(budget),
    playbook: briefing.playbook === "" ? "" : fillPrompt("playbook", { lessons: briefing.playbook }),
  });
}

const flow = (values: object): string =>
  Object.entries(values)
    .map(([key, value]) => `${key} ${Array.isArray(value) ? value.join(" to ") : value}`)
    .join(", ");

const batchText = ({ micro_batches, batch, length }: BatchShape): string =>
  `${micro_batches} micro-batch(es) of ${batch} sequence(s) of ${length} tokens`;

function shapesText({ model, training, exam, open }: TrainerSpec): string {
  return [
    `- Its own shape: ${flow(model)}; ${parameterCount(model).toLocaleString("en-US")} parameters.`,
    `- It trains on ${batchText(training)} a step, which \`profile\` shows; speed is judged, beside the reference, at ${batchText(exam.timed)}.`,
    `- Any other shape within these ranges must come out right too: ${flow(open)}. Of hidden widths most are multiples of nothing.`,
  ].join("\n");
}

function ladderText({ exam, recorded }: TrainerSpec): string {
  return [
    "- rules, build, memory: what is built is inspected; guards surround every buffer, sanitizers watch the trainer's own memory.",
    `- M3 forward, M4 backward, M5 steps: two public and some hidden cases, drawn after submission, and one at the model's own shape${recorded ? `, besides recorded steps of ${recorded.framework} (${batchText(recorded.batch)}), which you must reproduce` : ""}. The harness sets weights and moments, has one step done, and reads everything: logits, loss, gradient norm, moments, weights. Tolerances follow from what honest orders of summation give.`,
    "- M5 checkpoint: the same training twice, and from a checkpoint in a new process, ends in the same bits. So the order of every sum must not depend on how threads come to run.",
    `- M6 training: ${exam.long_run.steps} steps on text beside ${exam.long_run.references} references.`,
    "- S1 speed: steps per second beside the reference at -O3; losses and gradient norms of timed steps are held against the reference's.",
  ].join("\n");
}

function rulesText({ rules }: TrainerSpec): string {
  return [
    `- Languages: ${rules.languages.join(", ")}. Libraries: ${rules.libraries.join(", ") || "none"}.`,
    "- One trainer lives in the process; `trainer_create` replaces it. Inputs are read-only; write every element of every output.",
    "- No files, no system calls, no clocks, no inline assembly that is not arithmetic, no work before or after a call.",
  ].join("\n");
}
