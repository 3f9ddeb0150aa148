import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCandidateFolder } from "../../harness/candidate-folder.js";
import { checkFolder } from "../../harness/check-folder.js";
import type { EventBody } from "../../specs/contracts/event.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { CheckName, CheckResult, Evidence, Verdict } from "../../specs/contracts/verdict.js";
import { kernelChecks } from "../../specs/contracts/verdict.js";
import { hiddenCases } from "../../verifiers/align/kernel-case.js";
import { honestBody, lastingFolder, rmsnormCandidate, smallRmsnorm, timedRows } from "../small-spec.js";

const loaded = smallRmsnorm();

async function judge(candidate: Candidate, options: { quick?: boolean; threads?: number } = {}) {
  const folder = join(lastingFolder(), "candidate");
  writeCandidateFolder(folder, candidate);
  const events: EventBody[] = [];
  const startedAt = performance.now();
  const verdict = await checkFolder({
    folder,
    loaded,
    variant: "f32",
    target: "x86-64",
    threads: options.threads ?? 1,
    quick: options.quick ?? false,
    unsafe: false,
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  return { verdict, events, durationMs: performance.now() - startedAt };
}

/** The check that failed, all that stand before it having passed, and what it says. */
async function failureOf(candidate: Candidate, options: { quick?: boolean; threads?: number } = {}) {
  const { verdict } = await judge(candidate, options);
  const last = verdict.checks.at(-1)!;
  if (last.status !== "failed") throw new Error(`nothing failed: ${JSON.stringify(verdict.checks)}`);
  expect(verdict.outcome).toBe("failed");
  const order: readonly CheckName[] = kernelChecks;
  expect(verdict.checks.map(({ check }) => check)).toEqual(order.slice(0, order.indexOf(last.check) + 1));
  for (const earlier of verdict.checks.slice(0, -1)) expect([earlier.check, earlier.status]).toEqual([earlier.check, "passed"]);
  return { verdict, check: last.check, summary: last.summary, evidence: last.evidence };
}

const first = <Kind extends Evidence["kind"]>(evidence: Evidence[], kind: Kind): Extract<Evidence, { kind: Kind }> => {
  const found = evidence[0];
  if (found?.kind !== kind) throw new Error(JSON.stringify(evidence));
  return found as Extract<Evidence, { kind: Kind }>;
};

describe("each check in turn", () => {
  it("rules: names a forbidden import", async () => {
    const body = `${honestBody}\n  if (rows < 0) return open("/etc/passwd", 0);`;
    const { check, evidence } = await failureOf(rmsnormCandidate(body, "int open(const char *, int, ...);"));
    expect(check).toBe("rules");
    expect(evidence).toEqual([{ kind: "rules", law: "imports", detail: expect.stringContaining("imports open,") }]);
  });

  it("rules: names a forbidden flag, a file of another kind and an entry that is missing", async () => {
    const candidate = rmsnormCandidate(honestBody);
    candidate.manifest.units[0]!.flags.push("-fplugin=evil.so");
    candidate.files["notes.txt"] = "no source\n";
    const { check, evidence } = await failureOf(candidate);
    expect(check).toBe("rules");
    expect(evidence).toEqual([
      { kind: "rules", law: "source files", detail: expect.stringContaining("notes.txt") },
      { kind: "rules", law: "flags", detail: expect.stringContaining("-fplugin=evil.so") },
    ]);
    const renamed = rmsnormCandidate(honestBody);
    renamed.files["kernel.c"] = renamed.files["kernel.c"]!.replace('#include "forge_kernel.h"', "#include <stdint.h>").replace(
      "int rmsnorm_forward(",
      "int rmsnorm_fwd(",
    );
    expect((await failureOf(renamed)).evidence).toEqual([
      { kind: "rules", law: "entries", detail: expect.stringContaining("does not export rmsnorm_forward") },
    ]);
  });

  it("rules: names a system call of the object's own", async () => {
    const body = `${honestBody}\n  if (rows < 0) __asm__ volatile("syscall" ::: "rcx", "r11", "memory");`;
    const { evidence } = await failureOf(rmsnormCandidate(body));
    expect(first(evidence, "rules").detail).toContain("instruction syscall in rmsnorm_forward");
  });

  it("build: gives the compiler's words, with file and line", async () => {
    const { check, evidence } = await failureOf(rmsnormCandidate(`${honestBody}\n  undeclared_name = 1;`));
    expect(check).toBe("build");
    expect(first(evidence, "build").log).toMatch(/kernel\.c:\d+:\d+: error: .*undeclared_name/);
  });

  it("build: keeps warnings of what passes", async () => {
    const { verdict } = await judge(rmsnormCandidate(`${honestBody}\n  int never_used_name;`), { quick: true });
    const build = verdict.checks.find((check): check is Extract<CheckResult, { status: "passed" }> => check.check === "build")!;
    expect(build.warnings?.join("\n")).toContain("never_used_name");
  });

  it("memory: names the buffer that is overrun by one, and the public sizes", async () => {
    const { check, evidence } = await failureOf(rmsnormCandidate(`${honestBody}\n  y[rows * dim] = 0;`));
    expect(check).toBe("memory");
    expect(first(evidence, "memory")).toEqual({
      law: "guarded memory",
      kind: "memory",
      entry: "rmsnorm_forward",
      detail: 'touched byte 0 past the end of y with sizes {"rows":1,"dim":2}',
    });
  });

  it("memory: an overrun at hidden sizes alone says nothing of the sizes", async () => {
    const { check, evidence } = await failureOf(rmsnormCandidate(`${honestBody}\n  if (rows > 70) rstd[rows] = 0;`));
    expect(check).toBe("memory");
    expect(first(evidence, "memory").detail).toBe("touched byte … past the end of rstd");
  });

  it("memory and align: nor does a sanitizer's report or a status that the code chooses", async () => {
    const overflow = `${honestBody}\n  volatile int large = 2147483647;\n  if (rows > 70) { volatile int more = large + (int)rows; (void)more; }`;
    const sanitized = first((await failureOf(rmsnormCandidate(overflow))).evidence, "memory").detail;
    expect(sanitized).toMatch(/kernel\.c:\d+:\d+: runtime error: signed integer overflow: … \+ …/);
    const { evidence } = await failureOf(rmsnormCandidate(`${honestBody}\n  if (rows > 70) return (int)rows;`));
    expect(first(evidence, "crash").detail).toBe("the call returned status …");
  });

  it("memory: names what a sanitizer finds", async () => {
    const body = `${honestBody}\n  volatile int large = 2147483647;\n  volatile int more = large + (int)rows;\n  (void)more;`;
    const { check, evidence } = await failureOf(rmsnormCandidate(body));
    expect(check).toBe("memory");
    expect(first(evidence, "memory").detail).toContain("signed integer overflow");
  });

  it("align: shows where a public case is wrong (eps left out), in full", async () => {
    const body = honestBody.replace("eps);", "0.0f);\n  (void)eps;");
    const { check, evidence, summary } = await failureOf(rmsnormCandidate(body));
    expect(check).toBe("align");
    const item = first(evidence, "alignment");
    if (item.visibility !== "public") throw new Error(JSON.stringify(item));
    expect(item.measured).toBeGreaterThan(item.bound);
    expect(loaded.spec.cases.public).toContainEqual(item.sizes);
    expect(summary).toContain("rmsnorm_forward");
    const mismatch = item.mismatches[0]!;
    expect(mismatch.index).toHaveLength(mismatch.output === "y" ? 2 : 1);
    expect(mismatch.got).not.toBe(mismatch.expected);
    expect(mismatch.timesOver).toBeGreaterThan(0);
  });

  it("align: names an output that is not written", async () => {
    const body = `  float kept = 0;\n${honestBody.replace("rstd[r] =", "kept =")}\n  if (rows > 1) rstd[0] = kept;`;
    const { check, evidence } = await failureOf(rmsnormCandidate(body));
    expect(check).toBe("align");
    expect(first(evidence, "alignment")).toMatchObject({ output: "rstd", gate: expect.stringMatching(/unwritten|class/) });
  });

  it("align: reports a status that is not 0 as one", async () => {
    const { evidence } = await failureOf(rmsnormCandidate(`${honestBody}\n  if (dim == 17) return 5;`));
    expect(first(evidence, "crash").detail).toContain("returned status 5");
  });

  it("align: of hidden cases it tells law, output and regime, never sizes, indices or inputs", async () => {
    // Right on every public case, of which none has more than 65 rows.
    const { check, evidence, verdict, summary } = await failureOf(
      rmsnormCandidate(`${honestBody}\n  if (rows > 70) y[0] *= 1.001f, y[0] += 1e-30f;`),
    );
    expect(check).toBe("align");
    expect(evidence).toHaveLength(1);
    const item = first(evidence, "alignment");
    expect(Object.keys(item).sort()).toEqual(["entry", "gate", "kind", "law", "output", "regime", "timesOver", "visibility"]);
    expect(item).toMatchObject({ visibility: "hidden", entry: "rmsnorm_forward", output: "y" });

    // The seed that is revealed leads anybody to the very case.
    const cases = hiddenCases(loaded.spec, "rmsnorm_forward", verdict.seeds.hidden);
    const large = cases.filter((kernelCase) => kernelCase.sizes.rows! > 70);
    expect(large.map((kernelCase) => kernelCase.regime)).toContain(item.regime);
    // What stands in the verdict besides measurements: no number of it is a size of those cases.
    const told = JSON.stringify([{ ...item, timesOver: null }, summary.replace(/[\d.]+ times/, "")]);
    for (const { sizes } of large) for (const size of Object.values(sizes)) expect(told).not.toMatch(new RegExp(`\\b${size}\\b`));
  });

  it("determinism: names the output that threads add up in another order each time", async () => {
    const body = `  for (int64_t r = 0; r < rows; r++) {
    float sum = 0;
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : sum)
    for (int64_t d = 0; d < dim; d++) sum += x[r * dim + d] * x[r * dim + d];
    rstd[r] = 1.0f / sqrtf(sum / (float)dim + eps);
    for (int64_t d = 0; d < dim; d++) y[r * dim + d] = x[r * dim + d] * rstd[r] * weight[d];
  }`;
    const candidate = rmsnormCandidate(body, "", { linkFlags: ["-fopenmp"] });
    candidate.manifest.units[0]!.flags.push("-fopenmp");
    const { check, evidence } = await failureOf(candidate, { threads: 2 });
    expect(check).toBe("determinism");
    expect(first(evidence, "determinism")).toMatchObject({ entry: "rmsnorm_forward", output: expect.stringMatching(/^(y|rstd)$/) });
  });

  it("speed: names the gate that a kernel breaks at the timed size only", async () => {
    const { check, evidence } = await failureOf(
      rmsnormCandidate(`${honestBody}\n  if (rows == ${timedRows}) for (int64_t i = 0; i < rows * dim; i++) y[i] *= 1.0001f;`),
    );
    expect(check).toBe("speed");
    expect(first(evidence, "alignment")).toMatchObject({ visibility: "hidden", output: "y" });
  });
});

describe("a verdict", () => {
  async function honest(options: { quick?: boolean } = {}): Promise<Awaited<ReturnType<typeof judge>>> {
    const result = await judge(rmsnormCandidate(honestBody), options);
    // Somebody else's minute of work is no fault of the kernel's.
    const isBusy = result.verdict.checks.some((check) => check.status === "errored" && check.reason.startsWith("machine busy"));
    return isBusy ? judge(rmsnormCandidate(honestBody), options) : result;
  }

  const statuses = (verdict: Verdict): Partial<Record<CheckName, string>> =>
    Object.fromEntries(verdict.checks.map(({ check, status }) => [check, status]));

  it("of an honest, faster kernel passes all checks, and its time is booked to the millisecond", { timeout: 600_000 }, async () => {
    const { verdict, events } = await honest();
    expect(statuses(verdict)).toEqual(Object.fromEntries(kernelChecks.map((name) => [name, "passed"])));
    expect(verdict).toMatchObject({ outcome: "surpassed", quick: false });
    const booked = Object.values(verdict.breakdown).reduce((sum, value) => sum + value, 0);
    const checked = verdict.checks.reduce((sum, { durationMs }) => sum + durationMs, 0);
    expect(Math.abs(booked - checked)).toBeLessThan(0.02 * checked + 20);
    for (const value of Object.values(verdict.breakdown)) expect(value).toBeGreaterThanOrEqual(0);
    for (const name of ["running", "sealing", "comparing", "timing"] as const) expect(verdict.breakdown[name]).toBeGreaterThan(0);
    expect(events.map(({ type }) => type)).toEqual([...kernelChecks.flatMap(() => ["check-started", "check-finished"]), "attempt-judged"]);
    expect(verdict.thresholds).toMatchObject({ speedFalseClaim: 0.002, envelopeRms: 2 });

    // The confirmation is a measurement of its own.
    const [speed, confirmation] = verdict.checks.slice(-2).map((check) => ("figures" in check ? check.figures![0]! : null));
    expect(confirmation!.ratio).not.toBe(speed!.ratio);
  });

  it("reveals seeds, fresh ones every time; that of the confirmation only where there was one", async () => {
    const [one, other] = [
      await judge(rmsnormCandidate(honestBody), { quick: true }),
      await judge(rmsnormCandidate(honestBody), { quick: true }),
    ];
    for (const { verdict } of [one, other]) {
      expect(verdict.seeds.hidden).toMatch(/^[0-9a-f]{32}$/);
      expect(verdict.seeds.timed).toMatch(/^[0-9a-f]{32}$/);
      expect(verdict.seeds.confirmation).toBeUndefined();
    }
    expect(one.verdict.seeds.hidden).not.toBe(other.verdict.seeds.hidden);
    expect(hiddenCases(loaded.spec, "rmsnorm_forward", "5eed")).toEqual(hiddenCases(loaded.spec, "rmsnorm_forward", "5eed"));
  });

  it("that is quick looks at public cases only and times nothing", async () => {
    const { verdict, durationMs } = await judge(rmsnormCandidate(honestBody), { quick: true });
    expect(verdict).toMatchObject({ outcome: "passed", quick: true });
    expect(statuses(verdict)).toMatchObject({ align: "passed", determinism: "passed", speed: "skipped", confirmation: "skipped" });
    expect(verdict.checks.find(({ check }) => check === "align")!.summary).toContain(" 0 hidden");
    expect(durationMs).toBeLessThan(15_000);
    // What only hidden sizes show is not seen.
    expect((await judge(rmsnormCandidate(`${honestBody}\n  if (rows > 70) rstd[0] = 0;`), { quick: true })).verdict.outcome).toBe("passed");
  });

  it("ends by the signal, and not with a failure of the candidate", async () => {
    const stop = new AbortController();
    const folder = join(lastingFolder(), "candidate");
    writeCandidateFolder(folder, rmsnormCandidate(honestBody));
    const judging = checkFolder({
      folder,
      loaded,
      variant: "f32",
      target: "x86-64",
      threads: 1,
      quick: false,
      unsafe: false,
      onEvent: (event) => {
        if (event.type === "check-started" && event.check === "align") stop.abort();
      },
      signal: stop.signal,
    });
    await expect(judging).rejects.toThrow(/abort/i);
  });
});
