import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { SpecError } from "../../specs/spec-error.js";
import { loadExam } from "../../specs/trainer/load-trainer-spec.js";
import { readCertificate } from "../certificate.js";
import { packageRoot } from "../package-root.js";
import type { AcceptedFolder } from "./accepted-folders.js";

export type SpecAnswer = { status: "loaded"; loaded: LoadedExam } | { status: "missing"; reason: string };

/** The exam that a folder is to sit: what its certificate names, relative to the project around `generated/`, to here, or to Forge itself. */
export function specOf(accepted: AcceptedFolder, generated: string): SpecAnswer {
  const read = readCertificate(accepted.directory);
  const named = read.status === "read" ? read.certificate.spec.path : join("specs", "kernels", `${accepted.spec}.yaml`);
  const path = [dirname(resolve(generated)), process.cwd(), packageRoot()].map((root) => resolve(root, named)).find((it) => existsSync(it));
  if (path === undefined) return { status: "missing", reason: `its spec ${named} is not there` };
  try {
    return { status: "loaded", loaded: loadExam(path) };
  } catch (error) {
    if (error instanceof SpecError) return { status: "missing", reason: `its spec cannot be read: ${error.message}` };
    throw error;
  }
}
