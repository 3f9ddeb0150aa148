import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DeskFolder } from "../../specs/contracts/agent.js";
import { readTextFolder } from "./text-folder.js";

/** Ours, laid beside the sources for whoever works there. */
const guides: ReadonlySet<string> = new Set(["AGENTS.md", "CLAUDE.md"]);

export interface DeskOwner {
  snapshot(): Map<string, string>;
  adopt(files: ReadonlyMap<string, string>): void;
}

/** The folder in which a lane's workspace lies for programs that work on files. What Forge itself put there is no part of it. */
export function deskFolder(path: string, support: Readonly<Record<string, string>>, owner: DeskOwner): DeskFolder {
  mkdirSync(path, { recursive: true });
  const isOurs = (name: string) => guides.has(name) || Object.hasOwn(support, name);
  return {
    path,
    take() {
      const { files, leftOut } = readTextFolder(path);
      for (const name of [...files.keys()]) if (isOurs(name)) files.delete(name);
      owner.adopt(files);
      return leftOut;
    },
    lay() {
      const wanted = owner.snapshot();
      const { files } = readTextFolder(path);
      for (const name of files.keys()) if (!wanted.has(name) && !isOurs(name)) rmSync(join(path, name), { force: true });
      for (const [name, text] of wanted) {
        if (files.get(name) === text) continue;
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), text);
      }
    },
  };
}
