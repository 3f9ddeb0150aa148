import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { writeCandidateFolder } from "../../harness/candidate-folder.js";
import type { GateReport } from "../../specs/contracts/gate.js";
import { type ForgeResult, runForge } from "../harness/cli/run-forge.js";
import { accept, commitAll, git, writeIn } from "../harness/gate/git-project.js";
import { honestBody, lastingFolder, rmsnormCandidate, shrink, writeSmallSpec } from "../small-spec.js";

const minutes = 60_000;
const folder = lastingFolder();
const accepted = "generated/rmsnorm/f32/x86-64";
const kernel = join(folder, accepted, "kernel.c");

/** Somebody else's minute of work is no fault of the gate. */
function whenQuiet(run: () => ForgeResult): ForgeResult {
  const first = run();
  return first.code === 4 && `${first.stdout}${first.stderr}`.includes("machine busy") ? run() : first;
}

const gate = (commandLine: string[], environment: Record<string, string> = {}) =>
  whenQuiet(() => runForge(["gate", ...commandLine], folder, { GITHUB_ACTIONS: "", ...environment }));

function gateReport(commandLine: string[]): { code: number | null; report: GateReport; one: GateReport["folders"][number] } {
  const { code, stdout, stderr } = gate([...commandLine, "--json"]);
  const report = JSON.parse(stdout) as GateReport;
  expect(report.folders, stderr).toHaveLength(1);
  return { code, report, one: report.folders[0]! };
}

/** The accepted kernel as committed, whatever a test has made of it. */
function restore(): void {
  git(folder, "checkout", "--quiet", "--force", ".");
  git(folder, "clean", "--quiet", "--force", "-d", "generated");
}

beforeAll(() => {
  writeSmallSpec("rmsnorm", shrink, folder);
  writeIn(folder, ".gitignore", "runs/\ncandidate/\n");
  writeCandidateFolder(join(folder, "candidate"), rmsnormCandidate(honestBody));
  const goal = ["goal", "specs/kernels/rmsnorm.yaml", "--from", "candidate", "--threads", "1", "--accept-weak-exam"];
  const ended = whenQuiet(() => runForge(goal, folder));
  expect({ code: ended.code, text: ended.stdout }).toEqual({ code: 0, text: expect.stringContaining("Surpassed") });
  git(folder, "init", "--quiet");
  commitAll(folder, "accepted");
  commitAll(folder, "another");
}, 10 * minutes);

describe("an unchanged tree", () => {
  it("has nothing to judge, and says since when", () => {
    const { code, stdout } = gate([]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Nothing changed since [0-9a-f]{10} \(HEAD~1\): none of 1 accepted folder/);
  });

  it("holds, all of it: the certificate, every check, the certified speed-up and the baseline", () => {
    const { code, report, one } = gateReport(["--all", "--junit", "out/gate.xml", "--markdown", "out/gate.md"]);
    expect({ code, outcome: report.outcome, summary: one.summary }).toMatchObject({ code: 0, outcome: "held" });
    expect(one).toMatchObject({ certificate: { state: "valid" }, status: "held", remarks: [] });
    expect(one.checks.map(({ check, status }) => [check, status])).toEqual(
      ["rules", "build", "memory", "align", "determinism"].map((check) => [check, "passed"]),
    );
    expect(one.speed.map(({ rule, outcome }) => [rule, outcome])).toContainEqual(["still-surpasses", "held"]);
    expect(one.speed.map(({ rule }) => rule)).toContain("as-certified");
    expect(readFileSync(join(folder, "out/gate.xml"), "utf8")).toContain('tests="8" failures="0" errors="0"');
    expect(readFileSync(join(folder, "out/gate.md"), "utf8")).toContain("held");
    expect(JSON.parse(readFileSync(join(folder, "runs/gate/last.json"), "utf8"))).toEqual(report);
    rmSync(join(folder, "out"), { recursive: true });
  });
});

