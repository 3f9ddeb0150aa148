import { existsSync, realpathSync } from "node:fs";
import { resolve, sep } from "node:path";
import type { GateSelection } from "../../specs/contracts/gate.js";
import { verifyCertificate } from "../certificate.js";
import { type AcceptedFolder, acceptedFolders } from "./accepted-folders.js";
import { type Base, chooseBase, findRepository, type Repository } from "./base-commit.js";
import { changedFiles } from "./changed-files.js";
import { GateInputError } from "./git.js";
import { specOf } from "./spec-of.js";

export interface SelectionOptions {
  /** The folder `generated/`. */
  generated: string;
  paths: string[];
  all: boolean;
  base?: string;
  /** Names of targets; null for every one. */
  targets: string[] | null;
}

export interface SelectedFolder extends AcceptedFolder {
  /** Why it is judged. */
  selectedBy: string;
}

export interface Selected {
  selection: GateSelection;
  folders: SelectedFolder[];
  /** Where the code of before stands; null outside of git. */
  before: { repository: Repository; base: Base } | null;
  /** Accepted folders that were looked through. */
  among: number;
  /** What was accepted at the base and is no longer there. */
  notes: string[];
}

/** What is to be judged: the named, all, or what changed under git since the base and what has a stale certificate. */
export function selectFolders(options: SelectionOptions): Selected {
  const { paths, all, targets } = options;
  if (all && paths.length > 0) throw new GateInputError("--all judges every accepted folder: leave out the paths, or leave out --all");
  if (!existsSync(options.generated))
    throw new GateInputError(
      `there is no folder ${options.generated}: accepted code lies there; --generated names another, \`forge goal\` makes it`,
    );
  // Git speaks of real paths only.
  const generated = realpathSync(options.generated);
  const accepted = acceptedFolders(generated).filter(({ target }) => targets === null || targets.includes(target));
  const repository = findRepository(generated);
  if (paths.length > 0) {
    const folders = namedFolders(paths, accepted);
    return {
      selection: { kind: "named", paths },
      folders,
      before: beforeOrNull(repository, options.base),
      among: accepted.length,
      notes: [],
    };
  }
  if (all) {
    const folders = accepted.map((folder) => ({ ...folder, selectedBy: "all" }));
    return { selection: { kind: "all" }, folders, before: beforeOrNull(repository, options.base), among: accepted.length, notes: [] };
  }
  if (repository === null)
    throw new GateInputError(`${generated} is in no git repository, so nothing can be told to have changed: use --all or name folders`);
  const base = chooseBase(repository, options.base);
  const changed = changedFiles(repository, base);
  return {
    selection: { kind: "changed", base: base.commit, baseName: base.name },
    folders: accepted.flatMap((folder) => {
      const reason = reasonToJudge(folder, generated, changed);
      return reason === null ? [] : [{ ...folder, selectedBy: reason }];
    }),
    before: { repository, base },
    among: accepted.length,
    notes: removedFolders(generated, changed).map((folder) => `${folder} was accepted at the base and is no longer there`),
  };
}

/** With --all and paths the base only serves to compare speeds: without one they are judged all the same. */
function beforeOrNull(repository: Repository | null, asked: string | undefined): Selected["before"] {
  if (repository === null) {
    if (asked !== undefined) throw new GateInputError("--base needs a git repository around the accepted folders");
    return null;
  }
  try {
    return { repository, base: chooseBase(repository, asked) };
  } catch (error) {
    if (error instanceof GateInputError && asked === undefined) return null;
    throw error;
  }
}

function namedFolders(paths: string[], accepted: AcceptedFolder[]): SelectedFolder[] {
  const chosen = new Map<string, SelectedFolder>();
  for (const path of paths) {
    const absolute = existsSync(path) ? realpathSync(path) : resolve(path);
    const found = accepted.filter(
      ({ directory }) => `${directory}${sep}`.startsWith(`${absolute}${sep}`) || absolute.startsWith(`${directory}${sep}`),
    );
    if (found.length === 0)
      throw new GateInputError(
        `${path} is no accepted folder and holds none: name <generated>/<spec>/<variant>/<target> or a folder above (with --target: one of that target)`,
      );
    for (const folder of found) chosen.set(folder.directory, { ...folder, selectedBy: "named" });
  }
  return accepted.flatMap(({ directory }) => chosen.get(directory) ?? []);
}

function reasonToJudge(folder: AcceptedFolder, generated: string, changed: string[]): string | null {
  const inside = changed
    .filter((path) => path.startsWith(`${folder.directory}${sep}`))
    .map((path) => path.slice(folder.directory.length + 1));
  if (inside.length > 0) return `changed: ${inside.join(", ")}`;
  const spec = specOf(folder, generated);
  // It fails, and says why, where it is judged.
  if (spec.status === "missing") return "its spec is missing";
  const { path, referencePath } = spec.loaded;
  const exam = [path, referencePath].filter((file) => changed.includes(file));
  if (exam.length > 0) return `changed: ${exam.map((file) => file.slice(file.lastIndexOf(sep) + 1)).join(", ")}`;
  const state = verifyCertificate(folder.directory, spec.loaded);
  if (state.status === "stale") return `stale: ${state.changed.join(", ")}`;
  return state.status === "valid" ? null : `its certificate is ${state.status}`;
}

function removedFolders(generated: string, changed: string[]): string[] {
  const folders = changed
    .filter((path) => path.startsWith(`${generated}${sep}`))
    .map((path) => path.slice(generated.length + 1).split(sep))
    .filter((words) => words.length > 3 && !words.slice(0, 3).some((word) => word.startsWith(".")))
    .map((words) => words.slice(0, 3).join("/"));
  return [...new Set(folders)].filter((folder) => !existsSync(resolve(generated, folder)));
}
