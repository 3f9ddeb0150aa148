import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../hash.js";
import { packageRoot } from "../../package-root.js";
import { verifierHash } from "../../verifier-hash.js";
import { runForgeIn } from "./run-once.js";
import { type Experiment, experiments, type GateProject, type Kernel, kernels } from "./trials.js";

const files = join(packageRoot(), "harness", "bench", "gate");
const manifest = {
  language: "c",
  compiler: "gcc",
  units: [{ source: "kernel.c", flags: ["-O3", "-march=native", "-fno-math-errno"] }],
  linkFlags: [],
};

/** All projects, made where they are not there yet or were made by another Forge; minutes the first time. */
export async function buildProjects(root: string, only: string | null, say: (line: string) => void): Promise<GateProject[]> {
  const projects: GateProject[] = [];
  for (const kernel of kernels.filter((name) => only === null || name === only)) {
    const accepted = await projectOf(root, kernel, "unchanged", null, say);
    projects.push(accepted);
    for (const experiment of experiments.slice(1)) projects.push(await projectOf(root, kernel, experiment, accepted.folder, say));
  }
  if (projects.length === 0) throw new Error(`--only takes one of ${kernels.join(", ")}`);
  return projects;
}

async function projectOf(
  root: string,
  kernel: Kernel,
  experiment: Experiment,
  accepted: string | null,
  say: (line: string) => void,
): Promise<GateProject> {
  const folder = join(root, `${kernel}-${experiment}`);
  const mark = join(folder, "made-by");
  const source = sourceOf(kernel, experiment);
  const made = sha256Hex([verifierHash(), source, readFileSync(join(files, `${kernel}.yaml`), "utf8")].join("\n"));
  const project = { kernel, experiment, folder };
  if (existsSync(mark) && readFileSync(mark, "utf8") === made) return project;
  say(`${kernel} ${experiment}: making the project`);
  rmSync(folder, { recursive: true, force: true });
  if (accepted !== null) cpSync(accepted, folder, { recursive: true });
  else begin(folder, kernel);
  mkdirSync(join(folder, "candidate"), { recursive: true });
  writeFileSync(join(folder, "candidate", "kernel.c"), source);
  writeFileSync(join(folder, "candidate", "forge.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  const goal = ["goal", `${kernel}.yaml`, "--from", "candidate", "--threads", "1", "--accept-weak-exam"];
  const ended = await runForgeIn(folder, goal);
  if (!existsSync(join(folder, "generated", kernel, "f32", "x86-64", "certificate.json")) || ended.code !== 0)
    throw new Error(`${kernel} ${experiment} was not accepted (exit ${ended.code}):\n${ended.output}\n${ended.errors}`);
  git(folder, "init", "--quiet");
  git(folder, "add", "--all");
  // What is changed stays uncommitted: the code of before is the last commit's.
  if (accepted === null) git(folder, "commit", "--quiet", "--message", "accepted");
  writeFileSync(mark, made);
  return project;
}

function begin(folder: string, kernel: Kernel): void {
  mkdirSync(folder, { recursive: true });
  for (const name of [`${kernel}.yaml`, `${kernel}.c`]) cpSync(join(files, name), join(folder, name));
  writeFileSync(join(folder, "package.json"), "{}\n");
  writeFileSync(join(folder, ".gitignore"), "runs/\ncandidate/\nmade-by\n");
}

function sourceOf(kernel: Kernel, experiment: Experiment): string {
  const text = readFileSync(join(files, `${kernel}.kernel.c`), "utf8");
  const mark = "#define REPEATED_ROWS 0\n";
  if (!text.includes(mark)) throw new Error(`${kernel}.kernel.c has no ${mark.trim()}`);
  switch (experiment) {
    case "unchanged":
      return text;
    case "reworded":
      // Another object too: what is never called moves what is.
      return text.replace(mark, `${mark}\n__attribute__((used)) static int moved(int value) { return 3 * value + 1; }\n`);
    case "slowed":
      return text.replace(mark, "#define REPEATED_ROWS (rows / 10)\n");
  }
}

function git(folder: string, ...commandLine: string[]): void {
  const identity = ["-c", "user.name=Forge", "-c", "user.email=forge@localhost", "-c", "commit.gpgSign=false"];
  const ended = spawnSync("git", [...identity, "-C", folder, ...commandLine], { encoding: "utf8" });
  if (ended.status !== 0) throw new Error(`git ${commandLine[0]} in ${folder}: ${ended.stderr}`);
}
