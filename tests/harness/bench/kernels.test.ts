import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KernelRow } from "../../../harness/bench/kernels/row.js";
import { run } from "../../../harness/bench/kernels.js";
import { pythonOfPeers } from "../../../harness/bench/peers/catalogue.js";
import { writeCandidateFolder } from "../../../harness/candidate-folder.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { typeFlags } from "../../../specs/lower-reference.js";
import { honestBody, rmsnormCandidate, shrink, writeSmallSpec } from "../../small-spec.js";
import { changed, rmsnormText, writeSpec } from "../../specs/spec-folder.js";
import { certifyElsewhere, nobodysExtension, wideCode } from "../certify-elsewhere.js";
import { accept } from "../gate/git-project.js";

const probe = await execa(pythonOfPeers(), ["-c", "import torch; print(torch.__version__)"], { reject: false });
const hasPytorch = probe.exitCode === 0;
const reason = `no Python with PyTorch at ${pythonOfPeers()}: set FORGE_PYTHON, or create .venv and install torch there`;

const smallRmsnorm = changed("{ rows: 8192, dim: 1536 }", "{ rows: 2048, dim: 512 }").text;
type Line = { type: string; peers: string[]; versions: string[] } & KernelRow;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-bench-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** What autotune starts from: the reference lowered to the spec's types, as if it had been accepted. */
function acceptReference(specPath: string, target: string, change: (text: string) => string = (text) => text): string {
  const loaded = loadSpec(specPath);
  const [compiler, machine] = target === "x86-64" ? ["gcc", "-march=native"] : ["clang", "-msimd128"];
  // In sixteen partial sums: well inside the envelope, which the serial order would touch now and then.
  const flags = ["-std=c11", "-O3", machine, "-DFORGE_ORDER=BLOCKED", "-DFORGE_BLOCKS=16", ...typeFlags(loaded.spec.variants.f32!)];
  writeCandidateFolder(join(folder, loaded.spec.name, "f32", target), {
    files: { "kernel.c": change(loaded.referenceText) },
    manifest: { language: "c", compiler, units: [{ source: "kernel.c", flags }], linkFlags: [] },
  });
  return join(specPath, "..");
}

/** The bench's exit code and standard output; figures are taken however busy the machine is. */
async function bench(specs: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const written: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
  try {
    const code = await run(["--specs", specs, "--generated", folder, "--rounds", "5", "--under-load", "--variant", "f32", ...args]);
    return { code, output: written.join("") };
  } finally {
    vi.restoreAllMocks();
  }
}

const linesOf = (output: string): Line[] =>
  output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

function withoutPytorch(): void {
  vi.stubEnv("FORGE_PYTHON", join(folder, "no-python"));
}

