import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type SimpleGit, simpleGit } from "simple-git";
import type { Candidate } from "../specs/contracts/target.js";
import { CandidateError, candidateBytes, manifestName } from "./candidate-files.js";
import { writeCandidateFolder } from "./candidate-folder.js";
import { parseManifest } from "./candidate-manifest.js";

/** The git repository in which a run's candidate stands; an attempt is a commit of it. */
export interface Workspace {
  directory: string;
  /** Replaces everything in the work tree by the candidate. */
  write(candidate: Candidate): Promise<void>;
  /** Commits what `write` laid down; the objects are on disk when it returns. */
  commit(summary: string): Promise<{ commit: string; tree: string }>;
  /** The candidate as committed, from git's objects: whatever happened to the work tree since does not matter. */
  readCommit(commit: string): Promise<Candidate>;
}

/** Nothing of the user's or the machine's git: no configuration, hooks, templates, credentials or repository variables. */
const environment: Record<string, string> = {
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Forge",
  GIT_AUTHOR_EMAIL: "forge@localhost",
  GIT_COMMITTER_NAME: "Forge",
  GIT_COMMITTER_EMAIL: "forge@localhost",
};
const configuration = [
  "core.hooksPath=/dev/null",
  "core.fsync=all",
  "core.fsyncMethod=fsync",
  "core.fileMode=false",
  "core.autocrlf=false",
  "core.attributesFile=/dev/null",
  "core.excludesFile=/dev/null",
  "commit.gpgSign=false",
  "gc.auto=0",
  "maintenance.auto=false",
];

const lockGraceMs = 2000;

/** Opens the workspace in a folder, made where it does not exist. The caller holds the run's lock. */
export async function openWorkspace(directory: string): Promise<Workspace> {
  mkdirSync(directory, { recursive: true });
  const git = gitIn(directory);
  await removeStaleLocks(join(directory, ".git"));
  // Safe to repeat: it finishes an initialisation that was killed half-way.
  await git.raw("init", "--quiet", "--template=", "--initial-branch=attempts");
  return {
    directory,
    async write(candidate) {
      candidateBytes(candidate);
      for (const name of readdirSync(directory)) {
        if (name !== ".git") rmSync(join(directory, name), { recursive: true, force: true });
      }
      writeCandidateFolder(directory, candidate);
    },
    async commit(summary) {
      await git.raw("add", "--all", "--force", ".");
      await git.raw("commit", "--quiet", "--allow-empty", "--no-verify", "--cleanup=verbatim", `--message=${commitMessage(summary)}`);
      const [commit = "", tree = ""] = (await git.raw("rev-parse", "HEAD", "HEAD^{tree}")).trim().split("\n");
      return { commit, tree };
    },
    readCommit: (commit) => readCommit(git, directory, commit),
  };
}

/** As `Workspace.readCommit`, without the run's lock: nothing is made or mended, and a run may be writing meanwhile. */
export async function readCommitOf(directory: string, commit: string): Promise<Candidate> {
  return readCommit(gitIn(directory), directory, commit);
}

function gitIn(directory: string): SimpleGit {
  return simpleGit({
    baseDir: directory,
    config: configuration,
    allowEnvironment: Object.keys(environment),
    // Each of these points git at nothing, which is the opposite of what its guard is for.
    unsafe: { allowUnsafeHooksPath: true, allowUnsafeConfigPaths: true, allowUnsafeTemplateDir: true },
  }).env(environment);
}

async function readCommit(git: SimpleGit, directory: string, commit: string): Promise<Candidate> {
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new CandidateError(`${JSON.stringify(commit)} is not the id of a commit`);
  const listing = await git.raw("ls-tree", "-r", "-z", "--full-tree", commit);
  const files: Record<string, string> = {};
  for (const line of listing.split("\0")) {
    if (line === "") continue;
    const match = /^100644 blob ([0-9a-f]{40})\t(.+)$/.exec(line);
    if (!match)
      throw new CandidateError(`commit ${commit} in ${directory} holds something other than plain files: ${JSON.stringify(line)}`);
    files[match[2]!] = await git.raw("cat-file", "blob", match[1]!);
  }
  const place = `${manifestName} of commit ${commit} in ${directory}`;
  const text = files[manifestName];
  if (text === undefined) throw new CandidateError(`${place} is missing: the commit was not made by Forge`);
  delete files[manifestName];
  const candidate = { files, manifest: parseManifest(text, place) };
  candidateBytes(candidate);
  return candidate;
}

/**
 * Removes the lock files of a git that was killed. The run's lock keeps other Forge processes out, but a git that a killed one
 * left behind may still be finishing: a young lock gets time to go by itself.
 */
async function removeStaleLocks(gitDirectory: string): Promise<void> {
  for (const name of ["index.lock", "HEAD.lock", "config.lock", "refs/heads/attempts.lock"]) {
    const path = join(gitDirectory, name);
    for (let made = madeAt(path); made !== null && Date.now() - made < lockGraceMs; made = madeAt(path)) await setTimeout(50);
    rmSync(path, { force: true });
  }
  // A ref that a power failure left empty makes git refuse everything; the commits themselves are named in the run's log.
  const branch = join(gitDirectory, "refs/heads/attempts");
  if (statSync(branch, { throwIfNoEntry: false })?.size === 0) rmSync(branch);
}

function madeAt(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/** Control characters cannot be passed to a process or shown; the full text stands in the run's log. */
function commitMessage(summary: string): string {
  const printable = summary
    .replace(/[\p{Cc}\p{Cs}]+/gu, " ")
    .trim()
    .slice(0, 2000);
  return printable === "" ? "attempt" : printable;
}
