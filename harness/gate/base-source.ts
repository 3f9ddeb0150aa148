import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { Candidate } from "../../specs/contracts/target.js";
import { makeScratchFolder } from "../../verifiers/targets/scratch-folder.js";
import { CandidateError, fileNameProblem } from "../candidate-files.js";
import { readCandidateFolder } from "../candidate-folder.js";
import type { Base, Repository } from "./base-commit.js";
import { askGit, runGit, splitAtNul } from "./git.js";

export type BaseSource = { status: "there"; candidate: Candidate } | { status: "absent" } | { status: "unusable"; reason: string };

const manyBytes = 2_000_000;

/** The code of before: at the base or, where nothing stood there yet, as last committed. `name` says which. */
export function sourceBefore(repository: Repository, base: Base, directory: string): BaseSource & { name: string } {
  const atBase = sourceAtBase(repository, base.commit, directory);
  if (atBase.status !== "absent") return { ...atBase, name: base.name };
  return { ...sourceAtBase(repository, "HEAD", directory), name: "HEAD" };
}

/** The candidate that stood in a folder at a commit, read from git's objects; the work tree is not touched. */
function sourceAtBase({ root }: Repository, commit: string, directory: string): BaseSource {
  const folder = relative(root, directory).split(sep).join("/");
  const listing = askGit(root, ["ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", `${folder}/`]);
  if (listing.status === "refused") return { status: "unusable", reason: listing.reason };
  const entries = splitAtNul(listing.output).map(parseEntry);
  if (entries.length === 0) return { status: "absent" };
  const copy = makeScratchFolder("base");
  try {
    for (const { mode, type, hash, size, path } of entries) {
      const name = path.slice(folder.length + 1);
      if (type !== "blob" || !mode.startsWith("100")) return { status: "unusable", reason: `${path} was no plain file there` };
      if (fileNameProblem(name) !== null || size > manyBytes) continue;
      mkdirSync(dirname(join(copy, name)), { recursive: true });
      writeFileSync(join(copy, name), runGit(root, ["cat-file", "blob", hash]));
    }
    return { status: "there", candidate: readCandidateFolder(copy) };
  } catch (error) {
    if (error instanceof CandidateError) return { status: "unusable", reason: error.message.replaceAll(copy, `${folder} of before`) };
    throw error;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function parseEntry(line: string): { mode: string; type: string; hash: string; size: number; path: string } {
  const tab = line.indexOf("\t");
  const [mode = "", type = "", hash = "", size = ""] = line.slice(0, tab).split(/ +/);
  return { mode, type, hash, size: Number(size), path: line.slice(tab + 1) };
}
