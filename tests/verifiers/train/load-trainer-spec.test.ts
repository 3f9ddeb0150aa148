import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { SpecError } from "../../../specs/spec-error.js";
import { loadExam, loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";

const shipped = readFileSync("specs/models/minicpm-tiny.yaml", "utf8");

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A user's project of its own, with the shipped reference. */
function writeSpec(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "forge-trainer-spec-"));
  folders.push(folder);
  mkdirSync(join(folder, "specs", "models"), { recursive: true });
  cpSync("reference-kernels", join(folder, "reference-kernels"), { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const path = join(folder, "specs", "models", "model.yaml");
  writeFileSync(path, text);
  return path;
}

function refusalOf(path: string): SpecError {
  try {
    loadTrainerSpec(path);
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error("the spec was accepted");
}

test("the shipped spec is accepted wherever it lies, with hashes of what it rests on", () => {
  const { spec, hash, referenceHash, referencePath, referenceText } = loadTrainerSpec(writeSpec(shipped));
  expect(spec.name).toBe("minicpm-tiny");
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(referenceHash).toMatch(/^[0-9a-f]{64}$/);
  expect(referenceText).toBe(readFileSync(referencePath, "utf8"));
  expect(loadTrainerSpec(writeSpec(`${shipped}# another text\n`)).hash).not.toBe(hash);
});

test("a trainer's spec is told from a kernel's by what it says of itself", () => {
  expect(loadExam("specs/models/minicpm-tiny.yaml").spec.format).toBe("forge-trainer/1");
  expect(loadExam("specs/kernels/rmsnorm.yaml").spec.format).toBe("forge-kernel/1");
  expect(() => loadExam("specs/models/nothing.yaml")).toThrow(SpecError);
});

describe("an error names file, line and column, what was expected and what to do", () => {
  test.each<[string, string, string, RegExp]>([
    ["a misspelt key", "beta2: 0.95", "beta_2: 0.95", /unknown key "beta_2"[\s\S]*did you mean "beta2"\?/],
    ["a missing key", "norm_eps: 1.0e-6\n", "", /lacks the key "norm_eps"/],
    ["another format", "forge-trainer/1", "forge-trainer/2", /format is "forge-trainer\/2"/],
    ["a schedule that is none", "schedule: wsd", "schedule: linear", /schedule is "linear"[\s\S]*one of constant, cosine, wsd/],
    ["a negative eps", "eps: 1.0e-8", "eps: -1.0e-8", /optimizer\.eps/],
    ["a beta of one", "beta2: 0.95", "beta2: 1", /optimizer\.beta2/],
    ["too few references", "references: 8", "references: 7", /references is 7/],
    [
      "heads that do not share evenly",
      "query_heads: 4\n  kv_heads: 2",
      "query_heads: 4\n  kv_heads: 3",
      /4 query heads cannot share 3 KV heads/,
    ],
    ["an odd head", "head_dim: 64", "head_dim: 63", /63 features do not make pairs/],
    [
      "a schedule within its warm-up",
      "total_steps: 2000",
      "total_steps: 100",
      /ends at step 100, within the warm-up[\s\S]*raise total_steps/,
    ],
    ["a decay before the warm-up", "decay_start: 1500", "decay_start: 50", /the decay begins at step 50[\s\S]*from 100 \(warm-up\)/],
    ["an empty range", "hidden: [8, 72]", "hidden: [72, 8]", /the range \[72, 8\] is empty[\s\S]*write \[8, 72\]/],
    ["no even head in a range", "head_dim: [4, 24]", "head_dim: [1, 1]", /no even number lies in it/],
    ["sequences of one token", "length: [2, 33]", "length: [1, 33]", /1 leaves nothing to predict[\s\S]*at least 2/],
    ["a reference that is not there", "decoder.c", "encoder.c", /the reference ".*encoder\.c" cannot be used[\s\S]*put a C file/],
    ["a reference outside", "../../reference-kernels/decoder.c", "../../../decoder.c", /leaves the project/],
  ])("%s", (_, from, to, message) => {
    expect(shipped).toContain(from);
    const path = writeSpec(shipped.replace(from, () => to));
    const { message: said, file, line, column, expected, remedy } = refusalOf(path);
    expect(said).toMatch(message);
    expect(file).toBe(path);
    expect(said.startsWith(`${path}:${line}:${column}: `)).toBe(true);
    const lines = readFileSync(path, "utf8").split("\n");
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
    expect(expected.length).toBeGreaterThan(0);
    expect(remedy.length).toBeGreaterThan(0);
  });

  test("at the line of what is wrong", () => {
    const path = writeSpec(shipped.replace("decay_start: 1500", "decay_start: 50"));
    const lines = readFileSync(path, "utf8").split("\n");
    expect(lines[refusalOf(path).line - 1]).toContain("decay_start: 50");
  });

  test("of a file that is not there", () => {
    const path = join(tmpdir(), "forge-no-such-model.yaml");
    expect(refusalOf(path).message).toMatch(/forge-no-such-model\.yaml:1:1: [\s\S]*check the path; specs\/models\/ has some to begin from/);
  });

  test("of a text that is no YAML", () => {
    expect(refusalOf(writeSpec("format: [forge-trainer/1\n")).message).toMatch(/model\.yaml:\d+:\d+: /);
  });
});
