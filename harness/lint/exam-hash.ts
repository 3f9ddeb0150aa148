import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import { hashOfNamedHashes, sha256Hex } from "../hash.js";
import { packageRoot } from "../package-root.js";
import { semanticListPath } from "./semantic-list.js";

/** What decides on correctness; how things are timed does not matter here. */
const decisive = ["verifiers/align", "verifiers/numerics", "harness/lint"];
const decisiveFiles = ["verifiers/memory.ts", "verifiers/thresholds.ts", "reference-kernels/forge.h"];

/** Hash of all that a report on an exam depends on: the spec, its reference, its list of mutants, and whoever judges. */
export function examHash(loaded: LoadedSpec, variant: string): string {
  const root = packageRoot();
  const hashes: Record<string, string> = { spec: loaded.hash, reference: loaded.referenceHash, variant: sha256Hex(variant) };
  const list = semanticListPath(loaded);
  if (existsSync(list)) hashes.mutants = sha256Hex(readFileSync(list));
  const files = decisive.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  for (const name of [...files, ...decisiveFiles]) hashes[name] = sha256Hex(readFileSync(join(root, name)));
  return hashOfNamedHashes(hashes);
}
