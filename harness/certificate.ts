import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { resubmitName } from "../agents/resubmit/resubmit.js";
import type { Certificate } from "../specs/contracts/certificate.js";
import type { ForgeEvent } from "../specs/contracts/event.js";
import type { Candidate } from "../specs/contracts/target.js";
import type { LoadedExam } from "../specs/contracts/trainer-spec.js";
import { acceptedAttempt, acceptedOf, certifiedByRecord, recordOf } from "./accepted-record.js";
import { candidateBytes, companionNames } from "./candidate-files.js";
import { writeCandidateFolder } from "./candidate-folder.js";
import { certificateText, parseCertificate, type UnsealedCertificate } from "./certificate-text.js";
import { parseExactJson } from "./exact-json.js";
import { gitTreeHash } from "./git-tree.js";
import { hashOfNamedHashes, sha256Hex } from "./hash.js";
import { packageRoot } from "./package-root.js";
import { replaceFolder, restoreFolder } from "./replace-folder.js";
import { jsonText } from "./report/escape-text.js";
import { verifierHash } from "./verifier-hash.js";

const certificateName = "certificate.json";
const recordName = "record.jsonl";
const originName = "origin.jsonl";

export interface AcceptedOptions {
  /** The folder `generated/` of the project. */
  generated: string;
  candidate: Candidate;
  /** The run so far; the record kept is its part up to the last verdict. */
  events: readonly ForgeEvent[];
  attempt: number;
  exam: CurrentExam;
  toolchains: { name: string; version: string }[];
  baseline: { compiler: string; flags: string[]; sourceHash: string };
  /** The command that judges it again, given the folder. */
  repeat(directory: string): string;
}

/**
 * Writes an accepted candidate to `generated/<spec>/<variant>/<target>/` with its certificate and record, in place of what was
 * there; returns the folder. Where the same code was there, accepted by another run, that run's record stays as its origin. A crash leaves the old folder or the new one, the old one perhaps under its set-aside name.
 */
export function writeAccepted(options: AcceptedOptions): string {
  const record = recordOf(options.events);
  const accepted = acceptedAttempt(record, options.attempt);
  if (typeof accepted === "string") throw new Error(`attempt ${options.attempt} cannot be accepted: ${accepted}`);
  const { goal } = accepted;
  const directory = join(options.generated, goal.spec, goal.variant, goal.target);
  const recordText = record.map((event) => `${jsonText(event)}\n`).join("");
  const files = candidateBytes(options.candidate);
  const tree = gitTreeHash(files);
  if (tree !== accepted.tree) throw new Error(`the candidate is tree ${tree}, attempt ${options.attempt} was tree ${accepted.tree}`);
  restoreFolder(directory);
  const origin = originOf(directory, tree, record[0]!.run);
  const fileHashes = Object.fromEntries([...files].map(([name, bytes]) => [name, sha256Hex(bytes)]));
  const certificate: UnsealedCertificate = {
    ...certifiedByRecord(record, options.attempt),
    hashes: {
      source: hashOfNamedHashes(fileHashes),
      files: fileHashes,
      reference: options.exam.referenceHash,
      verifier: verifierHash(packageRoot(), options.exam.spec.format),
      record: sha256Hex(recordText),
      ...(origin ? { origin: sha256Hex(origin) } : {}),
    },
    spec: { name: goal.spec, path: portablePath(goal.specPath, options.generated), hash: goal.specHash },
    toolchains: options.toolchains,
    baseline: options.baseline,
    issuedAt: new Date().toISOString(),
    repeat: options.repeat(relative(projectRootOf(options.generated), directory)),
  };
  replaceFolder(directory, (fresh) => {
    writeCandidateFolder(fresh, options.candidate);
    writeFileSync(join(fresh, recordName), recordText, { flush: true });
    if (origin) writeFileSync(join(fresh, originName), origin, { flush: true });
    writeFileSync(join(fresh, certificateName), certificateText(certificate), { flush: true });
  });
  return directory;
}

/**
 * The record of the run that wrote this code, where the folder holds it undamaged; null where `run` is that run, and where all that is left
 * is of a run that submitted what was there, which does not tell how it came about.
 */
function originOf(directory: string, tree: string, run: string): Buffer | null {
  const read = readCertificate(directory);
  if (read.status !== "read" || read.certificate.tree !== tree || firstDifference(directory, read.certificate) !== null) return null;
  const older = readFileSync(join(directory, read.certificate.hashes.origin === undefined ? recordName : originName));
  const first = parseRecord(older)[0];
  const tellsNothing = first?.type === "run-started" && first.goal.agent === resubmitName;
  return first?.run === run || tellsNothing ? null : older;
}

function projectRootOf(generated: string): string {
  return dirname(resolve(generated));
}

/** Relative to the project or, for a spec that Forge ships, to the package: a certificate is read on other machines. */
function portablePath(path: string, generated: string): string {
  if (!isAbsolute(path)) return path;
  const inside = [projectRootOf(generated), packageRoot()].map((root) => relative(root, path)).find((name) => !name.startsWith(".."));
  return inside ?? path;
}

