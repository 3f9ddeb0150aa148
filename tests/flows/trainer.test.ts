import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runForge } from "../harness/cli/run-forge.js";
import { temporaryFolder } from "../harness/temporary-folder.js";

const minutes = 60_000;
const spec = "specs/models/minicpm-tiny.yaml";

/** The reference as somebody's trainer, with a change. */
function trainerFolder(from = "", to = ""): string {
  const folder = temporaryFolder();
  const text = readFileSync("reference-kernels/decoder.c", "utf8");
  expect(from === "" || text.split(from).length === 2).toBe(true);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "trainer.c"), from === "" ? text : text.replace(from, to));
  const flags = ["-std=c11", "-O2", "-march=native", "-fopenmp"];
  writeFileSync(
    join(folder, "forge.json"),
    JSON.stringify({ language: "c", compiler: "gcc", units: [{ source: "trainer.c", flags }], linkFlags: ["-fopenmp"] }),
  );
  return folder;
}

const check = (folder: string, ...options: string[]) => runForge(["check", folder, "--spec", spec, "--quick", ...options]);

describe("forge check of a trainer", { timeout: 5 * minutes }, () => {
  it("climbs the ladder, a line for each rung", () => {
    const { code, stdout } = check(trainerFolder(), "--variant", "f32");
    expect(code, stdout).toBe(0);
    for (const rung of ["M3 forward: passed", "M4 backward: passed", "M5 steps: passed", "M5 checkpoint: passed", "M6 training: skipped"])
      expect(stdout).toContain(rung);
    expect(stdout).toContain("Passed: it trains right. (Quick: public cases only");
  });

  it("of one that decays the gains of norms fails where steps are judged, and names the tensor", () => {
    const folder = trainerFolder("decay = trainer.tensors[tensor].is_gain ? 0 : constant", "decay = constant");
    const { code, stdout } = check(folder, "--variant", "f32", "--json");
    expect(code, stdout).toBe(1);
    const { verdict } = JSON.parse(stdout.trim().split("\n").at(-1)!) as { verdict: { outcome: string; checks: unknown[] } };
    expect(verdict.outcome).toBe("failed");
    expect(verdict.checks.at(-1)).toMatchObject({
      check: "steps",
      status: "failed",
      evidence: [{ kind: "misaligned", visibility: "public", output: expect.stringMatching(/norm\.weight: weight/) }],
    });
  });

  it("says which variants there are, and what is wrong with a spec", () => {
    const folder = trainerFolder();
    expect(check(folder, "--variant", "f8")).toMatchObject({ code: 2, stderr: expect.stringContaining("--variant takes f32, bf16") });
    const wrong = join(folder, "wrong.yaml");
    writeFileSync(wrong, readFileSync(spec, "utf8").replace("kv_heads: 2", "kv_heads: 3"));
    const { code, stderr } = runForge(["check", folder, "--spec", wrong, "--variant", "f32", "--quick"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.yaml:\d+:\d+: 4 query heads cannot share 3 KV heads evenly/);
  });
});
