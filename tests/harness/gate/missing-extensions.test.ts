import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readGateMarks } from "../../../harness/dashboard/gate-marks.js";
import { gateText } from "../../../harness/gate/gate-text.js";
import { githubAnnotations } from "../../../harness/gate/github-annotations.js";
import { junitXml } from "../../../harness/gate/junit-xml.js";
import { keepReport } from "../../../harness/gate/last-gate.js";
import { markdownSummary } from "../../../harness/gate/markdown-summary.js";
import { type GateResult, runGate } from "../../../harness/gate/run-gate.js";
import { honestBody, lastingFolder, rmsnormCandidate, shrink, writeSmallSpec } from "../../small-spec.js";
import { certifyElsewhere, nobodysExtension, wideCode } from "../certify-elsewhere.js";
import { accept } from "./git-project.js";

const words = `certified on Sample CPU with avx2, ${nobodysExtension}; this machine lacks ${nobodysExtension}`;
const root = lastingFolder();
const generated = join(root, "generated");

const gate = (requireAllTargets = false): Promise<GateResult> =>
  runGate({
    ...{ generated, paths: [], all: true, targets: null, correctnessOnly: true, unsafe: false, program: "forge" },
    requireAllTargets,
    say: () => {},
    onSelected: () => {},
    signal: new AbortController().signal,
  });

describe("a folder that was certified with an extension that is not here", () => {
  let result: GateResult;
  beforeAll(async () => {
    writeSmallSpec("rmsnorm", shrink, root);
    const narrow = rmsnormCandidate(honestBody);
    accept(root, "rmsnorm", "x86-64", { ...narrow, files: { "kernel.c": `${narrow.files["kernel.c"]}\n${wideCode}\n` } });
    certifyElsewhere(join(generated, "rmsnorm", "f32", "x86-64"), nobodysExtension);
    result = await gate();
  });

  it("is skipped where it does not build here, with the missing extension named", () => {
    const { report, notes } = result;
    expect(report).toMatchObject({ outcome: "nothing-judged", counts: { skipped: 1, failed: 0, errored: 0, held: 0 } });
    expect(report.folders).toMatchObject([{ status: "skipped", summary: words, certificate: { state: "valid" }, renew: null }]);
    expect(notes).toEqual(["Nothing was judged: what the selected folders need is not at hand."]);
  });

  it("is skipped in every form of the report", () => {
    const { report, notes } = result;
    expect(gateText(report, notes, false)).toContain(`x86-64: skipped: ${words}`);
    expect(junitXml(report)).toMatch(new RegExp(`skipped="1"[\\s\\S]*<skipped message="${words}"`));
    expect(markdownSummary(report, notes)).toMatch(new RegExp(`^\\| ⏭️ skipped \\|.*lacks ${nobodysExtension}`, "m"));
    expect(githubAnnotations(report)).toEqual([expect.stringMatching(/^::warning .*lacks avx9000$/)]);
    keepReport(join(root, "runs"), report);
    expect(readGateMarks(join(root, "runs")).get("rmsnorm/f32/x86-64")).toMatchObject({ status: "skipped", summary: words });
  });

  it("fails the gate where everything is asked for", async () => {
    expect((await gate(true)).report).toMatchObject({ outcome: "failed", counts: { skipped: 1, failed: 0 } });
  });

  it("is judged where it builds here all the same: a certificate excuses nothing", async () => {
    accept(root, "rmsnorm", "x86-64", rmsnormCandidate(honestBody));
    certifyElsewhere(join(generated, "rmsnorm", "f32", "x86-64"), nobodysExtension);
    expect((await gate()).report).toMatchObject({ outcome: "held", counts: { skipped: 0, held: 1 } });
  });

  it("fails where its code is no longer what was certified", async () => {
    appendFileSync(join(generated, "rmsnorm", "f32", "x86-64", "kernel.c"), "/* another */\n");
    expect((await gate()).report.folders).toMatchObject([{ status: "failed", summary: expect.stringContaining("kernel.c is not what") }]);
  });
});
