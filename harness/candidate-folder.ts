import { closeSync, constants, type Dirent, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Candidate } from "../specs/contracts/target.js";
import {
  CandidateError,
  candidateBytes,
  companionNames,
  fileNameProblem,
  manifestName,
  maximumFileBytes,
  maximumFiles,
  refuseMissingSources,
} from "./candidate-files.js";
import { parseManifest } from "./candidate-manifest.js";

/**
 * The candidate that stands in a folder: its sources and forge.json. Left out: what Forge itself puts beside an accepted
 * candidate, and hidden entries (version control, editors). Throws CandidateError naming the file, and the key in forge.json.
 */
export function readCandidateFolder(directory: string): Candidate {
  const files: Record<string, string> = {};
  for (const name of fileNamesUnder(directory, "")) files[name] = readText(directory, name);
  const manifestPath = join(directory, manifestName);
  const text = files[manifestName];
  if (text === undefined) {
    throw new CandidateError(`${manifestPath} is missing: it says how the sources become one object; see "Candidates" in docs/spec.md`);
  }
  const manifest = parseManifest(text, manifestPath);
  delete files[manifestName];
  refuseMissingSources(manifest, files, manifestPath);
  return { files, manifest };
}

/** Writes the candidate's files into a folder, which is made where it does not exist. Other files in it stay. */
export function writeCandidateFolder(directory: string, candidate: Candidate): void {
  for (const [name, bytes] of candidateBytes(candidate)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes, { mode: 0o644 });
  }
}

function fileNamesUnder(directory: string, folder: string): string[] {
  const names: string[] = [];
  for (const entry of entriesOf(directory, folder)) {
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith(".") || companionNames.has(name)) continue;
    const problem = fileNameProblem(name);
    if (problem) throw new CandidateError(`${directory}: file name ${JSON.stringify(name)} ${problem}`);
    if (entry.isDirectory()) names.push(...fileNamesUnder(directory, name));
    else if (entry.isFile()) names.push(name);
    else throw new CandidateError(`${join(directory, name)} is ${kindOf(entry)}; only plain files are taken, replace it by one`);
    // forge.json comes on top of the sources.
    if (names.length > maximumFiles + 1) throw new CandidateError(`${directory} has more than ${maximumFiles} source files`);
  }
  return names.sort();
}

function entriesOf(directory: string, folder: string): Dirent[] {
  try {
    return readdirSync(join(directory, folder), { withFileTypes: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CandidateError(`${join(directory, folder)} cannot be read as a candidate's folder: ${reason}`, { cause: error });
  }
}

function readText(directory: string, name: string): string {
  const path = join(directory, name);
  // NOFOLLOW and NONBLOCK: the entry may have been exchanged for a link or a FIFO since it was listed.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(descriptor);
    if (!fstatSync(descriptor).isFile()) throw new CandidateError(`${path} is not a plain file`);
    if (size > maximumFileBytes) throw new CandidateError(`${path} has ${size} bytes, at most ${maximumFileBytes} are taken`);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(descriptor));
  } catch (error) {
    if (error instanceof TypeError) throw new CandidateError(`${path} is not UTF-8 text`, { cause: error });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function kindOf(entry: Dirent): string {
  if (entry.isSymbolicLink()) return "a symbolic link";
  if (entry.isFIFO()) return "a FIFO";
  if (entry.isSocket()) return "a socket";
  return "a device";
}
