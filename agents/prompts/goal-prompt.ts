import type { AgentBriefing } from "../../specs/contracts/agent.js";
import type { Entry, KernelSpec, Sizes } from "../../specs/contracts/spec.js";
import { fillPrompt } from "./fill-prompt.js";

export const systemPrompt = (): string => fillPrompt("system");

/** The first word to an agent: what to build, the rules, the ABI, the chip, what earlier goals taught. */
export function goalPrompt(briefing: AgentBriefing): string {
  const { loaded, variant, tuningSpace, budget } = briefing;
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
      .map(([name, entry]) => entryText(name, entry, briefing))
      .join("\n\n"),
    reference: loaded.referenceText.trim(),
    rules: rulesText(spec),
    manifest: JSON.stringify(exampleManifest(briefing), null, 2),
    compilers: briefing.toolchains.map(({ name, version }) => `${name} (${version})`).join(", "),
    machineFlags: tuningSpace.machine.join(" "),
    openmp: tuningSpace.openmp
      ? `; OpenMP: \`${tuningSpace.openmp.compile.join(" ")}\` to compile, \`${tuningSpace.openmp.link.join(" ")}\` to link`
      : "; no threads here",
    chip: briefing.chipFacts.trim().replace(/^# /, "### "),
    budget: budgetText(budget),
    playbook: briefing.playbook === "" ? "" : fillPrompt("playbook", { lessons: briefing.playbook }),
  });
}

function entryText(name: string, entry: Entry, { loaded: { spec }, variant }: AgentBriefing): string {
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

function exampleManifest({ tuningSpace, toolchains }: AgentBriefing) {
  const compiler = tuningSpace.compilers.find((name) => toolchains.some((toolchain) => toolchain.name === name)) ?? "clang";
  const flags = ["-std=c11", "-O3", ...tuningSpace.machine, ...(tuningSpace.openmp?.compile ?? [])];
  return { language: "c", compiler, units: [{ source: "kernel.c", flags }], linkFlags: tuningSpace.openmp?.link ?? [] };
}

function budgetText({ attempts, minutes, tokens, dollars }: AgentBriefing["budget"]): string {
  const more = [tokens === undefined ? "" : `, ${tokens} tokens`, dollars === undefined ? "" : `, $${dollars}`].join("");
  return `${attempts} attempts, ${minutes} minutes${more}. The best attempt is what counts, not the last.`;
}
