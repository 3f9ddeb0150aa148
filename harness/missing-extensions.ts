import type { Certificate } from "../specs/contracts/certificate.js";
import type { MachineClass } from "../specs/contracts/target.js";
import type { CheckResult, Evidence, Verdict } from "../specs/contracts/verdict.js";
import { type CurrentExam, verifyCertificate } from "./certificate.js";
import { evidenceText } from "./progress/evidence-text.js";
import { escapeText } from "./report/escape-text.js";

/** The instruction set that code was certified on, and what of it a machine lacks: one extension at least. */
export interface MissingExtensions {
  cpuModel: string;
  certified: string[];
  missing: string[];
}

/** Which of the certified ISA extensions are missing on a machine; null where none is. */
export function missingExtensions(certificate: Certificate, here: MachineClass): MissingExtensions | null {
  const { target, cpuModel, isa } = (certificate.machine ?? {}) as Partial<MachineClass>;
  // Extensions of another chip say nothing of this one.
  if (target !== here.target || !Array.isArray(isa)) return null;
  const certified = isa.map(String);
  const missing = certified.filter((name) => !here.isa.includes(name));
  return missing.length === 0 ? null : { cpuModel: String(cpuModel), certified, missing };
}

/** The same of a folder. Code without a certificate, or that is no longer what was certified, is excused by none: null. */
export function missingExtensionsOf(directory: string, exam: CurrentExam, here: MachineClass): MissingExtensions | null {
  const state = verifyCertificate(directory, exam);
  return state.status === "valid" || state.status === "stale" ? missingExtensions(state.certificate, here) : null;
}

/** The finding in words, escaped: what a certificate says of its machine comes from anywhere. */
export function missingText({ cpuModel, certified, missing }: MissingExtensions): string {
  return escapeText(`certified on ${cpuModel} with ${certified.join(", ")}; this machine lacks ${missing.join(", ")}`);
}

/**
 * What a check says where extensions are missing. Certified code that does not build, or that dies of an illegal instruction, shows
 * the machine's lack and no fault of its own: `errored`. All else that a check finds stays what it is.
 */
export function excused(result: CheckResult, missing: MissingExtensions | null): CheckResult {
  if (missing === null || result.status !== "failed" || !result.evidence.every(showsLack)) return result;
  const [first] = result.evidence;
  if (first === undefined) return result;
  const found = first.kind === "build" ? "does not build" : "dies of an illegal instruction";
  return {
    check: result.check,
    durationMs: result.durationMs,
    status: "errored",
    summary: "cannot be judged on this machine",
    reason: `${missingText(missing)}: it ${found} here, and can be judged only on a machine that has them (${evidenceText(first)})`,
  };
}

/** The verdict with its checks as `excused` has them. */
export function excusedVerdict(verdict: Verdict, missing: MissingExtensions | null): Verdict {
  const checks = verdict.checks.map((result) => excused(result, missing));
  const isExcused = checks.some((result, index) => result !== verdict.checks[index]);
  return isExcused ? { ...verdict, checks, outcome: "errored" } : verdict;
}

/** The runner's own words, at their start, where no code can put any; a hidden case has no number there. */
const illegalInstruction = /^signal (?:SIGILL\b|\S+ \(SIGILL\))/;

function showsLack(evidence: Evidence): boolean {
  if (evidence.kind === "build") return true;
  return (evidence.kind === "memory" || evidence.kind === "crash" || evidence.kind === "fault") && illegalInstruction.test(evidence.detail);
}
