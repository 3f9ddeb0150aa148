import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { companionNames, fileNameProblem, maximumFileBytes, maximumFiles } from "../candidate-files.js";

/** What a folder holds that a workspace can take, and what of it cannot be taken and why. */
export interface TextFolder {
  files: Map<string, string>;
  leftOut: string[];
}

const mostLeftOut = 20;

/**
 * Reads a folder that somebody else writes to: a shell in the sandbox, a coding CLI, a person. Never follows links, never throws for
 * what lies there. Hidden entries are nobody's business.
 */
export function readTextFolder(directory: string): TextFolder {
  const found: TextFolder = { files: new Map(), leftOut: [] };
  readInto(found, directory, "");
  return found;
}

/** Lays files down in a folder that is made where it does not exist. */
export function writeTextFolder(directory: string, files: ReadonlyMap<string, string>): void {
  for (const [name, text] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

function readInto(found: TextFolder, directory: string, folder: string): void {
  const leaveOut = (name: string, why: string) => {
    if (found.leftOut.length < mostLeftOut) found.leftOut.push(`${name} (${why})`);
  };
  for (const entry of entriesOf(join(directory, folder))) {
    const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.name.startsWith(".") || companionNames.has(name)) continue;
    const problem = fileNameProblem(name);
    if (problem) leaveOut(JSON.stringify(name), problem);
    else if (entry.isDirectory()) readInto(found, directory, name);
    else if (!entry.isFile()) leaveOut(name, "no plain file");
    else if (found.files.size > maximumFiles) leaveOut(name, `more than ${maximumFiles} files`);
    else {
      const text = readText(join(directory, name));
      if (typeof text === "string") found.files.set(name, text);
      else leaveOut(name, text.problem);
    }
  }
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return []; // gone, or closed to us, since it was listed
  }
}

function readText(path: string): string | { problem: string } {
  let descriptor: number;
  try {
    // The entry may have been exchanged for a link or a FIFO since it was listed.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return { problem: "cannot be read" };
  }
  try {
    const state = fstatSync(descriptor);
    if (!state.isFile()) return { problem: "no plain file" };
    if (state.size > maximumFileBytes) return { problem: `more than ${maximumFileBytes} bytes` };
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(descriptor));
  } catch {
    return { problem: "not UTF-8 text" };
  } finally {
    closeSync(descriptor);
  }
}
