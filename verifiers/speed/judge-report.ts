import type { CallReport } from "../../specs/contracts/target.js";
import type { Evidence } from "../../specs/contracts/verdict.js";
import type { Law } from "../laws.js";

/** What a report of a timed call says against whoever was called. */
export function judgeReport(
  report: CallReport,
  { entry, suspended, allowedThreads }: { entry: string; suspended: Law | undefined; allowedThreads: number },
): Extract<Evidence, { kind: "crash" | "speed" }> | null {
  const crash = (detail: string) => ({ law: "positive answer" as const, kind: "crash" as const, entry, detail });
  if (report.status === "crashed") return crash(report.detail);
  if (report.status === "timeout") return crash("the call did not return in time");
  if (report.code !== 0) return crash(`returned status ${report.code}`);
  const broken: [Law, boolean, string][] = [
    [
      "outside clock",
      report.durationNs <= 0 || report.durationNs > report.insideNs,
      "the runner's clock says what cannot be: it was tampered with",
    ],
    ["control word", report.controlWordChanged, "the call changed the floating-point control word (flush-to-zero, rounding)"],
    ["read-only inputs", report.inputsChanged, "the call changed an input"],
    ["threads counted", report.threads > allowedThreads, `${report.threads} threads were there after the call, ${allowedThreads} may be`],
  ];
  const found = broken.find(([law, isBroken]) => isBroken && law !== suspended);
  return found ? { law: found[0], kind: "speed", entry, detail: found[2] } : null;
}
