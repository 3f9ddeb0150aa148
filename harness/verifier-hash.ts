import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedExam } from "../specs/contracts/trainer-spec.js";
import { hashOfNamedHashes, sha256Hex } from "./hash.js";
import { packageRoot } from "./package-root.js";

const judgedBy = /\.(ts|c|h|mjs)$/;
/** Contracts of who writes, who keeps and who carries: no verifier imports them (a test holds that). */
export const notJudging: ReadonlySet<string> = new Set(
  ["agent", "certificate", "conversation", "event", "gate", "operations", "queue", "queue-overview", "store"].map(
    (name) => `specs/contracts/${name}.ts`,
  ),
);

/** What makes tokens of the text that trainers train on. */
const tokenisers = ["harness/train/byte-pair-encoder.ts", "harness/train/token-stream.ts"];

/** The examiner of trainers: no verdict on a kernel depends on it (a test holds that). */
export const isOfTrainers = (file: string): boolean =>
  /^(?:verifiers\/train|specs\/trainer|specs\/contracts\/trainer-[\w-]+\.ts$)/.test(file);

type ExamFormat = LoadedExam["spec"]["format"];
export const examFormats: readonly ExamFormat[] = ["forge-kernel/1", "forge-trainer/1"];

/**
 * Hash of whatever decides a verdict: the sources of verifiers/ and specs/, and the header that references include; of a trainer its own
 * examiner too, and the text that it trains on. Always over the sources, never over dist/, so that it does not depend on how Forge was
 * started.
 */
export function verifierHash(root: string = packageRoot(), format: ExamFormat = "forge-kernel/1"): string {
  const ofTrainers = format === "forge-trainer/1";
  if (!existsSync(join(root, "specs", "contracts"))) return bundledHash(root, format);
  const names = ["verifiers", "specs"].flatMap((folder) => sourcesUnder(root, folder)).filter((name) => ofTrainers || !isOfTrainers(name));
  names.push("reference-kernels/forge.h");
  if (ofTrainers) names.push(...filesUnder(root, "specs/models/text"), ...tokenisers);
  const hashes: Record<string, string> = {};
  for (const name of names) hashes[name] = sha256Hex(readFileSync(join(root, name)));
  return hashOfNamedHashes(hashes);
}

/** A worker in one file has no sources beside it: its package.json holds what they hashed to. */
function bundledHash(root: string, format: ExamFormat): string {
  const path = join(root, "package.json");
  const { verifierHashes } = JSON.parse(readFileSync(path, "utf8")) as { verifierHashes?: Partial<Record<ExamFormat, string>> };
  const hash = verifierHashes?.[format];
  if (hash !== undefined) return hash;
  throw new Error(`${path} does not say what judges here: make the bundle again with npm run bundle`);
}

const filesUnder = (root: string, folder: string): string[] => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);

function sourcesUnder(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : sourcesUnder(root, name);
    return entry.isFile() && judgedBy.test(entry.name) && !notJudging.has(name) ? [name] : [];
  });
}