export type CertificateState =
  | { status: "valid"; certificate: Certificate }
  /** Nothing is wrong with it; what it was judged by has changed since: judge again. */
  | { status: "stale"; certificate: Certificate; changed: ("spec" | "reference" | "verifier")[] }
  | { status: "broken"; file: string; expected: string; got: string }
  | { status: "absent" };

/** What the candidate would be judged by now. */
export interface CurrentExam extends Pick<LoadedExam, "hash" | "referenceHash"> {
  spec: Pick<LoadedExam["spec"], "format">;
}

/** Holds an accepted folder against its certificate, and both against the exam of today. The first difference is named. */
export function verifyCertificate(directory: string, exam: CurrentExam): CertificateState {
  const read = readCertificate(directory);
  if (read.status !== "read") return read;
  const { certificate } = read;
  const broken = firstDifference(directory, certificate);
  if (broken) return { status: "broken", ...broken };
  const changed: ("spec" | "reference" | "verifier")[] = [];
  if (certificate.spec.hash !== exam.hash) changed.push("spec");
  if (certificate.hashes.reference !== exam.referenceHash) changed.push("reference");
  if (certificate.hashes.verifier !== verifierHash(packageRoot(), exam.spec.format)) changed.push("verifier");
  return changed.length > 0 ? { status: "stale", certificate, changed } : { status: "valid", certificate };
}

/** The certificate of a folder, itself undamaged; nothing is said yet of the files beside it. */
export function readCertificate(
  directory: string,
): { status: "read"; certificate: Certificate } | Extract<CertificateState, { status: "broken" | "absent" }> {
  const path = join(directory, certificateName);
  if (!existsSync(path)) return { status: "absent" };
  const parsed = parseCertificate(readFileSync(path, "utf8"));
  return "format" in parsed ? { status: "read", certificate: parsed } : { status: "broken", file: certificateName, ...parsed };
}

interface Difference {
  file: string;
  expected: string;
  got: string;
}

function firstDifference(directory: string, certificate: Certificate): Difference | null {
  const { hashes } = certificate;
  const files = new Map<string, Buffer>();
  for (const name of fileNamesUnder(directory)) {
    // A link would be followed out of the folder, a FIFO would never end.
    if (!lstatSync(join(directory, name)).isFile()) return { file: name, expected: "a plain file", got: "a link or special file" };
    if (!companionNames.has(name)) files.set(name, readFileSync(join(directory, name)));
  }
  for (const [file, expected] of Object.entries(hashes.files)) {
    const bytes = files.get(file);
    const got = bytes ? sha256Hex(bytes) : "no such file";
    if (got !== expected) return { file, expected, got };
  }
  for (const [file, bytes] of files) {
    if (!Object.hasOwn(hashes.files, file)) return { file, expected: "no such file", got: sha256Hex(bytes) };
  }
  const source = hashOfNamedHashes(hashes.files);
  if (source !== hashes.source) return { file: certificateName, expected: `source hash ${source}`, got: hashes.source };
  const tree = gitTreeHash(files);
  return recordDifference(directory, certificate, tree) ?? originDifference(directory, hashes.origin, tree);
}

function originDifference(directory: string, expected: string | undefined, tree: string): Difference | null {
  const path = join(directory, originName);
  const bytes = existsSync(path) ? readFileSync(path) : null;
  const got = bytes ? sha256Hex(bytes) : "no such file";
  if (got !== (expected ?? "no such file")) return { file: originName, expected: expected ?? "no such file", got };
  if (bytes === null || acceptedOf(parseRecord(bytes), tree) !== null) return null;
  return { file: originName, expected: `an accepted attempt with the source's tree ${tree}`, got: "none" };
}

function parseRecord(bytes: Buffer): ForgeEvent[] {
  return bytes
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => parseExactJson(line) as ForgeEvent);
}

function recordDifference(directory: string, certificate: Certificate, tree: string): Difference | null {
  const path = join(directory, recordName);
  if (!existsSync(path)) return { file: recordName, expected: certificate.hashes.record, got: "no such file" };
  const bytes = readFileSync(path);
  const got = sha256Hex(bytes);
  if (got !== certificate.hashes.record) return { file: recordName, expected: certificate.hashes.record, got };
  const record = parseRecord(bytes);
  const { attempt } = certificate;
  const accepted = acceptedAttempt(record, attempt);
  if (typeof accepted === "string") return { file: recordName, expected: `an accepted attempt ${attempt}`, got: accepted };
  if (accepted.tree !== tree)
    return { file: recordName, expected: `attempt ${attempt} with the source's tree ${tree}`, got: `tree ${accepted.tree}` };
  for (const [key, expected] of Object.entries(certifiedByRecord(record, attempt))) {
    const stated: unknown = Reflect.get(certificate, key);
    if (!isDeepStrictEqual(stated, expected)) {
      return { file: certificateName, expected: `${key} as in ${recordName}: ${JSON.stringify(expected)}`, got: JSON.stringify(stated) };
    }
  }
  return null;
}

function fileNamesUnder(directory: string, folder = ""): string[] {
  return readdirSync(join(directory, folder), { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith("."))
    .flatMap((entry) => (entry.isDirectory() ? fileNamesUnder(directory, `${folder}${entry.name}/`) : [`${folder}${entry.name}`]))
    .sort();
}
