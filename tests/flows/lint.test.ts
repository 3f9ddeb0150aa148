import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findReport } from "../../harness/lint/exam-archive.js";
import { type ExamReport, tallyOf, weaknessesOf } from "../../harness/lint/exam-report.js";
import type { KernelSpec } from "../../specs/contracts/spec.js";
import { loadSpec } from "../../specs/load-spec.js";
import { runForge } from "../harness/cli/run-forge.js";
import { lastingFolder, shrink, writeSmallSpec } from "../small-spec.js";

const minutes = 60_000;

/** Gains of one and an eps of nothing: what becomes of either goes unnoticed. */
function blind(spec: KernelSpec): void {
  shrink(spec);
  const { buffers, scalars } = spec.entries.rmsnorm_forward!;
  Object.assign(buffers.weight!, { draw: { kind: "weight", centre: 1, spread: 1e-30 } });
  Object.assign(scalars!.eps!, { values: [0], timed: 0 });
  spec.regimes = ["normal"];
}

describe("forge lint", () => {
  it("finds the shipped exams strong, on the very specs and verifiers that are shipped", () => {
    for (const name of ["rmsnorm", "linear", "softmax-cross-entropy"]) {
      const loaded = loadSpec(`specs/kernels/${name}.yaml`);
      for (const variant of Object.keys(loaded.spec.variants)) {
        const report = findReport(loaded, variant);
        expect(report, `specs/exams/${name}-${variant}.json is stale: npm run lint:specs`).not.toBeNull();
        expect(weaknessesOf(report!)).toEqual([]);
      }
    }
  });

  it("examines an exam anew, every mutant of it", { timeout: 5 * minutes }, () => {
    const path = writeSmallSpec("rmsnorm", shrink);
    const list = join(dirname(path), "mutants", "rmsnorm.yaml");
    mkdirSync(dirname(list));
    writeFileSync(list, onlyForward(readFileSync("specs/kernels/mutants/rmsnorm.yaml", "utf8")));
    const ended = runForge(["lint", path, "--variant", "f32", "--again", "--json"]);
    const report = JSON.parse(ended.stdout) as ExamReport;
    expect(ended.code).toBe(0);
    expect(tallyOf(report.semantic!)).toMatchObject({ planted: 10, dead: 10 });
    const tally = tallyOf(report.generated);
    expect(tally.planted).toBeGreaterThan(50);
    expect(tally.dead + tally.survived + tally.equivalent + tally.notCounted).toBe(tally.planted);
    expect(tally.notCounted).toBeLessThan(tally.planted / 4);
  });

  it("finds an exam weak whose inputs show nothing; forge goal refuses it, unless told", { timeout: 5 * minutes }, () => {
    const path = writeSmallSpec("rmsnorm", blind);
    const folder = lastingFolder();
    const weak = runForge(["lint", path, "--variant", "f32"], folder);
    expect(weak.code).toBe(1);
    expect(weak.stdout).toMatch(/Weak: \d+ of \d+ generated mistakes were noticed/);
    expect(weak.stdout).toContain("@@ line ");
    const goal = ["goal", path, "--threads", "1", "--attempts", "1"];
    const refused = runForge(goal, folder);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--accept-weak-exam");
    const told = runForge([...goal, "--accept-weak-exam"], folder);
    expect(told.stderr + told.stdout).toContain("warning: the exam");
    if (told.code === 4) return; // the machine was busy: nothing was accepted
    expect(told.code).toBe(0);
    const checked = runForge(["check", "generated/rmsnorm/f32/x86-64", "--spec", path, "--quick", "--threads", "1"], folder);
    expect(checked.stderr).toContain("But its exam is weak");
  });

  it("names what a list of mutants leaves out, and what does not fit the reference", () => {
    const path = writeSmallSpec("rmsnorm", shrink);
    const list = join(dirname(path), "mutants", "rmsnorm.yaml");
    mkdirSync(dirname(list));
    writeFileSync(list, "mutants: []\nabsent: { dropped-mask: a norm masks nothing }\n");
    expect(runForge(["lint", path])).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing is said of dropped-eps") });
    writeFileSync(
      list,
      onlyForward(readFileSync("specs/kernels/mutants/rmsnorm.yaml", "utf8")).replace("/ (ACC)dim + eps)", "/ (ACC)dims + eps)"),
    );
    expect(runForge(["lint", path])).toMatchObject({ code: 2, stderr: expect.stringContaining("is found 0 times in the reference") });
  });
});

/** The shipped list without what concerns the backward entry. */
function onlyForward(text: string): string {
  const list = text.split("\n  - ");
  const kept = list
    .filter((item, index) => index === 0 || item.includes("rmsnorm_forward"))
    .map((item) => item.replace(/\n? *rmsnorm_backward: \[\[.*\]\]\n?/g, "\n"));
  const absent =
    "\nabsent:\n  dropped-mask: a norm masks nothing\n  ignored-target-not-ignored: a norm has no targets\n  swapped-arguments: the forward pass has one tensor\n  forgotten-gradient-term: there is no gradient here\n";
  return kept.join("\n  - ").replace(/\nabsent:[\s\S]*$/, "") + absent;
}
