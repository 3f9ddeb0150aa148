import type { Candidate, CandidateManifest } from "../specs/contracts/target.js";

export const manifestName = "forge.json";
/** What stands beside an accepted candidate's files without being one of them. */
export const companionNames: ReadonlySet<string> = new Set(["certificate.json", "record.jsonl", "origin.jsonl", "README.md"]);
export const maximumFiles = 64;
export const maximumFileBytes = 1_000_000;
const maximumNameLength = 200;
const maximumDepth = 8;

/** A candidate that cannot be taken: the message names the file, the place in it and what to do. */
export class CandidateError extends Error {
  override name = "CandidateError";
}

/** Why a file name is refused, or null. An allow-list, so that no case, encoding or shell trick needs naming. */
export function fileNameProblem(name: string): string | null {
  if (name.length === 0) return "is empty";
  if (name.length > maximumNameLength) return `is longer than ${maximumNameLength} characters`;
  if (name.startsWith("/")) return "is absolute; use a path relative to the candidate's folder";
  const components = name.split("/");
  if (components.length > maximumDepth) return `is deeper than ${maximumDepth} folders`;
  for (const component of components) {
    if (component === "..") return "leads out of the candidate's folder ('..')";
    if (component === "__proto__") return "is a reserved name";
    if (!/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(component)) {
      return `has the component ${JSON.stringify(component)}; use letters, digits and . _ + - only, not beginning with '.', '+' or '-'`;
    }
  }
  return null;
}

/** The text of forge.json: keys in one order, so that the same manifest is the same bytes and the same git tree. */
export function manifestText(manifest: CandidateManifest): string {
  const ordered: CandidateManifest = {
    language: manifest.language,
    compiler: manifest.compiler,
    units: manifest.units.map(({ source, flags }) => ({ source, flags })),
    linkFlags: manifest.linkFlags,
    ...(manifest.tunables ? { tunables: sortedByKey(manifest.tunables) } : {}),
    ...(manifest.chosen ? { chosen: sortedByKey(manifest.chosen) } : {}),
  };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/**
 * All files of a candidate as bytes, forge.json among them, by name in sorted order.
 * Throws CandidateError for a bad name, too many or too large files, or a unit whose source is missing.
 */
export function candidateBytes(candidate: Candidate): Map<string, Buffer> {
  const names = Object.keys(candidate.files).sort();
  if (names.length > maximumFiles) throw new CandidateError(`the candidate has ${names.length} files, at most ${maximumFiles} are taken`);
  const bytes = new Map<string, Buffer>();
  for (const name of names) {
    const problem = fileNameProblem(name);
    if (problem) throw new CandidateError(`file name ${JSON.stringify(name)} ${problem}`);
    if (name === manifestName || companionNames.has(name)) {
      throw new CandidateError(`file name ${JSON.stringify(name)} is written by Forge; leave it out of the sources`);
    }
    bytes.set(name, textBytes(name, candidate.files[name] ?? ""));
  }
  refuseFileAsFolder(names);
  refuseMissingSources(candidate.manifest, candidate.files);
  bytes.set(manifestName, textBytes(manifestName, manifestText(candidate.manifest)));
  return new Map([...bytes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function refuseMissingSources(manifest: CandidateManifest, files: Readonly<Record<string, unknown>>, place = manifestName): void {
  manifest.units.forEach((unit, index) => {
    if (!Object.hasOwn(files, unit.source)) {
      const known = Object.keys(files).sort().join(", ") || "none";
      throw new CandidateError(
        `${place}: units[${index}].source names ${JSON.stringify(unit.source)}, which is not among the files (${known}); add the file or correct the name`,
      );
    }
  });
}

function textBytes(name: string, text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length > maximumFileBytes) {
    throw new CandidateError(`${name} has ${bytes.length} bytes, at most ${maximumFileBytes} are taken`);
  }
  // A lone surrogate would come back from disk as another character, and so as another tree.
  if (bytes.toString("utf8") !== text) throw new CandidateError(`${name} holds text that is not valid Unicode`);
  return bytes;
}

function refuseFileAsFolder(names: readonly string[]): void {
  const known = new Set(names);
  for (const name of names) {
    for (let slash = name.indexOf("/"); slash !== -1; slash = name.indexOf("/", slash + 1)) {
      const folder = name.slice(0, slash);
      if (known.has(folder)) throw new CandidateError(`${JSON.stringify(folder)} is both a file and the folder of ${JSON.stringify(name)}`);
    }
  }
}

function sortedByKey<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
