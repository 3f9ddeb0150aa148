import { readFileSync } from "node:fs";
import { afterAll } from "vitest";
import { cacheDirectory } from "../../../harness/cache-directory.js";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import { createTarget } from "../../../harness/targets.js";
import type { Profile, ProfileResult } from "../../../specs/contracts/profile.js";
import type { Candidate, CandidateManifest } from "../../../specs/contracts/target.js";
import { entrySignatures } from "../../../specs/entry-signature.js";
import { generateKernelHeader } from "../../../specs/kernel-header.js";
import { ReferenceBench } from "../../../verifiers/align/reference-bench.js";
import { ProfileBench } from "../../../verifiers/profile/profile-bench.js";
import { smallRmsnorm, timedCold, timedDim, timedRows } from "../../small-spec.js";

export const sizes = { rows: timedRows, dim: timedDim };

/** Profiles of forward RMSNorm at the timed size on a target; the references run on this machine's CPU. */
export async function openProfileBench(targetName: string, threads = 1) {
  const loaded = smallRmsnorm(timedCold);
  const variant = loaded.spec.variants.f32!;
  const context = { sandbox: createSandbox({ unsafe: false }), cacheDirectory: cacheDirectory() };
  const target = createTarget(targetName, context);
  const probe = await target.probe();
  if (probe.status === "unavailable") throw new Error(probe.reason);
  const support = {
    "forge.h": readFileSync("reference-kernels/forge.h", "utf8"),
    "forge_kernel.h": generateKernelHeader(loaded.spec, variant),
  };
  const bench = await ReferenceBench.open(createTarget("x86-64", context), loaded, variant, support);
  afterAll(() => bench.close());
  const profiles = new ProfileBench({
    bench,
    target,
    // One set of inputs: what is looked for here does not depend on the cache.
    machine: { ...probe.machine, cacheBytes: { l1d: 0, l2: 0, l3: 0 } },
    entries: entrySignatures(loaded.spec, variant),
    threads,
    support,
    seed: "5eed",
    callTimeoutMs: 4_000,
  });
  return (candidate: Candidate): Promise<ProfileResult> => profiles.profile(candidate, "rmsnorm_forward", sizes);
}

/** A candidate of one file, which is no RMSNorm: a profile does not look at outputs. */
export function candidateOf(source: string, manifest: Partial<CandidateManifest> = {}, flags = ["-O2"]): Candidate {
  return {
    files: { "kernel.c": source },
    manifest: { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags }], linkFlags: [], ...manifest },
  };
}

export const signature =
  "int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps)";

/** Two loops, of which the marked one does sixteen times the other's divisions, each waiting for the last. */
export function twoLoops(hot: "first" | "second"): string {
  const times = (loop: "first" | "second") => (loop === hot ? 16 : 1);
  const body = (loop: "first" | "second") => `    for (int64_t i = 0; i < ${times(loop)} * dim; i++)
      s = x[i % dim] / (s + 1.5f); // ${loop}`;
  return `#include "forge_kernel.h"
${signature} {
  (void)weight; (void)eps;
  for (int64_t r = 0; r < rows; r++) {
    float s = 1.0f;
${body("first")}
    y[r] = s;
${body("second")}
    rstd[r] = s;
  }
  return 0;
}
`;
}

export const lineWith = (source: string, mark: string): number => source.split("\n").findIndex((line) => line.includes(mark)) + 1;

export function profileOf(result: ProfileResult): Profile {
  if (result.status !== "profiled") throw new Error(`no profile: ${JSON.stringify(result)}`);
  return result.profile;
}

export function availableValue<T>(part: { status: "available"; value: T } | { status: "unavailable"; reason: string }): T {
  if (part.status === "unavailable") throw new Error(part.reason);
  return part.value;
}
