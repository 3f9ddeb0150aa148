import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { honestBody, lastingFolder, rmsnormCandidate, shrink, writeSmallSpec } from "../../small-spec.js";
import { certifyElsewhere, nobodysExtension, wideCode } from "../certify-elsewhere.js";
import { accept } from "../gate/git-project.js";
import { runForge } from "./run-forge.js";

const accepted = "generated/rmsnorm/f32/x86-64";
const quick = [accepted, "--quick", "--threads", "1"];
const lack = `It was certified on Sample CPU with avx2, ${nobodysExtension}; this machine lacks ${nobodysExtension}: `;

function project(body = honestBody, prelude = ""): string {
  const folder = lastingFolder();
  writeSmallSpec("rmsnorm", shrink, folder);
  accept(folder, "rmsnorm", "x86-64", rmsnormCandidate(body, prelude));
  certifyElsewhere(join(folder, accepted), nobodysExtension);
  return folder;
}

it("forge check says first what is missing, and ends with 4 where the code does not build", () => {
  const folder = project(`${honestBody}\n  rstd[0] += 0 * wide();`, wideCode);
  const { code, stdout, stderr } = runForge(["check", ...quick], folder);
  expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining(lack) });
  expect(stdout).toContain("can be judged only on a machine that has them");
  expect(stdout).not.toMatch(/: failed|^Failed/m);

  const json = runForge(["check", ...quick, "--json"], folder);
  expect(JSON.parse(json.stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({ type: "attempt-judged", verdict: { outcome: "errored" } });
  expect({ code: json.code, stderr: json.stderr }).toEqual({ code: 4, stderr: expect.stringContaining(lack) });

  // The same code without its certificate.
  cpSync(join(folder, accepted), join(folder, "mine"), { recursive: true });
  rmSync(join(folder, "mine", "certificate.json"));
  const spec = ["--spec", "specs/kernels/rmsnorm.yaml", "--variant", "f32", "--quick"];
  const bare = runForge(["check", "mine", ...spec], folder);
  expect(bare).toMatchObject({ code: 1, stderr: "", stdout: expect.stringContaining("Failed.") });
});

it("forge check judges as usual what builds and runs here", () => {
  const { code, stdout, stderr } = runForge(["check", ...quick], project());
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(lack) });
  expect(stdout).toContain("Passed: it is right.");
});

it("forge gate skips it, and fails where every target is asked for", () => {
  const folder = project(`${honestBody}\n  rstd[0] += 0 * wide();`, wideCode);
  expect(runForge(["gate", "--all"], folder)).toMatchObject({ code: 0, stdout: expect.stringContaining("Gate nothing-judged: 1 skipped") });
  expect(runForge(["gate", "--all", "--require-all-targets"], folder)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(`lacks ${nobodysExtension}`),
  });
});
