import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeCandidateFolder } from "../../candidate-folder.js";
import { packageRoot } from "../../package-root.js";

/** A project of its own in which `forge goal` is killed: everything that Forge could leave behind lies in it, but /dev/shm. */
export interface Project {
  directory: string;
  runs: string;
  accepted: string;
  temporary: string;
}

/** Within a project. */
export const specName = "row-energy.yaml";

/** What is handed in. `right` passes; `wandering` is right but slow and not bitwise so, and is never timed; `refused` imports what it may not. */
export type Kernel = "right" | "wandering" | "refused";

const bodies: Record<Kernel, { prelude: string; sum: string }> = {
  right: { prelude: "", sum: "lanes(x, dim)" },
  wandering: {
    prelude: "static int turn;\nstatic void rest(void) {\n  for (volatile int spin = 0; spin < 25000000; spin++) {\n  }\n}",
    sum: "(r == 0 ? rest() : (void)0, (turn++ & 1)) ? serial(x, dim) : lanes(x, dim)",
  },
  refused: { prelude: "char *getenv(const char *name);", sum: 'getenv("HOME") ? lanes(x, dim) : serial(x, dim)' },
};

function sourceOf(kernel: Kernel): string {
  const { prelude, sum } = bodies[kernel];
  return `#include "forge_kernel.h"
${prelude}
static float lanes(const float *x, int64_t dim) {
  float part[16] = {0}, sum = 0;
  int64_t d = 0;
  for (; d + 16 <= dim; d += 16)
    for (int l = 0; l < 16; l++) part[l] += x[d + l] * x[d + l];
  for (int64_t rest = d; rest < dim; rest++) part[rest - d] += x[rest] * x[rest];
  for (int l = 0; l < 16; l++) sum += part[l];
  return sum;
}
__attribute__((unused)) static float serial(const float *x, int64_t dim) {
  float sum = 0;
  for (int64_t d = 0; d < dim; d++) sum += x[d] * x[d];
  return sum;
}
int row_energy(const float *x, float *y, int64_t rows, int64_t dim) {
  for (int64_t r = 0; r < rows; r++, x += dim) y[r] = ${sum};
  return 0;
}
`;
}

export function projectIn(directory: string): Project {
  return {
    directory,
    runs: join(directory, "runs"),
    accepted: join(directory, "generated", "row-energy", "f32", "x86-64"),
    temporary: join(directory, "tmp"),
  };
}

/** A spec that is judged in seconds, and a candidate for it. */
export function makeProject(directory: string, kernel: Kernel): Project {
  const project = projectIn(directory);
  mkdirSync(project.temporary, { recursive: true });
  // Sandboxes run as users of their own: else every mount would have to be staged for them.
  chmodSync(directory, 0o755);
  for (const name of [specName, "row-energy.c"])
    copyFileSync(join(packageRoot(), "harness", "bench", "crash-points", name), join(directory, name));
  writeFileSync(join(directory, "package.json"), "{}\n");
  writeCandidateFolder(join(directory, "candidate"), {
    files: { "kernel.c": sourceOf(kernel) },
    manifest: { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags: ["-O3", "-march=native"] }], linkFlags: [] },
  });
  renewCandidate(project);
  return project;
}

/** The same code with another comment: no cache knows it. */
export function renewCandidate({ directory }: Project): void {
  const path = join(directory, "candidate", "kernel.c");
  appendFileSync(path, `/* ${randomBytes(8).toString("hex")} */\n`);
}

/** The project as it stands, once more: what was killed in one can be killed again in the other. */
export function copyProject(from: Project, directory: string): Project {
  cpSync(from.directory, directory, { recursive: true });
  chmodSync(directory, 0o755);
  return projectIn(directory);
}

/** The command line of the goal that is killed, and resumed. The exam is a bench's and nobody's measure of quality. */
export function goalWords(agent: "resubmit" | "autotune", resume: boolean): string[] {
  const from = agent === "resubmit" ? ["--from", "candidate"] : [];
  return ["goal", specName, "--threads", "1", "--json", "--accept-weak-exam", ...from, ...(resume ? ["--resume"] : [])];
}
