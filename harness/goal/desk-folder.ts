import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DeskFolder } from "../../specs/contracts/agent.js";
import { deskFolderName } from "../../specs/contracts/desk.js";
import { sha256Hex } from "../hash.js";
import { readTextFolder } from "./text-folder.js";

/** Ours, laid beside the sources for whoever works there. */
const guides: ReadonlySet<string> = new Set(["AGENTS.md", "CLAUDE.md"]);

/** In the folder: hashes of the files as they stood when folder and workspace last agreed. */
const agreedFileName = "agreed.json";

export interface DeskOwner {
  snapshot(): Map<string, string>;
  adopt(files: ReadonlyMap<string, string>): void;
}

/**
 * The folder in which a lane's workspace lies for programs that work on files. What Forge itself put there is no part of it. Somebody
 * writes there at any time, while a verdict takes its minute or while no Forge runs: what was changed since folder and workspace last
 * agreed is theirs, and is never laid over; the next `take` has it.
 */
export function deskFolder(path: string, support: Readonly<Record<string, string>>, owner: DeskOwner): DeskFolder {
  mkdirSync(join(path, deskFolderName), { recursive: true });
  const agreedPath = join(path, deskFolderName, agreedFileName);
  const agreed = readAgreed(agreedPath);
  const readTheirs = () => {
    const { files, leftOut } = readTextFolder(path);
    for (const name of [...files.keys()]) if (guides.has(name) || Object.hasOwn(support, name)) files.delete(name);
    return { files, leftOut };
  };
  return {
    path,
    take() {
      const { files, leftOut } = readTheirs();
      owner.adopt(files);
      agreed.clear();
      for (const [name, text] of files) agreed.set(name, sha256Hex(text));
      writeAgreed(agreedPath, agreed);
      return leftOut;
    },
    lay() {
      const wanted = owner.snapshot();
      const { files } = readTheirs();
      for (const name of new Set([...wanted.keys(), ...files.keys(), ...agreed.keys()])) {
        const present = files.get(name);
        if (hashOf(present) !== agreed.get(name)) continue;
        const text = wanted.get(name);
        if (text === present) continue;
        const place = join(path, name);
        // What is no text of ours (a binary, a link, a folder) was not taken, and is not replaced either.
        if (present === undefined && lstatSync(place, { throwIfNoEntry: false }) !== undefined) continue;
        if (text === undefined) {
          rmSync(place, { force: true });
          agreed.delete(name);
        } else {
          mkdirSync(dirname(place), { recursive: true });
          writeFileSync(place, text);
          agreed.set(name, sha256Hex(text));
        }
      }
      writeAgreed(agreedPath, agreed);
    },
  };
}

const hashOf = (text: string | undefined): string | undefined => (text === undefined ? undefined : sha256Hex(text));

/** Nothing agreed, where the file is missing or damaged: then whatever lies in the folder is somebody's. */
function readAgreed(path: string): Map<string, string> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    return new Map(Object.entries(parsed as object).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return new Map();
  }
}

function writeAgreed(path: string, agreed: ReadonlyMap<string, string>): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, JSON.stringify(Object.fromEntries(agreed)));
  renameSync(temporary, path);
}
