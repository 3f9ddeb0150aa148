import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { writeCandidateFolder } from "../../../harness/candidate-folder.js";
import { checkFolder } from "../../../harness/check-folder.js";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import type { CheckName } from "../../../specs/contracts/verdict.js";
import { generateKernelHeader } from "../../../specs/kernel-header.js";
import { hiddenCases } from "../../../verifiers/align/kernel-case.js";
import { freshSeed } from "../../../verifiers/numerics/random.js";
import { honestBody, lastingFolder, rmsnormCandidate, smallRmsnorm } from "../../small-spec.js";
import { limits } from "./attack-programs.js";

/** What confinement does not stop, for the code keeps to its sandbox: the verifiers must find it. */
interface Deceit {
  row: number;
  name: string;
  prelude?: string;
  body: string;
  check: CheckName;
  says: RegExp;
}

const deceits: Deceit[] = [
  {
    row: 38,
    name: "work left on a thread",
    prelude: `#include <pthread.h>
static const float *of; static float *to; static int64_t count; static float scale;
static void *later(void *unused) { for (int64_t i = 0; i < count; i++) to[i] = of[i] * scale; return unused; }`,
    body: `  pthread_t thread;
  (void)weight;
  for (int64_t r = 0; r < rows; r++) {
    float sum = 0;
    for (int64_t d = 0; d < dim; d++) sum += x[r * dim + d] * x[r * dim + d];
    rstd[r] = scale = 1.0f / sqrtf(sum / (float)dim + eps);
  }
  of = x, to = y, count = rows * dim;
  if (pthread_create(&thread, NULL, later, NULL) != 0) return 1;`,
    check: "rules",
    says: /imports pthread_create/,
  },
  {
    row: 39,
    name: "nothing is written, what stood there stays",
    body: "  (void)x, (void)weight, (void)y, (void)rstd, (void)rows, (void)dim, (void)eps;",
    check: "align",
    says: /unwritten|class/,
  },
  {
    row: 40,
    name: "the inputs are changed until the answer fits",
    body: "  for (int64_t i = 0; i < rows * dim; i++) ((float *)x)[i] = y[i] = 0;\n  for (int64_t r = 0; r < rows; r++) rstd[r] = eps * weight[0];",
    check: "memory",
    says: /wrote to the input x/,
  },
  {
    row: 41,
    name: "NaN, which no tolerance sees",
    body: `${honestBody}\n  y[rows * dim - 1] = NAN;`,
    check: "align",
    says: /class|unwritten/,
  },
  { row: 41, name: "infinity", body: `${honestBody}\n  if (rows > 1) y[rows * dim - 1] = INFINITY;`, check: "align", says: /class/ },
  {
    row: 42,
    name: "the wrong shape: transposed",
    body: `  float *own = malloc((size_t)(rows * dim) * sizeof *own);
  if (!own) return 1;
  for (int64_t r = 0; r < rows; r++) rstd[r] = norm_row(x + r * dim, weight, own + r * dim, dim, eps);
  for (int64_t r = 0; r < rows; r++) for (int64_t d = 0; d < dim; d++) y[d * rows + r] = own[r * dim + d];
  free(own);`,
    check: "align",
    says: /envelope/,
  },
  {
    row: 42,
    name: "the wrong type: doubles behind the floats",
    body: `${honestBody}\n  ((volatile double *)y)[rows * dim - 1] = 0;`,
    check: "memory",
    says: /past the end of y/,
  },
  {
    row: 43,
    name: "another answer every other time",
    prelude: "static int calls;",
    body: `${honestBody}\n  if (calls++ % 2) y[0] *= 1.0000001f;`,
    check: "determinism",
    says: /determinism/,
  },
  {
    row: 44,
    name: "a crash after printing OK",
    prelude: "#include <stdio.h>",
    body: `${honestBody}\n  puts("OK");\n  abort();`,
    check: "rules",
    says: /imports puts/,
  },
  { row: 44, name: "a crash after the right answer", body: `${honestBody}\n  abort();`, check: "memory", says: /SIGABRT/ },
];

const loaded = smallRmsnorm();
const candidateOf = ({ body, prelude }: Deceit): Candidate => rmsnormCandidate(body, prelude);

/** What the naive examiner prints and how it ends; compiled and run in a sandbox, for it runs what it examines in its own process. */
async function naively(candidate: Candidate): Promise<string> {
  const folder = lastingFolder();
  writeCandidateFolder(folder, candidate);
  const header = generateKernelHeader(loaded.spec, loaded.spec.variants.f32!);
  const examiner = readFileSync("tests/fixtures/sandbox/naive-examiner.c", "utf8");
  const files = { "forge_kernel.h": header, "naive-examiner.c": examiner };
  const writing = Object.entries(files).map(([name, text]) => `cat > ${name} <<'EOF'\n${text}\nEOF`);
  const script = [...writing, "cp /source/kernel.c .", "gcc -O1 -w -pthread naive-examiner.c kernel.c -o examine -lm && ./examine"].join(
    "\n",
  );
  const output = await createBubblewrapSandbox().run({
    profile: "build",
    command: ["/bin/sh", "-c", script],
    mounts: [{ host: folder, inside: "/source", writable: false }],
    limits,
  });
  return output.stdout.toString().trim().split("\n").at(-1) || output.stderr.toString();
}

async function judge(candidate: Candidate) {
  const folder = join(lastingFolder(), "candidate");
  writeCandidateFolder(folder, candidate);
  const request = { folder, loaded, variant: "f32", target: "x86-64", threads: 1, quick: true, unsafe: false };
  return checkFolder({ ...request, onEvent: () => {}, signal: new AbortController().signal });
}

describe("what the verifiers must find, for no sandbox stops it", () => {
  beforeAll(async () => {
    // An honest kernel, so that what follows fails of its deceit.
    expect((await judge(rmsnormCandidate(honestBody))).outcome).toBe("passed");
    expect(await naively(rmsnormCandidate(honestBody))).toBe("OK");
  });

  it.each(deceits.map((deceit) => [String(deceit.row), deceit.name, deceit] as const))("row %s: %s", async (_, __, deceit) => {
    // A crash right after the answer is all that the naive examiner notices by itself.
    const printed = await naively(candidateOf(deceit));
    if (!/abort/.test(deceit.body) || /puts/.test(deceit.body)) expect(printed).toBe("OK");
    const { outcome, checks } = await judge(candidateOf(deceit));
    expect(outcome).toBe("failed");
    const last = checks.at(-1)!;
    expect({ check: last.check, evidence: JSON.stringify(last) }).toEqual({
      check: deceit.check,
      evidence: expect.stringMatching(deceit.says),
    });
    for (const earlier of checks.slice(0, -1)) expect(earlier.status).toBe("passed");
  });
});

it("row 16: who knows the seed knows the inputs, so it is drawn anew for every verdict, and nobody can guess it", () => {
  const guessed = () => JSON.stringify(hiddenCases(loaded.spec, "rmsnorm_forward", "00000000000000000000000000001234"));
  expect(guessed()).toBe(guessed());
  const seeds = Array.from({ length: 2000 }, freshSeed);
  expect(new Set(seeds).size).toBe(seeds.length);
  // 128 bits, each of them as often 0 as 1: 2000 draws lie within six standard deviations of a half.
  for (let bit = 0; bit < 128; bit++) {
    const ones = seeds.filter((seed) => (Number.parseInt(seed[bit >> 2]!, 16) >> (bit & 3)) & 1).length;
    expect(Math.abs(ones - 1000)).toBeLessThan(6 * Math.sqrt(500));
  }
});
