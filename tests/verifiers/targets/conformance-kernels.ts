import type { BuildRequest, Candidate, EntrySignature, Target } from "../../../specs/contracts/target.js";

/** x -> y, n, s: the signature of every kernel here. */
export function signature(name: string, type: "f32" | "bf16" = "f32"): EntrySignature {
  return {
    name,
    buffers: [
      { name: "x", role: "input", type },
      { name: "y", role: "output", type },
    ],
    sizes: ["n"],
    scalars: [{ name: "s", type: "f32" }],
  };
}

const define = (name: string, body: string, type = "float") =>
  `int ${name}(const ${type} *restrict x, ${type} *restrict y, int64_t n, float s) {\n  (void)x; (void)y; (void)n; (void)s;\n${body}\n}\n`;

/** Kernels by what they show; each is one file of plain C that any target can build. */
export const kernels = {
  scale: define("scale", "  for (int64_t i = 0; i < n; i++) y[i] = s * x[i] + 1.0f;\n  return 0;"),
  half: define("half", "  for (int64_t i = 0; i < n / 2; i++) y[i] = x[i];\n  return 7;"),
  spoil: define("spoil", "  ((float *)x)[n - 1] += 1.0f;\n  for (int64_t i = 0; i < n; i++) y[i] = x[i];\n  return 0;"),
  past_end: define("past_end", "  volatile float *out = y;\n  for (int64_t i = 0; i <= n; i++) out[i] = 1.0f;\n  return 0;"),
  before_start: define(
    "before_start",
    "  volatile float *out = y;\n  out[-1] = 1.0f;\n  for (int64_t i = 0; i < n; i++) out[i] = 1.0f;\n  return 0;",
  ),
  reads_past_end: define("reads_past_end", "  for (int64_t i = 0; i < n; i++) y[i] = ((volatile const float *)x)[i + 1];\n  return 0;"),
  trap: define("trap", "  __builtin_trap();\n  return 0;"),
  endless: define("endless", "  for (volatile int64_t i = 0;; i++) {}\n  return 0;"),
  busy: define("busy", "  volatile float sum = 0;\n  for (int64_t i = 0; i < n; i++) sum += s;\n  y[0] = sum;\n  return 0;"),
  sizes: define("sizes", "  y[0] = (float)(n >> 32);\n  y[1] = (float)(n & 0xffff);\n  return 0;"),
  exponential: `#include <math.h>\n${define("exponential", "  for (int64_t i = 0; i < n; i++) y[i] = expf(x[i]);\n  return 0;")}`,
  missing: `float nobody_has_this(float);\n${define("missing", "  y[0] = nobody_has_this(s);\n  return 0;")}`,
  broken: define("broken", "  y[0] = undeclared_name;\n  return 0;"),
  unused: define("unused", "  int never_used_name;\n  y[0] = x[0];\n  return 0;"),
  constructed: `static volatile float before;\n__attribute__((constructor)) static void prepare(void) { before = 3.0f; }\n${define("constructed", "  y[0] = before;\n  return 0;")}`,
  overflowing: define("overflowing", "  int big = 2147483647 - (int)s;\n  y[0] = (float)(big + (int)n);\n  return 0;"),
  copy16: define("copy16", "  for (int64_t i = 0; i < n - 1; i++) y[i] = x[i];\n  return 0;", "uint16_t"),
} as const;
export type KernelName = keyof typeof kernels;

export function candidateOf(target: Target, name: KernelName, extraFlags: string[] = []): Candidate {
  const compiler = target.tuningSpace({ store: "f32", accumulate: "f32" }).compilers[0]!;
  const flags = [...target.baselineFlags(compiler), ...extraFlags];
  return {
    files: { "kernel.c": `#include <stdint.h>\n${kernels[name]}` },
    manifest: { language: "c", compiler, units: [{ source: "kernel.c", flags }], linkFlags: [] },
  };
}

export function requestFor(target: Target, name: KernelName, changes: Partial<BuildRequest> = {}): BuildRequest {
  return { candidate: candidateOf(target, name), support: {}, entries: [signature(name)], mode: "plain", threads: 1, ...changes };
}
