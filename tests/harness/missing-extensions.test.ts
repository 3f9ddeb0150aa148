import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCertificate } from "../../harness/certificate.js";
import { checkFolder } from "../../harness/check-folder.js";
import { machineHere } from "../../harness/machine-here.js";
import { excused, missingExtensions, missingExtensionsOf, missingText } from "../../harness/missing-extensions.js";
import { verdictText } from "../../harness/progress/verdict-text.js";
import { runGoal } from "../../harness/run-goal.js";
import type { EventBody, ForgeEvent } from "../../specs/contracts/event.js";
import type { LoadedSpec } from "../../specs/contracts/spec.js";
import type { Candidate, MachineClass } from "../../specs/contracts/target.js";
import type { CheckResult, Evidence } from "../../specs/contracts/verdict.js";
import { loadSpec } from "../../specs/load-spec.js";
import { honestBody, lastingFolder, rmsnormCandidate, shrink, writeSmallSpec } from "../small-spec.js";
import { certifyElsewhere, nobodysExtension, wideCode } from "./certify-elsewhere.js";
import { accept } from "./gate/git-project.js";

const signal = new AbortController().signal;
const here = (await machineHere("x86-64", { unsafe: false }))!;

/** A project with accepted code, certified on a machine that has what none has, or on one that any is as good as. */
function project(candidate: Candidate, ...extensions: string[]): { directory: string; loaded: LoadedSpec; root: string } {
  const root = lastingFolder();
  const loaded = loadSpec(writeSmallSpec("rmsnorm", shrink, root));
  accept(root, "rmsnorm", "x86-64", candidate);
  const directory = join(root, "generated", "rmsnorm", "f32", "x86-64");
  if (extensions.length > 0) certifyElsewhere(directory, ...extensions);
  return { directory, loaded, root };
}

const wide = rmsnormCandidate(`${honestBody}\n  rstd[0] += 0 * wide();`, wideCode);
const illegal = rmsnormCandidate(`${honestBody}\n  __builtin_trap();`);

async function check({ directory, loaded }: ReturnType<typeof project>) {
  const events: EventBody[] = [];
  const verdict = await checkFolder({
    ...{ folder: directory, loaded, variant: "f32", target: "x86-64", threads: 1, quick: true, unsafe: false, signal },
    missing: missingExtensionsOf(directory, loaded, here),
    onEvent: (event) => events.push(event),
  });
  return { verdict, events, last: verdict.checks.at(-1)! };
}

describe("which of the certified extensions are missing", () => {
  it("is told with the certified machine, of an intact certificate whether stale or not", () => {
    const { directory, loaded } = project(wide, nobodysExtension);
    const expected = { cpuModel: "Sample CPU", certified: ["avx2", nobodysExtension], missing: [nobodysExtension] };
    expect(missingExtensionsOf(directory, loaded, here)).toEqual(expected);
    expect(missingExtensionsOf(directory, { ...loaded, hash: "f".repeat(64) }, here)).toEqual(expected);
    expect(missingText(expected)).toBe(`certified on Sample CPU with avx2, ${nobodysExtension}; this machine lacks ${nobodysExtension}`);
  });

  it("is nothing where all are here, and on another chip", () => {
    const all = project(wide);
    expect(missingExtensionsOf(all.directory, all.loaded, here)).toBeNull();
    const { directory, loaded } = project(wide, nobodysExtension);
    expect(missingExtensionsOf(directory, loaded, { ...here, target: "wasm-simd" })).toBeNull();
  });

  it("excuses no code that is not what was certified, or never was", () => {
    const { directory, loaded } = project(wide, nobodysExtension);
    appendFileSync(join(directory, "kernel.c"), "/* another */\n");
    expect(missingExtensionsOf(directory, loaded, here)).toBeNull();
    rmSync(join(directory, "certificate.json"));
    expect(missingExtensionsOf(directory, loaded, here)).toBeNull();
  });

  it("holds out against a certificate that says anything of its machine", () => {
    const read = readCertificate(project(wide).directory);
    if (read.status !== "read") throw new Error(read.status);
    const of = (machine: unknown) => missingExtensions({ ...read.certificate, machine }, here);
    for (const machine of [undefined, null, "x86-64", {}, { target: "x86-64", isa: "avx2" }]) expect(of(machine)).toBeNull();
    const hostile = { target: "x86-64", cpuModel: "\u001b[2J", isa: ["\u202e"] } as unknown as MachineClass;
    expect(missingText(of(hostile)!)).toBe("certified on \\x1b[2J with \\u202e; this machine lacks \\u202e");
  });
});

