import { existsSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { readTextFile } from "./read-text-file.js";
import type { Fail } from "./spec-error.js";

const includable = ['"forge.h"', "<math.h>", "<stdint.h>", "<string.h>"];

/** The path of forge.h, which stands beside the shipped references whether this runs from the sources or from `dist/`. */
export function forgeHeaderPath(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, "reference-kernels", "forge.h");
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) throw new Error(`no reference-kernels/forge.h in ${start} or above it: install Forge again`);
  }
}

export function readForgeHeader(): string {
  const file = readTextFile(forgeHeaderPath());
  if (file.status === "unreadable") throw new Error(`${forgeHeaderPath()}: ${file.problem}; install Forge again`);
  return file.text;
}

/** The folder that a reference may not leave: the nearest with package.json or .git, else the spec's own. */
function projectRoot(specFolder: string): string {
  for (let folder = specFolder; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) || existsSync(join(folder, ".git"))) return folder;
    if (folder === dirname(folder)) return specFolder;
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Resolves and reads the reference that a spec names; fails at `reference` where the path or the file is not acceptable. */
export function readReference(specPath: string, reference: string, fail: Fail): { path: string; text: string } {
  const refuse = (problem: string, remedy: string): never =>
    fail(
      ["reference"],
      `the reference "${reference}" ${problem}`,
      "a relative path to a C file in the project that holds the spec",
      remedy,
    );

  if (reference.includes("\0")) refuse("contains a NUL", "remove the NUL");
  // A colon is a drive, a stream or a URL on some system.
  if (/[:\\]/.test(reference)) refuse('contains ":" or "\\"', 'name folders and file without them, joined by "/"');
  if (isAbsolute(reference)) refuse("is absolute", "write it relative to the spec's folder");
  if (!reference.endsWith(".c")) refuse("does not end in .c", "name a C file");

  const specFolder = dirname(realpathSync(specPath));
  const root = projectRoot(specFolder);
  const path = resolve(specFolder, reference);
  if (!isInside(root, path)) refuse(`leaves the project ${root}`, "copy the reference into the project");
  const file = readTextFile(path);
  if (file.status === "unreadable") return refuse(`cannot be used: ${file.problem}`, `put a C file of at most 1 MB at ${path}`);
  // A link may lead out although the path does not.
  if (!isInside(root, realpathSync(path))) refuse(`is a link out of the project ${root}`, "copy the file itself into the project");
  if (file.text.includes("\0")) refuse("contains a NUL byte", "save it as plain text");
  return { path, text: file.text };
}

/** A reference may include only what its hash covers and every target has. */
export function checkIncludes(includes: string[], fail: Fail): void {
  const foreign = includes.find((include) => !includable.includes(include));
  if (foreign !== undefined)
    fail(
      ["reference"],
      `the reference includes ${foreign}`,
      `only ${includable.join(", ")}`,
      "write what it needs into the reference itself",
    );
}
