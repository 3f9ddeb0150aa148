import { join } from "node:path";
import type { Base, Repository } from "./base-commit.js";
import { runGit, splitAtNul } from "./git.js";

/** Absolute paths of what differs between the base and the work tree: commits since, staged, unstaged and new files; deleted ones too. */
export function changedFiles({ root }: Repository, base: Base): string[] {
  const tracked = runGit(root, ["diff", "--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules", "-z", base.commit, "--"]);
  const untracked = runGit(root, ["ls-files", "--others", "--exclude-standard", "-z"]);
  return [...new Set([...splitAtNul(tracked), ...splitAtNul(untracked)])].map((name) => join(root, name)).sort();
}
