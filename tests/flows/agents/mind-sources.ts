import type { KernelSpec } from "../../../specs/contracts/spec.js";

/** What a scripted mind writes for one spec, in the order in which it does. */
export interface MindSources {
  spec: string;
  shrink: (spec: KernelSpec) => void;
  manifest: string;
  /** Does not compile. */
  broken: string;
  /** Compiles, and is wrong on a public case. */
  wrong: string;
  /** So much slower than the baseline that a few units say so. */
  right: string;
  faster: string;
}

const flags = ["-std=c11", "-O3", "-march=native", "-fno-math-errno", "-fopenmp"];
const manifest = `${JSON.stringify({ language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags }], linkFlags: ["-fopenmp"] }, null, 2)}\n`;

const rmsnorm = (denominator: string): string => `#include <math.h>
#include "forge_kernel.h"

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * dim;
    volatile float squares = 0;
    for (int64_t d = 0; d < dim; d++) squares += row[d] * row[d];
    rstd[r] = 1.0f / sqrtf(${denominator});
    for (int64_t d = 0; d < dim; d++) y[r * dim + d] = row[d] * rstd[r] * weight[d];
  }
  return 0;
}
`;

const fastRmsnorm = `#include <math.h>
#include "forge_kernel.h"

/* Sixteen partial sums, so that the compiler may vectorise; rows are independent. */
int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps) {
#pragma omp parallel for
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * dim;
    float part[16] = {0};
    int64_t d = 0;
    for (; d + 16 <= dim; d += 16)
      for (int l = 0; l < 16; l++) part[l] += row[d + l] * row[d + l];
    for (int64_t rest = d; rest < dim; rest++) part[rest - d] += row[rest] * row[rest];
    float squares = 0;
    for (int l = 0; l < 16; l++) squares += part[l];
    const float scale = 1.0f / sqrtf(squares / (float)dim + eps);
    rstd[r] = scale;
    for (int64_t i = 0; i < dim; i++) y[r * dim + i] = row[i] * scale * weight[i];
  }
  return 0;
}
`;

const linear = (features: string): string => `#include "forge_kernel.h"

int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t o = 0; o < out_features; o++) {
      volatile float sum = 0;
      for (int64_t i = 0; i < ${features}; i++) sum += x[t * in_features + i] * weight[o * in_features + i];
      y[t * out_features + o] = sum;
    }
  return 0;
}
`;

const fastLinear = `#include "forge_kernel.h"

/* Sixteen partial sums a dot product; tokens are independent. */
int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
#pragma omp parallel for
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t o = 0; o < out_features; o++) {
      const float *a = x + t * in_features, *b = weight + o * in_features;
      float part[16] = {0};
      int64_t i = 0;
      for (; i + 16 <= in_features; i += 16)
        for (int l = 0; l < 16; l++) part[l] += a[i + l] * b[i + l];
      for (int64_t rest = i; rest < in_features; rest++) part[rest - i] += a[rest] * b[rest];
      float sum = 0;
      for (int l = 0; l < 16; l++) sum += part[l];
      y[t * out_features + o] = sum;
    }
  return 0;
}
`;

const semicolon = "return 0;";
const withoutSemicolon = (source: string): string => source.replace(semicolon, "return 0");

function shrinkLinear(spec: KernelSpec): void {
  delete spec.entries.linear_dgrad;
  delete spec.entries.linear_wgrad;
  spec.cases.hidden = 8;
  spec.cases.timed = [{ tokens: 64, in_features: 512, out_features: 64 }];
  spec.gates.warm = true;
  spec.budget = { attempts: 8, minutes: 10 };
}

/** As in tests/small-spec.ts, which only test files may import. */
function shrinkRmsnorm(spec: KernelSpec): void {
  delete spec.entries.rmsnorm_backward;
  spec.cases.hidden = 8;
  spec.cases.timed = [{ rows: 512, dim: 1024 }];
  spec.gates.warm = true;
  spec.budget = { attempts: 8, minutes: 10 };
}

export const rmsnormSources: MindSources = {
  spec: "rmsnorm",
  shrink: shrinkRmsnorm,
  manifest,
  broken: withoutSemicolon(rmsnorm("squares / (float)dim + eps")),
  wrong: rmsnorm("squares / (float)dim"),
  right: rmsnorm("squares / (float)dim + eps"),
  faster: fastRmsnorm,
};

export const linearSources: MindSources = {
  spec: "linear",
  shrink: shrinkLinear,
  manifest,
  broken: withoutSemicolon(linear("in_features")),
  wrong: linear("in_features - 1"),
  right: linear("in_features"),
  faster: fastLinear,
};