describe("a failed check", () => {
  const missing = { cpuModel: "a CPU", certified: ["a", "b"], missing: ["b"] };
  const crash = (detail: string): Evidence => ({ law: "positive answer", kind: "crash", entry: "forward", detail });
  const failed = (...evidence: Evidence[]): CheckResult => ({ check: "align", status: "failed", summary: "s", durationMs: 1, evidence });

  it.each([
    ["signal 4 (SIGILL), sizes {}", "errored"],
    ["signal … (SIGILL)", "errored"],
    ["signal SIGILL: some last words", "errored"],
    ["signal 11 (SIGSEGV): said signal 4 (SIGILL)", "failed"],
    ["the call returned status 4", "failed"],
  ])("with a crash by %s is %s", (detail, status) => {
    expect(excused(failed(crash(detail)), missing).status).toBe(status);
    expect(excused(failed(crash(detail)), null).status).toBe("failed");
  });

  it("stays failed where anything else was found beside it", () => {
    const wrong: Evidence = { law: "determinism", kind: "determinism", entry: "forward", output: "y", differing: 1 };
    expect(excused(failed(crash("signal 4 (SIGILL)"), wrong), missing).status).toBe("failed");
    const named: Evidence = { law: "imports", kind: "rules", detail: "signal 4 (SIGILL)" };
    expect(excused(failed(named), missing).status).toBe("failed");
  });
});

describe("certified code, judged on a machine that lacks an extension", () => {
  const words = `certified on Sample CPU with avx2, ${nobodysExtension}; this machine lacks ${nobodysExtension}`;

  it("is errored where it does not build, in events and verdict alike", async () => {
    const { verdict, events, last } = await check(project(wide, nobodysExtension));
    expect(verdict.outcome).toBe("errored");
    expect(last).toMatchObject({ check: "build", status: "errored", reason: expect.stringContaining(`${words}: it does not build here`) });
    expect(JSON.stringify(events)).not.toContain('"failed"');
    expect(verdictText(verdict)).toMatch(
      /^Errored: .* says nothing of the code\..*\n {2}build: errored: certified on Sample CPU .*avx9000/,
    );
  });

  it("is errored where it dies of an illegal instruction", async () => {
    const { verdict, last } = await check(project(illegal, nobodysExtension));
    expect(verdict.outcome).toBe("errored");
    expect(last).toMatchObject({
      check: "memory",
      status: "errored",
      reason: expect.stringMatching(/dies of an illegal instruction.*SIGILL/),
    });
  });

  it("is judged as usual where it runs: right is right, wrong is wrong", async () => {
    expect((await check(project(rmsnormCandidate(honestBody), nobodysExtension))).verdict.outcome).toBe("passed");
    const { verdict, last } = await check(project(rmsnormCandidate(`  eps *= 4;\n${honestBody}`), nobodysExtension));
    expect([verdict.outcome, last.check, last.status]).toEqual(["failed", "align", "failed"]);
  });

  it("is failed as ever where all certified extensions are here", async () => {
    for (const [candidate, name] of [[wide, "build"] as const, [illegal, "memory"] as const]) {
      const { verdict, last } = await check(project(candidate));
      expect([verdict.outcome, last.check, last.status]).toEqual(["failed", name, "failed"]);
    }
  });

  it("is handed in again for nothing, which a goal does not lay on the code", async () => {
    const { directory, loaded, root } = project(wide, nobodysExtension);
    const events: ForgeEvent[] = [];
    const result = await runGoal({
      ...{ loaded, variant: "f32", target: "x86-64", threads: 1, unsafe: false, playbook: false, signal },
      agent: { agent: "autotune", from: directory },
      runsDirectory: join(root, "runs"),
      outputDirectory: join(root, "generated"),
      onEvent: (event) => events.push(event),
    });
    expect(result).toMatchObject({ end: "errored", directory: null });
    expect(events.at(-1)).toMatchObject({ type: "run-finished", end: "errored", message: words });
    const finished = events.filter((event) => event.type === "check-finished");
    expect(finished.at(-1)!.result).toMatchObject({ check: "build", status: "errored", reason: expect.stringContaining(words) });
    expect(events.find((event) => event.type === "attempt-judged")).toMatchObject({ verdict: { outcome: "errored" } });
  });
});