describe("a changed tree", () => {
  const again = "  for (int64_t r = 0; r < rows; r += 2) norm_row(x + r * dim, weight, y + r * dim, dim, eps);\n";

  it("fails by the name of the file in which one bit is another, on GitHub too", () => {
    const bytes = readFileSync(kernel);
    bytes[bytes.length - 4]! ^= 1;
    writeFileSync(kernel, bytes);
    const { code, stdout } = gate([], { GITHUB_ACTIONS: "true" });
    restore();
    expect(code).toBe(1);
    expect(stdout).toContain("kernel.c is not what was certified: expected ");
    expect(stdout).toMatch(new RegExp(`^::error file=${accepted}/kernel\\.c,title=[^:]+::kernel\\.c is not what was certified`, "m"));
  });

  it("fails where the code is wrong, though its certificate is in order", () => {
    accept(folder, "rmsnorm", "x86-64", rmsnormCandidate(`  eps *= 4;\n${honestBody}`));
    const { code, one } = gateReport([]);
    restore();
    expect(code).toBe(1);
    expect(one).toMatchObject({ status: "failed", certificate: { state: "valid" }, summary: expect.stringMatching(/^align: /), speed: [] });
    expect(one.checks.at(-1)).toMatchObject({ check: "align", status: "failed" });
    expect(one.checks.at(-1)!.evidence[0]).toContain("rmsnorm_forward");
  });

  it("holds where the spec does not ask for equal bits, and says that nobody looked", () => {
    writeSmallSpec("rmsnorm", (spec) => Object.assign(shrink(spec).gates, { determinism: "none" }), folder);
    const { code, one } = gateReport(["--all", "--correctness-only", "--junit", "out/gate.xml"]);
    const junit = readFileSync(join(folder, "out/gate.xml"), "utf8");
    restore();
    rmSync(join(folder, "out"), { recursive: true });
    expect(code).toBe(0);
    expect(one).toMatchObject({ status: "held", certificate: { state: "stale", changed: ["spec"] } });
    expect(one.checks.at(-1)).toMatchObject({ check: "determinism", status: "skipped", summary: expect.stringContaining("none") });
    expect(junit).toMatch(/failures="0" errors="0"/);
    expect(junit).toMatch(/name="determinism"[^>]*>\s*<skipped /);
  });

  it("fails where it is right but slower than the code of before, in two measurements", () => {
    accept(folder, "rmsnorm", "x86-64", rmsnormCandidate(`${again}${honestBody}`));
    const { code, one } = gateReport([]);
    restore();
    expect({ code, summary: one.summary }).toMatchObject({ code: 1, summary: expect.stringMatching(/^slower: rmsnorm_forward/) });
    const raced = one.speed.find(({ rule }) => rule === "as-at-base")!;
    expect(raced).toMatchObject({ outcome: "fell", measurements: 2 });
    expect(raced.high).toBeLessThan(0.96);
    expect(one.remarks.join()).toContain("another machine class");
  });

  it("holds where the code is another and faster than that of before", () => {
    accept(folder, "rmsnorm", "x86-64", rmsnormCandidate(`${again}${honestBody}`));
    commitAll(folder, "slow");
    accept(folder, "rmsnorm", "x86-64", rmsnormCandidate(`  /* reworded */\n${honestBody}`));
    commitAll(folder, "fast");
    const { code, one } = gateReport([]);
    git(folder, "reset", "--quiet", "--hard", "HEAD~2");
    expect({ code, summary: one.summary }).toMatchObject({ code: 0 });
    expect(one.speed.find(({ rule }) => rule === "as-at-base")).toMatchObject({ outcome: "held", measurements: 2 });
  });

  it("judges a stale certificate again, says so, and how it is renewed", () => {
    appendFileSync(join(folder, "specs/kernels/rmsnorm.yaml"), "# a remark\n");
    const { code, stdout } = gate(["--correctness-only"]);
    restore();
    expect(code).toBe(0);
    expect(stdout).toContain("its certificate is stale, for changed since are spec: judged again by what holds now");
    expect(stdout).toContain("goal specs/kernels/rmsnorm.yaml --variant f32 --target x86-64 --from generated/rmsnorm/f32/x86-64");
  });

  it("fails a stale one that is no longer right", () => {
    const reference = join(folder, "reference-kernels/rmsnorm.c");
    writeFileSync(reference, readFileSync(reference, "utf8").replaceAll("+ eps", "+ 4 * eps"));
    expect(git(folder, "status", "--porcelain")).toContain("rmsnorm.c");
    const { code, one } = gateReport(["--correctness-only"]);
    restore();
    expect({ code, one }).toMatchObject({ code: 1, one: { status: "failed", certificate: { state: "stale", changed: ["reference"] } } });
    expect(one.summary).toMatch(/^align: /);
  });
});

describe("what cannot be judged", () => {
  it("is errored and not green where the machine has nowhere to build", () => {
    const { code, stdout } = gate(["--all", "--correctness-only"], { FORGE_CACHE: join(folder, "package.json") });
    expect({ code, stdout }).toMatchObject({ code: 4, stdout: expect.stringMatching(/^errored .*x86-64[\s\S]*Gate errored: 1 errored/m) });
  });

  it("is skipped and counted where its chip is not here, and fails where all chips are asked for", () => {
    accept(folder, "rmsnorm", "some-gpu", rmsnormCandidate(honestBody));
    const skipped = gate(["generated/rmsnorm/f32/some-gpu"]);
    const required = gate(["generated/rmsnorm/f32/some-gpu", "--require-all-targets"]);
    restore();
    expect(skipped).toMatchObject({ code: 0, stdout: expect.stringContaining("Gate nothing-judged: 1 skipped") });
    expect(skipped.stdout).toContain("this Forge knows no target some-gpu");
    expect(required).toMatchObject({ code: 1, stdout: expect.stringContaining("Gate failed: 1 skipped") });
  });

  it("is bad usage where nothing can be told to have changed", () => {
    expect(gate(["--base", "no-such-branch"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there is no commit no-such-branch"),
    });
    expect(gate(["no/such/folder"])).toMatchObject({ code: 2, stderr: expect.stringContaining("is no accepted folder") });
    expect(gate(["--target", "x86"])).toMatchObject({ code: 2 });
  });
});
