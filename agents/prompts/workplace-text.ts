import type { AgentBriefing } from "../../specs/contracts/agent.js";

/** What any goal's first word says of compilers and budget. */
export function toolchainValues({ tuningSpace, toolchains }: AgentBriefing) {
  const { openmp } = tuningSpace;
  return {
    compilers: toolchains.map(({ name, version }) => `${name} (${version})`).join(", "),
    machineFlags: tuningSpace.machine.join(" "),
    openmp: openmp ? `; OpenMP: \`${openmp.compile.join(" ")}\` to compile, \`${openmp.link.join(" ")}\` to link` : "; no threads here",
  };
}

export function exampleManifest({ tuningSpace, toolchains }: AgentBriefing, source: string) {
  const compiler = tuningSpace.compilers.find((name) => toolchains.some((toolchain) => toolchain.name === name)) ?? "clang";
  const flags = ["-std=c11", "-O3", ...tuningSpace.machine, ...(tuningSpace.openmp?.compile ?? [])];
  return { language: "c", compiler, units: [{ source, flags }], linkFlags: tuningSpace.openmp?.link ?? [] };
}

export function budgetText({ attempts, minutes, tokens, dollars }: AgentBriefing["budget"]): string {
  const more = [tokens === undefined ? "" : `, ${tokens} tokens`, dollars === undefined ? "" : `, $${dollars}`].join("");
  return `${attempts} attempts, ${minutes} minutes${more}. The best attempt is what counts, not the last.`;
}
