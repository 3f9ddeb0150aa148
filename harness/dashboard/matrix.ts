import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Certificate } from "../../specs/contracts/certificate.js";
import type { MachineClass } from "../../specs/contracts/target.js";
import type { SpeedFigure } from "../../specs/contracts/verdict.js";
import { loadExam } from "../../specs/trainer/load-trainer-spec.js";
import { speedUp } from "../../specs/verdict-speed.js";
import { readCertificate, verifyCertificate } from "../certificate.js";
import { packageRoot } from "../package-root.js";
import { limitShare } from "../report/limit-share.js";
import { type AcceptedFolder, acceptedFolders, readRecords } from "../store/shipped-records.js";
import { targetNames } from "../targets.js";
import { readGateMarks } from "./gate-marks.js";
import type { CertificateMark, MatrixCell, MatrixData } from "./page-data.js";

/** What was accepted, spec x variant x target, with how it stands to its certificate now. */
export function readMatrix(directories: { runs: string; generated: string }): MatrixData {
  const gates = readGateMarks(directories.runs);
  const cells: MatrixCell[] = [];
  const unreadable: MatrixData["unreadable"] = [];
  for (const folder of acceptedFolders(directories.generated)) {
    const cell = readCell(folder, directories.generated);
    if ("reason" in cell) unreadable.push({ folder: folder.path, reason: cell.reason });
    else cells.push({ ...cell, gate: gates.get(folder.name) ?? null });
  }
  const exams = [...shippedExams(), ...cells].map(({ spec, variant }) => ({ spec, variant }));
  const unique = new Map(exams.map((exam) => [`${exam.spec} ${exam.variant}`, exam]));
  return {
    exams: [...unique.values()].sort((a, b) => (`${a.spec} ${a.variant}` < `${b.spec} ${b.variant}` ? -1 : 1)),
    targets: [...new Set([...targetNames, ...cells.map((cell) => cell.target)])],
    cells,
    unreadable,
    runsDirectory: directories.runs,
    generatedDirectory: directories.generated,
  };
}

function readCell(folder: AcceptedFolder, generated: string): Omit<MatrixCell, "gate"> | { reason: string } {
  const read = readCertificate(folder.path);
  if (read.status === "absent") return { reason: "it has no certificate.json" };
  if (read.status === "broken") return { reason: `${read.file}: expected ${read.expected}, got ${read.got}` };
  const { certificate } = read;
  const figures = certificate.figures as SpeedFigure[];
  return {
    spec: certificate.spec.name,
    variant: certificate.variant,
    target: certificate.target,
    folder: folder.path,
    outcome: certificate.outcome,
    ratio: speedUp(figures),
    limitShare: limitShare(figures),
    figures,
    agent: certificate.agent,
    threads: certificate.threads,
    cpuModel: (certificate.machine as MachineClass).cpuModel,
    issuedAt: certificate.issuedAt,
    run: runOf(folder),
    attempt: certificate.attempt,
    certificate: markOf(folder, certificate, generated),
  };
}

function runOf(folder: AcceptedFolder): string | null {
  try {
    return readRecords(folder)[0].line.run;
  } catch {
    return null; // The certificate's mark says what is wrong with the record.
  }
}

function markOf(folder: AcceptedFolder, certificate: Certificate, generated: string): CertificateMark {
  const specPath = [dirname(resolve(generated)), process.cwd(), packageRoot()]
    .map((root) => resolve(root, certificate.spec.path))
    .find((path) => existsSync(path));
  if (specPath === undefined) return { status: "unknown", reason: `its spec ${certificate.spec.path} is not here` };
  try {
    const state = verifyCertificate(folder.path, loadExam(specPath));
    switch (state.status) {
      case "valid":
        return { status: "valid" };
      case "stale":
        return { status: "stale", changed: state.changed };
      case "broken":
        return { status: "broken", detail: `${state.file}: expected ${state.expected}, got ${state.got}` };
      case "absent":
        return { status: "broken", detail: "certificate.json is gone" };
    }
  } catch (error) {
    return { status: "unknown", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The exams of this project, where it has some, and those that Forge ships. */
function shippedExams(): { spec: string; variant: string }[] {
  return [...new Set([resolve("."), packageRoot()])]
    .flatMap((root) => [join(root, "specs/kernels"), join(root, "specs/models")])
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith(".yaml"))
    .flatMap((path) => examsOf(path));
}

const loadedExams = new Map<string, { text: string; exams: { spec: string; variant: string }[] }>();

function examsOf(path: string): { spec: string; variant: string }[] {
  const text = readFileSync(path, "utf8");
  const known = loadedExams.get(path);
  if (known?.text === text) return known.exams;
  let exams: { spec: string; variant: string }[] = [];
  try {
    const { spec } = loadExam(path);
    exams = Object.keys(spec.variants).map((variant) => ({ spec: spec.name, variant }));
  } catch {
    // `forge lint` tells what is wrong with a spec; here it has no row.
  }
  loadedExams.set(path, { text, exams });
  return exams;
}
