import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "../../specs/contracts/certificate.js";
import type { ExamSummary } from "../../specs/contracts/event.js";
import type { CertificateFinding } from "../../specs/contracts/gate.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { CandidateError } from "../candidate-files.js";
import { readCandidateFolder } from "../candidate-folder.js";
import { readCertificate, verifyCertificate } from "../certificate.js";
import { sandboxReservation } from "../report/unsafe-text.js";
import type { AcceptedFolder } from "./accepted-folders.js";
import { specOf } from "./spec-of.js";

/** A folder whose files are what was certified, and the exam that it is to sit; or why it fails before anything runs. */
export type ReadFolder =
  | {
      status: "readable";
      loaded: LoadedExam;
      certificate: Certificate;
      finding: Extract<CertificateFinding, { state: "valid" | "stale" }>;
      candidate: Candidate;
      remarks: string[];
    }
  | { status: "unfit"; finding: CertificateFinding; summary: string; file: string };

export function readFolder(accepted: AcceptedFolder, generated: string): ReadFolder {
  const { directory, spec, variant, target } = accepted;
  const unfit = (finding: CertificateFinding, summary: string, file = "certificate.json"): ReadFolder => ({
    ...{ status: "unfit", finding, summary },
    file: existsSync(join(directory, file)) ? file : "",
  });
  const read = readCertificate(directory);
  if (read.status === "absent")
    return unfit(
      { state: "absent" },
      "it has no certificate.json: nothing says that it was ever accepted; `forge goal --from` judges and accepts it",
    );
  if (read.status === "broken") return unfit(brokenFinding(read), brokenText(read), read.file);
  const { certificate } = read;
  const certified = [certificate.spec.name, certificate.variant, certificate.target].join("/");
  if (certified !== [spec, variant, target].join("/"))
    return unfit({ state: "unread" }, `its certificate is that of ${certified}: it lies in the wrong folder`);
  const exam = specOf(accepted, generated);
  if (exam.status === "missing") return unfit({ state: "unread" }, exam.reason);
  const { loaded } = exam;
  if (!Object.hasOwn(loaded.spec.variants, variant)) return unfit({ state: "unread" }, `its spec has no variant ${variant} any more`);
  const state = verifyCertificate(directory, loaded);
  if (state.status === "broken") return unfit(brokenFinding(state), brokenText(state), state.file);
  if (state.status === "absent") return unfit({ state: "absent" }, "its certificate.json has just vanished");
  try {
    const candidate = readCandidateFolder(directory);
    const finding: CertificateFinding = state.status === "stale" ? { state: "stale", changed: state.changed } : { state: "valid" };
    return { status: "readable", loaded, certificate, finding, candidate, remarks: reservations(certificate, finding) };
  } catch (error) {
    if (error instanceof CandidateError) return unfit({ state: "unread" }, error.message, "forge.json");
    throw error;
  }
}

function brokenFinding({ file, expected, got }: { file: string; expected: string; got: string }): CertificateFinding {
  return { state: "broken", file, expected, got };
}

function brokenText({ file, expected, got }: { file: string; expected: string; got: string }): string {
  return `${file} is not what was certified: expected ${expected}, got ${got}`;
}

/** What makes a certificate worth less than another. */
function reservations(certificate: Certificate, finding: Extract<CertificateFinding, { state: "valid" | "stale" }>): string[] {
  const remarks: string[] = [];
  if (finding.state === "stale")
    remarks.push(`its certificate is stale, for changed since are ${finding.changed.join(", ")}: judged again by what holds now`);
  const exam = (certificate.exam ?? { strong: true, noticed: 0, of: 0 }) as ExamSummary;
  if (!exam.strong) remarks.push(`its exam is weak: the gates notice ${exam.noticed} of ${exam.of} planted mistakes`);
  const sandbox = sandboxReservation(certificate.sandbox).trim();
  if (sandbox !== "") remarks.push(sandbox.replace(/^But it/, "it"));
  return remarks;
}
