import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { parse, stringify } from "yaml";
import type { KernelSpec, LoadedSpec } from "../specs/contracts/spec.js";
import type { Candidate, CandidateManifest } from "../specs/contracts/target.js";
import { loadSpec } from "../specs/load-spec.js";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that lasts as long as the test file. */
export function lastingFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "forge-flow-"));
  folders.push(folder);
  return folder;
}

/** Writes a shipped spec, changed, to a project of its own with the shipped references; returns the spec's path. */
export function writeSmallSpec(name: string, change: (spec: KernelSpec) => void, folder = lastingFolder()): string {
  const spec = parse(readFileSync(`specs/kernels/${name}.yaml`, "utf8")) as KernelSpec;
  change(spec);
  mkdirSync(join(folder, "specs", "kernels"), { recursive: true });
  cpSync("reference-kernels", join(folder, "reference-kernels"), { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}\n");
  const path = join(folder, "specs", "kernels", `${name}.yaml`);
  writeFileSync(path, stringify(spec));
  return path;
}

/** Forward RMSNorm only, few hidden cases, timed at a size that takes a fraction of a millisecond. */
export function smallRmsnorm(change: (spec: KernelSpec) => void = () => {}): LoadedSpec {
  return loadSpec(writeSmallSpec("rmsnorm", (spec) => change(shrink(spec))));
}

/** As shipped specs are timed: with inputs that no cache holds. */
export const timedCold = (spec: KernelSpec): void => {
  spec.gates.warm = false;
};

export const timedRows = 512;
export const timedDim = 1024;

export function shrink(spec: KernelSpec): KernelSpec {
  delete spec.entries.rmsnorm_backward;
  spec.cases.hidden = 8;
  spec.cases.timed = [{ rows: timedRows, dim: timedDim }];
  // One set of inputs instead of as many as push each other out of the caches: every process of a duel would be given them all.
  spec.gates.warm = true;
  spec.budget = { attempts: 3, minutes: 5 };
  return spec;
}

/** Forward RMSNorm with 16 partial sums: right, and several times faster than the baseline, which may not reorder its sum. */
export const honestRow = `static float norm_row(const float *x, const float *weight, float *y, int64_t dim, float eps) {
  float part[16] = {0};
  int64_t d = 0;
  for (; d + 16 <= dim; d += 16)
    for (int l = 0; l < 16; l++) part[l] += x[d + l] * x[d + l];
  for (int64_t rest = d; rest < dim; rest++) part[rest - d] += x[rest] * x[rest];
  float sum = 0;
  for (int l = 0; l < 16; l++) sum += part[l];
  const float rstd = 1.0f / sqrtf(sum / (float)dim + eps);
  for (int64_t i = 0; i < dim; i++) y[i] = x[i] * rstd * weight[i];
  return rstd;
}`;

/** A candidate for `rmsnorm_forward`: this body, in a file that has `norm_row` and what else `prelude` says. */
export function rmsnormCandidate(body: string, prelude = "", manifest: Partial<CandidateManifest> = {}): Candidate {
  const source = `#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forge_kernel.h"

${honestRow}
${prelude}
int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
${body}
  return 0;
}
`;
  return {
    files: { "kernel.c": source },
    manifest: {
      language: "c",
      compiler: "gcc",
      units: [{ source: "kernel.c", flags: ["-O3", "-march=native", "-fno-math-errno"] }],
      linkFlags: [],
      ...manifest,
    },
  };
}

export const honestBody = "  for (int64_t r = 0; r < rows; r++) rstd[r] = norm_row(x + r * dim, weight, y + r * dim, dim, eps);";
