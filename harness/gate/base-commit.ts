import { askGit, GateInputError, runGit } from "./git.js";

export interface Repository {
  /** Top of the work tree. */
  root: string;
}

export interface Base {
  /** A commit; the empty tree where there is none before HEAD. */
  commit: string;
  /** How it was chosen, for people. */
  name: string;
}

const usualNames = ["origin/HEAD", "origin/main", "origin/master"];

/** The git repository around a folder; null where there is none. Throws where git refuses for another reason. */
export function findRepository(directory: string): Repository | null {
  const answer = askGit(directory, ["rev-parse", "--show-toplevel"]);
  if (answer.status === "done") return { root: answer.output.toString("utf8").replace(/\n$/, "") };
  if (answer.reason.includes("not a git repository")) return null;
  throw new GateInputError(`git does not answer in ${directory}: ${answer.reason}`);
}

/**
 * What "changed" is measured from: where the work left the asked-for ref, or origin's default branch; on that branch itself the commit
 * before. Throws where that is not to be had: a gate that cannot see what changed must not be green.
 */
export function chooseBase({ root }: Repository, asked?: string): Base {
  const head = commitOf(root, "HEAD");
  if (asked !== undefined) {
    if (commitOf(root, asked) === null)
      throw new GateInputError(
        `there is no commit ${asked} here: name a branch, tag or commit, or fetch it first (in GitHub Actions: fetch-depth: 0)`,
      );
    return head === null ? emptyTree(root, "there is no commit yet") : mergeBase(root, asked);
  }
  if (head === null) return emptyTree(root, "there is no commit yet");
  for (const name of usualNames) {
    if (commitOf(root, name) === null) continue;
    const base = mergeBase(root, name);
    if (base.commit !== head) return base;
    // HEAD is on the default branch already: what it brought itself.
    break;
  }
  const parent = commitOf(root, "HEAD~1");
  if (parent !== null) return { commit: parent, name: "HEAD~1" };
  if (runGit(root, ["rev-parse", "--is-shallow-repository"]).toString("utf8").trim() === "true")
    throw new GateInputError(
      "this clone is shallow, so what changed cannot be told: fetch the history (git fetch --unshallow; in GitHub Actions fetch-depth: 0, in GitLab GIT_DEPTH: 0), or judge all with --all",
    );
  return emptyTree(root, "the first commit");
}

function mergeBase(root: string, name: string): Base {
  const answer = askGit(root, ["merge-base", name, "HEAD"]);
  if (answer.status === "done") return { commit: answer.output.toString("utf8").trim(), name: `where HEAD left ${name}` };
  return { commit: commitOf(root, name)!, name: `${name}, which shares no history with HEAD here` };
}

function commitOf(root: string, name: string): string | null {
  const answer = askGit(root, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]);
  return answer.status === "done" ? answer.output.toString("utf8").trim() : null;
}

function emptyTree(root: string, name: string): Base {
  return { commit: runGit(root, ["hash-object", "-t", "tree", "/dev/null"]).toString("utf8").trim(), name };
}
