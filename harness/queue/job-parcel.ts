import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { type BlobStore, ForgedMessage, type JobBody } from "../../specs/contracts/queue.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import { loadExam } from "../../specs/trainer/load-trainer-spec.js";
import { candidateBytes, fileNameProblem, manifestName } from "../candidate-files.js";
import { parseManifest } from "../candidate-manifest.js";
import { sha256Hex } from "../hash.js";
import { getTrueBlob } from "./blob-stores.js";

/** A content that a job names is not to be had; another try may find it. */
export class BlobMissing extends Error {
  override name = "BlobMissing";
}

/** Spec and reference as they travel: paths below the folder that holds both, so that the one finds the other there too. */
export function packSpec(loaded: LoadedExam): { files: Buffer[]; spec: JobBody["spec"]; reference: JobBody["reference"] } {
  let common = dirname(loaded.path);
  while (!loaded.referencePath.startsWith(`${common === sep ? "" : common}${sep}`)) common = dirname(common);
  return {
    files: [Buffer.from(loaded.text, "utf8"), Buffer.from(loaded.referenceText, "utf8")],
    spec: { path: relative(common, loaded.path), hash: sha256Hex(loaded.text) },
    reference: { path: relative(common, loaded.referencePath), hash: sha256Hex(loaded.referenceText) },
  };
}

export function packCandidate(candidate: Candidate): { files: Buffer[]; source: Record<string, string> } {
  const files = [...candidateBytes(candidate)];
  return { files: files.map(([, bytes]) => bytes), source: Object.fromEntries(files.map(([name, bytes]) => [name, sha256Hex(bytes)])) };
}

/** Writes spec and reference into a folder and loads the spec from there, exactly the one that was meant. */
export async function unpackSpec(body: JobBody, blobs: BlobStore, folder: string): Promise<LoadedExam> {
  writeFileSync(join(folder, "package.json"), "{}\n");
  for (const { path, hash } of [body.spec, body.reference]) {
    const inside = join(folder, path);
    if (relative(folder, inside).startsWith("..")) throw new ForgedMessage(`the job names a file outside its folder: ${path}`);
    mkdirSync(dirname(inside), { recursive: true });
    writeFileSync(inside, await need(blobs, hash));
  }
  const loaded = loadExam(join(folder, body.spec.path));
  if (loaded.hash !== body.key.specHash) throw new Error("the spec that arrived is not the one that the job is about");
  if (loaded.referenceHash !== body.key.referenceHash)
    throw new Error("the reference that arrived is not the one that the job is about, or this machine's forge.h is of another version");
  return loaded;
}

export async function unpackCandidate(source: Record<string, string>, blobs: BlobStore): Promise<Candidate> {
  const files: Record<string, string> = {};
  for (const [name, hash] of Object.entries(source)) {
    const problem = fileNameProblem(name);
    if (problem) throw new ForgedMessage(`the job has a file whose name ${problem}`);
    files[name] = (await need(blobs, hash)).toString("utf8");
  }
  const manifest = parseManifest(files[manifestName] ?? "", manifestName);
  delete files[manifestName];
  return { files, manifest };
}

async function need(blobs: BlobStore, hash: string): Promise<Buffer> {
  const content = await getTrueBlob(blobs, hash);
  if (content === null) throw new BlobMissing(`the content ${hash} that the job names is not there, or is another`);
  return content;
}
