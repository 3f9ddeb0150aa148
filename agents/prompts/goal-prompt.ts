import type { AgentBriefing } from "../../specs/contracts/agent.js";
import type { Entry, KernelSpec, Sizes } from "../../specs/contracts/spec.js";
import { isTrainerExam } from "../../specs/contracts/trainer-spec.js";
import { fillPrompt } from "./fill-prompt.js";
import { trainerPrompt } from "./trainer-prompt.js";
import { budgetText, exampleManifest, toolchainValues } from "./workplace-text.js";

export const systemPrompt = (): string => fillPrompt("system");

/** The first word to an agent: what to build, the rules, the ABI, the chip, what earlier goals taught. */
export function goalPrompt(briefing: AgentBriefing): string {
  const { loaded, variant, budget } = briefing;
  if (isTrainerExam(loaded)) return trainerPrompt(briefing, loaded);
  const { spec } = loaded;
  return fillPrompt("goal", {
    name: spec.name,
    variant: briefing.variantName,
    target: briefing.targetName,
    summary: spec.summary,
    source: spec.source,
    store: variant.store,
    accumulate: variant.accumulate,
    threads: String(briefing.threads),
    header: briefing.header.trim(),
    entries: Object.entries(spec.entries)
      .map(([name, entry]) => entryText(name, entry, spec, briefing))
      .join("\n\n"),
    reference: loaded.referenceText.trim(),
    rules: rulesText(spec),
    manifest: JSON.stringify(exampleManifest(briefing, "kernel.c"), null, 2),
    ...toolchainValues(briefing),
    chip: briefing.chipFacts.trim().replace(/^# /, "### "),
    budget: budgetText(budget),
    playbook: briefing.playbook === "" ? "" : fillPrompt("playbook", { lessons: briefing.playbook }),
  });
}

function entryText(name: string, entry: Entry, spec: KernelSpec, { variant }: AgentBriefing): string {
  const types: Record<string, string> = { store: variant.store, accumulate: variant.accumulate };
  const buffers = Object.entries(entry.buffers).map(
    ([buffer, { role, type, shape, description }]) =>
      `  - \`${buffer}\`: ${role}, ${types[type] ?? type}, [${shape.join(", ")}], row-major${description === undefined ? "" : `; ${description}`}`,
  );
  const timed = spec.cases.timed.map((sizes, index) => `${index}: ${sizesText(sizes)}`).join("; ");
  return [
    `### \`${name}\``,
    entry.description,
    ...buffers,
    `  - work: ${entry.flops} FLOP, ${entry.bytes} bytes`,
    `  - public cases: ${spec.cases.public.map(sizesText).join("; ")}. Timed sizes: ${timed}`,
  ].join("\n");
}

const sizesText = (sizes: Sizes): string =>
  Object.entries(sizes)
    .map(([symbol, value]) => `${symbol}=${value}`)
    .join(" ");

function rulesText(spec: KernelSpec): string {
  return [
    `- Languages: ${spec.rules.languages.join(", ")}. Libraries: ${spec.rules.libraries.join(", ") || "none"}.`,
    "- Inputs are read-only, outputs arrive filled with NaNs: write every element of them, and nothing else.",
    "- No state that holds answers: every call computes from its inputs. Scratch memory is allowed.",
    "- No files, no system calls, no inline assembly that is not arithmetic, no work before or after a call.",
    `- Inputs of hidden cases: ${spec.regimes.join(", ")}. Of their sizes some are whole tiles, some one more or less, most are multiples of nothing: ${rangesText(spec)}.`,
    "- Tolerances follow from what honest arithmetic in the accumulation type gives: a lower precision for the sums does not pass.",
  ].join("\n");
}

const rangesText = ({ sizes }: KernelSpec): string =>
  Object.entries(sizes)
    .map(([symbol, { small, medium }]) => `${symbol} ${small.join(" to ")} and ${medium.join(" to ")}`)
    .join(", ");
