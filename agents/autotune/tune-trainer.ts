import type { AgentBriefing, AgentTools } from "../../specs/contracts/agent.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { typeFlags } from "../../specs/lower-reference.js";
import { isAccepted } from "../../specs/verdict-speed.js";

interface Setting {
  label: string;
  candidate: Candidate;
}

/** What compilers can make of a trainer's reference: each with every liberty, the fastest submitted first, until one is right. */
export async function tuneTrainer(tools: AgentTools, loaded: LoadedTrainerSpec): Promise<void> {
  const settings = settingsOf(tools.briefing, loaded);
  tools.announceTrials(settings.length);
  const measured: (Setting & { seconds: number })[] = [];
  for (const setting of settings) {
    if (!tools.budgetLeft()) break;
    const [trial] = Object.values((await tools.measure(setting)).entries);
    if (trial?.status === "measured") measured.push({ ...setting, seconds: trial.seconds });
  }
  measured.sort((a, b) => a.seconds - b.seconds);
  const submitted = new Set(tools.history().map(({ summary }) => summary));
  for (const { label, candidate } of measured.filter((setting) => !submitted.has(setting.label))) {
    if (!tools.budgetLeft()) return;
    tools.workspace.replace(candidate);
    const { verdict } = await tools.submit(label);
    if (isAccepted({ verdict })) return;
    if (verdict.outcome === "errored")
      return tools.note("the verdict is errored: the harness or the machine, not the candidate, is at fault");
  }
  if (measured.length === 0) tools.note("every setting was rejected; the reference as it stands may not fit the gates");
}

function settingsOf({ tuningSpace, toolchains, variant }: AgentBriefing, { referenceText }: LoadedTrainerSpec): Setting[] {
  const compilers = tuningSpace.compilers.filter((name) => toolchains.some((toolchain) => toolchain.name === name));
  const { openmp, machine, optimisation, mathematics } = tuningSpace;
  return compilers.flatMap((compiler) =>
    mathematics.flatMap((liberties) =>
      (liberties.length === 0 ? ["SERIAL", "BLOCKED"] : ["SIMD"]).map((order) => {
        const plain = ["-std=c11", optimisation[0]!, ...machine, ...(openmp?.compile ?? [])];
        const flags = [...plain, ...typeFlags(variant), `-DFORGE_ORDER=${order}`, ...liberties];
        const manifest = { language: "c" as const, compiler, units: [{ source: "trainer.c", flags }], linkFlags: openmp?.link ?? [] };
        const label = [`${compiler}: the reference`, `sums ${order.toLowerCase()}`, ...liberties].join(", ");
        return { label, candidate: { files: { "trainer.c": referenceText }, manifest } };
      }),
    ),
  );
}