describe("forge bench kernels", { timeout: 240_000 }, () => {
  it("measures every entry against the baseline, lists what is missing, and says why a peer is not there", async () => {
    withoutPytorch();
    vi.stubEnv("CI", "");
    const specs = acceptReference(writeSpec(smallRmsnorm), "x86-64");
    const { code, output } = await bench(specs, "--json");
    const lines = linesOf(output);
    expect(code).toBe(0);
    expect(lines.map((line) => line.type)).toEqual(["header", "row", "row", "missing"]);
    const rows = lines.filter((line) => line.type === "row");
    expect(rows.map(({ entry }) => entry)).toEqual(["rmsnorm_forward", "rmsnorm_backward"]);
    for (const row of rows) {
      if (row.status !== "measured") throw new Error(row.reason);
      expect(row.forgedSeconds).toBeGreaterThan(0);
      expect(row.limitFraction).toBeGreaterThan(0);
      expect(row.baseline.low).toBeLessThanOrEqual(row.baseline.ratio);
      expect(row.baseline.high).toBeGreaterThanOrEqual(row.baseline.ratio);
      expect(row.rounds).toBe(5);
      expect(row.peers["pytorch-eager"]).toMatchObject({ status: "skipped", reason: expect.stringContaining("no-python") });
    }
  });

  it("skips what was certified with extensions that are not here, says which, and measures the rest", async () => {
    withoutPytorch();
    vi.stubEnv("CI", "");
    const specs = join(writeSmallSpec("rmsnorm", shrink, folder), "..");
    accept(folder, "rmsnorm", "x86-64", rmsnormCandidate(`${honestBody}\n  rstd[0] += 0 * wide();`, wideCode));
    const generated = join(folder, "generated");
    certifyElsewhere(join(generated, "rmsnorm", "f32", "x86-64"), nobodysExtension);
    acceptReference(join(specs, "rmsnorm.yaml"), "wasm-simd");
    cpSync(join(folder, "rmsnorm", "f32", "wasm-simd"), join(generated, "rmsnorm", "f32", "wasm-simd"), { recursive: true });
    const { code, output } = await bench(specs, "--generated", generated, "--json");
    const rows = linesOf(output).filter(({ type }) => type === "row");
    expect(rows).toMatchObject([
      { target: "x86-64", entry: "rmsnorm_forward", status: "skipped", reason: expect.stringMatching(/^certified on .* lacks avx9000$/) },
      { target: "wasm-simd", entry: "rmsnorm_forward", status: "measured" },
    ]);
    expect(code).toBe(0);

    const { output: table } = await bench(specs, "--generated", generated, "--target", "x86-64", "--markdown");
    expect(table).toMatch(/^\| rmsnorm \| f32 \| rmsnorm_forward \| 512 x 1024 \| skipped \|/m);
    expect(table).toMatch(/^- skipped: certified on Sample CPU .* lacks avx9000: rmsnorm_forward f32 512 x 1024$/m);
  });

  it("counts a missing peer as a failure in continuous integration, before anything is measured", async () => {
    withoutPytorch();
    vi.stubEnv("CI", "true");
    const specs = acceptReference(writeSpec(smallRmsnorm), "x86-64");
    await expect(bench(specs, "--target", "x86-64")).rejects.toThrow(/^pytorch is not here, and CI is set: there is no Python at/);
  });

  it("times nothing that is wrong", async () => {
    withoutPytorch();
    vi.stubEnv("CI", "");
    const wrong = (text: string) => text.replace("store(load(x_row[d]) * rstd[r] * load(weight[d]))", "store(load(x_row[d]) * rstd[r])");
    const { code, output } = await bench(acceptReference(writeSpec(smallRmsnorm), "x86-64", wrong), "--target", "x86-64", "--json");
    expect(code).toBe(1);
    const forward = linesOf(output).find(({ entry }) => entry === "rmsnorm_forward");
    expect(forward).toMatchObject({ status: "failed", reason: expect.stringContaining("a timed call was wrong") });
  });

  it("times onnxruntime-web where ONNX has the operation", async () => {
    const specs = acceptReference(writeSpec(smallRmsnorm), "wasm-simd");
    const { code, output } = await bench(specs, "--target", "wasm-simd", "--json");
    expect(code).toBe(0);
    const [header, forward, backward] = linesOf(output);
    expect(header!.versions).toContainEqual(expect.stringMatching(/^onnxruntime-web \d/));
    expect(forward).toMatchObject({ status: "measured", peers: { "onnxruntime-web": { status: "measured" } } });
    expect(backward).toMatchObject({ status: "measured", peers: { "onnxruntime-web": { status: "skipped" } } });
  });

  it("has PyTorch to compare with", (context) => {
    if (!hasPytorch && !process.env.CI) context.skip(reason);
    expect(hasPytorch, reason).toBe(true);
  });

  it.runIf(hasPytorch)("times PyTorch, eager and compiled, after its result was compared, as a table in Markdown", async () => {
    const { code, output } = await bench(acceptReference(writeSpec(smallRmsnorm), "x86-64"), "--target", "x86-64", "--markdown");
    expect(output).toMatch(/^\| spec \| variant \| .* \| pytorch-eager \| pytorch-compiled \| onednn \| openblas \| graph breaks \|$/m);
    const rows = output.split("\n").filter((line) => line.startsWith("| rmsnorm |"));
    const ratio = String.raw`\d+(\.\d+)?x \[[\d.]+, [\d.]+\]`;
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row).toMatch(new RegExp(`\\| ${ratio} \\| ${ratio} \\| ${ratio} \\| skipped \\| skipped \\| 0 \\|$`));
    expect(output).toContain(`PyTorch ${probe.stdout}`);
    expect(code).toBe(0);
  });

  it.runIf(hasPytorch)("times libraries that multiply matrices, each after its result was compared", async () => {
    const path = writeSmallSpec("linear", (spec) => {
      spec.cases.timed = [{ tokens: 64, in_features: 256, out_features: 128 }];
    });
    const { code, output } = await bench(acceptReference(path, "x86-64"), "--spec", "linear", "--target", "x86-64", "--json");
    const rows = linesOf(output).filter(({ type }) => type === "row");
    expect(rows.map(({ entry }) => entry)).toEqual(["linear_forward", "linear_dgrad", "linear_wgrad"]);
    for (const row of rows)
      expect(row).toMatchObject({ status: "measured", peers: { onednn: { status: "measured" }, openblas: { status: "measured" } } });
    expect(code).toBe(0);
  });

  it("does not time a peer that computes something else than the spec asks for", async () => {
    const path = writeSpec(smallRmsnorm);
    const reference = join(path, "..", "..", "..", "reference-kernels", "rmsnorm.c");
    writeFileSync(reference, loadSpec(path).referenceText.replace("store(load(x_row[d]) * rstd[r]", "store(2 * load(x_row[d]) * rstd[r]"));
    const { output } = await bench(acceptReference(path, "wasm-simd"), "--target", "wasm-simd", "--json");
    const forward = linesOf(output).find(({ entry }) => entry === "rmsnorm_forward");
    expect(forward).toMatchObject({
      status: "measured",
      peers: { "onnxruntime-web": { status: "broken", reason: expect.stringMatching(/^its y differs from the oracle's by 5\.0e-1/) } },
    });
  });

  it.each([
    [["--rounds", "4"], /--rounds takes a whole number from 5 to 64/],
    [["--spec", "nothing"], /--spec nothing is not known; there are: rmsnorm/],
    [["--target", "abacus"], /--target abacus is not known; there are: x86-64, wasm-simd/],
    [["--quick"], /Unknown option '--quick'.*takes --spec/],
    [[], /nothing to measure: there is none of/],
  ])("refuses %j", async (args, message) => {
    const specs = join(writeSpec(rmsnormText), "..");
    mkdirSync(folder, { recursive: true });
    await expect(run(["--specs", specs, "--generated", folder, ...args])).rejects.toThrow(message);
  });
});
