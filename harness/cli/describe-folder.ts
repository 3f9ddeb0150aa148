import { existsSync, statSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import type { Certificate } from "../../specs/contracts/certificate.js";
import type { ExamSummary } from "../../specs/contracts/event.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { readCertificate, verifyCertificate } from "../certificate.js";
import { packageRoot } from "../package-root.js";
import { sandboxReservation } from "../report/unsafe-text.js";
import { UsageError } from "./usage-error.js";

/** What a folder is to be judged as. */
export interface FolderDescription {
  specPath: string;
  variant: string;
  target: string;
}

/** From what was asked for, else from the folder's certificate, else from a path that ends in <spec>/<variant>/<target>. Throws UsageError and TamperedFolder. */
export function describeFolder(folder: string, asked: { spec?: string; variant?: string; target?: string }): FolderDescription {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`there is no folder ${folder}: name one with sources and forge.json`);
  const certified = fromCertificate(folder);
  const [specName, variantName, targetName] = resolve(folder).split(sep).slice(-3);
  const pathSpec = ["kernels", "models"]
    .map((kind) => findSpec(join("specs", kind, `${specName}.yaml`)))
    .find((path) => path !== undefined);
  const specPath = asked.spec ?? certified?.specPath ?? pathSpec;
  if (specPath === undefined)
    throw new UsageError(`${folder} has no certificate.json and is not <spec>/<variant>/<target>: say --spec, --variant and --target`);
  // The path's words count only where it names a spec: any folder has a last word.
  const variant = asked.variant ?? certified?.variant ?? (pathSpec && variantName);
  const target = asked.target ?? certified?.target ?? (pathSpec && targetName) ?? "x86-64";
  if (variant === undefined)
    throw new UsageError(`${folder} does not say which variant it is: add --variant (the names are in ${specPath})`);
  return { specPath, variant, target };
}

function fromCertificate(folder: string): FolderDescription | null {
  const read = readCertificate(folder);
  switch (read.status) {
    case "absent":
      return null;
    case "broken":
      throw new TamperedFolder(folder, read);
    case "read": {
      const { spec, variant, target } = read.certificate;
      return { specPath: findSpec(spec.path) ?? spec.path, variant, target };
    }
  }
}

/** Holds a folder with a certificate against it: throws TamperedFolder naming the first file that differs; a string is worth telling. */
export function compareWithCertificate(folder: string, loaded: LoadedExam): string | null {
  const state = verifyCertificate(folder, loaded);
  switch (state.status) {
    case "absent":
      return null;
    case "broken":
      throw new TamperedFolder(folder, state);
    case "stale":
      return `Its certificate is stale: changed since are ${state.changed.join(", ")}. Judging it by what holds now.${reservations(state.certificate)}`;
    case "valid":
      return `Its certificate is intact: source, record, spec, reference and verifier are the certified ones.${reservations(state.certificate)}`;
  }
}

/** What makes a certificate worth less than another. */
function reservations({ exam, sandbox }: Certificate): string {
  const { strong, noticed, of } = (exam ?? { strong: true }) as ExamSummary;
  const ofExam = strong ? "" : ` But its exam is weak: the gates notice ${noticed} of ${of} planted mistakes.`;
  return `${ofExam}${sandboxReservation(sandbox)}`;
}

/** What was accepted is not what lies there now. Ends with exit code 1: the folder failed. */
export class TamperedFolder extends Error {
  override name = "TamperedFolder";

  constructor(folder: string, difference: { file: string; expected: string; got: string }) {
    super(
      `${join(folder, difference.file)} is not what was certified: expected ${difference.expected}, got ${difference.got}.\n` +
        "Restore the file; or, to have changed code judged as new, delete certificate.json.",
    );
  }
}

/** A spec's path is relative to the project (here) or to Forge itself. */
function findSpec(path: string): string | undefined {
  return [resolve(path), join(packageRoot(), path)].find((candidate) => existsSync(candidate));
}
