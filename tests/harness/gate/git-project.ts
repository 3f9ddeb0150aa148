import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { candidateBytes } from "../../../harness/candidate-files.js";
import { writeAccepted } from "../../../harness/certificate.js";
import { gitTreeHash } from "../../../harness/git-tree.js";
import type { EventBody } from "../../../specs/contracts/event.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { runStarted, sampleCandidate, sampleGoal, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

const identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false"];

/** git as the test's own user, in a folder. */
export function git(folder: string, ...commandLine: string[]): string {
  return execFileSync("git", [...identity, "-C", folder, ...commandLine], { encoding: "utf8" }).trim();
}

/** A real repository that holds the shipped specs and references, and accepted code with certificates that are valid; one commit. */
export function gitProject(accepted: { spec: string; target: string }[]): string {
  const folder = temporaryFolder();
  for (const name of ["specs/kernels", "reference-kernels"]) cpSync(name, join(folder, name), { recursive: true });
  writeIn(folder, ".gitignore", "runs/\n");
  writeIn(folder, "package.json", "{}\n");
  for (const { spec, target } of accepted) accept(folder, spec, target);
  git(folder, "init", "--quiet");
  commitAll(folder, "accepted");
  return folder;
}

/** Writes accepted code, whose verdict is made up, with a certificate for the spec as it stands there. */
export function accept(folder: string, spec: string, target: string, candidate = sampleCandidate()): void {
  const specPath = `specs/kernels/${spec}.yaml`;
  const loaded = loadSpec(join(folder, specPath));
  const bodies: EventBody[] = [
    runStarted({ ...sampleGoal, spec, specPath, target, specHash: loaded.hash }),
    { type: "attempt-submitted", attempt: 1, commit: "d".repeat(40), tree: gitTreeHash(candidateBytes(candidate)), summary: "s" },
    { type: "attempt-judged", attempt: 1, verdict: sampleVerdict("surpassed"), bestRatio: null },
  ];
  writeAccepted({
    generated: join(folder, "generated"),
    candidate,
    events: bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-02T03:04:05.678Z", run: "run-1" })),
    attempt: 1,
    exam: loaded,
    toolchains: [{ name: "gcc", version: "12.2.0" }],
    baseline: { compiler: "gcc", flags: ["-O3"], sourceHash: "e".repeat(64) },
    repeat: (directory) => `forge check ${directory}`,
  });
}

export function commitAll(folder: string, message: string): string {
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--allow-empty", "--message", message);
  return git(folder, "rev-parse", "HEAD");
}

export function writeIn(folder: string, name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}
