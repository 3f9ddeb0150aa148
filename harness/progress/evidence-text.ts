import type { Evidence } from "../../specs/contracts/verdict.js";
import { escapeText } from "../report/escape-text.js";

/** One piece of evidence in one line. Compilers and candidates wrote parts of it: those are escaped. */
export function evidenceText(evidence: Evidence): string {
  switch (evidence.kind) {
    case "rules":
    case "fault":
    case "training":
      return `${evidence.law}: ${escapeText(evidence.detail)}`;
    case "build":
      return escapeText(firstErrorLine(evidence.log));
    case "alignment":
      return evidence.visibility === "public" ? publicAlignment(evidence) : hiddenAlignment(evidence);
    case "misaligned":
      return misalignment(evidence);
    case "determinism":
      return `${evidence.entry} ${evidence.output}: other bits in repeat ${evidence.differing} of a call with the same inputs`;
    case "memory":
    case "crash":
    case "speed":
      return `${evidence.entry}: ${escapeText(evidence.detail)}`;
  }
}

function publicAlignment(evidence: Extract<Evidence, { kind: "alignment"; visibility: "public" }>): string {
  const sizes = Object.entries(evidence.sizes)
    .map(([symbol, value]) => `${symbol}=${value}`)
    .join(" ");
  const [worst] = evidence.mismatches;
  const where = worst
    ? `; at [${worst.index.join(", ")}] expected ${worst.expected}, got ${worst.got}, ${worst.timesOver.toPrecision(3)} times over the bound`
    : "";
  return `${evidence.entry} ${evidence.output} (${sizes}, ${evidence.regime}): ${evidence.gate} ${evidence.measured.toPrecision(3)} > ${evidence.bound.toPrecision(3)}${where}`;
}

function misalignment({ output, gate, timesOver, visibility, mismatch }: Extract<Evidence, { kind: "misaligned" }>): string {
  const where = mismatch ? `; at [${mismatch.index.join(", ")}] expected ${mismatch.expected}, got ${mismatch.got}` : "";
  const which = visibility === "own" ? "the spec's own shape" : visibility === "recorded" ? "recorded step" : `${visibility} case`;
  return `${output}: ${gate}, ${timesOver.toPrecision(3)} times the bound (${which})${where}`;
}

function hiddenAlignment(evidence: Extract<Evidence, { kind: "alignment"; visibility: "hidden" }>): string {
  return `${evidence.entry} ${evidence.output} (hidden case, ${evidence.regime}): ${evidence.gate} ${evidence.timesOver.toPrecision(3)} times over the bound`;
}

/** A compiler's first complaint says more than its first line ("In file included from ..."). */
function firstErrorLine(log: string): string {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  return lines.find((line) => /error|undefined reference/i.test(line)) ?? lines[0] ?? "no output";
}
